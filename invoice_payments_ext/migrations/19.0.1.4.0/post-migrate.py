from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """Set existing companies up as new ones are when they are created."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    companies = env["res.company"].search([])
    companies._create_credit_balance_providers()
    companies._set_default_mail_templates()
