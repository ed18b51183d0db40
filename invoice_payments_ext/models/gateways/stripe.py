"""Stripe. Sources: https://docs.stripe.com/api/payment_intents,
https://docs.stripe.com/api/refunds; the version is that of Odoo's module.
"""

from datetime import datetime, timedelta

from odoo import models

from odoo.addons.payment import utils as payment_utils

from .payment_provider import DISPUTES_PERIOD, MAX_PAGES, CannotTellError

# Statuses of a PaymentIntent.
STRIPE_DEAD = ("requires_payment_method", "canceled")
STRIPE_CAPTURED, STRIPE_VOIDED, STRIPE_AUTHORIZED = (
    "succeeded",
    "canceled",
    "requires_capture",
)
# It waits for the customer: only then a payment is cancelled.
STRIPE_WAITING = ("requires_action", "requires_confirmation", "requires_payment_method")
# Lists with movements of money, and the statuses of those that are not decided yet.
STRIPE_LISTS = ("payment_intents", "refunds", "disputes")
STRIPE_UNDECIDED = (
    "pending",
    "processing",
    "requires_action",
    "requires_confirmation",
)
# The clock of the gateway may be behind ours.
CLOCK_TOLERANCE = timedelta(minutes=5)


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

    def _fetch_stripe_outcome(self, transaction):
        """Ask Stripe what became of a request; see `_fetch_outcome`.

        A charge is found by the description, our reference, and a capture or void by
        the state of the payment. A refund has no reference of ours: it is the only new
        one of that amount.
        """
        kind = transaction._get_request_kind()
        if kind == "refund":
            return self._find_stripe_refund(transaction)
        if kind == "charge":
            intent = self._find_stripe_intent(transaction)
            return intent and self._prepare_stripe_data(transaction, intent)
        reference = self._get_payment_reference(transaction)
        intent = self._send_api_request("GET", f"payment_intents/{reference}")
        wanted = STRIPE_CAPTURED if kind == "capture" else STRIPE_VOIDED
        if intent["status"] == wanted:
            return self._prepare_stripe_data(transaction, intent)
        if intent["status"] in (STRIPE_CAPTURED, STRIPE_VOIDED, STRIPE_AUTHORIZED):
            return {}
        raise CannotTellError(f"The payment is {intent['status']}.")

    def _end_stripe_payment(self, transaction):
        """Cancel a PaymentIntent that waits for the customer; see `_end_payment`.

        https://docs.stripe.com/api/payment_intents/cancel
        """
        intent = self._find_stripe_intent(transaction)
        if intent.get("status") in STRIPE_WAITING:
            intent = self._send_api_request(
                "POST",
                f"payment_intents/{intent['id']}/cancel",
                data={"cancellation_reason": "abandoned"},
            )
        return intent and self._prepare_stripe_data(transaction, intent)

    @staticmethod
    def _prepare_stripe_data(transaction, intent):
        """Return a PaymentIntent in the form that the module processes."""
        return {
            "reference": transaction.reference,
            "payment_intent": intent,
            "payment_method": intent.get("payment_method"),
        }

    def _find_stripe_intent(self, transaction):
        """Return the PaymentIntent of a charge; {} if Stripe has none."""
        if reference := transaction.provider_reference:
            return self._send_api_request(
                "GET",
                f"payment_intents/{reference}",
                params={"expand[]": "payment_method"},
            )
        params = {"expand[]": "data.payment_method"}
        if transaction.token_id:
            params["customer"] = transaction.token_id.provider_ref
        intents = [
            intent
            for intent in self._list_stripe("payment_intents", transaction, **params)
            if intent.get("description") == transaction.reference
        ]
        alive = [row for row in intents if row["status"] not in STRIPE_DEAD]
        if len(alive) > 1:
            raise CannotTellError("Several payments have this reference.")
        return (alive or intents or [{}])[0]

    def _find_stripe_refund(self, transaction):
        """Return the data of a refund; {} if Stripe has none."""
        refunds = list(
            self._list_stripe(
                "refunds",
                transaction,
                payment_intent=self._get_payment_reference(transaction),
            )
        )
        refund = self._choose_refund(
            transaction,
            refunds,
            lambda row: transaction._extract_amount_data({"refund": row})["amount"],
        )
        return {"reference": transaction.reference, "refund": refund} if refund else {}

    def _list_stripe(self, endpoint, transaction, **params):
        """Read a list of Stripe's, from when a request was sent on; the newest first.

        :raise CannotTellError: If it is too long.
        """
        since = transaction._get_sent_on()
        params["created[gte]"] = int((since - CLOCK_TOLERANCE).timestamp())
        params["limit"] = 100
        for _page in range(MAX_PAGES):
            answer = self._send_api_request("GET", endpoint, params=params)
            yield from answer["data"]
            if not answer.get("has_more"):
                return
            params["starting_after"] = answer["data"][-1]["id"]
        raise CannotTellError("The list is too long.")

    def _read_stripe_decline(self, _transaction, payment_data, content):
        """Read why Stripe declined; see `_get_decline_details`.

        https://docs.stripe.com/declines
        """
        intent = payment_data.get("payment_intent") or {}
        refund = payment_data.get("refund") or {}
        error = content.get("error") or intent.get("last_payment_error") or {}
        intent = error.get("payment_intent") or intent
        charges = (intent.get("charges") or {}).get("data") or [{}]
        outcome = charges[0].get("outcome") or {}
        network = {
            name: error.get(name) or outcome.get(name)
            for name in ("network_decline_code", "network_advice_code", "advice_code")
        }
        return {
            "code": error.get("decline_code")
            or error.get("code")
            or refund.get("failure_reason"),
            "network_code": network["network_decline_code"],
            "advice_code": network["network_advice_code"] or network["advice_code"],
            "reason": error.get("message"),
            "provider_reference": intent.get("id") or refund.get("id"),
        }

    def _read_stripe_expiry(self, payment_data):
        """Read the last month of a card; see `EXPIRY_METHODS`.

        https://docs.stripe.com/api/payment_methods/object
        """
        method = payment_data.get("payment_method")
        card = method.get("card") if isinstance(method, dict) else None
        year = card and card.get("exp_year")
        return (year, card["exp_month"]) if year else None

    def _list_stripe_movements(self, since, until, cursor):
        """List payments, then refunds, then disputes; see `_list_movements`."""
        endpoint = cursor.get("list", STRIPE_LISTS[0])
        if endpoint == "disputes":
            since -= DISPUTES_PERIOD
        params = {
            "created[gte]": int(since.timestamp()),
            "created[lte]": int(until.timestamp()),
            "limit": 100,
        }
        if cursor.get("after"):
            params["starting_after"] = cursor["after"]
        answer = self._send_api_request("GET", endpoint, params=params)
        rows = answer["data"]
        if answer.get("has_more"):
            following = {"list": endpoint, "after": rows[-1]["id"]}
        else:
            rest = STRIPE_LISTS[STRIPE_LISTS.index(endpoint) + 1 :]
            following = {"list": rest[0]} if rest else None
        movements = [
            self._prepare_stripe_movement(row)
            for row in rows
            if row["status"] not in STRIPE_UNDECIDED
        ]
        return movements, following

    def _prepare_stripe_movement(self, row):
        """Return a PaymentIntent, a refund or a dispute as a movement."""
        # The module is installed where a provider has its code.
        # pylint: disable-next=import-outside-toplevel
        from odoo.addons.payment_stripe.const import (  # noqa: PLC0415
            CURRENCY_DECIMALS,
        )

        code = row["currency"].upper()
        moved = row.get("amount_received")
        if row["object"] == "refund":
            moved = -row["amount"] if row["status"] == "succeeded" else 0
        is_dispute = row["object"] == "dispute"
        if is_dispute:
            # The money moves only with a balance transaction. They are in the currency
            # of the account, which need not be that of the dispute.
            moves = row.get("balance_transactions") or []
            withdrawn = -sum(move.get("amount", 0) for move in moves)
            is_exact = {move.get("currency") for move in moves} == {row["currency"]}
            moved = -(withdrawn if is_exact else row["amount"]) if withdrawn > 0 else 0
        currency = self.env["res.currency"].with_context(active_test=False)
        return {
            "kind": "taken_back" if is_dispute else "payment",
            "reference": row["id"],
            "own_reference": row.get("description"),
            "amount": payment_utils.to_major_currency_units(
                moved,
                currency.search([("name", "=", code)], limit=1),
                arbitrary_decimal_number=CURRENCY_DECIMALS.get(code),
            ),
            "currency": code,
            "state": row["status"],
            "date": datetime.fromtimestamp(row["created"]),
        }
