import re
import time
from unittest.mock import patch

import psycopg2.errors
import requests
from urllib3.exceptions import NewConnectionError

from odoo import fields
from odoo.exceptions import LockError, ValidationError
from odoo.tests import tagged
from odoo.tools import format_date

from ...models.attempts.payment_transaction_steps import MAX_TRIES
from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestCharge(InvoicePaymentsCommon):
    def test_full_charge_is_booked_and_reconciled(self):
        attempt = self.invoice.charge(self.token.id)
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertEqual(attempt.amount, 1000.0)
        self.assertEqual(self.invoice.amount_residual, 0.0)
        self.assertIn(self.invoice.payment_state, ("paid", "in_payment"))
        self.assertEqual(attempt.sudo().payment_id.amount, 1000.0)
        self.assertEqual(len(self.gateway.requests), 1)

    def test_partial_charge_with_memo(self):
        attempt = self.invoice.charge(self.token.id, amount=400.0, memo="First part")
        self.assertEqual(self.invoice.amount_residual, 600.0)
        self.assertIn("First part", attempt.sudo().payment_id.memo)
        row = self.invoice.get_payment_rows()[0]
        self.assertEqual(
            (row["kind"], row["state"], row["amount_applied"], row["memo"]),
            ("attempt", "succeeded", 400.0, "First part"),
        )

    def test_declined_keeps_the_reason_and_changes_no_balance(self):
        self.gateway.answers = ["error"]
        self.gateway.reason = "Insufficient funds"
        attempt = self.invoice.charge(self.token.id)
        self.assertEqual(attempt.outcome, "declined")
        self.assertEqual(self.invoice.amount_residual, 1000.0)
        title, message, kind = attempt._describe_outcome()
        self.assertIn("Insufficient funds", message)
        self.assertEqual((title, kind), ("Payment declined", "danger"))
        row = self.invoice.get_payment_rows()[0]
        self.assertEqual(row["reason"], "Insufficient funds")
        self.assertEqual(
            [a["name"] for a in row["actions"] if a["enabled"]][0], "retry"
        )

    def test_pending_holds_the_invoice_and_is_booked_when_confirmed(self):
        self.gateway.answers = ["pending"]
        attempt = self.invoice.charge(self.token.id, amount=400.0)
        self.assertEqual(attempt.outcome, "pending")
        self.assertEqual(self.invoice._get_chargeable_amount(), 600.0)
        with self.assertRefused("is in flight: Pending"):
            self.invoice.charge(self.token.id, amount=10.0)
        self.gateway.notify(attempt, "done")
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 600.0)
        self.assertEqual(attempt.outcome, "succeeded")

    def test_error_confirmed_late_is_booked(self):
        self.gateway.answers = ["error"]
        attempt = self.invoice.charge(self.token.id)
        self.gateway.notify(attempt, "done")
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_cancellation_confirmed_late_is_booked(self):
        self.gateway.answers = ["cancel"]
        attempt = self.invoice.charge(self.token.id)
        self.assertEqual(attempt.outcome, "canceled")
        self.gateway.notify(attempt, "done")
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_late_confirmation_above_the_remaining_amount_is_kept_and_told(self):
        self.late_confirmation = True
        self.gateway.answers = ["error", "done"]
        first = self.invoice.charge(self.token.id)
        self.invoice.charge(self.token.id)
        self.assertEqual(self.invoice.amount_residual, 0.0)
        self.gateway.notify(first, "done")
        self.run_resolver()
        payment = first.sudo().payment_id
        self.assertEqual(payment.state, "in_process")
        self.assertEqual(
            -sum(
                payment.move_id.line_ids.filtered(
                    lambda line: line.account_id.account_type == "asset_receivable"
                ).mapped("amount_residual")
            ),
            1000.0,
        )
        activity = self.invoice.sudo().activity_ids
        self.assertEqual(activity.summary, "Payment above the remaining amount")
        self.assertEqual(activity.user_id, self.accountant)

    def test_time_out_is_unknown_and_blocks_everything(self):
        self.gateway.answers = [self.transport_error(requests.ReadTimeout("slow"))]
        attempt = self.invoice.charge(self.token.id)
        self.assertEqual(attempt.outcome, "unknown")
        self.assertEqual(attempt.state, "draft")
        with self.assertRefused("outcome of .* is unknown"):
            self.invoice.charge(self.token.id)
        with self.assertRefused("outcome of .* is unknown"):
            self.invoice.record_external_payment()
        with self.assertRefused("outcome of .* is unknown"):
            self.invoice.sudo().button_draft()
        with self.assertRefused("outcome of .* is unknown"):
            attempt.retry()
        self.assertFalse(self.invoice._has_to_be_paid())
        row = self.invoice.get_payment_rows()[0]
        self.assertIn("resolve", [action["name"] for action in row["actions"]])

    def test_unreachable_gateway_is_failed_and_retryable_at_once(self):
        refused = requests.ConnectionError(_MaxRetryError())
        self.gateway.answers = [self.transport_error(refused), "done"]
        attempt = self.invoice.charge(self.token.id)
        self.assertEqual(attempt.outcome, "failed")
        retried = attempt.retry()
        self.assertEqual(retried.outcome, "succeeded")
        self.assertEqual(retried.retried_transaction_id, attempt)

    def test_resolved_as_not_charged_then_confirmed_late(self):
        self.late_confirmation = True
        self.gateway.answers = [RuntimeError("cut"), "done"]
        attempt = self.invoice.charge(self.token.id, amount=700.0)
        self.assertEqual(attempt.outcome, "unknown")
        attempt.resolve(False, "Not in the dashboard")
        self.assertEqual(attempt.outcome, "canceled")
        self.assertIn("Not in the dashboard", attempt.state_message)
        self.assertTrue(
            self.invoice.sudo().message_ids.filtered(
                lambda message: (
                    "Not in the dashboard" in message.body
                    and self.accountant.name in message.body
                )
            )
        )
        self.gateway.notify(attempt, "done")
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 300.0)

    def test_resolved_as_charged_is_booked(self):
        self.gateway.answers = [RuntimeError("cut")]
        attempt = self.invoice.charge(self.token.id)
        attempt.resolve(True, "Seen in the dashboard")
        self.assertEqual(self.invoice.amount_residual, 0.0)
        self.gateway.notify(attempt, "done")
        self.run_resolver()
        with self.assertRefused("needs no resolving"):
            attempt.resolve(True, "Again")

    def test_the_same_key_charges_once(self):
        first = self.invoice.charge(self.token.id, amount=100.0, idempotency_key="K-1")
        again = self.invoice.charge(self.token.id, amount=100.0, idempotency_key="K-1")
        self.assertEqual(first, again)
        self.assertEqual(len(self.gateway.requests), 1)
        with self.assertRefused("idempotency key K-1 was used already"):
            self.invoice.charge(self.token.id, amount=101.0, idempotency_key="K-1")

    def test_a_serialization_failure_never_sends_twice(self):
        failure = psycopg2.errors.SerializationFailure("forced")
        transactions = "payment.transaction"
        for method in ("_mark_sent", "_record_answer", "_settle"):
            with self.subTest(method=method):
                self.gateway.requests.clear()
                with self.force_error_once(transactions, method, failure) as raised:
                    attempt = self.invoice.charge(self.token.id, amount=100.0)
                self.assertTrue(raised)
                self.assertEqual(attempt.outcome, "succeeded")
                self.assertEqual(len(self.gateway.requests), 1)

    def test_an_answer_waits_for_one_who_holds_the_attempt(self):
        """He may ask the gateway, or print a receipt, for many seconds."""
        transactions = self.env.registry["payment.transaction"]
        waits = []
        record = transactions._record_answer

        def wait(attempt, answer):
            if sum(waits) < 15:
                raise LockError("Held")
            return record(attempt, answer)

        self.patch(transactions, "_record_answer", wait)
        with patch.object(time, "sleep", waits.append):
            attempt = self.invoice.charge(self.token.id, amount=100.0)
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertEqual(len(self.gateway.requests), 1)

    def test_a_row_that_is_held_when_the_request_is_to_leave(self):
        """It leaves once the row is free; if it is not, nothing leaves."""
        transactions = self.env.registry["payment.transaction"]
        lock = transactions._lock_attempt
        for tries, outcome, requests_sent in (
            (3, "succeeded", 1),
            (MAX_TRIES, "failed", 0),
        ):
            held = iter([LockError("Held")] * tries)

            def hold(tx, held=held):
                if error := next(held, None):
                    raise error
                return lock(tx)

            self.gateway.requests.clear()
            with (
                self.subTest(outcome),
                patch.object(transactions, "_lock_attempt", hold),
                patch.object(time, "sleep"),
            ):
                attempt = self.invoice.charge(self.token.id, amount=100.0)
                self.assertEqual(attempt.outcome, outcome)
                self.assertEqual(len(self.gateway.requests), requests_sent)
        self.assertEqual(attempt.state_message, "It was not sent.")
        self.assertEqual(self.invoice._get_chargeable_amount(), 900.0)

    def test_a_request_that_the_resolver_took_for_a_crashed_one_does_not_leave(self):
        transactions = self.env.registry["payment.transaction"]
        lock = transactions._lock_to_send

        def take(tx):
            tx._set_unknown("Its sender is gone.")
            return lock(tx)

        self.patch(transactions, "_lock_to_send", take)
        attempt = self.invoice.charge(self.token.id)
        self.assertEqual(attempt.outcome, "unknown")
        self.assertFalse(self.gateway.requests)
        with self.assertRefused("outcome of .* is unknown"):
            self.invoice.charge(self.token.id)

    def test_a_prepared_attempt_that_must_not_leave(self):
        attempt = self.make_stuck_attempt("ready").sudo()
        transactions = self.env.registry["payment.transaction"]
        with patch.object(
            transactions, "try_lock_for_update", lambda tx, **_values: tx.browse()
        ):
            attempt._run_attempt()  # Whoever holds it sends it.
            attempt._mark_not_sent("It is not sent")
        self.assertEqual(attempt.outcome, "ready")
        attempt.provider_id.state = "disabled"
        self._keep()
        attempt._run_attempt()
        self.assertEqual(attempt.outcome, "failed")
        self.assertEqual(
            attempt.state_message, f"{attempt.provider_id.name} is disabled."
        )
        self.assertFalse(self.gateway.requests)
        self.assertEqual(self.invoice._get_chargeable_amount(), 1000.0)

    def test_an_error_of_the_database_while_sending(self):
        """Odoo would send it again: it is unknown, unless the gateway has answered."""
        failure = psycopg2.errors.SerializationFailure("met another")

        def fail_after_the_answer(tx):
            tx._process("none", self.gateway.payment_data(tx, "done"))
            raise failure

        for answer, outcome in (
            (failure, "unknown"),
            (psycopg2.OperationalError("cut"), "unknown"),
            (fail_after_the_answer, "succeeded"),
        ):
            self.invoice = self.make_invoice()
            self.gateway.requests.clear()
            with (
                self.subTest(answer),
                self.assertLogs("odoo.addons.invoice_payments_ext.models", "WARNING"),
            ):
                attempt = self.start_attempt(answer)
            self.assertEqual(attempt.outcome, outcome)
            self.assertEqual(len(self.gateway.requests), 1)
            left = 0.0 if outcome == "succeeded" else 1000.0
            self.assertEqual(self.invoice.amount_residual, left)

    def test_an_answer_that_cannot_be_stored_is_found_by_the_resolver(self):
        failure = psycopg2.errors.SerializationFailure("met another")

        def fail(*_arguments):
            raise failure

        transactions = self.env.registry["payment.transaction"]
        with (
            patch.object(transactions, "_record_answer", fail),
            patch.object(time, "sleep"),
            self.assertLogs("odoo.addons.invoice_payments_ext.models", "ERROR"),
        ):
            attempt = self.invoice.charge(self.token.id)
        self.assertEqual(attempt.outcome, "sent")
        self.assertEqual(self.invoice._get_chargeable_amount(), 0.0)
        self.run_resolver()
        self.assertEqual(attempt.outcome, "unknown")
        self.assertEqual(len(self.gateway.requests), 1)
        self.gateway.notify(attempt, "done")
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_a_row_that_is_held_when_the_money_is_to_be_booked(self):
        """Whoever holds it books it, or the schedule does: no person is told."""

        def hold(_tx):
            raise LockError("Held")

        transactions = self.env.registry["payment.transaction"]
        with (
            patch.object(transactions, "_settle", hold),
            patch.object(time, "sleep"),
        ):
            attempt = self.invoice.charge(self.token.id)
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertFalse(attempt.sudo().payment_id)
        self.assertFalse(self.invoice.sudo().activity_ids)
        self.run_resolver()
        self.assertEqual(attempt.sudo().payment_id.amount, 1000.0)
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_an_answer_that_cannot_be_read_is_unknown(self):
        def misread(tx, payment_data):
            raise KeyError("amount")

        self.patch(self.env.registry["payment.transaction"], "_apply_updates", misread)
        with self.assertLogs("odoo.addons.invoice_payments_ext.models", "ERROR"):
            attempt = self.invoice.charge(self.token.id)
        self.assertEqual(attempt.outcome, "unknown")
        self.assertEqual(len(self.gateway.requests), 1)

    def test_another_amount_at_the_gateway_is_left_to_a_person(self):
        self.patch(
            self.env.registry["payment.transaction"],
            "_extract_amount_data",
            lambda tx, data: {"amount": 60.0, "currency_code": tx.currency_id.name},
        )
        attempt = self.invoice.charge(self.token.id, amount=100.0)
        self.assertEqual(attempt.outcome, "unknown")
        self.assertIn("amount", attempt.state_message)
        self.run_resolver()
        self.assertEqual(attempt.outcome, "unknown")
        with self.assertRefused("outcome of .* is unknown"):
            self.invoice.charge(self.token.id, amount=100.0)
        attempt.resolve(False, "60.00 refunded in the dashboard")
        self.assertEqual(attempt.outcome, "canceled")

    def test_manual_capture_offers_capture_and_void(self):
        self.gateway.answers = ["authorized"]
        attempt = self.invoice.charge(self.token.id)
        self.assertEqual(attempt.outcome, "authorized")
        names = [a["name"] for a in self.invoice.get_payment_rows()[0]["actions"]]
        self.assertEqual(names[:2], ["capture", "void"])
        self.gateway.answers = ["done"]
        attempt.capture(amount=600.0)
        self.assertEqual(self.invoice.amount_residual, 400.0)
        self.assertEqual(self.invoice._get_amount_in_flight(), 400.0)
        self.gateway.answers = ["cancel"]
        attempt.void()
        self.assertEqual(self.invoice._get_amount_in_flight(), 0.0)
        self.assertEqual(self.invoice._get_chargeable_amount(), 400.0)
        self.assertEqual(
            [request[1] for request in self.gateway.requests],
            ["charge", "capture", "void"],
        )

    def test_a_provider_that_captures_in_full_only(self):
        attempt = self.start_attempt("authorized")
        providers = self.env.registry["payment.provider"]
        compute = providers._compute_feature_support_fields

        def compute_features(records):
            compute(records)
            records.support_manual_capture = "full_only"

        self.patch(providers, "_compute_feature_support_fields", compute_features)
        self.env.invalidate_all()
        with self.assertRefused(r"captures in full only: \$\s1,000.00"):
            attempt.capture(amount=600.0)
        self.gateway.answers = ["done"]
        attempt.capture(amount=1000.0)
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_nothing_is_voided_where_more_was_captured(self):
        attempt = self.start_attempt("authorized")
        self.gateway.answers = ["done"]
        attempt.capture(amount=600.0)
        attempt.sudo().amount = 500.0
        with self.assertRefused("no authorized amount left"):
            attempt.void()
        attempt.sudo().amount = 1000.0

    def test_money_that_cannot_be_booked_is_kept_told_and_booked_later(self):
        with self.force_error_once(
            "payment.transaction", "_settle", ValidationError("No journal")
        ):
            attempt = self.invoice.charge(self.token.id)
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertFalse(attempt.sudo().payment_id)
        self.assertEqual(self.invoice._get_chargeable_amount(), 0.0)
        self.assertEqual(
            self.invoice.sudo().activity_ids.summary, "Payment received, not booked"
        )
        for work in (
            lambda: self.invoice.charge(self.token.id),
            lambda: self.invoice.record_external_payment(1000.0),
        ):
            with self.assertRefused(
                f"{attempt.reference} .* was received and is not booked yet"
            ):
                work()
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 0.0)

    # === NOT BOOKED === #

    def test_refused_before_the_gateway_where_it_could_not_be_booked(self):
        """Neither charged, issued, captured, refunded nor retried; each names it."""
        authorized = self.start_attempt("authorized", amount=100)
        paid = self.make_invoice(50)
        self.gateway.answers = ["done"]
        payment = paid.charge(self.token.id).sudo().payment_id
        payment = payment.with_user(self.supervisor)
        invoice = self.make_invoice(10)
        draft = self.make_invoice(10, post=False)
        self.gateway.answers = ["error"]
        failed = self.make_invoice(10).charge(self.token.id)
        self.assertEqual(failed.outcome, "declined")
        self.gateway.requests.clear()
        bank = self.provider.journal_id.sudo()
        accounts = payment.sudo().destination_account_id
        accounts |= payment.sudo().outstanding_account_id
        works = (
            lambda: invoice.charge(self.token.id),
            lambda: draft.issue_and_charge(self.token.id),
            authorized.capture,
            lambda: payment.refund(reason="Wrong"),
            failed.retry,
        )
        for record in (bank, *accounts):
            record.active = False
            self._keep()
            for work in works:
                name = re.escape(record.sudo().name)
                with self.subTest(name), self.assertRefused(f"{name} is archived"):
                    work()
            record.active = True
        # As if there were no drafts in that time.
        self.env.cr.execute(
            "UPDATE res_company SET hard_lock_date = %s WHERE id = %s",
            (fields.Date.today(), self.company.id),
        )
        self.env.invalidate_all()
        for work in works:
            day = re.escape(format_date(self.env, fields.Date.today()))
            with self.assertRefused(f"the books are closed up to {day}"):
                work()
        self.assertFalse(self.gateway.requests)


class _MaxRetryError(Exception):
    reason = NewConnectionError(None, "refused")
