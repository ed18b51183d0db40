from odoo import api, models
from odoo.exceptions import ValidationError


class AccountJournal(models.Model):
    """No till of the Point of Sale is on a credit journal.

    What it books there is refused anyway; but only when a session is closed, and then
    it could not be closed.
    """

    _inherit = "account.journal"

    def _register_hook(self):
        """Let the tills refuse a credit journal, where that module is installed.

        It is no dependency: its model gets the check when all modules are loaded.
        """
        super()._register_hook()
        if (tills := self.env.get("pos.payment.method")) is not None:
            model_class = self.env.registry[tills._name]
            model_class._check_credit_journal = _check_credit_journal
            # They are collected anew.
            model_class._constraint_methods = models.BaseModel._constraint_methods


@api.constrains("journal_id")
def _check_credit_journal(tills):
    """Check that no money comes or goes in a journal that keeps credit.

    :raise ValidationError: If one of these would book there.
    """
    for journal in tills.sudo().journal_id.filtered("is_credit_balance"):
        raise ValidationError(
            tills.env._(
                "%(journal)s keeps the credit of customers: no money comes or goes "
                "there. Choose another journal.",
                journal=journal.display_name,
            )
        )
