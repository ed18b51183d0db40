from odoo import fields, models


class ResCompany(models.Model):
    """What may be charged without a person."""

    _inherit = "res.company"

    charge_second_method = fields.Boolean(
        string="Try a Second Method",
        tracking=True,
        help="If the bank says that a saved method must not be charged again, or that "
        "the customer has to act, another saved method of the customer is tried once "
        "for the invoice.",
    )
