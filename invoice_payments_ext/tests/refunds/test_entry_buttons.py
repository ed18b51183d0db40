from odoo.tests import tagged

from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestEntryButtons(InvoicePaymentsCommon):
    """A payment follows the buttons of its journal entry, and so does the invoice."""

    def setUp(self):
        super().setUp()
        self.invoice.record_external_payment(400.0)
        self.payment = self.invoice._get_reconciled_payments()
        self.entry = self.payment.move_id
        self._keep()

    def check(self, state, remaining):
        self.assertEqual(self.payment.state, state)
        self.assertEqual(self.invoice.amount_residual, remaining)
        [row] = self.rows().values()
        self.assertEqual(row["amount"], 400.0)
        self.assertEqual(row["reason"], "")
        found = self.env["account.payment.tie.out"].sudo().check(self.company.ids)
        self.assertEqual(found, [])
        self._keep()

    def test_reset_and_posted_again(self):
        paid = self.payment.state
        self.check(paid, 600.0)
        self.entry.button_draft()
        self.check("draft", 1000.0)
        self.entry.action_post()
        self.check(paid, 600.0)
        self.payment.action_draft()
        self.entry.action_post()
        self.check(paid, 600.0)

    def test_cancelled(self):
        self.entry.button_cancel()
        self.check("canceled", 1000.0)
        with self.assertRefused("confirm, reset or cancel"):
            self.entry.button_draft()
        self.payment.action_draft()
        self.check("draft", 1000.0)

    def test_entry_of_a_gateways_payment(self):
        self.start_attempt("done", amount=100.0)
        payment = self.invoice._get_reconciled_payments() - self.payment
        payment.move_id.button_draft()
        self.assertEqual(self.invoice.amount_residual, 600.0)
        payment.move_id.action_post()
        self.assertEqual(self.invoice.amount_residual, 500.0)
        with self.assertRefused("cannot be cancelled"):
            payment.move_id.button_cancel()
