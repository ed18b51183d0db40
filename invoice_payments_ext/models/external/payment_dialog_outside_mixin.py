from odoo import api, fields, models


class PaymentDialogOutsideMixin(models.AbstractModel):
    """The parts shared by dialogs that record money outside any gateway."""

    _name = "payment.dialog.outside.mixin"
    _inherit = "payment.dialog.mixin"
    _description = "Payment Dialog for Money outside any Gateway"

    company_id = fields.Many2one(comodel_name="res.company")
    journal_id = fields.Many2one(
        string="Paid from",
        comodel_name="account.journal",
        compute="_compute_journal_id",
        store=True,
        readonly=False,
        check_company=True,
        domain="[('type', 'in', ('bank', 'cash', 'credit')), "
        "('is_credit_balance', '=', False)]",
    )
    reference = fields.Char(
        help="The number on the document: the cheque's number, the transfer's "
        "reference."
    )

    # === COMPUTE METHODS === #

    @api.depends("company_id")
    def _compute_journal_id(self):
        moves = self.env["account.move"]
        for dialog in self:
            dialog.journal_id = (
                moves._get_external_journal(False, dialog.company_id)
                if dialog.company_id
                else False
            )
