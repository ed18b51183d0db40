from odoo import models
from odoo.exceptions import UserError
from odoo.tools import float_round

from odoo.addons.payment.const import CURRENCY_MINOR_UNITS

# The providers whose modules send an amount as a whole number of minor units: the
# rest is cut off, without a word. The units are those of ISO 4217.
SENDS_MINOR_UNITS = (
    "adyen",
    "aps",
    "paymob",
    "razorpay",
    "redsys",
    "stripe",
    "worldline",
)
# The decimals that a gateway takes where they are fewer, or more, than that. Where the
# module's own table (`CURRENCY_DECIMALS` in its `const`) allows more than the gateway's
# documentation, the documentation counts.
ACCEPTED_DECIMALS = {
    # docs.adyen.com/development-resources/currency-codes
    "adyen": {"CLP": 2, "CVE": 0, "IDR": 0, "ISK": 2},
    # mercadopago.com/developers: `GET /currencies`
    "mercado_pago": {"COP": 0, "HNL": 0, "NIO": 0},
    # docs.stripe.com/currencies: special cases, zero-decimal and three-decimal ones
    "stripe": {
        **dict.fromkeys(("ISK", "MGA", "UGX"), 0),
        **dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 2),
    },
    # The module sends whole amounts of all its currencies.
    "xendit": dict.fromkeys(("IDR", "MYR", "PHP", "THB", "VND"), 0),
}


class PaymentProvider(models.Model):
    """The amounts that a gateway takes as they are."""

    _inherit = "payment.provider"

    def _get_accepted_amount(self, amount, currency):
        """Return the amount that the gateway would take when asked for this one.

        A provider overrides this when its module or its gateway rounds amounts.

        Note: `self.ensure_one()`

        :param float amount: The amount in the given currency, zero or above.
        :param res.currency currency: The currency of both amounts.
        :rtype: float
        """
        self.ensure_one()
        decimals = ACCEPTED_DECIMALS.get(self.code, {}).get(currency.name)
        if decimals is None and self.code in SENDS_MINOR_UNITS:
            decimals = CURRENCY_MINOR_UNITS.get(currency.name)
        if decimals is None:
            return amount
        return float_round(amount, precision_digits=decimals, rounding_method="DOWN")

    def _get_not_accepted_reason(self, amount, currency):
        """Say that the gateway would take another amount; empty if it would not.

        :param float amount: The amount in the given currency, zero or above.
        :param res.currency currency: The currency of the amount.
        :rtype: str
        """
        self.ensure_one()
        taken = self._get_accepted_amount(amount or 0.0, currency)
        if not amount or not currency.compare_amounts(taken, amount):
            return ""
        if currency.is_zero(taken):
            return self.env._(
                "%(provider)s does not take an amount as small as %(amount)s.",
                provider=self.name,
                amount=currency.format(amount),
            )
        return self.env._(
            "%(provider)s would take %(taken)s, not %(amount)s, because it rounds "
            "amounts in %(currency)s. Use %(taken)s, and settle the rest in another "
            "way.",
            provider=self.name,
            taken=currency.format(taken),
            amount=currency.format(amount),
            currency=currency.name,
        )

    def _check_accepted_amount(self, amount, currency):
        """Check that the gateway takes an amount as it is, before it is asked to.

        :raise UserError: With the amount that it would take instead.
        """
        if reason := self._get_not_accepted_reason(amount, currency):
            raise UserError(reason)
