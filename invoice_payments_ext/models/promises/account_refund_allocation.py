from odoo import api, models


class AccountRefundAllocation(models.Model):
    """Money that leaves an invoice again, of which a promise is to know."""

    _inherit = "account.refund.allocation"

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        allocations = super().create(vals_list)
        allocations.invoice_id._recheck_promises()
        return allocations
