from odoo import api, models
from odoo.exceptions import AccessError


class AccountMove(models.Model):
    """The levels of rights: who may record, charge, refund and credit."""

    _inherit = "account.move"

    # === CHECK METHODS === #

    def _check_payment_rights(self):
        """Check that the user may record and charge payments of these invoices.

        :raise AccessError: If the user is not of the level *Record and charge*, or may
                            not change these invoices.
        """
        self._check_level(self._get_record_level_reason())

    def _check_refund_rights(self):
        """Check that the user may refund, credit and write off these invoices.

        :raise AccessError: If the user is not of the level *Refund and credit*, or may
                            not change these invoices.
        """
        self._check_level(self._get_refund_level_reason())

    def _check_level(self, missing_level_reason):
        """Check that the user has a level and may change these invoices."""
        if self.env.su:
            return
        if missing_level_reason:
            raise AccessError(missing_level_reason)
        self.check_access("write")

    @api.model
    def _get_record_level_reason(self):
        """Say that this user is not of the level *Record and charge*; empty if so."""
        if self.env.user.has_group("invoice_payments_ext.group_payment_record"):
            return ""
        return self.env._(
            "You have no right to record or charge payments: ask an administrator for "
            "the level Record and charge."
        )

    @api.model
    def _get_refund_level_reason(self):
        """Say that this user is not of the level *Refund and credit*; empty if so."""
        if self.env.user.has_group("invoice_payments_ext.group_payment_refund"):
            return ""
        return self.env._(
            "You have no right to refund payments, issue credit notes or write off: "
            "ask an administrator for the level Refund and credit."
        )
