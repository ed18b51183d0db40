from odoo import fields, models

from ...tools import SELDOM_READ
from ..saved_methods.payment_consent_mixin import find_consent, prepare_consent


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
    charge_second_method = fields.Boolean(
        string="Try a Second Method",
        prefetch=SELDOM_READ,
        tracking=True,
        help="If the bank says that a saved method must not be charged again, or that "
        "the customer has to act, another saved method of the customer is tried once "
        "for the invoice.",
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

    def _get_token_consent_text(self):
        """Say that it is charged automatically where that needs no other consent."""
        self.ensure_one()
        if not self.auto_pay or (self.token_consent_text or "").strip():
            return super()._get_token_consent_text()
        return self.env._(
            "I agree that %(company)s charges this payment method for my invoices that "
            "are due, until I remove it or switch off Auto-pay.",
            company=self.name,
        )

    def _get_auto_pay_consent(self):
        """Return the text that members agree to when they switch auto-pay on.

        :return: The text in the language of the context; see `prepare_consent`.
        :rtype: dict
        """
        self.ensure_one()
        own_text = (self.auto_pay_consent_text or "").strip()
        return prepare_consent(
            own_text
            or self.env._(
                "I agree that %(company)s charges my saved payment method "
                "automatically for my invoices, on the days that are shown with them, "
                "until I switch this off. A payment that does not succeed may be tried "
                "again.",
                company=self.name,
            )
        )

    def _find_auto_pay_consent_text(self, version):
        """Return the text that a page showed; see `find_consent`.

        :rtype: str
        """
        self.ensure_one()
        return find_consent(self, "_get_auto_pay_consent", version)
