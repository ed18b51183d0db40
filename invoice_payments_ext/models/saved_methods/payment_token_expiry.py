from odoo import fields, models


class PaymentToken(models.Model):
    """The last day of a saved method, where its provider names one."""

    _inherit = "payment.token"

    expires_on = fields.Date(
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The last day on which the card can be charged, as the provider said.",
    )
    expiry_told_days = fields.Integer(
        string="Told of Expiry",
        readonly=True,
        copy=False,
        help="How many days before that day the customer was told last. Zero: not yet.",
    )
