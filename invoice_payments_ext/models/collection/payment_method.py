from odoo import api, fields, models

# How many days before a debit the customer has to be told, if nothing else was agreed.
# https://www.europeanpaymentscouncil.eu (SEPA Direct Debit Core Rulebook: 14 days)
NOTICE_DAYS = {"sepa_direct_debit": 14, "bacs_direct_debit": 3, "ach_direct_debit": 3}


class PaymentMethod(models.Model):
    """How long before a debit the customer is told."""

    _inherit = "payment.method"

    notice_days = fields.Integer(
        string="Notice Before a Debit",
        compute="_compute_notice_days",
        store=True,
        readonly=False,
        precompute=True,
        help="How many days before an automatic charge the customer is told the amount "
        "and the day. Zero: no notice is needed. Enter fewer days only if your "
        "customers agreed to them.",
    )

    _notice_days_positive = models.Constraint(
        "CHECK(notice_days >= 0)", "The days of notice cannot be negative."
    )

    # === COMPUTE METHODS === #

    @api.depends("code")
    def _compute_notice_days(self):
        for method in self:
            method.notice_days = NOTICE_DAYS.get(method.code, 0)
