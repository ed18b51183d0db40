import csv
import io
from contextlib import suppress
from datetime import date

from werkzeug.urls import url_encode

from odoo import fields
from odoo.fields import Domain
from odoo.http import content_disposition, request, route

from odoo.addons.portal.controllers.portal import CustomerPortal
from odoo.addons.portal.controllers.portal import pager as portal_pager

from ..tools import LONGEST_TYPED

# How many rows a file has at most: as many as a person looks through.
CSV_LIMIT = 10_000
# How many receipts one file has at most.
RECEIPTS_LIMIT = 500


class PortalMyPayments(CustomerPortal):
    """The payments and refunds of a customer, over all invoices."""

    # === HOME === #

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "my_payment_count" in counters:
            # As Odoo's own cards: whether there is any.
            values["my_payment_count"] = int(
                any(
                    records.search_count(self._get_my_payments_domain(records), limit=1)
                    for records in (self._get_my_payments(), self._get_my_attempts())
                )
            )
        return values

    # === LIST === #

    @route(
        ["/my/payments", "/my/payments/page/<int:page>"],
        type="http",
        auth="user",
        website=True,
    )
    def portal_my_payments(self, page=1, **wishes):
        """List the payments and refunds of the customer."""
        values = self._prepare_my_payments_values(page, self._read_wishes(wishes))
        values["wrong_days"] = self._describe_wrong_days(wishes)
        return request.render("invoice_payments_ext.portal_my_payments", values)

    def _read_wishes(self, wishes):
        """Return which payments are asked for, and in which order.

        :param dict wishes: The parameters of the page, as a browser sends them.
        :return: `sortby`, `filterby`, `search`, `search_in`, `date_begin` and
                 `date_end`, each a value that there is.
        :rtype: dict
        """
        offered = {
            "sortby": (self._get_my_payments_sortings(), "date"),
            "filterby": (self._get_my_payments_filters(), "all"),
            "search_in": (self._get_my_payments_inputs(), "all"),
        }
        return {
            **{
                name: wishes.get(name) if wishes.get(name) in values else default
                for name, (values, default) in offered.items()
            },
            "search": wishes.get("search") or "",
            "date_begin": self._read_day(wishes.get("date_begin")),
            "date_end": self._read_day(wishes.get("date_end")),
        }

    @staticmethod
    def _read_day(text):
        """Return the day that a browser sent; None if it is not one."""
        with suppress(ValueError, TypeError):
            return fields.Date.to_date(text) or None
        return None

    def _describe_wrong_days(self, wishes):
        """Say which limits of the period are no days, and so limit nothing.

        :param dict wishes: The parameters of the page, as a browser sends them.
        :return: A sentence for each.
        :rtype: list[str]
        """
        labels = {"date_begin": request.env._("From"), "date_end": request.env._("To")}
        return [
            request.env._(
                "%(field)s: %(value)s is not a date such as 2026-12-31. It does not "
                "limit the payments.",
                field=label,
                value=wishes[name][:LONGEST_TYPED],
            )
            for name, label in labels.items()
            if wishes.get(name) and not self._read_day(wishes[name])
        ]

    def _prepare_my_payments_values(self, page, wishes):
        """Return the values of the page of a customer's payments.

        Payments in flight come first, on the first page of all payments. They are few.

        :param dict wishes: See :meth:`_read_wishes`.
        :rtype: dict
        """
        is_pending = wishes["filterby"] == "pending"
        records = self._get_my_attempts() if is_pending else self._get_my_payments()
        domain = self._get_my_payments_domain(records, wishes)
        parameters = {name: str(value) for name, value in wishes.items() if value}
        pager = portal_pager(
            url="/my/payments",
            url_args=parameters,
            total=records.search_count(domain),
            page=page,
            step=self._items_per_page,
        )
        rows = records.search(
            domain,
            order=self._get_my_payments_order(wishes),
            limit=self._items_per_page,
            offset=pager["offset"],
        )._prepare_portal_rows()
        if wishes["filterby"] == "all" and pager["page"]["num"] <= 1:
            rows = self._get_my_pending_rows(wishes) + rows
        return {
            **self._prepare_portal_layout_values(),
            **wishes,
            "page_name": "my_payments",
            "default_url": "/my/payments",
            "payments": rows,
            "pager": pager,
            "searchbar_sortings": self._get_my_payments_sortings(),
            "searchbar_filters": self._get_my_payments_filters(),
            "searchbar_inputs": self._get_my_payments_inputs(),
            "is_limited": any(
                parameters.get(name) not in (None, "all")
                for name in ("filterby", "search", "date_begin", "date_end")
            ),
            "csv_url": f"/my/payments/csv?{url_encode(parameters)}",
            "receipt_years": self._get_receipt_years(),
        }

    def _get_my_payments_order(self, wishes):
        if wishes["filterby"] == "pending":
            return "create_date DESC, id DESC"
        return self._get_my_payments_sortings()[wishes["sortby"]]["order"]

    def _get_my_pending_rows(self, wishes):
        """Return the payments in flight, newest first."""
        attempts = self._get_my_attempts()
        domain = self._get_my_payments_domain(attempts, {**wishes, "filterby": "all"})
        return attempts.search(
            domain, order="create_date DESC, id DESC", limit=self._items_per_page
        )._prepare_portal_rows()

    def _get_my_payments(self):
        """Return the model of payments; the domains limit it to the customer's own."""
        return request.env["account.payment"].sudo().with_context(active_test=False)

    def _get_my_attempts(self):
        """Return the model of attempts; the domains limit it to the customer's own."""
        return request.env["payment.transaction"].sudo().with_context(active_test=False)

    def _get_my_payments_domain(self, records, wishes=None):
        """Return the domain of the records that are asked for and may be seen.

        :param dict wishes: See :meth:`_read_wishes`; none for all of them.
        """
        domain = records._get_portal_domain()
        if not wishes:
            return domain
        domain &= Domain(
            self._get_my_payments_filters()[wishes["filterby"]]["domain"]
        ) & records._get_portal_period_domain(wishes["date_begin"], wishes["date_end"])
        if wishes["search"]:
            domain &= records._get_portal_search_domain(
                wishes["search"], wishes["search_in"]
            )
        return domain

    def _get_my_payments_sortings(self):
        """Return the orders in which the payments can be listed."""
        return {
            "date": {"label": request.env._("Newest"), "order": "date DESC, id DESC"},
            "oldest": {"label": request.env._("Oldest"), "order": "date, id"},
            "amount": {
                "label": request.env._("Amount"),
                "order": "amount DESC, id DESC",
            },
        }

    def _get_my_payments_filters(self):
        """Return the kinds of payments that can be listed separately."""
        return {
            "all": {"label": request.env._("All"), "domain": []},
            "payments": {
                "label": request.env._("Payments"),
                "domain": [("payment_type", "=", "inbound")],
            },
            "refunds": {
                "label": request.env._("Refunds"),
                "domain": [("payment_type", "=", "outbound")],
            },
            "pending": {"label": request.env._("Being processed"), "domain": []},
        }

    def _get_my_payments_inputs(self):
        """Return the fields that can be searched in."""
        return {
            "all": {"input": "all", "label": request.env._("Search in all")},
            "reference": {
                "input": "reference",
                "label": request.env._("Search in reference"),
            },
            "invoice": {
                "input": "invoice",
                "label": request.env._("Search in invoice"),
            },
            "amount": {"input": "amount", "label": request.env._("Search in amount")},
            "method": {"input": "method", "label": request.env._("Search in method")},
        }

    # === EXPORT === #

    @route("/my/payments/csv", type="http", auth="user", website=True)
    def portal_my_payments_csv(self, **wishes):
        """Give a customer the payments of the page as a file for a spreadsheet.

        A file cannot say that a limit is no day: then the page does.
        """
        if self._describe_wrong_days(wishes):
            return request.redirect(f"/my/payments?{url_encode(wishes)}")
        wishes = self._read_wishes(wishes)
        is_pending = wishes["filterby"] == "pending"
        records = self._get_my_attempts() if is_pending else self._get_my_payments()
        rows = records.search(
            self._get_my_payments_domain(records, wishes),
            order=self._get_my_payments_order(wishes),
            limit=CSV_LIMIT,
        )._prepare_portal_rows()
        if wishes["filterby"] == "all":
            rows = self._get_my_pending_rows(wishes) + rows
        return request.make_response(
            self._write_csv(rows),
            [
                ("Content-Type", "text/csv;charset=utf-8"),
                (
                    "Content-Disposition",
                    content_disposition(request.env._("Payments") + ".csv"),
                ),
            ],
        )

    @staticmethod
    def _write_csv(rows):
        """Return the rows of the page as a table that spreadsheets open.

        :param list[dict] rows: See `account.payment._prepare_portal_rows`.
        :rtype: bytes
        """
        _ = request.env._
        output = io.StringIO()
        writer = csv.writer(output)
        writer.writerow(
            [
                _("Date"),
                _("Payment"),
                _("Status"),
                _("Reference"),
                _("Method"),
                _("Invoices"),
                _("Amount"),
                _("Currency"),
            ]
        )
        for row in rows:
            texts = (
                row["title"],
                row["state_label"],
                row["reference"],
                row["method"],
                ", ".join(row["invoices"].mapped("name")),
            )
            digits = row["currency"].decimal_places
            writer.writerow(
                [
                    row["date"],
                    # A spreadsheet takes these for a formula.
                    *(
                        f"'{text}" if text and text[0] in "=+-@\t\r" else text or ""
                        for text in texts
                    ),
                    f"{row['amount']:.{digits}f}",
                    row["currency"].name,
                ]
            )
        return output.getvalue().encode("utf-8-sig")

    # === RECEIPTS === #

    def _get_receipts_domain(self):
        """Return the domain of the payments of which the customer gets a receipt."""
        payments = self._get_my_payments()
        return payments._get_portal_domain() & Domain("state", "!=", "rejected")

    def _get_receipts(self, year):
        """Return the payments of a year of which the customer gets a receipt."""
        payments = self._get_my_payments()
        period = payments._get_portal_period_domain(
            date(year, 1, 1), date(year, 12, 31)
        )
        return payments.search(
            self._get_receipts_domain() & period, order="date, id", limit=RECEIPTS_LIMIT
        ).filtered(lambda payment: not payment.is_taken_back)

    def _get_receipt_years(self):
        """Return the years of which there are receipts, the latest first.

        :rtype: list[int]
        """
        groups = self._get_my_payments()._read_group(
            self._get_receipts_domain(), groupby=["date:year"]
        )
        return sorted((day.year for (day,) in groups), reverse=True)

    @route(
        "/my/payments/receipts/<int:year>",
        type="http",
        auth="user",
        website=True,
    )
    def portal_my_payment_receipts(self, year, **kwargs):
        """Give a customer all receipts of a year in one file, a page for each."""
        if year not in self._get_receipt_years():
            return request.redirect("/my/payments")
        receipts = self._get_receipts(year)
        name = request.env._("Receipts %s", year)
        return request.make_response(
            receipts._print_receipts(),
            [
                ("Content-Type", "application/pdf"),
                ("Content-Disposition", content_disposition(f"{name}.pdf")),
            ],
        )

    @route("/my/payments/<int:payment_id>/receipt", type="http", auth="user")
    def portal_my_payment_receipt(self, payment_id, **kwargs):
        """Give a customer the receipt of a payment or refund of their own."""
        payments = self._get_my_payments()
        payment = payments.search(
            self._get_receipts_domain() & Domain("id", "=", payment_id)
        )
        if not payment:
            return request.redirect("/my/payments")
        return self._show_report(
            payment, "pdf", "account.action_report_payment_receipt", download=True
        )
