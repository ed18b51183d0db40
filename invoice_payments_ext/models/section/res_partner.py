from odoo import models

from ...tools import prepare_dialog


class ResPartner(models.Model):
    """The switch of auto-pay on the form of a contact."""

    _inherit = "res.partner"

    # === ACTION METHODS === #

    def action_set_auto_pay(self):
        """Return the dialog that notes the customer's permission.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_dialog(
            "res.partner.set.auto.pay",
            self.env._("Auto-pay"),
            partner_id=self.commercial_partner_id.id,
        )
