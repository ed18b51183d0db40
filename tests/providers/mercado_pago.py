"""Mercado Pago's API, https://www.mercadopago.com.br/developers/en/reference."""

import json
from urllib.parse import urlsplit

from .api import NO_CAPTURES_OR_REFUNDS, Api, Refused, Webhook

ACCESS_TOKEN = "APP_USR-1"
# The status and its detail.
STATUSES = {
    "succeeded": ("approved", "accredited"),
    "pending": ("in_process", "pending_contingency"),
    "declined": ("rejected", "cc_rejected_insufficient_amount"),
    "canceled": ("cancelled", "expired"),
    "strange": ("in_review", "in_review"),
}
# The details of a payment that is charged back.
DISPUTE_DETAILS = {"open": "in_process", "lost": "settled", "won": "reimbursed"}


class MercadoPago(Api):
    code = "mercado_pago"
    title = "Mercado Pago"
    numeric_ids = True
    currency = "BRL"
    # Of the module: the answer has a code of the reason only.
    decline_reason = "Your card has not enough funds."
    authorization = f"Bearer {ACCESS_TOKEN}"
    idempotency_header = "x-idempotency-key"
    ROUTES = (
        ("POST", "/v1/card_tokens", "card", "create_card_token"),
        ("POST", "/v1/payments", "charge", "create_payment"),
        ("GET", "/v1/payments/search", "read", "search_payments"),
        ("GET", r"/v1/payments/(\d+)", "read", "read_payment"),
    )
    provider_values = {
        "mercado_pago_account_country_id": "ref:base.br",
        "mercado_pago_access_token": ACCESS_TOKEN,
        "mercado_pago_public_key": "APP_USR-public",
    }
    token_values = {"provider_ref": "8987269652", "mercado_pago_customer_id": "cus-1"}
    not_offered = {
        "partial disputes": "a payment that is charged back names no amount",
        "second disputes": "a payment that is charged back names no amount",
        **NO_CAPTURES_OR_REFUNDS,
        "reads": "the module reads nothing after a charge",
        "actions": "the module does not ask for 3-D Secure",
    }

    def make_error(self, status):
        return {"message": f"Error {status}", "status": status, "cause": []}

    # === REQUESTS === #

    def create_card_token(self, request, _wish):
        if not request.data.get("card_id"):
            raise Refused(400, self.make_error(400))
        return {"id": self.make_id("token"), "status": "active"}

    def create_payment(self, request, wish):
        amount = round(request.data["transaction_amount"] * self.minor_units)
        operation = self.add(
            "charge",
            amount if wish.amount is None else wish.amount,
            request.data.get("external_reference"),
            status=wish.outcome or "succeeded",
            data={"told_at": request.data.get("notification_url")},
        )
        return self.present_payment(operation)

    def read_payment(self, _request, _wish, payment_id):
        return self.present_payment(self.operations[payment_id])

    def search_payments(self, request, _wish):
        reference = request.data.get("external_reference")
        rows = [
            self.present_payment(row)
            for row in self.operations.values()
            if row.kind == "charge" and row.reference == reference
        ]
        return {"results": rows, "paging": {"total": len(rows), "offset": 0}}

    # === ANSWERS === #

    def present_payment(self, operation):
        status, detail = STATUSES[operation.status]
        refunded = self.get_captured(operation) - self.get_refundable(operation)
        if refunded:
            is_full = refunded == operation.amount
            status = "refunded" if is_full else status
            detail = "refunded" if is_full else "partially_refunded"
        for dispute in self.get_children(operation, "dispute"):
            status, detail = "charged_back", DISPUTE_DETAILS[dispute.data["state"]]
        return {
            "id": int(operation.id),
            "status": status,
            "status_detail": detail,
            "currency_id": operation.currency,
            "transaction_amount": operation.amount / self.minor_units,
            "transaction_amount_refunded": refunded / self.minor_units,
            "external_reference": operation.reference,
            "payment_method_id": "visa",
            "payment_type_id": "credit_card",
            "payer": {"id": "cus-1", "email": "a@example.com"},
            "card": {"id": self.token_values["provider_ref"]},
            "refunds": [
                {
                    "id": int(row.id),
                    "payment_id": int(operation.id),
                    "amount": row.amount / self.minor_units,
                    "status": "approved",
                }
                for row in self.get_children(operation, "refund")
            ],
        }

    # === WEBHOOKS === #

    def build_webhooks(self, operation):
        """It says that something changed: the module then reads the payment."""
        charge = self.operations[operation.parent or operation.id]
        if address := charge.data["told_at"]:
            content = {"action": "payment.updated", "data": {"id": charge.id}}
            body = json.dumps({**content, "type": "payment"}).encode()
            yield Webhook(urlsplit(address).path, body)
