from odoo import SUPERUSER_ID, api


def migrate(cr, _version):
    """Set the write-off account of the companies that have none."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    env["res.company"].search([])._set_write_off_accounts()
