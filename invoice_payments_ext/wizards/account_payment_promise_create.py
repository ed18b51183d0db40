from odoo import api, fields, models

from ..models.promises.account_payment_promise import CHANNELS
from ..tools import prepare_notification


class AccountPaymentPromiseCreate(models.TransientModel):
    """The dialog that records a promise to pay, or moves one to another day."""

    _name = "account.payment.promise.create"
    _inherit = "payment.dialog.mixin"
    _description = "Record a Promise to Pay"

    invoice_ids = fields.Many2many(
        string="Invoices", comodel_name="account.move", readonly=True
    )
    promise_id = fields.Many2one(comodel_name="account.payment.promise", readonly=True)
    # With the rights of the user, who may not read the invoices that a client names.
    currency_id = fields.Many2one(
        comodel_name="res.currency", compute="_compute_invoice", compute_sudo=False
    )
    remaining_amount = fields.Monetary(
        string="Remaining", compute="_compute_invoice", compute_sudo=False
    )
    latest_day = fields.Date(compute="_compute_invoice", compute_sudo=False)
    selectable_token_ids = fields.Many2many(
        comodel_name="payment.token", compute="_compute_invoice", compute_sudo=False
    )
    amount = fields.Monetary(
        compute="_compute_amount",
        store=True,
        precompute=True,
        readonly=False,
        required=True,
        compute_sudo=False,
    )
    date = fields.Date(string="Promised Day", required=True)
    channel = fields.Selection(
        string="How",
        # In the portal, customers promise themselves.
        selection=[(key, word) for key, word in CHANNELS.items() if key != "portal"],
        default="phone",
    )
    note = fields.Char()
    token_id = fields.Many2one(
        string="Charge on that Day",
        comodel_name="payment.token",
        domain="[('id', 'in', selectable_token_ids)]",
    )
    consent = fields.Char(
        string="How the Customer Agreed",
        help="It is kept with the date and your name.",
    )

    # === COMPUTE METHODS === #

    @api.depends("invoice_ids")
    def _compute_invoice(self):
        for dialog in self:
            invoices = dialog.invoice_ids._origin
            invoices.check_access("read")
            dialog.currency_id = invoices.currency_id[:1]
            dialog.remaining_amount = invoices._get_amount_to_promise()
            dialog.latest_day = (
                len(invoices.company_id) == 1 and invoices._get_latest_promised_day()
            )
            tokens = invoices[:1]._get_saved_tokens() if invoices[:1] else None
            dialog.selectable_token_ids = tokens

    @api.depends("invoice_ids")
    def _compute_amount(self):
        for dialog in self:
            dialog.amount = dialog.remaining_amount

    # === ACTION METHODS === #

    def action_promise(self):
        """Record the promise, or move it, and tell that it was done.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        if self.promise_id:
            promise = self.promise_id.reschedule(
                self.date, note=self.note, idempotency_key=self.idempotency_key
            )
        else:
            promise = self.invoice_ids.promise_to_pay(
                amount=self.amount,
                date=self.date,
                channel=self.channel,
                note=self.note,
                token_id=self.token_id,
                consent=self.consent,
                idempotency_key=self.idempotency_key,
            )
        return prepare_notification(
            self.env._("Promise to pay"),
            self.env._("The customer promised %s.", promise.display_name),
        )
