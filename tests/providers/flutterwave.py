"""Flutterwave's API v3, https://developer.flutterwave.com/v3.0/reference."""

import json

from .api import NO_CAPTURES_OR_REFUNDS, Api, Refused, Webhook

SECRET_KEY = "FLWSECK_TEST-1"
WEBHOOK_SECRET = "flw-hash"
STATUSES = {
    "succeeded": "successful",
    "pending": "pending",
    "action": "pending",
    "declined": "failed",
    "strange": "in-review",
}


class Flutterwave(Api):
    code = "flutterwave"
    title = "Flutterwave"
    numeric_ids = True
    names_declined = False
    currency = "NGN"
    decline_reason = "Insufficient Funds"
    authorization = f"Bearer {SECRET_KEY}"
    ROUTES = (
        ("POST", "/v3/tokenized-charges", "charge", "charge_token"),
        ("GET", "/v3/transactions/verify_by_reference", "read", "verify"),
    )
    provider_values = {
        "flutterwave_public_key": "FLWPUBK_TEST-1",
        "flutterwave_secret_key": SECRET_KEY,
        "flutterwave_webhook_secret": WEBHOOK_SECRET,
    }
    token_values = {
        "provider_ref": "flw-t1nf-1",
        "flutterwave_customer_email": "a@example.com",
    }
    not_offered = {
        **NO_CAPTURES_OR_REFUNDS,
        "second disputes": "its notifications of disputes are not read",
        "disputes": "its notifications of disputes are not read: a person reports them",
        "reads": "the module reads nothing after a charge",
    }
    defects = dict.fromkeys(
        (
            "refund made at the provider",
            "refund made at the provider, told before the charge",
            "two partial refunds made at the provider",
        ),
        "it ignores the notification of a refund, so record it as a refund outside",
    )

    def make_error(self, status):
        return {"status": "error", "message": f"Error {status}", "data": None}

    # === REQUESTS === #

    def charge_token(self, request, wish):
        amount = round(float(request.data["amount"]) * self.minor_units)
        operation = self.add(
            "charge",
            amount if wish.amount is None else wish.amount,
            request.data["tx_ref"],
            currency=request.data["currency"],
            status=wish.outcome or "succeeded",
        )
        if operation.status == "declined":
            # Errors of the card's bank come with this status, and without data.
            raise Refused(400, {**self.make_error(400), "message": self.decline_reason})
        return self._wrap(operation, "Charge successful")

    def verify(self, request, _wish):
        """Answer with the last charge under a reference, as the provider does."""
        for operation in reversed(self.operations.values()):
            if operation.reference == request.data["tx_ref"]:
                return self._wrap(operation, "Transaction fetched successfully")
        message = "No transaction was found for this id"
        raise Refused(400, {**self.make_error(400), "message": message})

    # === ANSWERS === #

    def _wrap(self, operation, message):
        data = self.present_charge(operation)
        return {"status": "success", "message": message, "data": data}

    def present_charge(self, operation):
        amount = operation.amount / self.minor_units
        charge = {
            "id": int(operation.id),
            "tx_ref": operation.reference,
            "flw_ref": f"FLW-{operation.id}",
            "amount": amount,
            "charged_amount": amount,
            "currency": operation.currency,
            "processor_response": self._get_response(operation),
            "auth_model": "noauth",
            "status": STATUSES[operation.status],
            "payment_type": "card",
            "customer": {"id": 1, "email": "a@example.com"},
            "card": {"last_4digits": "4242", "type": "VISA", "token": "flw-t1nf-1"},
        }
        if operation.status == "action":
            page = f"https://bank.example.com/3ds/{operation.id}"
            redirect = {"mode": "redirect", "redirect": page}
            charge["meta"] = {"authorization": redirect}
        return charge

    def _get_response(self, operation):
        return self.decline_reason if operation.status == "declined" else "Approved"

    # === WEBHOOKS === #

    def build_webhooks(self, operation):
        if operation.kind == "charge":
            event, data = "charge.completed", self.present_charge(operation)
        else:
            charge = self.operations[operation.parent]
            event = "refund.completed"
            data = {
                "id": int(operation.id),
                "tx_id": int(charge.id),
                "amount_refunded": operation.amount / self.minor_units,
                "status": "completed",
            }
        body = json.dumps({"event": event, "data": data}).encode()
        headers = {"verif-hash": WEBHOOK_SECRET}
        yield Webhook("/payment/flutterwave/webhook", body, headers)
