from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ..models.bills.credit import DOCUMENT
from ..tools import prepare_notification


class AccountCreditNoteCreate(models.TransientModel):
    """The dialog that issues a credit note; the work is behind the door."""

    _name = "account.credit.note.create"
    _inherit = "payment.dialog.outside.mixin"
    _description = "Create Credit Note"

    move_id = fields.Many2one(
        string="Invoice", comodel_name="account.move", required=True, readonly=True
    )
    company_id = fields.Many2one(related="move_id.company_id")
    currency_id = fields.Many2one(related="move_id.currency_id")
    partner_id = fields.Many2one(related="move_id.partner_id")

    # Stored, as the amounts below: they stay as they were shown, so that a replay after
    # the credit note was issued is the same request.
    creditable_amount = fields.Monetary(
        compute="_compute_creditable_amount", store=True
    )
    remaining_amount = fields.Monetary(compute="_compute_creditable_amount", store=True)
    amount_in_flight = fields.Monetary(compute="_compute_creditable_amount", store=True)
    chargeable_amount = fields.Monetary(
        compute="_compute_creditable_amount", store=True
    )
    what = fields.Selection(
        selection=[("amount", "An amount"), ("lines", "Lines of the invoice")],
        string="Credit",
        default="amount",
        required=True,
    )
    amount = fields.Monetary(
        compute="_compute_amount",
        store=True,
        readonly=False,
        help="Tax included. The tax is reduced in proportion.",
    )
    line_ids = fields.One2many(
        comodel_name="account.credit.note.create.line",
        inverse_name="dialog_id",
        compute="_compute_line_ids",
        store=True,
        readonly=False,
    )
    total = fields.Monetary(compute="_compute_total")
    reason = fields.Char(required=True, help="Printed on the credit note.")
    date = fields.Date(
        compute="_compute_date",
        store=True,
        precompute=True,
        readonly=False,
        required=True,
    )
    notify = fields.Boolean(
        string="Tell the customer",
        compute="_compute_notify",
        store=True,
        readonly=False,
        help="Send the customer the credit note by e-mail.",
    )
    note = fields.Text(
        string="Internal note", help="Kept with the credit note, and not printed."
    )

    excess_amount = fields.Monetary(
        string="Paid already",
        compute="_compute_excess_amount",
        store=True,
        help="The credited amount above the amount that remains to be paid.",
    )
    has_excess = fields.Boolean(compute="_compute_excess_amount", store=True)
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
    )
    payment_ids = fields.One2many(
        comodel_name="account.credit.note.create.payment",
        inverse_name="dialog_id",
        compute="_compute_payment_ids",
        store=True,
        readonly=False,
    )
    has_gateway_payments = fields.Boolean(compute="_compute_payment_ids", store=True)
    blocked_reasons = fields.Text(compute="_compute_payment_ids", store=True)
    available_refund_ids = fields.Many2many(
        comodel_name="account.payment", compute="_compute_available_refund_ids"
    )
    has_earlier_refunds = fields.Boolean(compute="_compute_available_refund_ids")
    refund_id = fields.Many2one(
        string="Given back before",
        comodel_name="account.payment",
        compute="_compute_refund_id",
        store=True,
        readonly=False,
        domain="[('id', 'in', available_refund_ids)]",
        help="An open refund to this customer, which the credit note is linked to.",
    )
    linked_amount = fields.Monetary(compute="_compute_linked_amount", store=True)
    outside_amount = fields.Monetary(
        string="Paid outside", compute="_compute_outside_amount", store=True
    )
    has_outside = fields.Boolean(compute="_compute_outside_amount", store=True)
    outside_date = fields.Date(string="Date paid", default=fields.Date.context_today)

    # === COMPUTE METHODS === #

    @api.depends("move_id")
    def _compute_notify(self):
        for dialog in self:
            dialog.notify = dialog.company_id.sudo().payment_tell_customer

    @api.depends("move_id")
    def _compute_date(self):
        for dialog in self:
            dialog.date = dialog.move_id._get_today(dialog.move_id.invoice_date)

    @api.depends("move_id")
    def _compute_creditable_amount(self):
        for dialog in self:
            invoice = dialog.move_id
            in_flight = invoice._get_amount_in_flight() if invoice else 0.0
            dialog.creditable_amount = invoice._get_credit_offered() if invoice else 0.0
            dialog.remaining_amount = invoice.amount_residual
            dialog.amount_in_flight = in_flight
            dialog.chargeable_amount = (
                invoice._get_chargeable_amount(in_flight) if invoice else 0.0
            )

    @api.depends("move_id")
    def _compute_amount(self):
        for dialog in self:
            invoice = dialog.move_id
            dialog.amount = invoice._get_amount_to_credit() if invoice else 0.0

    @api.depends("move_id")
    def _compute_line_ids(self):
        for dialog in self:
            dialog.line_ids = [
                Command.clear(),
                *(Command.create(values) for values in dialog._prepare_line_vals()),
            ]

    def _prepare_line_vals(self):
        """Return the values of the lines that can be credited.

        :rtype: list[dict]
        """
        invoice = self.move_id
        if not invoice:
            return []
        credit = invoice._get_credit(fields.Date.context_today(self))
        return [
            {
                "move_line_id": line.id,
                "name": line.name or line.product_id.display_name,
                "creditable_amount": invoice._get_amount(left),
                "creditable_quantity": credit.get_quantity_left(line),
            }
            for line in invoice._get_creditable_lines()
            if (left := credit.get_line_total(line.id, credit.left[DOCUMENT]))
            and line.display_type != "epd"
        ]

    @api.depends("what", "amount", "line_ids.amount", "line_ids.quantity", "date")
    def _compute_total(self):
        for dialog in self:
            dialog.total = (
                dialog._get_total_of_lines()
                if dialog.what == "lines"
                else dialog.amount
            )

    def _get_total_of_lines(self):
        """Return the total of the lines, which is rounded once."""
        amount = sum(self.line_ids.mapped("amount"))
        if not any(self.line_ids.mapped("quantity")):
            return amount
        invoice = self.move_id._origin
        try:
            date = invoice._get_credit_note_date(self.date)
            return invoice._get_credit_total(None, self._prepare_lines(), date)
        except UserError:
            return amount  # The preview says the error.

    @api.depends("total", "chargeable_amount")
    def _compute_excess_amount(self):
        for dialog in self:
            total = min(dialog.total, dialog.creditable_amount)
            excess = max(total - dialog.chargeable_amount, 0.0)
            dialog.excess_amount = dialog.currency_id.round(excess) if excess else 0.0
            dialog.has_excess = bool(dialog.excess_amount)

    @api.depends("move_id")
    def _compute_to(self):
        for dialog in self:
            blocked = [
                payment._get_refund_blocked_reason("original")
                for payment in dialog._get_returnable_payments()
            ]
            dialog.to = "outside" if all(blocked) else "original"
            payments = dialog._get_returnable_payments()
            if payments and all(payment.is_from_credit for payment in payments):
                dialog.to = "credit"

    def _get_returnable_payments(self):
        """Return the amounts that can be given back; see the invoice's method."""
        if not self.move_id:
            return {}
        amounts = self.move_id._get_returnable_amounts()
        return {payment: amount for payment, amount in amounts.items() if payment}

    @api.depends("move_id", "excess_amount", "linked_amount")
    def _compute_payment_ids(self):
        """Spread the amount for original methods over the newest payments."""
        for dialog in self:
            left = dialog.excess_amount - dialog.linked_amount
            commands = [Command.clear()]
            reasons = []
            for payment, available in dialog._get_returnable_payments().items():
                amount = dialog.currency_id.round(min(left, available))
                reason = payment._get_refund_blocked_reason("original", amount or None)
                if reason:
                    reasons.append(reason)
                    continue
                left -= amount
                commands.append(
                    Command.create(
                        {
                            "payment_id": payment.id,
                            "available_amount": available,
                            "amount": amount,
                        }
                    )
                )
            dialog.payment_ids = commands
            dialog.has_gateway_payments = len(commands) > 1
            dialog.blocked_reasons = "\n".join(reasons)

    @api.depends("move_id")
    def _compute_available_refund_ids(self):
        for dialog in self:
            invoice = dialog.move_id
            refunds = invoice._get_earlier_refunds() if invoice else False
            dialog.available_refund_ids = refunds
            dialog.has_earlier_refunds = bool(refunds)

    @api.depends("available_refund_ids")
    def _compute_refund_id(self):
        for dialog in self:
            dialog.refund_id = dialog.available_refund_ids[:1]._origin

    @api.depends("excess_amount", "refund_id")
    def _compute_linked_amount(self):
        for dialog in self:
            dialog.linked_amount = (
                min(
                    dialog.excess_amount,
                    dialog.move_id._get_open_refund_amount(dialog.refund_id._origin),
                )
                if dialog.refund_id
                else 0.0
            )

    @api.depends("excess_amount", "linked_amount", "to", "payment_ids.amount")
    def _compute_outside_amount(self):
        for dialog in self:
            left = dialog.excess_amount - dialog.linked_amount
            if dialog.to == "original":
                left -= sum(dialog.payment_ids.mapped("amount"))
            if dialog.to == "credit":
                left = 0.0
            currency = dialog.currency_id
            dialog.outside_amount = currency.round(max(left, 0.0)) if currency else 0.0
            dialog.has_outside = bool(dialog.outside_amount)

    # === ACTION METHODS === #

    def _prepare_arguments(self):
        """Return the arguments for the door.

        :rtype: dict
        """
        self.ensure_one()
        by_lines = self.what == "lines"
        return {
            "amount": None if by_lines else self.amount,
            "lines": self._prepare_lines() if by_lines else None,
            "destinations": self._prepare_destinations(),
        }

    def _prepare_lines(self):
        """Return the lines to credit, as the door takes them.

        :rtype: list[dict]
        """
        return [
            row._prepare_line()
            for row in self.line_ids
            if row.quantity or not self.currency_id.is_zero(row.amount)
        ]

    def _prepare_destinations(self):
        """Return the destinations of the paid amount, as the door takes them.

        :rtype: list[dict] | None
        """
        if not self.has_excess:
            return None
        destinations = []
        if self.linked_amount:
            destinations.append(
                {
                    "to": "refund",
                    "amount": self.linked_amount,
                    "payment_id": self.refund_id.id,
                }
            )
        if self.to == "original":
            destinations += [
                {
                    "to": "original",
                    "amount": row.amount,
                    "payment_id": row.payment_id.id,
                }
                for row in self.payment_ids
                if not self.currency_id.is_zero(row.amount)
            ]
        kept = self.currency_id.round(self.excess_amount - self.linked_amount)
        if self.to == "credit" and kept:
            destinations.append({"to": "credit", "amount": kept})
        if self.has_outside:
            destinations.append(
                {
                    "to": "outside",
                    "amount": self.outside_amount,
                    "journal_id": self.journal_id.id,
                    "date": str(self.outside_date) if self.outside_date else None,
                    "reference": self.reference or None,
                }
            )
        return destinations

    def action_issue(self):
        """Issue the credit note and tell the result.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        if self.what == "lines" and not self._prepare_lines():
            raise UserError(
                self.env._("Enter the amounts or quantities of the lines to credit.")
            )
        result = self.move_id.issue_credit_note(
            reason=self.reason,
            date=self.date,
            note=self.note,
            notify=self.notify,
            idempotency_key=self.idempotency_key,
            **self._prepare_arguments(),
        )
        if result._name == "account.payment.approval":
            return result._get_waiting_notification()
        # In superuser mode: the staff may not read all data of providers.
        attempts_sudo = (
            self.env["payment.transaction"]
            .sudo()
            .search([("refund_credit_note_id", "=", result.id)], order="id")
        )
        for attempt_sudo in attempts_sudo:
            if attempt_sudo.outcome != "succeeded":
                return attempt_sudo._get_outcome_notification()
        return prepare_notification(
            self.env._("Credit note issued"),
            self.env._(
                "%(name)s over %(amount)s was issued.",
                name=result.name,
                amount=result.currency_id.format(result.amount_total),
            ),
        )
