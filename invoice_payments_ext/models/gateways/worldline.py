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
