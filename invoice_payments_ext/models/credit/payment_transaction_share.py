from odoo import fields, models


class PaymentTransactionShare(models.Model):
    """The part of an invoice that credit pays, beside the attempt's money."""

    _inherit = "payment.transaction.share"

    credit_amount = fields.Monetary(
        readonly=True,
        help="How much the customer's credit balance pays of this invoice as soon as "
        "the attempt brought the rest.",
    )
