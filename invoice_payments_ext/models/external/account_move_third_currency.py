from odoo import models

from ...tools import OURS


class AccountMove(models.Model):
    """Parts of an invoice that are paid in a third currency.

    That is neither the invoice's nor the company's. Odoo matches such a payment in the
    company's currency. At another day's rate, that takes another amount off the invoice
    than the one that was recorded. Here the payment is booked at the value of the part
    that it pays: the exchange difference is booked when its money is on the statement.
    """

    _inherit = "account.move"

    # === BUSINESS METHODS === #

    def _is_in_third_currency(self, values):
        """Tell if a payment is in neither this invoice's nor the company's currency.

        :param dict values: The journal of the payment.
        :rtype: bool
        """
        self.ensure_one()
        company_currency = self.company_currency_id
        return company_currency != self.currency_id and (
            self._get_journal_currency(values) - company_currency - self.currency_id
        )

    def _is_part_in_third_currency(self, amount, values):
        """Tell if this amount is a part of the invoice, paid in a third currency."""
        return (
            self._is_in_third_currency(values)
            and self.currency_id.compare_amounts(amount, self.amount_residual) < 0
            and not self._is_eligible_for_early_payment_discount(
                self.currency_id, values["date"]
            )
        )

    def _record_part_in_third_currency(self, amount, values):
        """Record a payment that takes exactly this amount off the invoice.

        :param float amount: The amount, in the invoice's currency.
        :param dict values: The result of :meth:`_get_external_values`.
        :rtype: account.payment
        """
        parts = self._plan_booked_parts(amount)
        payments = self.env["account.payment"].with_context(booked_by_door=OURS)
        payment = payments.create(
            {
                **self._prepare_external_payment_vals(amount, values),
                "amount": self._convert_for_journal(amount, values),
                "currency_id": self._get_journal_currency(values).id,
                "force_balance": sum(booked for _line, _part, booked in parts),
            }
        )
        payment.action_post()
        payment = payment.with_env(self.env)
        self._match_booked_parts(payment, parts)
        return payment

    def _plan_booked_parts(self, amount):
        """Distribute an amount over the open lines of this invoice, oldest due first.

        :return: The lines, each with its part and at how much that is booked.
        :rtype: list[tuple[account.move.line, float, float]]
        """
        parts = []
        lines = self._get_open_receivable_lines()
        for line in lines.sorted(lambda line: (line.date_maturity, line.id)):
            part = min(amount, line.amount_residual_currency)
            if self.currency_id.compare_amounts(part, 0) <= 0:
                break
            booked = line.amount_residual * part / line.amount_residual_currency
            parts.append((line, part, self.company_currency_id.round(booked)))
            amount = self.currency_id.round(amount - part)
        return parts

    def _match_booked_parts(self, payment, parts):
        """Match a payment with the parts of this invoice that it pays."""
        payment_line = payment._get_receivable_lines()
        total = sum(part for _line, part, _booked in parts)
        left = payment.amount
        vals_list = []
        for line, part, booked in parts:
            is_last = line == parts[-1][0]
            paid = payment.currency_id.round(payment.amount * part / total)
            paid = left if is_last else paid
            left = payment.currency_id.round(left - paid)
            vals_list.append(
                {
                    "amount": booked,
                    "debit_amount_currency": part,
                    "credit_amount_currency": paid,
                    "debit_move_id": line.id,
                    "credit_move_id": payment_line.id,
                }
            )
        partials = self.env["account.partial.reconcile"]._create_computed(vals_list)
        partials._create_tax_cash_basis_moves()
