from types import SimpleNamespace
from unittest.mock import patch
from urllib.parse import unquote

from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from ...models.portal.account_payment import read_amount
from ..common import InvoicePaymentsCommon
from ..common_http import InvoicePaymentsHttpCommon

MAX_MORE_QUERIES = 12
NOTHING_TO_DO = "This payment is being processed. There is nothing for you to do."
SECRETS = ("Secret memo", "Secret reason", "R05 do not honor")


@tagged("post_install", "-at_install")
class TestPortalSection(InvoicePaymentsCommon):
    """The customer sees the rows of the staff, in words for a customer."""

    # === HELPERS === #

    def _get_section(self, invoice=None):
        """Return the section, after a check that it adds up and gives nothing away."""
        invoice = (invoice or self.invoice).sudo()
        self.env.flush_all()
        self.env.invalidate_all()
        section = invoice._get_portal_payment_section()
        applied = sum(
            part["amount_applied"]
            for row in section["rows"]
            for part in (row, *row["refunds"])
        )
        self.assertEqual(
            invoice.currency_id.compare_amounts(
                section["amount_total"] - applied, section["amount_remaining"]
            ),
            0,
        )
        self.assertEqual(section["amount_remaining"], invoice.amount_residual)
        for secret in (*SECRETS, self.accountant.name, self.provider.name):
            self.assertNotIn(secret, repr(section))
        return section

    def _get_row(self, invoice=None):
        (row,) = self._get_section(invoice)["rows"]
        return row

    # === KINDS === #

    def test_charge(self):
        attempt = self.start_attempt("done", amount=400.0, memo="Secret memo")
        row = self._get_row()
        self.assertEqual(row["title"], "Payment")
        self.assertEqual(row["method"], f"{self.payment_method.name} •••• 1234")
        self.assertEqual((row["state"], row["messages"]), ("succeeded", []))
        self.assertEqual((row["amount"], row["amount_applied"]), (400.0, 400.0))
        self.assertEqual(row["reference"], attempt.reference)
        payment = attempt.sudo().payment_id
        self.assertIn(f"/payments/{payment.id}/receipt", row["receipt_url"])
        self.assertEqual(row["date"], payment.date)

    def test_external_payments(self):
        cash = self.company_data["default_journal_cash"].with_env(self.env)
        bank = self.company_data["default_journal_bank"].with_env(self.env)
        line = bank.inbound_payment_method_line_ids.filtered(
            lambda line: line.code == "manual"
        )[:1]
        self.invoice.record_external_payment(
            amount=1.0, journal_id=cash.id, memo="Secret memo"
        )
        self.invoice.record_external_payment(amount=2.0, reference="Note 7")
        line.name = "Cheque"
        self.invoice.record_external_payment(amount=3.0, journal_id=bank.id)
        rows = {row["amount"]: row for row in self._get_section()["rows"]}
        self.assertEqual(
            [rows[amount]["method"] for amount in (1.0, 3.0)], ["Cash", "Cheque"]
        )
        self.assertEqual(rows[2.0]["reference"], "Note 7")

    def test_bank_payment_of_an_unnamed_method(self):
        self.invoice.record_external_payment(amount=2.0)
        self.assertEqual(self._get_row()["method"], "Bank payment")

    def test_bank_match(self):
        bank = self.company_data["default_journal_bank"].with_env(self.env)
        statement_line = self.env["account.bank.statement.line"].create(
            {
                "journal_id": bank.id,
                "date": "2026-01-20",
                "payment_ref": "Secret memo",
                "partner_id": self.partner.id,
                "amount": 300.0,
            }
        )
        receivable = self.company_data["default_account_receivable"]
        suspense = statement_line.move_id.line_ids.filtered(
            lambda line: line.account_id == bank.suspense_account_id
        )
        suspense.account_id = receivable.id
        lines = self.invoice.sudo().line_ids | statement_line.move_id.line_ids
        lines.filtered(lambda line: line.account_id.id == receivable.id).reconcile()
        row = self._get_row()
        self.assertEqual(
            (row["title"], row["method"], row["reference"], row["receipt_url"]),
            ("Payment", "Bank transfer", "", ""),
        )

    def test_credit_applied_and_undone(self):
        self.partner.with_user(self.supervisor).adjust_credit_balance(
            150.0, reason="Goodwill", note="Secret memo"
        )
        payment = self.invoice.apply_credit_balance(150.0)
        row = self._get_row()
        self.assertEqual(
            (row["title"], row["method"]), ("Credit applied", "Your credit")
        )
        self.assertEqual(row["amount_applied"], 150.0)
        self.assertTrue(row["receipt_url"])
        payment.undo_credit_application("Secret reason")
        row = self._get_row()
        self.assertEqual(row["amount_applied"], 0.0)
        (refund,) = row["refunds"]
        self.assertEqual(refund["title"], "Back on your credit")

    def test_credit_note(self):
        credit_note = self.make_credit_note(self.invoice.sudo(), 100.0)
        row = self._get_row()
        self.assertEqual(
            (row["title"], row["method"], row["reference"]),
            ("Credit note", "", credit_note.name),
        )
        self.assertEqual(row["amount_applied"], 100.0)
        section = self._get_section(credit_note)
        self.assertEqual([row["title"] for row in section["rows"]], ["Invoice"])

    def test_credit_note_that_was_paid_back_through_the_gateway(self):
        payment = self.start_attempt("done").sudo().payment_id
        payment.with_user(self.supervisor).refund(
            100.0, reduce_bill=True, reason="Secret reason"
        )
        credit_note = self.invoice.sudo().reversal_move_ids
        row, paid_out = self._get_section()["rows"]
        self.assertEqual((row["title"], row["amount_applied"]), ("Payment", 1000.0))
        self.assertEqual(row["messages"], [])
        self.assertEqual([each["amount_applied"] for each in row["refunds"]], [-100.0])
        self.assertEqual(
            (paid_out["title"], paid_out["amount_applied"], paid_out["messages"]),
            ("Credit note", 100.0, []),
        )
        self.gateway.answers = ["done"]
        payment.with_user(self.supervisor).refund(900.0, reduce_bill=True, reason="All")
        section = self._get_section()
        self.assertEqual(section["refund_label"], "Refunded")
        rows = {row["title"]: row for row in self._get_section(credit_note)["rows"]}
        self.assertEqual(rows.keys(), {"Paid back to you"})
        self.assertEqual(rows["Paid back to you"]["amount_applied"], 100.0)

    def test_write_off(self):
        account = self.company_data["default_account_expense"]
        invoice = self.invoice.with_user(self.supervisor)
        write_off = invoice.write_off(
            amount=30.0, account_id=account.id, reason="Secret reason"
        )
        row = self._get_row()
        self.assertEqual((row["title"], row["reference"]), ("Amount waived", ""))
        self.assertEqual(row["amount_applied"], 30.0)
        write_off.undo_write_off("Secret reason")
        self.assertEqual(self._get_section()["rows"], [])

    def test_oldest_row_comes_first(self):
        first = self.invoice.record_external_payment(amount=1.0)
        second = self.invoice.record_external_payment(amount=1.0)
        self.assertEqual(
            [row["id"] for row in self._get_section()["rows"]],
            [f"pay-{first.id}", f"pay-{second.id}"],
        )

    def test_draft_has_no_section(self):
        self.assertEqual(
            self.make_invoice(post=False).sudo()._get_portal_payment_rows(), []
        )

    # === OUTCOMES === #

    def test_in_flight_says_that_there_is_nothing_to_do(self):
        for answer in ("pending", "authorized", RuntimeError("Secret reason")):
            with self.subTest(answer):
                self.invoice = self.make_invoice()
                self._keep()
                self.start_attempt(answer, amount=100.0)
                row = self._get_row()
                self.assertEqual(row["state"], "processing")
                self.assertEqual(row["messages"], [NOTHING_TO_DO])
                self.assertFalse(row["receipt_url"])
                self.assertEqual(self._get_section()["amount_processing"], 100.0)

    def test_declined_says_the_next_step(self):
        self.gateway.reason = "R05 do not honor"
        self.start_attempt("error")
        row = self._get_row()
        self.assertEqual((row["state"], row["amount_applied"]), ("declined", 0.0))
        self.assertEqual(
            row["messages"],
            [
                "Nothing was charged.",
                "Please pay again with another payment method, or ask your bank.",
            ],
        )

    def test_only_the_last_attempt_says_the_next_step(self):
        for _number in range(2):
            self.start_attempt("error")
        messages = [len(row["messages"]) for row in self._get_section()["rows"]]
        self.assertEqual(messages, [1, 2])
        self.start_attempt("pending", amount=10.0)
        messages = [row["messages"] for row in self._get_section()["rows"]]
        self.assertEqual(messages, [["Nothing was charged."]] * 2 + [[NOTHING_TO_DO]])

    def test_declined_says_no_more_when_it_was_paid_since(self):
        self.start_attempt("error")
        self.start_attempt("done")
        declined, paid = self._get_section()["rows"]
        self.assertEqual(declined["messages"], ["Nothing was charged."])
        self.assertEqual(paid["state"], "succeeded")

    def test_canceled_attempt_is_not_shown(self):
        self.make_portal_transaction("cancel")
        self.assertEqual(self._get_section()["rows"], [])

    def test_transfer_that_the_customer_has_to_make(self):
        self.announce()
        row = self._get_row()
        self.assertEqual(row["state"], "awaiting_transfer")
        reference = self.invoice.payment_reference
        self.assertEqual(
            row["messages"],
            [
                "We are waiting for your bank transfer. "
                f"Give {reference} as its reference."
            ],
        )
        self.assertEqual(self._get_section()["amount_processing"], 0.0)

    def test_received_but_not_booked(self):
        transactions = self.env.registry["payment.transaction"]
        with (
            patch.object(
                transactions, "_create_payment", side_effect=ValueError("Locked")
            ),
            mute_logger("odoo.addons.invoice_payments_ext"),
        ):
            self.start_attempt("done", amount=100.0)
        row = self._get_row()
        self.assertEqual(
            (row["state"], row["messages"]), ("processing", [NOTHING_TO_DO])
        )
        self.run_resolver()
        self.assertEqual(self._get_row()["state"], "succeeded")

    def test_rejected_payment(self):
        self.invoice.record_external_payment(amount=250.0).action_reject()
        row = self._get_row()
        self.assertEqual(row["state"], "declined")
        self.assertEqual(
            row["messages"],
            ["This payment did not go through.", "Please pay again."],
        )

    # === AMOUNTS === #

    def test_refunds_stand_beneath_their_payment(self):
        payment = self.start_attempt("done", amount=400.0).sudo().payment_id
        payment = payment.with_user(self.supervisor)
        payment.refund(100.0, reason="Secret reason")
        payment.refund(50.0, to="outside", reason="Secret reason")
        self.gateway.answers = ["pending"]
        payment.refund(20.0, reason="Secret reason")
        self.gateway.answers = ["error"]
        payment.refund(10.0, reason="Secret reason")
        row = self._get_row()
        self.assertEqual((row["amount"], row["amount_applied"]), (400.0, 400.0))
        self.assertEqual(row["messages"], [])
        refunds = {refund["amount"]: refund for refund in row["refunds"]}
        self.assertEqual(refunds.keys(), {100.0, 50.0, 20.0})
        self.assertEqual(
            {amount: refund["amount_applied"] for amount, refund in refunds.items()},
            {100.0: -100.0, 50.0: -50.0, 20.0: 0.0},
        )
        section = self._get_section()
        self.assertEqual(section["refund_label"], "Partially refunded")
        self.assertEqual(refunds[100.0]["method"], row["method"])
        self.assertEqual(refunds[50.0]["method"], "Bank payment")
        self.assertEqual(refunds[20.0]["state"], "processing")
        self.assertFalse(refunds[20.0]["receipt_url"])
        self.assertIn("/receipt", refunds[50.0]["receipt_url"])

    def test_payment_of_several_invoices(self):
        other = self.make_invoice(50.0)
        self.make_portal_transaction(
            "done", amount=1050.0, invoice_ids=[Command.set((self.invoice | other).ids)]
        )
        (message,) = self._get_row(other)["messages"]
        self.assertEqual(
            message.replace("\xa0", ""), "$50.00 of $1,050.00 are deducted here."
        )

    def test_discount(self):
        payment = self.register_payment(
            self.invoice,
            amount=990.0,
            payment_difference_handling="reconcile",
            writeoff_account_id=self.company_data["default_account_expense"].id,
        )
        row = self._get_row()
        self.assertEqual(row["amount"], payment.amount)
        self.assertEqual(row["amount_applied"], 1000.0)
        (message,) = row["messages"]
        self.assertEqual(
            message.replace("\xa0", ""), "It includes a reduction of $10.00."
        )

    def test_foreign_currency(self):
        euro = self.make_currency("EUR")
        self.register_payment(self.invoice, amount=200.0, currency_id=euro.id)
        row = self._get_row()
        self.assertEqual((row["amount"], row["currency"]), (200.0, euro))
        self.assertEqual((row["amount_applied"], row["messages"]), (100.0, []))

    def test_refund_of_a_payment_in_another_currency(self):
        """Its amount is none of the invoice's currency: it does not count apart."""
        euro = self.make_currency("EUR")
        invoice = self.invoice.with_env(self.env)
        payment = self.register_payment(invoice, currency_id=euro.id, amount=200.0)
        payment.with_user(self.supervisor).refund(20.0, "outside", reason="Why")
        row = self._get_row()
        [refund] = row["refunds"]
        self.assertEqual((refund["amount"], refund["amount_applied"]), (20.0, 0.0))
        self.assertEqual(row["amount_applied"], 90.0)
        self.assertEqual(self.invoice.amount_residual, 910.0)

    def test_receipts_are_those_of_posted_invoices(self):
        payment = self.start_attempt("done", amount=10.0).sudo().payment_id
        invoice = self.invoice.sudo()
        self.assertEqual(invoice._get_portal_receipt_payment_ids(), payment.ids)
        draft = self.make_invoice(post=False).sudo()
        self.assertEqual(draft._get_portal_receipt_payment_ids(), [])
        entry = payment.move_id
        self.assertEqual(entry.state, "posted")
        self.assertEqual(entry._get_portal_receipt_payment_ids(), [])

    def test_amounts_that_are_searched_for(self):
        for text, amount in (
            ("$ 1,234", 1234.0),
            ("1.234", 1234.0),
            ("1,234,567", 1234567.0),
            ("1,234,56", 123456.0),
            ("1.234,56", 1234.56),
            ("1,234.56 USD", 1234.56),
            ("12 345,6", 12345.6),
            ("12,5", 12.5),
            ("7.", 7.0),
            ("10 and 20", None),
            ("INV/2026/400", None),
            ("", None),
            (None, None),
        ):
            with self.subTest(text):
                self.assertEqual(read_amount(text), amount)

    def test_addresses_of_visitors(self):
        """All of an IPv6 network is one visitor; none of it can be read."""
        transactions = self.env["payment.transaction"]
        module = "odoo.addons.invoice_payments_ext.models.portal"

        def fingerprint(address):
            request = SimpleNamespace(httprequest=SimpleNamespace(remote_addr=address))
            with patch(f"{module}.payment_transaction_pace.request", request):
                return transactions._get_hashed_address()

        first = fingerprint("2001:db8:1:2::1")
        self.assertEqual(first, fingerprint("2001:db8:1:2:ffff::9"))
        others = ("2001:db8:1:3::1", "192.0.2.1", "192.0.2.2", "unknown")
        self.assertEqual(len({first, *map(fingerprint, others)}), 5)
        self.assertNotIn("2001", first)
        self.assertIs(fingerprint(""), False)


@tagged("post_install", "-at_install")
class TestPortalSectionHttp(InvoicePaymentsHttpCommon):
    """The invoice page of the portal, and the receipts that it links."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.payment, cls.refunded = cls.make_secret_payment()

    def setUp(self):
        super().setUp()
        self.gateway.reason = "R05 do not honor"
        self.gateway.answers = ["error"]
        self.do(lambda: self.invoice.charge(self.token.id, amount=10.0))
        self.access_token = self.invoice.sudo()._portal_ensure_token()
        self.url = f"/my/invoices/{self.invoice.id}"
        self._settle_data()

    def _get_guesses(self):
        """Return values to try instead of the invoice's access token."""
        foreign = self.make_invoice().sudo()._portal_ensure_token()
        self._settle_data()
        token = self.access_token
        return {}, *(
            {"access_token": guess}
            for guess in ("x", token[:-1], token.upper(), foreign)
        )

    # === THE PAGE === #

    def test_page_of_the_customer(self):
        page = self.open_url(self.url, "ip_member").text
        self.assertIn('id="invoice_payments"', page)
        for payment in (self.payment, self.refunded):
            self.assertIn(f"/payments/{payment.id}/receipt", page)
        self.assertIn("Please pay again with another payment method", page)
        for secret in (*SECRETS, self.accountant.name):
            self.assertNotIn(secret, page)

    def test_words_of_the_gateway_are_not_shown_by_odoo_s_header_either(self):
        for answer in ("pending", "authorized", "error"):
            self.invoice = self.make_invoice()
            self._settle_data()
            self.gateway.answers = [answer]
            self.do(lambda: self.invoice.charge(self.token.id, amount=10.0))
            page = self.open_url(f"/my/invoices/{self.invoice.id}", "ip_member")
            self.assertIn('id="invoice_payments"', page.text)
            self.assertNotIn("R05 do not honor", page.text)

    def test_page_with_the_invoice_s_link(self):
        page = self.open_url(self.url, access_token=self.access_token)
        self.assertEqual(page.status_code, 200)
        self.assertIn('id="invoice_payments"', page.text)

    def test_page_is_refused_to_others(self):
        guesses = self._get_guesses()
        for user in (None, "ip_stranger", "ip_employee"):
            for guess in guesses:
                with self.subTest(user=user, **guess):
                    self.assertTurnedAway(self.open_url(self.url, user, **guess))

    def test_invoice_without_payments_has_no_section(self):
        invoice = self.make_invoice()
        self._settle_data()
        page = self.open_url(f"/my/invoices/{invoice.id}", "ip_member")
        self.assertEqual(page.status_code, 200)
        self.assertNotIn('id="invoice_payments"', page.text)

    def test_page_needs_few_queries_more_than_stock_s(self):
        with_section = self.count_queries(self.url, "ip_member")
        with patch.object(
            self.env.registry["account.move"],
            "_get_portal_payment_section",
            lambda invoice: {},
        ):
            without_section = self.count_queries(self.url, "ip_member")
        self.assertGreater(without_section, 10)
        self.assertGreater(with_section, without_section)
        self.assertLessEqual(with_section - without_section, MAX_MORE_QUERIES)

    def test_rows_do_not_add_queries(self):
        few = self.count_queries(self.url, "ip_member")
        for _number in range(5):
            self.do(lambda: self.invoice.record_external_payment(amount=1.0))
            self.do(lambda: self.invoice.charge(self.token.id, amount=1.0))
        self.assertLessEqual(self.count_queries(self.url, "ip_member"), few + 1)

    # === RECEIPTS === #

    def test_receipt_of_a_refund(self):
        url = f"{self.url}/payments/{self.refunded.id}/receipt"
        response = self.open_url(url, "ip_member")
        self.assertPdf(response)
        number = self.refunded.refund_allocation_ids.invoice_id.name.replace("/", "-")
        self.assertIn(
            f"Refund receipt {number} 100.00 USD.pdf",
            unquote(response.headers["Content-Disposition"]),
        )

    def test_receipt_of_a_refund_is_refused_to_others(self):
        url = f"{self.url}/payments/{self.refunded.id}/receipt"
        guesses = self._get_guesses()
        for user in (None, "ip_stranger", "ip_employee"):
            for guess in guesses:
                with self.subTest(user=user, **guess):
                    self.assertTurnedAway(self.open_url(url, user, **guess))
