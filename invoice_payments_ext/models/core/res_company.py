from odoo import models


class ResCompany(models.Model):
    """The settings that branches share with their main company."""

    _inherit = "res.company"

    # === BUSINESS METHODS === #

    def _get_company_root_delegated_field_names(self):
        """Let branches share these: a limit could be evaded in one without."""
        return [
            *super()._get_company_root_delegated_field_names(),
            "write_off_account_id",
            "payment_approval_limit",
            "credit_balance_account_id",
            "credit_balance_journal_id",
            "credit_adjustment_account_id",
            "credit_applied_at_issue",
        ]
