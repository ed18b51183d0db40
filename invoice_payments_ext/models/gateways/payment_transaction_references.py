from odoo import api, models

# The providers whose modules put our reference into the path of an address, where a
# slash ends it: a notification on INV/2026/00001 would find no page.
WITHOUT_SLASHES = ("mercado_pago",)


class PaymentTransaction(models.Model):
    """References that the provider can give back to us."""

    _inherit = "payment.transaction"

    @api.model
    def _compute_reference(self, provider_code, prefix=None, separator="-", **kwargs):
        """Override of `payment` to leave out characters that an address cannot have."""
        if provider_code in WITHOUT_SLASHES:
            # In superuser mode, as Odoo does: it gives access to documents.
            prefix = prefix or self.sudo()._compute_reference_prefix(
                separator, **kwargs
            )
            prefix = prefix and prefix.replace("/", separator)
        return super()._compute_reference(
            provider_code, prefix=prefix, separator=separator, **kwargs
        )
