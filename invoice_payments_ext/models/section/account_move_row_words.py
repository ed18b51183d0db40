from odoo import models


class AccountMove(models.Model):
    """The words of a row for how its money came."""

    _inherit = "account.move"

    def _name_external_kinds(self, payments):
        """Put the kind before the journal, and leave out a method without a name.

        :param list[dict] payments: The payments, as they were read.
        :return: The same.
        :rtype: list[dict]
        """
        for payment in payments:
            if kind := payment["external_kind"]:
                words = [self._get_external_kind_label(kind), payment["journal"]]
                payment["journal"] = " · ".join(dict.fromkeys(words))
                payment["method"] = payment["own_method_name"]
        return payments

    def _add_discount_words(self, memo, payment):
        """Say behind a memo what a payment takes off besides its money.

        :param str memo: The memo; it may be empty.
        :param dict payment: The payment, as it was read; empty if there is none.
        :rtype: str
        """
        discount = self._get_row_discount(payment)
        if not discount:
            return memo
        currency = self.env["res.currency"].browse(payment["currency_id"])
        words = self.env._("Early-payment discount of %s", currency.format(discount))
        return " · ".join(filter(None, [memo, words]))

    def _get_row_discount(self, payment):
        """Return the early-payment discounts that a payment books besides its money.

        :param dict payment: The payment, as it was read; empty if there is none.
        :return: The amount in the payment's currency; zero for an invoice whose terms
                 have no discount.
        :rtype: float
        """
        has_discount = self.invoice_payment_term_id.early_discount
        return float(payment.get("discount") or 0.0) if has_discount else 0.0
