from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools import prepare_notification


class AccountCreditBalanceStatement(models.TransientModel):
    """The dialog that prints the statement of a credit balance, or sends it."""

    _name = "account.credit.balance.statement"
    _inherit = "account.statement.period.mixin"
    _description = "Credit Statement Dialog"

    balance_id = fields.Many2one(
        comodel_name="account.credit.balance", required=True, readonly=True
    )
    partner_id = fields.Many2one(related="balance_id.partner_id")
    currency_id = fields.Many2one(related="balance_id.currency_id")
    opening_balance = fields.Monetary(compute="_compute_balances")
    closing_balance = fields.Monetary(compute="_compute_balances")

    # === COMPUTE METHODS === #

    @api.depends("balance_id")
    def _compute_period(self):
        return super()._compute_period()

    @api.depends("balance_id", "date_from", "date_to")
    def _compute_balances(self):
        for dialog in self:
            try:
                period = dialog.balance_id._get_statement_period(
                    dialog.date_from, dialog.date_to
                )
                first, last = dialog.balance_id._get_statement_ends(*period)
            except UserError:  # It is told when a button is pressed.
                dialog.opening_balance = dialog.closing_balance = 0.0
            else:
                dialog.opening_balance = first.balance_after
                dialog.closing_balance = last.balance_after

    # === ACTION METHODS === #

    def action_print(self):
        """Return the action that prints the statement.

        :rtype: dict
        """
        self.ensure_one()
        self.balance_id.check_access("read")
        report = self.env.ref("invoice_payments_ext.action_report_credit_statement")
        return {
            **report.report_action(
                self.balance_id,
                data={
                    "balance_ids": self.balance_id.ids,
                    **self._get_period_to_print(),
                },
            ),
            "close_on_report_download": True,
        }

    def action_send(self):
        """Queue the statement for the customer and tell that it was done.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        self.balance_id.send_statement(
            self.date_from, self.date_to, idempotency_key=self.idempotency_key
        )
        return prepare_notification(
            self.env._("Statement sent"),
            self.env._(
                "The statement of %s is on its way.", self.partner_id.display_name
            ),
        )

    # === GETTERS === #

    def _complete_period(self, date_from=None, date_to=None):
        return self.balance_id._get_statement_period(date_from, date_to)
