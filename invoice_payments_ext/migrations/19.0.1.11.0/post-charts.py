from odoo import SUPERUSER_ID, api

# Of these charts, the code of the new account was judged anew.
CHARTS = ("cr", "et", "in")


def migrate(cr, version):
    """Move credit accounts on which nothing is booked to the class of their chart."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    companies = env["res.company"].search([("chart_template", "in", CHARTS)])
    companies.filtered("credit_balance_account_id")._move_unused_credit_account()
