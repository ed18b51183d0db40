from odoo import fields, models
from odoo.fields import Domain
from odoo.tools import format_date, format_datetime

from ...tools import prepare_dialog, prepare_notification
from ..collection.account_collection_events import METHOD_REASONS
from ..collection.reasons import CHARGE

# The colors of the banner by what it says.
TONES = {
    "next": "info",
    "waiting": "info",
    "method": "warning",
    "promised": "info",
    "in_run": "info",
    "paused": "secondary",
    "stopped": "secondary",
    "exhausted": "danger",
}


class AccountMove(models.Model):
    """The banner of the Payments section: the next step of the collection."""

    _inherit = "account.move"

    # === BUSINESS METHODS === #

    def _read_collection_banner(self):
        """Read what the banner asks for, in as few statements as can be.

        :return: This invoice; if it is decided on, the decision knows the providers.
        :rtype: account.move
        """
        self.ensure_one()
        if self.state != "posted" or not self.amount_residual:
            return self
        row = self._read_collections()
        # Beside a promise, nothing is decided.
        if not row or row.state == "done" or self._get_banner_promise():
            return self
        # The words and the buttons ask for the same records as a decision of a run.
        return self._read_ahead()

    def _get_banner_promise(self):
        """Return the promise that is shown, in superuser mode; empty if there is none.

        :rtype: account.payment.promise
        """
        promise = self.sudo().payment_promise_id
        return promise.filtered(lambda each: each.state == "open")

    def _get_collection_banner(self):
        """Return the values of the banner; none if nothing is done automatically.

        Of what :meth:`_read_collection_banner` returned, it asks for little more.

        :return: The `status`, a key of `TONES`, its `tone`, the `words` and the
                 `actions`, each with its `name`, `label`, `method`, whether it needs a
                 `confirmation`, the `reason` why it cannot be pressed now, and the
                 `warning` that the question before it ends with.
        :rtype: dict or None
        """
        self.ensure_one()
        if self.state != "posted" or self.currency_id.is_zero(self.amount_residual):
            return None
        # In superuser mode: who sees the invoice sees why it waits.
        row = self._get_collections(self)
        promise = self._get_banner_promise()
        if row.state == "done" or not (row or promise):
            return None
        status = self._get_collection_status(row, promise)
        # First the decision, which finds the saved methods together with their kinds.
        actions = self._get_collection_actions(status, row)
        return {
            "status": status,
            "tone": TONES[status],
            "words": self._get_collection_words(status, row, promise),
            "actions": actions,
        }

    def _get_collection_status(self, row, promise):
        """Return what the banner says, a key of `TONES`.

        :param account.collection row: The record of the collection; may be empty.
        :param account.payment.promise promise: The open promise; may be empty.
        :rtype: str
        """
        if row.state in ("paused", "stopped"):
            return row.state
        if promise:
            return "promised"
        if self._get_open_run(row):
            return "in_run"
        if row.state == "exhausted":
            return "exhausted"
        if row.wait_reason in METHOD_REASONS:
            return "method"
        is_planned = row.next_at and row.next_at > fields.Datetime.now()
        # The distance to the try before is a part of the plan.
        is_waiting = row.wait_reason and row.wait_reason != "not_before"
        if not is_planned or is_waiting or self._get_collection_refusal(row):
            return "waiting"
        return "next"

    def _get_open_run(self, row):
        """Return the run that keeps the schedule from what is due.

        It is a run of a person in which the invoice stands, or one of the schedule that
        a person stopped.

        :param account.collection row: The record of the collection; may be empty.
        :rtype: account.charge.run
        """
        lines = self.env["account.charge.run.line"].sudo()
        if not row.next_at or row.next_at > fields.Datetime.now():
            return lines.run_id
        domain = lines._get_open_domain() & Domain("move_id", "=", self.id)
        run = lines.search(domain, limit=1).run_id
        if run.kind and run.kind != "automatic":
            return run
        return run._find_stopped_automatic(self.company_id)[:1]

    # === WORDS === #

    def _get_collection_words(self, status, row, promise):
        """Return the sentences of the banner.

        :rtype: str
        """
        reason = self._get_collection_reason(row)
        match status:
            case "promised":
                return self._get_promise_words(promise)
            case "in_run":
                return self._get_run_words(self._get_open_run(row))
            case "paused" if row.paused_until:
                words = self.env._(
                    "Auto-pay is paused until %s.",
                    format_date(self.env, row.paused_until),
                )
                reason = row.pause_reason
            case "paused":
                words = self.env._("Auto-pay is paused until somebody resumes it.")
                reason = row.pause_reason
            case "stopped":
                words = self.env._("Auto-pay is stopped.")
                reason = row.stop_reason
            case "exhausted" if row.wait_reason in METHOD_REASONS:
                words = self.env._(
                    "Auto-pay came to its end. Charges tried: %s. Nothing more is done "
                    "automatically, until the customer saves another payment method.",
                    row.tries,
                )
            case "exhausted":
                words = self.env._(
                    "Auto-pay came to its end. Charges tried: %s. Nothing more is done "
                    "automatically.",
                    row.tries,
                )
            case "method":
                words = self.env._("Auto-pay: waiting for a new card.")
            case "waiting" if row.next_at and row.next_at <= fields.Datetime.now():
                words = self.env._("Auto-pay is looked at in a moment.")
            case "waiting" if row.next_at:
                words = self.env._(
                    "Auto-pay waits. It is looked at again on %s.",
                    self._format_collection_time(row, row.next_at),
                )
            case "waiting":
                words = self.env._("Auto-pay waits for an event.")
            case _:
                words = self._get_next_step_words(row)
        return f"{words} {self._end_sentence(reason)}".strip()

    def _get_next_step_words(self, row):
        """Return the sentence about the next step of the plan.

        :rtype: str
        """
        token = self.sudo()._get_default_token().sudo()
        charge_at = row._get_next_charge(token)
        step_at, step = row._get_next_step(bool(token))
        if step and not (charge_at and charge_at <= step_at):
            words = {
                "remind": self.env._("Auto-pay: next reminder on %s."),
                "notice": self.env._("Auto-pay: notice of the debit on %s."),
                "call": self.env._("Auto-pay: task for a person on %s."),
            }
            return words[step.kind] % self._format_collection_time(row, step_at)
        if not charge_at:
            return self.env._(
                "Auto-pay: no try and no reminder is left. The plan ends on %s.",
                self._format_collection_time(row, row._get_end()),
            )
        moment = self._format_collection_time(row, charge_at)
        if not token:
            return self.env._(
                "Auto-pay: next try %s. The customer has no payment method that can be "
                "charged.",
                moment,
            )
        charges = row.plan_id.step_ids.filtered(lambda step: step.kind == "charge")
        return self.env._(
            "Auto-pay: next try %(moment)s with %(method)s (%(number)s of %(count)s).",
            moment=moment,
            method=token.display_name,
            number=row.tries + 1,
            count=max(len(charges), row.tries + 1),
        )

    def _get_run_words(self, run):
        """Return the sentence about a run that the schedule waits for.

        :rtype: str
        """
        if run.state == "stopped":
            return self.env._(
                "Auto-pay waits: %s was stopped. Resume or close it.", run.name
            )
        return self.env._(
            "Auto-pay waits: the invoice stands in %s, which charges it.", run.name
        )

    def _get_promise_words(self, promise):
        """Return the sentence about an open promise.

        :rtype: str
        """
        words = self.env._(
            "The customer promised %(amount)s by %(date)s. Nothing is collected "
            "automatically until the day after.",
            amount=promise.currency_id.format(promise.amount),
            date=format_date(self.env, promise.date),
        )
        if not promise.token_id:
            return words
        return f"{words} " + self.env._(
            "Agreed: %s is charged on that day.",
            promise.token_id._get_method_label(),
        )

    def _get_collection_reason(self, row):
        """Return why the last try brought nothing, or why it waits.

        :rtype: str
        """
        if row.wait_words and row.wait_reason != "not_before":
            return row.wait_words
        if refusal := self._get_collection_refusal(row):
            return refusal
        last = self.sudo().transaction_ids.sorted("id")[-1:]
        return last.state_message if last.outcome == "declined" else ""

    def _get_collection_refusal(self, row):
        """Return why nothing is charged, if that changed since the schedule looked.

        :rtype: str
        """
        if row.state != "running":
            return ""
        # In superuser mode: who sees the invoice sees why it waits. Of the permission,
        # the largest amount is compared when it is known what is charged.
        return self.sudo()._get_auto_pay_refusal(0.0)[1]

    def _end_sentence(self, words):
        """Return words as a sentence.

        :rtype: str
        """
        words = (words or "").strip()
        return words if not words or words[-1] in ".!?" else f"{words}."

    def _format_collection_time(self, row, moment):
        """Return a time by the clock of the company: `Tue 2 Dec 09:00`.

        :param datetime.datetime moment: The time, in UTC.
        :rtype: str
        """
        return format_datetime(
            self.env,
            moment,
            tz=row.company_id._get_own_zone().key,
            dt_format="EEE d MMM HH:mm",
        )

    # === ACTIONS === #

    def _get_collection_actions(self, status, row):
        """Return the buttons of the banner that the user may press.

        :rtype: list[dict]
        """
        may_record = self.env.su or not self._get_record_level_reason()
        may_stop = self.env.su or not self._get_refund_level_reason()
        resumes = status in ("paused", "stopped", "exhausted")
        buttons = [
            ("promise", self.env._("Promise"), "action_open_promise", False)
            if status == "promised"
            else None,
            ("resume", self.env._("Resume"), "action_resume_collection", False)
            if resumes and may_record and row
            else None,
            ("pause", self.env._("Pause"), "action_pause_collection", False)
            if not resumes and may_record and row
            else None,
            ("now", self.env._("Try now"), "action_collect_now", True)
            if may_record and row and status != "promised"
            else None,
            ("stop", self.env._("Stop"), "action_stop_collection", False)
            if may_stop and row and status != "stopped"
            else None,
        ]
        keys = ("name", "label", "method", "confirmation")
        actions = [
            {**dict(zip(keys, button, strict=True)), "reason": "", "warning": ""}
            for button in buttons
            if button
        ]
        for action in actions:
            if action["name"] == "now":
                # As the door decides, so that nothing is offered that it refuses.
                decision = self._decide_charges()[self]
                action["reason"] = self._get_refusal_now(decision)
                if decision.action == CHARGE:
                    # In superuser mode, as the permission is for the schedule.
                    action["warning"] = self.sudo()._describe_charge_above_limit(
                        decision.amount
                    )
        return actions

    def action_pause_collection(self):
        """Return the dialog that pauses the collection of this invoice.

        :rtype: dict
        """
        return self._prepare_collection_dialog("pause", self.env._("Pause auto-pay"))

    def action_stop_collection(self):
        """Return the dialog that stops the collection of this invoice.

        :rtype: dict
        """
        return self._prepare_collection_dialog("stop", self.env._("Stop auto-pay"))

    def action_resume_collection(self):
        """Go on with the collection of this invoice."""
        self.resume_collection()

    def action_collect_now(self):
        """Collect this invoice now.

        :return: The notification to show.
        :rtype: dict
        """
        attempt = self.collect_now()
        if attempt:
            return attempt._get_outcome_notification()
        return prepare_notification(
            self.env._("Paid from credit"),
            self.env._("The credit balance paid %s.", self.display_name),
        )

    def action_open_promise(self):
        """Return the action that opens the last promise to pay this invoice.

        :rtype: dict
        """
        self.ensure_one()
        return self.payment_promise_id.get_formview_action()

    def _prepare_collection_dialog(self, action, title):
        """Return the action that opens the dialog about the collection.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_dialog(
            "account.collection.halt", title, move_id=self.id, action=action
        )
