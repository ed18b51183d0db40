from odoo import fields, models


class ResCompany(models.Model):
    """The limit of a company above which a second person approves."""

    _inherit = "res.company"

    payment_approval_limit = fields.Monetary(
        string="Approval Limit",
        help="A refund, credit note, write-off or pay-out of credit above this amount "
        "waits for a second person. Zero: no second person is ever needed.",
    )

    _payment_approval_limit_positive = models.Constraint(
        "CHECK(payment_approval_limit >= 0)",
        "The approval limit cannot be negative. Zero means that there is none.",
    )
