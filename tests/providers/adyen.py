"""Adyen's Checkout API 71, https://docs.adyen.com/api-explorer/Checkout/71/overview.

Captures, cancellations and refunds are only received at first: a webhook tells the
result. A report of each day has all steps of the payments:
https://docs.adyen.com/reporting/invoice-reconciliation/payment-accounting-report
"""

import base64
import csv
import hashlib
import hmac
import io
import json
import time
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from .api import Api, Refused, Webhook

HMAC_KEY = "44782def547aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056"
MERCHANT = "TestMerchant"
RESULTS = {
    "succeeded": {"resultCode": "Authorised"},
    "authorized": {"resultCode": "Authorised"},
    "pending": {"resultCode": "Pending"},
    "strange": {"resultCode": "PartiallyAuthorised"},
    "declined": {
        "resultCode": "Refused",
        "refusalReason": "Not enough balance",
        "refusalReasonCode": "12",
    },
    "action": {
        "resultCode": "Refused",
        "refusalReason": "Authentication required",
        "refusalReasonCode": "38",
    },
}
EVENTS = {
    "charge": "AUTHORISATION",
    "capture": "CAPTURE",
    "void": "CANCELLATION",
    "refund": "REFUND",
}
# Of a modification that succeeded and failed afterwards.
DISPUTE_EVENTS = {
    "open": "CHARGEBACK",
    "won": "CHARGEBACK_REVERSED",
    "lost": "DISPUTE_DEFENSE_PERIOD_ENDED",
}
LATE_EVENTS = {"capture": "CAPTURE_FAILED", "refund": "REFUND_FAILED"}
PAYMENTS = "/checkout/V71/payments"
REPORTS = "/reports/download/MerchantAccount"
REPORT_ZONE = ZoneInfo("Europe/Amsterdam")
# Those of a new account, and the one that the merchant has to add.
REPORT_COLUMNS = [
    "Company Account",
    "Merchant Account",
    "Psp Reference",
    "Merchant Reference",
    "Payment Method",
    "Booking Date",
    "TimeZone",
    "Main Currency",
    "Main Amount",
    "Record Type",
    "Payment Currency",
    "Received (PC)",
    "Authorised (PC)",
    "Captured (PC)",
    "Settlement Currency",
    "Payable (SC)",
    "Commission (SC)",
    "Markup (SC)",
    "Scheme Fees (SC)",
    "Interchange (SC)",
    "Processing Fee Currency",
    "Processing Fee (FC)",
    "User Name",
    "Payment Method Variant",
    "Modification Merchant Reference",
    "Modification Psp Reference",
]
# The lines of a step, by the kind of the operation and its new status.
RECORDS = {
    ("charge", "succeeded"): ("Received", "Authorised", "SentForSettle"),
    ("charge", "authorized"): ("Received", "Authorised"),
    ("charge", "strange"): ("Received", "Authorised"),
    ("charge", "pending"): ("Received",),
    ("charge", "declined"): ("Received", "Refused"),
    ("charge", "action"): ("Received", "Refused"),
    ("capture", "succeeded"): ("SentForSettle",),
    ("capture", "declined"): ("CaptureFailed",),
    ("void", "succeeded"): ("Cancelled",),
    ("refund", "succeeded"): ("SentForRefund",),
    ("refund", "declined"): ("RefundFailed",),
    ("dispute", "succeeded"): ("Chargeback",),
    ("dispute", "won"): ("ChargebackReversed",),
}
# The register that a line takes the amount from, and the one that it adds it to.
REGISTERS = {
    "Received": (None, "Received"),
    "Authorised": ("Received", "Authorised"),
    "Refused": ("Received", None),
    "Cancelled": ("Authorised", None),
    "SentForSettle": ("Authorised", "Captured"),
    "CaptureFailed": ("Captured", None),
    "SentForRefund": ("Captured", None),
    "RefundFailed": (None, "Captured"),
}
CHARGEBACK_FEE = 15  # Deducted from what is paid out, with the chargeback.
SIGNED_KEYS = (
    "pspReference",
    "originalReference",
    "merchantAccountCode",
    "merchantReference",
)


class Adyen(Api):
    code = "adyen"
    title = "Adyen"
    gives_list = True
    decline_reason = "Not enough balance"
    idempotency_header = "idempotency-key"
    answers_later = ("capture", "void", "refund")
    ROUTES = (
        ("POST", PAYMENTS, "charge", "pay"),
        ("POST", rf"{PAYMENTS}/([^/]*)/captures", "capture", "capture"),
        ("POST", rf"{PAYMENTS}/([^/]*)/cancels", "void", "cancel"),
        ("POST", rf"{PAYMENTS}/([^/]*)/refunds", "refund", "refund"),
        ("GET", rf"{REPORTS}/(\w+)/(\w+\.csv)", "read", "download_report"),
    )
    provider_values = {
        "adyen_merchant_account": MERCHANT,
        "adyen_api_key": "key",
        "adyen_client_key": "client",
        "adyen_hmac_key": HMAC_KEY,
        "adyen_api_url_prefix": "1797a841fbb37ca7-TestCompany",
    }
    token_values = {
        "provider_ref": "8415718415172204",
        "adyen_shopper_reference": "ODOO_PARTNER_1",
    }
    not_offered = {"reads": "the module reads nothing after a charge"}
    report_key = "key"  # Of the credential that may read reports.
    report_columns = REPORT_COLUMNS
    no_reports_of = ()  # Days of which there are none.

    def __init__(self, record_path):
        super().__init__(record_path)
        self.steps = []  # Triples of the moment, the operation's id and its status.

    def _write(self, operation):
        super()._write(operation)
        self.steps.append((time.time(), operation.id, operation.status))

    def make_error(self, status):
        return {"status": status, "errorCode": "000", "message": f"Error {status}"}

    # === REQUESTS === #

    def pay(self, request, wish):
        amount = request.data["amount"]
        at_once = request.data.get("captureDelayHours") == 0
        operation = self.add(
            "charge",
            amount["value"] if wish.amount is None else wish.amount,
            request.data["reference"],
            currency=amount["currency"],
            status=wish.outcome or ("succeeded" if at_once else "authorized"),
        )
        answer = {
            "pspReference": operation.id,
            "merchantReference": operation.reference,
            "paymentMethod": {"type": "scheme", "brand": "visa"},
            "additionalData": {"cardSummary": "4242", "expiryDate": "2/2032"},
            **RESULTS[operation.status],
        }
        if operation.status not in ("declined", "action"):
            answer["amount"] = self._present_amount(operation)
        return answer

    def capture(self, request, wish, charge_id):
        return self._modify("capture", request, wish, charge_id)

    def cancel(self, request, wish, charge_id):
        return self._modify("void", request, wish, charge_id)

    def refund(self, request, wish, charge_id):
        return self._modify("refund", request, wish, charge_id)

    def _modify(self, kind, request, wish, charge_id):
        """Receive a modification; whether it succeeds is decided later."""
        charge = self.operations.get(charge_id)
        if not charge or charge.kind != "charge":
            message = "Original pspReference required for this operation"
            content = {"status": 422, "errorCode": "167", "message": message}
            raise Refused(422, content)
        left = self.get_capturable(charge)
        if kind == "refund":
            left = self.get_refundable(charge)
        amount = request.data.get("amount", {}).get("value", left)
        if amount > left or amount <= 0:
            message = "Insufficient balance on payment"
            raise Refused(422, {"status": 422, "errorCode": "164", "message": message})
        operation = self.add(
            kind,
            amount if wish.amount is None else wish.amount,
            request.data.get("reference"),
            parent=charge,
            status="pending",
        )
        return {
            "merchantAccount": MERCHANT,
            "paymentPspReference": charge.id,
            "pspReference": operation.id,
            "reference": operation.reference,
            "status": "received",
            "amount": self._present_amount(operation),
        }

    @staticmethod
    def _present_amount(operation):
        return {"value": operation.amount, "currency": operation.currency}

    # === REPORTS === #

    def close_dispute(self, dispute, state):
        super().close_dispute(dispute, state)
        self.steps.append((time.time(), dispute.id, state))
        return dispute

    def move_steps(self, operations, seconds):
        """Let the steps of operations have happened so many seconds before."""
        ids = {operation.id for operation in operations}
        self.steps = [
            (moment - seconds if key in ids else moment, key, status)
            for moment, key, status in self.steps
        ]

    def download_report(self, request, _wish, merchant, name):
        """Return the report of a day: the lines of all steps in it, newest first."""
        if request.headers.get("x-api-key") != self.report_key:
            raise Refused(403, b"Forbidden")
        prefix, name = name[:27], name[27:]
        day = name.removesuffix(".csv").replace("_", "-")
        # A report is made in the night after its day.
        known = prefix == "payments_accounting_report_" and merchant == MERCHANT
        if not known or day in self.no_reports_of:
            raise Refused(404, b"Not Found")
        if day >= datetime.now(REPORT_ZONE).date().isoformat():
            raise Refused(404, b"Not Found")
        content = io.StringIO()
        lines = csv.DictWriter(content, self.report_columns, extrasaction="ignore")
        lines.writeheader()
        for moment, key, status in reversed(self.steps):
            booked_on = datetime.fromtimestamp(moment, REPORT_ZONE)
            operation = self.operations.get(key)
            if operation and str(booked_on.date()) == day:
                for record in RECORDS.get((operation.kind, status), ()):
                    lines.writerow(self._present_line(operation, record, booked_on))
        return content.getvalue().encode()

    def _present_line(self, operation, record, booked_on):
        charge = self.operations[operation.parent or operation.id]
        amount = operation.amount / self.minor_units
        row = {
            "Company Account": "TestCompany",
            "Merchant Account": MERCHANT,
            "Psp Reference": charge.id,
            "Merchant Reference": charge.reference,
            "Payment Method": "visa",
            "Booking Date": booked_on.strftime("%Y-%m-%d %H:%M:%S"),
            "TimeZone": booked_on.tzname(),
            "Main Currency": operation.currency,
            "Main Amount": f"{amount:.2f}",
            "Record Type": record,
            "Payment Currency": operation.currency,
        }
        if operation.parent:
            row["Modification Merchant Reference"] = operation.reference
            row["Modification Psp Reference"] = operation.id
        elif record == "SentForSettle":
            row["Modification Merchant Reference"] = "<auto>"
            row["Modification Psp Reference"] = f"AUTO{operation.id}"
        for register, sign in zip(REGISTERS.get(record, ()), (-1, 1), strict=False):
            if register:
                row[f"{register} (PC)"] = f"{sign * amount:.2f}"
        if operation.kind == "dispute":
            first = operation.data.get("first")
            is_back = record == "ChargebackReversed"
            paid = amount if is_back else -amount - CHARGEBACK_FEE
            row.update(
                {
                    "Modification Psp Reference": first or operation.id,
                    "Record Type": "SecondChargeback" if first else record,
                    "Main Amount": f"{abs(paid):.2f}",
                    "Settlement Currency": operation.currency,
                    "Payable (SC)": f"{paid:.2f}",
                    "Markup (SC)": "" if is_back else f"{CHARGEBACK_FEE:.2f}",
                }
            )
        return row

    # === WEBHOOKS === #

    def build_webhooks(self, operation):
        charge = self.operations[operation.parent or operation.id]
        event = EVENTS.get(operation.kind) or DISPUTE_EVENTS[operation.data["state"]]
        first = operation.data.get("first")
        event = "SECOND_CHARGEBACK" if first else event
        success = operation.status in ("succeeded", "authorized")
        if operation.status == "pending":
            return  # Nothing is sent before it is decided.
        if success:
            operation.data["succeeded"] = True
        elif operation.data.get("succeeded"):
            event, success = LATE_EVENTS[operation.kind], True
        item = {
            "eventCode": event,
            "success": "true" if success else "false",
            "pspReference": first or operation.id,
            "merchantAccountCode": MERCHANT,
            # Of a modification in the Customer Area: that of the payment.
            "merchantReference": operation.reference or charge.reference,
            "amount": self._present_amount(operation),
            "paymentMethod": "visa",
            "reason": "" if success else self.decline_reason,
            "eventDate": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
        if operation.parent:
            item["originalReference"] = charge.id
        yield self._pack(item)

    def build_report_message(self, name):
        """Return the message that a report is ready; it is about no payment."""
        return self._pack(
            {
                "eventCode": "REPORT_AVAILABLE",
                "success": "true",
                "pspReference": name,
                "merchantAccountCode": MERCHANT,
                "merchantReference": "",
                "amount": {"value": 0, "currency": "USD"},
                "reason": f"https://ca-test.adyen.com{REPORTS}/{MERCHANT}/{name}",
                "eventDate": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            }
        )

    def _pack(self, item):
        """Return an item with its signature, in a notification of its own."""
        item["additionalData"] = {"hmacSignature": self._sign(item)}
        body = {
            "live": "true",
            "notificationItems": [{"NotificationRequestItem": item}],
        }
        return Webhook("/payment/adyen/notification", json.dumps(body).encode())

    @staticmethod
    def _sign(item):
        values = [item.get(key, "") for key in SIGNED_KEYS]
        values += [str(item["amount"]["value"]), item["amount"]["currency"]]
        values += [item["eventCode"], item["success"]]
        text = ":".join(
            value.replace("\\", "\\\\").replace(":", "\\:") for value in values
        )
        digest = hmac.new(bytes.fromhex(HMAC_KEY), text.encode(), hashlib.sha256)
        return base64.b64encode(digest.digest()).decode()
