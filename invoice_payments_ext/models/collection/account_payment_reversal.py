from odoo import models

from ..taken_back.reversal_states import WITHDRAWN


class AccountPaymentReversal(models.Model):
    """Money that was taken back: nothing more is collected before a person says so."""

    _inherit = "account.payment.reversal"

    # === BUSINESS METHODS === #

    def _follow_state(self, date=None):
        result = super()._follow_state(date)
        if self.state in WITHDRAWN:
            moves = self.env["account.move"]
            invoices = (
                self.invoice_ids
                | self.taking_payment_id.refund_allocation_ids.invoice_id
            )
            moves._get_collections(invoices)._halt(
                "stopped",
                self.env._("Money was taken back: %s.", self.display_name),
            )
        return result
