from odoo import fields, models

from ...tools import SELDOM_READ


class ResCompany(models.Model):
    """The amounts that members may choose to pay, and how often they may try."""

    _inherit = "res.company"

    portal_amount_choice = fields.Boolean(
        prefetch=SELDOM_READ,
        string="Members Choose the Amount",
        tracking=True,
        help="Let members pay as much of an invoice in the portal as they like.",
    )
    portal_minimum_amount = fields.Monetary(
        prefetch=SELDOM_READ,
        string="Least Amount",
        tracking=True,
        help="The least that members may choose to pay.",
    )

    portal_attempts = fields.Integer(
        prefetch=SELDOM_READ,
        tracking=True,
        string="Attempts without a Wait",
        default=5,
        help="How many payments that do not succeed can be tried in the portal in a "
        "day: for an invoice, by a saved method and by a person. Then one has to wait, "
        "twice as long each time. Zero: as many as one likes.",
    )
    portal_address_attempts = fields.Integer(
        prefetch=SELDOM_READ,
        tracking=True,
        string="From One Address",
        default=20,
        help="The same for all visitors from one address, such as those of an office. "
        "Zero: as many as one likes.",
    )
    portal_attempt_wait = fields.Integer(
        prefetch=SELDOM_READ,
        tracking=True,
        string="First Wait (Minutes)",
        default=1,
        help="How long one waits after these. The wait is doubled with each attempt.",
    )

    _portal_attempts_positive = models.Constraint(
        "CHECK(portal_attempts >= 0 AND portal_address_attempts >= 0 "
        "AND portal_attempt_wait >= 0)",
        "The attempts and the wait cannot be negative.",
    )
    _portal_minimum_amount_positive = models.Constraint(
        "CHECK(portal_minimum_amount >= 0)",
        "The least amount that members may pay cannot be negative.",
    )
