from odoo import models


class AccountMoveLine(models.Model):
    """Journal items on the account of receipts by which money left."""

    _inherit = "account.move.line"

    # === BUSINESS METHODS === #

    def _match_returned(self):
        """Match what was booked as taken back with the line by which the bank took it.

        Only where one line alone can be meant: of the customer, with the same amount.
        """
        for item in self.filtered(lambda item: not item.reconciled):
            owner = item.partner_id.commercial_partner_id
            lines = self.search(
                [
                    *item._get_opposite_domain(),
                    ("statement_line_id", "!=", False),
                    ("partner_id", "child_of", owner.id),
                ]
            )
            if len(lines) == 1:
                (item | lines).reconcile()

    # === GETTERS === #

    def _find_booked_return(self):
        """Return an item of money that went out, with which this one is to be matched.

        :rtype: account.move.line
        """
        owner = self.partner_id.commercial_partner_id
        domain = [*self._get_opposite_domain(), ("statement_line_id", "=", False)]
        return self.search(domain).filtered(
            lambda item: not owner or item.partner_id.commercial_partner_id == owner
        )

    def _get_opposite_domain(self):
        """Find the open items that this one would be matched with, to nothing left."""
        return [
            ("company_id", "=", self.company_id.id),
            ("account_id", "=", self.account_id.id),
            ("parent_state", "=", "posted"),
            ("reconciled", "=", False),
            ("currency_id", "=", self.currency_id.id),
            ("amount_residual_currency", "=", -self.amount_currency),
        ]
