"""Adyen: payments cannot be looked up by reference. Sources:
https://docs.adyen.com/development-resources/api-idempotency,
https://docs.adyen.com/development-resources/refusal-reasons/,
https://docs.adyen.com/development-resources/raw-acquirer-responses/

Its API has no list of payments either, but there is a report of each day:
https://docs.adyen.com/reporting/invoice-reconciliation/payment-accounting-report,
https://docs.adyen.com/reporting/automatically-get-reports,
https://docs.adyen.com/reporting/reports-and-the-payments-lifecycle
"""

from datetime import UTC, date, datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

import requests

from odoo import fields, models
from odoo.tools import format_date

from .adyen_report import AdyenReport, MissingColumnsError
from .payment_provider import CannotBeAskedError, MovementPage

ADYEN_REPORT = "payments_accounting_report_{:%Y_%m_%d}.csv"
ADYEN_PAGE = 20_000
ADYEN_PATIENCE = (10, 60)  # Seconds to connect, and for each part of the answer.
DAY = timedelta(days=1)


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

    adyen_report_key = fields.Char(
        string="API Key for Reports",
        copy=False,
        groups="base.group_system",
        help="Of a credential of Adyen with the role Merchant Report Download. If it "
        "is empty, the API key of the payments is used.",
    )

    def _get_adyen_key_period(self):
        """Return how long a charge may be sent again: keys are kept for 7 days.

        :rtype: datetime.timedelta
        """
        return timedelta(days=6)

    def _read_adyen_decline(self, _transaction, payment_data, content):
        """Read why Adyen declined; see `_get_decline_details`.

        The codes of the network are there where the account asks for them.
        """
        more = payment_data.get("additionalData") or {}
        return {
            "code": payment_data.get("refusalReasonCode") or content.get("errorCode"),
            "network_code": _get_first_part(more.get("refusalReasonRaw")),
            "advice_code": _get_first_part(more.get("merchantAdviceCode")),
            "reason": payment_data.get("refusalReason")
            or payment_data.get("reason")
            or content.get("message"),
            "provider_reference": payment_data.get("pspReference")
            or content.get("pspReference"),
        }

    def _read_adyen_expiry(self, payment_data):
        """Read the last month of a card; see `EXPIRY_METHODS`.

        Adyen names it where the account lets it: *Developers → Additional data →
        Expiry date*. https://docs.adyen.com/api-explorer/Checkout/latest/post/payments
        """
        expiry = (payment_data.get("additionalData") or {}).get("expiryDate")
        month, _slash, year = (expiry or "").partition("/")
        return (int(year), int(month)) if year else None

    # === THE TIE-OUT === #

    def _list_adyen_movements(self, since, until, cursor):
        """List what the reports of the days have; see `_list_movements`.

        The reports are of whole days of the account's own time zone. They begin a day
        before the period: what happened at its beginning is in none of the nights else.
        A report is made in the night after its day, so there is none of today.
        """
        first = (since - DAY).date()
        last = min(until, fields.Datetime.now() - DAY).date()
        day = date.fromisoformat(cursor["day"]) if cursor else first
        if day > last:
            note = self.env._("Adyen has no report of these days yet.")
            return MovementPage([], None, (), (note,))
        following = {"day": str(day + DAY), "zone": cursor.get("zone")}
        report = self._read_adyen_report(day)
        if not report:
            return MovementPage(
                [],
                following if day < last else None,
                (),
                self._explain_missing_adyen_report(day),
            )
        rows = report.movements
        start = cursor.get("start", 0)
        end = start + ADYEN_PAGE
        following["zone"] = zone = report.zone or cursor.get("zone")
        if end < len(rows):
            following = {**cursor, "day": str(day), "start": end}
        elif day == last:
            following = None
        # Without a zone, the report is there, but it is not known of which moments.
        covered = [
            _in_utc(each, zone or "UTC") for each in (day, day + bool(zone) * DAY)
        ]
        notes = [
            self.env._(
                "The chargeback %s was not compared: the report has no amount in the "
                "currency of its payment. Add the column Original Amount to it.",
                reference,
            )
            for reference in report.unnamed
        ]
        if not zone:
            notes.append(
                self.env._(
                    "The time zone in Adyen's report is not known: nobody looked for "
                    "payments that are missing there."
                )
            )
        return MovementPage(rows[start:end], following, tuple(covered), notes)

    def _explain_missing_adyen_report(self, day):
        """Return notes on a day of which there is no report.

        :rtype: tuple[str]
        """
        return (
            self.env._(
                "Adyen makes the report of a day in the morning after it. If there is "
                "none of earlier days, switch on the Payment accounting report in "
                "Adyen's Customer Area: Reports, Automatic generation, CSV."
            ),
            self.env._("There is no report of %s.", format_date(self.env, day)),
        )

    def _read_adyen_report(self, day):
        """Download and read the payment accounting report of a day.

        :param datetime.date day: The day, as the account's time zone has it.
        :return: The report; None if there is none.
        :rtype: AdyenReport or None
        :raise CannotBeAskedError: If the key may not read it, or a column is missing.
        :raise requests.exceptions.RequestException: If it does not arrive whole.
        """
        url = self._get_adyen_report_url(ADYEN_REPORT.format(day))
        self._log_request("GET", url, None)
        with requests.get(
            url,
            headers={"X-API-Key": self.adyen_report_key or self.adyen_api_key},
            timeout=ADYEN_PATIENCE,
            allow_redirects=False,
            stream=True,
        ) as response:
            status = response.status_code
            if status == 404:
                return None
            # The page to log in is where a browser is sent that has no rights.
            if status in (401, 403) or response.is_redirect:
                raise CannotBeAskedError(
                    self.env._(
                        "Adyen does not let this key read reports. Give its credential "
                        "the role Merchant Report Download, or enter an API key for "
                        "reports here, on the provider."
                    )
                )
            response.raise_for_status()
            try:
                return AdyenReport(response)
            except MissingColumnsError as error:
                raise CannotBeAskedError(
                    self.env._(
                        "The Payment accounting report of Adyen lacks these columns: "
                        "%s. Add them to it in Adyen's Customer Area.",
                        ", ".join(error.args[0]),
                    )
                ) from error

    def _get_adyen_report_url(self, name):
        """Return where a report of the merchant account is.

        :param str name: The name of the file.
        :rtype: str
        """
        area = "test" if self.state == "test" else "live"
        account = quote(self.adyen_merchant_account, safe="")
        return (
            f"https://ca-{area}.adyen.com/reports/download/MerchantAccount/{account}/"
            f"{name}"
        )


def _get_first_part(text):
    """Return the code in a text such as `51 : Insufficient funds`."""
    return (text or "").partition(":")[0].strip()


def _in_utc(day, zone):
    """Return the moment at which a day begins in a time zone, in UTC.

    :param datetime.date day: The day.
    :param str zone: The name of the zone.
    :rtype: str
    """
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    return fields.Datetime.to_string(start.astimezone(UTC))
