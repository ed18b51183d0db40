"""Mollie's API, https://docs.mollie.com/reference/get-payment.

The module saves no methods: customers pay on Mollie's pages, so it has no column in the
table. See `test_mollie`.
"""

import json
from datetime import datetime, timezone
from urllib.parse import urlsplit

from .api import Api, Webhook

API_KEY = "live_1"
STATUSES = {"pending": "open", "succeeded": "paid", "declined": "failed"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Mollie(Api):
    code = "mollie"
    title = "Mollie"
    currency = "EUR"
    authorization = f"Bearer {API_KEY}"
    ROUTES = (
        ("POST", "/v2/payments", "charge", "create_payment"),
        ("GET", r"/v2/payments/(\w+)", "read", "read_payment"),
    )
    provider_values = {"mollie_api_key": API_KEY}

    # === REQUESTS === #

    def create_payment(self, request, wish):
        operation = self.add(
            "charge",
            round(float(request.data["amount"]["value"]) * self.minor_units),
            request.data["description"],
            id_prefix="tr_",
            status=wish.outcome or "pending",
            data={"told_at": request.data["webhookUrl"]},
        )
        return self.present_payment(operation)

    def read_payment(self, request, _wish, payment_id):
        operation = self.find(payment_id)
        payment = self.present_payment(operation)
        if request.data.get("embed") == "chargebacks":
            disputes = self.get_children(operation, "dispute")
            chargebacks = list(map(self._present_chargeback, disputes))
            payment["_embedded"] = {"chargebacks": chargebacks}
        return payment

    # === ANSWERS === #

    def present_payment(self, operation):
        """A payment that was charged back stays paid."""
        return {
            "resource": "payment",
            "id": operation.id,
            "mode": "live",
            "status": STATUSES[operation.status],
            "description": operation.reference,
            "method": "creditcard",
            "details": {"cardLabel": "Visa"},
            "amount": self._present_amount(operation),
            "_links": {"checkout": {"href": "https://www.mollie.com/checkout/x?y=1"}},
        }

    def _present_chargeback(self, dispute):
        is_won = dispute.data["state"] == "won"
        return {
            "resource": "chargeback",
            "id": dispute.id,
            "paymentId": dispute.parent,
            "amount": self._present_amount(dispute),
            "createdAt": _format(dispute.made_at),
            "reversedAt": _format(dispute.made_at + 1) if is_won else None,
        }

    def _present_amount(self, operation):
        value = f"{operation.amount / self.minor_units:.2f}"
        return {"value": value, "currency": operation.currency}

    # === WEBHOOKS === #

    def build_webhooks(self, operation):
        """It has nothing but the id of the payment, also of a chargeback."""
        charge = self.operations[operation.parent or operation.id]
        address = urlsplit(charge.data["told_at"])
        path = f"{address.path}?{address.query}"
        yield Webhook(path, f"id={charge.id}".encode(), FORM)

    def build_event(self, dispute):
        """Return the event of Mollie's newer webhooks on a chargeback.

        :rtype: Webhook
        """
        content = {
            "resource": "event",
            "type": "chargeback.received",
            "entityId": dispute.id,
            "_embedded": {"entity": self._present_chargeback(dispute)},
        }
        return Webhook("/payment/mollie/webhook", json.dumps(content).encode())


def _format(seconds):
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(timespec="seconds")
