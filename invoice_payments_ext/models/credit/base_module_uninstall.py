from odoo import api, fields, models

# The models lost with the addon: Odoo names those with a chatter only.
LOST_MODELS = (
    "account.credit.balance",
    "account.credit.balance.entry",
    "account.refund.allocation",
)


class BaseModuleUninstall(models.TransientModel):
    """The records that are lost with the addon, and those that stay."""

    _inherit = "base.module.uninstall"

    removes_invoice_payments = fields.Boolean(
        compute="_compute_removes_invoice_payments"
    )
    unresolved_attempt_count = fields.Integer(
        compute="_compute_removes_invoice_payments"
    )

    @api.depends("module_ids")
    def _compute_removes_invoice_payments(self):
        attempts = self.env["payment.transaction"].sudo()
        count = attempts.search_count(attempts._get_unresolved_domain())
        for wizard in self:
            names = wizard._get_modules().mapped("name")
            wizard.removes_invoice_payments = "invoice_payments_ext" in names
            wizard.unresolved_attempt_count = count

    def _get_models(self):
        """Name the history of credit too, among the documents that are deleted."""
        lost = self.env["ir.model"].search([("model", "in", LOST_MODELS)])
        return super()._get_models() | lost
