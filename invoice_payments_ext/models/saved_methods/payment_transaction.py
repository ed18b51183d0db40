from odoo import models


class PaymentTransaction(models.Model):
    """A transaction that saves a payment method carries the consent to the method."""

    _name = "payment.transaction"
    _inherit = ["payment.transaction", "payment.consent.mixin"]

    def _tokenize(self, payment_data):
        """Give the saved method the consent of its owner."""
        result = super()._tokenize(payment_data)
        token = self.token_id
        if self.consent_date and token and not token.consent_date:
            token._keep_consent(
                self.consent_text, date=self.consent_date, user=self.consent_user_id
            )
        return result
