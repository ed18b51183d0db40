from datetime import UTC, timedelta

from odoo import fields, models

from ..states import UNSUCCESSFUL_OUTCOMES
from .account_collection_step import get_moment
from .decision import Question
from .reasons import REASONS

# The hour of the end of a plan, and of a pause.
MORNING = 9.0
# When it is looked at again, where no event and no date tells it.
SOON = timedelta(minutes=10)
# How long nothing is charged to a method after an automatic charge by it that did not
# succeed, and after one that never reached the gateway.
MIN_GAP = timedelta(hours=20)
NOT_SENT_GAP = timedelta(minutes=10)


class AccountCollection(models.Model):
    """The dates of a collection: in the company's time zone, from the dates of now."""

    _inherit = "account.collection"

    # === GETTERS === #

    def _get_zone(self):
        return self.company_id._get_own_zone()

    def _get_today(self):
        """Return the day of the company.

        :rtype: datetime.date
        """
        return self.company_id._get_own_today()

    def _get_day_of(self, moment):
        """Return the day that it is for the company at a moment.

        :param datetime.datetime moment: The moment, in UTC.
        :rtype: datetime.date
        """
        return moment.replace(tzinfo=UTC).astimezone(self._get_zone()).date()

    def _get_anchors(self):
        """Return the days from which the steps count.

        Of an invoice that is due in parts, the first part that is open counts.

        :rtype: dict[str, datetime.date]
        """
        move = self.move_id
        issued = move.invoice_date or move.date
        days = [
            line.date_maturity
            for line in move._get_open_receivable_lines()
            if line.date_maturity
        ]
        return {
            "issue": issued,
            "due": min(days, default=move.invoice_date_due or issued),
        }

    def _get_timeline(self):
        """Return the steps of the plan that were not done yet, with their moments.

        Of charges that should have been before the collection began, one is made up
        for; mails and tasks are left out.

        :return: The moments in UTC and the steps, by time.
        :rtype: list[tuple[datetime.datetime, account.collection.step]]
        """
        self.ensure_one()
        anchors, zone = self._get_anchors(), self._get_zone()
        timeline = []
        for step in self.plan_id.step_ids:
            moment = step._get_moment(anchors, zone)
            begin = self.handled_until or (
                step.kind not in ("charge", "notice")
                and self.create_date.replace(microsecond=0)
            )
            if not begin or moment > begin:
                timeline.append((moment, step))
        return sorted(timeline, key=lambda each: (each[0], each[1].id))

    def _get_end(self):
        """Return when the plan ends.

        :rtype: datetime.datetime
        """
        anchors, zone = self._get_anchors(), self._get_zone()
        moments = [
            step._get_moment(anchors, zone) + timedelta(days=1)
            for step in self.plan_id.step_ids
        ]
        last_due = max(
            (
                line.date_maturity
                for line in self.move_id._get_open_receivable_lines()
                if line.date_maturity
            ),
            default=anchors["due"],
        )
        day = last_due + timedelta(days=self.plan_id.end_days)
        return max([*moments, self._get_morning(day)])

    def _get_charge_from(self, token):
        """Return the moment before which a method is not charged by the plan.

        Note: `self.ensure_one()`

        :param payment.token token: The method that would be charged.
        :return: The moment; none if there is no such.
        :rtype: datetime.datetime or None
        """
        last = self.move_id._get_last_charges()[self.move_id]
        if last.outcome not in UNSUCCESSFUL_OUTCOMES:
            return None
        ended_on = last.last_state_change or last.create_date
        if not last.request_sent_on or last.outcome == "failed":
            return ended_on + NOT_SENT_GAP
        if not last.is_automatic:
            return ended_on + timedelta(days=self.plan_id._get_retry_days())
        is_same = token and last.token_id.id == token.id
        return ended_on + MIN_GAP if is_same else None

    def _has_charge_begun(self):
        """Tell if a charge is due, or has been by the plan and the dates of now.

        Note: `self.ensure_one()`

        :rtype: bool
        """
        self.ensure_one()
        if self.charge_due:
            return True
        anchors, zone = self._get_anchors(), self._get_zone()
        return any(
            step._get_moment(anchors, zone) <= fields.Datetime.now()
            for step in self.plan_id.step_ids
            if step.kind == "charge"
        )

    def _may_charge_at_once(self, tokens):
        """Tell if one of these methods comes first, and was not tried just now.

        Note: `self.ensure_one()`; to be called in superuser mode.

        :param payment.token tokens: Methods that are new, renewed or chosen.
        :rtype: bool
        """
        move = self.move_id
        last = move._get_last_charges()[move]
        if not self.charge_due and last.outcome not in UNSUCCESSFUL_OUTCOMES:
            return False
        known = move._get_tokens_of_owners(Question())
        first = move._get_methods_in_order(known)[:1]
        tries = move.transaction_ids.filtered(lambda tx: tx.token_id == first)
        tried_on = max(tries.mapped("create_date"), default=None)
        return first in tokens.sudo() and (
            not tried_on
            or tried_on + MIN_GAP <= fields.Datetime.now()
            or bool(first.renewed_on and first.renewed_on > tried_on)
        )

    def _get_morning(self, day):
        """Return the moment at which a day begins, for the plans.

        :rtype: datetime.datetime
        """
        return get_moment(day, MORNING, self._get_zone())

    # === BUSINESS METHODS === #

    def _set_next(self, not_before=None):
        """Set the next step and its time, by the plan and the dates of now.

        :param datetime.datetime not_before: When a charge that waits may be made.
        """
        now = fields.Datetime.now()
        for row in self:
            moment, step = next(iter(row._get_timeline()), (None, row.step_id.browse()))
            if not_before:
                moment = min(moment or not_before, not_before)
            moment = moment or row._get_end()
            if moment <= now:  # It waits for something after the end of the plan.
                moment = now + SOON
            row.write({"next_at": moment, "step_id": step.id})

    def _get_next_charge(self, token):
        """Return when the schedule charges next, as far as that is known now.

        To be called in superuser mode.

        :param payment.token token: The method that would be charged; may be empty.
        :return: The moment in UTC; none if it waits for an event, or nothing is charged
                 automatically.
        :rtype: datetime.datetime or None
        """
        self.ensure_one()
        permissions = self.env["account.auto.pay"]._get_permissions(
            self.move_id.commercial_partner_id, self.company_id
        )
        permission = permissions[self.move_id.commercial_partner_id]
        if self.state != "running" or not self.next_at or not permission.is_on:
            return None
        if self.move_id.auto_pay_excluded:
            return None
        reason = REASONS.get(self.wait_reason)
        if self.wait_reason and not (reason and reason.is_timed):
            return None
        charges = [
            moment for moment, step in self._get_timeline() if step.kind == "charge"
        ]
        planned = self.next_at if self.charge_due else min(charges, default=None)
        if not planned:
            return None
        trial = token._get_trial_verdicts().get(token.id)
        waits = [self._get_charge_from(token), trial and trial.not_before]
        if self._get_notice_days(token, permission) and self.notice_date:
            waits.append(self._get_morning(self.notice_date))
        return max([planned, *filter(None, waits)])

    def _get_next_step(self, has_method):
        """Return what else the plan does next for this customer, and charges nothing.

        Steps for other customers are passed over, though the schedule looks at them:
        by then, this customer may be one of those.

        :param bool has_method: Whether the customer has a method that may be charged.
        :return: The moment in UTC and the step; none if nothing is left to be done.
        :rtype: tuple[datetime.datetime or None, account.collection.step]
        """
        return next(
            (
                (moment, step)
                for moment, step in self._get_timeline()
                if step.kind != "charge" and self._is_audience(step, has_method)
            ),
            (None, self.step_id.browse()),
        )
