"""Adyen. Source: https://docs.adyen.com/development-resources/api-idempotency; payments
cannot be looked up by reference.
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
