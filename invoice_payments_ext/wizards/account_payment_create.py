from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools import prepare_notification

EXTERNAL = "external"
CREDIT = "credit"


class AccountPaymentCreate(models.TransientModel):
    """The dialog that charges or records a payment; the work is behind the doors."""

    _name = "account.payment.create"
    _inherit = "payment.dialog.outside.mixin"
    _description = "Create Payment"

    move_id = fields.Many2one(
        string="Invoice", comodel_name="account.move", required=True, readonly=True
    )
    company_id = fields.Many2one(related="move_id.company_id")
    currency_id = fields.Many2one(related="move_id.currency_id")
    partner_id = fields.Many2one(related="move_id.partner_id")
    retried_transaction_id = fields.Many2one(
        comodel_name="payment.transaction", readonly=True
    )
    issue = fields.Boolean(readonly=True)

    chargeable_amount = fields.Monetary(compute="_compute_amounts")
    amount_in_flight = fields.Monetary(compute="_compute_amounts")
    discount_note = fields.Char(compute="_compute_amounts")
    prepaid_amount = fields.Monetary(
        compute="_compute_amounts",
        help="The amount that was paid before, for an order for example.",
    )
    applied_credit = fields.Monetary(compute="_compute_amounts")
    amount = fields.Monetary(
        compute="_compute_amount", store=True, readonly=False, required=True
    )
    memo = fields.Char(compute="_compute_memo", store=True, readonly=False)

    method = fields.Char(
        compute="_compute_method",
        store=True,
        readonly=False,
        required=True,
        help="`external`, `credit`, or the id of a saved payment method.",
    )
    method_options = fields.Json(compute="_compute_method_options")
    has_saved_method = fields.Boolean(compute="_compute_method_options")
    is_external = fields.Boolean(compute="_compute_is_external")
    is_credit = fields.Boolean(compute="_compute_is_external")
    available_credit = fields.Monetary(related="move_id.available_credit")
    payment_currency_id = fields.Many2one(
        comodel_name="res.currency", compute="_compute_excess_amount"
    )
    excess_amount = fields.Monetary(
        string="Excess",
        compute="_compute_excess_amount",
        currency_field="payment_currency_id",
    )
    keep_excess = fields.Boolean(
        string="Keep the excess as credit",
        help="The amount above the one that settles the invoice is kept on the "
        "customer's credit balance, in the currency of the journal.",
    )
    save_method_url = fields.Char(
        string="Link to save a payment method", compute="_compute_save_method_url"
    )

    date = fields.Date(string="Date received", default=fields.Date.context_today)
    journal_id = fields.Many2one(string=None)  # Its own: it is received here.
    available_method_line_ids = fields.Many2many(
        comodel_name="account.payment.method.line",
        compute="_compute_available_method_line_ids",
    )
    payment_method_line_id = fields.Many2one(
        string="Received by",
        comodel_name="account.payment.method.line",
        compute="_compute_payment_method_line_id",
        store=True,
        readonly=False,
        domain="[('id', 'in', available_method_line_ids)]",
    )
    notify = fields.Boolean(
        string="Send receipt", help="Send the receipt to the customer by e-mail."
    )

    # === COMPUTE METHODS === #

    @api.depends("move_id")
    def _compute_amounts(self):
        for dialog in self:
            invoice = dialog.move_id
            dialog.amount_in_flight = invoice._get_amount_in_flight() if invoice else 0
            dialog.chargeable_amount = (
                invoice.amount_total
                if dialog.issue
                else invoice._get_chargeable_amount()
                if invoice
                else 0
            )
            dialog.prepaid_amount = invoice._get_prepaid_amount() if dialog.issue else 0
            dialog.applied_credit = (
                invoice.amount_total
                - dialog.prepaid_amount
                - invoice._get_amount_to_propose()
                if dialog.issue
                else 0
            )
            dialog.discount_note = False
            if invoice.state == "posted":
                values = invoice._get_invoice_next_payment_values()
                dialog.discount_note = values.get("epd_discount_msg")

    @api.depends("move_id", "retried_transaction_id")
    def _compute_amount(self):
        for dialog in self:
            amount = dialog.move_id._get_amount_to_propose() if dialog.move_id else 0.0
            if attempt := dialog.retried_transaction_id:
                amount = min(attempt.amount, dialog.chargeable_amount)
            dialog.amount = amount

    @api.depends("move_id")
    def _compute_memo(self):
        for dialog in self:
            dialog.memo = dialog.move_id.payment_reference or dialog.move_id.name

    @api.depends("move_id")
    def _compute_method_options(self):
        for dialog in self:
            options = dialog._get_token_options() if dialog.move_id else []
            dialog.has_saved_method = any(not option["disabled"] for option in options)
            if not dialog.issue and not dialog.retried_transaction_id:
                if dialog.available_credit:
                    options.append(dialog._get_credit_option())
                options.append(
                    {
                        "value": EXTERNAL,
                        "label": self.env._("External"),
                        "detail": self.env._("Cash, cheque or bank transfer"),
                        "image": "",
                        "disabled": False,
                        "reason": "",
                    }
                )
            dialog.method_options = options

    def _get_credit_option(self):
        """Return the choice to spend the customer's credit."""
        self.ensure_one()
        return {
            "value": CREDIT,
            "label": self.env._("Credit balance"),
            "detail": self.env._(
                "%s available", self.currency_id.format(self.available_credit)
            ),
            "image": "",
            "disabled": False,
            "reason": "",
        }

    def _get_token_options(self):
        """List the saved methods: those that can be charged, then those that cannot."""
        self.ensure_one()
        tokens = self.move_id._get_saved_tokens()
        # For any part that is paid: an amount of the smallest unit fits every maximum.
        reasons = tokens._get_unusable_reasons(self.move_id, self.currency_id.rounding)
        if blocking := self.move_id._get_blocking_attempt():
            # The rest that is not in flight can still be paid in another way.
            blocked = self.move_id._describe_attempt(blocking)
            reasons = {token.id: reasons[token.id] or blocked for token in tokens}
        return [
            {
                "value": str(token.id),
                "label": token._get_method_label(),
                "detail": token.provider_id.name,
                "image": f"/web/image/{token.payment_method_id._name}"
                f"/{token.payment_method_id.id}/image",
                "disabled": bool(reasons[token.id]),
                "reason": reasons[token.id],
            }
            for token in tokens.sorted(lambda token: bool(reasons[token.id]))
        ]

    @api.depends("move_id", "retried_transaction_id")
    def _compute_method(self):
        for dialog in self:
            token = dialog.move_id._get_default_token() if dialog.move_id else False
            attempted = dialog.retried_transaction_id.token_id
            usable = {
                option["value"]
                for option in dialog.method_options or []
                if not option["disabled"]
            }
            if str(attempted.id) in usable:
                token = attempted
            elif str(token and token.id) not in usable:
                token = False
            if not token and dialog.issue:
                dialog.method = False
            else:
                dialog.method = str(token.id) if token else EXTERNAL

    @api.depends("method")
    def _compute_is_external(self):
        for dialog in self:
            dialog.is_external = dialog.method == EXTERNAL
            dialog.is_credit = dialog.method == CREDIT

    @api.depends("amount", "method", "journal_id", "date")
    def _compute_excess_amount(self):
        for dialog in self:
            invoice = dialog.move_id
            date = dialog.date or fields.Date.context_today(dialog)
            values = {"journal_id": dialog.journal_id.id, "date": date}
            dialog.payment_currency_id = invoice._get_journal_currency(values)
            dialog.excess_amount = (
                invoice._get_excess(dialog.amount, values)
                if invoice and dialog.is_external and dialog.journal_id
                else 0.0
            )

    @api.onchange("method")
    def _onchange_method(self):
        """Propose no more than the credit that there is, and all for the others."""
        if not self.move_id:
            return
        compared = self.currency_id.compare_amounts(self.amount, self.available_credit)
        if self.is_credit and compared > 0:
            self.amount = self.available_credit
        elif not self.is_credit and not compared:
            self._compute_amount()

    @api.depends("partner_id")
    def _compute_save_method_url(self):
        """Where the customer, once logged in, saves a payment method."""
        for dialog in self:
            dialog.save_method_url = (
                f"{dialog.get_base_url()}/my/payment_method"
                if dialog.move_id
                else False
            )

    @api.depends("journal_id")
    def _compute_available_method_line_ids(self):
        for dialog in self:
            lines = dialog.journal_id._get_available_payment_method_lines("inbound")
            dialog.available_method_line_ids = lines.filtered(
                lambda line: not line.sudo().payment_provider_id
            )

    @api.depends("available_method_line_ids")
    def _compute_payment_method_line_id(self):
        for dialog in self:
            dialog.payment_method_line_id = dialog.available_method_line_ids[:1]

    # === ACTION METHODS === #

    def action_charge(self):
        """Charge the chosen saved method and tell the outcome.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        invoice = self.move_id
        key = self.idempotency_key
        if not (self.method or "").isdigit():
            raise UserError(self.env._("Choose a saved payment method to charge."))
        token_id = int(self.method)
        if self.issue:
            attempt = invoice.issue_and_charge(token_id, idempotency_key=key)
        elif self.retried_transaction_id:
            attempt = self.retried_transaction_id.retry(token_id, idempotency_key=key)
        else:
            attempt = invoice.charge(
                token_id, amount=self.amount, memo=self.memo, idempotency_key=key
            )
        if not attempt:
            return prepare_notification(
                self.env._("Paid already"),
                self.env._(
                    "%s was issued and paid from earlier payments or "
                    "from the credit balance: nothing was charged.",
                    invoice.name,
                ),
            )
        return attempt._get_outcome_notification()

    def action_apply_credit(self):
        """Pay from the customer's credit balance and tell that it was done.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        payment = self.move_id.apply_credit_balance(
            amount=self.amount, idempotency_key=self.idempotency_key
        )
        return prepare_notification(
            self.env._("Credit applied"),
            self.env._(
                "%(amount)s was applied as %(name)s.",
                amount=payment.currency_id.format(payment.amount),
                name=payment.name,
            ),
        )

    def action_record(self):
        """Record the external payment and tell that it was done.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        payment = self.move_id.record_external_payment(
            amount=self.amount,
            journal_id=self.journal_id.id,
            payment_method_line_id=self.payment_method_line_id.id,
            date=self.date,
            reference=self.reference,
            memo=self.memo,
            notify=self.notify,
            excess=CREDIT if self.keep_excess else None,
            idempotency_key=self.idempotency_key,
        )
        message = self.env._(
            "%(amount)s was recorded as %(name)s.",
            amount=payment.currency_id.format(payment.amount),
            name=payment.name,
        )
        for kept in payment.refund_payment_ids.filtered("journal_id.is_credit_balance"):
            message += "\n" + self.env._(
                "%s of it is kept as credit.", kept.currency_id.format(kept.amount)
            )
        return prepare_notification(self.env._("Payment recorded"), message)
