from odoo import models
from odoo.exceptions import AccessError, UserError


class PaymentToken(models.Model):
    """Saved methods that their owner gives to the company that the owner belongs to."""

    _inherit = "payment.token"

    # === BUSINESS METHODS - DOORS === #

    def give_to_company(self, consent_version=None):
        """Give a method of the member who is logged in to the member's company.

        From then on, all invoices of the company may be charged to it, and all its
        people may use it. The member agrees to that: the text is kept on the method.

        :param str consent_version: The version of the text that the page showed.
        :raise UserError: If a payment by it is in flight, or the text is missing or has
                          changed.
        :raise AccessError: If it is not the member's own, or there is no company.
        """
        self.ensure_one()
        self._check_own()
        # In superuser mode: it was checked that it is the member's own.
        token_sudo = self.sudo()
        provider_sudo = token_sudo.provider_id
        company_sudo = token_sudo._get_company_to_give_to()
        if not company_sudo:
            raise AccessError(
                self.env._("Only its owner gives a payment method to a company.")
            )
        token_sudo._check_no_charge_in_flight()
        text = provider_sudo._find_token_consent_text(consent_version)
        if not text:
            raise UserError(
                self.env._("Read the text on the page of payment methods first.")
            )
        words = token_sudo._get_words_for_company()
        token_sudo._keep_consent(f"{text}\n{words}", user=self.env.user)
        token_sudo.partner_id = company_sudo.id
        body = self.env._(
            "%(user)s gave %(method)s to %(company)s in the portal: all its invoices "
            "may be charged to it.",
            user=self.env.user.name,
            method=token_sudo._get_method_label(),
            company=company_sudo.name,
        )
        for contact_sudo in company_sudo | self.env.user.partner_id.sudo():
            contact_sudo._message_log(body=body)

    # === GETTERS === #

    def _get_company_to_give_to(self):
        """Return the company that the user who is logged in may give this method to.

        Note: `self.ensure_one()`; to be called in superuser mode.

        :return: The commercial partner; none if it is not the user's own method.
        :rtype: res.partner
        """
        self.ensure_one()
        company = self.provider_id._get_company_to_save_for()
        if not self.active or self.partner_id != self.env.user.partner_id:
            return company.browse()
        return company

    def _get_words_for_company(self):
        """Return the meaning of giving this method to the company, for its owner.

        :rtype: str
        """
        return self.env._(
            "For %s: all its invoices may be charged to it, and my colleagues may use "
            "it.",
            self.provider_id._get_company_to_save_for().name,
        )
