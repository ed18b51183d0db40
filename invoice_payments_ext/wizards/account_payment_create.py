from odoo import api, fields, models
from odoo.exceptions import UserError

from ..models.external.external_kinds import EXTERNAL_KINDS
from ..tools import prepare_notification

CREDIT = "credit"
OTHER = "other"


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
    amount_choices = fields.Json(compute="_compute_amount_choices")
    amount_choice = fields.Char(
        string="Pay now",
        compute="_compute_amount_choice",
        store=True,
        readonly=False,
        help="A part that is due, as `overdue`, `next` or `all`; or another amount.",
    )
    memo = fields.Char(compute="_compute_memo", store=True, readonly=False)

    method = fields.Char(
        compute="_compute_method",
        store=True,
        readonly=False,
        required=True,
        help="A kind of external payment, `credit`, or the id of a saved payment "
        "method.",
    )
    method_options = fields.Json(compute="_compute_method_options")
    has_saved_method = fields.Boolean(compute="_compute_method_options")
    external_kind = fields.Char(compute="_compute_external_kind")
    is_external = fields.Boolean(compute="_compute_external_kind")
    is_credit = fields.Boolean(compute="_compute_external_kind")
    no_journal_reason = fields.Char(compute="_compute_no_journal_reason")
    new_journal_type = fields.Char(compute="_compute_no_journal_reason")
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

    tell_customer = fields.Boolean(
        string="Tell the customer",
        compute="_compute_tell_customer",
        store=True,
        readonly=False,
        help="Send the customer the receipt, or the news that it was declined, by "
        "e-mail.",
    )

    # === COMPUTE METHODS === #

    @api.depends("company_id")
    def _compute_tell_customer(self):
        for dialog in self:
            dialog.tell_customer = dialog.company_id.sudo().payment_tell_customer

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
            dialog.amount = dialog._get_first_amount() if dialog.move_id else 0.0

    def _get_first_amount(self):
        """Return the amount that is proposed: the due one, or that of the old attempt.

        :rtype: float
        """
        self.ensure_one()
        if self.issue:
            return self.move_id._get_amount_to_propose()
        if attempt := self.retried_transaction_id:
            return min(attempt.amount, self.chargeable_amount)
        due = self.move_id._get_amount_due()
        return min(due, self.available_credit) if self.is_credit else due

    @api.depends("move_id")
    def _compute_amount_choices(self):
        for dialog in self:
            invoice = dialog.move_id
            is_fixed = not invoice or dialog.issue or dialog.retried_transaction_id
            amounts = {} if is_fixed else invoice._get_amounts_due()
            labels = {
                "overdue": self.env._("Overdue"),
                "next": self.env._("Next instalment"),
                "all": self.env._("All"),
            }
            choices = [
                {
                    "value": name,
                    "label": labels[name],
                    "amount": amount,
                    "formatted": invoice.currency_id.format(amount),
                }
                for name, amount in amounts.items()
            ]
            other = {"value": OTHER, "label": self.env._("Other")}
            dialog.amount_choices = [*choices, other] if len(choices) > 1 else []

    @api.depends("amount", "amount_choices")
    def _compute_amount_choice(self):
        """Follow the amount, whoever entered it."""
        for dialog in self:
            dialog.amount_choice = OTHER
            for choice in dialog.amount_choices or []:
                if "amount" in choice and not dialog.currency_id.compare_amounts(
                    dialog.amount, choice["amount"]
                ):
                    dialog.amount_choice = choice["value"]
                    break

    @api.depends("move_id")
    def _compute_memo(self):
        for dialog in self:
            dialog.memo = dialog.move_id.payment_reference or dialog.move_id.name

    @api.depends("move_id")
    def _compute_method_options(self):
        for dialog in self:
            options = dialog._get_token_options() if dialog.move_id else []
            # One that only waits for an attempt in flight is there all the same.
            dialog.has_saved_method = any(
                not option["disabled"] or option["is_blocked"] for option in options
            )
            if not dialog.issue and not dialog.retried_transaction_id:
                if dialog.available_credit:
                    options.append(dialog._get_credit_option())
                group = self.env._("Received outside any provider")
                options += [
                    {**option, "group": group}
                    for option in dialog._get_external_options()
                ]
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
            "icon": "fa-star-o",
        }

    def _get_token_options(self):
        """List the saved methods: those that can be charged, then those that cannot."""
        self.ensure_one()
        tokens = self.move_id._get_saved_tokens()
        # For any part that is paid: an amount of the smallest unit fits every maximum.
        reasons = tokens._get_unusable_reasons(self.move_id, self.currency_id.rounding)
        usable = {token for token in tokens if not reasons[token.id] and not self.issue}
        if blocking := self.move_id._get_blocking_attempt():
            # The rest that is not in flight can still be paid in another way.
            blocked = self.move_id._describe_attempt(blocking)
            reasons = {token.id: reasons[token.id] or blocked for token in tokens}
        marks = self._get_token_marks(tokens)
        return [
            {
                "value": str(token.id),
                "label": token._get_method_label(),
                "detail": token.provider_id.name,
                "image": f"/web/image/{token.payment_method_id._name}"
                f"/{token.payment_method_id.id}/image",
                "disabled": bool(reasons[token.id]),
                "is_blocked": token in usable and bool(reasons[token.id]),
                "reason": reasons[token.id],
                "marks": marks[token],
            }
            for token in tokens.sorted(lambda token: bool(reasons[token.id]))
        ]

    def _get_token_marks(self, tokens):
        """Mark the customer's default method, and the one that was declined last.

        :return: By token its marks, each a text and a color.
        :rtype: dict[payment.token, list[dict]]
        """
        invoice = self.move_id
        owner = invoice.partner_id.with_company(invoice.company_id)
        default = owner.default_payment_token_id
        attempts_sudo = invoice.sudo().transaction_ids
        latest_sudo = attempts_sudo.filtered("token_id").sorted("id")[-1:]
        declined = latest_sudo.outcome == "declined" and latest_sudo.token_id
        marks = {token: [] for token in tokens}
        if default in marks:
            marks[default].append({"text": self.env._("Default"), "color": "info"})
        if declined and declined in marks:
            marks[declined].append(
                {"text": self.env._("Declined last"), "color": "danger"}
            )
        return marks

    @api.depends("move_id", "retried_transaction_id")
    def _compute_method(self):
        for dialog in self:
            token = dialog.move_id._get_default_token() if dialog.move_id else False
            attempted = dialog.retried_transaction_id.token_id
            usable = {
                option["value"]
                for option in dialog.method_options or []
                if not option.get("disabled")
            }
            if str(attempted.id) in usable:
                token = attempted
            elif str(token and token.id) not in usable:
                token = False
            if not token and dialog.issue:
                dialog.method = False
            else:
                dialog.method = str(token.id) if token else dialog._get_other_method()

    def _get_other_method(self):
        """Return what is proposed where no saved method can be charged.

        Where there are some, none of which can be, the customer's credit pays: no money
        came that could be recorded.
        """
        values = {option["value"] for option in self.method_options or []}
        if CREDIT in values and any(value.isdigit() for value in values):
            return CREDIT
        return self._get_usual_kind()

    def _get_usual_kind(self):
        """Return the kind of the company's latest external payment, or a transfer."""
        latest = self.move_id._get_latest_of_kind(self.company_id)
        return latest.external_kind or "transfer"

    @api.depends("method")
    def _compute_external_kind(self):
        for dialog in self:
            method = dialog.method
            dialog.external_kind = method if method in EXTERNAL_KINDS else False
            dialog.is_external = bool(dialog.external_kind)
            dialog.is_credit = method == CREDIT

    def _get_journals(self):
        """Return the journals of the chosen kind, the one to propose first.

        :rtype: account.journal
        """
        self.ensure_one()
        if not self.external_kind or not self.company_id:
            return self.env["account.journal"]
        moves = self.env["account.move"]
        return moves._get_journals_of_kind(self.external_kind, self.company_id)

    @api.depends("company_id", "external_kind", "journal_id")
    def _compute_no_journal_reason(self):
        for dialog in self:
            kind = dialog.external_kind
            dialog.new_journal_type = kind and EXTERNAL_KINDS[kind].journal_type
            is_missing = kind and not dialog.journal_id and not dialog._get_journals()
            dialog.no_journal_reason = is_missing and (
                dialog.move_id._get_no_journal_reason(kind, dialog.company_id)
            )

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

    @api.onchange("amount_choice")
    def _onchange_amount_choice(self):
        """Enter the amount of the part that was chosen."""
        for choice in self.amount_choices or []:
            if choice["value"] == self.amount_choice and "amount" in choice:
                self.amount = choice["amount"]

    @api.onchange("method")
    def _onchange_method(self):
        """Propose no more than the credit that there is, and the due for the others."""
        if not self.move_id:
            return
        compared = self.currency_id.compare_amounts(self.amount, self.available_credit)
        if self.is_credit and compared > 0:
            self.amount = self.available_credit
        elif not self.is_credit and not compared:
            self._compute_amount()

    @api.depends("partner_id")
    def _compute_save_method_url(self):
        """Where the customer, also without a login, pays and saves a method."""
        for dialog in self:
            dialog.save_method_url = (
                dialog.move_id._get_payment_form_url() if dialog.move_id else False
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
        """Propose the method that was used last for the kind, or the first one."""
        moves = self.env["account.move"]
        for dialog in self:
            lines = dialog.available_method_line_ids
            used = lines.browse()
            if lines and dialog.external_kind:
                latest = moves._get_latest_of_kind(
                    dialog.company_id, dialog.external_kind
                )
                used = latest.payment_method_line_id & lines._origin
            dialog.payment_method_line_id = used or lines[:1]

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
            attempt = invoice.issue_and_charge(
                token_id, notify=self.tell_customer, idempotency_key=key
            )
        elif self.retried_transaction_id:
            attempt = self.retried_transaction_id.retry(
                token_id, notify=self.tell_customer, idempotency_key=key
            )
        else:
            attempt = invoice.charge(
                token_id,
                amount=self.amount,
                memo=self.memo,
                notify=self.tell_customer,
                idempotency_key=key,
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
            external_kind=self.external_kind,
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
