from odoo import api, models
from odoo.exceptions import AccessError


class AccountFullReconcile(models.Model):
    """Full reconciliations, which follow what was matched.

    Odoo writes them into journal items by SQL, so that no seal of these sees it: a
    client could call an invoice fully matched that nobody paid.
    """

    _name = "account.full.reconcile"
    _inherit = ["payment.seal.mixin", "account.full.reconcile"]

    @api.model_create_multi
    def create(self, vals_list):
        """Take those of the code that matched the items, also empty ones.

        :raise AccessError: If a client gives them.
        """
        if vals_list and not self._is_unsealed():
            raise AccessError(
                self.env._("Choose the journal items, and use Reconcile on them.")
            )
        return super().create(vals_list)

    def _is_unsealed(self):
        return super()._is_unsealed() or self._is_matching()
