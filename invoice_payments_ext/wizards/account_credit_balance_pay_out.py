from odoo import api, fields, models
from odoo.exceptions import UserError


class AccountCreditBalancePayOut(models.TransientModel):
    """The dialog that pays out credit; the work is behind the door."""

    _name = "account.credit.balance.pay.out"
    _inherit = "payment.dialog.outside.mixin"
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
    amount = fields.Monetary(
        compute="_compute_amount", store=True, readonly=False, required=True
    )
    reason = fields.Char(
        required=True, help="Kept with the payment. The customer does not see it."
    )
    to = fields.Selection(
        selection=[
            ("outside", "Outside: cash, cheque or bank transfer"),
            ("card", "To a card that the customer paid with"),
        ],
        string="Where to",
        default="outside",
        required=True,
    )
    card_payment_ids = fields.Many2many(
        comodel_name="account.payment", compute="_compute_card_payment_ids"
    )
    has_card_payments = fields.Boolean(compute="_compute_card_payment_ids")
    payment_id = fields.Many2one(
        string="Refunded payment",
        comodel_name="account.payment",
        compute="_compute_payment_id",
        store=True,
        readonly=False,
        domain="[('id', 'in', card_payment_ids)]",
        help="The payment that goes back to its card. The invoice that it paid stays "
        "paid.",
    )
    card_label = fields.Char(string="Card", compute="_compute_refundable_amount")
    refundable_amount = fields.Monetary(
        string="Refundable", compute="_compute_refundable_amount"
    )
    waits_for_approval = fields.Boolean(compute="_compute_waits_for_approval")
    date = fields.Date(string="Date paid", default=fields.Date.context_today)

    # === COMPUTE METHODS === #

    @api.depends("balance_id")
    def _compute_amount(self):
        for dialog in self:
            dialog.amount = dialog.balance_id.amount

    @api.depends("balance_id")
    def _compute_card_payment_ids(self):
        for dialog in self:
            balance = dialog.balance_id
            payments = balance._get_card_payments() if balance else False
            dialog.card_payment_ids = payments
            dialog.has_card_payments = bool(payments)

    @api.depends("to")
    def _compute_payment_id(self):
        for dialog in self:
            # The origin: the dialog's own copy has no name while it is open.
            payment = dialog.card_payment_ids[:1]._origin
            dialog.payment_id = dialog.to == "card" and payment

    @api.depends("payment_id")
    def _compute_refundable_amount(self):
        for dialog in self:
            payment = dialog.payment_id
            dialog.card_label = payment and payment._get_receipt_method()
            dialog.refundable_amount = payment and payment._get_refundable_amount(
                is_of_credit=True
            )

    @api.depends("balance_id", "amount")
    def _compute_waits_for_approval(self):
        approvals = self.env["account.payment.approval"]
        for dialog in self:
            balance = dialog.balance_id._origin
            dialog.waits_for_approval = balance and approvals._is_above_limit(
                balance, "pay_out", {}, dialog.amount
            )

    @api.onchange("payment_id")
    def _onchange_payment_id(self):
        """Propose no more than can go back to the card."""
        if self.payment_id and self.amount > self.refundable_amount:
            self.amount = self.refundable_amount

    # === ACTION METHODS === #

    def action_pay_out(self):
        """Pay out the credit and tell that it was done.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        is_outside = self.to == "outside"
        result = self.balance_id.pay_out(
            amount=self.amount,
            reason=self.reason,
            payment_id=None if is_outside else self._get_card_payment().id,
            journal_id=self.journal_id.id if is_outside else None,
            date=self.date if is_outside else None,
            reference=self.reference if is_outside else None,
            idempotency_key=self.idempotency_key,
        )
        return self.env["account.payment"]._get_refund_notification(result)

    def _get_card_payment(self):
        """Return the payment that was chosen; refuse none."""
        if not self.payment_id:
            raise UserError(self.env._("Choose the payment that goes back to a card."))
        return self.payment_id
