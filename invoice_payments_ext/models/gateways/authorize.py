"""Authorize.Net. Source: https://developer.authorize.net/api/reference/, "Transaction
Reporting": transactions are in the list of unsettled ones, then in one of a batch.
"""

import logging
from datetime import datetime, timedelta

import requests

from odoo import fields, models

from .payment_provider import MAX_PAGES, CannotTellError

_logger = logging.getLogger(__name__)

AUTHORIZE_PAGE = 1000
# The module's `x_response_code` and `x_type` for a charge, by the status it has there.
AUTHORIZE_STATUSES = {
    "authorizedPendingCapture": ("1", "auth_only"),
    "capturedPendingSettlement": ("1", "auth_capture"),
    "settledSuccessfully": ("1", "auth_capture"),
    "voided": ("1", "void"),
    "expired": ("1", "void"),
    "declined": ("2", "auth_capture"),
    "communicationError": ("3", "auth_capture"),
    "failedReview": ("3", "auth_capture"),
    "generalError": ("3", "auth_capture"),
    "FDSPendingReview": ("4", "auth_capture"),
    "FDSAuthorizedPendingReview": ("4", "auth_capture"),
    "underReview": ("4", "auth_capture"),
}
AUTHORIZE_AUTHORIZED = "authorizedPendingCapture"
AUTHORIZE_CAPTURED = ("capturedPendingSettlement", "settledSuccessfully")
AUTHORIZE_VOIDED = ("voided", "expired")
AUTHORIZE_REFUNDED = ("refundPendingSettlement", "refundSettledSuccessfully")
# Each is a transaction of its own, which names the payment: an eCheck that came back, a
# card payment that was charged back, and the end of a dispute that was won.
AUTHORIZE_TAKEN = ("returnedItem", "chargeback")
AUTHORIZE_GIVEN_BACK = "chargebackReversal"
AUTHORIZE_DISPUTED = (*AUTHORIZE_TAKEN, AUTHORIZE_GIVEN_BACK)
# The reason codes by their words: the module keeps only these.
# https://developer.authorize.net/api/reference/responseCodes.html
AUTHORIZE_CODES = {
    "A duplicate transaction has been submitted.": "11",
    "A valid amount is required.": "5",
    "An error occurred during processing. Please try again.": "19",
    "Credit card expiration date is invalid.": "7",
    "The credit card has expired.": "8",
    "The credit card number is invalid.": "6",
    "The merchant does not accept this type of credit card.": "17",
    "This transaction has been declined.": "2",
}
# A list of batches is for at most 31 days.
AUTHORIZE_UNDECIDED = (
    "FDSPendingReview",
    "FDSAuthorizedPendingReview",
    "underReview",
)
AUTHORIZE_PERIOD = timedelta(days=30)


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

    def _fetch_authorize_outcome(self, transaction):
        """Ask Authorize.Net what became of a request; see `_fetch_outcome`.

        A charge is found by the invoice number, the beginning of our reference, and by
        the description. A refund names the payment that it gives back.
        """
        kind = transaction._get_request_kind()
        if kind == "charge":
            return self._find_authorize_charge(transaction)
        reference = self._get_payment_reference(transaction)
        payment = self._get_authorize_details(reference)
        status = payment["transactionStatus"]
        if kind == "refund":
            if status in AUTHORIZE_VOIDED:  # Before it is settled, a refund is a void.
                return self._prepare_authorize_data(transaction, payment, "1", "void")
            return self._find_authorize_refund(transaction, reference)
        if kind == "capture" and status in AUTHORIZE_CAPTURED:
            return self._prepare_authorize_data(
                transaction, payment, "1", "prior_auth_capture"
            )
        if kind == "void" and status in AUTHORIZE_VOIDED:
            return self._prepare_authorize_data(transaction, payment, "1", "void")
        if status in (AUTHORIZE_AUTHORIZED, *AUTHORIZE_CAPTURED, *AUTHORIZE_VOIDED):
            return {}
        raise CannotTellError(f"The payment is {status}.")

    def _find_authorize_charge(self, transaction):
        """Return the data of a charge; {} if Authorize.Net has none."""
        reference = transaction.provider_reference
        ids = [reference] if reference else self._list_authorize_charges(transaction)
        charges = [
            details
            for details in map(self._get_authorize_details, ids)
            if details.get("order", {}).get("description", transaction.reference)
            == transaction.reference[:255]
        ]
        if len(charges) > 1:
            raise CannotTellError("Several payments have this reference.")
        if not charges:
            return {}
        status = charges[0]["transactionStatus"]
        if status not in AUTHORIZE_STATUSES:
            raise CannotTellError(f"The payment is {status}.")
        return self._prepare_authorize_data(
            transaction, charges[0], *AUTHORIZE_STATUSES[status]
        )

    def _list_authorize_charges(self, transaction):
        """Return the ids of the charges whose invoice number is our reference."""
        return [
            row["transId"]
            for row in self._list_authorize_transactions(transaction)
            if row.get("invoiceNumber") == transaction.reference[:20]
            and row["transactionStatus"]
            not in (*AUTHORIZE_REFUNDED, *AUTHORIZE_DISPUTED)
        ]

    def _find_authorize_refund(self, transaction, reference):
        """Return the data of a refund; {} if Authorize.Net has none."""
        refunds = [
            {**row, "id": row["transId"]}
            for row in self._list_authorize_transactions(transaction)
            if row["transactionStatus"] in AUTHORIZE_REFUNDED
            and not transaction.currency_id.compare_amounts(
                abs(float(row["settleAmount"])), abs(transaction.amount)
            )
            and self._get_authorize_details(row["transId"]).get("refTransId")
            == reference
        ]
        refund = self._choose_refund(
            transaction, refunds, lambda row: abs(float(row["settleAmount"]))
        )
        if not refund:
            return {}
        return self._prepare_authorize_data(transaction, refund, "1", "refund")

    @staticmethod
    def _prepare_authorize_data(transaction, details, code, kind):
        """Return the state of a transaction in the form that the module processes.

        With the amount that was captured, for `_read_authorize_amount`: the module
        reads the one that was authorized, of which less may be captured.
        """
        is_captured = details["transactionStatus"] in AUTHORIZE_CAPTURED
        card = details.get("payment", {}).get("creditCard", {})
        return {
            "reference": transaction.reference,
            "response": {
                "x_response_code": code,
                "x_trans_id": details["transId"],
                "x_type": kind,
                "x_response_reason_text": details.get("responseReasonDescription"),
                "settled_amount": details.get("settleAmount") if is_captured else None,
                "payment_method_code": card.get("cardType")
                or details.get("accountType")
                or "",
            },
        }

    # === REQUESTS === #

    def _ask_authorize(self, operation, data):
        """Send a request of Authorize.Net's reporting API.

        :raise CannotTellError: If it is refused.
        """
        # The module is installed where a provider has its code.
        # pylint: disable-next=import-outside-toplevel
        from odoo.addons.payment_authorize.models.authorize_request import (  # noqa: PLC0415
            AuthorizeAPI,
        )

        answer = AuthorizeAPI(self)._make_request(operation, data)
        if "err_code" in answer:
            raise CannotTellError(f"{answer['err_code']}: {answer.get('err_msg')}")
        return answer

    def _get_authorize_details(self, reference):
        """Return the data that Authorize.Net has on a transaction."""
        answer = self._ask_authorize(
            "getTransactionDetailsRequest", {"transId": reference}
        )
        return answer["transaction"]

    def _list_authorize_transactions(self, transaction):
        """Read the transactions since a request was sent, settled or not."""
        yield from self._list_authorize_pages("getUnsettledTransactionListRequest", {})
        since = transaction._get_sent_on()
        for batch_id in self._list_authorize_batches(since):
            yield from self._list_authorize_pages(
                "getTransactionListRequest", {"batchId": batch_id}
            )

    def _list_authorize_batches(self, since, until=None):
        """Return the ids of the batches that were settled since a time, newest first.

        :param datetime.datetime since: The beginning.
        :param datetime.datetime until: The end of the period in which the transactions
                                        were made, which are settled days later; only
                                        the first list is read if not given.
        """
        now = fields.Datetime.now()
        end = min(now, (until or since) + AUTHORIZE_PERIOD)
        ids = []
        while True:
            last = min(since + AUTHORIZE_PERIOD, end)
            batches = self._ask_authorize(
                "getSettledBatchListRequest",
                {
                    "includeStatistics": False,
                    "firstSettlementDate": f"{since:%Y-%m-%dT%H:%M:%SZ}",
                    "lastSettlementDate": f"{last:%Y-%m-%dT%H:%M:%SZ}",
                },
            )
            found = batches.get("batchList") or []
            found.sort(key=lambda row: row.get("settlementTimeUTC") or "")
            ids += [row["batchId"] for row in found if row["batchId"] not in ids]
            if last >= end:
                return ids[::-1]
            since = last

    def _list_authorize_pages(self, operation, data):
        """Read a list of transactions, the newest first.

        :raise CannotTellError: If it is too long.
        """
        for page in range(1, MAX_PAGES + 1):
            answer = self._ask_authorize(
                operation,
                {  # In the order of their schema.
                    **data,
                    "sorting": {"orderBy": "submitTimeUTC", "orderDescending": True},
                    "paging": {"limit": AUTHORIZE_PAGE, "offset": page},
                },
            )
            rows = answer.get("transactions") or []
            yield from rows
            if len(rows) < AUTHORIZE_PAGE:
                return
        raise CannotTellError("The list is too long.")

    # === DECLINES === #

    def _read_authorize_decline(self, transaction, payment_data, _content):
        """Read why Authorize.Net declined; see `_get_decline_details`.

        The module keeps the words only. Where it keeps the id, the code is asked for.
        """
        response = payment_data.get("response") or {}
        words = (response.get("x_response_reason_text") or "").splitlines()
        reason = words[-1].strip() if words else ""
        reference = (response.get("x_trans_id") or "").strip("0")
        details = {}
        if reference:
            try:
                details = self._get_authorize_details(response["x_trans_id"])
            except (CannotTellError, requests.RequestException):
                _logger.info("No details of %s", transaction.reference, exc_info=True)
        return {
            "code": details.get("responseReasonCode") or AUTHORIZE_CODES.get(reason),
            "reason": reason or details.get("responseReasonDescription"),
            "provider_reference": reference and response["x_trans_id"],
        }

    # === MOVEMENTS === #

    def _list_authorize_movements(self, since, until, cursor):
        """List the unsettled ones, then one batch a page; see `_list_movements`.

        The newest ones are first: the end of a dispute stands for its beginning.
        """
        if not cursor:
            # Read before the batches: one that is settled meanwhile is in both.
            rows = list(
                self._list_authorize_pages("getUnsettledTransactionListRequest", {})
            )
            batches = self._list_authorize_batches(since, until)
        else:
            batch_id, *batches = cursor["batches"]
            rows = self._list_authorize_pages(
                "getTransactionListRequest", {"batchId": batch_id}
            )
        movements = [
            self._prepare_authorize_movement(row)
            for row in rows
            if row["transactionStatus"] not in AUTHORIZE_UNDECIDED
        ]
        inside = {
            row["reference"]: row
            for row in reversed(movements)
            if since <= row["date"] <= until
        }
        return list(inside.values()), {"batches": batches} if batches else None

    def _prepare_authorize_movement(self, row):
        """Return a transaction as a movement."""
        status = row["transactionStatus"]
        reference = row["transId"]
        amount = 0.0
        if status in AUTHORIZE_CAPTURED:
            amount = abs(float(row["settleAmount"]))
        elif status in (*AUTHORIZE_REFUNDED, *AUTHORIZE_TAKEN):
            amount = -abs(float(row["settleAmount"]))
        elif status == AUTHORIZE_GIVEN_BACK:
            reference = self._find_authorize_chargeback(row) or reference
        is_taken_back = status in AUTHORIZE_DISPUTED
        date = datetime.fromisoformat(row["submitTimeUTC"].replace("Z", "+00:00"))
        return {
            "kind": "taken_back" if is_taken_back else "payment",
            "reference": reference,
            "own_reference": row.get("invoiceNumber"),
            "amount": amount,
            "currency": self.available_currency_ids[:1].name,
            "state": status,
            "date": date.replace(tzinfo=None, microsecond=0),
        }

    def _find_authorize_chargeback(self, row):
        """Return the id of the dispute that a transaction ends, if one is booked.

        It names the payment or the dispute.

        :param dict row: A transaction of a list, which lacks that name.
        :rtype: str or None
        """
        named = self._get_authorize_details(row["transId"]).get("refTransId")
        booked = named and self.env["account.payment.reversal"].search(
            [
                ("provider_id", "=", self.id),
                ("provider_reference", "!=", False),
                "|",
                ("provider_reference", "=", named),
                ("transaction_id.provider_reference", "=", named),
            ]
        )
        return booked.provider_reference if booked and len(booked) == 1 else None
