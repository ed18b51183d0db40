from odoo import models
from odoo.exceptions import UserError

from ...tools import prepare_dialog


class AccountMove(models.Model):
    """Open invoices that are put into collection together."""

    _inherit = "account.move"

    # === ACTION METHODS === #

    def action_start_collection(self):
        """Return the dialog that puts these invoices into collection.

        :rtype: dict
        """
        self._check_payment_rights()
        return prepare_dialog(
            "account.collection.start",
            self.env._("Start collection"),
            move_ids=self.ids,
        )

    # === GETTERS === #

    def _split_by_start(self, plan):
        """Tell which of these can be put into collection, and why others cannot.

        :param account.collection.plan plan: The plan.
        :return: The invoices that can, and the reasons of the others.
        :rtype: tuple[account.move, list[str]]
        """
        startable, reasons = self.browse(), []
        for move in self:
            try:
                move._check_start_collection(plan.id)
            except UserError as error:
                reasons.append(str(error))
            else:
                startable |= move
        return startable, reasons
