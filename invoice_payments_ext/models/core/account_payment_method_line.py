from odoo import api, models
from odoo.exceptions import AccessError

# Of accounting, and of providers, which make their payment method in a journal.
ADMINISTRATORS = ("account.group_account_manager", "base.group_system")


class AccountPaymentMethodLine(models.Model):
    """The payment methods of journals, which only administrators change.

    Odoo lets all who invoice write them. They decide on which account the money of a
    provider is booked, so that it could be led to another one.
    """

    _inherit = "account.payment.method.line"

    # === CHECK METHODS === #

    def _check_administrator(self):
        """Check that the user sets up accounting.

        :raise AccessError: If not.
        """
        has_group = self.env.user.has_group
        if not (self.env.su or any(map(has_group, ADMINISTRATORS))):
            raise AccessError(
                self.env._(
                    "Only administrators of accounting change the payment methods of a "
                    "journal: these decide on which account money is booked."
                )
            )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        self._check_administrator()
        return super().create(vals_list)

    def write(self, vals):
        self._check_administrator()
        return super().write(vals)

    def unlink(self):
        self._check_administrator()
        return super().unlink()
