from odoo import fields, models

from ..states import POSTED_STATES


class AccountMove(models.Model):
    """The money paid on an invoice that can be given back."""

    _inherit = "account.move"

    # === MONEY TO GIVE BACK === #

    def _get_money_brought(self):
        """Return the amounts that paid this invoice, by their payment.

        Credit notes and write-offs reduced it, but brought no money.

        :return: By payment, the amount in the invoice's currency; amounts that no
                 payment brought, such as a bank match, by the empty payment.
        :rtype: dict[account.payment, float]
        """
        self.ensure_one()
        brought = {}
        lines = self.sudo().line_ids.filtered(
            lambda line: line.display_type == "payment_term"
        )
        for partial in lines.matched_credit_ids:
            move = partial.credit_move_id.move_id
            if move.move_type == "out_refund" or move.written_off_invoice_id:
                continue
            payment = move.origin_payment_id.sudo(self.env.su)
            brought[payment] = brought.get(payment, 0.0) + partial.debit_amount_currency
        return brought

    def _get_money_returned(self):
        """Return the amounts that credit notes gave back, or are giving back.

        :return: By payment, the amount in the invoice's currency; see
                 :meth:`_get_money_brought`.
        :rtype: dict[account.payment, float]
        """
        returned = {}
        invoice_sudo = self.sudo()
        for allocation in invoice_sudo.refund_allocation_ids:
            refund = allocation.payment_id
            if allocation.credit_note_id and refund.state in POSTED_STATES:
                payment = refund.source_payment_id.sudo(self.env.su)
                returned[payment] = returned.get(payment, 0.0) + allocation.amount
        for payment in self._get_money_brought():
            refunds = payment.sudo().payment_transaction_id.child_transaction_ids
            for refund in refunds.filtered(
                lambda tx: (
                    tx.operation == "refund"
                    and tx._is_refund_in_flight()
                    and (
                        tx.refund_credit_note_id.reversed_entry_id == invoice_sudo
                        or str(self.id) in (tx.refund_credits_planned or {})
                    )
                )
            ):
                returned[payment] = returned.get(payment, 0.0) + self._to_own_currency(
                    refund.currency_id, -refund.amount
                )
        return returned

    def _get_payments_to_return(self):
        """Return the payments of this invoice that money can be given back from."""
        return self.env["account.payment"].union(*self._get_money_brought())

    def _get_returnable_amounts(self):
        """Return the paid amounts of this invoice that can be given back.

        :return: By payment, the amount in the invoice's currency, the newest first; by
                 the empty payment the amount that no payment brought.
        :rtype: dict[account.payment, float]
        """
        brought = self._get_money_brought()
        returned = self._get_money_returned()
        newest_first = sorted(
            brought,
            key=lambda payment: (payment.date or fields.Date.today(), payment.id or 0),
            reverse=True,
        )
        amounts = {}
        for payment in newest_first:
            left = brought[payment] - returned.get(payment, 0.0)
            if payment:
                refundable = self._to_own_currency(
                    payment.currency_id, payment._get_refundable_amount()
                )
                left = min(left, refundable)
            amounts[payment] = max(self.currency_id.round(left), 0.0)
        return amounts

    def _get_credit_in_flight_reason(self, excess):
        """Name the attempt that takes what a credit note would reduce; empty if none.

        :param float excess: The amount above the chargeable one. As much has to be paid
                             already: money in flight cannot be given back.
        :rtype: str
        """
        self.ensure_one()
        for attempt in self._get_blocking_attempt():
            return self._describe_attempt(attempt)
        for attempt in self._get_attempts_with_money():
            paid = sum(self._get_returnable_amounts().values()) + sum(
                self._get_open_refund_amount(refund)
                for refund in self._get_earlier_refunds()
            )
            if self.currency_id.compare_amounts(excess, paid) > 0:
                return self._describe_attempt(attempt)
            break
        return ""

    def _to_payment_currency(self, payment, amount, date=None):
        """Convert an amount of this invoice into the currency of a payment.

        :param date date: The day on which it is given back; today if not given.
        """
        if payment.currency_id == self.currency_id:
            return amount
        converted = self.currency_id._convert(
            amount, payment.currency_id, self.company_id, date
        )
        return min(converted, payment._get_refundable_amount())
