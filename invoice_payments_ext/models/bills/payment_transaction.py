from odoo import fields, models


class PaymentTransaction(models.Model):
    """The credit notes and the credit that a refund belongs to."""

    _inherit = "payment.transaction"

    refund_credits_planned = fields.Json(
        readonly=True,
        copy=False,
        help="The amounts that credit notes are to take off the bill when the refund "
        "succeeded, by the invoice's id, in its currency.",
    )
    refund_credit_note_id = fields.Many2one(
        string="Refunded Credit Note",
        comodel_name="account.move",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The credit note that this refund pays out.",
    )
    refund_credit_payment_id = fields.Many2one(
        string="Paid Out of Credit",
        comodel_name="account.payment",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The payment that took the amount from the customer's credit balance, "
        "which this refund pays out.",
    )
