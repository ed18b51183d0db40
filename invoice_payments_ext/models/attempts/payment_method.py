from odoo import api, fields, models

# How many days a payment by a method is pending, as a rule. Cards and wallets answer
# within a day or two.
PENDING_DAYS = {
    # The bank of the customer collects.
    "ach_direct_debit": 7,
    "bacs_direct_debit": 10,
    "bank_account": 7,
    "becs_direct_debit": 7,
    "sepa_direct_debit": 14,
    # The customer sends the money.
    "bank_reference": 10,
    "bank_transfer": 10,
    "wire_transfer": 14,
    # The customer pays at a counter, with a voucher.
    "7eleven": 5,
    "abitab": 5,
    "boleto": 7,
    "cebuana": 5,
    "kiosk": 5,
    "multibanco": 7,
    "oxxopay": 5,
    "pps": 5,
    "redpagos": 5,
    # The customer pays on delivery, or in the shop.
    "cash_on_delivery": 30,
    "pay_on_site": 30,
}
OTHER_PENDING_DAYS = 2


class PaymentMethod(models.Model):
    """How long payments by a method are usually pending."""

    _inherit = "payment.method"

    pending_days = fields.Integer(
        string="Usually Pending",
        compute="_compute_pending_days",
        store=True,
        readonly=False,
        precompute=True,
        help="For how many days a payment by this method is pending as a rule. "
        "Payments that are pending for longer are listed for a person.",
    )

    _pending_days_positive = models.Constraint(
        "CHECK(pending_days >= 0)", "The days cannot be negative."
    )

    # === COMPUTE METHODS === #

    @api.depends("code")
    def _compute_pending_days(self):
        for method in self:
            method.pending_days = PENDING_DAYS.get(method.code, OTHER_PENDING_DAYS)
