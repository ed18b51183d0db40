from odoo.tests import tagged

from ..taken_back.common_taken_back import TakenBackCommon


@tagged("post_install", "-at_install")
class TestDeadEnd(TakenBackCommon):
    """A payment that somebody wants to be rid of: each has its way, and no dead end.

    After each step the row, the remaining amount and the doors say the same.
    """

    # === HELPERS === #

    def get_ways_to_cancel(self, payment):
        """Return all of Odoo's own ways to be rid of a payment, by their name."""
        entry = payment.move_id

        def reverse_its_entry():
            dialogs = entry.env["account.move.reversal"].with_context(
                active_model="account.move", active_ids=entry.ids
            )
            dialog = dialogs.create({"journal_id": entry.journal_id.id})
            dialog.reverse_moves()

        return {
            "reverse its entry": reverse_its_entry,
            "cancel": payment.action_cancel,
            "reject": payment.action_reject,
            "write": lambda: payment.write({"state": "canceled"}),
            "cancel a draft": lambda: (payment.action_draft(), payment.action_cancel()),
            "delete a draft": lambda: (payment.action_draft(), payment.unlink()),
            "cancel its entry": entry.button_cancel,
            "cancel its draft entry": lambda: (
                entry.button_draft(),
                entry.button_cancel(),
            ),
            "delete its draft entry": lambda: (
                entry.button_draft(),
                entry.unlink(),
                payment.unlink(),
            ),
        }

    def assert_agree(self, payment, state, remaining, enabled, applied=0.0):
        """Assert what the row says, what remains, and whether the doors take that."""
        self._keep()
        row = self.row(payment)
        self.assertEqual((row["state"], row["amount_applied"]), (state, applied))
        self.assertEqual(self.owed()[0], remaining)
        actions = {action["name"]: action["enabled"] for action in row["actions"]}
        self.assertLessEqual(set(enabled), {name for name in actions if actions[name]})
        section = self.invoice.get_payment_section()
        self.assertEqual(section["can_create"], bool(remaining))
        return row, actions

    # === THE STORY === #

    def test_card_payment_that_the_gateway_holds(self):
        payment = self.payment
        for user in (self.accountant, self.supervisor):
            for name, work in self.get_ways_to_cancel(payment.with_user(user)).items():
                with (
                    self.subTest(f"{name} by {user.login}"),
                    self.assertRefused("Refund it. If .* report it as taken back"),
                ):
                    work()
        with self.assertRefused("was not recorded by hand. Use Refund"):
            payment.undo_recording("Twice")
        self.assert_agree(
            payment, "succeeded", 0, {"refund", "taken_back"}, applied=1000
        )
        # It may be corrected as a draft, and only confirmed then.
        payment.action_draft()
        self._keep()
        row = self.row(payment)
        self.assertIn("is a draft: confirm it", row["reason"])
        self.assertEqual(self.owed()[0], 1000)
        for state, words in (
            ("canceled", "was cancelled: reset it to draft and confirm it"),
            ("draft", "is a draft: confirm it"),
        ):
            self.env.cr.execute(
                "UPDATE account_payment SET state = %s WHERE id = %s",
                (state, payment.id),
            )
            self.env.invalidate_all()
            row = self.row(payment)
            self.assertIn(f"its payment {payment.name} {words}", row["reason"])
            # It is on no account of the ledger.
            self.assertEqual(
                (row["unapplied_label"], row["amount_unallocated"]), ("", 0)
            )
        for action in row["actions"]:
            if action["name"] in ("refund", "taken_back", "keep"):
                self.assertFalse(action["enabled"], action)
        for door in (
            lambda: self.invoice.charge(self.token.id),
            lambda: self.invoice.record_external_payment(1000),
        ):
            with self.assertRefused("is a draft: confirm it"):
                door()
        payment.action_post()
        # The bank took it back.
        self.report("returned_debit")
        row, _actions = self.assert_agree(payment, "succeeded", 1000, ())
        (part,) = row["refunds"]
        self.assertEqual((part["kind"], part["state"]), ("taken_back", "lost"))
        # The invoice is charged again, and that is refunded.
        again = self.charge()
        self.assert_agree(again, "succeeded", 0, {"refund"}, applied=1000)
        self.refund(again)
        _row, actions = self.assert_agree(again, "succeeded", 1000, ())
        self.assertFalse(actions["refund"])
        self.assertEqual(self.record(1000).amount, 1000)
        self.assertEqual(self.owed()[0], 0)

    def test_external_payment_that_never_came(self):
        self.report("returned_debit")
        payment = self.record(400)
        self.assert_agree(payment, "succeeded", 600, {"mistake"}, applied=400)
        payment.undo_recording("Entered twice")
        row, actions = self.assert_agree(payment, "mistaken", 1000, ())
        self.assertEqual(row["state_label"], "Recorded by mistake")
        self.assertNotIn("refund", actions)
        self.gateway.answers = ["done"]
        self.assertEqual(self.invoice.charge(self.token.id).outcome, "succeeded")
        self.assertEqual(self.owed()[0], 0)
