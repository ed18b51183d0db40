from odoo import fields, models


class AccountRefundAllocation(models.Model):
    """How much of a refund concerns which invoice.

    The ledger shows only current allocations; an amount that a refund took away is
    nowhere in it.
    """

    _name = "account.refund.allocation"
    _description = "Refund Allocation"
    _rec_name = "payment_id"

    payment_id = fields.Many2one(
        string="Refund",
        comodel_name="account.payment",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    invoice_id = fields.Many2one(
        comodel_name="account.move",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    currency_id = fields.Many2one(related="invoice_id.currency_id")
    amount = fields.Monetary(
        readonly=True, help="The part of the refund, in the invoice's currency."
    )
    credit_note_id = fields.Many2one(
        comodel_name="account.move",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="The credit note that took the amount off the bill. Without one, the "
        "customer still owes it.",
    )
