from markupsafe import Markup

from odoo.http import Controller, request, route
from odoo.tools import consteq

from odoo.addons.payment.controllers.post_processing import PaymentPostProcessing

from ..models.states import UNSUCCESSFUL_OUTCOMES


class PaymentFinish(Controller):
    """The page from which a customer finishes a payment at the provider."""

    @route(
        "/payment/finish/<int:transaction_id>",
        type="http",
        auth="public",
        website=True,
        sitemap=False,
    )
    def payment_finish(self, transaction_id, access_token="", **kwargs):
        """Show where a pending payment goes on; say so when it is finished.

        :param str access_token: The proof that the visitor was given the address.
        """
        tx_sudo = self._get_finished(transaction_id, access_token)
        is_open = bool(tx_sudo._get_finish_url())
        if is_open and tx_sudo.finish_form:
            # The page that the provider leads back to shows this one.
            PaymentPostProcessing.monitor_transaction(tx_sudo)
        return self._show_page(
            tx_sudo,
            access_token,
            finish_form=Markup(tx_sudo.finish_form or "") if is_open else "",
            is_asked_again=bool(kwargs.get("asked")),
        )

    @route(
        "/payment/finish/<int:transaction_id>/again",
        type="http",
        auth="public",
        methods=["POST"],
        website=True,
        sitemap=False,
    )
    def payment_start_again(self, transaction_id, access_token="", **kwargs):
        """End a payment that the customer has to confirm, and lead to a new one.

        It is not done when the link is followed: programs that read mails do that too.

        :param str access_token: The proof that the visitor was given the address.
        """
        tx_sudo = self._get_finished(transaction_id, access_token)
        url = tx_sudo._prepare_to_start_again()
        return request.redirect(url or f"{tx_sudo._get_own_page_url()}&asked=1")

    @staticmethod
    def _get_finished(transaction_id, access_token):
        """Return the attempt whose address a visitor was given, in superuser mode.

        :raise NotFound: If the visitor was not.
        """
        # In superuser mode: the token says that the visitor may see this attempt.
        tx_sudo = request.env["payment.transaction"].sudo().browse(transaction_id)
        if not tx_sudo.exists() or not consteq(
            tx_sudo._get_finish_token(), access_token
        ):
            raise request.not_found()
        return tx_sudo

    @staticmethod
    def _show_page(tx_sudo, access_token, **values):
        """Return the page about an attempt."""
        return request.render(
            "invoice_payments_ext.payment_finish",
            {
                "tx": tx_sudo,
                "access_token": access_token,
                "may_start_again": tx_sudo._may_be_started_again(),
                "is_over": tx_sudo.outcome in UNSUCCESSFUL_OUTCOMES
                and tx_sudo.decline_class != "needs_customer",
                "page_name": "payment",
                **values,
            },
        )
