"""Worldline. Source: https://docs.direct.worldline-solutions.com/en/integration/
api-developer-guide/idempotent-requests
"""

from datetime import timedelta

from odoo import models


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

    def _get_worldline_key_period(self):
        """Return how long a charge may be sent again: keys are kept for 24 hours.

        :rtype: datetime.timedelta
        """
        return timedelta(hours=20)

    def _read_worldline_decline(self, _transaction, payment_data, content):
        """Read why Worldline declined; see `_get_decline_details`."""
        data = content or payment_data
        payment = data.get("paymentResult", data).get("payment") or {}
        errors = (
            payment.get("statusOutput", {}).get("errors") or data.get("errors") or [{}]
        )
        reference = (payment.get("id") or "").rsplit("_", 1)[0]
        return {
            "code": errors[0].get("errorCode"),
            "reason": errors[0].get("message"),
            "provider_reference": reference,
        }
