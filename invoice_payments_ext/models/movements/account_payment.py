from odoo import models


class AccountPayment(models.Model):
    """The channel of a payment that no attempt brought."""

    _name = "account.payment"
    _inherit = ["account.payment", "payment.channel.mixin"]
