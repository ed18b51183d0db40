from odoo import models
from odoo.exceptions import UserError


class PaymentToken(models.Model):
    _name = "payment.token"
    _inherit = ["payment.token", "payment.consent.mixin", "payment.mode.mixin"]

    def _fill_known_modes(self):
        """A method that a live transaction charged is of the live mode."""
        self.env.cr.execute(
            """
            UPDATE payment_token token SET provider_mode = 'live'
             WHERE EXISTS (SELECT FROM payment_transaction tx
                            WHERE tx.token_id = token.id
                              AND tx.is_live AND tx.state = 'done')
            """
        )

    def _get_available_tokens(self, *args, **kwargs):
        """Offer methods that may be charged, in the mode of their provider.

        People from outside are offered their own: Odoo's pages ask for those of the
        customer, whoever has the link.
        """
        tokens = super()._get_available_tokens(*args, **kwargs)
        tokens = tokens.filtered(lambda token: not token._is_of_other_mode())
        if self.env.user._is_internal():
            return tokens
        owners = self._get_own_partners()
        return tokens.filtered(
            lambda token: (
                token.sudo().partner_id in owners
                and not token.sudo()._get_refused_reason()
            )
        )

    def _get_method_label(self):
        """Return the label by which a person knows this saved method: `Visa •••• 4242`.

        Note: `self.ensure_one()`

        :rtype: str
        """
        self.ensure_one()
        token_sudo = (
            self.sudo()
        )  # Methods and providers are not readable by accountants.
        name = token_sudo.payment_method_id.name or token_sudo.provider_id.name
        return f"{name} {token_sudo.display_name}"

    def _get_unusable_reasons(self, invoice, amount):
        """Tell why saved methods cannot be charged for an invoice.

        :param account.move invoice: The invoice to collect.
        :param float amount: The amount to charge, in the invoice's currency.
        :return: For each token's id the reason, an empty text if it can be charged.
        :rtype: dict[int, str]
        """
        return self._get_unfit_reasons(
            invoice._get_payment_method_owners(), invoice, amount
        )

    def _check_fit(self, owners, document, amount):
        """Check that this saved method can be charged for an invoice or a payment.

        The parameters are those of :meth:`_get_unfit_reasons`.

        :raise UserError: With the reason why it cannot.
        """
        self.ensure_one()
        if reason := self._get_unfit_reasons(owners, document, amount)[self.id]:
            raise UserError(
                self.env._(
                    "The payment method %(method)s cannot be charged for %(document)s: "
                    "%(reason)s",
                    method=self._get_method_label(),
                    document=document.display_name,
                    reason=reason,
                )
            )

    def _get_unfit_reasons(self, owners, document, amount, served=None):
        """Tell why saved methods cannot be charged for an invoice or a payment.

        :param res.partner owners: The contacts whose methods may be charged for it.
        :param document: The `account.move` or `account.payment`.
        :param float amount: The amount to charge, in the currency of the document.
        :param dict served: The providers that were found for other documents, so that
                            many documents are asked about at once. It is added to.
        :return: See :meth:`_get_unusable_reasons`.
        :rtype: dict[int, str]
        """
        tokens_sudo = self.sudo()  # Providers are readable by administrators only.
        served = {} if served is None else served
        key = tokens_sudo.provider_id._get_service_key(document, amount)
        if key not in served:
            served[key] = tokens_sudo.provider_id._find_serving(document, amount)
        compatible_providers, availability = served[key]
        reasons = {}
        for token in tokens_sudo:
            reason = token._get_own_unusable_reason(
                owners, document.company_id, document.currency_id
            )
            if not reason and token.provider_id not in compatible_providers:
                reason = availability.get(token.provider_id, {}).get(
                    "reason"
                ) or self.env._("The provider does not serve this payment.")
            if not reason:
                reason = token.provider_id._get_not_accepted_reason(
                    amount, document.currency_id
                ) or document._get_unbookable_reason(token.provider_id)
            reasons[token.id] = str(reason)
        return reasons

    def _get_own_unusable_reason(self, owners, company, currency):
        """Tell why this saved method itself does not fit an invoice or a payment.

        Note: `self.ensure_one()`; to be called in superuser mode.

        :rtype: str
        """
        self.ensure_one()
        method = self.payment_method_id
        currencies = method.supported_currency_ids or (
            method.primary_payment_method_id.supported_currency_ids
        )
        if self.partner_id not in owners:
            if self.partner_id.commercial_partner_id in owners:
                return self.env._(
                    "It belongs to %(contact)s, and not to the company. %(contact)s "
                    "can give it to the company in the portal, under Payment methods.",
                    contact=self.partner_id.name,
                )
            return self.env._("It belongs to another customer.")
        if reason := self._get_company_unusable_reason(company):
            return reason
        provider_currencies = self.provider_id.available_currency_ids
        if (currencies and currency not in currencies) or (
            provider_currencies and currency not in provider_currencies
        ):
            return self.env._(
                "It cannot be charged in %(currency)s.", currency=currency.name
            )
        return ""

    def _get_company_unusable_reason(self, company):
        """Tell why this saved method cannot be charged for a company at all.

        Note: `self.ensure_one()`; to be called in superuser mode.

        :rtype: str
        """
        self.ensure_one()
        method = self.payment_method_id
        provider = self.provider_id
        if self.company_id not in company.sudo().parent_ids:
            return self.env._("It belongs to another company.")
        if not self.active:
            return self.env._("It is archived.")
        if provider.state == "disabled":
            return self.env._("%(provider)s is disabled.", provider=provider.name)
        if not method.active:
            return self.env._("%(method)s is switched off.", method=method.name)
        if not self._is_of_other_mode():
            return self._get_refused_reason()
        if self._is_test():
            return self.env._(
                "It was saved in test mode, and %(provider)s is in live mode now.",
                provider=provider.name,
            )
        return self.env._(
            "It was saved in live mode, and %(provider)s is in test mode now.",
            provider=provider.name,
        )

    def _get_refused_reason(self):
        """Say why this saved method must not be charged again at all.

        A room that knows of such methods extends this.

        Note: at most one record; to be called in superuser mode.

        :return: The reason, in words for the user; empty if it may be charged.
        :rtype: str
        """
        return ""
