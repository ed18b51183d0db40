from odoo import models
from odoo.exceptions import UserError

from ..tools import OURS


class AccountPaymentRegister(models.TransientModel):
    """Odoo's own dialog: it pays only the amount that is not in flight."""

    _inherit = "account.payment.register"

    # === CHECK METHODS === #

    def _check_not_in_flight(self):
        """Check that the amounts to be paid are not in flight on the invoices already.

        :raise UserError: Naming an attempt that may bring the money.
        """
        invoices = self.batches and self.line_ids.move_id
        busy = [invoice for invoice in invoices if self._get_amount_in_flight(invoice)]
        if not busy:
            return
        attempt = busy[0]._get_attempts_with_money()[:1]
        is_one_payment = self.can_edit_wizard and self.group_payment
        # Nobody knows how much one payment of several invoices leaves to each.
        is_refused = is_one_payment and len(invoices) > 1
        for invoice in busy:
            is_refused = is_refused or bool(invoice._get_all_in_flight_reason())
        if is_refused or (is_one_payment and self._is_above_chargeable(invoices)):
            raise UserError(invoices._describe_attempt(attempt))

    def _check_pays_something(self):
        """Check that this pays something, or writes all off.

        :raise UserError: If it would only make a payment of zero.
        """
        is_of_amount = self.can_edit_wizard and not self._is_written_off()
        if is_of_amount and self.currency_id.is_zero(self.amount):
            raise UserError(self.env._("The amount must be above zero."))

    def _is_above_chargeable(self, invoice):
        """Tell if this pays more of an invoice than is not in flight.

        :rtype: bool
        """
        paid = self.amount
        if self.payment_difference_handling == "reconcile":
            paid += self.payment_difference
        left = self._get_total_amounts_to_pay(self.batches)["full_amount"]
        if invoice.currency_id != self.currency_id:
            left += self.currency_id.rounding  # Amounts were converted one by one.
        return self.currency_id.compare_amounts(paid, left) > 0

    def _is_written_off(self):
        """Tell if what is not paid is given up, and is no early-payment discount.

        :rtype: bool
        """
        return (
            self.payment_difference_handling == "reconcile"
            and not self.early_payment_discount_mode
        )

    # === BUSINESS METHODS === #

    def _get_amount_in_flight(self, invoices):
        """Return the amount in flight on invoices, in the currency of this dialog.

        :rtype: float
        """
        return sum(
            invoice._from_own_currency(
                self.currency_id, invoice._get_amount_in_flight(), self.payment_date
            )
            for invoice in invoices
            if invoice.move_type == "out_invoice"
        )

    def _get_total_amounts_to_pay(self, batch_results):
        """Propose the amount not in flight; a discount is for all of an invoice."""
        totals = super()._get_total_amounts_to_pay(batch_results)
        lines = self.env["account.move.line"].union(
            *(batch["lines"] for batch in batch_results)
        )
        in_flight = self._get_amount_in_flight(lines.move_id)
        if self.currency_id.is_zero(in_flight):
            return totals
        full = totals["full_amount_for_difference"]
        left = max(self.currency_id.round(full - in_flight), 0.0)
        by_default = totals["amount_for_difference"]
        return {
            **totals,
            "amount_by_default": min(by_default, left),
            "full_amount": left,
            "epd_applied": False,
        }

    def _create_payments(self):
        """Check the level, and that the amount is not in flight already."""
        invoices = self.line_ids.move_id.filtered(
            lambda move: move.is_sale_document(include_receipts=True)
        )
        if invoices:
            # Payments for sibling companies are created in superuser mode.
            invoices._check_payment_rights()
        self._check_not_in_flight()
        if invoices:
            self._check_pays_something()
        is_written_off = self._is_written_off()
        if is_written_off and invoices and self.writeoff_is_exchange_account:
            # The payment itself shows nothing of it: Odoo bends the rate.
            invoices._check_refund_rights()
        dialog = self.with_context(
            discount_of_dialog=None if is_written_off else OURS,
            # For the approval limit: Odoo matches payments once they are checked.
            lines_of_dialog=self.line_ids,
        )
        return super(AccountPaymentRegister, dialog)._create_payments()

    def _post_payments(self, to_process, edit_mode=False):
        """Charge for the invoices of this dialog, with any context of the client."""
        lines = self.env["account.move.line"].union(
            *(each["to_reconcile"] for each in to_process)
        )
        dialog = self.with_context(active_model=lines._name, active_ids=lines.ids)
        return super(AccountPaymentRegister, dialog)._post_payments(
            to_process, edit_mode=edit_mode
        )

    def _reconcile_payments(self, to_process, edit_mode=False):
        """Say that Odoo's own code lists the payments on the invoices that they pay."""
        for each in to_process:
            lines = each["to_reconcile"]
            each["to_reconcile"] = lines.with_context(reconciled_by_code=OURS)
        return super()._reconcile_payments(to_process, edit_mode=edit_mode)

    def _init_payments(self, to_process, edit_mode=False):
        """Spend no credit on entries in another currency."""
        of_credit = to_process if self.journal_id.is_credit_balance else []
        for each in of_credit:
            currency = each["to_reconcile"].currency_id
            if each["create_vals"]["currency_id"] != currency.id:
                raise UserError(
                    self.env._(
                        "Credit pays only amounts in its own currency: %s.",
                        ", ".join(currency.mapped("name")),
                    )
                )
        return super()._init_payments(to_process, edit_mode=edit_mode)
