from odoo import models

from ...tools import OURS


class PaymentMethod(models.Model):
    _inherit = "payment.method"

    def write(self, vals):
        """Let a method be switched off although attempts by it are in flight."""
        switched = self.with_context(tokens_switched_off=OURS)
        return super(PaymentMethod, switched).write(vals)
