from odoo import fields, models


class AccountPayment(models.Model):
    """The channel of a payment that no attempt brought."""

    _name = "account.payment"
    _inherit = ["account.payment", "payment.channel.mixin"]

    # With an inverse, the ORM knows the attempts of a new payment without a search.
    attempt_ids = fields.One2many(
        string="Attempts",
        comodel_name="payment.transaction",
        inverse_name="payment_id",
        readonly=True,
    )
