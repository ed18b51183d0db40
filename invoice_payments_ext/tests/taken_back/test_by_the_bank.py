from odoo import Command
from odoo.tools import SQL

from ...models.refunds.taken_back import ALL_TAKEN_BACK, TAKEN_BACK
from ..invariants import check_tie_out
from .common_taken_back import TakenBackCommon


class TestTakenBackOfReceipts(TakenBackCommon):
    """The bank takes a payment's money back on the account of its receipts."""

    def setUp(self):
        super().setUp()
        self.payment = self.payment.sudo()
        self.receipts = self.payment.outstanding_account_id
        self.assertTrue(self.receipts.reconcile)
        [self.held] = self.payment.move_id.line_ids.filtered(
            lambda line: line.account_id == self.receipts
        )

    def make_bank_line(self, amount, **values):
        """Return the item on the account of receipts of a line of a bank statement."""
        line = self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.company_data["default_journal_bank"].id,
                "payment_ref": "Transfer",
                "amount": amount,
                "date": self.payment.date,
                "partner_id": self.partner.id,
                **values,
            }
        )
        _liquidity, suspense, _others = line._seek_for_lines()
        suspense.account_id = self.receipts
        return suspense

    def charge_another(self):
        """Return the payment of another invoice of the same amount."""
        self.gateway.answers = ["done"]
        payment = self.make_invoice(1000).charge(self.token.id).sudo().payment_id
        self._keep()
        return payment

    def make_entry(self, amount, debited=None):
        """Return a posted entry that takes an amount off the receipts."""
        debited = debited or self.payment.destination_account_id
        values = {"partner_id": self.partner.id}
        entry = self.env["account.move"].create(
            {
                "move_type": "entry",
                "date": self.payment.date,
                "line_ids": [
                    Command.create(
                        {"account_id": debited.id, "debit": amount} | values
                    ),
                    Command.create(
                        {"account_id": self.receipts.id, "credit": amount} | values
                    ),
                ],
            }
        )
        entry.action_post()
        return entry

    def get_line(self, entry, account):
        return entry.line_ids.filtered(lambda line: line.account_id == account)

    def run_schedule(self):
        self._keep()
        self.env["account.move"].sudo()._cron_tell_returns()
        self._keep()

    def get_returned(self):
        """Return the amount taken back, which all ways to read it must say."""
        self.env.flush_all()
        queries = [
            SQL("SELECT amount FROM (%s) taken WHERE id = %s", taken, self.payment.id)
            for taken in (TAKEN_BACK, ALL_TAKEN_BACK)
        ]
        amounts = [self.env.execute_query(query) for query in queries]
        self.assertEqual(*amounts)
        [[amount]] = amounts[0]
        self.assertEqual(self.payment._get_taken_back(), amount)
        check_tie_out(self)
        return amount

    def report_of_task(self):
        """Report the amount that the dialog suggests."""
        dialogs = self.env["account.payment.report.taken.back"]
        dialog = dialogs.with_user(self.supervisor).create(
            {"payment_id": self.payment.id}
        )
        dialog.action_report()
        self._keep()
        return self.payment.payment_reversal_ids

    def test_matched_with_the_line_that_brought_it(self):
        came = self.make_bank_line(1000)
        (came | self.held).reconcile()
        self.assertTrue(self.held.reconciled)
        self.held.remove_move_reconcile()
        taken = self.make_bank_line(-1000)
        (came | taken).reconcile()
        self._keep()
        [task] = self.payment.activity_ids
        self.assertEqual(task.summary, "Taken back by the bank")
        self.assertIn(f'data-oe-id="{taken.move_id.id}"', task.note)
        self.run_schedule()
        self.assertEqual(len(self.payment.activity_ids), 1)
        reversal = self.report_of_task()
        self.assertFalse(reversal.is_by_bank)
        self.assertEqual(self.owed()[0], 1000)
        self.assertEqual(self.payment._get_refundable_amount(), 0)
        self.assertEqual(self.ledger_sums()["O"], 0)

    def test_matched_with_nothing(self):
        """The schedule finds it; what is reported is matched with it."""
        came = self.make_bank_line(1000)
        (came | self.held).reconcile()
        taken = self.make_bank_line(-1000)
        self._keep()
        self.assertFalse(self.payment.activity_ids)
        self.run_schedule()
        self.run_schedule()
        [task] = self.payment.activity_ids
        self.assertIn(f'data-oe-id="{taken.move_id.id}"', task.note)
        reversal = self.report_of_task()
        self.assertEqual(self.booked(reversal), [{"R": 1000, "O": -1000}])
        self.assertTrue(taken.reconciled)
        self.assertFalse(self.payment.activity_ids)
        self.assertEqual(self.owed()[0], 1000)
        self.assertEqual(self.ledger_sums()["O"], 0)

    def test_a_dispute_is_parked_against_it(self):
        taken = self.make_bank_line(-1000)
        reversal = self.report()
        self.assertEqual(self.booked(reversal), [{"X": 1000, "O": -1000}])
        self.assertTrue(taken.reconciled)
        self.assertEqual(self.owed()[0], 0)

    def test_reported_before_the_line_came(self):
        reversal = self.report("returned_debit")
        taken = self.make_bank_line(-1000)
        self.run_schedule()
        self.assertFalse(self.payment.activity_ids)
        item = reversal.sudo().taking_payment_id.move_id.line_ids.filtered(
            lambda line: line.account_id == self.receipts
        )
        (item | taken).reconcile()
        self._keep()
        self.assertFalse(self.payment.activity_ids)

    def test_several_payments_fit(self):
        other = self.charge_another()
        taken = self.make_bank_line(-1000)
        self.run_schedule()
        self.assertFalse((self.payment | other).activity_ids)
        [task] = taken.move_id.activity_ids
        for payment in (self.payment, other):
            self.assertIn(f'data-oe-id="{payment.id}"', task.note)
        self.report("returned_debit")
        self.assertTrue(taken.reconciled)
        self.assertFalse(taken.move_id.activity_ids)

    def test_the_line_names_the_payment(self):
        other = self.charge_another()
        self.make_bank_line(-1000, payment_ref=f"Return of {other.name}")
        self.run_schedule()
        self.assertTrue(other.activity_ids)
        self.assertFalse(self.payment.activity_ids)

    def test_a_line_without_a_customer(self):
        """Its amount alone says which payment it is about, or none."""
        other = self.make_bank_line(-400, partner_id=False)
        self.run_schedule()
        self.assertFalse(self.payment.activity_ids | other.move_id.activity_ids)
        self.assertFalse(other.move_id.is_return_told)
        taken = self.make_bank_line(-1000, partner_id=False)
        self.run_schedule()
        [task] = self.payment.activity_ids
        self.assertIn(f'data-oe-id="{taken.move_id.id}"', task.note)
        self.assertEqual(
            (taken | other).move_id.mapped("is_return_told"), [True, False]
        )
        # A payment of its amount comes later, with an earlier date.
        self.gateway.answers = ["done"]
        late = self.make_invoice(400).charge(self.token.id).sudo().payment_id
        self.run_schedule()
        [task] = late.activity_ids
        self.assertIn(f'data-oe-id="{other.move_id.id}"', task.note)

    def test_an_entry_matched_with_the_receipts_alone(self):
        """The customer owes it by the entry; reported, the invoice is open again."""
        entry = self.make_entry(400)
        self.assertFalse(self.payment.activity_ids)
        (self.get_line(entry, self.receipts) | self.held).reconcile()
        self._keep()
        [task] = self.payment.activity_ids
        self.assertIn(f'data-oe-id="{entry.id}"', task.note)
        self.assertEqual(self.get_returned(), 400)
        self.assertEqual(self.payment._get_refundable_amount(), 600)
        self.assertEqual(self.row(self.payment)["amount_taken_back"], 400)
        self.assertEqual(self.owed()[0], 0)
        reversal = self.report_of_task()
        self.assertEqual((reversal.amount, reversal.is_by_bank), (400, True))
        self.assertFalse(reversal.entry_ids)
        self.assertFalse(self.payment.activity_ids)
        self.assertEqual(self.owed()[0], 400)
        debt = self.get_line(entry, self.payment.destination_account_id)
        self.assertTrue(debt.reconciled)
        self.assertEqual(self.get_returned(), 400)
        self.assertEqual(self.payment._get_refundable_amount(), 600)

    def test_an_entry_matched_on_both_sides_counts_once(self):
        entry = self.make_entry(400)
        self.payment._get_receivable_lines().remove_move_reconcile()
        account = self.payment.destination_account_id
        lines = self.get_line(entry, account) | self.payment._get_receivable_lines()
        lines.reconcile()
        (self.get_line(entry, self.receipts) | self.held).reconcile()
        self._keep()
        self.assertEqual(self.get_returned(), 400)
        self.assertEqual(self.payment._get_refundable_amount(), 600)

    def test_the_debt_of_the_entry_was_paid(self):
        """What was paid in another way is not owed again."""
        entry = self.make_entry(400)
        (self.get_line(entry, self.receipts) | self.held).reconcile()
        paid = self.record(400, invoice=self.make_invoice(400)).sudo()
        paid._get_receivable_lines().remove_move_reconcile()
        account = self.payment.destination_account_id
        (self.get_line(entry, account) | paid._get_receivable_lines()).reconcile()
        self._keep()
        self.assertTrue(self.report_of_task().is_by_bank)
        self.assertEqual(self.owed()[0], 0)
        self.assertEqual(self.payment._get_refundable_amount(), 600)

    def test_an_entry_that_only_moves_the_money(self):
        """The receipts went to another account: the customer owes nothing."""
        entry = self.make_entry(400, self.company_data["default_account_expense"])
        (self.get_line(entry, self.receipts) | self.held).reconcile()
        self._keep()
        self.assertFalse(self.payment.activity_ids)
        self.assertEqual(self.payment._get_refundable_amount(), 1000)
