from types import SimpleNamespace
from unittest.mock import patch

import psycopg2.errors
import requests

from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.account.models.account_move import AccountMove

from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestStockFlows(InvoicePaymentsCommon):
    """Odoo's own ways to a payment keep working, and lose nothing any more."""

    def setUp(self):
        super().setUp()
        self.bank = self.company_data["default_journal_bank"].with_env(self.env)
        self.env["ir.config_parameter"].sudo().set_param(
            "account_payment.enable_portal_payment", True
        )

    def _get_booked(self, tx):
        return self.env["account.payment"].search(
            [
                ("payment_transaction_id", "=", tx.id),
                ("state", "in", ("in_process", "paid")),
            ]
        )

    def test_register_dialog_done_at_once(self):
        payment = self.register_with_token()
        self.assertEqual(self.invoice.amount_residual, 0.0)
        self.assertEqual(self._get_booked(payment.payment_transaction_id), payment)

    def test_register_dialog_pending_then_done(self):
        self.gateway.answers = ["pending"]
        tx = self.register_with_token().payment_transaction_id
        self.assertEqual(tx.outcome, "pending")
        self.assertEqual(self.invoice.amount_residual, 1000.0)
        self.assertEqual(self.invoice._get_amount_in_flight(), 1000.0)
        self.gateway.notify(tx, "done")
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 0.0)
        self.assertEqual(len(self._get_booked(tx)), 1)
        self.assertEqual(len(self.rows()), 1)
        self.run_resolver()
        self.assertEqual(len(self._get_booked(tx)), 1, "It is booked once.")

    def test_register_dialog_declined_then_confirmed(self):
        self.gateway.answers = ["error"]
        tx = self.register_with_token().payment_transaction_id
        self.assertEqual(tx.outcome, "declined")
        self.gateway.notify(tx, "done")
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 0.0)
        self.assertEqual(len(self._get_booked(tx)), 1)

    def test_register_dialog_timed_out(self):
        self.gateway.answers = [self.transport_error(requests.ReadTimeout("slow"))]
        tx = self.register_with_token().payment_transaction_id
        self.assertEqual(tx.outcome, "unknown")
        self.assertFalse(self.invoice._has_to_be_paid())
        with self.assertRefused(f"outcome of {tx.reference} .* is unknown"):
            self.invoice.charge(self.token.id)
        row = self.rows()[f"tx-{tx.id}"]
        self.assertIn("resolve", [action["name"] for action in row["actions"]])
        tx.with_user(self.accountant).resolve(True, "Seen in the dashboard")
        self.assertEqual(self.invoice.amount_residual, 0.0)
        self.assertEqual(len(self._get_booked(tx)), 1)

    def test_register_dialog_is_refused_while_something_is_unknown(self):
        attempt = self.start_attempt(RuntimeError("cut"))
        self.gateway.answers = ["done"]
        with self.assertRefused(f"outcome of {attempt.reference} .* is unknown"):
            self.register_with_token()

    def test_register_dialog_is_refused_while_a_charge_is_pending(self):
        attempt = self.start_attempt("pending", amount=10.0)
        self.gateway.answers = ["done"]
        with self.assertRefused(f"{attempt.reference} .* is in flight"):
            self.register_with_token()

    def test_register_dialog_for_a_failed_attempt(self):
        self.start_attempt("error")
        self.gateway.answers = ["done"]
        self.register_with_token()
        self.assertEqual(self.invoice.amount_residual, 0.0)

    # === LINKS AND NOTES === #

    def test_charge_links_its_payment_with_the_invoice(self):
        payment = self.start_attempt("done", amount=400.0).sudo().payment_id
        for _again in range(2):
            self.assertEqual(payment.reconciled_invoice_ids, self.invoice)
            self.assertEqual(payment.invoice_ids, self.invoice)
            self.assertEqual(self.invoice.sudo().reconciled_payment_ids, payment)
            self.assertEqual(self.invoice.sudo().matched_payment_ids, payment)
            self.assertTrue(payment.is_reconciled)
            self.env.flush_all()
            self.env.invalidate_all()

    def test_payments_are_searched_of_matched_lines_only(self):
        find_payments = AccountMove._compute_reconciled_payment_ids
        searched = self.env["account.move"]

        def note_searched(moves):
            nonlocal searched
            searched |= moves
            find_payments(moves)

        unpaid = self.make_invoice(post=False)
        promised = self.make_invoice()
        paid = self.invoice | self.make_invoice()
        credited = self.make_invoice()
        spy = patch.object(
            AccountMove, "_compute_reconciled_payment_ids", note_searched
        )
        with spy:
            unpaid.action_post()
        self.assertFalse(searched)
        unconfirmed = self.env["account.payment"].create(
            {
                "partner_id": self.partner.id,
                "amount": 1000.0,
                "journal_id": self.bank.id,
                "invoice_ids": [Command.set(promised.ids)],
            }
        )
        payments = [invoice.record_external_payment(amount=300.0) for invoice in paid]
        paid[1].button_draft()
        credited.sudo().issue_credit_note(reason="Returned")
        invoices = (unpaid | promised | paid | credited).with_user(self.accountant)
        self.env.flush_all()
        self.env.invalidate_all()
        with spy:
            found = [invoice.reconciled_payment_ids for invoice in invoices]
        none = self.env["account.payment"]
        self.assertEqual(found, [none, unconfirmed, *payments, none])
        self.assertEqual(searched, paid | credited)

    def test_charge_is_told_in_the_chatter_by_its_author(self):
        attempt = self.start_attempt("done", amount=400.0)
        notes = self.invoice.sudo().message_ids.filtered(
            lambda message: attempt.reference in message.body
        )
        self.assertGreaterEqual(len(notes), 2, "Sent, and received.")
        self.assertEqual(notes.author_id, self.accountant.partner_id)
        self.assertFalse(notes.notified_partner_ids)

    # === THE PORTAL === #

    def test_replayed_request_of_an_odoo_flow_sends_once(self):
        rooms = "odoo.addons.invoice_payments_ext.models"
        processing = f"{rooms}.attempts.payment_transaction_processing"
        values = {
            "currency_id": self.company.currency_id.id,
            "amount": 1000.0,
            "token_id": self.token.id,
            "invoice_ids": [Command.set(self.invoice.ids)],
            "operation": "online_token",
        }
        with patch(f"{processing}.request", SimpleNamespace()):
            self._create_transaction("token", **values)._charge_with_token()
            self.env.cr.rollback()  # Odoo does the same before it replays a request.
            replayed = self._create_transaction("token", **values)
            replayed._charge_with_token()
        self.assertEqual(len(self.gateway.requests), 1)
        self.assertEqual(replayed.outcome, "unknown")
        with patch(f"{processing}.request", SimpleNamespace()):
            other = self._create_transaction(
                "token", **{**values, "reference": "Another request"}
            )
            other._charge_with_token()
            other.sudo()._post_process()
        self.assertEqual(len(self.gateway.requests), 2)
        self.late_confirmation = True

    def test_portal_charge_by_token_timed_out(self):
        tx = self.make_portal_transaction(
            operation="online_token", token_id=self.token.id, amount=1000.0
        )
        self.assertTrue(self.invoice._has_to_be_paid())
        self.gateway.answers = [self.transport_error(requests.ReadTimeout("slow"))]
        tx._charge_with_token()
        self._keep()
        self.assertEqual(tx.outcome, "unknown")
        self.assertEqual(tx.state, "draft")
        self.assertFalse(self.invoice._has_to_be_paid())
        self.gateway.notify(tx, "done")
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_portal_charge_by_token_declined(self):
        tx = self.make_portal_transaction(
            operation="online_token", token_id=self.token.id
        )
        self.gateway.answers = ["error"]
        tx._charge_with_token()
        self._keep()
        self.assertEqual(tx.outcome, "declined")
        self.assertTrue(self.invoice._has_to_be_paid())

    def test_portal_payment_beside_an_unknown_attempt(self):
        self.assertTrue(self.invoice._has_to_be_paid())
        attempt = self.start_attempt(RuntimeError("cut"), amount=10.0)
        self.assertFalse(self.invoice._has_to_be_paid())
        attempt.resolve(False, "Not in the dashboard")
        self.assertTrue(self.invoice._has_to_be_paid())

    def test_portal_redirect_confirmed_after_its_error(self):
        tx = self.make_portal_transaction("error", "Aborted")
        self.gateway.notify(tx, "done")
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 900.0)
        self.assertEqual(len(self._get_booked(tx)), 1)

    # === POST-PROCESSING === #

    def test_post_processing_several_transactions(self):
        paid, waiting = (self.make_invoice(100.0, post=False) for _number in range(2))
        done = self.make_portal_transaction(
            reference="DONE", invoice_ids=[Command.set(paid.ids)]
        )
        pending = self.make_portal_transaction(
            reference="PENDING", invoice_ids=[Command.set(waiting.ids)]
        )
        self.gateway.notify(done, "done")
        self.gateway.notify(pending, "pending")
        (done | pending).sudo()._post_process()
        self._keep()
        self.assertEqual(paid.state, "posted")
        self.assertEqual(paid.amount_residual, 0.0)
        self.assertEqual(waiting.state, "draft")

    def test_odoo_s_own_schedule_books_our_attempts_once(self):
        attempt = self.start_attempt("pending")
        self.gateway.notify(attempt, "done")
        self._keep()
        attempt.sudo()._post_process()
        self._keep()
        self.run_resolver()
        self.assertEqual(len(self._get_booked(attempt.sudo())), 1)
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_odoo_s_own_schedule_leaves_those_that_are_being_booked(self):
        attempt = self.start_attempt("pending").sudo()
        self.gateway.notify(attempt, "done")
        self._keep()
        transactions = self.env.registry["payment.transaction"]

        def meet(_tx):
            raise psycopg2.errors.SerializationFailure("met another")

        for lock in (meet, lambda tx: tx.browse()):
            with patch.object(transactions, "_try_to_lock_quietly", lock):
                self.env["payment.transaction"].sudo()._cron_post_process()
            self.assertFalse(self._get_booked(attempt))
        for _twice in range(2):
            self.env["payment.transaction"].sudo()._cron_post_process()
            self.assertEqual(len(self._get_booked(attempt)), 1)
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_share_of_an_invoice_that_was_cancelled(self):
        """The money came late: it stays open on the payment, for the customer."""
        invoices = self.make_invoice(60.01) | self.make_invoice(39.99)
        shares = dict(zip(invoices, (60.01, 39.99), strict=True))
        tx = self.make_portal_transaction(
            "error",
            invoice_ids=[Command.set(invoices.ids)],
            share_ids=self.env["payment.transaction"]._prepare_shares(shares),
        ).sudo()
        invoices[1].sudo().button_draft()
        invoices[1].sudo().button_cancel()
        self.gateway.notify(tx, "done")
        self.run_resolver()
        self.late_confirmation = True
        self.assertEqual(tx.payment_id.amount, 100.0)
        self.assertEqual(invoices[0].amount_residual, 0.0)
        self.assertEqual(invoices[1].state, "cancel")
        lines = tx.payment_id._get_receivable_lines()
        self.assertEqual(sum(lines.mapped("amount_residual")), -39.99)

    def test_settling_twice_books_once(self):
        attempt = self.start_attempt("done", amount=100.0)
        attempt.sudo()._settle()
        attempt.sudo()._try_to_settle()
        self.assertEqual(len(self._get_booked(attempt.sudo())), 1)

    def test_the_same_webhook_twice_books_once(self):
        attempt = self.start_attempt("pending", amount=100.0)
        self.gateway.notify(attempt, "done")
        self.gateway.notify(attempt, "done")
        self.run_resolver()
        self.gateway.notify(attempt, "done")
        self.run_resolver()
        self.assertEqual(len(self._get_booked(attempt.sudo())), 1)

    def test_webhook_before_the_answer(self):
        def answer(tx):
            # Another server process stores this while this one waits for the answer.
            self.gateway.apply(
                tx.with_context(gateway_answer=None),
                self.gateway.payment_data(tx, "done"),
            )
            return "done"

        attempt = self.start_attempt(answer)
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertEqual(len(self._get_booked(attempt.sudo())), 1)

    def test_webhook_that_is_late_after_success_changes_nothing(self):
        attempt = self.start_attempt("done", amount=100.0)
        for state in ("pending", "authorized"):
            self.gateway.notify(attempt, state)
            self.assertEqual(attempt.outcome, "succeeded")
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 900.0)

    def test_pending_that_is_declined_releases_the_invoice(self):
        attempt = self.start_attempt("pending", amount=100.0)
        self.gateway.reason = "No funds"
        self.gateway.notify(attempt, "error")
        self._keep()
        self.assertEqual(attempt.outcome, "declined")
        self.assertEqual(self.invoice._get_chargeable_amount(), 1000.0)
        self.gateway.reason = None
        self.gateway.answers = ["done"]
        self.assertEqual(attempt.retry().amount, 100.0)

    # === CAPTURES BY ODOO'S OWN BUTTONS === #

    def test_full_capture_by_odoo_s_own_button(self):
        attempt = self.start_attempt("authorized")
        self.gateway.answers = ["done"]
        attempt.sudo()._capture()
        self._keep()
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 0.0)
        self.assertEqual(self.invoice._get_amount_in_flight(), 0.0)

    def test_full_void_by_odoo_s_own_button(self):
        attempt = self.start_attempt("authorized")
        self.gateway.answers = ["cancel"]
        attempt.sudo()._void()
        self._keep()
        self.run_resolver()
        self.assertEqual(attempt.outcome, "canceled")
        self.assertEqual(self.invoice._get_chargeable_amount(), 1000.0)
