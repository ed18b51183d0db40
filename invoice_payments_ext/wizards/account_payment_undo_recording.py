from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ..tools import format_preview, prepare_notification


class AccountPaymentUndoRecording(models.TransientModel):
    """The dialog that takes a recorded payment back; the work is behind the door."""

    _name = "account.payment.undo.recording"
    _inherit = "payment.dialog.mixin"
    _description = "Take a Recorded Payment Back"

    payment_id = fields.Many2one(
        comodel_name="account.payment", required=True, readonly=True
    )
    currency_id = fields.Many2one(related="payment_id.currency_id")
    amount = fields.Monetary(related="payment_id.amount")
    reason = fields.Char(
        compute="_compute_reason",
        store=True,
        precompute=True,
        readonly=False,
        required=True,
        help="Kept with the payment. The customer does not see it.",
    )
    reason_picks = fields.Json(compute="_compute_reason_picks")
    date = fields.Date(
        string="Date of the opposite entry",
        compute="_compute_date",
        store=True,
        precompute=True,
        readonly=False,
        required=True,
    )
    blocked_reason = fields.Char(compute="_compute_blocked_reason")
    can_refund = fields.Boolean(compute="_compute_blocked_reason")
    preview = fields.Html(compute="_compute_preview", sanitize=False)

    # === COMPUTE METHODS === #

    @api.depends("payment_id")
    def _compute_reason(self):
        for dialog in self:
            dialog.reason = self.env._("Recorded by mistake")

    @api.depends("payment_id")
    def _compute_reason_picks(self):
        for dialog in self:
            dialog.reason_picks = [
                self.env._("Recorded twice"),
                self.env._("Wrong amount"),
                self.env._("Wrong invoice"),
                self.env._("Wrong way of payment"),
                self.env._("The money did not come"),
            ]

    @api.depends("payment_id")
    def _compute_date(self):
        for dialog in self:
            payment = dialog.payment_id
            dialog.date = payment and payment._get_taken_back_booking_date(None)

    @api.depends("payment_id")
    def _compute_blocked_reason(self):
        for dialog in self:
            payment = dialog.payment_id
            dialog.blocked_reason = payment and payment._get_no_mistake_reason()
            dialog.can_refund = (
                bool(dialog.blocked_reason)
                and payment.payment_type == "inbound"
                and not payment._get_refund_blocked_reason("outside")
                and not self.env["account.move"]._get_refund_level_reason()
            )

    @api.depends("payment_id", "date")
    def _compute_preview(self):
        for dialog in self:
            dialog.preview = (
                format_preview(dialog._get_preview_lines())
                if dialog.payment_id
                else False
            )

    def _get_preview_lines(self):
        """Say in words the effects on the invoices and in the books.

        :rtype: list[str]
        """
        self.ensure_one()
        payment = self.payment_id
        amount = self.currency_id.format(payment.amount)
        lines = []
        if payment.payment_type == "inbound":
            _unallocated, parts, _untraced = payment._plan_refund(payment.amount)
            lines = [
                self.env._(
                    "%(invoice)s is open again by %(amount)s.",
                    invoice=invoice.name,
                    amount=invoice.currency_id.format(applied),
                )
                for invoice, applied in payment._group_by_invoice(parts).items()
            ]
        elif payment.journal_id.is_credit_balance:
            lines = [
                self.env._("%s is taken off the credit balance again.", amount),
            ]
        else:
            lines = [
                self.env._("The refund of %s does not count any more.", amount),
            ]
        date = payment._get_taken_back_booking_date(self.date)
        return [
            *lines,
            self.env._(
                "%(payment)s is cancelled, and an opposite entry of %(date)s follows "
                "it. No money moves.",
                payment=payment.name,
                date=format_date(self.env, date),
            ),
        ]

    # === ACTION METHODS === #

    def action_undo(self):
        """Take the record back and tell that it was done.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        opposite = self.payment_id.undo_recording(
            self.reason, date=self.date, idempotency_key=self.idempotency_key
        )
        return prepare_notification(
            self.env._("Taken back"),
            self.env._(
                "%(payment)s was taken back by %(entry)s.",
                payment=self.payment_id.name,
                entry=opposite.name,
            ),
        )

    def action_refund(self):
        """Return the dialog that refunds the payment instead.

        :rtype: dict
        :raise UserError: If the payment cannot be refunded.
        """
        self.ensure_one()
        if blocked := self.payment_id._get_refund_blocked_reason("outside"):
            raise UserError(blocked)
        return self.payment_id.action_refund_wizard()
