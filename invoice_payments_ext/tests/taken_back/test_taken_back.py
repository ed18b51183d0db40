from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ...models.taken_back import res_company
from .common_taken_back import TakenBackCommon


@tagged("post_install", "-at_install")
class TestTakenBack(TakenBackCommon):
    # === ENTRIES === #

    def test_a_returned_debit_reopens_the_invoice(self):
        reversal = self.report(
            "returned_debit", amount=400, fee=7.5, reason_code="AM04"
        )
        self.assertEqual(
            self.booked(reversal), [{"R": 400, "O": -400}, {"F": 7.5, "O": -7.5}]
        )
        self.assertEqual(reversal.state, "lost")
        self.assertEqual(self.owed(), (400, "partial"))
        self.assertEqual(self.payment._get_refundable_amount(), 600)
        self.assertFalse(self.invoice.refund_status)
        self.assertTrue(self.invoice.sudo().activity_ids)

    def test_an_account_in_a_chart_without_a_free_code(self):
        """And it is taken up again where the addon is installed once more."""
        company = self.company.sudo()
        accounts = self.env["account.account"].with_context(active_test=False)
        taken = accounts.search([("company_ids", "in", company.ids)]).mapped("code")
        with (
            patch.object(res_company, "get_code_after", lambda *_arguments: ""),
            patch.object(
                res_company, "get_fallback_code", lambda *_arguments: taken[0]
            ),
        ):
            account = company._get_disputed_payments_account()
        self.assertNotIn(account.code, taken)
        self.assertTrue(account.code)
        self.assertEqual(account.account_type, "asset_current")
        company._leave_taken_back_accounts()
        company.disputed_payments_account_id = False
        self.assertEqual(company._get_disputed_payments_account(), account)

    def test_a_dispute_is_parked_and_lost(self):
        reversal = self.report(fee=15)
        self.assertEqual(reversal.state, "open")
        self.assertEqual(
            self.booked(reversal), [{"X": 1000, "O": -1000}, {"F": 15, "O": -15}]
        )
        self.assertEqual(self.owed()[0], 0)
        self.assertIn("disputed", self.invoice.taken_back_notice)
        with self.assertRaisesRegex(UserError, "is disputed"):
            self.refund(self.payment, 10)
        reversal.lose()
        self.assertEqual(self.booked(reversal)[2:], [{"R": 1000, "X": -1000}])
        self.assertEqual(self.owed(), (1000, "not_paid"))
        sums = self.ledger_sums()
        self.assertEqual((sums["X"], sums["F"]), (0, 15))
        self.assertTrue(reversal.sudo().entry_ids[:1].line_ids[:1].reconciled)
        self.assertFalse(self.invoice.taken_back_notice)

    def test_a_dispute_that_is_won_leaves_all_as_before(self):
        before = self.ledger_sums()
        reversal = self.report(amount=250)
        reversal.win()
        after = self.ledger_sums()
        self.assertEqual((after["O"], after["X"]), (before["O"], 0))
        self.assertEqual(self.owed()[0], 0)
        self.assertEqual(self.payment._get_refundable_amount(), 1000)
        self.refund(self.payment, 100)

    def test_reopened_at_once_then_won(self):
        self.company.sudo().dispute_handling = "reopen"
        reversal = self.report(amount=300)
        self.assertEqual(self.booked(reversal), [{"R": 300, "O": -300}])
        self.assertEqual(self.owed(), (300, "partial"))
        taking = reversal.sudo().taking_payment_id
        reversal.win()
        self.assertEqual(self.booked(reversal)[1:], [{"O": 300, "R": -300}])
        self.assertEqual(self.owed()[0], 0)
        self.assertEqual(taking.state, "canceled")
        self.assertEqual(taking.move_id.state, "posted")
        self.assertEqual(self.receivable(self.payment), 0)
        self.assertEqual(self.payment._get_refundable_amount(), 1000)

    def test_won_after_lost_and_lost_again(self):
        reversal = self.report()
        reversal.lose()
        reversal.win()
        self.assertEqual(self.owed()[0], 0)
        self.assertEqual(self.ledger_sums()["X"], 0)
        self.assertEqual(self.ledger_sums()["O"], 1000)
        reversal.lose()
        self.assertEqual(self.owed(), (1000, "not_paid"))
        self.assertEqual(self.ledger_sums()["O"], 0)

    def test_cancelled_gives_the_fee_back_too(self):
        reversal = self.report("returned_debit", fee=3)
        reversal.cancel()
        sums = self.ledger_sums()
        self.assertEqual((sums["O"], sums["F"]), (1000, 0))
        self.assertEqual(self.owed()[0], 0)
        with self.assertRaisesRegex(UserError, "cannot become won"):
            reversal.win()

    def test_an_external_payment_is_taken_back_too(self):
        invoice = self.make_invoice(80).with_user(self.supervisor)
        payment = self.record(invoice=invoice)
        self.report("returned_debit", payment=payment)
        self.assertEqual(self.owed(invoice), (80, "not_paid"))

    # === CHECKS === #

    def test_what_is_refused(self):
        with self.assertRaisesRegex(UserError, "above the amount that can be taken"):
            self.report(amount=1000.01)
        with self.assertRaisesRegex(UserError, "not by"):
            self.report("theft")
        with self.assertRaisesRegex(UserError, "future"):
            self.report(date="2199-01-01")
        with self.assertRaisesRegex(UserError, "above zero"):
            self.report(fee=-1)
        reversal = self.report("returned_debit")
        with self.assertRaisesRegex(UserError, "taken back or refunded already"):
            self.report()
        for entry in reversal.sudo().entry_ids:
            with self.assertRaisesRegex(UserError, "belongs to"):
                entry.with_user(self.supervisor).button_draft()
        with self.assertRaises(AccessError):
            reversal.with_user(self.accountant).cancel()
        with self.assertRaises(AccessError):
            reversal.write({"state": "won"})

    def test_the_same_report_twice(self):
        keyed = self.report(amount=10, idempotency_key="once")
        self.assertEqual(self.report(amount=10, idempotency_key="once"), keyed)
        first = self.report(amount=20, provider_reference="chb_1")
        self.assertEqual(self.report(provider_reference="chb_1"), first)
        with self.assertRaisesRegex(UserError, "the same, with the reference chb_1"):
            self.report(amount=20)
        self.assertEqual(len(self.payment.sudo().payment_reversal_ids), 2)
