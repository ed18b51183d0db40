from hashlib import sha256

from odoo import fields, models

from ...tools import SELDOM_READ


class ResCompany(models.Model):
    """How a company charges automatically."""

    _inherit = "res.company"

    auto_pay = fields.Boolean(
        string="Charge Automatically",
        prefetch=SELDOM_READ,
        tracking=True,
        help="Whether customers who said nothing else are charged automatically. Their "
        "agreement is for the company to see to, in its terms for example.",
    )
    auto_pay_consent_text = fields.Text(
        prefetch=SELDOM_READ,
        string="Consent to Auto-Pay",
        translate=True,
        tracking=True,
        help="The text that members agree to when they switch auto-pay on.",
    )

    # Read with each company: issuing an invoice looks at it.
    collection_plan_id = fields.Many2one(
        comodel_name="account.collection.plan",
        domain="[('company_id', 'in', (False, id))]",
        tracking=True,
        ondelete="restrict",
        help="Invoices that are issued are collected by this plan: charged, reminded, "
        "and given to a person in the end. Empty: nothing is done automatically.",
    )

    # === GETTERS === #

    def _get_auto_pay_consent(self):
        """Return the text that members agree to when they switch auto-pay on.

        The version tells the text that was shown from a later one; it proves nothing.

        :return: The text in the language of the context, and its `version`.
        :rtype: dict
        """
        self.ensure_one()
        own_text = (self.auto_pay_consent_text or "").strip()
        text = own_text or self.env._(
            "I agree that %(company)s charges my saved payment method automatically "
            "for my invoices, on the days that are shown with them, until I switch "
            "this off. A payment that does not succeed may be tried again.",
            company=self.name,
        )
        return {"text": text, "version": sha256(text.encode()).hexdigest()}

    def _find_auto_pay_consent_text(self, version):
        """Return the text that a page showed: always one of ours; empty if it is not.

        The page may have another language than the request that it sends.

        :rtype: str
        """
        self.ensure_one()
        languages = dict(self.env["res.lang"].get_installed())
        for language in (self.env.lang, *languages):
            consent = self.with_context(lang=language)._get_auto_pay_consent()
            if version and consent["version"] == version:
                return consent["text"]
        return ""
