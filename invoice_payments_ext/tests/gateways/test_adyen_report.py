# ruff: noqa: E501  The lines of a report are long.
import gzip
import io
from datetime import date, datetime

import requests
from urllib3.response import HTTPResponse

from odoo.tests import BaseCase, tagged

from ...models.gateways.adyen_report import (
    COLUMNS,
    STEPS,
    AdyenReport,
    MissingColumnsError,
)

# As Adyen writes them, with more columns than are read.
HEAD = (
    "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,"
    "Booking Date,TimeZone,Record Type,Modification Psp Reference,Main Currency,"
    "Main Amount,Payment Currency,Received (PC),Authorised (PC),Captured (PC),"
    "Settlement Currency,Payable (SC),Commission (SC),Markup (SC),Scheme Fees (SC),"
    "Interchange (SC),Modification Merchant Reference"
)
PAID = f"""{HEAD}
C,M,PAY1,INV/1,visa,2026-09-07 05:10:54,CEST,Settled,MOD1,USD,10.02,USD,,,-10.40,USD,10.02,,0.02,0.06,0.30,<auto>
C,M,PAY1,INV/1,visa,2026-09-07 03:11:31,CEST,Received,,USD,10.40,USD,10.40,,,,,,,,,
C,M,PAY1,INV/1,visa,2026-09-07 03:14:01,CEST,SentForSettle,MOD1,USD,10.40,USD,,-10.40,10.40,,,,,,,<auto>
C,M,PAY1,INV/1,visa,2026-09-07 03:11:33,CEST,Authorised,,USD,10.40,USD,-10.40,10.40,,,,,,,,
"""
CHARGEBACK = (
    "C,M,PAY1,INV/1,mc,2026-09-12 10:04:35,PST,{},CB1,USD,23.87,{},,,,USD,-23.87,"
    ",10.65,,0.21,"
)


def make_response(text, length=None, compress=False):
    """Return an answer as the HTTP client has it before its content is read."""
    content = text.encode("utf-8-sig")
    headers = {}
    if compress:
        content = gzip.compress(content)
        headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(length or len(content))
    response = requests.Response()
    response.headers.update(headers)
    response.raw = HTTPResponse(
        io.BytesIO(content),
        headers=headers,
        preload_content=False,
        enforce_content_length=False,
    )
    return response


@tagged("post_install", "-at_install")
class TestAdyenReport(BaseCase):
    """The payment accounting report, as Adyen writes it."""

    def parse(self, *lines, **values):
        self.report = AdyenReport(make_response("\n".join([HEAD, *lines]), **values))
        return [
            (row["kind"], row["reference"], row["amount"], row["currency"])
            for row in self.report.movements
        ]

    def test_payment(self):
        """One movement: that it was settled later is no other one."""
        for compress in (False, True):
            [row] = AdyenReport(make_response(PAID, compress=compress)).movements
            self.assertEqual(
                row,
                {
                    "kind": "payment",
                    "reference": "MOD1",
                    "payment_reference": "PAY1",
                    "own_reference": "INV/1",
                    "amount": 10.40,
                    "currency": "USD",
                    "state": "Settled",
                    "date": datetime(2026, 9, 7, 3, 10, 54),
                    "day": date(2026, 9, 7),
                    "is_open": False,
                    "confirms": False,
                },
            )

    def test_steps(self):
        """The last step of each modification counts, in whatever order they stand."""
        line = (
            "C,M,PAY1,INV/1,visa,2026-09-07 0{}:00:00,CET,{},{},EUR,1,EUR,,,{},,,,,,,R"
        )
        for records, amount in (
            (("SentForSettle", "CaptureFailed"), 0.0),
            (("SentForSettle", "CaptureFailed", "SentForSettle"), 7.5),
            (("Settled", "SettledReversed"), 0.0),
            (("SentForRefund",), -7.5),
            (("SentForRefund", "Refunded"), -7.5),
            (("SentForRefund", "RefundFailed"), 0.0),
            (("RefundedReversed",), 0.0),
        ):
            lines = [
                line.format(hour, record, "MOD1", "7.50")
                for hour, record in enumerate(records)
            ]
            with self.subTest(records):
                for ordered in (lines, lines[::-1]):
                    [found] = self.parse(*ordered)
                    self.assertEqual(found[1:3], ("MOD1", amount))
        for record in ("Authorised", "Refused", "Cancelled", "Expired", "Error"):
            [found] = self.parse(line.format(1, record, "", ""))
            self.assertEqual(found[1:3], ("PAY1", 0.0))
            is_open = self.report.movements[0]["is_open"]
            self.assertEqual(is_open, record == "Authorised")
        self.assertEqual(self.parse(line.format(1, "SomethingNew", "X", "1")), [])
        [found] = self.parse(line.format(1, "Settled", "MOD1", "7.5"))
        self.assertTrue(self.report.movements[0]["confirms"])

    def test_chargeback(self):
        """Its line has the amount that is settled, with the fees."""
        line = CHARGEBACK.format("Chargeback", "USD")
        self.assertEqual(self.parse(line), [("taken_back", "CB1", -13.01, "USD")])
        back = CHARGEBACK.format("ChargebackReversed", "USD").replace("10:04", "11:04")
        self.assertEqual(self.parse(back, line), [("taken_back", "CB1", 0.0, "USD")])
        # In another currency, the settled amount is not that of the payment.
        foreign = CHARGEBACK.format("Chargeback", "JPY")
        self.assertEqual(self.parse(foreign), [])
        self.assertEqual(self.report.unnamed, ["CB1"])
        text = f"{HEAD},Original Amount\n{foreign},2000\n"
        [row] = AdyenReport(make_response(text)).movements
        self.assertEqual((row["amount"], row["currency"]), (-2000.0, "JPY"))

    def test_time_zones(self):
        """A zone may be named by its winter time in summer, too."""
        line = "C,M,P,R,visa,{},{},Refused,,EUR,1,EUR,,,,,,,,,,"
        for moment, code, zone, expected in (
            ("2026-07-01 23:30:00", "CEST", "Europe/Amsterdam", "2026-07-01 21:30:00"),
            ("2026-07-01 23:30:00", "CET", "Europe/Amsterdam", "2026-07-01 21:30:00"),
            ("2026-12-01 23:30:00", "CET", "Europe/Amsterdam", "2026-12-01 22:30:00"),
            (
                "2026-07-01 23:30:00",
                "PDT",
                "America/Los_Angeles",
                "2026-07-02 06:30:00",
            ),
            ("2026-07-01 23:30:00", "utc", "UTC", "2026-07-01 23:30:00"),
            ("2026-07-01 23:30:00", "XYZ", None, "2026-07-01 23:30:00"),
        ):
            with self.subTest(code, moment=moment):
                self.parse(line.format(moment, code))
                [row] = self.report.movements
                self.assertEqual(self.report.zone, zone)
                self.assertEqual(str(row["date"]), expected)
                self.assertEqual(row["day"], date.fromisoformat(moment[:10]))

    def test_what_is_no_whole_report(self):
        with self.assertRaises(requests.exceptions.ConnectionError):
            AdyenReport(make_response(PAID, length=len(PAID) + 100))
        for text in ("", "<html><body>Log in</body></html>"):
            with self.assertRaises(MissingColumnsError) as missing:
                AdyenReport(make_response(text))
            self.assertEqual(missing.exception.args[0], list(COLUMNS))
        with self.assertRaises(MissingColumnsError) as missing:
            AdyenReport(make_response(HEAD.replace("Modification Psp", "Other")))
        self.assertEqual(missing.exception.args[0], ["Modification Psp Reference"])
        self.assertEqual(self.parse(), [])

    def test_steps_have_a_sign_that_fits(self):
        """Captures bring money, refunds and disputes take it."""
        for name, step in STEPS.items():
            allowed = {"payment": (0,), "capture": (0, 1)}.get(step.of, (0, -1))
            self.assertIn(step.sign, allowed, name)
