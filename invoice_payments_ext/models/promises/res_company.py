from odoo import fields, models

from ...tools import SELDOM_READ


class ResCompany(models.Model):
    """Which promises to pay a company takes, and its own day."""

    _inherit = "res.company"

    promise_by_members = fields.Boolean(
        string="Members Promise",
        prefetch=SELDOM_READ,
        tracking=True,
        help="Let members say in the portal on which day they pay an invoice.",
    )
    promise_max_open = fields.Integer(
        string="Open Promises",
        default=3,
        prefetch=SELDOM_READ,
        tracking=True,
        help="How many promises of one customer may be open at the same time.",
    )
    promise_max_days = fields.Integer(
        string="Days after Due",
        default=30,
        prefetch=SELDOM_READ,
        tracking=True,
        help="How many days after the due date a promised day may be. If the invoice "
        "was due before its first promise, the days count from that promise.",
    )

    _promise_limits_positive = models.Constraint(
        "CHECK(promise_max_open >= 0 AND promise_max_days >= 0)",
        "The limits of promises cannot be negative.",
    )
