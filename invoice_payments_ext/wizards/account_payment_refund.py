from odoo import api, fields, models
from odoo.tools import format_date

from ..tools import format_preview


class AccountPaymentRefund(models.TransientModel):
    """The dialog that refunds a payment; the work is behind the door."""

    _name = "account.payment.refund"
    _inherit = "payment.dialog.outside.mixin"
    _description = "Refund Payment"

    payment_id = fields.Many2one(
        comodel_name="account.payment", required=True, readonly=True
    )
    company_id = fields.Many2one(related="payment_id.company_id")
    currency_id = fields.Many2one(related="payment_id.currency_id")
    partner_id = fields.Many2one(related="payment_id.partner_id")

    refundable_amount = fields.Monetary(compute="_compute_refundable_amount")
    amount = fields.Monetary(
        compute="_compute_amount", store=True, readonly=False, required=True
    )
    waiting_amount = fields.Monetary(
        string="Waits for approval", compute="_compute_refundable_amount"
    )
    reason = fields.Char(help="Kept with the refund. The customer does not see it.")
    reason_picks = fields.Json(compute="_compute_reason_picks")

    notify = fields.Boolean(
        string="Tell the customer",
        compute="_compute_notify",
        store=True,
        readonly=False,
        help="Send the customer the receipt of the refund by e-mail.",
    )

    original_label = fields.Char(compute="_compute_original")
    original_blocked_reason = fields.Char(compute="_compute_original")
    to = fields.Selection(
        selection=[
            ("original", "To the original payment method"),
            ("outside", "Outside: cash, cheque or bank transfer"),
            ("credit", "Keep it as the customer's credit"),
        ],
        string="Where to",
        compute="_compute_to",
        store=True,
        readonly=False,
        required=True,
    )
    date = fields.Date(
        string="Date paid", compute="_compute_date", store=True, readonly=False
    )

    bill = fields.Selection(
        selection=[
            ("owed", "The customer still owes it: the invoice reopens"),
            ("reduced", "Reduce the bill too: a credit note, the invoice stays paid"),
        ],
        string="The bill",
        default="owed",
        required=True,
    )
    available_invoice_ids = fields.Many2many(
        comodel_name="account.move", compute="_compute_available_invoice_ids"
    )
    has_invoices = fields.Boolean(compute="_compute_available_invoice_ids")
    has_several_invoices = fields.Boolean(compute="_compute_available_invoice_ids")
    invoice_id = fields.Many2one(
        string="First of the invoices",
        comodel_name="account.move",
        domain="[('id', 'in', available_invoice_ids)]",
        help="The payment paid several invoices: this one reopens or is reduced first. "
        "Without a choice, the one it was allocated to last.",
    )
    open_credit_note_ids = fields.Many2many(
        comodel_name="account.move", compute="_compute_open_credit_note_ids"
    )
    has_open_credit_notes = fields.Boolean(compute="_compute_open_credit_note_ids")
    credit_note_id = fields.Many2one(
        string="Pays out",
        comodel_name="account.move",
        compute="_compute_credit_note_id",
        store=True,
        readonly=False,
        domain="[('id', 'in', open_credit_note_ids)]",
        help="A credit note of the paid invoice that is open. Without it, the refund "
        "reopens the invoice or reduces the bill.",
    )
    preview = fields.Html(compute="_compute_preview", sanitize=False)

    # === COMPUTE METHODS === #

    @api.depends("payment_id")
    def _compute_date(self):
        for dialog in self:
            dialog.date = self.env["account.move"]._get_today(dialog.payment_id.date)

    @api.depends("payment_id")
    def _compute_refundable_amount(self):
        for dialog in self:
            payment = dialog.payment_id
            dialog.refundable_amount = payment._get_refund_offered() if payment else 0.0

            dialog.waiting_amount = (
                payment._get_waiting_amount("refund") if payment else 0.0
            )

    @api.depends("payment_id", "to")
    def _compute_notify(self):
        for dialog in self:
            dialog.notify = (
                dialog.to != "credit" and dialog.company_id.sudo().payment_tell_customer
            )

    @api.depends("payment_id")
    def _compute_reason_picks(self):
        for dialog in self:
            dialog.reason_picks = [
                self.env._("Paid twice"),
                self.env._("Charged too much"),
                self.env._("Order cancelled"),
                self.env._("Goods returned"),
                self.env._("Goodwill"),
            ]

    @api.depends("refundable_amount", "credit_note_id")
    def _compute_amount(self):
        for dialog in self:
            dialog.amount = dialog.refundable_amount
            if credit_note := dialog.credit_note_id:
                open_amounts = dialog.payment_id._get_open_credit_notes()
                dialog.amount = min(
                    dialog.amount, open_amounts.get(credit_note._origin, 0.0)
                )

    @api.depends("payment_id", "amount")
    def _compute_original(self):
        for dialog in self:
            payment = dialog.payment_id
            dialog.original_label = payment._get_receipt_method() if payment else False
            dialog.original_blocked_reason = (
                payment._get_refund_blocked_reason("original", dialog.amount)
                if payment
                else False
            )

    @api.depends("payment_id")
    def _compute_to(self):
        for dialog in self:
            blocked = (
                dialog.payment_id
                and dialog.payment_id._get_refund_blocked_reason("original")
            )
            dialog.to = "outside" if blocked else "original"
            if dialog.payment_id.is_from_credit:
                dialog.to = "credit"

    @api.depends("payment_id")
    def _compute_available_invoice_ids(self):
        for dialog in self:
            invoices = dialog.payment_id._get_refund_invoices()
            dialog.available_invoice_ids = invoices
            dialog.has_invoices = bool(invoices)
            dialog.has_several_invoices = len(invoices) > 1

    @api.depends("payment_id")
    def _compute_open_credit_note_ids(self):
        moves = self.env["account.move"]
        for dialog in self:
            open_amounts = (
                dialog.payment_id._get_open_credit_notes() if dialog.payment_id else {}
            )
            dialog.open_credit_note_ids = moves.union(*open_amounts)
            dialog.has_open_credit_notes = bool(open_amounts)

    @api.depends("payment_id")
    def _compute_credit_note_id(self):
        for dialog in self:
            dialog.credit_note_id = dialog.open_credit_note_ids[:1]._origin

    @api.depends(
        "amount", "to", "bill", "invoice_id", "credit_note_id", "journal_id", "date"
    )
    def _compute_preview(self):
        for dialog in self:
            dialog.preview = (
                format_preview(dialog._get_preview_lines())
                if dialog.payment_id
                else False
            )

    def _get_preview_lines(self):
        """Say in words the effects of the refund.

        :rtype: list[str]
        """
        self.ensure_one()
        payment = self.payment_id
        currency = self.currency_id
        amount = currency.round(self.amount)
        if currency.compare_amounts(amount, 0) <= 0:
            return [self.env._("Enter an amount above zero.")]
        if currency.compare_amounts(amount, self.refundable_amount) > 0:
            return [
                self.env._(
                    "Only %s can be refunded.", currency.format(self.refundable_amount)
                )
            ]
        if credit_note := self.credit_note_id:
            return [
                self._describe_target(amount),
                self.env._(
                    "The credit note %(credit_note)s is paid out. No invoice reopens.",
                    credit_note=credit_note.name,
                ),
                self._describe_entry(amount),
                *self._describe_approval(amount),
            ]
        unallocated, parts, untraced = payment._plan_refund(amount, self.invoice_id)
        return [
            self._describe_target(amount),
            *(
                [
                    self.env._(
                        "%s of it was not used for any invoice.",
                        currency.format(unallocated),
                    )
                ]
                if unallocated
                else []
            ),
            *(
                self._describe_invoice(invoice, applied)
                for invoice, applied in payment._group_by_invoice(parts).items()
            ),
            *(
                [
                    self.env._(
                        "%s cannot be matched automatically: this part of the payment "
                        "did not pay an invoice.",
                        currency.format(untraced),
                    )
                ]
                if untraced
                else []
            ),
            self._describe_entry(amount),
            *self._describe_approval(amount),
        ]

    def _describe_target(self, amount):
        """Say where the money goes."""
        amount = self.currency_id.format(amount)
        if self.to == "credit":
            return self.env._(
                "%(amount)s is kept on the credit balance of %(customer)s.",
                amount=amount,
                customer=self.partner_id.commercial_partner_id.display_name,
            )
        if self.to == "outside":
            return self.env._(
                "%(amount)s is recorded as paid from %(journal)s. No gateway is asked.",
                amount=amount,
                journal=self.journal_id.name or "…",
            )
        return self.env._(
            "%(amount)s goes back to %(method)s through its gateway, now.",
            amount=amount,
            method=self.original_label,
        )

    def _describe_invoice(self, invoice, applied):
        """Say the effect on an invoice that the payment had paid."""
        format_amount = invoice.currency_id.format
        if self.bill == "reduced":
            if invoice.currency_id.is_zero(invoice.amount_residual):
                return self.env._(
                    "%(invoice)s: a credit note of %(amount)s is issued, nothing "
                    "remains to be paid.",
                    invoice=invoice.name,
                    amount=format_amount(applied),
                )
            return self.env._(
                "%(invoice)s: a credit note of %(amount)s is issued, %(remaining)s "
                "remain to be paid.",
                invoice=invoice.name,
                amount=format_amount(applied),
                remaining=format_amount(invoice.amount_residual),
            )
        return self.env._(
            "%(invoice)s reopens by %(amount)s: %(remaining)s remain to be paid.",
            invoice=invoice.name,
            amount=format_amount(applied),
            remaining=format_amount(invoice.amount_residual + applied),
        )

    def _describe_entry(self, amount):
        """Say which entry is booked, and when."""
        payment = self.payment_id
        money_account = payment.outstanding_account_id
        date = fields.Date.context_today(self)
        if self.to == "outside":
            lines = self.journal_id._get_available_payment_method_lines("outbound")
            money_account = lines.payment_account_id[
                :1
            ] or payment._get_outstanding_account("outbound")
            date = self.date or date
        if self.to == "credit":
            money_account = self.company_id.sudo().credit_balance_account_id
        return self.env._(
            "Entry of %(date)s: debit %(receivable)s, credit %(money)s, %(amount)s.",
            date=format_date(self.env, date),
            receivable=payment.destination_account_id.display_name,
            money=money_account.display_name,
            amount=self.currency_id.format(amount),
        )

    def _describe_approval(self, amount):
        """Say if a second person is needed."""
        arguments = {"reduce_bill": self.bill == "reduced", "to": self.to}
        approvals = self.env["account.payment.approval"]
        if approvals._is_above_limit(self.payment_id, "refund", arguments, amount):
            return [
                self.env._(
                    "Approval limit: it waits until a second person approves it."
                )
            ]
        return []

    # === ACTION METHODS === #

    def action_refund(self):
        """Refund the payment and tell the outcome.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        is_outside = self.to == "outside"
        credit_note = self.credit_note_id
        result = self.payment_id.refund(
            amount=self.amount,
            to=self.to,
            reduce_bill=self.bill == "reduced" and not credit_note,
            reason=self.reason,
            journal_id=self.journal_id.id if is_outside else None,
            date=self.date if is_outside else None,
            reference=self.reference if is_outside else None,
            invoice_id=None if credit_note else self.invoice_id.id,
            credit_note_id=credit_note.id,
            notify=self.notify,
            idempotency_key=self.idempotency_key,
        )
        return self.payment_id._get_refund_notification(result)
