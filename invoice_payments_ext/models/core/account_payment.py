from odoo import models

from ...tools import OURS

# Rooms that keep entries which Odoo deletes with a payment: each cancels its own and
# returns their payments.
KEPT_ENTRIES = ("_cancel_entries_in_credit_history",)


class AccountPayment(models.Model):
    """Odoo's hooks on payments, each overridden once."""

    _name = "account.payment"
    _inherit = [
        "account.payment",
        "payment.door.mixin",
        "payment.lock.mixin",
        "payment.undo.mixin",
    ]

    _undo_blockers = (
        "_get_refund_in_flight_blockers",
        "_get_given_back_blockers",
        "_get_credit_keeper_blockers",
        "_get_posted_entry_blockers",
    )

    # === ACTION METHODS === #

    def action_post(self):
        """Post what is given back after what it gives back."""
        sources = self & self.source_payment_id
        if sources and sources != self:
            sources.action_post()
            self -= sources
        if self.env.context.get("booked_by_door") is OURS and all(
            payment.outstanding_account_id for payment in self
        ):
            self = self.with_context(nothing_reconciled_yet=OURS)
        return super().action_post()

    def action_draft(self):
        self._check_can_be_undone("reset")
        return super(AccountPayment, self._with_entry()).action_draft()

    def action_cancel(self):
        """Keep the entries that rooms still need.

        Odoo deletes those of payments that were reset to draft.
        """
        self._check_can_be_undone("reset")
        payments = self._with_entry()
        for name in KEPT_ENTRIES:
            payments -= getattr(payments, name)()
        return super(AccountPayment, payments).action_cancel()

    def action_reject(self):
        self._check_can_be_undone("reset")
        return super().action_reject()
