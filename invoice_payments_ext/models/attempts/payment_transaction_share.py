from odoo import fields, models


class PaymentTransactionShare(models.Model):
    """The part of an attempt that one of its invoices gets.

    It is stored together with the attempt, before anything is sent. So a crash, a late
    word of the gateway or another payment in the meantime changes no invoice's part.
    """

    _name = "payment.transaction.share"
    _description = "Share of an Attempt"
    _order = "id"  # In this order the money is given to the invoices.

    transaction_id = fields.Many2one(
        string="Attempt",
        comodel_name="payment.transaction",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    invoice_id = fields.Many2one(
        comodel_name="account.move",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    currency_id = fields.Many2one(related="transaction_id.currency_id")
    amount = fields.Monetary(
        readonly=True, help="How much of the attempt's money this invoice gets."
    )
    discount_amount = fields.Monetary(
        string="Early-payment discount",
        readonly=True,
        help="What this invoice gets off besides the money, if that settles it.",
    )
    holds_invoice = fields.Boolean(
        readonly=True,
        help="While set, no other attempt can be started on this invoice. It follows "
        "the attempt.",
    )

    _one_per_invoice = models.UniqueIndex(
        "(transaction_id, invoice_id)", "An invoice has one share of an attempt."
    )
    _one_in_flight_per_invoice = models.UniqueIndex(
        "(invoice_id) WHERE holds_invoice",
        "A payment attempt on this invoice is in flight already.",
    )
