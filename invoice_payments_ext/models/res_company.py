from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    write_off_account_id = fields.Many2one(
        string="Write-off Account",
        comodel_name="account.account",
        check_company=True,
        domain="[('internal_group', '=', 'expense')]",
        help="The expense account that unpaid invoices are written off to.",
    )
    payment_approval_limit = fields.Monetary(
        string="Approval Limit",
        help="A refund, credit note or write-off above this amount waits for a second "
        "person. Zero: no second person is ever needed.",
    )

    _payment_approval_limit_positive = models.Constraint(
        "CHECK(payment_approval_limit >= 0)",
        "The approval limit cannot be negative. Zero means that there is none.",
    )

    def _get_company_root_delegated_field_names(self):
        """Let branches share the limit: it could be evaded in one without."""
        return [
            *super()._get_company_root_delegated_field_names(),
            "write_off_account_id",
            "payment_approval_limit",
        ]
