from odoo import models


class PaymentDoorMixin(models.AbstractModel):
    """Doors whose requests wait for a second person above a limit."""

    _inherit = "payment.door.mixin"

    def _hold_for_approval(self, door, arguments, amount):
        if not door.approval:
            return super()._hold_for_approval(door, arguments, amount)
        return self.env["account.payment.approval"]._hold(
            self, door.approval, arguments, amount
        )
