from odoo import api, fields, models
from odoo.exceptions import UserError


class AccountCreditNoteCreateLine(models.TransientModel):
    """A line of the invoice, and how much of it is credited."""

    _name = "account.credit.note.create.line"
    _inherit = "payment.dialog.rights.mixin"
    _description = "Line to Credit"

    dialog_id = fields.Many2one(
        comodel_name="account.credit.note.create", required=True, ondelete="cascade"
    )
    currency_id = fields.Many2one(related="move_line_id.currency_id")
    move_line_id = fields.Many2one(
        comodel_name="account.move.line", required=True, ondelete="cascade"
    )
    name = fields.Char(string="Line", readonly=True)
    creditable_amount = fields.Monetary(
        string="Creditable", readonly=True, help="Tax included."
    )
    creditable_quantity = fields.Float(
        string="Left", digits="Product Unit", readonly=True
    )
    quantity = fields.Float(
        digits="Product Unit",
        help="The quantity that comes back. The price and the tax are those of the "
        "invoice.",
    )
    amount = fields.Monetary(
        string="To credit",
        compute="_compute_amount",
        store=True,
        readonly=False,
        help="Tax included. Enter it where no quantity comes back.",
    )

    # === COMPUTE METHODS === #

    @api.depends("quantity")
    def _compute_amount(self):
        for row in self:
            row.amount = row._get_quantity_amount() if row.quantity else row.amount

    @api.onchange("amount")
    def _onchange_amount(self):
        """Credit the amount that was typed, and not that of the quantity."""
        if self.quantity and self.currency_id.compare_amounts(
            self.amount, self._get_quantity_amount()
        ):
            self.quantity = 0.0

    # === GETTERS === #

    def _get_quantity_amount(self):
        """Return the amount of the quantity alone, tax included."""
        invoice = self.move_line_id._origin.move_id
        date = self.dialog_id.date or invoice.invoice_date
        try:
            return invoice._get_credit_total(None, [self._prepare_line()], date)
        except UserError:
            return 0.0  # The preview says the error.

    def _prepare_line(self):
        """Return this line as the door takes it.

        :rtype: dict
        """
        line = {"line_id": self.move_line_id._origin.id}
        if self.quantity:
            return {**line, "quantity": self.quantity}
        return {**line, "amount": self.amount}
