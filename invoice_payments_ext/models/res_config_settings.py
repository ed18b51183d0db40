from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    write_off_account_id = fields.Many2one(
        related="company_id.write_off_account_id", readonly=False
    )
    payment_approval_limit = fields.Monetary(
        related="company_id.payment_approval_limit", readonly=False
    )
