"""Adyen: payments cannot be looked up by reference. Sources:
https://docs.adyen.com/development-resources/api-idempotency,
https://docs.adyen.com/development-resources/refusal-reasons/,
https://docs.adyen.com/development-resources/raw-acquirer-responses/
"""

from datetime import timedelta

from odoo import models


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

    def _get_adyen_key_period(self):
        """Return how long a charge may be sent again: keys are kept for 7 days.

        :rtype: datetime.timedelta
        """
        return timedelta(days=6)

    def _read_adyen_decline(self, _transaction, payment_data, content):
        """Read why Adyen declined; see `_get_decline_details`.

        The codes of the network are there where the account asks for them.
        """
        more = payment_data.get("additionalData") or {}
        return {
            "code": payment_data.get("refusalReasonCode") or content.get("errorCode"),
            "network_code": _get_first_part(more.get("refusalReasonRaw")),
            "advice_code": _get_first_part(more.get("merchantAdviceCode")),
            "reason": payment_data.get("refusalReason")
            or payment_data.get("reason")
            or content.get("message"),
            "provider_reference": payment_data.get("pspReference")
            or content.get("pspReference"),
        }

    def _read_adyen_expiry(self, payment_data):
        """Read the last month of a card; see `EXPIRY_METHODS`.

        Adyen names it where the account lets it: *Developers → Additional data →
        Expiry date*. https://docs.adyen.com/api-explorer/Checkout/latest/post/payments
        """
        expiry = (payment_data.get("additionalData") or {}).get("expiryDate")
        month, _slash, year = (expiry or "").partition("/")
        return (int(year), int(month)) if year else None


def _get_first_part(text):
    """Return the code in a text such as `51 : Insufficient funds`."""
    return (text or "").partition(":")[0].strip()
