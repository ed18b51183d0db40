import requests
from urllib3.exceptions import NewConnectionError

from odoo.tests import tagged

from ..common import InvoicePaymentsCommon


class _NotConnected(Exception):
    reason = NewConnectionError(None, "refused")


@tagged("post_install", "-at_install")
class TestRetry(InvoicePaymentsCommon):
    """A failed attempt is repeated by another attempt, linked to it."""

    def _fail(self, amount=None, **values):
        attempt = self.start_attempt("error", amount=amount, **values)
        self.gateway.answers = ["done"]
        return attempt

    def test_same_method_and_amount(self):
        failed = self._fail(400.0)
        retried = failed.retry()
        self.assertNotEqual(retried, failed)
        self.assertEqual(retried.amount, 400.0)
        self.assertEqual(retried.token_id, self.token)
        self.assertEqual(retried.retried_transaction_id, failed)
        self.assertEqual(retried.charge_invoice_id, self.invoice)
        self.assertNotEqual(retried.reference, failed.reference)
        self.assertEqual(failed.outcome, "declined")
        self.assertEqual(self.invoice.amount_residual, 600.0)
        self.assertEqual(len(self.gateway.requests), 2)

    def test_another_method(self):
        other = self._create_token(payment_details="5678")
        retried = self._fail().retry(other.id)
        self.assertEqual(retried.token_id, other)

    def test_lesser_of_its_own_and_the_chargeable_amount(self):
        failed = self._fail(400.0)
        self.invoice.record_external_payment(amount=700.0)
        self.assertEqual(failed.retry().amount, 300.0)

    def test_amount_beside_one_in_flight_in_the_portal(self):
        failed = self._fail(400.0)
        self.make_portal_transaction("pending", amount=900.0)
        self.assertEqual(failed.retry().amount, 100.0)

    def test_every_kind_of_failure(self):
        answers = (
            "error",
            "cancel",
            self.transport_error(requests.ConnectionError(_NotConnected())),
        )
        outcomes = []
        for answer in answers:
            self.gateway.answers = [answer, "done"]
            attempt = self.invoice.charge(self.token.id, amount=10.0)
            outcomes.append(attempt.outcome)
            self.assertEqual(attempt.retry().outcome, "succeeded")
        self.assertEqual(outcomes, ["declined", "canceled", "failed"])

    def test_a_retry_can_be_retried(self):
        first = self._fail()
        self.gateway.answers = ["error"]
        second = first.retry()
        self.gateway.answers = ["done"]
        third = second.retry()
        self.assertEqual(third.retried_transaction_id, second)
        self.assertEqual(second.retried_transaction_id, first)
        self.assertEqual(self.outcomes(), ["declined", "declined", "succeeded"])

    def test_failed_portal_transaction_with_the_default_method(self):
        tx = self.make_portal_transaction("error")
        retried = tx.with_user(self.accountant).retry()
        self.assertEqual((retried.amount, retried.token_id), (100.0, self.token))
        self.assertEqual(retried.operation, "offline")

    def test_failed_portal_transaction_without_any_method(self):
        tx = self.make_portal_transaction("error")
        self.token.active = False
        with self.assertRefused("Norbert Buyer has no saved payment method"):
            tx.with_user(self.accountant).retry()

    def test_archived_method(self):
        failed = self._fail()
        self.token.active = False
        with self.assertRefused("is archived"):
            failed.retry()

    def test_same_key_retries_once(self):
        failed = self._fail(100.0)
        first = failed.retry(idempotency_key="R")
        self.assertEqual(failed.retry(idempotency_key="R"), first)
        self.assertEqual(len(self.gateway.requests), 2)
        other = self._create_token()
        with self.assertRefused("key R was used already with other values"):
            failed.retry(other.id, idempotency_key="R")

    # === REFUSALS === #

    def test_attempts_that_did_not_fail(self):
        succeeded = self.start_attempt("done", amount=10.0)
        with self.assertRefused(f"{succeeded.reference} did not fail"):
            succeeded.retry()
        opened = self.make_portal_transaction()
        with self.assertRefused(f"{opened.reference} did not fail"):
            opened.with_user(self.accountant).retry()

    def test_while_something_is_in_flight(self):
        for answer, word in (
            ("pending", "is in flight: Pending"),
            ("authorized", "is in flight: Authorized"),
            (RuntimeError("cut"), "is unknown"),
        ):
            with self.subTest(word):
                self.invoice = self.make_invoice()
                failed = self._fail(10.0)
                attempt = self.start_attempt(answer, amount=10.0)
                with self.assertRefused(f"{attempt.reference} .*{word}"):
                    failed.retry()

    def test_attempt_that_is_in_flight_itself(self):
        attempt = self.start_attempt("pending")
        with self.assertRefused(f"{attempt.reference} .*is in flight"):
            attempt.retry()

    def test_when_nothing_remains(self):
        failed = self._fail()
        self.invoice.record_external_payment()
        with self.assertRefused(f"Nothing remains to be paid on {self.invoice.name}"):
            failed.retry()

    def test_when_all_that_remains_is_in_flight(self):
        failed = self._fail()
        self.make_portal_transaction("pending", amount=1000.0)
        with self.assertRefused("amount|in flight"):
            failed.retry()

    def test_on_an_invoice_that_was_reset_or_cancelled(self):
        failed = self._fail()
        self.invoice.sudo().button_draft()
        with self.assertRefused("is a draft"):
            failed.retry()
        self.invoice.sudo().button_cancel()
        with self.assertRefused("is cancelled"):
            failed.retry()

    def test_attempt_for_several_invoices(self):
        other = self.make_invoice()
        tx = self.make_portal_transaction(
            "error", invoice_ids=[(6, 0, (self.invoice | other).ids)]
        )
        with self.assertRefused("is not for a single invoice"):
            tx.with_user(self.accountant).retry()

    def test_attempt_for_no_invoice(self):
        tx = self.make_portal_transaction("error", invoice_ids=[])
        with self.assertRefused("is not for a single invoice"):
            tx.with_user(self.accountant).retry()

    # === CAPTURES === #

    def test_failed_capture_can_be_captured_again(self):
        authorized = self.start_attempt("authorized")
        self.gateway.answers = ["error"]
        capture = authorized.capture(amount=600.0)
        self.assertEqual(capture.outcome, "declined")
        with self.assertRefused("did not fail|in flight"):
            capture.retry()
        self.gateway.answers = ["done"]
        authorized.capture(amount=600.0)
        self.assertEqual(self.invoice.amount_residual, 400.0)

    def test_capture_that_the_gateway_never_got_leaves_the_authorization(self):
        authorized = self.start_attempt("authorized")
        self.gateway.answers = [
            self.transport_error(requests.ConnectionError(_NotConnected())),
            "done",
        ]
        self.assertEqual(authorized.capture().outcome, "failed")
        self.assertEqual(authorized.outcome, "authorized")
        self.assertEqual(authorized.capture().outcome, "succeeded")
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_capture_that_was_never_sent_leaves_the_authorization(self):
        authorized = self.start_attempt("authorized")
        capture = self._make_stuck_child(authorized, "capture")
        self.run_resolver()
        self.assertIn(capture.outcome, ("failed", "canceled"))
        self.assertEqual(authorized.outcome, "authorized")
        self.assertEqual(self.invoice._get_amount_in_flight(), 1000.0)
        self.gateway.answers = ["done"]
        authorized.capture()
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_void_that_was_never_sent_leaves_the_authorization(self):
        authorized = self.start_attempt("authorized")
        self._make_stuck_child(authorized, "void")
        self.run_resolver()
        self.assertEqual(authorized.outcome, "authorized")
        self.assertEqual(self.invoice._get_amount_in_flight(), 1000.0)

    def test_unknown_capture_resolved_as_not_carried_out(self):
        authorized = self.start_attempt("authorized")
        self.gateway.answers = [RuntimeError("cut"), "done"]
        capture = authorized.capture()
        self.assertEqual(capture.outcome, "unknown")
        with self.assertRefused(f"{capture.reference}"):
            authorized.capture()
        capture.resolve(False, "Not in the dashboard")
        self.assertEqual(authorized.outcome, "authorized")
        self.assertEqual(authorized.capture().outcome, "succeeded")
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_unknown_capture_resolved_as_carried_out(self):
        authorized = self.start_attempt("authorized")
        self.gateway.answers = [RuntimeError("cut")]
        authorized.capture(amount=600.0).resolve(True, "Seen in the dashboard")
        self.assertEqual(self.invoice.amount_residual, 400.0)
        self.assertEqual(self.invoice._get_amount_in_flight(), 400.0)

    def test_unknown_void_that_was_carried_out_brings_no_money(self):
        authorized = self.start_attempt("authorized")
        self.gateway.answers = [RuntimeError("cut")]
        void = authorized.void()
        self.assertEqual(void.outcome, "unknown")
        # `charged`: whether the gateway carried the request out.
        void.resolve(True, "Voided in the dashboard")
        self.assertEqual(self.invoice.amount_residual, 1000.0)
        self.assertEqual(self.invoice._get_amount_in_flight(), 0.0)
        self.assertFalse(void.sudo().payment_id)

    def _make_stuck_child(self, authorized, kind):
        """Return a capture or void that a crash left before it was sent."""
        with self.stopped_before_sending():
            child = getattr(authorized, kind)()
        self._keep()
        self.assertEqual(child.outcome, "ready")
        return child
