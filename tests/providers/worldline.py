"""Worldline Direct's API v2, https://docs.direct.worldline-solutions.com."""

import base64
import hashlib
import hmac
import json

from .api import NO_CAPTURES_OR_REFUNDS, Api, Refused, Webhook

PSPID = "shop"
API_KEY, API_SECRET = "wl-key", "wl-secret"
WEBHOOK_SECRET = "wl-webhook"
# The status, its number and the event of a webhook.
STATUSES = {
    "succeeded": ("CAPTURED", 9, "payment.captured"),
    "pending": ("CAPTURE_REQUESTED", 91, "payment.capture_requested"),
    "action": ("AUTHORIZATION_REQUESTED", 51, "payment.authorization_requested"),
    "declined": ("REJECTED", 2, "payment.rejected"),
    "canceled": ("CANCELLED", 6, "payment.cancelled"),
    "strange": ("PENDING_COMPLETION", 55, "payment.pending_completion"),
}


class Worldline(Api):
    code = "worldline"
    title = "Worldline"
    numeric_ids = True
    currency = "EUR"
    decline_reason = "Insufficient funds"
    idempotency_header = "x-gcs-idempotence-key"
    ROUTES = (("POST", f"/v2/{PSPID}/payments", "charge", "create_payment"),)
    provider_values = {
        "worldline_pspid": PSPID,
        "worldline_api_key": API_KEY,
        "worldline_api_secret": API_SECRET,
        "worldline_webhook_key": "wl-webhook-key",
        "worldline_webhook_secret": WEBHOOK_SECRET,
    }
    token_values = {"provider_ref": "8e6ab5a2-6d4c-4ab0-a4d5-000000000001"}
    not_offered = {
        **NO_CAPTURES_OR_REFUNDS,
        "second disputes": "its notifications of disputes are not read",
        "disputes": "its notifications of disputes are not read: a person reports them",
        "reads": "the module reads nothing after a charge",
    }

    def make_error(self, status):
        return _describe_error(status, "9999", f"Error {status}")

    # === REQUESTS === #

    def create_payment(self, request, wish):
        self._check_signature(request)
        order = request.data["order"]
        asked = order["amountOfMoney"]
        operation = self.add(
            "charge",
            asked["amount"] if wish.amount is None else wish.amount,
            order["references"]["merchantReference"],
            currency=asked["currencyCode"],
            status=wish.outcome or "succeeded",
        )
        answer = {
            "creationOutput": {"isNewToken": False, "tokenizationSucceeded": False},
            "payment": self.present_payment(operation),
        }
        if operation.status == "declined":
            error = _describe_error(402, "30511001", self.decline_reason)
            raise Refused(402, {**error, "paymentResult": answer})
        return answer

    def _check_signature(self, request):
        headers = request.headers
        signed = (
            request.method,
            headers["content-type"],
            headers["date"],
            f"{self.idempotency_header}:{headers[self.idempotency_header]}",
            request.path,
        )
        text = "".join(f"{line}\n" for line in signed)
        expected = f"GCS v1HMAC:{API_KEY}:{_sign(API_SECRET, text.encode())}"
        if headers["authorization"] != expected:
            raise Refused(403, self.make_error(403))

    # === ANSWERS === #

    def present_payment(self, operation):
        status, number, _event = STATUSES[operation.status]
        output = {"statusCode": number, "isCancellable": False}
        if operation.status == "declined":
            error = _describe_error(402, "30511001", self.decline_reason)
            output["errors"] = error["errors"]
        return {
            "id": f"{operation.id}_0",
            "status": status,
            "statusOutput": output,
            "paymentOutput": {
                "amountOfMoney": _present_amount(operation),
                "references": {"merchantReference": operation.reference},
                "paymentMethod": "card",
                "cardPaymentMethodSpecificOutput": {
                    "paymentProductId": 1,
                    "card": {"cardNumber": "************4242", "expiryDate": "1230"},
                    "token": self.token_values["provider_ref"],
                },
            },
        }

    # === WEBHOOKS === #

    def build_webhooks(self, operation):
        content = {"apiVersion": "v1", "id": self.make_id(), "merchantId": PSPID}
        if operation.kind == "refund":
            charge = self.operations[operation.parent]
            step = self.get_children(charge, "refund").index(operation) + 1
            content["type"] = "payment.refunded"
            content["refund"] = {
                "id": f"{charge.id}_{step}",
                "status": "REFUNDED",
                "refundOutput": {
                    "amountOfMoney": _present_amount(operation),
                    "references": {"merchantReference": charge.reference},
                },
            }
        else:
            content["type"] = STATUSES[operation.status][2]
            content["payment"] = self.present_payment(operation)
        body = json.dumps(content).encode()
        headers = {"X-GCS-Signature": _sign(WEBHOOK_SECRET, body)}
        yield Webhook("/payment/worldline/webhook", body, headers)


def _sign(secret, content):
    digest = hmac.new(secret.encode(), content, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _present_amount(operation):
    return {"amount": operation.amount, "currencyCode": operation.currency}


def _describe_error(status, code, message):
    error = {"errorCode": code, "httpStatusCode": status, "message": message}
    return {"errorId": "15eabcd5-30b3-479b-ae03-67bb351c07e6", "errors": [error]}
