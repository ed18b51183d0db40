from collections import defaultdict

from odoo import api, models

from .reasons import CHARGE


class AccountAutoPay(models.Model):
    """What is charged at once as soon as a customer permits automatic charges."""

    _inherit = "account.auto.pay"

    # === GETTERS === #

    @api.model
    def _describe_at_once(self, customer, company):
        """Say what is charged as soon as a customer switches auto-pay on.

        The schedule's own decision tells it, as if the customer permitted it. A limit
        that the customer enters is not known.

        :param res.partner customer: The commercial partner, in superuser mode.
        :param res.company company: The company that would charge.
        :return: A sentence for what is charged at once, and one for what is charged
                 once there is a payment method, too; none where there is no such.
        :rtype: list[str]
        """
        rows = self.env["account.collection"]._find_to_charge_at_once(customer, company)
        if not rows:
            return []
        zone = company.sudo()._get_own_zone().key
        moves = rows.move_id.with_context(tz=zone).with_company(company)
        decisions = moves._decide_charges(is_automatic=True, as_permitted=True)
        amounts = {True: defaultdict(list), False: defaultdict(list)}
        for move, decision in decisions.items():
            if decision.action == CHARGE or decision.reason == "no_method":
                has_method = decision.action == CHARGE
                amounts[has_method][move.currency_id].append(decision.amount)
        return [
            self._word_at_once(by_currency, has_method)
            for has_method, by_currency in amounts.items()
            if by_currency
        ]

    def _word_at_once(self, by_currency, has_method):
        """Return the sentence on some amounts; see :meth:`_describe_at_once`.

        :param dict by_currency: The amounts of the invoices, by currency.
        :param bool has_method: Whether there is a saved method to charge.
        :rtype: str
        """
        count = sum(map(len, by_currency.values()))
        values = {
            "count": count,
            "amounts": ", ".join(
                currency.format(sum(amounts))
                for currency, amounts in by_currency.items()
            ),
        }
        if has_method and count == 1:
            return self.env._(
                "1 open invoice is charged as soon as you switch it on: %(amounts)s.",
                **values,
            )
        if has_method:
            return self.env._(
                "%(count)s open invoices are charged as soon as you switch it on: "
                "%(amounts)s.",
                **values,
            )
        if count == 1:
            return self.env._(
                "1 open invoice is charged as soon as you switch it on and a payment "
                "method is saved: %(amounts)s.",
                **values,
            )
        return self.env._(
            "%(count)s open invoices are charged as soon as you switch it on and a "
            "payment method is saved: %(amounts)s.",
            **values,
        )
