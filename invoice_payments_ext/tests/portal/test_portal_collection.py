from unittest.mock import patch

from lxml.html import fromstring

from odoo import fields, http
from odoo.tests import tagged

from .common_portal import PortalPaymentCommon


@tagged("post_install", "-at_install")
class TestPortalCollection(PortalPaymentCommon):
    """A member switches auto-pay, and reads what is charged next."""

    def setUp(self):
        super().setUp()
        self.plan = self.env["account.collection.plan"].create(
            {
                "name": "Test",
                "step_ids": [
                    fields.Command.create({"kind": "charge", "days": 2, "hour": 9})
                ],
            }
        )
        self.company.collection_plan_id = self.plan
        self.token.sudo().write({"partner_id": self.partner.id})
        self.token.sudo().payment_details = "4242"
        self.bill = self.make_invoice(
            60, invoice_date_due=fields.Date.add(fields.Date.today(), days=5)
        )
        self._keep()

    def words(self, path):
        self._keep()
        return self.read_words(self.url_open(path))

    def read_words(self, response):
        """Return the text of the parts of a page about automatic charges."""
        parts = fromstring(response.text).xpath(
            "//*[@id='auto_pay' or contains(@class, 'o_portal_collection ')]"
        )
        return " ".join(" ".join(part.text_content().split()) for part in parts)

    def count_queries(self, url):
        """Return how many queries a page needs when the caches are filled."""
        self.url_open(url)
        before = self.env.cr.sql_log_count
        self.url_open(url)
        return self.env.cr.sql_log_count - before

    def switch(self, on, **values):
        page = fromstring(self.url_open("/my/payment_method").text)
        version = page.xpath("//input[@name='consent_version']/@value")
        data = {
            "csrf_token": http.Request.csrf_token(self),
            "on": on,
            "consent_version": version[0] if version else "",
            **values,
        }
        self._keep()
        response = self.url_open("/my/payment_method/auto_pay", data=data)
        self.env.invalidate_all()
        self.sent = fromstring(response.text)
        self.answer = self.read_words(response)
        rows = self.env["account.auto.pay"]
        return rows.search([("partner_id", "=", self.partner.id)])

    def test_the_switch_and_the_words(self):
        url = self.bill.sudo().get_portal_url()
        self.assertNotIn("We will charge", self.words(url), "Nobody permitted it.")
        self.assertIn("Off I agree that", self.words("/my/payment_method"))
        row = self.switch("1", limit="80")
        self.assertEqual((row.state, row.limit), ("on", 80))
        self.assertEqual(row.consent_user_id, self.member)
        self.assertIn("I agree that", row.consent_text)
        self.assertRegex(
            self.words("/my/payment_method"), r"On .*Largest automatic charge: \$.80.00"
        )
        self.assertRegex(self.words(url), r"We will charge .*4242 on \d+ \w+.*Pay now")
        links = fromstring(self.url_open(url).text).xpath("//a/@href")
        self.assertIn(f"/my/payment_method?invoice_id={self.bill.id}", links)
        self.switch("0")
        self.assertEqual(row.state, "off")
        self.assertNotIn("We will charge", self.words(url))
        self.switch("1", consent_version="invented")
        self.assertEqual(row.state, "off")
        self.assertIn("has changed", self.answer)

    def test_what_is_charged_at_once_is_said_before(self):
        """On both pages, in words beside the text that the member agrees to."""
        told = "charged as soon as you switch it on"
        pages = ("/my/payment_method", "/my/owe")
        silent = patch.object(
            self.env.registry["account.auto.pay"],
            "_describe_at_once",
            return_value=[],
        )
        for url in pages:
            self.assertNotIn(told, self.words(url), "It is not due yet.")
        self.make_invoice(
            200, invoice_date_due=fields.Date.add(fields.Date.today(), days=-5)
        )
        self._keep()
        for url in pages:
            self.assertRegex(
                self.words(url),
                r"1 open invoice is charged as soon as you switch it on: \$.200\.00\.",
            )
        few = [self.count_queries(url) for url in pages]
        self.make_invoice(
            100, invoice_date_due=fields.Date.add(fields.Date.today(), days=-5)
        )
        self._keep()
        for url, figure in zip(pages, few, strict=True):
            self.assertIn(f"2 open invoices are {told}", self.words(url))
            self.assertLessEqual(self.count_queries(url), figure + 1)
        rows = self.env["account.collection"].sudo()
        rows = rows.search([("partner_id", "=", self.partner.id)])
        rows._halt("stopped", "A person does it.")
        self._keep()
        for url in pages:
            self.assertNotIn(told, self.words(url))
            with silent:
                figure = self.count_queries(url)
            self.assertLessEqual(self.count_queries(url), figure + 1)
        self.assertEqual(self.switch("1").state, "on")
        with silent as describe:
            for url in pages:
                self.assertNotIn(told, self.words(url))
        describe.assert_not_called()

    def test_a_limit_that_is_no_amount_is_refused(self):
        """It is not taken for an empty field, which permits any amount."""
        for limit, words in (
            (
                "12,34.50",
                "largest automatic charge: 12,34.50 is not an amount such as 1,234.56",
            ),
            ("1e2", "largest automatic charge: 1e2 is not an amount"),
            ("a hundred", "a hundred is not an amount"),
            ("nan", "nan is not an amount"),
            ("0x20", "0x20 is not an amount"),
            ("-5", "largest automatic charge is an amount above zero"),
            ("0", "largest automatic charge is an amount above zero"),
            ("0.001", "finer than the smallest unit"),
        ):
            self.assertFalse(self.switch("1", limit=limit), limit)
            self.assertRegex(self.answer, words)
            typed = self.sent.xpath("//input[@name='limit']/@value")
            self.assertEqual(typed, [limit], "It is kept.")
        page = fromstring(self.url_open("/my/payment_method").text)
        [field] = page.xpath("//input[@name='limit']")
        self.assertIsNone(field.get("value"), "Once.")
        self.assertEqual(
            (field.get("type"), field.get("inputmode")), ("text", "decimal")
        )
        self.assertIsNone(self.switch("1", limit=" ").limit, "No limit.")

    def test_the_limit_as_the_language_writes_it(self):
        """The language is that of the page, whatever the browser's is."""
        self.env["res.lang"]._activate_lang("de_DE")
        for language, texts in (
            ("", {"20,5": 20.5, "20.5": 20.5, "1,234.56": 1234.56, "1,234": 1234}),
            ("/de", {"20,5": 20.5, "20.5": 20.5, "1.234,56": 1234.56, "1.234": 1234}),
        ):
            self.url_open(f"{language}/my/payment_method")
            for text, limit in texts.items():
                with self.subTest(language=language, text=text):
                    self.assertEqual(self.switch("1", limit=text).limit, limit)
                    self.assertEqual(self.switch("0").state, "off")

    def test_the_limit_has_one_name(self):
        """On the page, in the refusal, in the consent and for the staff."""
        page = self.url_open("/my/payment_method").text
        [field] = fromstring(page).xpath("//label[@for='auto_pay_limit']")
        name = field.text_content().partition(" (")[0]
        self.assertFalse(self.switch("1", limit="0"))
        self.assertIn(f"The {name.lower()} is", self.answer)
        row = self.switch("1", limit="80")
        self.assertRegex(self.answer, rf"{name}: \$.80.00\.")
        self.assertIn(f"{name}: $\N{NO-BREAK SPACE}80.00.", row.consent_text)
        self.assertIn(name, self.partner.message_ids[0].body)
        _code, words = self.bill.sudo()._get_auto_pay_refusal(80.01)
        self.assertIn(f"The {name.lower()} that", words)
        for model, field in (
            ("res.partner", "auto_pay_limit"),
            ("account.auto.pay", "limit"),
            ("res.partner.set.auto.pay", "limit"),
        ):
            label = self.env[model]._fields[field].string
            self.assertEqual(label.lower(), name.lower(), model)

    def test_where_the_customer_has_to_act(self):
        url = self.bill.sudo().get_portal_url()
        self.switch("1")
        row = self.bill.sudo().collection_ids
        row.wait_reason = "ask_customer"
        self.assertIn("could not charge", self.words(url))
        # Before the scripts of the page are there, it leads to the open form.
        [link] = fromstring(self.url_open(url).text).xpath(
            "//*[contains(@class, 'o_portal_collection ')]//a[text()='Pay now']/@href"
        )
        self.assertEqual(link, f"{url}&payment=True#portal_pay")
        self.assertEqual(self.url_open(link).status_code, 200)
        row.state = "exhausted"
        self.gateway.answers = ["pending"]
        pending = self.charge(60, invoice=self.bill)
        self.assertFalse(self.words(url), "The customer acted: nothing is to be paid.")
        self.gateway.notify(pending, "error")
        self.assertIn("could not charge", self.words(url))
        self.assertIn("Change method", self.words(url))
        # A login that is not of this company would land at the methods of another one.
        other = self.make_other_company()["company"]
        self.member.write({"company_id": other.id, "company_ids": other.ids})
        link = self.bill.sudo()._portal_ensure_token()
        words = self.words(f"{url.split('?')[0]}?access_token={link}")
        self.assertIn("could not charge", words)
        self.assertNotIn("Change method", words)
        ours = self.company
        self.member.write({"company_id": ours.id, "company_ids": ours.ids})
        row.write({"wait_reason": False, "state": "paused"})
        self.assertFalse(self.words(url))
        row.state = "running"
        self._keep()
        self.authenticate(None, None)
        link = self.bill.sudo()._portal_ensure_token()
        self._keep()
        self.assertFalse(self.words(f"{url}?access_token={link}"), "A mere visitor.")

    def test_method_that_expires_before_the_next_charge(self):
        """The day of the schedule decides, in the company's own time zone."""
        self.switch("1")
        token = self.token.sudo()
        today = self.company._get_own_today()
        charged_on = fields.Date.add(self.bill.invoice_date_due, days=2)
        self.assertEqual(self.bill.sudo().collection_ids.state, "running")
        for expires_on, is_told in (
            (fields.Date.add(charged_on, days=-1), True),
            (charged_on, False),
            (fields.Date.add(today, days=-1), True),
        ):
            token.expires_on = expires_on
            self._keep()
            page = fromstring(self.url_open("/my/owe").text)
            words = " ".join(
                " ".join(part.text_content().split())
                for part in page.find_class("o_owe_expiring")
            )
            with self.subTest(expires_on=expires_on):
                self.assertEqual("4242 expire" in words, is_told)
                if is_told:
                    moves = self.bill.with_user(self.member).sudo()
                    [method] = moves._get_expiring_methods(self.company)
                    self.assertEqual(method["charged_on"], charged_on)
        # While it waits for something, nobody knows the day.
        self.bill.sudo().collection_ids.wait_reason = "disputed"
        [method] = moves._get_expiring_methods(self.company)
        self.assertEqual((method["token"], method["charged_on"]), (token, None))

    def test_no_charge_is_told_that_will_not_be_made(self):
        """Above the largest amount, or while money is disputed, nothing is charged."""
        url = self.bill.sudo().get_portal_url()
        self.switch("1", limit=str(self.bill.amount_total))
        self.assertIn("We will charge", self.words(url))
        for reason in ("above_permitted", "disputed", "announced"):
            self.bill.sudo().collection_ids.wait_reason = reason
            self.assertNotIn("We will charge", self.words(url), reason)
        self.bill.sudo().collection_ids.wait_reason = "not_before"
        self.assertIn("We will charge", self.words(url))
        self.switch("0")
        self.switch("1", limit=str(self.bill.amount_total - 0.01))
        self.bill.sudo().collection_ids.wait_reason = False
        self.assertNotIn("We will charge", self.words(url), "It is above the limit.")
