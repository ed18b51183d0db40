from typing import NamedTuple

from odoo import api, models
from odoo.tools import LazyTranslate

from ..refunds.refund_amounts import get_given_back
from ..states import (
    EXPECTED_OUTCOMES,
    RESOLVABLE_OUTCOMES,
    STATES,
    UNRESOLVED_OUTCOMES,
)

_lt = LazyTranslate(__name__)


class Action(NamedTuple):
    """An action on a row: its words, and the method that is called."""

    label: str
    model: str
    method: str


ACTIONS = {
    "retry": Action(_lt("Retry"), "payment.transaction", "action_retry"),
    "received": Action(
        _lt("Money came"), "payment.transaction", "action_record_received"
    ),
    "cancel_announced": Action(
        _lt("Cancel"), "payment.transaction", "action_cancel_announced"
    ),
    "finish": Action(
        _lt("Link to finish"), "payment.transaction", "action_show_finish_link"
    ),
    "resolve": Action(_lt("Resolve"), "payment.transaction", "action_resolve"),
    "capture": Action(_lt("Capture"), "payment.transaction", "action_capture_attempt"),
    "void": Action(_lt("Void"), "payment.transaction", "action_void_attempt"),
    "refund": Action(_lt("Refund"), "account.payment", "action_refund_wizard"),
    "taken_back": Action(
        _lt("Taken back"), "account.payment", "action_report_taken_back"
    ),
    "open_taken_back": Action(
        _lt("Open"), "account.payment.reversal", "action_open_taken_back"
    ),
    "undo_credit": Action(
        _lt("Undo application"), "account.payment", "action_undo_credit_application"
    ),
    "mistake": Action(
        _lt("Recorded by mistake"), "account.payment", "action_undo_recording"
    ),
    "undo_keep": Action(
        _lt("Move back from the credit balance"),
        "account.payment",
        "action_undo_recording",
    ),
    "keep": Action(
        _lt("Move to credit balance"), "account.move", "action_move_to_credit_balance"
    ),
    "unmatch": Action(
        _lt("Unreconcile"), "account.partial.reconcile", "action_unmatch"
    ),
    "undo_write_off": Action(
        _lt("Undo write-off"), "account.move", "action_undo_write_off"
    ),
    "withdraw": Action(_lt("Withdraw"), "account.payment.approval", "action_withdraw"),
    "approve": Action(_lt("Approve"), "account.payment.approval", "action_approve"),
    "reject": Action(_lt("Reject"), "account.payment.approval", "action_reject"),
    "open_request": Action(
        _lt("Open request"), "account.payment.approval", "action_open_request"
    ),
    "receipt": Action(
        _lt("Receipt"), "account.payment", "action_print_payment_receipt"
    ),
    "open_payment": Action(
        _lt("Open payment"), "account.payment", "action_open_business_doc"
    ),
    "open_transaction": Action(
        _lt("Open transaction"), "payment.transaction", "action_open_transaction"
    ),
    "open_entry": Action(_lt("Open entry"), "account.move", "action_open_business_doc"),
}
# Where the id of the record stands in a row.
ID_FIELDS = {
    "payment.transaction": "transaction_id",
    "account.payment": "payment_id",
    "account.payment.approval": "approval_id",
    "account.payment.reversal": "reversal_id",
    "account.move": "move_id",
    "account.move.line": "line_ids",
    "account.partial.reconcile": "partial_ids",
}
# They stand on the row itself, beside the menu: the next thing to do there.
QUICK_ACTIONS = (
    "retry",
    "received",
    "resolve",
    "capture",
    "mistake",
    "undo_keep",
    "approve",
    "withdraw",
)
# The kinds of parts by which money of a row goes.
KINDS_GIVEN_BACK = ("refund", "undone", "kept", "paid_out", "taken_back")
# The methods that yield the actions on a row, in the order of the menu.
STAFF_ROW_ACTIONS = (
    "_get_attempt_actions",
    "_get_money_actions",
    "_get_keep_actions",
    "_get_match_actions",
    "_get_write_off_actions",
)


class AccountMove(models.Model):
    """The actions on each row of the Payments section now, and why some are blocked."""

    _inherit = "account.move"

    def _add_row_actions(self, rows):
        """Add to each row, and to its refunds, the actions that are possible now.

        :param list[Row] rows: The rows of this invoice.
        """
        may_act = self.env.user.has_group("invoice_payments_ext.group_payment_record")
        self._add_finish_links(rows)
        blocked = {
            "retry": self._get_retry_blocked_reason(rows),
            "refund": self._get_refund_level_reason(),
        }
        for row in rows:
            row.values["actions"] = [
                self._prepare_action(row.values, name, reason)
                for name, reason in self._get_row_actions(row, may_act, blocked)
            ]
            for refund in row.values["refunds"]:
                refund["actions"] = [
                    self._prepare_action(refund, name, reason)
                    for name, reason in self._get_refund_actions(
                        refund, may_act, blocked["refund"]
                    )
                ]

    def _add_finish_links(self, rows):
        """Add to the rows that wait for the customer the address to finish them."""
        waiting = {
            row.tx["id"]: row
            for row in rows
            if row.tx.get("outcome") in RESOLVABLE_OUTCOMES
            or row.tx.get("decline_class") == "needs_customer"
        }
        for tx in self.env["payment.transaction"].browse(waiting):
            waiting[tx.id].values["finish_url"] = tx._get_finish_url()

    def _prepare_action(self, values, name, reason):
        """Return an action of a row as it is shown.

        :param str reason: Why it is not possible now; empty if it is.
        :rtype: dict
        """
        action = ACTIONS[name]
        model = action.model
        if name == "keep" and values["line_ids"]:
            # An entry may be of several customers: this one's part moves.
            model = "account.move.line"
        return {
            "name": name,
            "label": self.env._(action.label),
            "model": model,
            "id": values[ID_FIELDS[model]],
            "method": action.method,
            "enabled": not reason,
            "is_quick": name in QUICK_ACTIONS and not reason,
            "reason": reason,
        }

    # === ACTIONS === #

    def _get_row_actions(self, row, may_act, blocked):
        """Return the actions of a row, each with the reason why it is not possible.

        :param Row row: The row.
        :param bool may_act: Whether the user is of the level *Record and charge*.
        :param dict blocked: Why nothing can be retried, or refunded.
        :rtype: Iterator[tuple[str, str]]
        """
        if row.values["state"] == "waiting":
            if may_act:
                yield from self._get_waiting_actions(row.values, blocked["refund"])
            return
        if may_act:
            for name in STAFF_ROW_ACTIONS:
                yield from getattr(self, name)(row, blocked)
        yield from self._get_document_actions(row.values, may_act)

    def _get_attempt_actions(self, row, blocked):
        """Return the actions that move an attempt forward."""
        if not row.tx:
            return
        outcome = row.tx["outcome"]
        other_mode = self._get_row_mode_reason(row)
        is_retried = STATES[outcome].is_unsuccessful
        # Announced money that came is not charged once more.
        if row.tx["source_transaction_id"] or row.tx["has_come"]:
            is_retried = False
        if is_retried:
            yield (
                "retry",
                self.env._("It was for several invoices.")
                if row.tx["invoice_count"] > 1
                else other_mode or blocked["retry"],
            )
        if outcome in EXPECTED_OUTCOMES:
            yield "received", ""
            yield "cancel_announced", ""
        if row.values["finish_url"]:
            yield "finish", ""
        if outcome in RESOLVABLE_OUTCOMES:
            yield "resolve", ""
        if outcome == "authorized":
            yield "capture", other_mode
            yield "void", other_mode

    def _get_money_actions(self, row, blocked):
        """Return the actions that give back the money, or the credit, of a row."""
        is_money = row.values["payment_id"] and row.values["state"] == "succeeded"
        if not is_money or row.is_outgoing:
            return
        refunded = self._get_row_refund_reason(row.values)
        if row.values["kind"] == "credit":
            yield (
                "undo_credit",
                refunded and self.env._("All of it is back on the credit balance."),
            )
        else:
            hindered = row.unbooked or row.reversed_by
            yield "refund", blocked["refund"] or hindered or refunded
            taken_back = self._get_row_taken_back_reason(row.values)
            yield "taken_back", hindered or taken_back
            if row.values["kind"] == "external":
                mistake = self._get_row_mistake_reason(row.values)
                yield "mistake", row.reversed_by or mistake

    def _get_keep_actions(self, row, blocked):
        """Return the actions that keep the open amount of a row as credit."""
        values = row.values
        currency = self.env["res.currency"].browse(values["currency_id"])
        if (
            values["kind"] not in ("credit", "invoice", "write_off")
            and values["state"] == "succeeded"
            and values["move_id"]
            and not row.unbooked
            and currency.compare_amounts(values["amount_unallocated"], 0) > 0
        ):
            yield "keep", ""

    def _get_match_actions(self, row, blocked):
        """Return the actions that take a row off this invoice, and move nothing."""
        if row.values["partial_ids"] and row.values["kind"] not in (
            "credit",
            "write_off",
        ):
            yield "unmatch", ""

    def _get_write_off_actions(self, row, blocked):
        """Return the actions that undo a write-off."""
        if row.values["state"] == "written_off":
            undone_by = row.entry["undone_by"]
            reversed_by = undone_by and self.env._("Reversed by %s.", undone_by)
            yield "undo_write_off", blocked["refund"] or reversed_by or ""

    def _get_refund_actions(self, refund, may_act, blocked):
        """Return the actions on a refund, as :meth:`_get_row_actions`."""
        if refund["kind"] == "taken_back":
            yield "open_taken_back", ""
            return
        if refund["state"] == "waiting":
            if may_act:
                yield from self._get_waiting_actions(refund, blocked)
            return
        if refund["state"] in RESOLVABLE_OUTCOMES and may_act:
            yield "resolve", blocked
        if may_act and self._is_recorded_part(refund):
            is_kept = refund["kind"] == "kept"
            missing_level = "" if is_kept and not refund["is_allocated"] else blocked
            yield (
                "undo_keep" if is_kept else "mistake",
                missing_level or self._get_bank_reason(refund),
            )
        yield from self._get_document_actions(refund, may_act)

    def _get_document_actions(self, values, may_act):
        """Return the documents behind a row, or a refund, that can be opened."""
        if values["payment_id"] and values["state"] == "succeeded":
            yield "receipt", ""
        if may_act and values["payment_id"]:
            yield "open_payment", ""
        if may_act and values["transaction_id"]:
            yield "open_transaction", ""
        if values.get("move_id") and not values["payment_id"]:
            yield "open_entry", ""

    # === WHY NOT === #

    def _get_row_mode_reason(self, row):
        """Say that an attempt is of the provider's other mode; empty if it is not.

        Its money can still be refunded outside.
        """
        if not row.tx["is_of_other_mode"]:
            return ""
        if row.values["is_test"]:
            return self.env._("It was made in test mode.")
        return self.env._("It was made in live mode.")

    def _get_row_refund_reason(self, values):
        """Say why nothing of a row is left to refund; an empty text if something is."""
        amounts = dict.fromkeys(KINDS_GIVEN_BACK, 0.0)
        for refund in values["refunds"]:
            if refund["kind"] == "taken_back" and refund["state"] == "disputed":
                return self.env._("It is disputed.")
            if self._is_part_gone(refund):
                amounts[refund["kind"]] += refund["amount"]
        given_back = get_given_back(
            sum(amounts.values()), amounts["kept"], amounts["paid_out"]
        )
        currency = self.env["res.currency"].browse(values["currency_id"])
        taken = values["amount_taken_back"] + amounts["taken_back"]
        given_back -= amounts["taken_back"]
        if currency.compare_amounts(values["amount"], given_back + taken) > 0:
            return ""
        if taken:
            return self.env._("%s were taken back.", currency.format(taken))
        if any(refund["state"] == "waiting" for refund in values["refunds"]):
            return self.env._("All of it is refunded, or waits for approval.")
        if not all(STATES[refund["state"]].is_final for refund in values["refunds"]):
            return self.env._("All of it is refunded or being refunded.")
        return self.env._("All of it is refunded.")

    @api.model
    def _is_part_gone(self, part):
        """Tell if a part of a row's money went, or may go, and is not counted yet."""
        if part["kind"] == "taken_back":
            return part["state"] == "lost" and not part["is_by_bank"]
        return not STATES[part["state"]].is_unsuccessful

    def _get_retry_blocked_reason(self, rows):
        """Say why nothing can be retried now; an empty text if it can."""
        in_flight = 0.0
        for row in rows:
            state = row.values["state"]
            if row.tx.get("holds_invoice") or state in UNRESOLVED_OUTCOMES:
                return self.env._("%s is in flight.", row.values["reference"])
            if STATES[state].is_in_flight:
                in_flight += row.values["amount"]
        if self.currency_id.compare_amounts(self.amount_residual, in_flight) <= 0:
            return self.env._("Nothing is left to charge.")
        return ""
