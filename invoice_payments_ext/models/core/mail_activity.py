from odoo import fields, models


class MailActivity(models.Model):
    """Tasks about payments, which end when there is nothing left to do.

    A task may name its cause. An entry or an invoice is none any more once all of it is
    matched, or it is not posted. A payment transaction is none once it is booked, or
    came to nothing.
    """

    _inherit = "mail.activity"

    payment_cause_move_id = fields.Many2one(
        comodel_name="account.move",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="The task ends when this is matched.",
    )
    payment_cause_transaction_id = fields.Many2one(
        comodel_name="payment.transaction",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="The task ends when this is booked.",
    )
