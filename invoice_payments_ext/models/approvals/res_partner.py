from odoo import fields, models
from odoo.exceptions import LockError, UserError


class ResPartner(models.Model):
    """The customer, to whom several requests may give at the same time."""

    _name = "res.partner"
    _inherit = ["res.partner", "payment.lock.mixin"]

    payment_lock_count = fields.Integer(groups=fields.NO_ACCESS)

    def _lock_to_give(self):
        """Lock this customer, so that two requests at once see each other's amounts.

        :raise UserError: If another request for this customer is on its way right now.
        """
        try:
            self._lock_rows()
        except LockError as error:
            raise UserError(
                self.env._(
                    "Another correction for %s is on its way right now. Look at it, "
                    "then try again.",
                    ", ".join(self.mapped("display_name")),
                )
            ) from error
