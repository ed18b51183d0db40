from lxml.html import fromstring

from odoo import fields, http
from odoo.tests import JsonRpcException, tagged
from odoo.tools import mute_logger

from ..portal.common_portal import PortalPaymentCommon


@tagged("post_install", "-at_install")
class TestPromisePortal(PortalPaymentCommon):
    """A member promises on the page of an invoice, if the company lets members."""

    def setUp(self):
        super().setUp()
        self.company.promise_by_members = True
        self.today = self.company._get_own_today()
        self.invoice.sudo().invoice_date_due = self.today
        self._keep()

    def page(self, invoice=None):
        self._keep()
        url = (invoice or self.invoice).sudo().get_portal_url()
        return fromstring(self.url_open(url).text)

    def send(self, action="make", invoice=None, **values):
        """Send a form of the page, and return the part of the page about promises."""
        self._keep()
        data = {
            "csrf_token": http.Request.csrf_token(self),
            "action": action,
            "date": str(fields.Date.add(self.today, days=5)),
            "amount": "250",
            **values,
        }
        invoice = invoice or self.invoice
        response = self.url_open(f"/my/invoices/{invoice.id}/promise", data=data)
        self.env.invalidate_all()
        self.sent = fromstring(response.text)
        parts = self.sent.xpath("//section[@id='promise_to_pay']")
        return " ".join(" ".join(part.text_content().split()) for part in parts)

    def call(self, model, method, record_id, **values):
        return self.request(
            f"/web/dataset/call_kw/{model}/{method}",
            model=model,
            method=method,
            args=[[record_id]],
            kwargs=values,
        )

    def test_make_move_and_withdraw(self):
        self.assertTrue(self.page().xpath("//form[contains(@class, 'o_promise_make')]"))
        words = self.send()
        promise = self.invoice.sudo().payment_promise_id
        self.assertEqual((promise.channel, promise.user_id), ("portal", self.member))
        self.assertRegex(words, r"You promised to pay \$.250.00 by")
        self.assertNotIn("We will charge", words)
        words = self.send("move", date=str(fields.Date.add(self.today, days=31)))
        self.assertIn("at the latest", words)
        self.send("move", date=str(fields.Date.add(self.today, days=9)))
        self.assertEqual(promise.date, fields.Date.add(self.today, days=9))
        self.assertEqual(len(promise.date_ids), 2)
        self.send("invented")
        self.assertEqual((promise.state, len(promise.date_ids)), ("open", 2))
        self.send("withdraw")
        self.assertEqual(promise.state, "withdrawn")
        self.assertIn("Promise", self.send())
        self.invoice.sudo().payment_promise_id.state = "broken"
        self.assertIn("was not kept", self.send())

    def test_an_amount_that_is_none_is_refused(self):
        """It is not taken for an empty field, which promises all that remains."""
        for amount, reason in (
            ("12,34.50", "The amount: 12,34.50 is not an amount such as 1,234.56."),
            ("1e2", "The amount: 1e2 is not an amount"),
            ("half", "The amount: half is not an amount"),
            ("inf", "The amount: inf is not an amount"),
            ("0x20", "The amount: 0x20 is not an amount"),
            (" ", "Enter the amount that you promise to pay."),
            ("0", "The amount must be above zero."),
            ("-1", "The amount must be above zero."),
            ("20,5555", "The amount: 20,5555 is not"),
            ("20.555", "finer than the smallest unit"),
            ("1000.01", "1,000.00"),
        ):
            with self.subTest(amount):
                words = self.send(amount=amount)
                self.assertIn(reason, words)
                self.assertNotIn("You promised", words)
                self.assertFalse(self.invoice.sudo().payment_promise_id)
                [field] = self.sent.xpath("//input[@name='amount']")
                self.assertEqual(field.get("value"), amount)
        self.assertIn("Enter the amount", self.send(amount=""))
        self.assertFalse(self.invoice.sudo().payment_promise_id)

    def test_amounts_as_the_language_writes_them(self):
        """The field proposes all that remains so, and what is typed is read so."""
        self.env["res.lang"]._activate_lang("de_DE")
        [field] = self.page().xpath("//input[@name='amount']")
        self.assertEqual(
            (field.get("type"), field.get("inputmode")), ("text", "decimal")
        )
        self.assertEqual(field.get("value"), "1,000.00")
        url = self.invoice.sudo().get_portal_url()
        page = fromstring(self.url_open(f"/de{url}").text)
        self.assertEqual(page.get("lang"), "de-DE")
        proposed = page.xpath("//input[@name='amount']/@value")
        self.assertEqual(proposed, ["1.000,00"])
        words = self.send(amount="1.0000,00")
        self.assertIn("1.0000,00 is not an amount such as 1.234,56.", words)
        self.assertFalse(self.invoice.sudo().payment_promise_id)
        for amount, read in (("20,5", 20.5), ("20.5", 20.5), (*proposed, 1000)):
            self.assertIn("You promised", self.send(amount=amount))
            promise = self.invoice.sudo().payment_promise_id
            self.assertEqual((promise.amount, promise.state), (read, "open"))
            self.send("withdraw")

    def test_what_was_typed_is_kept(self):
        """Once, on the page that says why it was refused."""
        self.token.sudo().partner_id = self.partner
        late = str(fields.Date.add(self.today, days=99))

        def read():
            return [
                self.sent.xpath(f"//form[contains(@class, 'o_promise_make')]{path}")
                for path in (
                    "//input[@name='amount']/@value",
                    "//input[@name='date']/@value",
                    "//input[@name='token_id'][@checked]/@value",
                )
            ]

        words = self.send(amount="12.34", date=late, token_id=str(self.token.id))
        self.assertIn("at the latest", words)
        self.assertEqual(read(), [["12.34"], [late], [str(self.token.id)]])
        self.sent = self.page()
        self.assertEqual(read(), [["1,000.00"], [], [""]])
        self.assertIn("Say by which day", self.send(date=""))
        self.assertEqual(read(), [["250"], [], [""]])
        self.send()
        self.send("move", date=late)
        kept = self.sent.xpath("//input[@id='promise_new_date']/@value")
        self.assertEqual(kept, [late])

    def test_a_charge_on_that_day(self):
        self.token.sudo().partner_id = self.partner
        form = self.page().xpath("//form[contains(@class, 'o_promise_make')]")[0]
        self.assertIn("Charge", form.text_content())
        version = form.xpath(".//input[@name='consent']/@value")[0]
        self.assertIn("has changed", self.send(token_id=self.token.id, consent="x"))
        words = self.send(token_id=self.token.id, consent=version)
        self.assertIn("We will charge", words)
        promise = self.invoice.sudo().payment_promise_id
        self.assertEqual(promise.token_id, self.token)
        self.assertIn("I agree that", promise.consent_text)
        self.assertEqual(promise.consent_user_id, self.member)
        self.assertFalse(self.gateway.requests)
        other = self.make_invoice(50)
        self.token.sudo().partner_id = self.stranger.partner_id
        words = self.send(
            amount="20", token_id=self.token.id, consent=version, invoice=other
        )
        self.assertIn("do not have access", words)
        self.assertFalse(other.sudo().payment_promise_id)

    def test_others_and_where_the_company_takes_none(self):
        self.send()
        promise = self.invoice.sudo().payment_promise_id
        other = self.make_invoice(50)
        self.company.promise_by_members = False
        self.assertFalse(self.page(other).xpath("//form[@class='o_promise_make mt-3']"))
        self.assertIn("taken by the staff", self.send(invoice=other, amount="20"))
        self.company.promise_by_members = True
        self._keep()
        self.authenticate("ip_stranger", "ip_stranger")
        self.send("withdraw")
        date = str(self.today)
        for call in (
            ("account.payment.promise", "withdraw", promise.id),
            ("account.payment.promise", "read", promise.id),
            ("account.move", "promise_to_pay", other.id),
        ):
            values = {"date": date, "channel": "portal"} if "move" in call[0] else {}
            with (
                self.subTest(call),
                mute_logger("odoo.http"),
                self.assertRaises(JsonRpcException),
            ):
                self.call(*call, **values)
        self._keep()
        self.assertEqual(promise.state, "open")
        self.assertFalse(other.sudo().payment_promise_id)
        self.authenticate(None, None)
        page = self.page(other)
        self.assertFalse(page.xpath("//section[@id='promise_to_pay']"))
        self.assertFalse(self.page().xpath("//section[@id='promise_to_pay']"))

    def test_the_login_is_of_another_company(self):
        """The link opens the page, and no promise is offered that would be lost."""
        other = self.make_other_company(name="Other Company")["company"]
        other.promise_by_members = True
        values = {"company_id": other.id, "partner_id": self.partner.id}
        foreign = self.make_invoice(100, **values).sudo()
        link = foreign._portal_ensure_token()
        self.member.company_ids |= other
        self._keep()
        url = f"{foreign.access_url}?access_token={link}"
        section = "//section[@id='promise_to_pay']"
        self.assertTrue(fromstring(self.url_open(url).text).xpath(section))
        self.member.company_ids -= other
        self._keep()
        page = fromstring(self.url_open(url).text)
        self.assertIn(foreign.name, page.text_content())
        self.assertFalse(page.xpath(section))
        self.assertFalse(self.send(invoice=foreign, amount="20"))
        self.assertFalse(foreign.payment_promise_id)
