import logging
from datetime import timedelta

from odoo import fields, models

from ...tools import OURS
from ..attempts.payment_transaction_steps import is_concurrency_error
from .account_collection_events import POSTING_REASONS
from .account_collection_schedule import SOON
from .reasons import CREDIT, DONE, REASONS, REMIND, WAIT

_logger = logging.getLogger(__name__)

# Reasons that an event ends, never the clock.
EVENT_REASONS = ("in_flight", "unknown")
# Reasons during which the customer is left alone.
QUIET_REASONS = ("disputed", "promised", "announced", "paused", "stopped")
AFTER_AN_ERROR = timedelta(hours=1)


class AccountCollection(models.Model):
    """The next step is done: a charge, a mail or a task, and the next date is set."""

    _inherit = "account.collection"

    # === BUSINESS METHODS === #

    def _run_step(self):
        """Do the step that is due for this invoice now. Commits.

        It may be called at any time, by several at once, and again after a crash: one
        attempt is made, and an attempt that was prepared and not sent goes on.

        :return: The attempt that was made, or that went on; none if there is none.
        :rtype: payment.transaction
        """
        self.ensure_one()
        # In superuser mode: the schedule's work is nobody's to do by hand. Each step
        # reads the row anew, and with it all that belongs to it.
        row = self.sudo().with_prefetch()
        # Discounts, and the days of entries, are those of the company.
        row = row.with_context(tz=row._get_zone().key)
        attempts = row.env["payment.transaction"]
        try:
            attempt = row._run_due()
            attempts._commit_step("collected")
            return attempt
        except Exception as error:  # noqa: BLE001, pylint: disable=broad-except
            row.env.cr.rollback()
            row.env.transaction.reset()
            if is_concurrency_error(error):
                return attempts  # Another one was at it: it stays due.
            _logger.exception("The collection %s could not go on", row.id)
            message = str(error)
            attempts._in_step("collected", lambda: row._put_off(message))
            return attempts

    def _run_due(self):
        """Do the due step, on a row that nobody else holds; see :meth:`_run_step`.

        :rtype: payment.transaction
        """
        attempts = self.env["payment.transaction"]
        if not self.try_lock_for_update():
            return attempts
        self.invalidate_recordset()
        if unfinished := self._get_unfinished_attempt():
            attempts._complete_attempt(unfinished)
            self._settle_try(unfinished)
            return unfinished
        now = fields.Datetime.now()
        self._end_pause()
        if self.state != "running" or not self.next_at or self.next_at > now:
            return attempts
        due = [step for moment, step in self._get_timeline() if moment <= now]
        has_charge = any(step.kind == "charge" for step in due)
        if not self.charge_due and (has_charge or self._was_last_try_lost()):
            self.charge_due = "step"
        self.handled_until = now
        if not self.charge_due:
            decision = self.move_id._decide_charges(is_automatic=True)[self.move_id]
            self._follow_decision(decision, due)
            return attempts
        decision, attempt = self._try_to_charge(due)
        if attempt or decision.action == CREDIT:
            self._settle_try(attempt)
        else:
            self._follow_decision(decision, due)
        return attempt

    def _try_to_charge(self, due):
        """Charge the invoice if it is to be charged now.

        :param list due: The steps that are due.
        :return: See `account.move._collect`.
        :rtype: tuple[ChargeDecision, payment.transaction]
        """
        step = next((step for step in reversed(due) if step.kind == "charge"), None)
        key = f"collection/{self.id}/{step.id if step else 0}/{self.tries + 1}"
        collecting = self.move_id.with_context(collecting=OURS)
        return collecting._collect(key, is_automatic=True)

    def _begin_try(self, token):
        """Store, together with the attempt, that the step is done.

        :param payment.token token: The method.
        :return: Values of the attempt.
        :rtype: dict
        """
        self.ensure_one()
        self.write(
            {
                "tries": self.tries + 1,
                "token_id": token.id,
                "charge_due": False,
                "told_reason": False,
                "wait_reason": False,
                "wait_words": False,
            }
        )
        self._set_next()
        return {"is_automatic": True, "collection_id": self.id}

    def _settle_try(self, _attempt):
        """Set the next date after a charge, whatever came of it."""
        if not self.try_lock_for_update():
            return  # Whoever holds it sets the date.
        self.invalidate_recordset()
        if self.state != "running":
            return
        self.charge_due = False
        decision = self.move_id._decide_charges(is_automatic=True)[self.move_id]
        self._follow_decision(decision, [])

    def _follow_decision(self, decision, due):
        """Do the rest of a step that charged nothing, and set the next date.

        :param ChargeDecision decision: The decision of now.
        :param list due: The steps that are due.
        """
        reason = decision.reason
        words = decision.words or (reason and self.env._(REASONS[reason].label))
        self.write({"wait_reason": reason, "wait_words": words})
        if decision.action == DONE:
            self._finish()
        elif reason in POSTING_REASONS or reason == "not_invoice":
            self._halt(reason, words)
        elif reason in EVENT_REASONS:
            self.next_at = False
        elif reason in QUIET_REASONS:
            self._set_next(decision.not_before)
        else:
            self._do_steps(decision, due)
            not_before = self._follow_charge(decision) if self.charge_due else None
            self._set_next_or_end(not_before)

    def _follow_charge(self, decision):
        """Do the rest of a step whose charge was due, but is not made.

        :param ChargeDecision decision: Why not.
        :return: When it may be made, where it waits.
        :rtype: datetime.datetime or None
        """
        if decision.action == WAIT:
            if decision.reason == "notice_missing":
                return self._follow_notice(decision)
            if decision.reason == "not_due":
                return self._get_next_instalment()
            return decision.not_before or fields.Datetime.now() + SOON
        self.charge_due = False
        if self.told_reason == decision.reason:
            return None
        if decision.reason == "above_permitted":
            self._remind(decision.reason)
            self._assign_task(
                self.env._("Above the largest automatic charge"), decision.words
            )
        elif decision.action == REMIND and decision.reason != "no_method":
            self._remind(decision.reason)
        self.told_reason = decision.reason
        return None

    def _set_next_or_end(self, not_before):
        """Set the next date, or end the plan where nothing is left to be done.

        :param datetime.datetime not_before: When a charge that waits may be made.
        """
        is_at_end = (
            not self._get_timeline() and self._get_end() <= fields.Datetime.now()
        )
        if is_at_end and not self.charge_due:
            self._exhaust()
        else:
            self._set_next(not_before)

    def _put_off(self, message):
        """Try it again later, and tell a person once that it does not work.

        :param str message: The error.
        """
        if not self.try_lock_for_update() or self.state != "running":
            return
        self.next_at = fields.Datetime.now() + AFTER_AN_ERROR
        if self.told_reason != "error":
            self.told_reason = "error"
            self._assign_task(self.env._("Collection does not go on"), message)

    def _end_pause(self):
        """Go on where a pause has come to its end."""
        if self.state == "paused" and self.paused_until:
            if self.paused_until <= self._get_today():
                self.write(
                    {
                        "state": "running",
                        "paused_until": False,
                        "pause_reason": False,
                    }
                )

    # === GETTERS === #

    def _get_unfinished_attempt(self):
        """Return the attempt that was prepared by a lane which was killed.

        :rtype: payment.transaction
        """
        return (
            self.env["payment.transaction"]
            .search([("collection_id", "=", self.id), ("outcome", "=", "ready")])
            .filtered("holds_invoice")[:1]
        )

    def _was_last_try_lost(self):
        """Tell if the last charge of the schedule was cancelled before it was sent.

        :rtype: bool
        """
        last = self.move_id._get_last_charges()[self.move_id]
        return last.collection_id == self and last._was_lost_before_sending()

    def _get_next_instalment(self):
        """Return when the next instalment of the invoice is due.

        :rtype: datetime.datetime
        """
        today = self._get_today()
        days = [
            line.date_maturity
            for line in self.move_id._get_open_receivable_lines()
            if line.date_maturity and line.date_maturity > today
        ]
        day = min(days, default=today + timedelta(days=1))
        return self._get_morning(day)

    def _describe_halt(self):
        """Return the sentence that says why this is paused or stopped.

        :rtype: str
        """
        if self.state == "paused" and self.paused_until:
            return self.env._(
                "It is paused until %(date)s. %(reason)s",
                date=fields.Date.to_string(self.paused_until),
                reason=self.pause_reason or "",
            ).strip()
        return self.pause_reason or self.stop_reason or ""
