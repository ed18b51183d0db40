from odoo import fields, models

from ...tools import SELDOM_READ


class ResCompany(models.Model):
    """The account that a company writes off to."""

    _inherit = "res.company"

    write_off_account_id = fields.Many2one(
        prefetch=SELDOM_READ,
        string="Write-off Account",
        comodel_name="account.account",
        check_company=True,
        domain="[('internal_group', '=', 'expense')]",
        tracking=True,
        help="The expense account that unpaid invoices are written off to.",
    )
