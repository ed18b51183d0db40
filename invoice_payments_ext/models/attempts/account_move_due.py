from odoo import models


class AccountMove(models.Model):
    """The parts of an invoice that a payment may be for: due now, or all."""

    _inherit = "account.move"

    def _get_amounts_due(self):
        """Return the amounts that a payment of this invoice may be for, each once.

        Never more than is chargeable.

        :return: By the part (`overdue`, `next` or `all`) its amount, in the currency of
                 the invoice.
        :rtype: dict[str, float]
        """
        self.ensure_one()
        total = self._get_default_payment_amount()
        compare = self.currency_id.compare_amounts
        amounts = {}
        for name, amount in self._get_instalments_due().items():
            is_new = all(compare(amount, known) for known in amounts.values())
            if is_new and compare(amount, 0) > 0 > compare(amount, total):
                amounts[name] = amount
        return {**amounts, "all": total}

    def _get_amount_due(self):
        """Return the amount that is proposed for a payment of this invoice.

        As in Odoo's own dialog, it is all that is overdue of several instalments, or
        else the next one.

        :return: The amount in the invoice's currency.
        :rtype: float
        """
        self.ensure_one()
        total = self._get_default_payment_amount()
        due = self._get_instalments_due()
        return min(due.get("overdue") or due.get("next") or total, total)

    def _get_instalments_due(self):
        """Return the overdue part of several instalments, and the first open one.

        :return: By the part (`overdue` or `next`) its amount; empty if there is one
                 instalment only.
        :rtype: dict[str, float]
        """
        values = self._get_invoice_next_payment_values()
        if values.get("installment_state") not in ("overdue", "next"):
            return {}
        parts = values["not_reconciled_installments"]
        overdue = [part for part in parts if part["type"] == "overdue"]
        return {
            name: self.currency_id.round(
                sum(part["amount_residual_currency_unsigned"] for part in each)
            )
            for name, each in (("overdue", overdue), ("next", parts[:1]))
        }
