from contextlib import suppress

from odoo.exceptions import AccessError, MissingError, UserError
from odoo.http import request, route

from odoo.addons.payment.controllers.post_processing import PaymentPostProcessing

from ..models.core.door_arguments import ARGUMENTS
from ..tools import LONGEST_TYPED, read_amount
from . import payment

# Why the last change of auto-pay was refused, and what was typed, in the session.
AUTO_PAY_REFUSED = "invoice_payments_ext.auto_pay_refusal"


class PaymentTokenPortal(payment.PaymentPortal):
    """Saved payment methods: the one that is charged, and the stored consent."""

    @staticmethod
    def _validate_transaction_kwargs(kwargs, additional_allowed_keys=()):
        """Accept which text the form showed beside *Save*, and for whom it saves."""
        payment.PaymentPortal._validate_transaction_kwargs(
            kwargs, {*additional_allowed_keys, "consent_version", "save_for"}
        )

    def _create_transaction(
        self, provider_id, *args, consent_version=None, save_for=None, **kwargs
    ):
        """Keep the consent of a member who saves a payment method, and for whom.

        :param str consent_version: The version of the text that the form showed.
        :param str save_for: `company` for the company that the member belongs to; else
                             the member only.
        """
        # In superuser mode to read the text of the provider's company.
        provider_sudo = request.env["payment.provider"].sudo().browse(provider_id)
        consent_text = provider_sudo._find_token_consent_text(consent_version)
        tx_sudo = super()._create_transaction(provider_id, *args, **kwargs)
        if tx_sudo.tokenize and consent_text:
            tx_sudo._keep_consent(consent_text)
        if tx_sudo.tokenize and save_for == "company":
            company_sudo = provider_sudo._get_company_to_save_for()
            tx_sudo.saves_for_company = (
                company_sudo and tx_sudo.partner_id == request.env.user.partner_id
            )
        return tx_sudo

    @route()
    def payment_method(self, invoice_id=None, company_id=None, **kwargs):
        """Show which of the saved methods is charged.

        :param str invoice_id: The invoice to which the member goes back afterwards.
        :param str company_id: The company that charges; see :meth:`_act_for_company`.
        """
        invoice_sudo = self._act_for_company(invoice_id, company_id)
        response = super().payment_method(**kwargs)
        landing_route = self._get_methods_url(invoice_sudo)
        if invoice_sudo:
            response.qcontext["method_invoice"] = invoice_sudo
            landing_route = f"/my/payment_method/saved/{invoice_sudo.id}"
        response.qcontext["landing_route"] = landing_route
        tokens_sudo = response.qcontext["tokens_sudo"]
        response.qcontext["token_charges"] = tokens_sudo._prepare_charges_values()
        response.qcontext["auto_pay"] = request.env[
            "res.partner"
        ]._get_auto_pay_values()
        refused = request.session.pop(AUTO_PAY_REFUSED, None) or {}
        response.qcontext["auto_pay_refused"] = refused.get("words", "")
        response.qcontext["auto_pay_typed"] = refused.get("limit", "")
        return response

    @route(
        "/my/payment_method/saved/<int:invoice_id>",
        type="http",
        methods=["GET"],
        auth="user",
        website=True,
    )
    def payment_method_saved(self, invoice_id, **kwargs):
        """Lead a member who saved a method for an invoice back to it.

        Where another method is charged, lead to the page on which the member chooses.
        """
        invoice_sudo = self._find_method_invoice(invoice_id)
        token_sudo = PaymentPostProcessing()._get_monitored_transaction().token_id
        is_saved = bool(invoice_sudo and token_sudo)
        if is_saved and token_sudo == invoice_sudo._get_default_token():
            return request.redirect(invoice_sudo.access_url)
        return request.redirect(self._get_methods_url(invoice_sudo))

    def _find_method_invoice(self, invoice_id):
        """Return the invoice to which the member goes back.

        :param str invoice_id: What the browser sent.
        :return: The invoice, in superuser mode; empty if the member may not read it.
        :rtype: account.move
        """
        found = request.env["account.move"].browse(self._cast_as_int(invoice_id) or ())
        with suppress(AccessError, MissingError):
            if found:
                self._document_check_access(found._name, found.id)
                return found.sudo()
        return found.browse()

    def _act_for_company(self, invoice_id, company_id):
        """Let this request act for the company that charges.

        A member may be the customer of several companies: each has its own providers,
        and each is permitted automatic charges for itself.

        :param str invoice_id: The invoice to which the member goes back afterwards; its
                               company charges.
        :param str company_id: The company, where there is no invoice; the usual one if
                               the member is of no such company.
        :return: The invoice; see :meth:`_find_method_invoice`.
        :rtype: account.move
        """
        invoice_sudo = self._find_method_invoice(invoice_id)
        companies = request.env.companies
        asked = companies.browse(self._cast_as_int(company_id) or ())
        if company := (invoice_sudo.company_id or asked) & companies:
            request.update_context(allowed_company_ids=(company | companies).ids)
        return invoice_sudo

    @staticmethod
    def _get_methods_url(invoice_sudo):
        """Return the address of the page of saved methods.

        :param account.move invoice_sudo: The invoice to which the member goes back
                                          afterwards; may be empty.
        :rtype: str
        """
        url, company = "/my/payment_method", request.env.company
        if invoice_sudo:
            return f"{url}?invoice_id={invoice_sudo.id}"
        if company != request.env.user.company_id:
            return f"{url}?company_id={company.id}"
        return url

    @route(
        "/my/payment_method/use_for_charges",
        type="http",
        methods=["POST"],
        auth="user",
        website=True,
    )
    def payment_method_use_for_charges(
        self, token_id=None, invoice_id=None, company_id=None, **kwargs
    ):
        """Let the member choose the saved method that is charged.

        :param str invoice_id: The invoice to which the member goes back afterwards.
        :param str company_id: The company that charges; see :meth:`_act_for_company`.
        """
        invoice_sudo = self._act_for_company(invoice_id, company_id)
        token = request.env["payment.token"].browse(self._cast_as_int(token_id) or 0)
        with suppress(AccessError):  # The page shows which methods there are.
            token.use_for_charges()
            if invoice_sudo:
                return request.redirect(invoice_sudo.access_url)
        return request.redirect(self._get_methods_url(invoice_sudo))

    @route(
        "/my/payment_method/give_to_company",
        type="http",
        methods=["POST"],
        auth="user",
        website=True,
    )
    def payment_method_give_to_company(
        self,
        token_id=None,
        consent_version=None,
        invoice_id=None,
        company_id=None,
        **kwargs,
    ):
        """Let the member give a saved method to the member's company.

        :param str consent_version: The version of the text that the page showed.
        :param str invoice_id: The invoice to which the member goes back afterwards.
        :param str company_id: The company that charges; see :meth:`_act_for_company`.
        """
        invoice_sudo = self._act_for_company(invoice_id, company_id)
        token = request.env["payment.token"].browse(self._cast_as_int(token_id) or 0)
        with suppress(AccessError):  # The page shows which methods there are.
            token.give_to_company(consent_version)
        return request.redirect(self._get_methods_url(invoice_sudo))

    @route(
        "/my/payment_method/auto_pay",
        type="http",
        methods=["POST"],
        auth="user",
        website=True,
    )
    def payment_method_auto_pay(
        self,
        on=None,
        limit=None,
        consent_version=None,
        invoice_id=None,
        company_id=None,
        **kwargs,
    ):
        """Let the member permit automatic charges, or not any more.

        :param str on: `1` to switch it on.
        :param str limit: The largest automatic charge; empty for no limit.
        :param str consent_version: The version of the text that the page showed.
        :param str invoice_id: The invoice to which the member goes back afterwards.
        :param str company_id: The company that charges; see :meth:`_act_for_company`.
        """
        invoice_sudo = self._act_for_company(invoice_id, company_id)
        is_on = on == "1"
        # In superuser mode to find the company of the member, and its currency.
        customer_sudo = request.env.user.partner_id.sudo().commercial_partner_id
        partner = customer_sudo.with_user(request.env.user)
        currency = request.env.company.sudo().currency_id
        label = ARGUMENTS["limit"].label
        try:
            with request.env.cr.savepoint():
                amount = read_amount(currency, limit, label) if is_on else None
                partner.switch_auto_pay(is_on, consent=consent_version, limit=amount)
        except UserError as error:
            request.session[AUTO_PAY_REFUSED] = {
                "words": error.args[0],
                "limit": str(limit or "")[:LONGEST_TYPED],
            }
        return request.redirect(f"{self._get_methods_url(invoice_sudo)}#auto_pay")
