from odoo import models


class AccountPaymentPromise(models.Model):
    """Promises with a method: it is charged on the promised day."""

    _inherit = "account.payment.promise"

    # === GETTERS === #

    def _is_to_charge_today(self):
        """Tell if the customer lets a method be charged today.

        :rtype: bool
        """
        self.ensure_one()
        promise_sudo = self.sudo()
        return bool(
            promise_sudo.state == "open"
            and promise_sudo.token_id
            and promise_sudo.date == promise_sudo.company_id._get_own_today()
        )
