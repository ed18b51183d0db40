"""Xendit. Source: https://archive.developers.xendit.co/api-reference/#create-charge."""

from odoo import models


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

    def _read_xendit_decline(self, _transaction, payment_data, content):
        """Read why Xendit declined; see `_get_decline_details`."""
        code = payment_data.get("failure_reason") or content.get("error_code")
        return {"code": code, "reason": content.get("message")}
