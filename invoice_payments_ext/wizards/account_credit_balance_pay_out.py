import uuid

from odoo import api, fields, models

from ..tools import prepare_notification


class AccountCreditBalancePayOut(models.TransientModel):
    """The dialog that pays out credit; the work is behind the door."""

    _name = "account.credit.balance.pay.out"
    _description = "Pay Out Credit"

    balance_id = fields.Many2one(
        comodel_name="account.credit.balance", required=True, readonly=True
    )
    partner_id = fields.Many2one(related="balance_id.partner_id")
    company_id = fields.Many2one(related="balance_id.company_id")
    currency_id = fields.Many2one(related="balance_id.currency_id")
    available_amount = fields.Monetary(
        string="Balance now", related="balance_id.amount"
    )
    # Made when the dialog opens: a second click or a replay is the same request.
    idempotency_key = fields.Char(
        default=lambda self: str(uuid.uuid4()), required=True, readonly=True
    )
    amount = fields.Monetary(
        compute="_compute_amount", store=True, readonly=False, required=True
    )
    reason = fields.Char(
        required=True, help="Kept with the payment. The customer does not see it."
    )
    journal_id = fields.Many2one(
        string="Paid from",
        comodel_name="account.journal",
        compute="_compute_journal_id",
        store=True,
        readonly=False,
        required=True,
        check_company=True,
        domain="[('type', 'in', ('bank', 'cash', 'credit')), "
        "('is_credit_balance', '=', False)]",
    )
    date = fields.Date(
        string="Date paid", default=fields.Date.context_today, required=True
    )
    reference = fields.Char(
        help="What is on the document: the cheque's number, the transfer's reference."
    )

    # === COMPUTE METHODS === #

    @api.depends("balance_id")
    def _compute_amount(self):
        for dialog in self:
            dialog.amount = dialog.balance_id.amount

    @api.depends("company_id")
    def _compute_journal_id(self):
        moves = self.env["account.move"]
        for dialog in self:
            dialog.journal_id = (
                moves._get_external_journal(False, dialog.company_id)
                if dialog.company_id
                else False
            )

    # === ACTION METHODS === #

    def action_pay_out(self):
        """Pay out the credit and tell that it was done.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        payment = self.balance_id.pay_out(
            amount=self.amount,
            reason=self.reason,
            journal_id=self.journal_id.id,
            date=self.date,
            reference=self.reference,
            idempotency_key=self.idempotency_key,
        )
        return prepare_notification(
            self.env._("Credit paid out"),
            self.env._(
                "%(amount)s was recorded as %(name)s.",
                amount=payment.currency_id.format(payment.amount),
                name=payment.name,
            ),
        )
