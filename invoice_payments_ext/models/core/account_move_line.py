from odoo import api, models

from ...tools import OURS


class AccountMoveLine(models.Model):
    """The journal items that credit balances are made of."""

    _name = "account.move.line"
    _inherit = ["payment.seal.mixin", "account.move.line"]

    # === BUSINESS METHODS === #

    @api.model
    def _reconcile_plan(self, reconciliation_plan):
        """Say that the amounts are computed here, and not by a client."""
        computed = self.with_context(reconciled_by_code=OURS)
        return super(AccountMoveLine, computed)._reconcile_plan(reconciliation_plan)

    # === GETTERS === #

    def _is_unsealed_draft(self, is_new):
        return self.move_id._is_unsealed_draft(is_new)

    def _filter_posted_credit(self):
        """Return those of these journal items that a credit balance is made of."""
        return self.filtered(
            lambda line: line.parent_state == "posted"
        )._filter_credit()

    def _filter_credit(self):
        """Return those of these journal items that are on their credit account."""
        accounts = self.company_id.sudo().credit_balance_account_id
        if not accounts & self.account_id:
            return self.browse()  # So it is with most posted entries.
        return self.filtered(
            lambda line: (
                line.account_id & line.company_id.sudo().credit_balance_account_id
            )
        )
