from odoo import models


class AccountMove(models.Model):
    """The tasks about entries that wait to be matched, and invoices to be paid."""

    _inherit = "account.move"

    # === BUSINESS METHODS === #

    def _end_matched_tasks(self, partials=None):
        """End the tasks that these entries were the cause of, if they are it no more.

        :param account.partial.reconcile partials: The new matches, if there are any:
                                                   their other side is looked at, too.
        """
        moves = self | partials.credit_move_id.move_id if partials else self
        # In superuser mode: they may be another person's tasks.
        tasks_sudo = (
            self.env["mail.activity"]
            .sudo()
            .search([("payment_cause_move_id", "in", moves.ids)])
        )
        done_sudo = tasks_sudo.filtered(
            lambda task: not task.payment_cause_move_id._is_open_at_customer()
        )
        if done_sudo:
            done_sudo.action_feedback()

    def _end_unposted_tasks(self, vals):
        """End the tasks that these were the cause of, as they are not posted now."""
        if vals.get("state") in ("draft", "cancel"):
            self._end_matched_tasks()

    # === GETTERS === #

    def _is_open_at_customer(self):
        """Tell if something of this entry is open on the account of a customer.

        :rtype: bool
        """
        self.ensure_one()
        return self.state == "posted" and any(
            not line.reconciled
            for line in self.line_ids
            if line.account_id.account_type == "asset_receivable"
        )
