from odoo import fields, models

from ...tools import SELDOM_READ


class ResCompany(models.Model):
    """The amounts that members may choose to pay."""

    _inherit = "res.company"

    portal_amount_choice = fields.Boolean(
        prefetch=SELDOM_READ,
        string="Members Choose the Amount",
        help="Let members pay as much of an invoice in the portal as they like.",
    )
    portal_minimum_amount = fields.Monetary(
        prefetch=SELDOM_READ,
        string="Least Amount",
        help="The least that members may choose to pay.",
    )

    _portal_minimum_amount_positive = models.Constraint(
        "CHECK(portal_minimum_amount >= 0)",
        "The least amount that members may pay cannot be negative.",
    )
