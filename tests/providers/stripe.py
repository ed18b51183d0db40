"""Stripe's API of 2019-05-16, https://docs.stripe.com/api."""

import hashlib
import hmac
import json
import time

from .api import Api, Refused, Webhook

WEBHOOK_SECRET = "whsec_test"
MAX_PAGE = 20  # Of a list: so that there are several.
STATUSES = {
    "succeeded": "succeeded",
    "authorized": "requires_capture",
    "pending": "processing",
    "waiting": "requires_action",  # 3-D Secure in a form of the shop.
    "declined": "requires_payment_method",
    "action": "requires_payment_method",
    "canceled": "canceled",
    "strange": "requires_review",
}
REFUND_STATUSES = {**STATUSES, "pending": "pending", "declined": "failed"}
EVENTS = {
    "succeeded": "payment_intent.succeeded",
    "authorized": "payment_intent.amount_capturable_updated",
    "pending": "payment_intent.processing",
    "declined": "payment_intent.payment_failed",
    "action": "payment_intent.payment_failed",
    "canceled": "payment_intent.canceled",
}
ERRORS = {
    "declined": {
        "code": "card_declined",
        "decline_code": "insufficient_funds",
        "message": "Your card has insufficient funds.",
    },
    "action": {
        "code": "authentication_required",
        "decline_code": "authentication_required",
        "message": "Your card was declined. This transaction requires authentication.",
    },
}
INTENT = r"/v1/payment_intents/(\w+)"


class Stripe(Api):
    code = "stripe"
    title = "Stripe"
    gives_list = True
    decline_reason = ERRORS["declined"]["message"]
    idempotency_header = "idempotency-key"
    dispute_fee = 1500
    ROUTES = (
        ("POST", "/v1/payment_intents", "charge", "create_intent"),
        ("GET", "/v1/payment_intents", "read", "list_intents"),
        ("GET", INTENT, "read", "read_intent"),
        ("POST", f"{INTENT}/capture", "capture", "capture"),
        ("POST", f"{INTENT}/cancel", "void", "cancel"),
        ("POST", "/v1/refunds", "refund", "refund"),
        ("GET", "/v1/refunds", "read", "list_refunds"),
        ("GET", "/v1/disputes", "read", "list_disputes"),
        ("GET", r"/v1/payment_methods/(\w+)", "read", "read_payment_method"),
    )
    provider_values = {
        "stripe_publishable_key": "pk_test",
        "stripe_secret_key": "sk_test",
        "stripe_webhook_secret": WEBHOOK_SECRET,
    }
    token_values = {"provider_ref": "cus_1", "stripe_payment_method": "pm_1"}
    not_offered = {
        "reads": "the module reads nothing after a charge",
        "partial captures": "the module captures all of an authorization",
        "failed captures": "a capture is decided at once",
    }

    def make_error(self, status):
        return {"error": {"type": "api_error", "message": f"Error {status}"}}

    # === REQUESTS === #

    def create_intent(self, request, wish):
        manual = request.data.get("capture_method") == "manual"
        operation = self.add(
            "charge",
            int(request.data["amount"]) if wish.amount is None else wish.amount,
            request.data.get("description"),
            id_prefix="pi_",
            currency=request.data["currency"].upper(),
            status=wish.outcome or ("authorized" if manual else "succeeded"),
            data={"charge": self.make_id("ch_")},
        )
        if error := ERRORS.get(operation.status):
            intent = self.present_intent(operation)
            content = {"type": "card_error", "payment_intent": intent, **error}
            raise Refused(402, {"error": content})
        return self.present_intent(operation)

    def read_intent(self, _request, _wish, intent_id):
        return self.present_intent(self.find(intent_id))

    def list_intents(self, request, _wish):
        return self._list(request, "charge", self.present_intent)

    def _list(self, request, kind, present):
        """Return a page of all operations of a kind, the newest first."""
        rows = [
            row
            for row in reversed(self.operations.values())
            if row.kind == kind
            and row.made_at >= int(request.data.get("created[gte]", 0))
        ]
        ids = [row.id for row in rows]
        after = request.data.get("starting_after")
        start = ids.index(after) + 1 if after else 0
        end = start + min(int(request.data.get("limit", 10)), MAX_PAGE)
        data = [present(row) for row in rows[start:end]]
        return {"object": "list", "data": data, "has_more": end < len(rows)}

    def capture(self, request, wish, intent_id):
        charge = self.find(intent_id)
        left = self.get_capturable(charge)
        if not left or wish.outcome == "declined":
            self._refuse("This PaymentIntent could not be captured.")
        amount = int(request.data.get("amount_to_capture", left))
        amount = amount if wish.amount is None else wish.amount
        self.add("capture", amount, None, id_prefix="cap_", parent=charge)
        return self.present_intent(charge)

    def cancel(self, _request, wish, intent_id):
        charge = self.find(intent_id)
        if charge.status in ("waiting", *ERRORS):
            return self.present_intent(self.settle(charge, "canceled"))
        left = self.get_capturable(charge)
        if not left or wish.outcome == "declined":
            self._refuse("This PaymentIntent could not be canceled.")
        self.add("void", left, None, parent=charge)
        return self.present_intent(charge)

    def refund(self, request, wish):
        charge = self.find(request.data["payment_intent"])
        left = self.get_refundable(charge)
        amount = int(request.data.get("amount", left))
        if amount > left:
            self._refuse(f"Refund amount is greater than the {left} unrefunded.")
        operation = self.add(
            "refund",
            amount if wish.amount is None else wish.amount,
            None,
            id_prefix="re_",
            parent=charge,
            status=wish.outcome or "succeeded",
        )
        return self.present_refund(operation)

    def list_refunds(self, request, _wish):
        if "payment_intent" in request.data:
            charge = self.find(request.data["payment_intent"])
        elif "charge" in request.data:
            charge = self._find_charge(request.data["charge"])
        else:
            return self._list(request, "refund", self.present_refund)
        return {"data": self._present_refunds(charge), "has_more": False}

    def list_disputes(self, request, _wish):
        return self._list(request, "dispute", self._present_dispute)

    def read_payment_method(self, _request, _wish, method_id):
        return self._present_method(method_id)

    def _find_charge(self, charge_id):
        rows = self.operations.values()
        return next(row for row in rows if row.data.get("charge") == charge_id)

    @staticmethod
    def _refuse(message):
        raise Refused(
            400, {"error": {"type": "invalid_request_error", "message": message}}
        )

    # === ANSWERS === #

    def present_intent(self, operation):
        status = operation.status
        if self.get_children(operation, "capture"):
            status = "succeeded"
        elif self.get_children(operation, "void"):
            status = "canceled"
        received = self.get_captured(operation)
        return {
            "id": operation.id,
            "object": "payment_intent",
            "created": int(operation.made_at),
            "amount": operation.amount,
            "amount_received": received,
            "amount_capturable": self.get_capturable(operation),
            "currency": operation.currency.lower(),
            "description": operation.reference,
            "status": STATUSES[status],
            "customer": "cus_1",
            "payment_method": self._present_method("pm_1"),
            "client_secret": f"{operation.id}_secret",
            "last_payment_error": ERRORS.get(status),
            "charges": {"data": [self._present_charge(operation)]},
        }

    def _present_charge(self, operation):
        return {
            "id": operation.data["charge"],
            "object": "charge",
            "amount": operation.amount,
            "amount_refunded": self.get_captured(operation)
            - self.get_refundable(operation),
            "currency": operation.currency.lower(),
            "description": operation.reference,
            "payment_intent": operation.id,
            "payment_method_details": {"type": "card", "card": {"brand": "visa"}},
            "refunds": {"data": self._present_refunds(operation), "has_more": False},
        }

    def _present_refunds(self, charge):
        rows = [
            row
            for row in self.operations.values()
            if row.parent == charge.id and row.kind == "refund"
        ]
        return [self.present_refund(row) for row in reversed(rows)]

    def present_refund(self, operation):
        return {
            "id": operation.id,
            "object": "refund",
            "created": int(operation.made_at),
            "amount": operation.amount,
            "charge": self.operations[operation.parent].data["charge"],
            "currency": operation.currency.lower(),
            "payment_intent": operation.parent,
            "status": REFUND_STATUSES[operation.status],
        }

    def _present_dispute(self, operation):
        first = self.operations[operation.data.get("first", operation.id)]
        moves = self._list_moves(operation)
        state = operation.data["state"]
        if first != operation:
            moves = [*self._list_moves(first), *moves]
        return {
            "id": first.id,
            "object": "dispute",
            "created": int(operation.made_at),
            "amount": operation.amount,
            "charge": self.operations[operation.parent].data["charge"],
            "currency": operation.currency.lower(),
            "payment_intent": operation.parent,
            "reason": "fraudulent",
            "status": "needs_response" if state == "open" else state,
            "balance_transactions": moves,
            "evidence_details": {"due_by": int(time.time()) + 7 * 24 * 3600},
        }

    def _list_moves(self, operation):
        """Return the balance transactions of a dispute; its fee stays."""
        amounts = [(-operation.amount, self.dispute_fee)]
        if operation.data["state"] == "won":
            amounts.append((operation.amount, 0))
        return [
            {
                "id": f"txn_{operation.id}_{number}",
                "amount": amount,
                "fee": fee,
                "currency": operation.currency.lower(),
            }
            for number, (amount, fee) in enumerate(amounts)
        ]

    @staticmethod
    def _present_method(method_id):
        card = {"brand": "visa", "last4": "4242", "exp_month": 2, "exp_year": 2032}
        return {"id": method_id, "type": "card", "card": card}

    # === WEBHOOKS === #

    def build_webhooks(self, operation):
        if operation.kind == "dispute":
            event = "created" if operation.data["state"] == "open" else "closed"
            yield self._sign(
                f"charge.dispute.{event}", self._present_dispute(operation)
            )
        elif operation.kind != "refund":
            charge = self.operations[operation.parent or operation.id]
            status = {"capture": "succeeded", "void": "canceled"}.get(
                operation.kind, charge.status
            )
            intent = {**self.present_intent(charge), "payment_method": "pm_1"}
            yield self._sign(EVENTS[status], intent)
        elif operation.status == operation.data["first_status"]:
            charge = self.operations[operation.parent]
            yield self._sign("charge.refunded", self._present_charge(charge))
        else:
            yield self._sign("charge.refund.updated", self.present_refund(operation))

    def _sign(self, event, content):
        body = json.dumps(
            {
                "id": self.make_id("evt_"),
                "type": event,
                "created": int(time.time()),
                "livemode": True,
                "data": {"object": content},
            }
        )
        now = int(time.time())
        signature = hmac.new(
            WEBHOOK_SECRET.encode(), f"{now}.{body}".encode(), hashlib.sha256
        ).hexdigest()
        return Webhook(
            "/payment/stripe/webhook",
            body.encode(),
            {"Stripe-Signature": f"t={now},v1={signature}"},
        )
