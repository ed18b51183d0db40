from odoo import models

from ...tools import OURS


class AccountPayment(models.Model):
    """Money that went out, and came back: undone by an opposite entry."""

    _inherit = "account.payment"

    # === BUSINESS METHODS - STEPS === #

    def _undo_by_opposite_entry(self, date, reason, reversal=None):
        """Undo this outgoing payment, and allocate its source as before.

        The entry stays and is reversed by another one. The payment is cancelled: it
        gives nothing back any more.

        Note: `self.ensure_one()`; in superuser mode, on a locked source payment.

        :param datetime.date date: The day of the opposite entry.
        :param str reason: Why, for the records.
        :param account.payment.reversal reversal: The record of the entry, if any.
        :return: The opposite entry.
        :rtype: account.move
        """
        self.ensure_one()
        partials = self._get_receivable_lines().matched_credit_ids
        counterparts = partials.credit_move_id.move_id
        partials.unlink()
        entry = self.with_context(entry_follows=OURS, undone_by_door=OURS).move_id
        self.with_context(entry_follows=OURS).write({"state": "canceled"})
        opposite = entry._reverse_moves(
            [
                {
                    "date": date,
                    "ref": reason,
                    "payment_reversal_id": reversal.id if reversal else False,
                }
            ]
        )
        opposite._post(soft=False)
        # The invoice that was reopened first was allocated last, and is so again.
        allocations = self.refund_allocation_ids.sorted("id", reverse=True)
        for allocation in allocations.sorted(self._is_more_open):
            self._allocate_source_again(allocation)
        # A refund that pays out credit has a way of its own to put it back.
        credit = counterparts.origin_payment_id.filtered("is_from_credit")
        for payment in credit - self.payment_transaction_id.refund_credit_payment_id:
            payment._put_taken_credit_back(reason)
        invoices = self.refund_allocation_ids.invoice_id
        invoices._notify_payments_changed()
        self.env.add_to_compute(invoices._fields["payment_state"], invoices)
        return opposite.with_env(self.env)

    def _is_more_open(self, allocation):
        """Tell if more of an invoice is open than this payment reopened.

        In another currency, Odoo matches all that it can: such an invoice would take
        the money of the others, and gets what is left.

        :param account.refund.allocation allocation: The invoice and the amount.
        :rtype: bool
        """
        invoice = allocation.invoice_id
        account = self.source_payment_id.destination_account_id
        owed = invoice._get_open_receivable_lines(account)
        return (
            owed.currency_id != self.source_payment_id.currency_id
            and invoice.currency_id.compare_amounts(
                sum(owed.mapped("amount_residual_currency")), allocation.amount
            )
            > 0
        )

    def _allocate_source_again(self, allocation):
        """Match the source of this payment with an invoice that this one reopened.

        A credit note that reduced the bill is open again.

        :param account.refund.allocation allocation: The invoice and the amount.
        """
        source = self.source_payment_id
        invoice = allocation.invoice_id
        if credit_note := allocation.credit_note_id:
            own = credit_note.line_ids.filtered(
                lambda line: line.display_type == "payment_term"
            )
            own.matched_debit_ids.filtered(
                lambda partial: partial.debit_move_id.move_id == invoice
            ).unlink()
        account = source.destination_account_id
        owed = invoice._get_open_receivable_lines(account)
        held = source._get_receivable_lines().filtered(lambda line: not line.reconciled)
        if not owed or not held:
            return
        if owed.currency_id == held.currency_id:
            invoice._reconcile_part(owed, held, allocation.amount)
        else:
            source._reconcile_in_order([held | owed])

    def _put_taken_credit_back(self, reason):
        """Put the open part of this payment back on the balance that it came from.

        To be called after it was unmatched: something of it is open.
        """
        open_amount = -sum(
            self._get_receivable_lines().mapped("amount_residual_currency")
        )
        self._book_on_credit_balance(self.currency_id.round(open_amount), reason)
