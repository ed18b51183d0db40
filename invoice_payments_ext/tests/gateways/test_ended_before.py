from datetime import timedelta
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

from ..common import InvoicePaymentsCommon

MODELS = "odoo.addons.invoice_payments_ext.models"


@tagged("post_install", "-at_install")
class TestEndedBefore(InvoicePaymentsCommon):
    """A charge whose decline came later ends at its provider before another one."""

    def setUp(self):
        super().setUp()
        self.ended = "cancel"  # The answer when it is to be ended.
        self.requests = []
        providers = self.env.registry["payment.provider"]
        self.patch(providers, "_may_end_payment", lambda _provider, _tx: True)
        self.patch(providers, "_end_payment", lambda _provider, tx: self.end(tx))

    def end(self, tx):
        self.requests.append(tx.id)
        if isinstance(self.ended, Exception):
            raise self.ended
        return self.ended and self.gateway.payment_data(tx, self.ended)

    def let_charge_wait(self):
        """Charge by the schedule; that the bank declined it is told days later."""
        self.gateway.answers = ["pending"]
        self.tx = self.charge()
        self.tx.write({"is_automatic": True, "request_sent_on": "2026-01-01"})
        self.gateway.notify(self.tx, "error")
        self.gateway.answers = ["done"]
        self.gateway.requests.clear()
        self._keep()
        self.assertEqual(self.tx.outcome, "declined")

    def charge(self):
        return self.invoice.charge(self.token.id, 1000).sudo()

    def test_it_ends_before_the_staff_charge(self):
        self.let_charge_wait()
        self.ended = None
        refused = self.charge()
        self.assertEqual(refused.outcome, "failed")
        self.assertIn("could not be ended", refused.state_message)
        self.assertFalse(self.gateway.requests)
        self.ended = "cancel"
        self.tx.asked_on -= timedelta(minutes=1)
        self._keep()
        self.assertEqual(self.charge().outcome, "succeeded")
        self.assertTrue(self.tx.ended_on)
        self.assertEqual(self.requests, [self.tx.id] * 2)
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_code_of_others_that_fails_to_end_it(self):
        """Then it did not end, and nothing else is charged."""
        self.let_charge_wait()
        self.ended = RuntimeError("broken")
        with mute_logger(f"{MODELS}.gateways.payment_transaction_again"):
            refused = self.charge()
        self.assertEqual((refused.outcome, self.tx.outcome), ("failed", "declined"))
        self.assertIn("could not be ended", refused.state_message)
        self.assertFalse(self.gateway.requests)
        self.assertEqual(self.invoice.amount_residual, 1000)

    def test_nobody_else_works_on_what_is_ended(self):
        """Where its row is held, or it came meanwhile, its provider is not asked."""
        self.let_charge_wait()
        transactions = self.env.registry["payment.transaction"]
        nothing = self.tx.browse()
        with patch.object(
            transactions, "try_lock_for_update", lambda *_args, **_values: nothing
        ):
            self.tx._end_at_provider()
        self.gateway.notify(self.tx, "done")
        self.tx._end_at_provider()
        self.tx._post_process()
        self.assertFalse(self.requests)
        self.assertFalse(self.tx.ended_on)
        self.assertEqual(self.tx.outcome, "succeeded")

    def test_it_was_paid_before_the_staff_charge(self):
        self.let_charge_wait()
        self.ended = "done"
        refused = self.charge()
        self.assertEqual((refused.outcome, self.tx.outcome), ("failed", "succeeded"))
        self.assertIn("came after all", refused.state_message)
        self.assertFalse(self.gateway.requests)
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_it_ends_before_it_is_retried(self):
        self.let_charge_wait()
        self.tx.with_user(self.accountant).retry()
        self.assertEqual(self.requests, self.tx.ids)
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_old_one_stops_nothing_where_its_provider_says_nothing(self):
        self.let_charge_wait()
        self.ended = None
        self.env.cr.execute(
            "UPDATE payment_transaction SET create_date = '2026-01-01' WHERE id = %s",
            self.tx.ids,
        )
        self.env.invalidate_all()
        self.assertEqual(self.charge().outcome, "succeeded")

    def test_method_that_was_declined_at_once_is_not_asked_about(self):
        self.gateway.answers = ["error", "done"]
        self.assertEqual(self.charge().outcome, "declined")
        self.assertEqual(self.charge().outcome, "succeeded")
        self.assertFalse(self.requests)
