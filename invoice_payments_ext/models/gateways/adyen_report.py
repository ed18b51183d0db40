"""Adyen's *Payment accounting report*: a line for each step in the life of a payment.

Money that is captured, refunded or charged back has an id of its own, the *Modification
Psp Reference*; the last of its steps says what became of it. Columns and steps:
https://docs.adyen.com/reporting/invoice-reconciliation/payment-accounting-report
"""

import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import requests

COLUMNS = (
    "Psp Reference",
    "Merchant Reference",
    "Modification Psp Reference",
    "Record Type",
    "Booking Date",
    "TimeZone",
    "Payment Currency",
    "Captured (PC)",
)
# The reference of a capture that Adyen makes by itself.
AUTOMATIC = "<auto>"
# Fees that are in the amount of a chargeback in the currency of the settlement.
FEES = ("Commission (SC)", "Markup (SC)", "Scheme Fees (SC)", "Interchange (SC)")


@dataclass(frozen=True)
class Step:
    """What a record type says of the money."""

    of: str  # 'payment' (all of it), 'capture', 'refund' or 'dispute'
    sign: int  # Of the money that moved; 0 if none did, or it went back.
    # The step comes days after another one, which listed the money: it only confirms.
    confirms: bool = False
    # Money may be captured yet.
    is_open: bool = False


STEPS = {
    "Authorised": Step("payment", 0, is_open=True),
    "AuthorisedPending": Step("payment", 0, is_open=True),
    "Refused": Step("payment", 0),
    "Error": Step("payment", 0),
    "Cancelled": Step("payment", 0),
    "Expired": Step("payment", 0),
    "SentForSettle": Step("capture", 1),
    "CaptureFailed": Step("capture", 0),
    "SettledReversed": Step("capture", 0),
    "Settled": Step("capture", 1, confirms=True),
    "SentForRefund": Step("refund", -1),
    "RefundFailed": Step("refund", 0),
    "RefundedReversed": Step("refund", 0),
    "Refunded": Step("refund", -1, confirms=True),
    "Chargeback": Step("dispute", -1),
    "SecondChargeback": Step("dispute", -1),
    "ChargebackReversed": Step("dispute", 0),
}
RANKS = {name: rank for rank, name in enumerate(STEPS)}
# What the column TimeZone says. A zone may be named by its winter time all year.
ZONES = {
    code: zone
    for zone, codes in {
        "UTC": "UTC GMT Z",
        "Europe/Lisbon": "WET WEST",
        "Europe/London": "BST",
        "Europe/Amsterdam": "CET CEST MET MEST",
        "Europe/Athens": "EET EEST",
        "Europe/Moscow": "MSK",
        "Africa/Johannesburg": "SAST",
        "America/New_York": "EST EDT",
        "America/Chicago": "CST CDT",
        "America/Denver": "MST MDT",
        "America/Los_Angeles": "PST PDT",
        "America/Anchorage": "AKST AKDT",
        "Pacific/Honolulu": "HST",
        "America/Sao_Paulo": "BRT BRST",
        "America/Argentina/Buenos_Aires": "ART",
        "America/Santiago": "CLT CLST",
        "Asia/Dubai": "GST",
        "Asia/Kolkata": "IST",
        "Asia/Singapore": "SGT",
        "Asia/Kuala_Lumpur": "MYT",
        "Asia/Hong_Kong": "HKT",
        "Asia/Tokyo": "JST",
        "Asia/Seoul": "KST",
        "Australia/Perth": "AWST",
        "Australia/Adelaide": "ACST ACDT",
        "Australia/Sydney": "AEST AEDT",
        "Pacific/Auckland": "NZST NZDT",
    }.items()
    for code in codes.split()
}


class MissingColumnsError(Exception):
    """The report does not have the columns that are needed; they are the argument."""


class AdyenReport:
    """The movements of a day; see `payment.provider._list_movements`.

    `zone` is the name of the account's time zone, if its code is known. `unnamed` are
    chargebacks whose amount the report does not name in the currency of the payment.
    """

    def __init__(self, response):
        """Read the answer of Adyen, line by line.

        :param requests.Response response: The answer, of which nothing was read yet.
        :raise MissingColumnsError: If it is no such report.
        :raise requests.exceptions.ConnectionError: If it does not arrive whole.
        """
        self.zone = None
        self.unnamed = []
        latest = {}
        for row in self._read_lines(response):
            step = STEPS.get(row["Record Type"])
            if not step:
                continue
            self.zone = self.zone or ZONES.get(row["TimeZone"].upper())
            change = self._read(row, step)
            if not change:
                continue
            order = change.pop("order")
            known = latest.get(change["reference"])
            if known:
                # A confirmation of what this report has begins nothing, and harms not.
                confirms = change["confirms"] and known[1]["confirms"]
                change["confirms"] = known[1]["confirms"] = confirms
            if not known or order >= known[0]:
                latest[change["reference"]] = order, change
        captured = {
            change["payment_reference"]
            for _order, change in latest.values()
            if change["payment_reference"]
        }
        self.movements = sorted(
            (
                change
                for _order, change in latest.values()
                if not (change["is_open"] and change["reference"] in captured)
            ),
            key=lambda change: change["reference"],
        )

    def _read_lines(self, response):
        """Yield the lines by their columns; nothing is kept of them."""
        response.raw.decode_content = True
        response.raw.auto_close = False  # The text reader looks at it after the end.
        with io.TextIOWrapper(response.raw, "utf-8-sig", newline="") as text:
            lines = csv.DictReader(text)
            missing = [name for name in COLUMNS if name not in (lines.fieldnames or ())]
            if missing:
                raise MissingColumnsError(missing)
            yield from lines
            length = response.headers.get("Content-Length")
            if length and response.raw.tell() < int(length):
                raise requests.exceptions.ConnectionError("The report is cut off.")

    def _read(self, row, step):
        """Return a step as a movement; None if its amount is not named."""
        payment = row["Psp Reference"]
        modification = row["Modification Psp Reference"]
        is_payment = step.of == "payment" or not modification
        amount, currency = _read_amount(row, step)
        if amount is None:
            self.unnamed.append(modification)
            return None
        booked_on = datetime.fromisoformat(row["Booking Date"])
        zone = ZONES.get(row["TimeZone"].upper(), "UTC")
        moment = booked_on.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        name = row.get("Modification Merchant Reference") or AUTOMATIC
        if name == AUTOMATIC:
            is_charge = step.of in ("payment", "capture")
            name = row["Merchant Reference"] if is_charge else False
        return {
            "kind": "taken_back" if step.of == "dispute" else "payment",
            "reference": payment if is_payment else modification,
            "payment_reference": payment if step.of == "capture" else False,
            "own_reference": name,
            "amount": float(step.sign * amount),
            "currency": currency,
            "state": row["Record Type"],
            "date": moment.replace(tzinfo=None),
            "day": booked_on.date(),
            "is_open": step.is_open,
            "confirms": step.confirms,
            "order": (moment, RANKS[row["Record Type"]]),
        }


def _read_amount(row, step):
    """Return the amount that a step is about, without its sign, and its currency.

    A chargeback is not in the register *Captured*: its line has the amount that is
    settled, with the fees.
    """
    currency = row["Payment Currency"]
    if not step.sign:
        return Decimal(0), currency
    named = row["Captured (PC)"] or row.get("Original Amount")
    if named:
        return abs(Decimal(named)), currency
    if row.get("Settlement Currency") == currency and row.get("Payable (SC)"):
        fees = sum(Decimal(row.get(name) or 0) for name in FEES)
        return abs(Decimal(row["Payable (SC)"])) - fees, currency
    return None, currency
