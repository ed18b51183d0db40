import math

from odoo import fields, models


def round_to_plain(amount, currency):
    """Return a converted amount as people write one, and never less.

    6.42 becomes 6.50, 668 becomes 700, and 12.30 becomes 13.

    :param float amount: An amount above zero.
    :param res.currency currency: Its currency.
    :rtype: float
    """
    unit = 10 ** math.floor(math.log10(amount))
    step = max(unit / 10 if amount < 2 * unit else unit / 2, currency.rounding)
    # Less than a float may be off.
    return currency.round(math.ceil(amount / step - 1e-6) * step)


class AccountMove(models.Model):
    """The amounts that members may pay on an invoice."""

    _inherit = "account.move"

    # === GETTERS === #

    def _get_member_amounts(self):
        """Return the amounts that a member is offered to pay on this invoice.

        :return: In the invoice's currency: `full`, and where instalments are less than
                 that, those that are `overdue`, or else the `next` one.
        :rtype: dict[str, float]
        """
        self.ensure_one()
        chargeable = self._get_member_chargeable_amount()
        amounts = {"full": min(self._get_default_payment_amount(), chargeable)}
        values = self._get_invoice_next_payment_values()
        if values.get("installment_state") in ("next", "overdue"):
            on_its_way = self.amount_residual - chargeable
            instalment = self.currency_id.round(
                values["next_amount_to_pay"] - on_its_way
            )
            compared = self.currency_id.compare_amounts(instalment, amounts["full"])
            if compared < 0 and self.currency_id.compare_amounts(instalment, 0) > 0:
                amounts[values["installment_state"]] = instalment
        return amounts

    def _prepare_statement_link(self):
        """Return what the link of a statement says of this invoice, as its form does.

        :return: The invoice, the amount that its payment form proposes, and its day.
        :rtype: dict
        """
        self.ensure_one()
        amounts = self._get_member_amounts()
        values = self._get_invoice_next_payment_values()
        return {
            "invoice": self,
            "due": values.get("next_due_date") or self.invoice_date_due,
            "amount": amounts.get("overdue") or amounts.get("next") or amounts["full"],
        }

    def _get_member_chargeable_amount(self, reserved=None):
        """Return the amount that a member can pay now, in the invoice's currency.

        Money on its way, and the credit that was promised beside it, is left out.

        :param float reserved: The result of :meth:`_get_reserved_amount`, if known.
        :rtype: float
        """
        self.ensure_one()
        if reserved is None:
            reserved = self._get_reserved_amount()
        left = self._get_chargeable_amount() - reserved
        return max(self.currency_id.round(left), 0.0)

    def _get_portal_remaining(self):
        """Return what of this remains: to be paid by the member, and on its way.

        :return: In the invoice's currency, `to_pay`, as the page of all that is owed
                 says it; `processing` and credit that is `reserved` beside it. The
                 three are the remaining amount.
        :rtype: dict[str, float]
        """
        self.ensure_one()
        reserved = self._get_reserved_amount()
        to_pay = min(self._get_member_chargeable_amount(reserved), self.amount_residual)
        on_its_way = self.currency_id.round(self.amount_residual - to_pay)
        reserved = min(reserved, on_its_way)
        return {
            "to_pay": to_pay,
            "processing": self.currency_id.round(on_its_way - reserved),
            "reserved": reserved,
        }

    def _is_credit_held_back(self):
        """Tell if members cannot spend credit on this invoice now.

        It pays nothing while money may still come that pays the same. All pages and
        checks of the portal follow this rule.

        :rtype: bool
        """
        self.ensure_one()
        return bool(self._get_attempts_in_flight())

    def _get_member_minimum(self):
        """Return the least amount of the member's choice, in the invoice's currency."""
        self.ensure_one()
        company = self.company_id
        minimum = company.currency_id._convert(
            company.portal_minimum_amount,
            self.currency_id,
            company,
            fields.Date.context_today(self),
        )
        minimum = max(minimum, self.currency_id.rounding)
        if self.currency_id == company.currency_id:
            return minimum
        return round_to_plain(minimum, self.currency_id)

    def _get_attempts_that_leave_a_rest(self):
        """Return the attempts that the gateway has taken, and that pay only a part.

        They are known, and their amounts are left out of the amount that can be paid.

        :rtype: payment.transaction
        """
        return self._get_attempts_in_flight() - self._get_unresolved_attempts()
