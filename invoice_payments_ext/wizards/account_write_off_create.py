from odoo import api, fields, models

from ..tools import prepare_notification


class AccountWriteOffCreate(models.TransientModel):
    """The dialog that writes off; the work is behind the door."""

    _name = "account.write.off.create"
    _inherit = "payment.dialog.mixin"
    _description = "Write Off"

    move_id = fields.Many2one(
        string="Invoice", comodel_name="account.move", required=True, readonly=True
    )
    company_id = fields.Many2one(related="move_id.company_id")
    currency_id = fields.Many2one(related="move_id.currency_id")
    partner_id = fields.Many2one(string="Customer", related="move_id.partner_id")
    remaining_amount = fields.Monetary(related="move_id.amount_residual")
    chargeable_amount = fields.Monetary(compute="_compute_chargeable_amount")
    amount_in_flight = fields.Monetary(compute="_compute_chargeable_amount")
    amount = fields.Monetary(
        compute="_compute_amount", store=True, readonly=False, required=True
    )
    account_id = fields.Many2one(
        comodel_name="account.account",
        compute="_compute_account_id",
        store=True,
        readonly=False,
        required=True,
        check_company=True,
        domain="[('account_type', 'not in', ('asset_receivable', 'liability_payable',"
        " 'asset_cash', 'liability_credit_card', 'off_balance'))]",
        help="Where the loss is booked.",
    )
    date = fields.Date(
        compute="_compute_date",
        store=True,
        precompute=True,
        readonly=False,
        required=True,
    )
    reason = fields.Char(required=True)

    # === COMPUTE METHODS === #

    @api.depends("move_id")
    def _compute_date(self):
        for dialog in self:
            dialog.date = dialog.move_id._get_today(dialog.move_id.invoice_date)

    @api.depends("move_id")
    def _compute_chargeable_amount(self):
        for dialog in self:
            invoice = dialog.move_id
            dialog.amount_in_flight = invoice._get_amount_in_flight() if invoice else 0
            dialog.chargeable_amount = (
                invoice._get_chargeable_amount() if invoice else 0
            )

    @api.depends("move_id")
    def _compute_amount(self):
        for dialog in self:
            dialog.amount = dialog.chargeable_amount

    @api.depends("company_id")
    def _compute_account_id(self):
        for dialog in self:
            dialog.account_id = dialog.company_id.sudo().write_off_account_id

    # === ACTION METHODS === #

    def action_write_off(self):
        """Write off and tell the result.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        result = self.move_id.write_off(
            amount=self.amount,
            reason=self.reason,
            account_id=self.account_id.id,
            date=self.date,
            idempotency_key=self.idempotency_key,
        )
        if result._name == "account.payment.approval":
            return result._get_waiting_notification()
        return prepare_notification(
            self.env._("Written off"),
            self.env._(
                "%(amount)s was written off as %(entry)s.",
                amount=self.currency_id.format(self.amount),
                entry=result.name,
            ),
        )
