from datetime import datetime, timedelta

from odoo.tests import tagged

from .common_taken_back import TakenBackCommon


@tagged("post_install", "-at_install")
class TestReportedByHand(TakenBackCommon):
    """The provider tells of a case that a person reported without its id."""

    def setUp(self):
        super().setUp()
        self.before = datetime.now() - timedelta(days=1)
        self.later = datetime.now() + timedelta(days=1)

    def check_one(self, reversal, state, owed, entries):
        """Check that there is one record with the id, and what it booked."""
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(self.payment.sudo().payment_reversal_ids, reversal.sudo())
        self.assertEqual((reversal.provider_reference, reversal.state), ("dp_1", state))
        self.assertEqual(self.owed()[0], owed)
        self.assertEqual(len(reversal.sudo().entry_ids), entries)
        self.assertEqual(self.ledger_sums()["O"], 1000 - owed)

    def test_while_the_money_is_out(self):
        reversal = self.report(amount=400.01)
        for _twice in range(2):
            self.tell("open", amount=400.01, sent_on=self.before)
        self.assertEqual(reversal.provider_reference, "dp_1")
        for _twice in range(2):
            self.tell("lost", amount=400.01, sent_on=self.later)
        self.check_one(reversal, "lost", 400.01, 2)

    def test_after_it_was_won(self):
        """What was said before changes nothing; a later word does, once."""
        reversal = self.report(amount=400.01)
        reversal.win()
        for state in ("lost", "open", "lost", "won"):
            self.tell(state, amount=400.01, sent_on=self.before)
        self.tell("lost", amount=400.01, date=self.before.date())
        self.check_one(reversal, "won", 0, 2)
        for _twice in range(2):
            self.tell("lost", amount=400.01, sent_on=self.later)
        self.tell("open", amount=400.01, sent_on=self.before)
        self.check_one(reversal, "lost", 400.01, 3)

    def test_a_debit_that_was_cancelled(self):
        """The word that it came back is told late, after the money is here again."""
        told = {"kind": "returned_debit", "amount": 400.01}
        reversal = self.report("returned_debit", amount=400.01)
        reversal.cancel()
        for _twice in range(2):
            self.tell("lost", **told, sent_on=self.before)
        self.check_one(reversal, "cancelled", 0, 2)
        self.tell("won", **told, sent_on=self.later)
        self.check_one(reversal, "won", 0, 2)

    def test_a_known_one_that_was_cancelled(self):
        """The message that was booked comes once more after a person decided."""
        told = {"kind": "returned_debit", "amount": 400.01, "sent_on": self.before}
        reversal = self.tell("lost", **told)
        reversal.cancel()
        self.tell("lost", **told)
        self.check_one(reversal, "cancelled", 0, 2)

    def test_another_case(self):
        """Of another amount or kind, or opened after the first one was over."""
        reversal = self.report(amount=100)
        self.tell("open", amount=50, sent_on=self.before)
        self.tell("lost", reference="dp_2", amount=100, kind="returned_debit")
        self.assertFalse(reversal.provider_reference)
        reversal.win()
        opened = self.tell("open", reference="dp_3", amount=100, sent_on=self.later)
        self.assertFalse(reversal.provider_reference)
        self.assertEqual((opened.state, opened.amount), ("open", 100))
        self.assertEqual(len(self.payment.sudo().payment_reversal_ids), 4)
