from datetime import timedelta
from unittest.mock import patch

import psycopg2.errorcodes
import psycopg2.errors

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.payment import utils as payment_utils

from ...tools import TryAgainError
from .common_portal import PortalPaymentCommon


class Conflict(psycopg2.errors.SerializationFailure):
    """An error as PostgreSQL raises it."""

    pgcode = psycopg2.errorcodes.SERIALIZATION_FAILURE


class PortalStrangersCommon(PortalPaymentCommon):
    """A visitor who has the link of an invoice, and nothing else."""

    def visit(self):
        """Go on as a visitor who is not logged in."""
        self.authenticate(None, None)

    def log_in(self):
        """Go on as the member."""
        self.authenticate("ip_member", "ip_member")

    def decline(self, times, **values):
        """Try cards that are declined, and return the last attempt."""
        for _ in range(times):
            tx = self.pay(1000, **values)
            tx.sudo()._set_error("No")
            tx.sudo()._post_process()
            self._keep()
        return tx

    def post(self, route, params):
        """Call a route, and return the response and its error."""
        self._keep()
        with mute_logger("odoo.http", "odoo.sql_db"):
            response = self.url_open(route, json={"params": params})
        self.env.invalidate_all()
        return response, response.json().get("error")

    def try_again(self, **values):
        """Ask for another payment of the invoice, and return response and error."""
        return self.post(
            f"/invoice/transaction/{self.invoice.id}",
            {
                **self._prepare_values(1000, self.provider, is_validation=False),
                "access_token": self.invoice.sudo()._portal_ensure_token(),
                **values,
            },
        )

    def wait(self, **duration):
        """Let this time pass for the attempts."""
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE payment_transaction SET create_date = create_date - %s",
            [timedelta(**duration)],
        )
        self._keep()


@tagged("post_install", "-at_install")
class TestSavedMethods(PortalStrangersCommon):
    """Saved methods are for those who are logged in as the customer."""

    def _pay_without_document(self, **values):
        partner, currency = self.member.partner_id, self.company.currency_id
        token = payment_utils.generate_access_token(
            partner.id, 20.0, currency.id, env=self.env
        )
        return self.post(
            "/payment/transaction",
            {
                **self._prepare_values(20.0, self.provider),
                "currency_id": currency.id,
                "partner_id": partner.id,
                "access_token": token,
                **values,
            },
        )

    def test_page_of_a_link(self):
        """No method, no name of one, nothing to be saved, no credit."""
        self.company.portal_amount_choice = True
        self.invoice = self.make_invoice(partner_id=self.member.partner_id.id)
        self.provider.allow_tokenization = True
        self.give_credit(300)
        self.charge(250)
        self._keep()
        partner, currency = self.member.partner_id, self.company.currency_id
        access = payment_utils.generate_access_token(
            partner.id, 20.0, currency.id, env=self.env
        )
        pages = (
            self.invoice.get_portal_url(),
            f"/payment/pay?amount=20.0&currency_id={currency.id}&reference=R"
            f"&partner_id={partner.id}&company_id={self.company.id}"
            f"&access_token={access}",
        )
        marks = (
            f"o_payment_token_{self.token.id}",
            "•••• 1234",
            "o_payment_tokenize_checkbox",
        )
        for address in pages:
            page = self.url_open(address).text
            seen = [mark for mark in marks if mark in page]
            self.assertIn(marks[0], seen, address)
            self.assertIn(marks[2], seen, address)
        for login in (None, "ip_stranger"):
            self.authenticate(login, login)
            for address in pages:
                page = self.url_open(address).text
                self.assertIn("o_payment_method_", page)
                self.assertNotIn(marks[0], page)
                at = page.find(marks[1])
                self.assertEqual(at, -1, page[max(at - 300, 0) : at + 50])
                self.assertNotIn("o_member_use_credit", page)
                if not login:
                    self.assertNotIn(marks[2], page)
        receipt = self.invoice.transaction_ids.payment_id.with_user(
            self.env.ref("base.public_user")
        )
        self.assertNotIn("1234", receipt._get_receipt_method())

    def test_method_that_was_guessed(self):
        """By any route, it is refused, and nothing is sent."""
        before = self._take_facts()
        colleague = {"token_id": self.token.id, "flow": "token"}
        for login in (None, "ip_stranger", "ip_colleague"):
            self.authenticate(login, login)
            with self.subTest(login=login):
                _response, error = self.try_again(**colleague)
                self.assertIn("do not have access to", error["data"]["message"])
                _response, error = self._pay_without_document(**colleague)
                self.assertIn("do not have access to", error["data"]["message"])
        self.assertEqual(self._take_facts(), before)

    def test_method_of_a_visitor_is_not_saved(self):
        self.provider.allow_tokenization = True
        asked = {"tokenization_requested": True}
        self.visit()
        tx = self.pay(1000, **asked)
        self.assertFalse(tx.tokenize)
        self.assertFalse(tx.consent_date)
        _response, error = self._pay_without_document(**asked)
        self.assertFalse(error)
        self.assertFalse(tx.search([], limit=1, order="id DESC").tokenize)
        self.log_in()
        self.assertTrue(self.pay(1000, **asked).tokenize)

    def test_credit_with_a_link(self):
        self.give_credit(300)
        self.visit()
        _response, error = self.try_again(use_credit=True)
        self.assertIn("no credit", error["data"]["message"])


@tagged("post_install", "-at_install")
class TestPace(PortalStrangersCommon):
    """Who tries one card after another has to wait, longer each time."""

    def assertSlowed(self, minutes, **values):
        response, error = self.try_again(**values)
        self.assertEqual((response.status_code, error["code"]), (429, 429))
        self.assertIn(f"in {minutes} min", error["data"]["message"])
        self.assertLessEqual(int(response.headers["Retry-After"]), 60 * minutes)

    def test_visitor_on_an_invoice(self):
        self.visit()
        self.decline(5)
        before = self._take_facts()
        self.assertSlowed(1)
        self.assertEqual(self._take_facts(), before)
        for minutes in (2, 4, 8):
            self.wait(minutes=minutes // 2)
            self.decline(1)
            self.assertSlowed(minutes)
        self.wait(minutes=7)
        self.assertSlowed(1)
        # The customer is not locked out by that, nor another day.
        self.log_in()
        tx = self.charge(1000)
        self.assertEqual(tx.outcome, "succeeded")
        self.wait(hours=25)
        self.env["payment.transaction"].sudo()._gc_portal_addresses()
        self.assertFalse(
            self.invoice.transaction_ids.filtered(lambda tx: tx.sudo().portal_address)
        )

    def test_pages_that_were_only_opened_count(self):
        self.visit()
        for _ in range(5):
            self.pay(1000)
        self.assertSlowed(1)
        self.company.portal_attempts = 0
        self.pay(1000)

    def test_saved_method_on_many_invoices(self):
        """It is the method that is counted, whoever of the company tries it."""
        self.token.sudo().partner_id = self.partner
        invoices = [self.make_invoice() for _ in range(4)]
        self.gateway.answers = ["error"] * 5
        for invoice in (self.invoice, *invoices[:3]):
            self.charge(1000, invoice=invoice)
        self.authenticate("ip_colleague", "ip_colleague")
        self.charge(1000, invoice=invoices[3])
        self.invoice = self.make_invoice()
        self.assertSlowed(1, flow="token", token_id=self.token.id)
        self.assertEqual(len(self.gateway.requests), 5)
        self.pay(1000)

    def test_person_and_address(self):
        """Also where only a method is to be saved, which asks the provider too."""
        self.company.portal_address_attempts = 7
        partner = self.member.partner_id
        access_token = payment_utils.generate_access_token(
            partner.id, None, None, env=self.env
        )
        params = {
            **self._prepare_values(None, self.provider, is_validation=True),
            "currency_id": None,
            "partner_id": partner.id,
            "access_token": access_token,
        }
        for _ in range(5):
            _response, error = self.post("/payment/transaction", params)
            self.assertFalse(error)
        response, error = self.post("/payment/transaction", params)
        self.assertEqual((response.status_code, error["code"]), (429, 429))
        self.assertSlowed(1)
        self.visit()
        self.decline(2)
        self.invoice = self.make_invoice()
        self.assertSlowed(1)
        addresses = self.env["payment.transaction"].search([]).mapped("portal_address")
        self.assertNotIn("127.0.0.1", addresses)

    def _run_mail_schedule(self):
        with self.registry.cursor() as cursor:
            self.env(cr=cursor, su=True)["payment.transaction"]._cron_mail_customers()
        self.env.invalidate_all()

    def test_chatter_and_mails_of_a_burst(self):
        """One line, one mail a day; successes are logged as ever."""
        self.company.portal_attempts = 0
        self.company.portal_address_attempts = 0
        self.visit()
        messages = self.invoice.sudo().message_ids
        self.decline(1)
        first = self.invoice.sudo().message_ids - messages
        self.decline(9)
        [line] = self.invoice.sudo().message_ids - messages - first
        self.assertIn("10 payments in the portal did not succeed", line.body)
        told = [("subject", "ilike", "was declined")]
        # Who is on the page reads it there, and may go on trying.
        self._run_mail_schedule()
        self.wait(minutes=29)
        self.decline(1)
        self._run_mail_schedule()
        self.assertEqual(self.env["mail.mail"].search_count(told), 0)
        self.wait(minutes=31)
        self._run_mail_schedule()
        self.assertEqual(self.env["mail.mail"].search_count(told), 1)
        mailed = self.invoice.transaction_ids.filtered("customer_mail_date")
        mailed.sudo().customer_mail_date -= timedelta(hours=25)
        self.decline(1)
        self.wait(minutes=31)
        self._run_mail_schedule()
        self.assertEqual(self.env["mail.mail"].search_count(told), 2)
        # A page that was paid in the end tells nothing.
        mailed.sudo().customer_mail_date -= timedelta(hours=25)
        self.decline(1)
        before = self.invoice.sudo().message_ids
        self.log_in()
        self.charge(1000)
        self.assertTrue(self.invoice.sudo().message_ids - before)
        self.wait(minutes=31)
        self._run_mail_schedule()
        self.assertEqual(self.env["mail.mail"].search_count(told), 2)


@tagged("post_install", "-at_install")
class TestAtOnce(PortalStrangersCommon):
    """People and schedules that are at one invoice at the same time."""

    def test_pages_of_a_visitor_keep_nobody_out(self):
        self.visit()
        self.pay(1000, tab="stranger")
        self.log_in()
        self.pay(1000, tab="one")
        self.visit()
        self.assert_refused("being processed", self.pay, 1000, tab="stranger")
        self.authenticate("ip_stranger", "ip_stranger")
        self.assert_refused("being processed", self.pay, 1000, tab="other")
        self.wait(minutes=11)
        self.pay(1000, tab="other")
        self.log_in()
        self.pay(1000, tab="two")

    def test_only_the_last_page_counts(self):
        self.pay(1000, tab="one")
        self.wait(minutes=11)
        self.pay(1000, tab="two")
        self.pay(1000, tab="two")
        self.assert_refused("being processed", self.pay, 1000, tab="one")

    def test_conflict_ends_with_a_sentence_and_a_code(self):
        """Odoo replays first; PostgreSQL's words are for nobody."""
        conflict = Conflict("could not serialize access")
        moves = self.env.registry["account.move"]
        with (
            patch("odoo.service.model.time.sleep"),
            patch.object(
                moves, "_prepare_member_transaction_vals", side_effect=conflict
            ) as asked,
        ):
            response, error = self.try_again()
        self.assertEqual(asked.call_count, 5)
        self.assertEqual((response.status_code, error["code"]), (409, 409))
        self.assertIn("then try again", error["data"]["message"])
        self.assertNotIn("serialize", response.text.replace("_serialize", ""))
        with (
            patch.object(moves, "_lock_rows", side_effect=conflict),
            self.assertRaisesRegex(TryAgainError, "then try again"),
        ):
            self.invoice.charge(self.token.id)

    def test_page_that_waits_while_others_book(self):
        """It asks again; and where it cannot be booked, it goes on: the money moved."""
        self.assertFalse(self.request("/payment/status/poll")["state"])
        tx = self.pay(1000)
        self.assertEqual(self.request("/payment/status/poll")["state"], "draft")
        self.gateway.notify(tx, "done")
        self._keep()
        transactions = self.env.registry["payment.transaction"]
        with patch.object(transactions, "_try_to_book", lambda _tx: None):
            with patch.object(
                transactions, "_try_to_lock_quietly", lambda each: each.browse()
            ):
                self.assert_refused("^retry$", self.request, "/payment/status/poll")
            answer = self.request("/payment/status/poll")
        self.assertEqual(
            (answer["state"], answer["provider_code"], answer["landing_route"]),
            ("done", "none", "/my/invoices"),
        )
        self._keep()
        self.assertFalse(tx.is_post_processed)
        self.assertEqual(self.invoice.amount_residual, 1000)
        self.request("/payment/status/poll")
        self._keep()
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_page_books_before_the_schedule(self):
        cron = self.env.ref("invoice_payments_ext.ir_cron_resolve_attempts")
        triggers = self.env["ir.cron.trigger"]
        before = triggers.search([("cron_id", "=", cron.id)])
        tx = self.pay(1000)
        self.gateway.notify(tx, "done")
        self._keep()
        trigger = triggers.search([("cron_id", "=", cron.id)]) - before
        self.assertGreater(
            trigger.call_at, fields.Datetime.now() + timedelta(seconds=30)
        )
        answer = self.request("/payment/status/poll")
        self.assertEqual(answer["state"], "done")
        self.env.invalidate_all()
        self.assertTrue(tx.is_post_processed)
        self.assertEqual(self.invoice.amount_residual, 0)
