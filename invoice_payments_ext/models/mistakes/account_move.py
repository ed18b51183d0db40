from odoo import models


class AccountMove(models.Model):
    """The opposite entries of payments that were recorded by mistake."""

    _inherit = "account.move"

    # === CHECK METHODS === #

    def _get_mistake_blockers(self, _way):
        """Name the payments that these entries take back: both stay as they are."""
        for entry in self.sudo():
            payment = entry.reversed_entry_id.origin_payment_id
            if payment.mistake_reason:
                yield self.env._(
                    "%(entry)s takes back %(payment)s, which was recorded by mistake. "
                    "Record another payment instead.",
                    entry=entry.display_name,
                    payment=payment.display_name,
                )
