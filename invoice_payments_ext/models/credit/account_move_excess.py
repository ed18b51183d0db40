from odoo import models

from .most_credit import MostCredit


class AccountMove(models.Model):
    """Money that was paid too much, kept as credit, and credit for drafts."""

    _inherit = "account.move"

    # === BUSINESS METHODS - EXCESS === #

    def _lock_own_credit_balance(self, values):
        """Lock the balance that the excess of a payment is kept on.

        :param dict values: The result of :meth:`_get_external_values`.
        """
        if len(self) == 1 and self.partner_id:
            partner_id, company_id, _currency_id = self._get_credit_owner()
            currency = self._get_journal_currency(values)
            self.env["account.credit.balance"]._lock_or_create(
                [(partner_id, company_id, currency.id)]
            )

    def _record_with_excess(self, amount, values):
        """Record a payment with an excess, and keep the excess as credit.

        It is kept in the currency of the payment, which is the journal's.
        """
        self.ensure_one()
        self._check_amount(amount, self.currency_id)
        self._check_chargeable_in_full()
        if not self._get_excess(amount, values):
            # In the journal's currency, it is not above the amount that settles.
            return self._record_by_register_dialog(amount, values, is_checked=True)
        vals = self._prepare_external_payment_vals(self.amount_residual, values)
        vals["amount"] = amount
        if self._needs_register_dialog(values):
            dialog = self._open_register_dialog(values)
            settling = dialog._create_payment_vals_from_wizard(dialog.batches[0])
            vals.update(
                amount=self._convert_for_journal(amount, values),
                currency_id=dialog.currency_id.id,
                write_off_line_vals=settling["write_off_line_vals"],
            )
        payment = self._create_payments_together([vals])
        self._keep_rest_as_credit(payment)
        return payment

    def _keep_rest_as_credit(self, payment):
        """Keep the part of a payment that paid no invoice on the credit balance."""
        lines = payment._get_receivable_lines()
        rest = -sum(lines.mapped("amount_residual_currency"))
        if payment.currency_id.compare_amounts(rest, 0) > 0:
            # An exchange difference may have taken the last cent.
            lines._keep_as_credit(rest)

    # === GETTERS === #

    def _get_most_credit_at_issue(self):
        """Return the credit that this draft gets when it is issued; none if all.

        :rtype: float or None
        """
        most = self.env.context.get("most_credit_at_issue")
        return most.amount if isinstance(most, MostCredit) else None

    def _get_credit_for_draft(self):
        """Return the credit that is going to pay this draft when it is issued.

        :return: The amount in the invoice's currency.
        :rtype: float
        """
        self.ensure_one()
        if not self.apply_credit:
            return 0.0
        most = self._get_most_credit_at_issue()
        held = self.available_credit
        return held if most is None else min(held, most)
