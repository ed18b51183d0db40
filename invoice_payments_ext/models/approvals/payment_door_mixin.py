from odoo import models

from .account_payment_approval_limit import Giving


class PaymentDoorMixin(models.AbstractModel):
    """Doors whose requests wait for a second person above a limit."""

    _inherit = "payment.door.mixin"

    def _hold_for_approval(self, door, arguments, amount):
        """Return the request for approval that waits in the place of the work.

        :param Door door: The declaration of the door.
        :param dict arguments: The arguments of the door.
        :param float amount: The amount that counts towards the limit.
        :return: The request; none if no second person is needed.
        :rtype: account.payment.approval
        """
        approvals = self.env["account.payment.approval"]
        if not door.approval:
            return approvals
        return approvals._hold(self, door.approval, arguments, amount)

    def _get_giving(self, arguments):
        """Return who gets the amount of a request, and of which record.

        :param dict arguments: The arguments of the door.
        :rtype: Giving
        """
        self.ensure_one()
        return Giving(
            self,
            self.company_id,
            self.currency_id,
            self.partner_id.commercial_partner_id,
        )
