import json
from unittest.mock import patch
from urllib.parse import quote

from lxml.html import fromstring

from odoo import http
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..portal.common_portal import PortalPaymentCommon


@tagged("post_install", "-at_install")
class TestStatementPortal(PortalPaymentCommon):
    """A member sees the statement of the own company, and nobody else's."""

    def test_pages(self):
        page = self.url_open("/my/statement").text
        self.assertIn(self.invoice.name, page)
        self.assertIn("o_statement_balance", page)
        self.assertIn(f"Pay {self.invoice.name}", page)
        answer = self.url_open("/my/statement/csv?date_from=2026-01-01")
        self.assertIn(self.invoice.name, answer.text)
        self.assertIn("Statement%20of%20account", answer.headers["Content-Disposition"])
        wrong = self.url_open("/my/statement?date_from=2026-02-01&date_to=2026-01-01")
        self.assertIn('role="alert"', wrong.text)
        self.assertIn("before it begins", wrong.text)
        typed = fromstring(wrong.text).xpath("//input[@type='date']/@value")
        self.assertEqual(typed, ["2026-02-01", "2026-01-01"])
        home = self.url_open(
            "/my/counters", json={"params": {"counters": ["statement_count"]}}
        )
        self.assertEqual(home.json()["result"]["statement_count"], 1)

    def test_file_that_the_staff_downloads(self):
        """It is named by the customer and the period, as in a mail and the portal."""
        self.authenticate(self.accountant.login, self.accountant.login)
        wizard = self.env["account.customer.statement"].with_user(self.accountant)
        wizard = wizard.create(
            {
                "partner_ids": [(6, 0, self.partner.ids)],
                "date_from": "2026-01-01",
                "date_to": "2026-01-31",
            }
        )
        action = wizard.action_print()
        options = quote(json.dumps(action["data"]))
        address = f"/report/pdf/{action['report_name']}?options={options}"
        name = self.download(address).headers["Content-Disposition"]
        self.assertIn(quote(self.partner.name), name)
        self.assertIn("2026-01-01", name)
        self.assertIn("2026-01-31.pdf", name)
        # Those of several customers, and all other reports, are named by Odoo.
        both = (self.partner | self.member.partner_id).ids
        several = {**action["data"], "partner_ids": both}
        options = quote(json.dumps(several))
        for other in (
            f"/report/pdf/{action['report_name']}?options={options}",
            f"/report/pdf/account.report_invoice/{self.invoice.id}",
        ):
            name = self.download(other).headers["Content-Disposition"]
            self.assertNotIn(quote(self.partner.name), name)
            self.assertNotIn("2026-01-31", name)
        with mute_logger("odoo.addons.web.controllers.report"):
            answer = self.download(address, side_effect=ValueError("broken"))
        self.assertNotIn("Content-Disposition", answer.headers)
        self.assertIn("broken", answer.text)
        answer = self.download(address, kind="qweb-unknown")
        self.assertEqual((answer.status_code, answer.text), (200, ""))

    def download(self, address, kind="qweb-pdf", **values):
        """Download a report as the staff's browser does."""
        values = values or {"return_value": (b"%PDF-1.4", "pdf")}
        reports = type(self.env["ir.actions.report"])
        with patch.object(reports, "_render_qweb_pdf", **values):
            return self.url_open(
                "/report/download",
                data={
                    "data": json.dumps([address, kind]),
                    "csrf_token": http.Request.csrf_token(self),
                },
            )

    def test_money_on_its_way(self):
        """The balance is that of the books; the page says what is coming for it."""
        self.invoice.sudo().invoice_date_due = "2026-02-01"
        self.company.portal_amount_choice = True
        self._keep()
        self.assertNotIn("o_statement_processing", self.url_open("/my/statement").text)
        self.gateway.answers = ["pending"]
        self.charge(300)
        self._keep()
        page = fromstring(self.url_open("/my/statement").text)
        [words] = page.find_class("o_statement_processing")
        self.assertIn("300.00", words.text_content())
        [balance] = page.find_class("o_statement_balance")
        self.assertIn("1,000.00", balance.text_content())
        owe = fromstring(self.url_open("/my/owe").text)
        [overdue] = owe.find_class("o_owe_overdue")
        self.assertIn("700.00", overdue.text_content())
        # What is on its way to another company is not for these books.
        other = self.make_other_company(name="Other Company")["company"]
        self.member.company_ids |= other
        invoice = self.make_invoice(
            70, company_id=other.id, partner_id=self.partner.id
        ).sudo()
        self.env["payment.transaction"].sudo().create(
            {
                "provider_id": self.provider.copy({"company_id": other.id}).id,
                "payment_method_id": self.token.payment_method_id.id,
                "partner_id": self.partner.id,
                "amount": 70,
                "currency_id": invoice.currency_id.id,
                "reference": "Elsewhere",
                "invoice_ids": invoice.ids,
                "state": "pending",
            }
        )
        self._keep()
        address = f"/my/statement?company_id={self.company.id}"
        page = fromstring(self.url_open(address).text)
        [words] = page.find_class("o_statement_processing")
        self.assertIn("300.00", words.text_content())

    def test_strangers(self):
        for login in ("ip_stranger", "ip_colleague"):
            self.authenticate(login, login)
            for page in ("", "/csv", "/pdf"):
                text = self.url_open(
                    f"/my/statement{page}?company_id={self.company.id}"
                    f"&partner_id={self.partner.id}&date_from=2026-01-01"
                ).content
                if page != "/pdf" or login == "ip_stranger":
                    check = self.assertNotIn if "str" in login else self.assertIn
                    check(self.invoice.name.encode(), text)

    def test_link_says_what_the_form_proposes(self):
        """Not what is being processed, and the instalment that is due first."""
        instalments = self.make_invoice_with_instalments(900).sudo()
        first, second = instalments.line_ids.filtered(
            lambda line: line.display_type == "payment_term"
        ).sorted("date_maturity")
        first.date_maturity = "2026-01-15"
        second.date_maturity = "2036-01-15"
        self.company.portal_amount_choice = True
        self.gateway.answers = ["pending"]
        self.charge(300)
        self._keep()
        path = self.partner._get_statement_pay_url(self.company).partition("/my/")[2]
        self.authenticate(None, None)
        page = fromstring(self.url_open(f"/my/{path}").text)
        [rows] = page.find_class("o_statement_invoices")
        text = " ".join(rows.text_content().split())
        self.assertIn(f"{self.invoice.amount_total - 300:,.2f}", text)
        self.assertNotIn(f"{self.invoice.amount_total:,.2f}", text)
        self.assertIn("Due 01/15/2026", text)
        self.assertIn(f"{first.amount_currency:,.2f}", text)

    def test_link(self):
        second = self.make_invoice(50.0)
        other = self.make_invoice(50.0, partner_id=self.stranger.partner_id.id)
        url = self.partner._get_statement_pay_url(self.company)
        path = url.partition("/my/")[2]
        self._keep()
        self.authenticate(None, None)
        page = self.url_open(f"/my/{path}").text
        for invoice in (self.invoice, second):
            self.assertIn(invoice.name, page)
            self.assertIn(invoice.sudo().access_token, page)
        self.assertNotIn(other.name, page)
        for forged in (path[:-3] + "AAA", "statement/pay?token=x", "statement/pay"):
            answer = self.url_open(f"/my/{forged}")
            self.assertNotIn(self.invoice.name, answer.text)
            self.assertIn("/web/login", answer.url)
        second.sudo().button_cancel()
        self._keep()
        answer = self.url_open(f"/my/{path}")
        self.assertIn(f"/my/invoices/{self.invoice.id}", answer.url)
