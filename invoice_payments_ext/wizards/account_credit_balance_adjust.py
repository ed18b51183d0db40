from contextlib import suppress

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools import prepare_notification


class AccountCreditBalanceAdjust(models.TransientModel):
    """The dialog that adds or deducts credit; the work is behind the door."""

    _name = "account.credit.balance.adjust"
    _inherit = "payment.dialog.mixin"
    _description = "Adjust Credit"

    partner_id = fields.Many2one(
        string="Customer", comodel_name="res.partner", required=True, readonly=True
    )
    company_id = fields.Many2one(
        comodel_name="res.company",
        required=True,
        readonly=True,
        default=lambda self: self.env.company,
    )
    currency_id = fields.Many2one(
        comodel_name="res.currency",
        required=True,
        default=lambda self: self.env.company.currency_id,
    )
    direction = fields.Selection(
        string="Do",
        selection=[("add", "Add"), ("deduct", "Deduct")],
        default="add",
        required=True,
    )
    amount = fields.Monetary(required=True)
    balance = fields.Monetary(string="Balance now", compute="_compute_balance")
    balance_after = fields.Monetary(string="Balance then", compute="_compute_balance")
    waits_for_approval = fields.Boolean(compute="_compute_waits_for_approval")
    reason = fields.Char(required=True, help="The customer reads it in the history.")
    note = fields.Char(string="Internal Note")
    notify = fields.Boolean(
        string="Tell the Customer",
        help="Send a statement of the balance by e-mail, which shows the reason.",
    )

    # === COMPUTE METHODS === #

    @api.depends("partner_id", "company_id", "currency_id", "direction", "amount")
    def _compute_balance(self):
        for dialog in self:
            balance = self.env["account.credit.balance"]._find_balance(
                dialog.partner_id, dialog.company_id, dialog.currency_id
            )
            dialog.balance = balance.amount
            dialog.balance_after = balance.amount + dialog._get_signed_amount()

    @api.depends("partner_id", "company_id", "currency_id", "direction", "amount")
    def _compute_waits_for_approval(self):
        approvals = self.env["account.payment.approval"]
        for dialog in self:
            customer = dialog.partner_id._origin
            arguments = {
                "company_id": dialog.company_id.id,
                "currency_id": dialog.currency_id.id,
            }
            dialog.waits_for_approval = False
            if customer and dialog.direction == "add":
                # What does not fit together is said when the button is pressed.
                with suppress(UserError):
                    dialog.waits_for_approval = approvals._is_above_limit(
                        customer, "adjustment", arguments, dialog.amount
                    )

    # === ACTION METHODS === #

    def action_adjust(self):
        """Adjust the balance and tell the new amount.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        if self.currency_id.compare_amounts(self.amount, 0) < 0:
            # It would deduct what was to be added, and add what was to be deducted.
            raise UserError(
                self.env._("The amount must be above zero: choose Add or Deduct.")
            )
        entry = self.partner_id.adjust_credit_balance(
            self._get_signed_amount(),
            currency_id=self.currency_id.id,
            reason=self.reason,
            note=self.note,
            company_id=self.company_id.id,
            notify=self.notify,
            idempotency_key=self.idempotency_key,
        )
        if entry._name == "account.payment.approval":
            return entry._get_waiting_notification()
        return prepare_notification(
            self.env._("Credit adjusted"),
            self.env._(
                "The credit balance of %(customer)s is %(balance)s now.",
                customer=self.partner_id.display_name,
                balance=self.currency_id.format(entry.balance_after),
            ),
        )

    # === GETTERS === #

    def _get_signed_amount(self):
        return self.amount if self.direction == "add" else -self.amount
