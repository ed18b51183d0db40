from odoo import api, fields, models
from odoo.tools import format_date

from ..tools import format_preview, prepare_notification


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
    waiting_amount = fields.Monetary(
        string="Waits for approval", compute="_compute_chargeable_amount"
    )
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
        domain="[('internal_group', '=', 'expense')]",
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
    reason_picks = fields.Json(compute="_compute_reason_picks")
    preview = fields.Html(compute="_compute_preview", sanitize=False)

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
                invoice._get_write_off_offered() if invoice else 0
            )
            dialog.waiting_amount = (
                invoice._get_waiting_amount("write_off") if invoice else 0
            )

    @api.depends("move_id")
    def _compute_reason_picks(self):
        for dialog in self:
            dialog.reason_picks = [
                self.env._("Insolvent"),
                self.env._("Moved away"),
                self.env._("Below the cost of collecting"),
            ]

    @api.depends("chargeable_amount")
    def _compute_amount(self):
        for dialog in self:
            dialog.amount = dialog.chargeable_amount

    @api.depends("company_id")
    def _compute_account_id(self):
        for dialog in self:
            dialog.account_id = dialog.company_id.sudo().write_off_account_id

    @api.depends("amount", "account_id", "date")
    def _compute_preview(self):
        for dialog in self:
            dialog.preview = (
                format_preview(dialog._get_preview_lines()) if dialog.move_id else False
            )

    def _get_preview_lines(self):
        """Say in words the effects of the write-off.

        :rtype: list[str]
        """
        self.ensure_one()
        invoice = self.move_id
        currency = self.currency_id
        amount = currency.round(self.amount)
        if blocked := invoice._get_write_off_blocked_reason():
            return [blocked]
        if currency.compare_amounts(amount, 0) <= 0:
            return [self.env._("Enter an amount above zero.")]
        if currency.compare_amounts(amount, self.chargeable_amount) > 0:
            return [
                self.env._(
                    "Only %s can be written off.",
                    currency.format(self.chargeable_amount),
                )
            ]
        receivable = invoice._get_open_receivable_lines().account_id[:1]
        lines = [
            self._describe_remaining(amount),
            self.env._(
                "Entry of %(date)s: debit %(loss)s, credit %(receivable)s, %(amount)s.",
                date=format_date(self.env, self.date),
                loss=self.account_id.display_name or "…",
                receivable=receivable.display_name,
                amount=currency.format(amount),
            ),
        ]
        approvals = self.env["account.payment.approval"]
        if approvals._is_above_limit(invoice, "write_off", {}, amount):
            lines.append(
                self.env._(
                    "Approval limit: it waits until a second person approves it."
                )
            )
        return lines

    def _describe_remaining(self, amount):
        """Say how much of the invoice remains after this amount was written off."""
        currency = self.currency_id
        remaining = currency.round(self.move_id.amount_residual - amount)
        if currency.is_zero(remaining):
            return self.env._("%s: nothing remains to be paid.", self.move_id.name)
        return self.env._(
            "%(invoice)s: %(remaining)s remain to be paid.",
            invoice=self.move_id.name,
            remaining=currency.format(remaining),
        )

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
