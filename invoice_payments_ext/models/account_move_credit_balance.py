from odoo import models
from odoo.exceptions import UserError

# With another value, a posted journal item would belong to another balance, or to none.
HOLDER_FIELDS = ("partner_id", "company_id", "currency_id")


class AccountMove(models.Model):
    """The hook by which the credit balances follow the posted entries.

    The state of an entry is written in one place, whatever posts or resets it: a door
    of this addon, another addon, or an accountant who types a journal entry.
    """

    _inherit = "account.move"

    # === CRUD METHODS === #

    def write(self, vals):
        if "state" not in vals and not any(name in vals for name in HOLDER_FIELDS):
            return super().write(vals)
        posted = self.filtered(lambda move: move.state == "posted")
        if any(name in vals for name in HOLDER_FIELDS):
            posted._check_credit_holder_kept(vals)
        result = super().write(vals)
        if "state" in vals:
            entries = self.env["account.credit.balance.entry"]
            still_posted = self.filtered(lambda move: move.state == "posted")
            if reset := (posted - still_posted)._get_credit_lines():
                entries._enter_lines(reset, is_undone=True)
            if lines := (still_posted - posted)._get_credit_lines():
                entries._enter_lines(lines)
        return result

    # === CHECK METHODS === #

    def _check_credit_holder_kept(self, vals):
        """Check that posted entries on a credit account stay the customer's."""
        for move in self:
            is_changed = any(
                self._field_will_change(move, vals, name)
                for name in HOLDER_FIELDS
                if name in vals
            )
            if is_changed and move._get_credit_lines():
                raise UserError(
                    self.env._(
                        "%s changed a credit balance: reset it to draft before you "
                        "change whose it is.",
                        move.display_name,
                    )
                )

    # === GETTERS === #

    def _get_credit_lines(self):
        """Return the journal items of these entries on their credit account.

        :rtype: account.move.line
        """
        lines = self.env["account.move.line"]
        for company, moves in self.grouped("company_id").items():
            account = company.sudo().credit_balance_account_id
            if account:
                lines |= moves.line_ids.filtered(
                    lambda line, account=account: line.account_id == account
                )
        return lines
