from odoo import models


class PaymentToken(models.Model):
    """Saved methods, whose owner, reference and consent are sealed."""

    _name = "payment.token"
    _inherit = ["payment.seal.mixin", "payment.lock.mixin", "payment.token"]
