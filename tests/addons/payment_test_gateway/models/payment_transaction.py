import os
from datetime import timedelta

from odoo import models

from odoo.addons.payment import utils as payment_utils
from odoo.addons.payment.const import CURRENCY_MINOR_UNITS

from ..fault_points import pass_point


class PaymentTransaction(models.Model):
    _inherit = "payment.transaction"

    # === REQUESTS === #

    def _send_payment_request(self):
        """Override of `payment` to charge the saved payment method."""
        if self.provider_code != "test_gateway":
            return super()._send_payment_request()
        return self._send_test_gateway_request(
            "charges",
            currency=self.currency_id.name,
            token=self.token_id.provider_ref,
            capture=not self.provider_id.capture_manually,
        )

    def _send_capture_request(self):
        """Override of `payment` to capture an authorized amount."""
        if self.provider_code != "test_gateway":
            return super()._send_capture_request()
        return self._send_test_gateway_request(f"{self._get_charge_path()}/capture")

    def _send_void_request(self):
        """Override of `payment` to void an authorized amount."""
        if self.provider_code != "test_gateway":
            return super()._send_void_request()
        return self._send_test_gateway_request(f"{self._get_charge_path()}/void")

    def _send_refund_request(self):
        """Override of `payment` to refund a captured amount."""
        if self.provider_code != "test_gateway":
            return super()._send_refund_request()
        return self._send_test_gateway_request(f"{self._get_charge_path()}/refund")

    def _get_charge_path(self):
        """Return the path of the charge that this transaction acts on.

        The money of an authorization that was captured in parts is with the charge of
        the authorization, not with the captures.
        """
        source = self.source_transaction_id
        while source.source_transaction_id:
            source = source.source_transaction_id
        return f"charges/{source.provider_reference}"

    def _send_test_gateway_request(self, endpoint, **payload):
        """Send the request and process the answer."""
        pass_point(self.env.cr, "during-send")
        data = self._send_api_request(
            "POST",
            endpoint,
            json={
                "reference": self.reference,
                "amount": payment_utils.to_minor_currency_units(
                    abs(self.amount), self.currency_id
                ),
                **payload,
            },
            idempotency_key=payment_utils.generate_idempotency_key(
                self, scope=endpoint
            ),
        )
        pass_point(self.env.cr, "after-answer")
        self._process("test_gateway", data)

    # === PROCESSING === #

    def _search_by_reference(self, provider_code, payment_data):
        """Override of `payment` to find operations made in the gateway's own pages."""
        if provider_code != "test_gateway" or payment_data["reference"]:
            return super()._search_by_reference(provider_code, payment_data)
        return self.search(
            [
                ("provider_code", "=", provider_code),
                ("provider_reference", "=", payment_data["id"]),
            ]
        )

    def _extract_reference(self, provider_code, payment_data):
        """Override of `payment` to extract the reference from the payment data."""
        if provider_code != "test_gateway":
            return super()._extract_reference(provider_code, payment_data)
        return payment_data["reference"]

    def _extract_amount_data(self, payment_data):
        """Override of `payment` to extract the amount and currency."""
        if self.provider_code != "test_gateway":
            return super()._extract_amount_data(payment_data)
        return {
            "amount": payment_utils.to_major_currency_units(
                payment_data["amount"], self.currency_id
            ),
            "currency_code": payment_data["currency"],
            "precision_digits": CURRENCY_MINOR_UNITS.get(
                self.currency_id.name, self.currency_id.decimal_places
            ),
        }

    def _apply_updates(self, payment_data):
        """Override of `payment` to update the transaction from the payment data."""
        if self.provider_code != "test_gateway":
            return super()._apply_updates(payment_data)
        self.provider_reference = payment_data["id"]
        reason = payment_data["reason"] or None
        match payment_data["status"]:
            case "processing":
                pass
            case "pending":
                self._set_pending(state_message=reason)
            case "authorized":
                self._set_authorized(state_message=reason)
            case "succeeded":
                self._set_done(state_message=reason)
            case "canceled":
                self._set_canceled(state_message=reason)
            case "declined":
                self._set_error(reason or self.env._("The payment was declined."))
            case status:
                self._set_error(
                    self.env._("Received data with invalid status: %s.", status)
                )

    def _extract_token_values(self, payment_data):
        """Override of `payment` to return the saved payment method's data."""
        if self.provider_code != "test_gateway":
            return super()._extract_token_values(payment_data)
        return {
            "payment_details": "4242",
            "provider_ref": payment_data["token"] or "tok_succeed",
        }

    # === FAULT POINTS IN invoice_payments_ext === #

    def _commit_step(self, name):
        """Override of `invoice_payments_ext`, if there, to fail around the commit."""
        commit_step = getattr(super(), "_commit_step", None)
        pass_point(self.env.cr, f"before-{name}")
        result = commit_step(name) if commit_step else None
        pass_point(self.env.cr, f"after-{name}")
        return result

    def _get_stale_delay(self):
        """Override of `invoice_payments_ext`, if there, to shorten the delay."""
        if seconds := os.environ.get("IPX_STALE_DELAY"):
            return timedelta(seconds=float(seconds))
        get_stale_delay = getattr(super(), "_get_stale_delay", None)
        return get_stale_delay() if get_stale_delay else timedelta(seconds=60)
