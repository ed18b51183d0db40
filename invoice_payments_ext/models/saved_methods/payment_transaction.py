from odoo import api, fields, models


class PaymentTransaction(models.Model):
    """A transaction that saves a payment method: whose it is, and the consent to it."""

    _name = "payment.transaction"
    _inherit = ["payment.transaction", "payment.consent.mixin"]

    saves_for_company = fields.Boolean(
        readonly=True,
        copy=False,
        help="Whether the payment method is saved for the company of the member, and "
        "not for the member only. All its invoices can be charged to it then.",
    )

    @api.model
    def _prepare_own_method_vals(self, vals):
        """Let people charge their own saved methods only, and save when logged in.

        :param dict vals: The values of an attempt that is started from outside.
        :return: The values to be added.
        :rtype: dict
        :raise AccessError: If it is to charge a method that is not the user's own.
        """
        if vals.get("token_id"):
            self.env["payment.token"].browse(vals["token_id"])._check_own()
        return {"tokenize": False} if self.env.user._is_public() else {}

    def _tokenize(self, payment_data):
        """Give the saved method its owner, and the consent of who saved it."""
        known = self.token_id
        result = super()._tokenize(payment_data)
        token = self.token_id
        if self.saves_for_company and token != known:
            token.partner_id = token.partner_id.commercial_partner_id
        if self.consent_date and token and not token.consent_date:
            token._keep_consent(
                self.consent_text, date=self.consent_date, user=self.consent_user_id
            )
        return result
