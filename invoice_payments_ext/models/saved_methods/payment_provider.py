from odoo import api, fields, models
from odoo.exceptions import UserError

from ...tools import OURS
from .payment_consent_mixin import find_consent, prepare_consent


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

    def _get_token_consent(self):
        """Return the consent text for saving a method of this provider.

        :return: The text in the language of the context; see `prepare_consent`.
        :rtype: dict
        """
        self.ensure_one()
        return prepare_consent(self.company_id._get_token_consent_text())

    def _find_token_consent_text(self, version):
        """Return the text that a form showed; see `find_consent`.

        :param str version: The version that the form showed; none if it showed none.
        :rtype: str
        :raise UserError: If the text is another one by now.
        """
        self.ensure_one()
        text = find_consent(self, "_get_token_consent", version)
        if version and not text:
            raise UserError(
                self.env._(
                    "The text that you agree to when you save a payment method has "
                    "changed in the meantime. Load the page again and read it before "
                    "you save one."
                )
            )
        return text

    def _get_token_expiry(self, payment_data):
        """Return the last day of the saved method that an answer is about.

        A provider overrides this when its answers name it.

        Note: `self.ensure_one()`

        :param dict payment_data: The answer, in the form that `_process` takes.
        :return: The day; None if the answer does not name it.
        :rtype: datetime.date or None
        """
        self.ensure_one()
        return None

    @api.model
    def _get_company_to_save_for(self):
        """Return the company that the user may save a method for, if there is one.

        :return: The commercial partner, in superuser mode.
        :rtype: res.partner
        """
        partner_sudo = self.env.user.partner_id.sudo()
        company_sudo = partner_sudo.commercial_partner_id
        if self.env.user._is_public() or company_sudo == partner_sudo:
            return partner_sudo.browse()
        return company_sudo

    def _archive_linked_tokens(self):
        """Let a provider be switched off although attempts by it are in flight."""
        switched = self.with_context(tokens_switched_off=OURS)
        return super(PaymentProvider, switched)._archive_linked_tokens()

    def _find_serving(self, document, amount):
        """Find the providers that serve the payment of a document.

        :param document: The `account.move` or `account.payment`.
        :param float amount: The amount to charge, in the currency of the document.
        :return: The providers, and for others why they do not.
        :rtype: tuple
        """
        report = {}
        serving = self._get_compatible_providers(
            document.company_id.id,
            document.partner_id.id,
            amount,
            currency_id=document.currency_id.id,
            report=report,
        )
        return serving, report.get("providers", {})

    def _get_service_key(self, document, amount):
        """Return on what it depends whether these providers serve a document.

        :param document: See :meth:`_find_serving`.
        :param float amount: See :meth:`_find_serving`.
        :rtype: tuple
        """
        return (
            # Of others it says nothing: what they do not serve is not known.
            *self.filtered(
                lambda provider: (
                    provider.maximum_amount or provider.available_country_ids
                )
            )._ids,
            document.company_id.id,
            document.currency_id.id,
            any(self.mapped("available_country_ids"))
            and document.partner_id.country_id.id,
            self._get_exceeded(document, amount),
            any(provider.code == "credit_balance" for provider in self)
            and document.partner_id.id,
        )

    def _get_exceeded(self, document, amount):
        """Return the ids of these providers whose largest amount is exceeded.

        :param document: See :meth:`_find_serving`.
        :param float amount: See :meth:`_find_serving`.
        :rtype: tuple[int]
        """
        limited = self.filtered("maximum_amount")
        if not limited:
            return ()
        company, currency = document.company_id.sudo(), document.currency_id
        today = fields.Date.context_today(self)
        asked = currency._convert(amount, company.currency_id, company, today)
        return tuple(
            provider.id
            for provider in limited
            if currency.compare_amounts(provider.maximum_amount, asked) < 0
        )
