from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """Move unused credit accounts of earlier versions to their class."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    companies = env["res.company"].search([("credit_balance_account_id", "!=", False)])
    companies._move_unused_credit_account()
