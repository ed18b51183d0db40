from markupsafe import Markup

from odoo.http import Controller, request, route
from odoo.tools import consteq

from odoo.addons.payment.controllers.post_processing import PaymentPostProcessing


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
        # In superuser mode: the token says that the visitor may see this attempt.
        tx_sudo = request.env["payment.transaction"].sudo().browse(transaction_id)
        if not tx_sudo.exists() or not consteq(
            tx_sudo._get_finish_token(), access_token
        ):
            raise request.not_found()
        is_open = bool(tx_sudo._get_finish_url())
        if is_open:
            # The page that the provider leads back to shows this one.
            PaymentPostProcessing.monitor_transaction(tx_sudo)
        return request.render(
            "invoice_payments_ext.payment_finish",
            {
                "tx": tx_sudo,
                "finish_form": Markup(tx_sudo.finish_form or "") if is_open else "",
                "page_name": "payment",
            },
        )
