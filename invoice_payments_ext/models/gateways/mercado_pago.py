"""Mercado Pago. Source: https://www.mercadopago.com.br/developers/en/reference,
"Search payments" and "Get payment".
"""

from odoo import models

from .payment_provider import CannotTellError


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

    def _fetch_mercado_pago_outcome(self, transaction):
        """Ask Mercado Pago for a charge by our reference; see `_fetch_outcome`.

        Odoo's module has no other requests, and this addon names the reference.
        """
        if transaction._get_request_kind() != "charge":
            raise CannotTellError("Only charges can be asked for.")
        payments = self._send_api_request(
            "GET",
            "/v1/payments/search",
            params={"external_reference": transaction.reference},
        )["results"]
        if len(payments) > 1:
            raise CannotTellError("Several payments have this reference.")
        return payments[0] if payments else {}

    def _read_mercado_pago_decline(self, _transaction, payment_data, _content):
        """Read why Mercado Pago declined. Its module has words for the codes."""
        return {"code": payment_data.get("status_detail")}
