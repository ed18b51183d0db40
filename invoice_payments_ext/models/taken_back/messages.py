"""Messages of providers on money taken back, read without a record.

Each reader takes a message as JSON gave it, and returns the data of
`payment.provider._process_reversal`, with amounts in the smallest unit of the currency
(`minor`), or None if the message is about something else.
"""

from datetime import datetime, timezone

# Reasons that say that a debit came back, which cannot be contested.
STRIPE_RETURNS = {
    "bank_cannot_process",
    "debit_not_authorized",
    "incorrect_account_details",
    "insufficient_funds",
}
REASON_CLASSES = {
    "bank_cannot_process": "funds",
    "insufficient_funds": "funds",
    "incorrect_account_details": "account",
    "debit_not_authorized": "consent",
    "fraudulent": "fraud",
    "unrecognized": "fraud",
    "product_not_received": "goods",
    "product_unacceptable": "goods",
    "AM04": "funds",
    "AM06": "funds",
    "MS03": "funds",
    "AC01": "account",
    "AC04": "account",
    "AC06": "account",
    "MD07": "account",
    "MD01": "consent",
    "MD06": "consent",
    "MS02": "consent",
    "AG01": "account",
    "R01": "funds",
    "R09": "funds",
    "R02": "account",
    "R03": "account",
    "R04": "account",
    "R14": "account",
    "R15": "account",
    "R16": "account",
    "R20": "account",
    "R05": "consent",
    "R07": "consent",
    "R08": "consent",
    "R10": "consent",
    "R29": "consent",
}
# By the dashboard's name of the state; `None` says nothing of the money.
STRIPE_STATES = {
    "warning_needs_response": "inquiry",
    "warning_under_review": "inquiry",
    "warning_closed": "cancelled",
    "needs_response": "open",
    "under_review": "open",
    "won": "won",
    "lost": "lost",
    "charge_refunded": "cancelled",
    "prevented": "cancelled",
}
# The events of Adyen that Odoo's module knows. It takes any other one for a refund.
ADYEN_OF_ODOO = {"AUTHORISATION", "CANCELLATION", "CAPTURE", "CAPTURE_FAILED", "REFUND"}
ADYEN_STATES = {
    "REQUEST_FOR_INFORMATION": "inquiry",
    "NOTIFICATION_OF_CHARGEBACK": "inquiry",
    "CHARGEBACK": "open",
    "CHARGEBACK_REVERSED": "won",
    "PREARBITRATION_WON": "won",
    "ISSUER_RESPONSE_TIMEFRAME_EXPIRED": "won",
    "SECOND_CHARGEBACK": "lost",
    "PREARBITRATION_LOST": "lost",
    "DISPUTE_DEFENSE_PERIOD_ENDED": "lost",
}
ADYEN_DEBITS = ("sepadirectdebit", "ach", "directdebit_GB", "eft_directdebit_CA")
ADYEN_FAILED_REFUNDS = {"REFUND_FAILED", "REFUNDED_REVERSED"}
RAZORPAY_STATES = {
    "payment.dispute.created": "open",
    "payment.dispute.under_review": "open",
    "payment.dispute.action_required": "open",
    "payment.dispute.won": "won",
    "payment.dispute.lost": "lost",
    "payment.dispute.closed": "cancelled",
}


def read_stripe(event):
    """Read an event `charge.dispute.…` of Stripe.

    The money moves only with a balance transaction: without one it is an inquiry.
    """
    if not str(event.get("type", "")).startswith("charge.dispute."):
        return None
    dispute = event["data"]["object"]
    state = STRIPE_STATES.get(dispute.get("status"))
    moves = dispute.get("balance_transactions") or []
    if state == "open" and not sum(move.get("amount", 0) for move in moves) < 0:
        state = "inquiry"
    if not state:
        return None
    reason = dispute.get("reason") or ""
    is_return = reason in STRIPE_RETURNS
    folder = "" if event.get("livemode") else "test/"
    code = (dispute.get("currency") or "").lower()
    withdrawn = -sum(move.get("amount", 0) for move in moves)
    is_exact = withdrawn > 0 and {move.get("currency") for move in moves} == {code}
    return {
        "payment_references": [dispute.get("payment_intent"), dispute.get("charge")],
        "reference": dispute["id"],
        "kind": "returned_debit" if is_return else "dispute",
        "state": "lost" if is_return and state == "open" else state,
        "minor": withdrawn if is_exact else dispute.get("amount"),
        "is_withdrawn_amount": is_exact,
        "currency": code.upper(),
        "minor_fees": [
            (
                move.get("id") or f"{dispute['id']} {number}",
                move["fee"],
                (move.get("currency") or "").upper(),
            )
            for number, move in enumerate(moves)
            if move.get("fee")
        ],
        "date": read_day(event.get("created")),
        "sent_on": read_moment(event.get("created")),
        "respond_by": read_day((dispute.get("evidence_details") or {}).get("due_by")),
        "reason_code": dispute.get("network_reason_code") or reason,
        "reason_class": REASON_CLASSES.get(reason, "other"),
        "reason": reason.replace("_", " "),
        "mode": {True: "live", False: "test"}.get(event.get("livemode")),
        "gateway_url": f"https://dashboard.stripe.com/{folder}disputes/{dispute['id']}",
    }


def read_adyen(item, live=None):
    """Read an item of a notification of Adyen.

    :param str live: The word of the notification: `true`, or `false` in test mode.
    """
    state = ADYEN_STATES.get(item.get("eventCode"))
    if not state or str(item.get("success")).lower() != "true":
        return None
    extra = item.get("additionalData") or {}
    is_return = item.get("paymentMethod") in ADYEN_DEBITS
    code = extra.get("chargebackReasonCode") or ""
    amount = item.get("amount") or {}
    day = read_iso(item.get("eventDate"))
    return {
        "payment_references": [item.get("originalReference")],
        "reference": item["pspReference"],
        "kind": "returned_debit" if is_return else "dispute",
        "state": "lost" if is_return and state == "open" else state,
        "minor": amount.get("value"),
        "is_withdrawn_amount": True,
        "currency": amount.get("currency"),
        "date": day and day.date(),
        "sent_on": day,
        "respond_by": (read_iso(extra.get("defensePeriodEndsAt")) or None)
        and read_iso(extra["defensePeriodEndsAt"]).date(),
        "reason_code": code,
        "reason_class": REASON_CLASSES.get(code, "other"),
        "reason": item.get("reason"),
        "mode": {"true": "live", "false": "test"}.get(str(live).lower()),
    }


def read_razorpay(event):
    """Read an event `payment.dispute.…` of Razorpay."""
    state = RAZORPAY_STATES.get(event.get("event"))
    if not state:
        return None
    dispute = event["payload"]["dispute"]["entity"]
    if state == "open" and not dispute.get("amount_deducted"):
        state = "inquiry"
    return {
        "payment_references": [dispute.get("payment_id")],
        "reference": dispute["id"],
        "kind": "dispute",
        "state": state,
        "minor": dispute.get("amount_deducted") or dispute.get("amount"),
        "is_withdrawn_amount": bool(dispute.get("amount_deducted")),
        "currency": dispute.get("currency"),
        "date": read_day(event.get("created_at") or dispute.get("created_at")),
        "sent_on": read_moment(event.get("created_at")),
        "respond_by": read_day(dispute.get("respond_by")),
        "reason_code": dispute.get("reason_code"),
        "reason_class": REASON_CLASSES.get(dispute.get("reason_code"), "other"),
        "reason": dispute.get("reason_description"),
    }


def read_mollie_event(event):
    """Return the payment that an event `chargeback.…` of Mollie names.

    The event is of Mollie's newer webhooks, with the chargeback within, or as it is:
    https://docs.mollie.com/reference/chargebacks-api-webhooks

    :param dict event: The message.
    :return: The id of the payment; none if the message is about something else.
    :rtype: str or None
    """
    entity = (event.get("_embedded") or {}).get("entity") or event
    return entity.get("paymentId") if entity.get("resource") == "chargeback" else None


def read_mollie(payment):
    """Read the chargebacks of a payment that was asked of Mollie.

    :rtype: list[dict]
    """
    is_debit = payment.get("method") == "directdebit"
    found = []
    for each in (payment.get("_embedded") or {}).get("chargebacks") or []:
        opened = read_iso(each.get("createdAt"))
        reversed_at = read_iso(each.get("reversedAt"))
        reason = each.get("reason") or {}
        happened = reversed_at or opened
        found.append(
            {
                "payment_references": [payment["id"]],
                "reference": each["id"],
                "kind": "returned_debit" if is_debit else "dispute",
                "state": "won" if reversed_at else "lost" if is_debit else "open",
                "amount": float(each["amount"]["value"]),
                "currency": each["amount"]["currency"],
                "date": happened and happened.date(),
                "sent_on": happened,
                "reason_code": reason.get("code"),
                "reason_class": REASON_CLASSES.get(reason.get("code"), "other"),
                "reason": reason.get("description"),
                "mode": payment.get("mode"),
            }
        )
    return found


def read_moment(seconds):
    """Return the moment of a number of seconds since 1970, in UTC; none for none."""
    return seconds and datetime.fromtimestamp(int(seconds), timezone.utc).replace(
        tzinfo=None
    )


def read_day(seconds):
    """Return the day of a number of seconds since 1970, in UTC; none for none."""
    return seconds and read_moment(seconds).date()


def read_iso(text):
    """Return the moment of a text as ISO 8601 has it, in UTC; none if it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo:
        moment = moment.astimezone(timezone.utc).replace(tzinfo=None)
    return moment.replace(microsecond=0)
