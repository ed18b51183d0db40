from odoo.tests import tagged

from .common_taken_back import TakenBackCommon


@tagged("post_install", "-at_install")
class TestCapturedInParts(TakenBackCommon):
    """A dispute of an authorization is about all that was captured of it."""

    def setUp(self):
        super().setUp()
        self.split = self.make_invoice(100.01).with_user(self.supervisor)
        self.gateway.answers = ["authorized", "done", "done"]
        self.authorization = self.split.charge(self.token.id)
        self.authorization.capture(amount=60.0)
        self.authorization.capture()
        self.authorization = self.authorization.sudo()
        parts = self.authorization.child_transaction_ids.sorted("id")
        self.first, self.last = parts.payment_id.sorted("id")
        self._keep()
        self.assertEqual((self.first + self.last).mapped("amount"), [60, 40.01])
        self.assertEqual(self.owed(self.split)[0], 0)

    def tell_whole(self, state, reference="dp_1", **values):
        """Let the provider tell twice what became of the authorization's money."""
        for _twice in range(2):
            reversals = self.authorization.provider_id._process_reversal(
                {
                    "transaction": self.authorization,
                    "reference": reference,
                    "kind": "dispute",
                    "state": state,
                    **values,
                }
            )
            self._keep()
        return reversals

    def taken(self, reversals):
        """Return what was taken of each payment, with the state."""
        self.env.invalidate_all()
        return {
            (reversal.payment_id, reversal.amount, reversal.state)
            for reversal in reversals.sudo()
        }

    def test_all_of_it_is_lost_and_won(self):
        reversals = self.tell_whole("open", amount=100.01, fee=15)
        self.assertEqual(
            self.taken(reversals),
            {(self.first, 60, "open"), (self.last, 40.01, "open")},
        )
        self.assertEqual(len(self.authorization.env[reversals._name].search([])), 2)
        self.assertEqual(sum(reversals.mapped("fee_amount")), 15)
        self.assertEqual(len(reversals.entry_ids), 3)
        self.assertEqual(self.ledger_sums()["X"], 100.01)
        self.tell_whole("lost", amount=100.01, fee=15)
        self.assertEqual(self.owed(self.split), (100.01, "not_paid"))
        self.assertEqual(self.ledger_sums()["X"], 0)
        self.tell_whole("won", amount=100.01)
        self.assertEqual(self.owed(self.split)[0], 0)
        self.assertEqual(self.receivable(self.first), 0)
        self.assertEqual(self.receivable(self.last), 0)
        self.assertEqual(self.ledger_sums()["F"], 15)

    def test_a_part_takes_the_last_capture_first(self):
        reversals = self.tell_whole("open", amount=50.02)
        self.assertEqual(
            self.taken(reversals),
            {(self.last, 40.01, "open"), (self.first, 10.01, "open")},
        )
        self.assertEqual(sum(reversals.mapped("gateway_amount")), 50.02)
        small = self.tell_whole("lost", "dp_2", amount=10)
        self.assertEqual(self.taken(small), {(self.first, 10, "lost")})
        # What was given back before did leave once more.
        rest = self.tell_whole("lost", "dp_3", amount=45)
        self.assertEqual(self.taken(rest), {(self.first, 45, "lost")})

    def test_another_amount_takes_of_more_captures(self):
        values = {"is_withdrawn_amount": True}
        reversals = self.tell_whole("open", amount=30, **values)
        self.assertEqual(self.taken(reversals), {(self.last, 30, "open")})
        reversals = self.tell_whole("open", amount=50.02, **values)
        self.assertEqual(
            self.taken(reversals),
            {(self.last, 40.01, "open"), (self.first, 10.01, "open")},
        )
        self.assertEqual(self.ledger_sums()["X"], 50.02)
        reversals = self.tell_whole("lost", amount=100.01, **values)
        self.assertEqual(self.ledger_sums()["X"], 0)
        self.assertEqual(self.owed(self.split), (100.01, "not_paid"))
        # Less than the last capture: nothing of the first one is left in the case.
        self.tell_whole("lost", amount=20, **values)
        self.assertEqual(self.owed(self.split), (100.01, "not_paid"))
        tasks = self.split.sudo().activity_ids.mapped("summary")
        self.assertEqual(tasks.count("The provider took another amount"), 2)

    def test_people_decide_on_all_of_it(self):
        reversals = self.tell_whole("open")
        one = reversals[:1].with_user(self.supervisor)
        one.lose()
        self.assertEqual(set(reversals.mapped("state")), {"lost"})
        self.assertEqual(self.owed(self.split), (100.01, "not_paid"))
        one.win(idempotency_key="won")
        one.win(idempotency_key="won")
        self.assertEqual(set(reversals.mapped("state")), {"won"})
        self.assertEqual(self.owed(self.split)[0], 0)

    def test_the_id_of_a_capture_is_that_of_the_whole(self):
        """Stripe gives the captures no id of their own, and Adyen does."""
        provider = self.authorization.provider_id
        captures = self.authorization.child_transaction_ids.sorted("id")
        data = {"kind": "dispute", "state": "open"}
        self.authorization.provider_reference = "pi_1"
        captures.write({"provider_reference": "pi_1"})
        whole = provider._process_reversal(
            {**data, "transaction": captures[0], "reference": "dp_1"}
        )
        self.assertEqual(len(whole), 2)
        self.tell_whole("won")
        captures.write({"provider_reference": "capture"})
        part = provider._process_reversal(
            {**data, "transaction": captures[0], "reference": "dp_2"}
        )
        self.assertEqual(part.payment_id, self.first)

    def test_an_id_is_that_of_one_case(self):
        self.report(amount=10, provider_reference="chb_1")
        with self.assertRefused("chb_1 is recorded already"):
            self.report(
                payment=self.first.with_user(self.supervisor),
                amount=10,
                provider_reference="chb_1",
            )
