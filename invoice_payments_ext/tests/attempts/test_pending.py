from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestPending(InvoicePaymentsCommon):
    """Every pending attempt has a way out."""

    def fetch(self, answer):
        """Let the gateway answer so when it is asked for an attempt."""
        providers = self.env.registry["payment.provider"]

        def fetch(_provider, tx):
            if isinstance(answer, Exception):
                raise answer
            return answer and self.gateway.payment_data(tx, answer)

        return patch.object(providers, "_fetch_outcome", fetch)

    @mute_logger("odoo.addons.invoice_payments_ext")
    def test_a_person_resolves_it_after_the_provider_was_asked(self):
        # The answer of the provider, the word of the person, the outcome.
        for answer, charged, outcome in (
            (None, True, "succeeded"),
            (None, False, "canceled"),
            ("pending", True, "succeeded"),
            ("pending", False, "canceled"),
            ("done", False, "succeeded"),
            ("error", True, "declined"),
            (RuntimeError("no connection"), False, "canceled"),
        ):
            with self.subTest(answer=answer, charged=charged):
                self.invoice = self.make_invoice()
                attempt = self.start_attempt("pending")
                with self.assertRefused("How do you know"):
                    attempt.resolve(charged, " ")
                with self.fetch(answer):
                    attempt.resolve(charged, "Seen in the dashboard")
                self.assertEqual(attempt.outcome, outcome)
                paid = 0 if outcome == "succeeded" else 1000
                self.assertEqual(self.invoice.amount_residual, paid)
                self.assertEqual(self.invoice._get_amount_in_flight(), 0)
                self.assertFalse(attempt.sudo().holds_invoice)
                heard = answer in ("done", "error")
                said = "Seen in the dashboard" in "".join(
                    self.invoice.sudo().message_ids.mapped("body")
                )
                self.assertNotEqual(heard, said)

    def test_money_that_comes_after_a_person_gave_it_up_is_booked(self):
        attempt = self.start_attempt("pending")
        attempt.resolve(False, "The customer closed the page")
        self.gateway.notify(attempt, "pending")
        self.assertEqual(attempt.outcome, "canceled")
        self.gateway.notify(attempt, "done")
        attempt.sudo()._post_process()
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_pending_refund_is_resolved(self):
        attempt = self.start_attempt("done")
        self.gateway.answers = ["pending"]
        payment = attempt.sudo().payment_id.with_user(self.supervisor)
        for charged, outcome in ((False, "declined"), (True, "succeeded")):
            refund = payment.refund(amount=300, reason="Returned")
            self.assertEqual(refund.outcome, "pending")
            [row] = self.rows(self.invoice.with_user(self.supervisor)).values()
            shown = [part for part in row["refunds"] if part["state"] == "pending"]
            self.assertIn("resolve", [each["name"] for each in shown[0]["actions"]])
            refund.resolve(charged, "Seen in the dashboard")
            self.assertEqual(refund.outcome, outcome)
        self.assertEqual(payment._get_refundable_amount(), 700)

    def test_provider_names_the_address_where_it_is_finished(self):
        attempt = self.start_attempt("pending")
        self.assertFalse(attempt._get_finish_url())
        providers = self.env.registry["payment.provider"]
        url = "https://bank.example.com/3ds/1"
        with patch.object(providers, "_get_finish_url", lambda _provider, _tx: url):
            row = self.rows()[f"tx-{attempt.id}"]
            self.assertEqual(row["finish_url"], url)
            self.assertIn("finish", [action["name"] for action in row["actions"]])
            self.invoice = self.make_invoice()
            payment = self.start_attempt("done").sudo().payment_id
            self.gateway.answers = ["pending"]
            refund = payment.with_user(self.supervisor).refund(10, reason="Wrong")
            self.assertEqual(refund.outcome, "pending")
            self.assertFalse(refund._get_finish_url())

    # === FOR TOO LONG === #

    def list_too_long(self):
        return (
            self.env["payment.transaction"]
            .with_user(self.accountant)
            .search([("is_pending_too_long", "=", True)])
        )

    def test_attempts_pending_for_too_long_are_listed(self):
        attempt = self.start_attempt("pending", amount=400).sudo()
        transfer = self.announce(500)
        self.assertEqual(transfer.payment_method_id.pending_days, 14)
        method = attempt.payment_method_id
        method.pending_days = 3
        now = fields.Datetime.now()
        for days, listed in (
            (2, self.env["payment.transaction"]),
            (4, attempt),
            (15, attempt | transfer),
        ):
            (attempt | transfer).last_state_change = now - timedelta(days=days)
            self.assertEqual(self.list_too_long(), listed)
            self.assertEqual(
                (attempt | transfer).filtered("is_pending_too_long"), listed
            )
            marked = [
                row["transaction_id"]
                for row in self.rows().values()
                if row["late_label"] == "For too long"
            ]
            self.assertEqual(set(marked), set(listed.ids))
        method.pending_days = 20
        self.assertEqual(self.list_too_long(), transfer)
        not_listed = self.env["payment.transaction"].search(
            [
                ("is_pending_too_long", "=", False),
                ("id", "in", (attempt | transfer).ids),
            ]
        )
        self.assertEqual(not_listed, attempt)
        self.gateway.notify(attempt, "done")
        transfer.with_user(self.accountant).cancel_announced()
        self.assertFalse(self.list_too_long())
        attempt.sudo()._post_process()
        self._keep()
