from odoo import api, fields, models

# The values that make a saved method one that can be charged again.
RENEWING_FIELDS = {"refused_transaction_id", "provider_ref", "partner_id", "active"}


class PaymentToken(models.Model):
    """New and renewed methods: invoices that wait for one are charged at once."""

    _inherit = "payment.token"

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        tokens = super().create(vals_list)
        tokens._wake_collections()
        return tokens

    def write(self, vals):
        """Renew methods whose last day is put off: the bank gave another card."""
        day = fields.Date.to_date(vals.get("expires_on"))
        renewed = self.filtered(
            lambda token: day and token.expires_on and day > token.expires_on
        )
        result = super().write(vals)
        if renewed:
            super(PaymentToken, renewed).write({"renewed_on": fields.Datetime.now()})
        if RENEWING_FIELDS & vals.keys() and not vals.get("refused_transaction_id"):
            renewed = self
        renewed.filtered("active")._wake_collections()
        return result

    # === BUSINESS METHODS === #

    def _wake_collections(self):
        """Let the invoices of the owners that wait for a method be charged."""
        partners = self.sudo().partner_id
        if partners:
            self.env["account.collection"]._follow_method(partners, self)
