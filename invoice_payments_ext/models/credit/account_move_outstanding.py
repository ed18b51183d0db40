from odoo import models


class AccountMove(models.Model):
    """Outstanding credits that are added to an invoice by hand."""

    _inherit = "account.move"

    # === CHECK METHODS === #

    def _check_fits_beside_charges(self, line):
        """Check that an outstanding credit can be added while charges are in flight.

        :param account.move.line line: The journal item that is to be matched.
        :raise UserError: If the charges may bring more than would remain.
        """
        self.ensure_one()
        if self.currency_id.is_zero(self._get_amount_in_flight()):
            return
        added = self._to_own_currency(line.currency_id, -line.amount_residual_currency)
        if self.currency_id.compare_amounts(added, 0) > 0:
            self._check_payment_amount(
                self.currency_id.round(min(added, self.amount_residual))
            )

    # === ACTION METHODS === #

    def js_assign_outstanding_line(self, line_id):
        """Refuse money on its way back, and money that leaves no room.

        `sale` gives an invoice all that the attempts of its order brought: that of
        another customer is left alone, so that the invoice is issued all the same.
        """
        line = self.env["account.move.line"].browse(line_id)
        if self._is_strange_money(line):
            return None
        payment = line.move_id.origin_payment_id
        if self.move_type == "out_invoice":
            self._lock_for_payment()
            self._check_fits_beside_charges(line)
        if payment.is_from_credit:
            self._check_credit_of_payment(payment)
        if (
            payment.payment_type == "inbound"
            and line.currency_id.compare_amounts(line._get_outstanding_credit(), 0) <= 0
        ):
            payment._check_no_refund_in_flight()
        return super().js_assign_outstanding_line(line_id)
