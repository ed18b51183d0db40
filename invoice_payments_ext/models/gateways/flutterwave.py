"""Flutterwave. Source: https://developer.flutterwave.com/v3.0.0/docs/verify, "by
transaction reference"; an unknown reference is answered with 400 or 404.
"""

from odoo import models
from odoo.exceptions import ValidationError

from ..attempts.payment_provider import get_transport_error
from .payment_provider import CannotTellError

FLUTTERWAVE_UNKNOWN = "no transaction was found"


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

    def _fetch_flutterwave_outcome(self, transaction):
        """Ask Flutterwave for a charge by our reference; see `_fetch_outcome`.

        Odoo's module has no other requests.
        """
        if transaction._get_request_kind() != "charge":
            raise CannotTellError("Only charges can be asked for.")
        try:
            return self._send_api_request(
                "GET",
                "transactions/verify_by_reference",
                params={"tx_ref": transaction.reference},
            )
        except ValidationError as error:
            response = getattr(get_transport_error(error), "response", None)
            if (
                response is not None
                and response.status_code in (400, 404)
                and FLUTTERWAVE_UNKNOWN in response.text.lower()
            ):
                return {}
            raise

    def _read_flutterwave_decline(self, _transaction, payment_data, content):
        """Read why Flutterwave declined, which has words but no code."""
        data = payment_data or content.get("data") or {}
        return {
            "reason": data.get("processor_response") or content.get("message"),
            "provider_reference": data.get("id") and str(data["id"]),
        }
