from datetime import datetime
from itertools import permutations

from odoo.tests import tagged

from ..invariants import check_tie_out
from .common_taken_back import TakenBackCommon


@tagged("post_install", "-at_install")
class TestOtherAmounts(TakenBackCommon):
    """A provider tells another amount, or another fee, of money that left already."""

    def tell_amount(self, state, amount, day, **values):
        """Let the provider tell twice what it holds by now."""
        values.setdefault("is_withdrawn_amount", True)
        for _twice in range(2):
            reversal = self.tell(
                state, amount=amount, sent_on=datetime(2026, 3, day), **values
            )
        self.env.flush_all()
        check_tie_out(self)
        return reversal

    def sums(self):
        sums = self.ledger_sums()
        return sums["O"], sums.get("X", 0)

    def test_while_it_is_open(self):
        reversal = self.tell_amount("open", 60.01, 1)
        self.assertEqual(self.sums(), (939.99, 60.01))
        self.tell_amount("open", 70.02, 3)
        self.assertEqual(self.sums(), (929.98, 70.02))
        self.assertEqual((reversal.amount, self.owed()[0]), (70.02, 0))
        self.tell_amount("open", 60.01, 2)  # It comes late.
        self.assertEqual(self.sums(), (929.98, 70.02))
        self.tell_amount("open", 55.55, 4)
        self.assertEqual(self.sums(), (944.45, 55.55))
        self.tell_amount("won", 70.02, 5)
        self.assertEqual(self.sums(), (1000, 0))
        self.assertEqual(self.owed()[0], 0)

    def test_with_the_decision(self):
        """It was parked with one amount, and is lost with another."""
        self.tell_amount("open", 60.01, 1)
        reversal = self.tell_amount("lost", 70.02, 2)
        self.assertEqual(self.sums(), (929.98, 0))
        self.assertEqual((reversal.amount, self.owed()[0]), (70.02, 70.02))
        self.assertEqual(self.payment.sudo()._get_refundable_amount(), 929.98)

    def test_after_it_was_lost(self):
        self.tell_amount("lost", 60.01, 1)
        reversal = self.tell_amount("lost", 1000, 2)
        self.assertEqual(self.sums()[0], 0)
        self.assertEqual(self.owed(), (1000, "not_paid"))
        self.tell_amount("lost", 999.99, 3)
        self.assertEqual(self.sums()[0], 0.01)
        self.assertEqual(self.owed()[0], 999.99)
        self.assertEqual(reversal.sudo().taking_payment_id.amount, 999.99)

    def test_taken_once_more_after_it_was_won(self):
        """Adyen's second chargeback: the defence was declined, of another amount."""
        self.tell_amount("open", 100, 1)
        self.tell_amount("won", 100, 2)
        self.assertEqual(self.sums(), (1000, 0))
        self.tell_amount("lost", 40.4, 4, is_withdrawn_amount=False)
        self.assertEqual(self.sums(), (959.6, 0))
        self.assertEqual(self.owed()[0], 40.4)
        for day, state in ((1, "open"), (2, "won")):
            self.tell_amount(state, 100, day)
        self.assertEqual(self.owed()[0], 40.4)

    def test_the_first_message_comes_last(self):
        self.tell_amount("lost", 40.4, 4)
        for day, state in ((2, "won"), (1, "open")):
            self.tell_amount(state, 100, day)
        self.assertEqual(self.owed()[0], 40.4)
        self.assertEqual(self.sums()[0], 959.6)

    def test_what_a_bank_line_says_is_kept(self):
        reversal = self.tell("lost", amount=60)
        reversal.sudo().is_by_bank = True
        self.tell("lost", amount=70, is_withdrawn_amount=True)
        self.assertEqual(reversal.amount, 60)
        reversal.sudo().is_by_bank = False

    # === FEES === #

    def fees(self, *fees, currency=None):
        """Return the fees of a message, by their number."""
        currency = currency or self.company.currency_id.name
        return [
            {"reference": f"txn_{number}", "amount": amount, "currency": currency}
            for number, amount in fees
        ]

    def fee_sum(self):
        self.env.flush_all()
        check_tie_out(self)
        return self.ledger_sums().get("F", 0)

    def test_a_second_fee_in_any_order(self):
        """Each message says all fees that there are by then."""
        first = self.fees((1, 15))
        both = self.fees((1, 15), (2, 20.02))
        for number, told in enumerate(permutations((first, both, both, first))):
            with self.subTest(number):
                reference = f"dp_{number}"
                for fees in told:
                    reversal = self.tell(amount=1, fees=fees, reference=reference)
                self.assertEqual(reversal.fee_amount, 35.02)
                self.assertEqual(len(reversal.sudo().entry_ids), 3)
        self.assertEqual(self.fee_sum(), self.company.currency_id.round(24 * 35.02))

    def test_one_of_two_fees_comes_back(self):
        both = self.fees((1, 15), (2, 20))
        reversal = self.tell(amount=100, fees=both)
        for _twice in range(2):
            self.tell("won", amount=100, fees=[*both, *self.fees((3, -20))])
            self.assertEqual(self.fee_sum(), 15)
        self.assertEqual((reversal.fee_amount, reversal.fee_returned_amount), (35, 20))
        self.tell(amount=100, fees=both)
        self.assertEqual(self.fee_sum(), 15)

    def test_all_is_cancelled_and_told_after_that(self):
        """The fee that came back with the state does not come back once more."""
        fees = self.fees((1, 15))
        self.tell(amount=100, fees=fees)
        self.tell("cancelled", fees=fees)
        self.assertEqual(self.fee_sum(), 0)
        for _twice in range(2):
            self.tell("cancelled", fees=[*fees, *self.fees((2, -15))])
            self.assertEqual(self.fee_sum(), 0)

    def test_a_part_of_a_fee_comes_back(self):
        fees = self.fees((1, 15), (2, -4.99))
        self.tell(amount=100, fees=fees)
        self.assertEqual(self.fee_sum(), 10.01)
        self.tell("cancelled", fees=fees)
        self.assertEqual(self.fee_sum(), 0)

    def test_a_fee_of_another_currency_comes_back_at_its_value(self):
        currency = self.make_currency("EUR", 2.0)
        self.tell(amount=100, fees=self.fees((1, 15), currency="EUR"))
        self.assertEqual(self.fee_sum(), 7.5)
        currency.rate_ids.sudo().rate = 3.0
        fees = self.fees((1, 15), (2, -15), currency="EUR")
        self.tell("won", amount=100, fees=fees)
        self.assertEqual(self.fee_sum(), 0)

    def test_a_fee_that_a_person_reported(self):
        """The provider names it later: the same one."""
        reversal = self.report(amount=100, fee=15)
        self.tell(amount=100, fees=self.fees((1, 15)))
        self.assertEqual((reversal.provider_reference, self.fee_sum()), ("dp_1", 15))
        self.tell(amount=100, fees=self.fees((1, 15), (2, 5)))
        self.assertEqual(self.fee_sum(), 20)
