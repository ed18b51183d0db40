from itertools import chain

from odoo import api, fields, models

from ...tools import OURS


class AccountMove(models.Model):
    """Early-payment discounts, where one payment settles several invoices.

    Odoo knows them for a payment of one invoice, or of whole invoices. Here each
    invoice has its own part of the money. The discount is booked for exactly those
    whose part is the discounted amount.
    """

    _inherit = "account.move"

    # === BUSINESS METHODS === #

    @api.model
    def _get_invoice_counterpart_amls_for_early_payment_discount(
        self, aml_values_list, open_balance
    ):
        """Return each line as a kind of its own where an attempt is booked.

        Odoo's booking of a payment online keeps the first line of each kind. With
        several taxes or accounts, the invoice would not be settled.
        """
        found = super()._get_invoice_counterpart_amls_for_early_payment_discount(
            aml_values_list, open_balance
        )
        if self.env.context.get("booked_by_door") is not OURS:
            return found
        return {
            str(number): [vals]
            for number, vals in enumerate(chain.from_iterable(found.values()))
        }

    def _get_discount(self, date=None):
        """Return the early-payment discount for who settles this invoice on a day.

        There is none beside a payment that was made, or one that is in flight.

        Note: `self.ensure_one()`

        :param date date: The day of the payment; today if not given.
        :return: The discount in the invoice's currency; zero if there is none.
        :rtype: float
        """
        self.ensure_one()
        day = date or fields.Date.context_today(self)
        if (
            not self.invoice_payment_term_id.early_discount
            or not self._is_eligible_for_early_payment_discount(self.currency_id, day)
            or self.currency_id.compare_amounts(
                self._get_chargeable_amount(), self.amount_residual
            )
        ):
            return 0.0
        return self._get_discount_of_terms()

    def _get_discount_of_terms(self):
        """Return the early-payment discount of this invoice, whatever the day.

        :return: The discount in the invoice's currency.
        :rtype: float
        """
        lines = self._get_open_receivable_lines()
        return self.currency_id.round(
            sum(line.amount_currency - line.discount_amount_currency for line in lines)
        )

    def _get_discounts_covered(self, parts, date=None):
        """Return the discounts of the invoices whose part is the discounted amount.

        :param dict parts: By invoice, its part of the money.
        :param date date: The day of the payment; today if not given.
        :return: By invoice, its discount in the invoice's currency.
        :rtype: dict[account.move, float]
        """
        discounts = {}
        for invoice, part in parts.items():
            discount = invoice._get_discount(date)
            settling = invoice.amount_residual - discount
            if discount and not invoice.currency_id.compare_amounts(part, settling):
                discounts[invoice] = discount
        return discounts

    def _prepare_discount_lines(self, discounts, date):
        """Return the journal items that book discounts beside a payment.

        They are those of Odoo's own register dialog: with the tax that the discount
        reduces, if the payment terms say so.

        :param dict discounts: By invoice, its discount in the invoice's currency.
        :param date date: The day of the payment.
        :return: Values for `write_off_line_vals` of a payment.
        :rtype: list[dict]
        """
        vals_list = []
        for invoice, discount in discounts.items():
            currency, company = invoice.currency_id, invoice.company_id
            [line] = invoice._get_open_receivable_lines()
            base = company.currency_id
            found = self._get_invoice_counterpart_amls_for_early_payment_discount(
                [
                    {
                        "aml": line,
                        "amount_currency": -line.amount_residual_currency,
                        "balance": currency._convert(
                            -line.amount_residual_currency, base, company, date
                        ),
                    }
                ],
                currency._convert(discount, base, company, date),
            )
            vals_list += [
                {**vals, "name": f"{vals['name']} · {invoice.name}"}
                for each in found.values()
                for vals in each
            ]
        return vals_list
