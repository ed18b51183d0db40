from odoo import fields, models


class AccountMove(models.Model):
    """Bad debt: what the customer will never pay is written off, without tax."""

    _inherit = "account.move"

    written_off_invoice_id = fields.Many2one(
        string="Written-off Invoice",
        comodel_name="account.move",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        help="The invoice whose unpaid amount this entry writes off.",
    )

    def _is_undone(self):
        """Tell if this entry was undone by an opposite one."""
        self.ensure_one()
        return any(move.state == "posted" for move in self.reversal_move_ids)
