from unittest.mock import patch

import psycopg2.errors
import requests

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from odoo.addons.payment.models.payment_transaction import PaymentTransaction

from ...models.attempts.gateway_answer import GatewayAnswer, NotSentError
from ...models.attempts.payment_transaction_amounts import AMOUNT_IS_READ
from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestAnswers(InvoicePaymentsCommon):
    """The fact that a gateway told is stored, and never another one."""

    def patch_transactions(self, name, method):
        """Override a method of transactions, as another addon does."""
        transactions = self.env.registry["payment.transaction"]
        original = getattr(transactions, name)
        self.patch(transactions, name, lambda tx, *args: method(original, tx, *args))

    def name_amount(self, amount, key="reference"):
        """Let the gateway name this amount from now on, as a provider's module does.

        :param str key: The answers with this key name it, and no others.
        """
        name = "_extract_amount_data"
        transactions = self.env.registry["payment.transaction"]
        ours = next(
            vars(each)[name] for each in transactions.mro()[1:] if name in vars(each)
        )
        self.patch(transactions, name, ours)  # In the place of the common patch.
        self.patch(
            PaymentTransaction,
            name,
            lambda tx, data: (
                {
                    "amount": amount,
                    "currency_code": tx.currency_id.name,
                    "precision_digits": 0,
                }
                if key in data
                else None
            ),
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

    def test_amount_of_a_payment_that_is_read_while_the_answer_is_applied(self):
        """As with Razorpay, whose answer to a charge names none."""
        self.patch_transactions(
            "_apply_updates",
            lambda original, tx, data: (
                tx._compare_read({**data, "read": True}),
                original(tx, data),
            ),
        )
        self.startPatcher(patch.dict(AMOUNT_IS_READ, {"none": "_read_state"}))
        for amount, outcome, reported, left in (
            (1000.0, "succeeded", 0.0, 0.0),
            (600.0, "unknown", 600.0, 1000.0),
        ):
            with self.subTest(amount):
                self.invoice = self.make_invoice()
                self.name_amount(amount, key="read")
                attempt = self.start_attempt("done")
                self.assertEqual(attempt.outcome, outcome)
                self.assertEqual(attempt.reported_amount, reported)
                self.assertEqual(self.invoice.amount_residual, left)

    def test_another_amount_of_an_answer_that_cannot_be_read(self):
        """Nobody knows that it is a decline: the money may have moved."""
        self.name_amount(0.0)
        self.patch_transactions("_apply_updates", self.fail_with(KeyError("state")))
        with self.assertLogs("odoo.addons.invoice_payments_ext.models", "ERROR"):
            attempt = self.start_attempt("error")
        self.assertEqual(attempt.outcome, "unknown")
        self.assertEqual(self.invoice.amount_residual, 1000.0)
        with self.assertRefused("outcome of .* is unknown"):
            self.invoice.charge(self.token.id)

    # === ERRORS WHILE AN ANSWER IS APPLIED === #

    @staticmethod
    def fail_with(error):
        """Return a method that raises an error."""

        def fail(*_arguments, **_values):
            raise error

        return fail

    def test_errors_of_the_database_are_never_swallowed(self):
        """Odoo does the request again; whoever swallowed one would work on with it."""
        attempt = self.start_attempt("pending").sudo()
        data = self.gateway.payment_data(attempt, "done")
        answer = GatewayAnswer(attempt, [["data", "none", data]])
        attempt.kept_answer = answer.facts
        self._keep()
        fail = self.fail_with(psycopg2.errors.SerializationFailure("met another"))
        bug = RuntimeError("bug")
        tx, provider = "payment.transaction", "payment.provider"
        for model, name, work in (
            (tx, "_apply_updates", lambda: attempt._process("none", data)),
            (tx, "_apply_updates", lambda: attempt._record_fact(answer, bug)),
            (tx, "_apply_updates", lambda: attempt._says_money_moved(data)),
            (tx, "_apply_fact", attempt._apply_kept_answer),
            (tx, "_record_answer", attempt._send_uncommitted),
            ("account.move", "activity_schedule", lambda: attempt._tell_fault(bug)),
            (provider, "_fetch_outcome", attempt._is_known_to_provider),
        ):
            with (
                self.subTest(name),
                patch.object(self.env.registry[model], name, fail),
                self.assertRaises(psycopg2.errors.SerializationFailure),
            ):
                work()
            self.env.cr.rollback()
            self.env.invalidate_all()
            self.assertEqual(attempt.outcome, "pending")
            self.assertFalse(self.invoice.sudo().activity_ids)
        self.assertTrue(attempt.kept_answer)

    def test_nobody_can_be_told_of_a_fault(self):
        """The outcome that was stored before stays."""
        attempt = self.start_attempt("pending").sudo()
        moves = self.env.registry["account.move"]
        fail = self.fail_with(RuntimeError("bug"))
        self.patch(self.env.registry["payment.transaction"], "_set_done", fail)
        with (
            patch.object(moves, "activity_schedule", fail),
            self.assertLogs("odoo.addons.invoice_payments_ext.models", "ERROR") as logs,
        ):
            self.notify(attempt)
        self.assertIn("Nobody could be told", "".join(logs.output))
        self.assertFalse(self.invoice.sudo().activity_ids)
        self.assertEqual(attempt.outcome, "pending")

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

    def test_request_that_fails_after_the_answer_was_applied_changes_nothing(self):
        def apply_updates(original, tx, data):
            original(tx, data)
            try:
                raise self.transport_error(requests.ReadTimeout("slow"))
            except ValidationError as error:
                tx._set_error(str(error))

        self.patch_transactions("_apply_updates", apply_updates)
        tx = self.make_portal_transaction(amount=1000.0)
        with self.assertLogs("odoo.addons.invoice_payments_ext.models", "WARNING"):
            self.notify(tx)
        self.assertEqual(tx.outcome, "succeeded")
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_kept_answer_is_kept_until_it_can_be_applied(self):
        self.ask_while_applying([requests.ReadTimeout("slow") for _time in range(4)])
        attempt = self.start_attempt("done").sudo()
        kept = attempt.kept_answer
        self.assertTrue(kept)
        self.run_resolver()
        self.assertEqual((attempt.outcome, attempt.kept_answer), ("unknown", kept))
        self.assertEqual(self.invoice.amount_residual, 1000.0)
        self.run_resolver()
        self.assertEqual((attempt.outcome, attempt.kept_answer), ("succeeded", False))
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_kept_state_that_others_break_is_stored(self):
        attempt = self.start_attempt(TimeoutError()).sudo()
        attempt.kept_answer = [["state", "done", "", []]]
        transactions = self.env.registry["payment.transaction"]
        with (
            patch.object(
                transactions, "_set_done", self.fail_with(RuntimeError("bug"))
            ),
            self.assertLogs("odoo.addons.invoice_payments_ext.models", "ERROR"),
        ):
            self.run_resolver()
        self.assertEqual((attempt.outcome, attempt.kept_answer), ("succeeded", False))
        self.assertIn("bug", self.invoice.sudo().activity_ids.note)
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_fault_without_an_answer_keeps_none(self):
        with self.force_error_once(
            "payment.transaction", "_set_unknown", RuntimeError("broken automation")
        ):
            attempt = self.start_attempt(lambda tx: None).sudo()
        self.assertEqual((attempt.outcome, attempt.kept_answer), ("unknown", False))
        self.assertIn("broken automation", self.invoice.sudo().activity_ids.note)
        self.assertTrue(attempt.holds_invoice)

    def test_method_that_is_only_saved_is_tried_again_by_the_customer(self):
        """It moves no money: nothing is stored, and the gateway gets the error."""
        tx = self.make_portal_transaction(operation="validation", invoice_ids=False)
        self.patch_transactions("_apply_updates", self.fail_with(RuntimeError("bug")))
        with self.assertRaisesRegex(RuntimeError, "bug"):
            self.notify(tx)
        self.env.invalidate_all()
        self.assertEqual((tx.state, tx.request_state), ("draft", False))
        self.assertFalse(tx.kept_answer)

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

    def test_state_that_others_break_is_stored(self):
        """Set without payment data; and another amount, of which nothing is stored."""

        def write(original, tx, vals):
            if vals.get("state") in ("done", "error"):
                raise RuntimeError("broken automation")
            return original(tx, vals)

        transactions = self.env.registry["payment.transaction"]
        original = transactions.write
        broken = patch.object(
            transactions, "write", lambda tx, vals: write(original, tx, vals)
        )
        with broken:
            attempt = self.start_attempt(lambda tx: tx._set_done())
        self.assertEqual(attempt.outcome, "succeeded")
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 0.0)
        self.invoice = self.make_invoice()
        self.name_amount(600.0)
        with broken:
            attempt = self.start_attempt("done").sudo()
        self.assertEqual(attempt.outcome, "unknown")
        self.assertTrue(attempt.kept_answer)
        self.run_resolver()
        self.assertEqual((attempt.outcome, attempt.reported_amount), ("unknown", 600.0))
        self.assertEqual(self.invoice.amount_residual, 1000.0)

    def test_news_that_others_break_tells_what_was_known(self):
        attempt = self.start_attempt("pending")
        transactions = self.env.registry["payment.transaction"]
        self.patch(transactions, "_set_pending", self.fail_with(RuntimeError("broken")))
        self.notify(attempt, "pending")
        self.assertEqual(attempt.outcome, "pending")
        self.assertFalse(attempt.sudo().kept_answer)
        self.assertIn("broken", self.invoice.sudo().activity_ids.note)

    def test_junk_from_outside_is_refused_as_in_stock(self):
        strange = {"reference": "of somebody else", "state": "done"}
        transactions = self.env["payment.transaction"].sudo()
        self.assertFalse(transactions._process("none", strange))
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
