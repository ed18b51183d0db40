from odoo import api, models


class AccountMove(models.Model):
    """The credit balance as a destination of a credit note."""

    _inherit = "account.move"

    # === LOCKS === #

    def _lock_credit_to_give_back(self, destinations):
        """Lock the balances that a part of a credit note is kept on.

        :param list[dict] destinations: The destinations that were given.
        """
        brought = self._get_money_brought()
        payments = self.env["account.payment"].union(*brought)
        if any(values.get("to") == "credit" for values in destinations):
            owners = payments._get_credit_owners()
            if not all(brought):
                owners.add(self._get_credit_owner())  # No payment brought a part.
        else:
            # Money that was paid from a balance goes back there automatically.
            owners = payments.filtered("is_from_credit")._get_credit_owners()
        self.env["account.credit.balance"]._lock_or_create(owners)

    # === THE CREDIT BALANCE === #

    def _plan_credit_balance(self, values, left):
        """Plan the amount to keep as credit: former credit, then the rest."""
        self._get_credit_payment_values(self.company_id, "outbound")
        return self._plan_parts(
            "credit",
            values["amount"],
            sorted(left, key=lambda payment: not payment.is_from_credit),
            left,
            self.env._(
                "%(amount)s of the %(given)s cannot be kept as credit: the amount that "
                "was paid on %(invoice)s was given back already."
            ),
        )

    def _book_credit(self, credit_note, destination, reason):
        """Keep it on the credit balance, and reconcile it with the credit note."""
        payment = destination.payment
        amount = destination.amount
        if payment:
            amount = self._to_payment_currency(payment, amount)
        payment._book_on_credit_balance(amount, reason, credit_note=credit_note)

    @api.model
    def _get_returnable_credit(self, left):
        """Return how much that credit balances paid can go back there.

        :param dict left: The result of :meth:`_get_returnable_amounts`.
        :rtype: float
        """
        return sum(
            amount
            for payment, amount in left.items()
            if payment.is_from_credit
            and not payment._get_refund_blocked_reason("credit")
        )

    def _get_credit_destinations(self, excess):
        """Return the default destinations of the amount given back.

        An amount that a credit balance paid goes back there automatically.

        :param float excess: The amount, in the invoice's currency.
        :rtype: list[dict]
        """
        from_credit = self._get_returnable_credit(self._get_returnable_amounts())
        if self.currency_id.compare_amounts(excess, from_credit) > 0:
            return []
        return [{"to": "credit", "amount": excess}]
