from odoo import models

from ...tools import OURS


class AccountBankStatementLine(models.Model):
    """Lines of bank statements, which Odoo deletes together with their entries."""

    _name = "account.bank.statement.line"
    _inherit = ["payment.seal.mixin", "account.bank.statement.line"]

    def unlink(self):
        """Say that posted entries go with their lines: Odoo deletes the lines first."""
        deleting = self.with_context(deleted_with_line=OURS)
        return super(AccountBankStatementLine, deleting).unlink()
