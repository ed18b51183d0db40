from odoo import models


class AccountPayment(models.Model):
    """Payments of Odoo's own dialog, kept from charging twice."""

    _inherit = "account.payment"

    # === BUSINESS METHODS === #

    def _prepare_payment_transaction_vals(self, **extra_create_values):
        """Keep Odoo's own dialog from charging an amount twice."""
        values = super()._prepare_payment_transaction_vals(**extra_create_values)
        invoices = self.env["account.move"].browse(
            self.env["payment.transaction"]
            ._fields["invoice_ids"]
            .convert_to_cache(
                values.get("invoice_ids", []), self.env["payment.transaction"]
            )
        )
        invoices._check_no_blocking_attempt()
        return values
