from odoo import api, fields, models
from odoo.tools import format_date


class AccountCreditNoteCreatePayment(models.TransientModel):
    """A payment of the invoice, and how much of it goes back."""

    _name = "account.credit.note.create.payment"
    _inherit = "payment.dialog.rights.mixin"
    _description = "Payment to Refund"

    dialog_id = fields.Many2one(
        comodel_name="account.credit.note.create", required=True, ondelete="cascade"
    )
    currency_id = fields.Many2one(related="dialog_id.currency_id")
    payment_id = fields.Many2one(
        comodel_name="account.payment", required=True, ondelete="cascade"
    )
    method = fields.Char(compute="_compute_method")
    available_amount = fields.Monetary(string="Refundable", readonly=True)
    amount = fields.Monetary(string="To refund")

    @api.depends("payment_id")
    def _compute_method(self):
        for row in self:
            payment = row.payment_id
            row.method = (
                f"{payment._get_receipt_method()} · "
                f"{format_date(self.env, payment.date)}"
                if payment
                else False
            )
