from odoo import fields, models


class AccountMoveLine(models.Model):
    """The invoice line that a line of a credit note credits."""

    _inherit = "account.move.line"

    credited_line_id = fields.Many2one(
        string="Credited Invoice Line",
        comodel_name="account.move.line",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="On a line of a credit note: the line of the invoice that it credits.",
    )

    def _copy_data_extend_business_fields(self, values):
        """Let Odoo's own reversals know too which lines they credit."""
        result = super()._copy_data_extend_business_fields(values)
        if self.move_id.move_type == "out_invoice":
            values["credited_line_id"] = self.id
        return result
