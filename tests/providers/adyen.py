"""Adyen's Checkout API 71, https://docs.adyen.com/api-explorer/Checkout/71/overview.

Captures, cancellations and refunds are only received at first: a webhook tells the
result.
"""

import base64
import hashlib
import hmac
import json
from datetime import datetime, timezone

from .api import Api, Refused, Webhook

HMAC_KEY = "44782def547aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056"
MERCHANT = "TestMerchant"
RESULTS = {
    "succeeded": {"resultCode": "Authorised"},
    "authorized": {"resultCode": "Authorised"},
    "pending": {"resultCode": "Pending"},
    "strange": {"resultCode": "PartiallyAuthorised"},
    "declined": {
        "resultCode": "Refused",
        "refusalReason": "Not enough balance",
        "refusalReasonCode": "12",
    },
    "action": {
        "resultCode": "Refused",
        "refusalReason": "Authentication required",
        "refusalReasonCode": "38",
    },
}
EVENTS = {
    "charge": "AUTHORISATION",
    "capture": "CAPTURE",
    "void": "CANCELLATION",
    "refund": "REFUND",
}
# Of a modification that succeeded and failed afterwards.
DISPUTE_EVENTS = {
    "open": "CHARGEBACK",
    "won": "CHARGEBACK_REVERSED",
    "lost": "DISPUTE_DEFENSE_PERIOD_ENDED",
}
LATE_EVENTS = {"capture": "CAPTURE_FAILED", "refund": "REFUND_FAILED"}
PAYMENTS = "/checkout/V71/payments"
SIGNED_KEYS = (
    "pspReference",
    "originalReference",
    "merchantAccountCode",
    "merchantReference",
)


class Adyen(Api):
    code = "adyen"
    title = "Adyen"
    decline_reason = "Not enough balance"
    idempotency_header = "idempotency-key"
    answers_later = ("capture", "void", "refund")
    ROUTES = (
        ("POST", PAYMENTS, "charge", "pay"),
        ("POST", rf"{PAYMENTS}/([^/]*)/captures", "capture", "capture"),
        ("POST", rf"{PAYMENTS}/([^/]*)/cancels", "void", "cancel"),
        ("POST", rf"{PAYMENTS}/([^/]*)/refunds", "refund", "refund"),
    )
    provider_values = {
        "adyen_merchant_account": MERCHANT,
        "adyen_api_key": "key",
        "adyen_client_key": "client",
        "adyen_hmac_key": HMAC_KEY,
        "adyen_api_url_prefix": "1797a841fbb37ca7-TestCompany",
    }
    token_values = {
        "provider_ref": "8415718415172204",
        "adyen_shopper_reference": "ODOO_PARTNER_1",
    }
    not_offered = {"reads": "the module reads nothing after a charge"}

    def make_error(self, status):
        return {"status": status, "errorCode": "000", "message": f"Error {status}"}

    # === REQUESTS === #

    def pay(self, request, wish):
        amount = request.data["amount"]
        at_once = request.data.get("captureDelayHours") == 0
        operation = self.add(
            "charge",
            amount["value"] if wish.amount is None else wish.amount,
            request.data["reference"],
            currency=amount["currency"],
            status=wish.outcome or ("succeeded" if at_once else "authorized"),
        )
        answer = {
            "pspReference": operation.id,
            "merchantReference": operation.reference,
            "paymentMethod": {"type": "scheme", "brand": "visa"},
            "additionalData": {"cardSummary": "4242", "expiryDate": "2/2032"},
            **RESULTS[operation.status],
        }
        if operation.status not in ("declined", "action"):
            answer["amount"] = self._present_amount(operation)
        return answer

    def capture(self, request, wish, charge_id):
        return self._modify("capture", request, wish, charge_id)

    def cancel(self, request, wish, charge_id):
        return self._modify("void", request, wish, charge_id)

    def refund(self, request, wish, charge_id):
        return self._modify("refund", request, wish, charge_id)

    def _modify(self, kind, request, wish, charge_id):
        """Receive a modification; whether it succeeds is decided later."""
        charge = self.operations.get(charge_id)
        if not charge or charge.kind != "charge":
            message = "Original pspReference required for this operation"
            content = {"status": 422, "errorCode": "167", "message": message}
            raise Refused(422, content)
        left = self.get_capturable(charge)
        if kind == "refund":
            left = self.get_refundable(charge)
        amount = request.data.get("amount", {}).get("value", left)
        if amount > left or amount <= 0:
            message = "Insufficient balance on payment"
            raise Refused(422, {"status": 422, "errorCode": "164", "message": message})
        operation = self.add(
            kind,
            amount if wish.amount is None else wish.amount,
            request.data.get("reference"),
            parent=charge,
            status="pending",
        )
        return {
            "merchantAccount": MERCHANT,
            "paymentPspReference": charge.id,
            "pspReference": operation.id,
            "reference": operation.reference,
            "status": "received",
            "amount": self._present_amount(operation),
        }

    @staticmethod
    def _present_amount(operation):
        return {"value": operation.amount, "currency": operation.currency}

    # === WEBHOOKS === #

    def build_webhooks(self, operation):
        charge = self.operations[operation.parent or operation.id]
        event = EVENTS.get(operation.kind) or DISPUTE_EVENTS[operation.data["state"]]
        first = operation.data.get("first")
        event = "SECOND_CHARGEBACK" if first else event
        success = operation.status in ("succeeded", "authorized")
        if operation.status == "pending":
            return  # Nothing is sent before it is decided.
        if success:
            operation.data["succeeded"] = True
        elif operation.data.get("succeeded"):
            event, success = LATE_EVENTS[operation.kind], True
        item = {
            "eventCode": event,
            "success": "true" if success else "false",
            "pspReference": first or operation.id,
            "merchantAccountCode": MERCHANT,
            # Of a modification in the Customer Area: that of the payment.
            "merchantReference": operation.reference or charge.reference,
            "amount": self._present_amount(operation),
            "paymentMethod": "visa",
            "reason": "" if success else self.decline_reason,
            "eventDate": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
        if operation.parent:
            item["originalReference"] = charge.id
        item["additionalData"] = {"hmacSignature": self._sign(item)}
        body = {
            "live": "true",
            "notificationItems": [{"NotificationRequestItem": item}],
        }
        yield Webhook("/payment/adyen/notification", json.dumps(body).encode())

    @staticmethod
    def _sign(item):
        values = [item.get(key, "") for key in SIGNED_KEYS]
        values += [str(item["amount"]["value"]), item["amount"]["currency"]]
        values += [item["eventCode"], item["success"]]
        text = ":".join(
            value.replace("\\", "\\\\").replace(":", "\\:") for value in values
        )
        digest = hmac.new(bytes.fromhex(HMAC_KEY), text.encode(), hashlib.sha256)
        return base64.b64encode(digest.digest()).decode()
