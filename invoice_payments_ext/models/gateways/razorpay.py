"""Razorpay. Sources: https://razorpay.com/docs/api/payments/fetch-all-payments,
https://razorpay.com/docs/api/refunds/fetch-multiple-refund-payment,
https://razorpay.com/docs/api/disputes/fetch-all
"""

from datetime import datetime, timedelta

from odoo import api, models

from odoo.addons.payment import utils as payment_utils

from .payment_provider import DISPUTES_PERIOD, MAX_PAGES, CannotTellError

RAZORPAY_PAGE = 100
RAZORPAY_LISTS = ("payments", "refunds", "disputes")
RAZORPAY_RETURNED = ("won", "closed")  # Of a dispute: the money is back.
RAZORPAY_UNDECIDED = ("created", "pending")
RAZORPAY_CAPTURED = ("captured", "refunded")
# How long after it was sent a charge is looked for.
RAZORPAY_PERIOD = timedelta(hours=24)
CLOCK_TOLERANCE = timedelta(minutes=5)


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

    def _fetch_razorpay_outcome(self, transaction):
        """Ask Razorpay what became of a request; see `_fetch_outcome`.

        A charge is found by the description, our reference, and a refund by the
        reference in its notes. Authorizations cannot be voided.
        """
        kind = transaction._get_request_kind()
        if kind == "charge":
            return self._find_razorpay_payment(transaction)
        reference = self._get_payment_reference(transaction)
        if kind == "refund":
            return self._find_razorpay_refund(transaction, reference)
        payment = self._send_api_request("GET", f"payments/{reference}")
        if self._is_razorpay_captured(payment):
            return {**payment, "entity_type": "payment"}
        if payment["status"] in ("authorized", "refunded"):
            return {}
        raise CannotTellError(f"The payment is {payment['status']}.")

    def _find_razorpay_payment(self, transaction):
        """Return the payment of a charge; {} if Razorpay has none."""
        if reference := transaction.provider_reference:
            payment = self._send_api_request("GET", f"payments/{reference}")
            return {**payment, "entity_type": "payment"}
        sent_on = transaction._get_sent_on()
        payments = [
            payment
            for payment in self._list_razorpay(
                "payments",
                **{
                    "from": int((sent_on - CLOCK_TOLERANCE).timestamp()),
                    "to": int((sent_on + RAZORPAY_PERIOD).timestamp()),
                },
            )
            if payment.get("description") == transaction.reference
        ]
        alive = [row for row in payments if row["status"] != "failed"]
        if len(alive) > 1:
            raise CannotTellError("Several payments have this reference.")
        found = (alive or payments)[:1]
        return {**found[0], "entity_type": "payment"} if found else {}

    def _find_razorpay_refund(self, transaction, reference):
        """Return the refund with our reference; {} if Razorpay has none."""
        refunds = self._list_razorpay(f"payments/{reference}/refunds")
        for refund in refunds:
            notes = refund.get("notes")  # An empty list where there are none.
            if isinstance(notes, dict) and notes.get("reference") == (
                transaction.reference
            ):
                return {**refund, "entity_type": "refund"}
        return {}

    @api.model
    def _is_razorpay_captured(self, payment):
        """Tell if the money of a payment came: one that is refunded may not have.

        What nobody captures in time is refunded, too; only `captured` says so:
        https://razorpay.com/docs/payments/refunds/auto-refunds
        """
        is_captured = payment["status"] in RAZORPAY_CAPTURED
        return is_captured and payment.get("captured") is not False

    def _list_razorpay(self, endpoint, **params):
        """Read a list of Razorpay's, the newest first.

        :raise CannotTellError: If it is too long.
        """
        for page in range(MAX_PAGES):
            answer = self._send_api_request(
                "GET",
                endpoint,
                params={
                    **params,
                    "count": RAZORPAY_PAGE,
                    "skip": page * RAZORPAY_PAGE,
                },
            )
            yield from answer["items"]
            if len(answer["items"]) < RAZORPAY_PAGE:
                return
        raise CannotTellError("The list is too long.")

    def _read_razorpay_decline(self, _transaction, payment_data, content):
        """Read why Razorpay declined; see `_get_decline_details`.

        https://razorpay.com/docs/errors
        """
        error = content.get("error") or {
            name: payment_data.get(f"error_{name}")
            for name in ("code", "description", "reason")
        }
        metadata = error.get("metadata") or {}
        return {
            "code": error.get("reason") or error.get("code"),
            "reason": error.get("description"),
            "provider_reference": payment_data.get("id") or metadata.get("payment_id"),
        }

    def _list_razorpay_movements(self, since, until, cursor):
        """List payments, then refunds, then disputes; see `_list_movements`."""
        endpoint = cursor.get("list", RAZORPAY_LISTS[0])
        if endpoint == "disputes":
            since -= DISPUTES_PERIOD
        skip = cursor.get("skip", 0)
        params = {
            "from": int(since.timestamp()),
            "to": int(until.timestamp()),
            "count": RAZORPAY_PAGE,
            "skip": skip,
        }
        rows = self._send_api_request("GET", endpoint, params=params)["items"]
        if len(rows) == RAZORPAY_PAGE:
            following = {"list": endpoint, "skip": skip + RAZORPAY_PAGE}
        else:
            rest = RAZORPAY_LISTS[RAZORPAY_LISTS.index(endpoint) + 1 :]
            following = {"list": rest[0]} if rest else None
        given_back = self._find_razorpay_given_back(rows)
        movements = [
            self._prepare_razorpay_movement(row, row.get("payment_id") in given_back)
            for row in rows
            if row["status"] not in RAZORPAY_UNDECIDED
        ]
        return movements, following

    def _find_razorpay_given_back(self, rows):
        """Return the payments that were given back, as nobody captured them in time.

        A refund does not say so: the payment of each has to be read. Those that came by
        our books are not asked for.

        :param list[dict] rows: Refunds among them.
        :return: The ids of the payments.
        :rtype: set[str]
        """
        refunded = {row["payment_id"] for row in rows if row["entity"] == "refund"}
        authorizations = self.env["payment.transaction"].search(
            [
                ("provider_id", "=", self.id),
                ("provider_reference", "in", list(refunded)),
                ("source_transaction_id", "=", False),
                ("state", "!=", "done"),
            ]
        )
        given_back = set()
        for reference in set(authorizations.mapped("provider_reference")):
            payment = self._send_api_request("GET", f"payments/{reference}")
            if not self._is_razorpay_captured(payment):
                given_back.add(reference)
        return given_back

    def _prepare_razorpay_movement(self, row, is_given_back):
        """Return a payment, a refund or a dispute as a movement.

        :param dict row: The row of the list.
        :param bool is_given_back: Whether it refunds a payment that never came.
        """
        moved = row["amount"] if self._is_razorpay_captured(row) else 0
        if row["entity"] == "refund":
            is_moved = row["status"] == "processed" and not is_given_back
            moved = -row["amount"] if is_moved else 0
        is_dispute = row["entity"] == "dispute"
        if is_dispute:
            is_returned = row["status"] in RAZORPAY_RETURNED
            moved = 0 if is_returned else -(row.get("amount_deducted") or 0)
        currency = self.env["res.currency"].with_context(active_test=False)
        currency = currency.search([("name", "=", row["currency"])], limit=1)
        notes = row.get("notes")
        noted = notes.get("reference") if isinstance(notes, dict) else None
        return {
            "kind": "taken_back" if is_dispute else "payment",
            "reference": row["id"],
            "own_reference": row.get("description") or noted,
            "amount": payment_utils.to_major_currency_units(moved, currency),
            "currency": row["currency"],
            "state": row["status"],
            "date": datetime.fromtimestamp(row["created_at"]),
        }
