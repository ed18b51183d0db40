from odoo import models


class PaymentToken(models.Model):
    """A saved payment method, with what its owner agreed to."""

    _name = "payment.token"
    _inherit = ["payment.token", "payment.consent.mixin"]
