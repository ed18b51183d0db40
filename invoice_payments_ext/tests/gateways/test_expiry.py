from contextlib import nullcontext
from datetime import date
from unittest.mock import patch

import psycopg2.errors
from freezegun import freeze_time
from lxml.html import fromstring
from psycopg2.errors import SerializationFailure

from odoo.tests import tagged
from odoo.tools import mute_logger

from ...models.gateways import payment_provider as gateways
from ..common import InvoicePaymentsCommon

ANSWERS = {
    "stripe": {"payment_method": {"card": {"exp_month": 4, "exp_year": 2026}}},
    "adyen": {"additionalData": {"expiryDate": "4/2026"}},
}


@tagged("post_install", "-at_install")
class TestExpiry(InvoicePaymentsCommon):
    """The last day of a saved method is kept, and its owner told if it is needed."""

    def setUp(self):
        super().setUp()
        self.partner.email = "norbert@example.com"
        self.permit(True)
        self._keep()

    # === HELPERS === #

    def answer(self, data, code="stripe"):
        """Charge the method; the answer names what the data say."""
        methods = {"none": gateways.EXPIRY_METHODS[code]}
        self.invoice = self.make_invoice(5)

        def succeed(tx):
            tx._process("none", {**self.gateway.payment_data(tx, "done"), **data})

        with patch.dict(gateways.EXPIRY_METHODS, methods):
            attempt = self.start_attempt(succeed).sudo()
        self.assertEqual(attempt.outcome, "succeeded")
        return self.token.expires_on and str(self.token.expires_on)

    def tell(self, day):
        """Run the schedule on a day; return the mails that it queues."""
        known = self.env["mail.mail"].search([])
        with freeze_time(f"{day} 09:00:00"):
            self.env["payment.token"].sudo()._cron_tell_expiring()
        self.env.invalidate_all()
        return self.env["mail.mail"].search([]) - known

    def permit(self, is_on):
        customer = self.partner.with_user(self.accountant)
        customer.set_auto_pay(is_on, note="On the phone")
        self._keep()

    # === KEPT === #

    def test_answers_name_it(self):
        for code, data in ANSWERS.items():
            with self.subTest(code):
                self.token.sudo().expires_on = False
                self.assertEqual(self.answer(data, code), "2026-04-30")
        self.token.sudo().expiry_told_days = 3
        renewed = {"payment_method": {"card": {"exp_month": 2, "exp_year": 2032}}}
        self.assertEqual(self.answer(renewed), "2032-02-29")
        self.assertFalse(self.token.sudo().expiry_told_days)

    def test_answers_that_name_none_or_cannot_be_read(self):
        for code, data in (
            ("stripe", {}),
            ("stripe", {"payment_method": "pm_1"}),
            ("stripe", {"payment_method": {"type": "sepa_debit", "sepa_debit": {}}}),
            ("stripe", {"payment_method": {"card": {"exp_month": 13, "exp_year": 26}}}),
            ("adyen", {}),
            ("adyen", {"additionalData": {"cardSummary": "4242"}}),
            ("adyen", {"additionalData": {"expiryDate": "n/a"}}),
        ):
            with self.subTest(data=data):
                self.assertFalse(self.answer(data, code))
                self.assertFalse(self.invoice.amount_residual)

    # === TOLD === #

    def test_told_at_30_14_and_3_days_once_each(self):
        self.token.sudo().expires_on = "2026-04-30"
        told = {
            day: len(self.tell(day))
            for day in (
                "2026-03-30",
                "2026-03-31",
                "2026-04-01",
                "2026-04-16",
                "2026-04-17",
                "2026-04-27",
                "2026-04-28",
                "2026-05-01",
            )
        }
        sent = [day for day, count in told.items() if count]
        self.assertEqual(sent, ["2026-03-31", "2026-04-16", "2026-04-27"])

    def test_the_mail_and_its_link(self):
        self.token.sudo().expires_on = "2026-04-30"
        mail = self.tell("2026-04-20")
        self.assertEqual(mail.recipient_ids, self.partner)
        self.assertIn("expires on 04/30/2026", mail.subject)
        [link] = fromstring(mail.body_html).xpath("//a[contains(text(), 'Save')]/@href")
        self.assertEqual(link, self.invoice.sudo()._get_payment_form_url())
        self.assertIn("is told by mail", self.partner.message_ids[:1].body)
        self.make_user("ip_norbert", "base.group_portal", partner_id=self.partner.id)
        self.invoice.record_external_payment()
        link = self.token.sudo()._get_new_method_url()
        path = f"/my/payment_method?company_id={self.company.id}"
        self.assertTrue(link.endswith(path))

    def test_conflict_with_another_request_is_not_swallowed(self):
        """Odoo replays the answer. Any other error costs the day alone, no money."""
        tx = self.start_attempt("done").sudo()
        providers = type(tx.provider_id)
        for error, is_raised in (
            (SerializationFailure("could not serialize access"), True),
            (ValueError("no date"), False),
        ):
            raised = self.assertRaises(type(error)) if is_raised else nullcontext()
            with (
                self.subTest(error=error),
                patch.object(providers, "_get_token_expiry", side_effect=error),
                mute_logger(
                    "odoo.addons.invoice_payments_ext.models.saved_methods"
                    ".payment_transaction_expiry"
                ),
                raised,
            ):
                tx._note_token_expiry({})
            self.assertFalse(tx.token_id.expires_on)

    def test_only_a_method_that_would_be_charged(self):
        self.token.sudo().expires_on = "2026-04-30"
        newer = self._create_token()
        self.assertFalse(self.tell("2026-04-20"), "The newest is charged.")
        self.partner.with_company(self.company).default_payment_token_id = self.token
        self._keep()
        for value, name, record in (
            (False, "email", self.partner),
            (False, "payment_expiring_mail_template_id", self.token.sudo().company_id),
        ):
            before = record[name]
            record[name] = value
            self.assertFalse(self.tell("2026-04-20"), name)
            record[name] = before
        newer.sudo().active = False
        self.partner.with_company(self.company).default_payment_token_id = False
        self.permit(False)
        self.assertTrue(self.invoice.amount_residual)
        self.assertFalse(self.tell("2026-04-20"), "Without auto-pay, nobody is.")
        self.permit(True)
        self.invoice.record_external_payment()
        self._keep()
        self.assertTrue(self.tell("2026-04-20"), "The next invoice is charged to it.")

    def test_a_method_that_is_charged_for_a_promise(self):
        """The customer agreed to a day on which it has expired; auto-pay is off."""
        self.permit(False)
        self.token.sudo().expires_on = "2026-04-30"
        with freeze_time("2026-04-20 09:00:00"):
            promise = self.invoice.promise_to_pay(
                date="2026-04-30", token_id=self.token.id, consent="On the phone"
            )
            self._keep()
            self.assertFalse(self.tell("2026-04-20"), "It is valid on that day.")
            promise.sudo().date = "2026-05-01"
            self._keep()
            self.assertTrue(self.tell("2026-04-20"))

    def test_conflict_in_the_database_is_no_broken_template(self):
        self.token.sudo().expires_on = "2026-04-30"
        conflict = psycopg2.errors.SerializationFailure("another was faster")
        templates = self.env.registry["mail.template"]
        with (
            patch.object(templates, "send_mail", side_effect=conflict),
            self.assertRaises(psycopg2.errors.SerializationFailure),
        ):
            self.token.sudo()._tell_expiring(date(2026, 4, 20))
        self.assertFalse(self.token.sudo().expiry_told_days)

    def test_time_that_is_over(self):
        """Who was not told in this run is told in the next one."""
        other = self.partner.copy({"email": "other@example.com"})
        saved = self._create_token(partner_id=other.id)
        other.with_user(self.accountant).set_auto_pay(True, note="On the phone")
        self._keep()
        tokens = (self.token | saved).sudo().sorted("id")
        tokens.expires_on = "2026-04-30"
        self._keep()
        crons = self.env.registry["ir.cron"]
        with patch.object(crons, "_commit_progress", lambda *_args, **_values: 0):
            self.assertEqual(len(self.tell("2026-04-20")), 1)
        self.assertEqual(tokens.mapped("expiry_told_days"), [14, 0])
        self.assertEqual(self.tell("2026-04-20").recipient_ids, tokens[1].partner_id)
        self.assertEqual(tokens.mapped("expiry_told_days"), [14, 14])

    def test_a_broken_template_stops_no_other(self):
        self.token.sudo().expires_on = "2026-04-30"
        templates = self.env.registry["mail.template"]
        with (
            patch.object(templates, "send_mail", side_effect=ValueError("Broken")),
            self.assertLogs("odoo.addons.invoice_payments_ext", "ERROR"),
        ):
            self.assertFalse(self.tell("2026-04-20"))
        self.assertFalse(self.token.sudo().expiry_told_days)
        self.assertTrue(self.tell("2026-04-21"), "It is tried again the next day.")
