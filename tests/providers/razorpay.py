"""Razorpay's API 1, https://razorpay.com/docs/api.

A charge with a saved method is an order, a payment of it, which is answered with its
id only, and the reading of that payment.
"""

import hashlib
import hmac
import json
import time

from .api import Api, Refused, Webhook

WEBHOOK_SECRET = "test"
STATUSES = {
    "succeeded": "captured",
    "authorized": "authorized",
    "pending": "created",
    "declined": "failed",
    "strange": "in_review",
}
REFUND_STATUSES = {"succeeded": "processed", "pending": "pending", "declined": "failed"}
EVENTS = {
    "captured": "payment.captured",
    "authorized": "payment.authorized",
    "failed": "payment.failed",
}
# An authorization that nobody captures is given back by a refund, as Razorpay calls it.
REFUNDS = ("refund", "void")
REASON = "Your payment could not be completed due to insufficient account balance."
PAYMENT = r"/v1/payments/(\w+)"


class Razorpay(Api):
    code = "razorpay"
    title = "Razorpay"
    gives_list = True
    currency = "INR"
    decline_reason = REASON
    ROUTES = (
        ("POST", "/v1/orders", "order", "create_order"),
        ("POST", "/v1/payments/create/recurring", "charge", "pay"),
        ("GET", "/v1/payments", "read", "list_payments"),
        ("GET", PAYMENT, "read", "read"),
        ("GET", f"{PAYMENT}/refunds", "read", "list_refunds"),
        ("GET", "/v1/refunds", "read", "list_all_refunds"),
        ("GET", "/v1/disputes", "read", "list_disputes"),
        ("POST", f"{PAYMENT}/capture", "capture", "capture"),
        ("POST", f"{PAYMENT}/refund", "refund", "refund"),
    )
    provider_values = {
        "razorpay_key_id": "rzp_test",
        "razorpay_key_secret": "secret",
        "razorpay_webhook_secret": WEBHOOK_SECRET,
    }
    token_values = {"provider_ref": "cust_1,token_1"}
    partner_values = {"phone": "+91 98765 43210"}
    not_offered = {
        "actions": "the API has no authentication of saved methods",
        "partial captures": "the API captures all of an authorization",
        "voids": "the API voids nothing: an authorization runs out",
        "failed captures": "a capture is decided at once",
        "second disputes": "a dispute that was won is over",
    }

    def __init__(self, record_path):
        super().__init__(record_path)
        self.orders = {}

    def make_error(self, status):
        description = f"Error {status}"
        return {"error": {"code": "SERVER_ERROR", "description": description}}

    # === REQUESTS === #

    def create_order(self, request, _wish):
        order = {"id": self.make_id("order_"), "status": "created", **request.data}
        self.orders[order["id"]] = order
        return order

    def pay(self, request, wish):
        order = self.orders[request.data["order_id"]]
        at_once = order.get("payment_capture")
        operation = self.add(
            "charge",
            request.data["amount"] if wish.amount is None else wish.amount,
            request.data["description"],
            id_prefix="pay_",
            currency=request.data["currency"],
            status=wish.outcome or ("succeeded" if at_once else "authorized"),
            data={"order": order["id"]},
        )
        if operation.status == "declined":
            self._refuse(
                REASON, reason="payment_failed", metadata={"payment_id": operation.id}
            )
        return {"razorpay_payment_id": operation.id, "razorpay_order_id": order["id"]}

    def read(self, _request, _wish, payment_id):
        return self.present_payment(self.find(payment_id))

    def list_payments(self, request, _wish):
        rows = [row for row in self.operations.values() if row.kind == "charge"]
        return self._list(request, map(self.present_payment, reversed(rows)))

    def list_refunds(self, request, _wish, payment_id):
        rows = [
            row
            for row in self.operations.values()
            if row.kind in REFUNDS and row.parent == payment_id
        ]
        return self._list(request, map(self.present_refund, reversed(rows)))

    def list_all_refunds(self, request, _wish):
        rows = [row for row in self.operations.values() if row.kind in REFUNDS]
        return self._list(request, map(self.present_refund, reversed(rows)))

    def list_disputes(self, request, _wish):
        rows = [row for row in self.operations.values() if row.kind == "dispute"]
        return self._list(request, map(self._present_dispute, reversed(rows)))

    @staticmethod
    def _list(request, rows):
        skip = int(request.data.get("skip", 0))
        items = list(rows)[skip : skip + int(request.data.get("count", 10))]
        return {"entity": "collection", "count": len(items), "items": items}

    def capture(self, request, wish, payment_id):
        charge = self.find(payment_id)
        amount = request.data["amount"]
        if amount != self.get_capturable(charge) or wish.outcome == "declined":
            self._refuse("Capture amount must be equal to the amount authorized")
        amount = amount if wish.amount is None else wish.amount
        self.add("capture", amount, None, parent=charge)
        return self.present_payment(charge)

    def refund(self, request, wish, payment_id):
        charge = self.find(payment_id)
        amount = request.data["amount"]
        if amount > self.get_refundable(charge):
            self._refuse("The total refund amount is greater than the refund payment")
        operation = self.add(
            "refund",
            amount if wish.amount is None else wish.amount,
            None,
            id_prefix="rfnd_",
            parent=charge,
            status=wish.outcome or "succeeded",
            data={"notes": request.data.get("notes", [])},
        )
        return self.present_refund(operation)

    @staticmethod
    def _refuse(description, **values):
        content = {"code": "BAD_REQUEST_ERROR", "description": description, **values}
        raise Refused(400, {"error": content})

    # === ANSWERS === #

    def present_payment(self, operation):
        status = STATUSES[operation.status]
        if self.get_children(operation, "capture"):
            status = "captured"
        refundable = self.get_refundable(operation)
        refunded = self.get_captured(operation) - refundable
        is_given_back = bool(self.get_children(operation, "void"))
        if is_given_back or (refunded and not refundable):
            status = "refunded"
        declined = operation.status == "declined"
        return {
            "id": operation.id,
            "entity": "payment",
            "created_at": int(operation.made_at),
            "amount": operation.amount,
            "currency": operation.currency,
            "status": status,
            "captured": bool(self.get_captured(operation)),
            "order_id": operation.data["order"],
            "method": "card",
            "card": {"network": "Visa", "last4": "4242"},
            "description": operation.reference,
            "amount_refunded": refunded,
            "customer_id": "cust_1",
            "token_id": "token_1",
            "error_code": "BAD_REQUEST_ERROR" if declined else None,
            "error_description": REASON if declined else None,
        }

    @staticmethod
    def present_refund(operation):
        return {
            "id": operation.id,
            "entity": "refund",
            "created_at": int(operation.made_at),
            "amount": operation.amount,
            "currency": operation.currency,
            "payment_id": operation.parent,
            "notes": operation.data.get("notes", []),
            "status": REFUND_STATUSES[operation.status],
        }

    # === WEBHOOKS === #

    @staticmethod
    def _present_dispute(operation):
        state = operation.data["state"]
        return {
            "id": operation.id,
            "entity": "dispute",
            "payment_id": operation.parent,
            "amount": operation.amount,
            "amount_deducted": operation.amount,
            "currency": operation.currency,
            "reason_code": "goods_or_services_not_received",
            "respond_by": int(time.time()) + 7 * 24 * 3600,
            "status": state,
            "created_at": int(time.time()),
        }

    def build_webhooks(self, operation):
        charge = self.operations[operation.parent or operation.id]
        payment = self.present_payment(charge)
        payload = {"payment": {"entity": payment}}
        # A payment that was refunded was captured, and said so.
        event = EVENTS.get(payment["status"], "payment.captured")
        if operation.kind in REFUNDS:
            refund = self.present_refund(operation)
            payload["refund"] = {"entity": refund}
            event = f"refund.{refund['status']}"
        elif operation.kind == "dispute":
            state = operation.data["state"]
            payload["dispute"] = {"entity": self._present_dispute(operation)}
            event = f"payment.dispute.{'created' if state == 'open' else state}"
        if payment["status"] == "created" or event == "refund.pending":
            return  # Nothing is sent before it is decided.
        body = json.dumps(
            {"event": event, "created_at": int(time.time()), "payload": payload}
        ).encode()
        signature = hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
        yield Webhook(
            "/payment/razorpay/webhook", body, {"X-Razorpay-Signature": signature}
        )
