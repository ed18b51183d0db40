from odoo import models


class AccountMoveLine(models.Model):
    """The instalments from whose days the steps of a plan count."""

    _inherit = "account.move.line"

    # === BUSINESS METHODS === #

    def _follow_new_due_date(self):
        """Let the schedule look at the invoices of these at once, by the new days."""
        moves = self.move_id
        moves._get_collections(moves)._look_again()
