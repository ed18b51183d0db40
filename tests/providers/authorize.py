"""Authorize.Net's API, https://developer.authorize.net/api/reference.

It has one address, and answers with HTTP 200 to all that it understood.
"""

from datetime import datetime, timezone

from .api import Api

KINDS = {
    "authCaptureTransaction": "charge",
    "authOnlyTransaction": "charge",
    "priorAuthCaptureTransaction": "capture",
    "voidTransaction": "void",
    "refundTransaction": "refund",
}
SUCCESS = {
    "resultCode": "Ok",
    "message": [{"code": "I00001", "text": "Successful."}],
}
NOT_FOUND = ("16", "The transaction cannot be found.")
# Each is a transaction of its own, in the batch of its day.
TAKEN_BACK = {"dispute": "chargeback", "reinstatement": "chargebackReversal"}
RESPONSE_CODES = {"declined": "2", "pending": "4", "strange": "5"}
DECLINED = [{"errorCode": "2", "errorText": "This transaction has been declined."}]


class Authorize(Api):
    code = "authorize"
    title = "Authorize.Net"
    gives_list = True
    decline_reason = DECLINED[0]["errorText"]
    ROUTES = (("POST", "/xml/v1/request.api", "", "answer"),)
    provider_values = {
        "authorize_login": "login",
        "authorize_transaction_key": "key",
        "authorize_signature_key": "signature",
    }
    token_values = {"provider_ref": "200", "authorize_profile": "100"}
    batch = "1"  # Of the day that ends next; a test may let it be another one.
    not_offered = {
        "webhooks": "the module takes no webhooks",
        "actions": "the API has no authentication of saved methods",
        "partial captures": "the module captures all of an authorization",
        "partial refunds": "the module refunds all of a charge",
        "pending refunds": "the API decides on refunds at once",
        "late failures": "the module takes no webhooks",
        "failed captures": "a capture is decided at once",
        "disputes": "the module takes no webhooks",
        "second disputes": "the module takes no webhooks",
    }

    def get_kind(self, kind, request):
        [operation] = request.data
        if operation != "createTransactionRequest":
            return "read"
        details = request.data[operation]["transactionRequest"]
        return KINDS[details["transactionType"]]

    def answer(self, request, wish):
        [(operation, content)] = request.data.items()
        if operation == "createTransactionRequest":
            details = content["transactionRequest"]
            kind = KINDS[details["transactionType"]]
            return getattr(self, f"_{kind}")(details, wish)
        if operation == "getTransactionDetailsRequest":
            return self._present_details(self.operations.get(content["transId"]))
        if operation == "getUnsettledTransactionListRequest":
            return self._list(None)
        if operation == "getSettledBatchListRequest":
            batches = {self._get_batch(row) for row in self.operations.values()}
            batches = sorted(filter(None, batches))
            rows = [{"batchId": batch} for batch in batches]
            return {"messages": SUCCESS, "batchList": rows}
        if operation == "getTransactionListRequest":
            return self._list(content["batchId"])
        return self._make_failure("E00003", f"There is no {operation} here.")

    @staticmethod
    def _make_failure(code, text, **values):
        message = [{"code": code, "text": text}]
        return {"messages": {"resultCode": "Error", "message": message}, **values}

    def _refuse(self, code, text):
        errors = [{"errorCode": code, "errorText": text}]
        answer = {"responseCode": "3", "transId": "0", "errors": errors}
        return self._make_failure(
            "E00027", "The transaction was unsuccessful.", transactionResponse=answer
        )

    def _accept(self, operation, trans_id=None):
        answer = {
            "responseCode": RESPONSE_CODES.get(operation.status, "1"),
            "transId": trans_id or operation.id,
            "accountNumber": "XXXX4242",
            "accountType": "Visa",
        }
        if operation.status == "declined":
            answer["errors"] = DECLINED
        return {"transactionResponse": answer, "messages": SUCCESS}

    # === TRANSACTIONS === #

    def _charge(self, details, wish):
        amount = round(float(details["amount"]) * self.minor_units)
        only = details["transactionType"] == "authOnlyTransaction"
        operation = self.add(
            "charge",
            amount if wish.amount is None else wish.amount,
            details["order"]["description"],
            status=wish.outcome or ("authorized" if only else "succeeded"),
            data={"type": details["transactionType"]},
        )
        return self._accept(operation)

    def _capture(self, details, wish):
        charge = self.operations.get(details["refTransId"])
        if not charge or not self.get_capturable(charge):
            return self._refuse(*NOT_FOUND)
        amount = round(float(details["amount"]) * self.minor_units)
        operation = self.add(
            "capture",
            amount if wish.amount is None else wish.amount,
            None,
            parent=charge,
            status=wish.outcome or "succeeded",
        )
        return self._accept(operation, charge.id)

    def _void(self, details, wish):
        """Void an authorization, or a charge before the day is settled.

        The latter gives the money back: the record has a refund.
        """
        charge = self.operations.get(details["refTransId"])
        if not charge or charge.data.get("settled") or charge.data.get("voided"):
            return self._refuse(*NOT_FOUND)
        kind, amount = "void", self.get_capturable(charge)
        if refundable := self.get_refundable(charge):
            kind, amount = "refund", refundable
        status = wish.outcome or "succeeded"
        operation = self.add(
            kind, amount, None, parent=charge, status=status, data={"is_void": True}
        )
        charge.data["voided"] = status == "succeeded"
        return self._accept(operation, charge.id)

    def _refund(self, details, wish):
        charge = self.operations.get(details["refTransId"])
        if not charge or not charge.data.get("settled"):
            return self._refuse(*NOT_FOUND)
        amount = round(float(details["amount"]) * self.minor_units)
        if amount <= 0:
            return self._refuse("5", "A valid amount is required.")
        if amount > self.get_refundable(charge):
            text = "The sum of credits against the transaction exceeds its amount."
            return self._refuse("55", text)
        operation = self.add(
            "refund", amount, None, parent=charge, status=wish.outcome or "succeeded"
        )
        return self._accept(operation)

    def end_day(self):
        """Override to settle the captured charges: from now on they are refunded."""
        for row in self.operations.values():
            if row.kind == "charge" and self.get_captured(row):
                row.data.setdefault("settled", self.batch)

    # === REPORTING === #

    def _present_details(self, operation):
        if not operation:
            return self._make_failure("E00040", "The record cannot be found.")
        made_at = datetime.fromtimestamp(operation.made_at, timezone.utc)
        return {
            "transaction": {
                "transId": operation.id,
                "submitTimeUTC": f"{made_at:%Y-%m-%dT%H:%M:%S.%fZ}",
                "refTransId": operation.parent,
                "transactionType": operation.data.get("type", "refundTransaction"),
                "transactionStatus": self._get_status(operation),
                "responseCode": int(RESPONSE_CODES.get(operation.status, "1")),
                "authAmount": operation.amount / self.minor_units,
                "settleAmount": (self.get_captured(operation) or operation.amount)
                / self.minor_units,
                "invoiceNumber": (self._get_reference(operation) or "")[:20],
                "order": {"description": self._get_reference(operation)},
                "payment": {"creditCard": {"cardNumber": "XXXX4242"}},
            },
            "messages": SUCCESS,
        }

    def _get_reference(self, operation):
        """Return the merchant's reference; of money taken back, that of its charge."""
        if operation.kind in TAKEN_BACK:
            return self.operations[operation.parent].reference
        return operation.reference

    def _get_batch(self, operation):
        """Return the id of the batch of an operation; none if it is not settled."""
        is_taken_back = operation.kind in TAKEN_BACK
        return operation.data.get("settled") or (self.batch if is_taken_back else None)

    def _list(self, batch):
        """Return the transactions of a batch; those that are not settled, of none."""
        rows = [
            self._present_details(row)["transaction"]
            for row in reversed(self.operations.values())
            if row.kind in ("charge", "refund", *TAKEN_BACK)
            and not row.data.get("is_void")
            and self._get_batch(row) == batch
        ]
        keys = (
            "transId",
            "submitTimeUTC",
            "transactionStatus",
            "invoiceNumber",
            "settleAmount",
        )
        transactions = [{key: row[key] for key in keys} for row in rows]
        return {"messages": SUCCESS, "transactions": transactions}

    def _get_status(self, operation):
        if operation.kind in TAKEN_BACK:
            return TAKEN_BACK[operation.kind]
        if operation.status == "declined":
            return "declined"
        if operation.status == "pending":
            return "FDSPendingReview"
        if operation.status == "strange":
            return "authorizedPendingRelease"
        if operation.kind == "refund":
            return "refundPendingSettlement"
        if operation.data.get("voided") or self.get_children(operation, "void"):
            return "voided"
        if not self.get_captured(operation):
            return "authorizedPendingCapture"
        settled = operation.data.get("settled")
        return "settledSuccessfully" if settled else "capturedPendingSettlement"
