from odoo import api, fields, models

from ..tools import prepare_notification


class PaymentAttemptReceived(models.TransientModel):
    """The dialog that records the money of an announced payment."""

    _name = "payment.attempt.received"
    _inherit = "payment.dialog.outside.mixin"
    _description = "Record the Money of an Announced Payment"

    transaction_id = fields.Many2one(
        string="Announced",
        comodel_name="payment.transaction",
        required=True,
        readonly=True,
    )
    company_id = fields.Many2one(related="transaction_id.company_id")
    currency_id = fields.Many2one(
        comodel_name="res.currency", compute="_compute_currency_id"
    )
    announced_amount = fields.Monetary(compute="_compute_currency_id")
    amount = fields.Monetary(
        compute="_compute_amount", store=True, readonly=False, required=True
    )
    is_rest_expected = fields.Boolean(
        string="The rest is still expected",
        help="Only a part came: the payment stays announced with the rest. If it is "
        "not set, the payment is closed.",
    )
    is_part = fields.Boolean(compute="_compute_is_part")
    date = fields.Date(
        string="Date received", default=fields.Date.context_today, required=True
    )
    journal_id = fields.Many2one(string=None)  # Its own: it is received here.
    external_kind = fields.Selection(
        string="Received as",
        selection=lambda self: self._get_external_kinds(),
        default="transfer",
        required=True,
    )

    # === COMPUTE METHODS === #

    @api.depends("transaction_id")
    def _compute_currency_id(self):
        for dialog in self:
            attempt = dialog.transaction_id
            invoices = attempt._get_attempt_invoices()
            dialog.currency_id = invoices.currency_id[:1] or attempt.currency_id
            dialog.announced_amount = (
                attempt._get_announced_amount() if invoices else attempt.amount
            )

    @api.depends("announced_amount")
    def _compute_amount(self):
        """Propose the announced amount, or the lesser one that can still be paid."""
        for dialog in self:
            dialog.amount = dialog.announced_amount
            invoices = dialog.transaction_id._get_attempt_invoices()
            if len(invoices.currency_id) == 1:
                payable = sum(
                    invoice._get_default_payment_amount() for invoice in invoices
                )
                dialog.amount = min(dialog.announced_amount, payable)

    @api.depends("amount", "announced_amount")
    def _compute_is_part(self):
        """Ask for the rest where there is one."""
        for dialog in self:
            invoices = dialog.transaction_id._get_attempt_invoices()
            currency = dialog.currency_id
            dialog.is_part = bool(
                len(invoices) == 1
                and currency == dialog.transaction_id.currency_id
                and currency.compare_amounts(dialog.amount, dialog.announced_amount) < 0
            )

    # === ACTION METHODS === #

    def action_record(self):
        """Record the money and tell that it was done.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        payments = self.transaction_id.record_received(
            amount=self.amount,
            journal_id=self.journal_id.id,
            date=self.date,
            reference=self.reference,
            external_kind=self.external_kind,
            idempotency_key=self.idempotency_key,
            is_rest_expected=self.is_part and self.is_rest_expected,
        )
        return prepare_notification(
            self.env._("Payment recorded"),
            self.env._(
                "%(amount)s was recorded as %(names)s.",
                amount=self.currency_id.format(sum(payments.mapped("amount"))),
                names=", ".join(payments.mapped("name")),
            ),
        )
