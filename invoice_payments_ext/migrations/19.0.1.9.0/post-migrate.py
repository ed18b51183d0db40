from odoo import SUPERUSER_ID, api
from odoo.tools import parse_version


def migrate(cr, version):
    """Move unused credit accounts to their class; set the templates of new mails."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    companies = env["res.company"].search([])
    companies.filtered("credit_balance_account_id")._move_unused_credit_account()
    kinds = ["expiring"]
    if parse_version(version) < parse_version("19.0.1.8.0"):
        kinds += ["refund_failed", "returned"]
    companies._set_default_mail_templates(kinds)
