import random
from datetime import datetime
from itertools import permutations

from odoo.tests import tagged

from .common_taken_back import TakenBackCommon

SEEDS = 3
STEPS = 8
# What a person may decide, by the state.
DECISIONS = {
    "open": ("win", "lose", "cancel"),
    "lost": ("win", "cancel"),
    "won": ("lose",),
    "cancelled": (),
}
# The way of a dispute: asked about, withdrawn, won, and taken once more.
MESSAGES = (
    {"state": "inquiry", "amount": 40},
    {"state": "open", "amount": 40},
    {"state": "won"},
    {"state": "lost", "amount": 30.01},
)


@tagged("post_install", "-at_install")
class TestOrders(TakenBackCommon):
    """In whichever order things are told or done, the books are the same."""

    def assert_sums(self, expected, words):
        found = {letter: round(sum_, 2) for letter, sum_ in self.ledger_sums().items()}
        found = {letter: sum_ for letter, sum_ in found.items() if sum_}
        wanted = {letter: round(sum_, 2) for letter, sum_ in expected.items()}
        self.assertEqual(found, {k: v for k, v in wanted.items() if v}, words)

    def test_messages_in_each_order(self):
        """And the first of them once more: what counts is the last word by its time."""
        before = self.ledger_sums()
        orders = list(permutations(range(len(MESSAGES))))
        for number, order in enumerate(orders, 1):
            for moment in (*order, order[0]):
                reversal = self.tell(
                    **MESSAGES[moment],
                    is_withdrawn_amount=True,
                    reference=f"dp_{number}",
                    sent_on=datetime(2026, 3, 1 + moment),
                )
            found = (reversal.state, reversal.amount)
            self.assertEqual(found, ("lost", 30.01), order)
            lost = number * 30.01
            self.assert_sums(
                {"O": before["O"] - lost, "R": before["R"] + lost}, (order, number)
            )
            self.assertEqual(round(self.owed()[0], 2), round(lost, 2))

    def test_refunds_and_disputes_of_a_joint_payment(self):
        """In random orders, parked or not; each amount is one of cents."""
        for seed in range(SEEDS):
            with self.subTest(seed=seed):
                Case(self, random.Random(seed)).play()


class Case:
    """A cheque for three invoices, of which parts are refunded and disputed."""

    def __init__(self, test, chance):
        self.test, self.chance = test, chance
        test.company.sudo().dispute_handling = chance.choice(["park", "reopen"])
        invoices = test.env["account.move"].union(
            *(test.make_invoice(total) for total in (100.1, 80.05, 20))
        )
        self.invoices = invoices.with_user(test.supervisor)
        self.payment = self.invoices.record_joint_payment(
            external_kind="cheque",
            parts=[
                {"invoice_id": each.id, "amount": each.amount_total}
                for each in self.invoices
            ],
        )
        test._keep()
        self.refunded = 0.0
        self.reversals = test.env["account.payment.reversal"]
        self.before = test.ledger_sums()
        self.log = []

    def play(self):
        for _step in range(STEPS):
            self.chance.choice([self.refund, self.dispute, self.decide, self.decide])()
            self.check()

    def get_left(self):
        self.test.env.invalidate_all()
        return self.payment._get_takeable_amount()

    def pick_amount(self):
        left = self.get_left()
        return round(self.chance.uniform(0.01, left), 2) if left else 0

    def refund(self):
        is_disputed = "open" in self.reversals.mapped("state")
        amount = min(self.pick_amount(), 50)
        if amount and not is_disputed:
            self.payment.refund(amount, reason="A mistake", to="outside")
            self.test._keep()
            self.refunded += amount
            self.log.append(("refund", amount))

    def dispute(self):
        if amount := self.pick_amount():
            kind = self.chance.choice(["dispute", "returned_debit"])
            self.reversals |= self.test.report(
                kind, payment=self.payment, amount=amount
            )
            self.log.append((kind, amount))

    def decide(self):
        for reversal in self.reversals:
            door = self.chance.choice(["win", "lose", "cancel"])
            # What was refunded after it was won cannot be lost once more.
            is_there = reversal.state != "won" or reversal.amount <= self.get_left()
            if door in DECISIONS[reversal.state] and is_there:
                getattr(reversal.with_user(self.test.supervisor), door)()
                self.test._keep()
                self.log.append((door, reversal.amount))

    def check(self):
        """Compare the accounts and the invoices with the amounts that are out."""
        self.test.env.invalidate_all()
        reversals = self.reversals.sudo()
        out = sum(reversals._filter_withdrawn().mapped("amount"))
        parked = reversals.filtered(
            lambda each: (each.state, each.kind) == ("open", "dispute")
        )
        if self.test.company.dispute_handling != "park":
            parked = parked.browse()
        on_hold = sum(parked.mapped("amount"))
        owed = out - on_hold + self.refunded
        changes = {"O": -out, "R": owed, "X": on_hold}  # Refunds left elsewhere.
        sums = {
            letter: self.before.get(letter, 0) + changes.get(letter, 0)
            for letter in {*self.before, *changes}
        }
        self.test.assert_sums(sums, self.log)
        open_amount = sum(self.test.owed(each)[0] for each in self.invoices)
        self.test.assertAlmostEqual(open_amount, owed, 2, self.log)
