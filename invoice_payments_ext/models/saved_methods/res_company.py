from odoo import fields, models

from ...tools import SELDOM_READ


class ResCompany(models.Model):
    _inherit = "res.company"

    token_consent_text = fields.Text(
        prefetch=SELDOM_READ,
        string="Consent to Charges",
        translate=True,
        tracking=True,
        help="The text that customers agree to when they save a payment method.",
    )

    def _get_token_consent_text(self):
        """Return the text that customers agree to when they save a method.

        To keep a method is one consent, to be charged automatically is another.

        Where the company has no text of its own it is the standard one, in the language
        of the context.

        :rtype: str
        """
        self.ensure_one()
        own_text = (self.token_consent_text or "").strip()
        return own_text or self.env._(
            "I agree that %(company)s keeps this payment method until I remove it. It "
            "is charged when I pay with it or ask for that. To charge it automatically "
            "needs my permission, which I give and take back as Auto-pay.",
            company=self.name,
        )
