from unittest.mock import patch

import psycopg2.errors
import requests

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from odoo.addons.payment.models.payment_transaction import PaymentTransaction

from ...models.attempts.gateway_answer import NotSentError
from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestAnswers(InvoicePaymentsCommon):
    """The fact that a gateway told is stored, and never another one."""

    def patch_transactions(self, name, method):
        """Override a method of transactions, as another addon does."""
        transactions = self.env.registry["payment.transaction"]
        original = getattr(transactions, name)
        self.patch(transactions, name, lambda tx, *args: method(original, tx, *args))

    def name_amount(self, amount):
        """Let the gateway name this amount from now on, as a provider's module does."""
        name = "_extract_amount_data"
        transactions = self.env.registry["payment.transaction"]
        ours = next(
            vars(each)[name] for each in transactions.mro()[1:] if name in vars(each)
        )
        self.patch(transactions, name, ours)  # In the place of the common patch.
        self.patch(
            PaymentTransaction,
            name,
            lambda tx, _data: {
                "amount": amount,
                "currency_code": tx.currency_id.name,
                "precision_digits": 0,
            },
        )

    def notify(self, tx, state="done"):
        tx.sudo()._process("none", self.gateway.payment_data(tx, state))
        self.env.flush_all()

    # === ANOTHER AMOUNT === #

    def test_another_amount_stays_unknown_however_often_it_is_named(self):
        self.name_amount(600.0)
        attempt = self.start_attempt("done")
        for _time in range(3):
            self.assertEqual(attempt.outcome, "unknown")
            self.assertEqual(attempt.reported_amount, 600.0)
            self.notify(attempt)
        self.assertFalse(attempt.sudo().payment_id)
        for amount, words in ((0.0, "above zero"), (1000.01, "1,000.00")):
            with self.assertRefused(words):
                attempt.resolve(True, "Seen in the dashboard", amount=amount)
        attempt.resolve(True, "Seen in the dashboard", amount=600.0)
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertEqual(attempt.sudo().payment_id.amount, 600.0)
        self.assertEqual(self.invoice.amount_residual, 400.0)

    def test_decline_that_names_no_amount_is_a_decline(self):
        self.name_amount(0.0)
        for answer, outcome in (("error", "declined"), ("cancel", "canceled")):
            self.invoice = self.make_invoice()
            self.assertEqual(self.start_attempt(answer).outcome, outcome)

    def test_another_amount_after_success_changes_nothing(self):
        attempt = self.start_attempt("done")
        self.name_amount(600.0)
        self.notify(attempt)
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_rounded_amount_is_booked_as_it_was_taken(self):
        self.name_amount(100.0)
        attempt = self.start_attempt("done", amount=100.6)
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertEqual(attempt.amount, 100.0)
        self.assertEqual(self.invoice.amount_residual, 900.0)

    # === ERRORS WHILE AN ANSWER IS APPLIED === #

    def ask_while_applying(self, errors):
        """Let the provider's code ask the gateway again while it applies an answer."""

        def apply_updates(original, tx, data):
            try:
                if errors and (error := errors.pop(0)):
                    raise self.transport_error(error)
            except ValidationError as error:
                tx._set_error(str(error))
                return
            original(tx, data)

        self.patch_transactions("_apply_updates", apply_updates)

    def test_request_that_fails_while_an_answer_is_applied_is_no_decline(self):
        for error in (requests.ReadTimeout("slow"), requests.ConnectTimeout("closed")):
            with self.subTest(error):
                self.invoice = self.make_invoice()
                self.ask_while_applying([error, error])
                attempt = self.start_attempt("done")
                self.assertEqual(attempt.outcome, "unknown")
                self.assertTrue(attempt.sudo().kept_answer)
                self.run_resolver()
                self.assertEqual(attempt.outcome, "succeeded")
                self.assertFalse(attempt.sudo().kept_answer)
                self.assertEqual(self.invoice.amount_residual, 0.0)
                self.assertEqual(len(self.gateway.requests), 1)
                self.gateway.requests.clear()

    def test_request_that_fails_once_is_made_again(self):
        self.ask_while_applying([requests.ReadTimeout("slow")])
        attempt = self.start_attempt("done")
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertEqual(attempt.sudo().payment_id.amount, 1000.0)

    def test_payment_page_whose_return_cannot_be_read_is_no_decline(self):
        tx = self.make_portal_transaction(amount=1000.0)
        error = requests.ReadTimeout("slow")
        self.ask_while_applying([error, error])
        self.notify(tx)
        self.assertEqual(tx.outcome, "unknown")
        self.run_resolver()
        self.assertEqual(tx.outcome, "succeeded")
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_code_of_others_that_fails_does_not_lose_the_fact(self):
        for name, index in (("write", 0), ("_set_done", 1)):

            def fail(original, tx, *args, name=name):
                if name == "_set_done" or args[0].get("state") == "done":
                    raise RuntimeError("broken automation")
                return original(tx, *args)

            self.invoice = self.make_invoice()
            transactions = self.env.registry["payment.transaction"]
            original = getattr(transactions, name)
            with (
                self.subTest(name),
                patch.object(
                    transactions,
                    name,
                    lambda tx, *args, fail=fail, original=original, **kwargs: fail(
                        original, tx, *args
                    ),
                ),
            ):
                attempt = self.start_attempt("done")
                self.assertEqual(attempt.outcome, ("succeeded", "unknown")[index])
                self.assertIn(
                    "broken automation", self.invoice.sudo().activity_ids.note
                )
            self.run_resolver()
            self.assertEqual(attempt.outcome, "succeeded")
            self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_notification_that_others_break_is_stored(self):
        attempt = self.start_attempt("pending")

        def write(original, tx, vals):
            if vals.get("state") == "done":
                raise RuntimeError("broken automation")
            return original(tx, vals)

        self.patch_transactions("write", write)
        self.notify(attempt)
        self.assertEqual(attempt.outcome, "succeeded")
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_junk_from_outside_is_refused_as_in_stock(self):
        tx = self.make_portal_transaction(amount=1000.0)
        with self.assertRaises(KeyError):
            tx.sudo()._process("none", {"reference": tx.reference})
        self.assertEqual(tx.outcome, "draft")

    # === WRITTEN WHILE SENDING === #

    def fail_recording_once(self):
        """Let PostgreSQL refuse the first try to record an answer."""
        failures = [psycopg2.errors.SerializationFailure("met another")]

        def record(original, tx, answer):
            result = original(tx, answer)
            if failures:
                raise failures.pop()
            return result

        self.patch_transactions("_record_answer", record)

    def test_fields_written_while_sending_outlive_a_replay(self):
        def send(tx):
            tx.provider_reference = "GW-1"
            tx._set_done()

        self.fail_recording_once()
        attempt = self.start_attempt(send)
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertEqual(attempt.provider_reference, "GW-1")
        self.assertEqual(self.invoice.amount_residual, 0.0)
        self.assertEqual(len(self.gateway.requests), 1)

    def test_request_that_was_only_acknowledged_is_pending(self):
        def send(tx):
            tx.env.context["gateway_answer"].exchanges += 1
            tx.provider_reference = "GW-1"

        attempt = self.start_attempt(send)
        self.assertEqual(attempt.outcome, "pending")
        self.assertEqual(attempt.provider_reference, "GW-1")
        self.invoice = self.make_invoice()
        self.assertEqual(self.start_attempt(lambda tx: None).outcome, "unknown")

    def test_error_that_follows_from_a_refusal_does_not_hide_it(self):
        def send(tx):
            try:
                raise self.transport_error(requests.ConnectTimeout("closed"))
            except ValidationError as error:
                tx._set_error(str(error))
            return {}["id"]

        attempt = self.start_attempt(send)
        self.assertEqual(attempt.outcome, "failed")
        self.assertEqual(attempt.state_message, "No connection.")

    def test_reason_is_for_people(self):
        rejected = "The payment provider rejected the request.\nExpired card"
        for error, words in (
            (ValidationError(rejected), "Expired card"),
            (UserError("Expired card"), "Expired card"),
            (ValueError("Expecting value: line 1"), "no clear answer"),
        ):
            self.invoice = self.make_invoice()
            attempt = self.start_attempt(error)
            self.assertIn(words, attempt.state_message)
            self.assertNotIn("rejected", attempt.state_message)
            self.assertNotIn("Expecting", attempt.state_message)

    def test_request_that_was_refused_here_was_not_sent(self):
        attempt = self.start_attempt(NotSentError("Not yet"))
        self.assertEqual(attempt.outcome, "failed")
        self.assertEqual(attempt.state_message, "Not yet")

    # === THE FAMILY OF A PAYMENT === #

    def test_part_is_sent_with_the_reference_of_its_payment(self):
        seen = []

        def send(tx):
            seen.append(tx.provider_reference)
            return "done"

        attempt = self.start_attempt("authorized")
        self.gateway.answers = [send]
        capture = attempt.capture(amount=600.0)
        refund = capture.sudo().payment_id.with_user(self.supervisor)
        self.gateway.answers = [send, lambda tx: None]
        refund.refund(100.0, reason="Broken")
        refund.refund(100.0, reason="Broken")
        self.assertEqual(seen, [f"GW-{attempt.reference}"] * 2)
        refunds = capture.sudo().child_transaction_ids.sorted("id")
        self.assertEqual(
            refunds.mapped("provider_reference"),
            [f"GW-{refunds[0].reference}", False],
        )

    def test_refund_of_a_capture_that_is_reported_on_the_authorization(self):
        attempt = self.start_attempt("authorized")
        self.gateway.answers = ["done"]
        capture = attempt.capture()
        payment = capture.sudo().payment_id.with_user(self.supervisor)
        payment.refund(300.0, reason="Broken")
        refund = capture.sudo().child_transaction_ids
        # As payment_stripe does: it looks at the parts of the authorization only.
        reported = attempt.sudo()._create_child_transaction(300.0, is_refund=True)
        data = self.gateway.payment_data(refund, "done")
        reference = refund.provider_reference

        def apply_updates(_original, tx, _data):
            tx.provider_reference = reference
            tx._set_done()

        self.patch_transactions("_apply_updates", apply_updates)
        self.assertEqual(reported._process("none", data), refund)
        self.assertFalse(reported.exists())
        self.assertEqual(payment._get_refundable_amount(), 700.0)

    def test_refund_of_a_capture_without_an_answer_that_is_reported(self):
        attempt = self.start_attempt("authorized")
        self.gateway.answers = ["done", lambda tx: None]
        capture = attempt.capture()
        payment = capture.sudo().payment_id.with_user(self.supervisor)
        payment.refund(300.0, reason="Broken")
        refund = capture.sudo().child_transaction_ids
        self.assertEqual(refund.outcome, "unknown")
        reported = attempt.sudo()._create_child_transaction(300.0, is_refund=True)
        self.assertEqual(reported, refund)
        self.notify(refund)
        self.run_resolver()
        self.assertEqual(payment._get_refundable_amount(), 700.0)

    def test_capture_that_is_reported_on_the_authorization_is_booked_once(self):
        attempt = self.start_attempt("authorized")
        self.gateway.answers = [RuntimeError("cut")]
        capture = attempt.capture()
        self.assertEqual(capture.outcome, "unknown")
        self.notify(attempt)
        self.run_resolver()
        self.assertEqual(capture.outcome, "succeeded")
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertFalse(capture.provider_reference)  # Modules search by it.
        self.assertEqual(self.invoice.amount_residual, 0.0)
        payments = (attempt | capture).sudo().payment_id
        self.assertEqual(payments.mapped("amount"), [1000.0])
        with self.assertRefused("needs no resolving"):
            capture.resolve(True, "Seen in the dashboard")
