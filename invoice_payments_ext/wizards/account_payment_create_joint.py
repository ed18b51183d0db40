from odoo import Command, api, fields, models
from odoo.tools import format_date

from ..tools import format_preview, prepare_notification

CREDIT = "credit"


class AccountPaymentCreateJoint(models.TransientModel):
    """The dialog that records one payment for several invoices of a customer."""

    _name = "account.payment.create.joint"
    _inherit = "payment.dialog.outside.mixin"
    _description = "Record one Payment for several Invoices"

    move_ids = fields.Many2many(
        string="Invoices", comodel_name="account.move", readonly=True
    )
    company_id = fields.Many2one(related="move_ids.company_id")
    currency_id = fields.Many2one(
        comodel_name="res.currency", compute="_compute_of_invoices"
    )
    partner_id = fields.Many2one(
        string="Customer", comodel_name="res.partner", compute="_compute_of_invoices"
    )
    amount = fields.Monetary(
        string="Amount received",
        compute="_compute_amount",
        store=True,
        readonly=False,
        required=True,
    )
    line_ids = fields.One2many(
        comodel_name="account.payment.create.joint.line",
        inverse_name="dialog_id",
        compute="_compute_line_ids",
        store=True,
        readonly=False,
    )
    rest = fields.Monetary(
        compute="_compute_rest",
        help="The part of the amount that pays none of the invoices.",
    )
    has_rest = fields.Boolean(compute="_compute_rest")
    has_discount = fields.Boolean(compute="_compute_has_discount")
    keep_rest = fields.Boolean(
        string="Keep the rest as credit",
        help="The part of the amount that pays none of the invoices is kept on the "
        "customer's credit balance.",
    )
    external_kind = fields.Char(string="Received as", default="cheque", required=True)
    method_options = fields.Json(compute="_compute_method_options")
    journal_id = fields.Many2one(string=None)  # Its own: it is received here.
    date = fields.Date(
        string="Date received", default=fields.Date.context_today, required=True
    )
    memo = fields.Char(help="If it is empty, the numbers of the invoices are the memo.")
    notify = fields.Boolean(
        string="Send receipt", help="Send the receipt to the customer by e-mail."
    )
    preview = fields.Html(compute="_compute_preview", sanitize=False)
    button_label = fields.Char(compute="_compute_preview")

    # === COMPUTE METHODS === #

    @api.depends("move_ids")
    def _compute_of_invoices(self):
        for dialog in self:
            invoices = dialog.move_ids
            dialog.currency_id = invoices.currency_id[:1]
            dialog.partner_id = invoices.commercial_partner_id[:1]

    @api.depends("move_ids")
    def _compute_amount(self):
        """Propose the amounts that settle all the invoices."""
        for dialog in self:
            parts = dialog._get_invoices()._spread_amount(date=dialog.date)
            dialog.amount = sum(parts.values())

    @api.depends("move_ids")
    def _compute_line_ids(self):
        for dialog in self:
            invoices = dialog._get_invoices()
            parts = invoices._spread_amount(date=dialog.date)
            dialog.line_ids = [
                Command.clear(),
                *(
                    Command.create(
                        {"move_id": invoice.id, "amount": parts.get(invoice, 0.0)}
                    )
                    for invoice in invoices.sorted(
                        lambda move: (move.invoice_date_due, move.id)
                    )
                ),
            ]

    @api.onchange("amount")
    def _onchange_amount(self):
        """Spread the amount again: the instalments that were due first come first."""
        parts = self._get_invoices()._spread_amount(self.amount, self.date)
        for line in self.line_ids:
            line.amount = parts.get(line.move_id._origin, 0.0)

    @api.onchange("date")
    def _onchange_date(self):
        """Keep the parts, but for those that settle an invoice with its discount."""
        for line in self.line_ids:
            invoice = line.move_id._origin
            if invoice.invoice_payment_term_id.early_discount:
                currency, full = line.currency_id, line.chargeable_amount
                offered = full - invoice._get_discount_of_terms()
                if not all(
                    currency.compare_amounts(line.amount, each)
                    for each in (full, offered)
                ):
                    settling = full - invoice._get_discount(self.date)
                    line.amount = currency.round(settling)

    @api.depends("amount", "line_ids.amount")
    def _compute_rest(self):
        for dialog in self:
            currency = dialog.currency_id or dialog.env.company.currency_id
            parts = sum(dialog.line_ids.mapped("amount"))
            dialog.rest = currency.round(dialog.amount - parts)
            dialog.has_rest = currency.compare_amounts(dialog.rest, 0) > 0

    @api.depends("line_ids.discount")
    def _compute_has_discount(self):
        for dialog in self:
            dialog.has_discount = any(dialog.line_ids.mapped("discount"))

    def _compute_method_options(self):
        for dialog in self:
            dialog.method_options = self._get_external_options()

    @api.depends("amount", "line_ids.amount", "keep_rest", "journal_id", "date")
    def _compute_preview(self):
        for dialog in self:
            dialog.preview = dialog.button_label = False
            if dialog._get_invoices():
                amount = dialog.currency_id.format(dialog.amount)
                dialog.button_label = self.env._("Record %s", amount)
                dialog.preview = format_preview(dialog._get_preview_lines())

    def _get_invoices(self):
        """Return the invoices as they are in the database.

        :rtype: account.move
        """
        return self.move_ids._origin

    # === PREVIEW === #

    def _get_preview_lines(self):
        """Say in words the effects of the payment.

        :rtype: list[str]
        """
        self.ensure_one()
        currency = self.currency_id
        if currency.compare_amounts(self.amount, 0) <= 0:
            return [self.env._("Enter an amount above zero.")]
        if currency.compare_amounts(self.rest, 0) < 0:
            return [
                self.env._(
                    "The parts of the invoices are %s more than the amount.",
                    currency.format(-self.rest),
                )
            ]
        if self.has_rest and not self.keep_rest:
            return [
                self.env._(
                    "%s pay no invoice: keep them as credit, or change the amounts.",
                    currency.format(self.rest),
                )
            ]
        values = {"journal_id": self.journal_id.id}
        if refusal := self._get_invoices()._get_joint_currency_refusal(values):
            return [refusal]
        return [
            self.env._(
                "One payment of %(amount)s is recorded in the journal %(journal)s, on "
                "%(date)s.",
                amount=currency.format(self.amount),
                journal=self.journal_id.display_name or "…",
                date=format_date(self.env, self.date),
            ),
            *self._describe_invoices(),
        ]

    def _describe_invoices(self):
        """Say how many invoices are paid, and where the rest goes."""
        paid = [line for line in self.line_ids if line.amount]
        settled = [line for line in paid if not line.left]
        yield self.env._(
            "%(count)s of %(all)s invoices are paid in full, %(part)s in part.",
            count=len(settled),
            all=len(self.line_ids),
            part=len(paid) - len(settled),
        )
        if self.has_rest:
            yield self.env._(
                "%(rest)s are kept on the credit balance of %(customer)s.",
                rest=self.currency_id.format(self.rest),
                customer=self.partner_id.display_name,
            )
        yield from self._describe_discounts(paid)

    def _describe_discounts(self, paid):
        """Say which invoices get their early-payment discount, and which do not.

        :param list paid: The lines that get a part.
        """
        currency = self.currency_id
        for line in paid:
            discount = line.move_id._origin._get_discount(self.date)
            values = {
                "discount": currency.format(discount),
                "invoice": line.move_id.name,
                "part": currency.format(line.chargeable_amount - discount),
            }
            if line.discount:
                yield self.env._(
                    "The early-payment discount of %(discount)s on %(invoice)s is "
                    "granted.",
                    **values,
                )
            elif discount:
                yield self.env._(
                    "No early-payment discount is granted on %(invoice)s: for that, it "
                    "is paid with exactly %(part)s.",
                    **values,
                )

    # === ACTION METHODS === #

    def action_record(self):
        """Record the payment and tell that it was done.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        payment = self._get_invoices().record_joint_payment(
            amount=self.amount,
            parts=[
                {"invoice_id": line.move_id.id, "amount": line.amount}
                for line in self.line_ids
            ],
            journal_id=self.journal_id.id,
            date=self.date,
            reference=self.reference,
            memo=self.memo,
            notify=self.notify,
            excess=CREDIT if self.keep_rest and self.has_rest else None,
            external_kind=self.external_kind,
            idempotency_key=self.idempotency_key,
        )
        return prepare_notification(
            self.env._("Payment recorded"),
            self.env._(
                "%(amount)s was recorded as %(name)s for %(count)s invoices.",
                amount=payment.currency_id.format(payment.amount),
                name=payment.name,
                count=len(payment.invoice_ids),
            ),
        )


class AccountPaymentCreateJointLine(models.TransientModel):
    """The part of one invoice."""

    _name = "account.payment.create.joint.line"
    _inherit = "payment.dialog.rights.mixin"
    _description = "Part of a Payment for several Invoices"

    dialog_id = fields.Many2one(
        comodel_name="account.payment.create.joint", required=True, ondelete="cascade"
    )
    move_id = fields.Many2one(
        string="Invoice", comodel_name="account.move", required=True, readonly=True
    )
    currency_id = fields.Many2one(related="move_id.currency_id")
    invoice_date_due = fields.Date(related="move_id.invoice_date_due")
    chargeable_amount = fields.Monetary(
        string="To pay", compute="_compute_chargeable_amount"
    )
    amount = fields.Monetary(string="Paid now")
    discount = fields.Monetary(
        compute="_compute_left",
        help="The early-payment discount that is granted with this part.",
    )
    left = fields.Monetary(string="Remains", compute="_compute_left")

    # === COMPUTE METHODS === #

    @api.depends("move_id")
    def _compute_chargeable_amount(self):
        for line in self:
            invoice = line.move_id._origin
            line.chargeable_amount = (
                invoice._get_chargeable_amount() if invoice else 0.0
            )

    @api.depends("move_id", "amount", "dialog_id.date")
    def _compute_left(self):
        for line in self:
            parts = {line.move_id._origin: line.amount} if line.move_id else {}
            discounts = parts and line.move_id._get_discounts_covered(
                parts, line.dialog_id.date
            )
            line.discount = sum(discounts.values()) if discounts else 0.0
            left = line.move_id.amount_residual - line.amount - line.discount
            line.left = line.currency_id.round(left) if line.currency_id else left
