from odoo.exceptions import UserError
from odoo.tests import tagged

from ..credit.common_credit import CreditCommon


@tagged("post_install", "-at_install")
class TestTasks(CreditCommon):
    """A task of the addon ends when there is nothing left to do about its cause."""

    def _get_tasks(self, record):
        record.sudo().invalidate_recordset(["activity_ids"])
        return record.sudo().activity_ids.mapped("summary")

    def test_not_booked(self):
        error = UserError("The journal is archived.")
        with self.force_error_once("payment.transaction", "_settle", error):
            attempt = self.start_attempt("done", amount=100.0).sudo()
        summary = "Payment received, not booked"
        self.assertIn(summary, self._get_tasks(self.invoice))
        attempt._resolve_attempt()
        self.assertTrue(attempt.payment_id)
        self.assertNotIn(summary, self._get_tasks(self.invoice))

    def test_fault_of_an_attempt_that_came_to_nothing(self):
        attempt = self.start_attempt(lambda tx: None, amount=100.0).sudo()
        attempt._tell_fault("An error")
        attempt._tell_fault("The same error once more")
        summary = "Answer of the provider not applied"
        self.assertEqual(self._get_tasks(self.invoice), [summary])
        attempt.with_user(self.accountant).resolve(False, "Asked by telephone")
        self.assertNotIn(summary, self._get_tasks(self.invoice))

    def test_fault_of_a_payment_without_an_invoice(self):
        """As of a shop's order: there is no record to tell it on."""
        tx = self.make_portal_transaction(invoice_ids=False).sudo()
        tasks = self.env["mail.activity"].sudo()
        before = tasks.search([])
        tx._tell_fault("An error")
        self.assertEqual(tasks.search([]), before)

    def test_money_too_much(self):
        tx = self.start_attempt("error").sudo()
        self.invoice.record_external_payment()
        self.gateway.notify(tx, "done")
        tx._post_process()
        self.late_confirmation = True
        summary = "Payment above the remaining amount"
        self.assertIn(summary, self._get_tasks(self.invoice))
        line = tx.payment_id.move_id.line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        )
        # A part of it is not all.
        line.with_user(self.accountant).move_to_credit_balance(100.0)
        self.assertIn(summary, self._get_tasks(self.invoice))
        line.with_user(self.accountant).move_to_credit_balance()
        self.assertNotIn(summary, self._get_tasks(self.invoice))

    def test_money_that_was_taken_back_is_paid_again(self):
        self.charge(100.0).report_taken_back("returned_debit")
        summary = "Payment taken back"
        self.assertIn(summary, self._get_tasks(self.invoice))
        self.invoice.record_external_payment(50.0)
        self.assertIn(summary, self._get_tasks(self.invoice))
        self.invoice.record_external_payment()
        self.assertNotIn(summary, self._get_tasks(self.invoice))
