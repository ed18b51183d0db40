"""What a member owes, and one attempt for several invoices."""

import re
from datetime import timedelta
from unittest.mock import patch
from urllib.parse import urlsplit

from lxml.html import fromstring
from psycopg2.errors import UniqueViolation

from odoo import fields, http
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..common import InvoicePaymentsCommon
from ..invariants import check_invariants
from .common_portal import PortalPaymentCommon


@tagged("post_install", "-at_install")
class TestOwe(PortalPaymentCommon):
    """Several invoices of a company: one of a contact, one with instalments."""

    def setUp(self):
        super().setUp()
        today = fields.Date.context_today(self.invoice)
        self.invoice.sudo().invoice_date_due = today - timedelta(days=60)
        self.parts = self.make_invoice_with_instalments(80)
        terms = self.parts.sudo().line_ids.filtered("date_maturity")
        terms = terms.sorted("date_maturity")
        for term, days in zip(terms, (-30, 5), strict=True):
            term.date_maturity = today + timedelta(days=days)
        self.own = self.make_invoice(
            10,
            partner_id=self.member.partner_id.id,
            invoice_date_due=today + timedelta(days=20),
        )
        self.all_invoices = self.invoice | self.parts | self.own

    def owed(self, user=None):
        self._keep()
        user = user or self.member
        [owed] = (
            self.env["account.move"].with_user(user)._get_owed(user.partner_id).values()
        )
        return owed

    def lines(self, invoices, due_only=False):
        """Return the ids of the open instalments of these invoices."""
        return [
            line.line.id
            for line in self.owed()["lines"]
            if line.line.move_id in invoices and (line.is_due or not due_only)
        ]

    def pay_lines(self, amount, line_ids, by=None, **values):
        """Pay instalments as the page does; return the transaction."""
        values = {
            **({} if by else {"token_id": self.token.id, "flow": "token"}),
            **values,
        }
        self._keep()
        result = self.request(
            "/invoice/transaction/owed",
            payment_reference="BATCH",
            owed_line_ids=line_ids,
            **self._prepare_values(amount, by or self.provider, **values),
        )
        self.env.invalidate_all()
        return (
            self.env["payment.transaction"]
            .sudo()
            .search([("reference", "=", result["reference"])])
        )

    def residuals(self):
        self._keep()
        return [invoice.amount_residual for invoice in self.all_invoices]

    def test_owed_is_one_figure_for_all_contacts(self):
        for user in (self.member, self.colleague):
            owed = self.owed(user)
            self.assertEqual(
                [owed[name] for name in ("total", "overdue", "due", "in_flight")],
                [1090, 1040, 1040, 0],
            )
            self.assertEqual(
                [(each.number, each.count, each.amount) for each in owed["lines"]],
                [(1, 1, 1000), (1, 2, 40), (2, 2, 40), (1, 1, 10)],
            )
        moves = self.env["account.move"].with_user(self.stranger)
        self.assertFalse(moves._get_owed(self.stranger.partner_id))

    def count_overdue(self):
        """Return the overdue invoices by each page that counts or lists them."""
        self._keep()
        counters = self.make_jsonrpc_request(
            "/my/counters", {"counters": ["overdue_invoice_count"]}
        )
        page = self.url_open("/my/invoices?filterby=overdue_invoices").text
        listed = [each.name for each in self.all_invoices if each.name in page]
        return counters["overdue_invoice_count"], listed, "Pay overdue" in page

    def test_all_pages_count_the_same(self):
        """Instalments count, and what is being processed is not overdue any more."""
        first, second, _last = self.all_invoices.mapped("name")
        self.assertEqual(self.count_overdue(), (2, [first, second], True))
        self.gateway.answers = ["pending"]
        self.pay_lines(1000, self.lines(self.invoice))
        self.assertEqual(self.owed()["overdue"], 40)
        self.assertEqual(self.count_overdue(), (1, [second], True))
        self.authenticate("ip_stranger", "ip_stranger")
        self.assertEqual(self.count_overdue(), (0, [], False))

    def open_owe(self, **data):
        """Return the page, or the page after its form of promises was sent."""
        self._keep()
        if data:
            data["csrf_token"] = http.Request.csrf_token(self)
        path = "/my/owe/promise" if data else "/my/owe"
        return fromstring(self.url_open(path, data=data or None).text)

    def open_paid(self):
        """Return the page after the last payment."""
        self._keep()
        return fromstring(self.url_open("/my/owe/paid").text)

    @staticmethod
    def read_parts(page, name):
        return [" ".join(each.text_content().split()) for each in page.find_class(name)]

    def test_promise_for_the_ticked_ones(self):
        self.assertFalse(self.open_owe().find_class("o_owe_promise"))
        self.company.promise_by_members = True
        lines = self.lines(self.invoice) + self.lines(self.parts, True)
        ticks = self.open_owe().xpath("//input[@form='o_owe_promise']/@value")
        self.assertLessEqual({str(each) for each in lines}, set(ticks))
        today = self.company._get_own_today()
        day = str(fields.Date.add(today, days=3))
        own = self.lines(self.own)
        page = self.open_owe(o_owed_line=own, date="2020-01-01")
        self.assertIn("not in the past", self.read_parts(page, "o_owe_promise")[0])
        # What was typed is kept, once.
        for shown, expected in (
            (page, (["2020-01-01"], own)),
            (self.open_owe(), ([], lines)),
        ):
            kept = shown.xpath("//input[@id='owe_promise_date']/@value")
            ticked = shown.xpath("//input[@name='o_owed_line'][@checked]/@value")
            self.assertEqual((kept, [int(each) for each in ticked]), expected)
        page = self.open_owe(date=day)
        self.assertIn("at least one", self.read_parts(page, "o_owe_promise")[0])
        page = self.open_owe(o_owed_line=lines, date=day)
        promise = self.invoice.sudo().payment_promise_id
        self.assertEqual(promise.invoice_ids, self.invoice | self.parts)
        self.assertEqual((promise.amount, promise.channel), (1040, "portal"))
        self.assertEqual(promise.user_id, self.member)
        self.assertEqual(len(self.read_parts(page, "o_owe_promised")), 3)
        self.assertIn(
            "promised to pay $", self.read_parts(page, "o_owe_promise_words")[0]
        )
        page = self.open_owe(o_owed_line=lines, date=day)
        self.assertIn("is promised already", self.read_parts(page, "o_owe_promise")[0])
        self.authenticate("ip_stranger", "ip_stranger")
        self.open_owe(o_owed_line=self.lines(self.own), date=day)
        self.assertFalse(self.own.sudo().payment_promise_id)

    def test_method_that_expires_before_it_is_charged(self):
        """It is named with both days, and with the way to another one."""
        token = self.token.sudo()
        token.write({"partner_id": self.partner.id, "payment_details": "4242"})
        today = self.company._get_own_today()
        token.expires_on = fields.Date.add(today, days=10)
        self.partner.set_auto_pay(False, company_id=self.company.id, note="Phone")
        self.assertFalse(self.read_parts(self.open_owe(), "o_owe_expiring"))
        self.company.promise_by_members = True
        self.invoice.sudo().payment_promise_id = self.make_promise(
            date=fields.Date.add(today, days=20), token_id=token.id
        )
        [words] = self.read_parts(self.open_owe(), "o_owe_expiring")
        self.assertRegex(words, r"4242 expires on .* It is to be charged on .*Replace")
        token.expires_on = fields.Date.add(today, days=25)
        self.assertFalse(self.read_parts(self.open_owe(), "o_owe_expiring"))
        self.partner.set_auto_pay(True, company_id=self.company.id, note="Phone")
        token.expires_on = fields.Date.add(today, days=-2)
        [words] = self.read_parts(self.open_owe(), "o_owe_expiring")
        self.assertIn("4242 expired on", words)
        self.authenticate("ip_stranger", "ip_stranger")
        self.assertFalse(self.read_parts(self.open_owe(), "o_owe_expiring"))

    def test_figures_are_the_sums_of_the_rows(self):
        """What is being processed and a discount stand apart, as words."""
        self.make_discounted()
        self.gateway.answers = ["pending", "pending"]
        self.company.portal_amount_choice = True
        self._keep()
        self.charge(300)
        self.pay_lines(10, self.lines(self.own))
        page = self.open_owe()
        rows = page.find_class("o_owe_row")
        amounts = [self.read_amount(row.find_class("o_owe_amount")[0]) for row in rows]
        self.assertEqual(amounts, [700, 40, 40, 0, 180])
        [total] = page.find_class("o_owe_total")
        [overdue] = page.find_class("o_owe_overdue")
        self.assertEqual(self.read_amount(total), sum(amounts))
        self.assertEqual(self.read_amount(overdue), 740)
        for row, amount in zip(rows, amounts, strict=True):
            self.assertEqual(
                float(row.find(".//input").get("data-amount") or 0), amount
            )
        in_flight = self.read_parts(page, "o_owe_row_in_flight")
        self.assertEqual(len(in_flight), 2)
        self.assertRegex(in_flight[0], r"300\.00 is being processed")
        self.assertIn("310.00", self.read_parts(page, "o_owe_in_flight")[0])
        self.assertIn("20.00", self.read_parts(page, "o_owe_discounts")[0])

    def test_other_currency_is_named(self):
        """With what is to be paid there, or else with what is being processed."""
        other = self.setup_other_currency("EUR")
        invoice = self.make_invoice(70, currency_id=other.id)
        words = self.read_parts(self.open_owe(), "o_owe_other")
        self.assertRegex(" ".join(words), r"Also open.* 70\.00")
        self.gateway.answers = ["pending"]
        self.charge(70, invoice=invoice)
        words = self.read_parts(self.open_owe(), "o_owe_other")
        self.assertRegex(" ".join(words), r"Also being processed: .*70\.00")

    @staticmethod
    def read_amount(element):
        return float(element.text_content().strip().lstrip("$").replace(",", ""))

    def make_promise(self, **values):
        return (
            self.env["account.payment.promise"]
            .sudo()
            .create(
                {
                    "partner_id": self.partner.id,
                    "company_id": self.company.id,
                    "currency_id": self.invoice.currency_id.id,
                    "invoice_ids": [fields.Command.set(self.invoice.ids)],
                    "amount": 10,
                    "promised_on": self.company._get_own_today(),
                    "channel": "phone",
                    "user_id": self.supervisor.id,
                    **values,
                }
            )
        )

    def test_mails_name_each_share(self):
        """So does the page after it; a decline and a refund are told as they are."""
        self.gateway.answers = ["pending"]
        tx = self.pay_lines(50, self.lines(self.parts, True) + self.lines(self.own))
        self.assert_shares_in_mail("pending", tx)
        page = self.url_open("/my/owe/paid").text
        self.assertIn("being processed", page)
        for invoice, share in ((self.parts, "40.00"), (self.own, "10.00")):
            self.assertIn(invoice.name, page)
            self.assertIn(share, page)
            own_page = self.url_open(invoice.sudo().get_portal_url()).text
            [words] = self.read_parts(fromstring(own_page), "o_payments_processing")
            self.assertIn(f"processed $ {share}", words.replace("\xa0", " "))
        self.gateway.notify(tx, "error")
        links = self.assert_shares_in_mail("declined", tx)
        self.assertIn("did not succeed", self.url_open("/my/owe/paid").text)
        self.gateway.notify(tx, "done")
        tx._post_process()
        links += self.assert_shares_in_mail("receipt", tx.payment_id)
        self.assertIn("Paid. Thank you!", self.url_open("/my/owe/paid").text)
        tx.payment_id.with_user(self.supervisor).refund(
            10, to="outside", invoice_id=self.own.id, reason="Returned"
        )
        self._keep()
        own_page = self.url_open(self.own.sudo().get_portal_url()).text
        self.assertIn(
            "Refund", self.read_parts(fromstring(own_page), "o_portal_payments")[0]
        )
        # Whoever has no account follows the links, too.
        self.authenticate(None, None)
        self.assertEqual(len(links), 3)
        for link in links:
            address = urlsplit(link)
            page = self.url_open(f"{address.path}?{address.query}")
            self.assertRegex(page.text, f"{self.parts.name}|{self.own.name}")
            self.assertNotIn("/web/login", page.url)

    def assert_shares_in_mail(self, kind, record):
        """Assert that a mail names each share; return its links."""
        template = self.company[f"payment_{kind}_mail_template_id"]
        record = record.sudo()
        body = template._render_field("body_html", record.ids)[record.id]
        words = " ".join(fromstring(str(body)).text_content().split())
        words = words.replace("\xa0", " ")
        for invoice, share in ((self.parts, "40.00"), (self.own, "10.00")):
            self.assertRegex(words, rf"Invoice {invoice.name}\b[^:]*: \$ {share}", kind)
        return fromstring(str(body)).xpath("//a/@href")

    def test_each_invoice_gets_its_share(self):
        """The instalment that was not chosen stays open, though it is due earlier."""
        chosen = self.lines(self.invoice | self.own) + self.lines(self.parts, True)
        self.assert_refused("has changed", self.pay_lines, 1049, chosen)
        self.assert_refused("have changed", self.pay_lines, 1050, [*chosen, 1])
        tx = self.pay_lines(1050, chosen)
        self.assertEqual(tx.outcome, "succeeded")
        self.assertEqual(
            [(share.invoice_id, share.amount) for share in tx.share_ids],
            [(self.invoice, 1000), (self.parts, 40), (self.own, 10)],
        )
        self.assertEqual(self.residuals(), [0, 40, 0])
        self.assertEqual(len(self.gateway.requests), 1)
        self.assertFalse(tx.share_ids.filtered("holds_invoice"))
        for invoice, share in zip(self.all_invoices, (1000, 40, 10), strict=True):
            [row] = invoice.get_payment_rows()
            self.assertEqual((row["amount"], row["amount_applied"]), (1050, share))
            self.assertIn("for 3 invoices", row["memo"])
        check_invariants(self, self.all_invoices)

    def test_in_flight_counts_with_its_share(self):
        """While it is pending nothing is charged twice, and the rest can be paid."""
        self.gateway.answers = ["pending"]
        tx = self.pay_lines(1040, self.lines(self.invoice | self.parts, True))
        self.assertEqual(
            [invoice._get_amount_in_flight() for invoice in self.all_invoices],
            [1000, 40, 0],
        )
        owed = self.owed()
        self.assertEqual(
            [owed[name] for name in ("total", "in_flight", "due")], [50, 1040, 0]
        )
        [row] = self.parts.get_payment_rows()
        self.assertEqual(row["amount"], 40)
        self.assertIn("of $ 1,040.00", row["memo"].replace("\xa0", " "))
        check_invariants(self, self.all_invoices)
        self.gateway.notify(tx, "done")
        tx._post_process()
        self.assertEqual(self.residuals(), [0, 40, 10])
        check_invariants(self, self.all_invoices)

    def test_unknown_holds_each_invoice(self):
        """Neither members nor staff, nor the database, start another attempt."""
        self.gateway.answers = ["timeout"]
        tx = self.pay_lines(50, self.lines(self.parts, True) + self.lines(self.own))
        self.assertEqual(tx.outcome, "unknown")
        self.assert_refused(
            "being processed", self.pay_lines, 1010, self.lines(self.invoice | self.own)
        )
        self.assert_refused("being processed", self.charge, 10, invoice=self.own)
        for invoice in (self.parts, self.own):
            with self.assertRaisesRegex(UserError, tx.reference):
                invoice.charge(self.token.id)
        check_invariants(self, self.all_invoices)
        shares = self.env["payment.transaction.share"].sudo()
        alone = self.make_portal_transaction(invoice_ids=self.own.ids)
        for several in (False, True):
            with (
                self.subTest(several=several),
                mute_logger("odoo.sql_db"),
                self.assertRaises(UniqueViolation),
                self.cr.savepoint(),
            ):
                if several:
                    shares.create(
                        {
                            "transaction_id": alone.id,
                            "invoice_id": self.own.id,
                            "holds_invoice": True,
                        }
                    )
                else:
                    self.env["payment.transaction"].sudo().create(
                        {
                            "provider_id": self.provider.id,
                            "payment_method_id": self.token.payment_method_id.id,
                            "reference": "A second one",
                            "amount": 10,
                            "currency_id": self.own.currency_id.id,
                            "partner_id": self.partner.id,
                            "charge_invoice_id": self.own.id,
                            "holds_invoice": True,
                        }
                    )
                self.env.flush_all()

    def test_declined_frees_each_invoice(self):
        self.gateway.answers = ["error"]
        tx = self.pay_lines(50, self.lines(self.parts, True) + self.lines(self.own))
        self.assertEqual(tx.outcome, "declined")
        self.assertFalse(tx.share_ids.filtered("holds_invoice"))
        [row] = self.own.get_payment_rows()
        self.assertEqual((row["state"], row["amount"]), ("declined", 10))
        self.gateway.answers = ["done"]
        self.charge(10, invoice=self.own)
        self.assertEqual(self.residuals(), [1000, 80, 0])

    def test_share_that_is_needed_no_more_stays_with_the_customer(self):
        """It pays no instalment of another invoice, which nobody chose."""
        self.gateway.answers = ["pending"]
        tx = self.pay_lines(50, self.lines(self.parts, True) + self.lines(self.own))
        self.gateway.notify(tx, "error")
        self.own.record_external_payment(amount=10)
        self.gateway.notify(tx, "done")
        tx._post_process()
        self.assertEqual(self.residuals(), [1000, 40, 0])
        payment = tx.payment_id
        open_amount = sum(
            payment._get_receivable_lines().mapped("amount_residual_currency")
        )
        self.assertEqual(open_amount, -10)
        self.assertIn(
            "Payment above the remaining amount",
            self.all_invoices.sudo().activity_ids.mapped("summary"),
        )
        payment.with_user(self.supervisor).action_move_to_credit_balance()
        self.assertEqual(self.held(), 10)

    def test_refund_reopens_the_invoice_that_is_chosen(self):
        tx = self.pay_lines(1010, self.lines(self.invoice | self.own))
        payment = tx.payment_id.with_user(self.supervisor)
        payment.refund(10, to="outside", invoice_id=self.own.id, reason="Returned")
        self.assertEqual(self.residuals(), [0, 80, 10])
        payment.refund(to="outside", reason="Returned")
        self.assertEqual(self.residuals(), [1000, 80, 10])
        check_invariants(self, self.all_invoices)

    def test_credit_pays_first(self):
        """Credit pays the last part of each; the instalment not chosen gets none."""
        self.give_credit(45)
        chosen = self.lines(self.parts, True) + self.lines(self.own)
        tx = self.pay_lines(50, chosen, use_credit=True, credit_shown=45)
        self.assertEqual((tx.outcome, tx.amount), ("succeeded", 5))
        self.assertEqual(
            [(share.amount, share.credit_amount) for share in tx.share_ids],
            [(5, 35), (0, 10)],
        )
        self.assertEqual(self.residuals(), [1000, 40, 0])
        self.assertEqual((self.held(), tx.credit_first_amount), (0, 0))
        check_invariants(self, self.all_invoices)

    def test_credit_that_waits_for_another_attempt_is_not_asked_for_again(self):
        """The card's part is booked, the credit's is not: an instalment is pending."""
        self.give_credit(10)
        parts = self.parts.with_user(self.member)
        self.gateway.answers = ["pending", "pending"]
        tx = self.pay_lines(
            40, self.lines(self.parts, True), use_credit=True, credit_shown=10
        )
        pending = self.pay_lines(40, self.lines(self.parts))
        self.gateway.notify(tx, "done")
        tx._post_process()
        self.assertEqual((tx.outcome, tx.amount), ("succeeded", 30))
        self.assertEqual((self.residuals()[1], self.held()), (50, 10))
        self.assertEqual(self.parts._get_reserved_amount(), 10)
        self.assertEqual(parts._get_member_chargeable_amount(), 0)
        self.assertFalse(parts._has_to_be_paid())
        owed = [each for each in self.owed()["lines"] if each.line.move_id == parts]
        self.assertEqual(sum(each.settling for each in owed), 0)
        self.assertEqual(sum(each.in_flight for each in owed), 50)
        self.gateway.notify(pending, "done")
        pending._post_process()
        tx._try_to_spend_credit()
        self.assertEqual((self.residuals()[1], self.held()), (0, 0))
        self.assertEqual(self.parts._get_reserved_amount(), 0)
        check_invariants(self, self.all_invoices)

    def test_credit_beside_a_payment_in_flight(self):
        """What is ticked of that invoice is not paid by credit, as on its own page."""
        self.give_credit(45)
        self.gateway.answers = ["pending", "done"]
        self.pay_lines(40, self.lines(self.parts, True))
        chosen = self.lines(self.parts) + self.lines(self.own)
        refused = f"while another payment of {self.parts.name} is being processed"
        self.assert_refused(
            refused, self.pay_lines, 50, chosen, use_credit=True, credit_shown=45
        )
        self.assert_refused(
            refused,
            self.pay_lines,
            40,
            self.lines(self.parts),
            by=self.credit_provider,
        )
        page = self.open_owe()
        for tick in page.xpath("//input[@name='o_owed_line']"):
            is_held_back = int(tick.get("data-invoice")) == self.parts.id
            self.assertEqual(bool(tick.get("data-holds-credit-back")), is_held_back)
        [words] = self.read_parts(page, "o_member_credit_held_back")
        self.assertRegex(words, r"45\.00 cannot be used .* that is ticked is being")
        tx = self.pay_lines(
            1010,
            self.lines(self.invoice | self.own),
            use_credit=True,
            credit_shown=45,
        )
        self.assertEqual((tx.outcome, self.held()), ("succeeded", 0))
        self.assertEqual(self.residuals(), [0, 80, 0])
        check_invariants(self, self.all_invoices)

    def test_all_of_an_overdue_instalment_is_being_processed(self):
        self.gateway.answers = ["pending"]
        self.pay_lines(40, self.lines(self.parts, True))
        rows = self.open_owe().find_class("o_owe_row")
        words = {}
        for row in rows:
            [line] = row.xpath(".//input")
            words[int(line.get("value"))] = " ".join(row.text_content().split())
        line_id = self.parts.sudo().line_ids.filtered("date_maturity")
        line_id = line_id.sorted("date_maturity")[0].id
        self.assertIn("40.00 is being processed", words[line_id])
        self.assertIn("Being processed Due", words[line_id])
        self.assertNotIn("Overdue", words.pop(line_id))
        self.assertIn("Overdue", words[self.lines(self.invoice)[0]])

    def test_page_after_a_payment_tells_credit_from_what_remains(self):
        """Credit that was promised is not to be paid again."""
        self.give_credit(15)
        self.gateway.answers = ["pending"]
        chosen = self.lines(self.parts, True) + self.lines(self.own)
        tx = self.pay_lines(50, chosen, use_credit=True, credit_shown=15)
        moves = self.env.registry["account.move"]
        with patch.object(
            moves,
            "_get_reserved_amount",
            autospec=True,
            side_effect=moves._get_reserved_amount,
        ) as get_reserved:
            self.parts.sudo()._get_portal_remaining()
        self.assertEqual(get_reserved.call_count, 1)
        words = self.read_parts(self.open_paid(), "o_owe_paid")[0]
        words = words.replace("\xa0", " ")
        self.assertRegex(
            words,
            r"Remaining \$ 40\.00 · \$ 35\.00 is being processed "
            r"· \$ 5\.00 from your credit, as soon as that succeeds",
        )
        self.assertRegex(words, r"Nothing remains to be paid · \$ 10\.00 from your")
        self.assertFalse(self.open_paid().find_class("o_owe_from_credit"))
        self.gateway.notify(tx, "done")
        tx._post_process()
        words = self.read_parts(self.open_paid(), "o_owe_paid")[0]
        self.assertNotRegex(words, "processed|from your credit")
        [words_of_credit] = self.read_parts(self.open_paid(), "o_owe_from_credit")
        self.assertIn("15.00", words_of_credit)
        self.assertRegex(words.replace("\xa0", " "), r"Remaining \$ 40\.00")
        # Each application of credit has its receipt, as on the page of its invoice.
        receipts = self.open_paid().xpath("//*[@id='owe_receipts']//a/@href")
        self.assertEqual(len(receipts), 3)
        for receipt in receipts:
            answer = self.url_open(receipt, allow_redirects=False)
            self.assertEqual(answer.headers["Content-Type"], "application/pdf")

    def test_page_after_a_payment_tells_credit_that_was_given_up(self):
        """Others spent a part of it: that much remains to be paid, and is not said."""
        self.give_credit(15)
        self.gateway.answers = ["pending"]
        chosen = self.lines(self.parts, True) + self.lines(self.own)
        tx = self.pay_lines(50, chosen, use_credit=True, credit_shown=15)
        self.give_credit(-9)
        self.assertFalse(self.open_paid().find_class("o_owe_given_up"))
        self.gateway.notify(tx, "done")
        tx._post_process()
        self.assertEqual((tx.credit_first_amount, self.held()), (0, 0))
        page = self.open_paid()
        [words] = self.read_parts(page, "o_owe_from_credit")
        self.assertRegex(words, r"6\.00$")
        given_up = [
            float(re.search(r"[\d.]+", words)[0])
            for words in self.read_parts(page, "o_owe_given_up")
        ]
        self.assertEqual(sum(given_up), 9)
        amounts = [self.read_amount(each) for each in page.find_class("o_owe_share")]
        self.assertEqual(sum(amounts), 41)
        # Once it is paid otherwise, it does not remain.
        self._keep()
        for invoice in (self.parts, self.own):
            if amount := invoice.sudo().amount_residual:
                self.charge(amount, invoice=invoice)
        self.assertFalse(self.open_paid().find_class("o_owe_given_up"))

    def test_credit_alone_pays_the_chosen_ones(self):
        self.give_credit(100)
        chosen = self.lines(self.parts, True) + self.lines(self.own)
        self.pay_lines(50, chosen, by=self.credit_provider)
        self.assertEqual(self.residuals(), [1000, 40, 0])
        self.assertEqual(self.held(), 50)
        page = self.open_paid()
        self.assertRegex(self.read_parts(page, "o_owe_from_credit")[0], r"50\.00$")
        [receipt] = page.xpath("//*[@id='owe_receipts']//a/@href")
        answer = self.url_open(receipt, allow_redirects=False)
        self.assertEqual(answer.headers["Content-Type"], "application/pdf")

    def test_page_after_a_payment_of_one_invoice(self):
        """Such an attempt need not be divided."""
        tx = self.make_portal_transaction("pending", amount=400).sudo()
        self.assertFalse(tx.share_ids)
        [part] = tx._prepare_paid_parts()
        self.assertEqual(
            (part["invoice"], part["amount"], part["given_up"]), (self.invoice, 400, 0)
        )

    def make_discounted(self, amount=200):
        """Return an invoice with 10 % off until tomorrow, and its instalment."""
        term = self.make_discount_terms(10, days=1, due_in=30)
        invoice = self.make_invoice(
            amount, invoice_date=False, invoice_payment_term_id=term.id
        )
        return invoice, self.lines(invoice)

    def test_discount_in_one_payment(self):
        """What is shown is charged, and the discount is booked beside it."""
        early, [line_id] = self.make_discounted()
        self.all_invoices |= early
        owed = self.owed()
        self.assertEqual(
            [owed[name] for name in ("total", "discount", "due")], [1270, 20, 1040]
        )
        page = self.open_owe()
        [tick] = page.xpath(f"//input[@value='{line_id}']")
        self.assertEqual(float(tick.get("data-amount")), 180)
        self.assertFalse(tick.get("disabled"))
        [words] = self.read_parts(page, "o_owe_discount")
        self.assertIn("20.00", words)
        chosen = [line_id, *self.lines(self.own)]
        self.assert_refused("has changed", self.pay_lines, 210, chosen)
        tx = self.pay_lines(190, chosen)
        self.assertEqual(tx.outcome, "succeeded")
        self.assertEqual(self.residuals(), [1000, 80, 0, 0])
        self.assertEqual(tx.payment_id._get_early_discount(), 20)
        self.assertEqual(
            [(share.amount, share.discount_amount) for share in tx.share_ids],
            [(10, 0), (180, 20)],
        )
        self.assertTrue(tx.payment_id.is_reconciled)
        [row] = early.get_payment_rows()
        self.assertEqual((row["amount"], row["amount_applied"]), (190, 200))
        self.assertIn("Early-payment discount", row["memo"])
        check_invariants(self, self.all_invoices)

    def test_discount_of_a_late_answer(self):
        """It was promised when the member paid; the answer may come later."""
        early, [line_id] = self.make_discounted()
        self.all_invoices |= early
        self.gateway.answers = ["pending"]
        tx = self.pay_lines(190, [line_id, *self.lines(self.own)])
        self._keep()
        self.assertEqual(early._get_chargeable_amount(), 0)
        check_invariants(self, self.all_invoices)
        yesterday = fields.Date.context_today(tx) - timedelta(days=1)
        early.sudo().line_ids.filtered("discount_date").discount_date = yesterday
        self.gateway.notify(tx, "done")
        tx._post_process()
        self.assertEqual(self.residuals(), [1000, 80, 0, 0])
        check_invariants(self, self.all_invoices)

    def test_no_discount_where_others_paid_meanwhile(self):
        early, [line_id] = self.make_discounted()
        self.all_invoices |= early
        self.gateway.answers = ["pending"]
        tx = self.pay_lines(190, [line_id, *self.lines(self.own)])
        cash = self.env["account.payment"].sudo()
        cash = cash.create({"amount": 5, "partner_id": early.partner_id.id})
        cash.action_post()
        (
            cash._get_receivable_lines() | early.sudo()._get_open_receivable_lines()
        ).reconcile()
        self.gateway.notify(tx, "done")
        tx._post_process()
        self.assertEqual(self.residuals(), [1000, 80, 0, 15])
        self.assertEqual(tx.payment_id._get_early_discount(), 0)

    def test_discount_and_credit(self):
        """Credit alone grants it; first, credit pays only the other invoices."""
        early, [line_id] = self.make_discounted()
        self.all_invoices |= early
        chosen = [line_id, *self.lines(self.own)]
        self.give_credit(11)
        self.assert_refused(
            "early-payment discount",
            self.pay_lines,
            190,
            chosen,
            use_credit=True,
            credit_shown=11,
        )
        self.give_credit(-1)
        tx = self.pay_lines(190, chosen, use_credit=True, credit_shown=10)
        self.assertEqual(
            [(each.amount, each.credit_amount) for each in tx.share_ids],
            [(0, 10), (180, 0)],
        )
        self.assertEqual(self.residuals(), [1000, 80, 0, 0])
        other, lines = self.make_discounted(100)
        self.all_invoices |= other
        self.give_credit(500)
        self.pay_lines(
            130, [*lines, *self.lines(self.parts, True)], by=self.credit_provider
        )
        self.assertEqual(self.residuals(), [1000, 40, 0, 0, 0])
        self.assertEqual(self.held(), 370)

    def test_what_is_not_paid_at_once(self):
        """Nor is it offered: another currency, or another account."""
        euro = self.make_currency("EUR")
        foreign = self.make_invoice(5, currency_id=euro.id)
        partner = self.partner
        account = partner.property_account_receivable_id
        partner.property_account_receivable_id = account.copy()
        apart = self.make_invoice(7, partner_id=partner.id)
        partner.property_account_receivable_id = account
        self._keep()
        ids = {
            move: move.sudo().line_ids.filtered("date_maturity").ids
            for move in (self.own, foreign, apart)
        }
        self.assert_refused(
            "Invoices of one company and currency are paid at once.",
            self.pay_lines,
            15,
            [*ids[self.own], *ids[foreign]],
        )
        self.assert_refused(
            f"{self.own.name}, {apart.name} are booked on different accounts: "
            "pay them one by one.",
            self.pay_lines,
            17,
            [*ids[self.own], *ids[apart]],
        )
        rows = (
            self.env["account.move"]
            .with_user(self.member)
            ._prepare_owe_rows({**self.owed_in(self.company.currency_id)})
        )
        reasons = {row["invoice"]: (row["reason"], row["pay_alone"]) for row in rows}
        self.assertEqual(reasons[apart], ("Paid on its own", True))
        self.assertEqual(reasons[self.own], ("", False))
        self.assertNotIn(foreign, reasons)

    def owed_in(self, currency):
        """Return what is owed in a currency."""
        self._keep()
        groups = self.env["account.move"].with_user(self.member)
        groups = groups._get_owed(self.member.partner_id)
        return groups[self.company.with_user(self.member), currency]

    def test_nothing_that_can_be_paid(self):
        """All of it is being processed: there is no form."""
        self.gateway.answers = ["pending"]
        self.pay_lines(1090, self.lines(self.all_invoices))
        self._keep()
        page = fromstring(self.url_open("/my/owe").text)
        self.assertFalse(page.xpath("//form[@id='o_payment_form']"))
        words = " ".join(page.text_content().split())
        self.assertRegex(words, r"\$ ?1,090.00 is being processed")
        self.assertIn(self.own.name, words)

    def test_reasons_of_rows(self):
        def get_reasons(invoice):
            owed = self.owed_in(self.company.currency_id)
            rows = self.env["account.move"].with_user(self.member)
            rows = rows._prepare_owe_rows(owed)
            return [row["reason"] for row in rows if row["invoice"] == invoice]

        self.assertEqual(get_reasons(self.parts), ["", ""])
        self.company.portal_amount_choice = True
        self.gateway.answers = ["pending"]
        self.pay_lines(40, self.lines(self.parts, True))
        self.assertEqual(get_reasons(self.parts), ["Being processed", ""])
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("account_payment.enable_portal_payment", False)
        self.assertEqual(get_reasons(self.own), ["Not to be paid online"])

    def test_addresses_of_the_page(self):
        """Nobody has paid yet; and each company and currency has its own address."""
        self._keep()
        answer = self.url_open("/my/owe/paid", allow_redirects=False)
        self.assertURLEqual(answer.headers["Location"], "/my/owe")
        chosen = (
            f"company_id={self.company.id}&currency_id={self.company.currency_id.id}"
        )
        for query, location in (
            (chosen, f"/my/owe?{chosen}"),
            ("company_id=x", "/my/owe"),
        ):
            answer = self.url_open(
                f"/my/invoices/overdue?{query}", allow_redirects=False
            )
            self.assertURLEqual(answer.headers["Location"], location)
        self.authenticate(None, None)
        answer = self.url_open("/my/invoices/overdue")
        self.assertIn("/web/login", answer.url)
        self.assertNotIn(self.invoice.name, answer.text)
        self.assert_refused(
            "Please log in",
            self.request,
            "/invoice/transaction/overdue",
            payment_reference="BATCH",
            **self._prepare_values(1000, self.provider),
        )

    def test_staff_without_accounting_rights_owe_nothing_that_they_may_read(self):
        employee = self.make_user("ip_employee", "base.group_user")
        moves = self.env["account.move"].with_user(employee)
        self.assertEqual(moves._get_owed(self.partner), {})

    def test_other_instalments_and_strangers(self):
        chosen = self.lines(self.own)
        self.authenticate("ip_stranger", "ip_stranger")
        self.assert_refused("have changed", self.pay_lines, 10, chosen)
        for wrong in ([], "1", [True], [str(chosen[0])]):
            self.assert_refused("hoose|have changed", self.pay_lines, 10, wrong)


@tagged("post_install", "-at_install")
class TestShares(InvoicePaymentsCommon):
    """The staff and the gateway at work on an attempt for several invoices."""

    def start(self, answer, *amounts):
        """Start an attempt for new invoices, each due long ago."""
        self.gateway.answers = [answer]
        self.invoices = self.env["account.move"].union(
            *(
                self.make_invoice(amount, invoice_date_due="2026-02-01")
                for amount in amounts
            )
        )
        values = self.invoices.sudo()._prepare_member_transaction_vals(
            sum(amounts), self.partner, self.provider, is_sent_at_once=True
        )
        tx = self.env["payment.transaction"].sudo()
        tx = tx.create(
            {
                "provider_id": self.provider.id,
                "payment_method_id": self.token.payment_method_id.id,
                "token_id": self.token.id,
                "operation": "online_token",
                "reference": f"Several-{self.invoices.ids}",
                "currency_id": self.invoices.currency_id.id,
                "partner_id": self.partner.id,
                "invoice_ids": self.invoices.ids,
                **values,
            }
        )
        tx._run_attempt()
        self.gateway.answers = ["done"]
        return tx.with_user(self.supervisor)

    def residuals(self):
        self.env.invalidate_all()
        return self.invoices.mapped("amount_residual")

    def test_captured_in_parts(self):
        """A capture goes on with the shares where the last one ended."""
        tx = self.start("authorized", 40, 30, 20)
        self.assertEqual(tx.outcome, "authorized")
        for amount, residuals in ((15, [25, 30, 20]), (35, [0, 20, 20])):
            tx.capture(amount)
            self.assertEqual(self.residuals(), residuals)
            for invoice, residual in zip(self.invoices, residuals, strict=True):
                self.assertLessEqual(residual, invoice._get_amount_in_flight())
        check_invariants(self, self.invoices)
        tx.capture()
        self.assertEqual(self.residuals(), [0, 0, 0])
        check_invariants(self, self.invoices)

    def test_refunds_and_money_taken_back(self):
        """Each reopens one invoice after the other; the chosen one first."""
        tx = self.start("done", 40, 30, 20)
        first, second, _last = self.invoices
        payment = tx.payment_id
        payment.refund(10, invoice_id=second.id, reason="Returned")
        self.assertEqual(self.residuals(), [0, 10, 0])
        payment.refund(40, invoice_id=first.id, reason="Returned")
        self.assertEqual(self.residuals()[0], 40)
        self.assertEqual(sum(self.residuals()), 50)
        payment.report_taken_back("returned_debit", 40)
        self.assertEqual(self.residuals(), [40, 30, 20])
        check_invariants(self, self.invoices)

    def test_unknown_is_resolved(self):
        tx = self.start("timeout", 40, 30)
        self.assertEqual(tx.outcome, "unknown")
        with self.assertRefused("is unknown"):
            self.invoices[1].charge(self.token.id)
        tx.resolve(True, "Seen at the gateway")
        self.assertEqual(self.residuals(), [0, 0])
        self.assertFalse(tx.sudo().share_ids.filtered("holds_invoice"))
        check_invariants(self, self.invoices)

    def test_declined_is_recovered_by_a_charge_of_any_invoice(self):
        tx = self.start("error", 40, 30)
        movements = self.env["account.payment.movement"].sudo()
        row = movements.search([("transaction_id", "=", tx.id)])
        self.assertEqual((row.outcome, row.is_recovered), ("declined", False))
        self.invoices[1].charge(self.token.id)
        self.env.invalidate_all()
        self.assertTrue(row.is_recovered)
        self.assertTrue(tx.is_recovered)

    def test_late_failure_reopens_all(self):
        tx = self.start("done", 40, 30)
        self.gateway.notify(tx.sudo(), "error")
        self.assertEqual(self.residuals(), [40, 30])
        self.invoices[0].charge(self.token.id)
        self.assertEqual(self.residuals(), [0, 30])
        check_invariants(self, self.invoices)
