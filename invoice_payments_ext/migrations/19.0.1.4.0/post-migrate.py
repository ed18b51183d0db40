from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """Give the companies that there are their provider for payments from credit."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    env["res.company"].search([])._create_credit_balance_providers()
