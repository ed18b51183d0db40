from odoo import api, models
from odoo.exceptions import UserError

from odoo.addons.account.models.account_move import BYPASS_LOCK_CHECK

# What a journal item on a credit account tells its balance.
CREDIT_FIELDS = (
    "account_id",
    "partner_id",
    "currency_id",
    "amount_currency",
    "balance",
    "debit",
    "credit",
)


class AccountMoveLine(models.Model):
    """Journal items on a credit account stay what the history of its balance says."""

    _inherit = "account.move.line"

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        self._check_credit_unchanged(lines)
        return lines

    def write(self, vals):
        if not any(name in vals for name in CREDIT_FIELDS):
            return super().write(vals)
        if self.env.context.get("bypass_lock_check") is BYPASS_LOCK_CHECK:
            # A contact got another parent. Its credit stays whose it was.
            self -= self._filter_posted_credit()
        changed = self.filtered(
            lambda line: any(
                self.env["account.move"]._field_will_change(line, vals, name)
                for name in CREDIT_FIELDS
                if name in vals
            )
        )
        self._check_credit_unchanged(changed)
        result = super().write(vals)
        self._check_credit_unchanged(changed)
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_credit_history(self):
        """Keep what the history of a credit balance refers to."""
        known = self.env["account.credit.balance.entry"]._get_latest(self)
        for line in known:
            raise UserError(
                self.env._(
                    "%s is in the history of a credit balance: it can be cancelled, "
                    "but not deleted.",
                    line.move_id.display_name,
                )
            )

    # === CHECK METHODS === #

    @api.model
    def _check_credit_unchanged(self, lines):
        """Check that no posted journal item on a credit account is being changed.

        :raise UserError: If one of these is on the credit account of its company.
        """
        for line in lines._filter_posted_credit():
            raise UserError(
                self.env._(
                    "%s is posted: reset it to draft before you change what it books "
                    "on the credit account.",
                    line.move_id.display_name,
                )
            )

    # === GETTERS === #

    def _filter_posted_credit(self):
        """Return those of these journal items that a credit balance is made of."""
        return self.filtered(lambda line: line.parent_state == "posted").filtered(
            lambda line: (
                line.account_id
                and line.account_id == line.company_id.sudo().credit_balance_account_id
            )
        )
