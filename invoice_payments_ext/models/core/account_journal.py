from odoo import fields, models
from odoo.fields import Domain


class AccountJournal(models.Model):
    _inherit = "account.journal"

    is_credit_balance = fields.Boolean(
        compute="_compute_is_credit_balance",
        search="_search_is_credit_balance",
        help="Whether it keeps the customers' credit: no money comes or goes here.",
    )

    def _compute_is_credit_balance(self):
        kept = self._get_credit_balance_journals()
        for journal in self:
            journal.is_credit_balance = journal in kept

    def _search_is_credit_balance(self, operator, value):
        if operator != "in":
            return NotImplemented
        is_wanted = True in value
        ids = self._get_credit_balance_journals().ids
        return Domain("id", "in" if is_wanted else "not in", ids)

    def _get_credit_balance_journals(self):
        """Return the journals that keep the customers' credit, of all companies."""
        companies = (
            self.env["res.company"]
            .sudo()
            .search_fetch([], ["credit_balance_journal_id"])
        )
        return companies.credit_balance_journal_id.sudo(self.env.su)
