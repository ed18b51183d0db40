"""Xendit's card charges, https://archive.developers.xendit.co/api-reference."""

import base64

from .api import NO_CAPTURES_OR_REFUNDS, Api

SECRET_KEY = "xnd_development_1"
STATUSES = {"succeeded": "CAPTURED", "declined": "FAILED", "strange": "IN_REVIEW"}


class Xendit(Api):
    code = "xendit"
    title = "Xendit"
    currency = "IDR"
    minor_units = 1  # Card charges are whole amounts.
    decline_reason = "INSUFFICIENT_BALANCE"
    authorization = f"Basic {base64.b64encode(f'{SECRET_KEY}:'.encode()).decode()}"
    ROUTES = (
        ("POST", "/credit_card_charges", "charge", "charge_token"),
        ("GET", r"/credit_card_charges/(\w+)", "read", "read_charge"),
    )
    provider_values = {
        "xendit_public_key": "xnd_public_development_1",
        "xendit_secret_key": SECRET_KEY,
        "xendit_webhook_token": "xnd-callback",
    }
    token_values = {"provider_ref": "5f0410898bcf7a001a00879d"}
    answers_questions = False
    not_offered = {
        **NO_CAPTURES_OR_REFUNDS,
        "second disputes": "its notifications of disputes are not read",
        "disputes": "its notifications of disputes are not read: a person reports them",
        "reads": "the module reads nothing after a charge",
        "pending": "a card charge is decided at once",
        "actions": "the API does not authenticate in a recurring charge",
        "webhooks": "the module does not understand notifications of card charges",
    }

    def make_error(self, status):
        return {"error_code": "SERVER_ERROR", "message": f"Error {status}"}

    # === REQUESTS === #

    def charge_token(self, request, wish):
        operation = self.add(
            "charge",
            int(request.data["amount"]) if wish.amount is None else wish.amount,
            request.data["external_id"],
            currency=request.data["currency"],
            status=wish.outcome or "succeeded",
        )
        return self.present_charge(operation)

    def read_charge(self, _request, _wish, charge_id):
        return self.present_charge(self.operations[charge_id])

    # === ANSWERS === #

    def present_charge(self, operation):
        """A charge that the bank declines is no error of the request."""
        charge = {
            "id": operation.id,
            "business_id": "5848fdf860053555135587e7",
            "external_id": operation.reference,
            "authorized_amount": operation.amount,
            "currency": operation.currency,
            "status": STATUSES[operation.status],
            "charge_type": "RECURRING",
            "card_type": "CREDIT",
            "card_brand": "VISA",
            "masked_card_number": "4000000000004242",
            "credit_card_token_id": self.token_values["provider_ref"],
        }
        if operation.status == "declined":
            return {**charge, "failure_reason": self.decline_reason}
        return {**charge, "capture_amount": operation.amount}
