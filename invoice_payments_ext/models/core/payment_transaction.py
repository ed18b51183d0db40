from odoo import models


class PaymentTransaction(models.Model):
    """Attempts, which nobody but superuser code creates, writes and deletes."""

    _name = "payment.transaction"
    _inherit = ["payment.seal.mixin", "payment.transaction"]
