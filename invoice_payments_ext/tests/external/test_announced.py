from unittest.mock import patch

from odoo.tests import Form, tagged

from ..common import InvoicePaymentsCommon
from ..invariants import check_invariants


@tagged("post_install", "-at_install")
class TestAnnounced(InvoicePaymentsCommon):
    """A transfer that a customer announced holds nothing, and ends when money came."""

    def setUp(self):
        super().setUp()
        self.tx = self.announce()
        self.announced = self.tx.with_user(self.accountant)

    def announce_as(self, amount):
        """Let another amount have been announced, as if from the beginning."""
        kept = {**self.tx.money_fingerprint, "amount": amount}
        self.tx.write({"amount": amount, "money_fingerprint": kept})

    def assert_closed(self, note):
        """Assert that the transfer is expected no more, and why."""
        self.env.invalidate_all()
        self.assertEqual(self.tx.outcome, "canceled")
        self.assertIn(note, self.tx.state_message)
        notes = "".join(self.invoice.sudo().message_ids.mapped("body"))
        self.assertIn(note, notes)
        self.assertFalse(self.tx.payment_id)

    def announce_elsewhere(self):
        """Return the transaction of another provider that only announces payments."""
        self.tx._set_canceled()
        providers = self.env.registry["payment.provider"]
        with patch.object(providers, "_announces_only", lambda _provider: True):
            return self.make_portal_transaction("pending", amount=1000.0)

    def confirm_late(self):
        """Let the provider say after all that the money came."""
        self.tx._set_done()
        self.tx.sudo()._post_process()
        self.env.invalidate_all()
        self.assertEqual(self.tx.outcome, "succeeded")

    # === HOLDING === #

    def test_it_is_an_expectation(self):
        row = self.rows()[f"tx-{self.tx.id}"]
        self.assertEqual((row["state"], row["amount_applied"]), ("announced", 0))
        self.assertEqual(row["state_label"], "Announced")
        self.assertEqual(
            [action["name"] for action in row["actions"] if action["enabled"]],
            ["received", "cancel_announced", "open_transaction"],
        )
        section = self.invoice.get_payment_section()
        self.assertEqual(section["create_blocked_reason"], "")
        self.assertEqual(
            (section["amount_in_flight"], section["amount_chargeable"]), (0, 1000)
        )
        self.assertTrue(self.invoice._has_to_be_paid())

    def test_all_doors_are_open(self):
        """Nothing is refused: credit note, write-off and reset among the doors."""
        invoice = self.invoice.with_user(self.supervisor)
        invoice.sudo().company_id.write_off_account_id = self.company_data[
            "default_account_expense"
        ].with_env(self.env)
        credit_note = invoice.issue_credit_note(amount=100, reason="Damaged")
        self.assertEqual(credit_note.state, "posted")
        self.assert_closed("left less to be paid")
        other = self.make_invoice(50).with_user(self.supervisor)
        tx = self.announce(50, other)
        other.write_off(amount=50, reason="Small")
        self.assertEqual(tx.outcome, "canceled")
        third = self.make_invoice(70).with_user(self.supervisor)
        self.announce(70, third)
        third.button_draft()
        self.assertEqual(third.state, "draft")

    # === CLOSING === #

    def test_external_payment_closes_it(self):
        payment = self.invoice.record_external_payment(1000)
        self.assert_closed(f"{payment.name} stands for it")
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_card_closes_it(self):
        self.gateway.answers = ["done"]
        attempt = self.invoice.charge(self.token.id)
        self.assertEqual(attempt.outcome, "succeeded")
        self.assert_closed(f"{attempt.payment_id.name} stands for it")
        # That was other money.
        self.assertFalse(attempt.payment_id.announced_transaction_id)

    def test_bank_match_closes_it(self):
        journal = self.company_data["default_journal_bank"].with_env(self.env)
        line = self.env["account.bank.statement.line"].create(
            {
                "journal_id": journal.id,
                "date": "2026-01-20",
                "payment_ref": self.invoice.name,
                "partner_id": self.partner.id,
                "amount": 1000.0,
            }
        )
        _liquidity, suspense, _other = line.with_context(
            skip_account_move_synchronization=True
        )._seek_for_lines()
        receivable = self.invoice.sudo()._get_open_receivable_lines()
        suspense.account_id = receivable.account_id
        (suspense | receivable).reconcile()
        self.assert_closed(f"{line.move_id.name} stands for it")

    def test_part_of_the_money_leaves_the_rest_announced(self):
        """An instalment that was announced is expected beside another payment."""
        self.announce_as(600)
        self.invoice.record_external_payment(300)
        self.assertEqual(self.tx.outcome, "announced")
        self.invoice.record_external_payment(600)
        self.assert_closed("stands for it")

    def test_less_that_remains_closes_it(self):
        self.invoice.record_external_payment(1)
        self.assert_closed("left less to be paid")

    def test_transfer_that_is_chosen_again_replaces_the_first(self):
        again = self.announce()
        self.assert_closed(f"{again.reference} was announced in its place")
        self.assertEqual(again.outcome, "announced")
        other = self.make_invoice(500)
        both = self.announce(1500, self.invoice | other)
        self.assertEqual((again.outcome, both.outcome), ("canceled", "announced"))
        # The other invoice is expected by that one only.
        last = self.announce(500)
        self.assertEqual((both.outcome, last.outcome), ("announced", "announced"))

    def test_parts_that_are_announced_stand_beside_each_other(self):
        self.announce_as(600)
        second = self.announce(400)
        self.assertEqual((self.tx.outcome, second.outcome), ("announced",) * 2)
        third = self.announce(500)
        self.assertEqual(self.tx.outcome, "canceled")
        self.assertEqual((second.outcome, third.outcome), ("announced",) * 2)

    def test_equal_parts_are_met_one_by_one(self):
        """Else auto-pay would charge a card for the part that is still to come."""
        self.announce_as(500)
        second = self.announce(500)
        payment = self.invoice.record_external_payment(500)
        self.assert_closed(f"{payment.name} stands for it")
        self.assertEqual(second.outcome, "announced")
        self.assertEqual(payment.sudo().announced_transaction_id, self.tx)
        payment = self.invoice.record_external_payment(500)
        self.assertEqual(second.outcome, "canceled")
        self.assertEqual(payment.sudo().announced_transaction_id, second)

    def test_money_that_is_recorded_for_one_part_ends_no_equal_one(self):
        self.announce_as(500)
        second = self.announce(500)
        payment = second.with_user(self.accountant).record_received(amount=500)
        self.assertEqual((self.tx.outcome, second.outcome), ("announced", "canceled"))
        self.assertEqual(payment.sudo().announced_transaction_id, second)
        third = self.announce(300, self.make_invoice(600))
        fourth = self.announce(300, third.invoice_ids)
        part = third.with_user(self.accountant)
        part.record_received(amount=200, is_rest_expected=True)
        self.assertEqual((third.outcome, fourth.outcome), ("announced",) * 2)

    # === MONEY CAME, CANCEL === #

    def test_no_more_is_proposed_than_can_be_paid(self):
        self.gateway.answers = ["pending"]
        attempt = self.invoice.charge(self.token.id, amount=400)
        action = self.announced.action_record_received()
        dialogs = self.env[action["res_model"]].with_user(self.accountant)
        form = Form(dialogs.with_context(**action["context"]))
        self.assertEqual(form.amount, 600)
        form.save().action_record()
        self.assertEqual(self.invoice.amount_residual, 400)
        self.gateway.notify(attempt, "done")
        attempt.sudo()._post_process()

    def test_money_came(self):
        action = self.announced.action_record_received()
        dialogs = self.env[action["res_model"]].with_user(self.accountant)
        form = Form(dialogs.with_context(**action["context"]))
        self.assertEqual((form.amount, form.journal_id.type), (1000, "bank"))
        form.date = "2026-01-20"
        form.reference = "TR 7"
        dialog = form.save()
        dialog.action_record()
        payment = self.invoice.sudo().matched_payment_ids
        self.assertEqual(
            (payment.amount, str(payment.date), payment.payment_reference),
            (1000, "2026-01-20", "TR 7"),
        )
        self.assert_closed(f"{payment.name} stands for it: the money came")
        self.assertEqual(self.invoice.amount_residual, 0)
        dialog.action_record()  # A second click is the same request.
        self.assertEqual(self.invoice.sudo().matched_payment_ids, payment)

    def test_money_that_came_is_not_charged_again(self):
        """Also where the invoice has a rest, which is another payment's."""
        payment = self.announced.record_received(amount=400)
        self.assert_closed(f"{payment.name} stands for it")
        actions = self.rows()[f"tx-{self.tx.id}"]["actions"]
        self.assertNotIn("retry", [action["name"] for action in actions])
        with self.assertRefused(f"came: {payment.name}"):
            self.announced.retry(self.token.id)
        self.assertEqual(self.gateway.requests, [])
        # It did not come after all.
        payment.undo_recording(reason="Wrong invoice")
        self.announced.cancel_announced()
        actions = self.rows()[f"tx-{self.tx.id}"]["actions"]
        self.assertIn("retry", [action["name"] for action in actions])

    def record_part(self, amount, **values):
        return self.announced.record_received(
            amount=amount, is_rest_expected=True, **values
        )

    def test_part_came_and_the_rest_is_expected(self):
        """The attempt keeps its amount; what came is taken off what is expected."""
        self.record_part(400)
        self.assertEqual((self.tx.outcome, self.tx.amount), ("announced", 1000))
        self.assertEqual(self.invoice.amount_residual, 600)
        row = self.rows()[f"tx-{self.tx.id}"]
        self.assertEqual((row["state"], row["amount"]), ("announced", 600))
        self.assertIn("400.00 of", row["memo"])
        movements = self.env["account.payment.movement"].sudo()
        movement = movements.search([("transaction_id", "=", self.tx.id)])
        self.assertEqual(
            (movement.outcome, movement.amount_attempted), ("announced", 600)
        )
        [portal_row] = self.tx._prepare_portal_rows()
        self.assertEqual(portal_row["amount"], 600)
        action = self.announced.action_record_received()
        dialogs = self.env[action["res_model"]].with_user(self.accountant)
        form = Form(dialogs.with_context(**action["context"]))
        self.assertEqual((form.amount, form.is_part), (600, False))
        form.amount = 100
        self.assertTrue(form.is_part)
        form.is_rest_expected = True
        form.save().action_record()
        self.assertEqual(self.rows()[f"tx-{self.tx.id}"]["amount"], 500)
        self.announced.record_received()
        self.assert_closed("the money came")
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertEqual(
            sorted(self.tx.standing_payment_ids.mapped("amount")), [100, 400, 500]
        )
        check_invariants(self, self.invoice)

    def test_money_that_was_recorded_by_mistake_is_expected_again(self):
        for record in (
            lambda: self.announced.record_received(),
            lambda: self.invoice.record_external_payment(1000),
        ):
            payment = record()
            self.assertEqual(self.tx.outcome, "canceled")
            payment.undo_recording("The money did not come")
            note = f"{payment.name} does not stand for it any more: the money is"
            self.assertEqual(self.tx.outcome, "announced")
            notes = "".join(self.invoice.sudo().message_ids.mapped("body"))
            self.assertIn(note, notes)
            # The customer would read it on the page of the payment.
            self.assertFalse(self.tx.state_message)
            row = self.rows()[f"tx-{self.tx.id}"]
            self.assertEqual((row["state"], row["amount"]), ("announced", 1000))
            check_invariants(self, self.invoice)
        self.announced.record_received()
        self.assert_closed("the money came")

    def test_money_that_was_paid_otherwise_is_not_expected_again(self):
        payment = self.announced.record_received(amount=400)
        self.invoice.record_external_payment(600)
        payment.undo_recording("The money did not come")
        self.assertEqual(self.tx.outcome, "canceled")
        self.assertIn("does not stand for it any more", self.tx.state_message)

    def test_what_a_person_closed_is_not_expected_again(self):
        payment = self.record_part(400)
        self.announced.cancel_announced()
        note = self.tx.state_message
        payment.undo_recording("The money did not come")
        self.assertEqual((self.tx.outcome, self.tx.state_message), ("canceled", note))

    def test_what_another_one_replaced_is_not_expected_again(self):
        payment = self.record_part(400)
        again = self.announce(600)
        self.assertEqual((self.tx.outcome, again.outcome), ("canceled", "announced"))
        payment.undo_recording("The money did not come")
        self.assertEqual((self.tx.outcome, again.outcome), ("canceled", "announced"))

    def test_what_is_announced_otherwise_is_not_expected_twice(self):
        payment = self.invoice.record_external_payment(1000)
        payment.sudo().move_id.line_ids.remove_move_reconcile()
        again = self.announce(1000)
        payment.undo_recording("The money did not come")
        self.assertEqual((self.tx.outcome, again.outcome), ("canceled", "announced"))

    def test_the_newest_is_the_one_that_was_submitted_last(self):
        """Of two tabs, the one that was opened first is sent last."""
        first = self.announce(1000, is_submitted=False)
        second = self.announce(1000)
        first._set_pending()
        self.assertEqual((first.outcome, second.outcome), ("announced", "canceled"))

    def test_part_came_and_no_rest_is_expected(self):
        self.announced.record_received(amount=400)
        self.assert_closed("the money came")
        self.assertEqual(self.invoice.amount_residual, 600)

    def test_rest_that_is_expected_ends_as_the_whole(self):
        self.record_part(400)
        self.invoice.record_external_payment(600)
        self.assert_closed("stands for it")
        self.tx._set_done()
        self.tx.sudo()._post_process()
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_part_that_is_taken_away_is_expected_again(self):
        payment = self.record_part(400)
        payment.sudo().action_draft()
        payment.sudo().action_cancel()
        self.assertEqual(self.rows()[f"tx-{self.tx.id}"]["amount"], 1000)

    def reverse(self, payment):
        """Reverse the entry of a payment as Odoo's button does."""
        entry = payment.sudo().move_id
        dialogs = entry.env["account.move.reversal"].with_context(
            active_model="account.move", active_ids=entry.ids
        )
        dialogs.create({"journal_id": entry.journal_id.id}).reverse_moves()

    def test_what_odoos_own_ways_call_off_is_expected_again(self):
        """As Recorded by mistake has it, whoever is rid of the payment and how."""
        ways = {
            # While they are the last of their journal.
            "delete": lambda payment: payment.unlink(),
            "delete a draft": lambda payment: (
                payment.action_draft(),
                payment.unlink(),
            ),
            "cancel": lambda payment: payment.action_cancel(),
            "reject": lambda payment: payment.action_reject(),
            "cancel a draft": lambda payment: (
                payment.action_draft(),
                payment.action_cancel(),
            ),
            "reverse its entry": self.reverse,
        }
        for name, call_off in ways.items():
            with self.subTest(name):
                payment = self.announced.record_received()
                self.assertEqual(self.tx.outcome, "canceled")
                called = payment.name
                call_off(payment)
                self.assertEqual(self.tx.outcome, "announced")
                notes = "".join(self.invoice.sudo().message_ids.mapped("body"))
                self.assertIn(f"{called} does not stand for it any more", notes)
                row = self.rows()[f"tx-{self.tx.id}"]
                self.assertEqual((row["state"], row["amount"]), ("announced", 1000))
                self.assertEqual(self.invoice.amount_residual, 1000)
                check_invariants(self, self.invoice)
        payment = self.announced.record_received()
        payment.action_cancel()
        self.announced.cancel_announced()
        payment.unlink()
        self.assert_closed("Not expected any more")

    def test_what_is_only_reset_is_not_expected_again(self):
        payment = self.announced.record_received()
        payment.action_draft()
        self.assert_closed("the money came")
        payment.action_post()
        self.assert_closed("the money came")
        # Cancelled, and confirmed again after all.
        payment.action_cancel()
        self.assertEqual(self.tx.outcome, "announced")
        payment.action_draft()
        payment.action_post()
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assert_closed(f"{payment.name} stands for it")

    def test_part_that_is_reversed_is_expected_again(self):
        self.reverse(self.record_part(400))
        self.assertEqual(self.rows()[f"tx-{self.tx.id}"]["amount"], 1000)
        movements = self.env["account.payment.movement"].sudo()
        movement = movements.search([("transaction_id", "=", self.tx.id)])
        self.assertEqual(movement.amount_attempted, 1000)
        self.announced.record_received()
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_parts_that_are_refused(self):
        euro = self.make_currency_journal()
        for amount, values, message in (
            (1000, {}, "Nothing more is expected"),
            (1200, {}, "Nothing more is expected"),
            (0, {}, "above zero"),
            (400, {"journal_id": euro.id}, "Only a part in"),
        ):
            with self.subTest(message), self.assertRefused(message):
                self.record_part(amount, **values)
        other = self.make_invoice(500)
        several = self.announce(1500, self.invoice | other)
        with self.assertRefused("was for several invoices"):
            several.with_user(self.accountant).record_received(
                amount=100, is_rest_expected=True
            )
        self.assertEqual(self.invoice.amount_residual, 1000)

    def test_late_confirmation_is_not_booked_twice(self):
        payment = self.announced.record_received()
        self.confirm_late()
        self.assertEqual(self.tx.payment_id, payment)
        self.assertEqual(self.invoice.sudo().matched_payment_ids, payment)
        self.assertEqual(self.rows().keys(), {f"tx-{self.tx.id}"})

    def test_another_amount_that_is_confirmed_is_told(self):
        payment = self.announced.record_received(amount=950)
        self.confirm_late()
        self.assertEqual(self.tx.payment_id, payment)
        activity = self.invoice.sudo().activity_ids
        self.assertEqual(activity.summary, "Another amount was recorded")
        found = self.env["account.payment.tie.out"].sudo().check()
        self.assertEqual([row["invariant"] for row in found], ["booked"])
        # The person puts it right: the rest came too.
        self.announce_as(950)

    def test_money_that_was_taken_back_is_booked_when_it_is_confirmed(self):
        self.tx = self.announce_elsewhere()
        payment = self.tx.with_user(self.accountant).record_received()
        payment.action_draft()
        payment.action_cancel()
        self.confirm_late()
        self.assertEqual((self.tx.payment_id - payment).amount, 1000)
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_reversed_money_is_booked_when_it_is_confirmed(self):
        """The entry of the payment that stood for it books nothing any more."""
        self.tx = self.announce_elsewhere()
        payment = self.tx.with_user(self.accountant).record_received()
        self.reverse(payment)
        self.confirm_late()
        self.assertEqual((self.tx.payment_id - payment).amount, 1000)
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_canceled_money_that_is_confirmed_is_booked(self):
        self.tx = self.announce_elsewhere()
        self.tx.with_user(self.accountant).cancel_announced()
        self.confirm_late()
        self.assertEqual(self.tx.payment_id.amount, 1000)
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_several_invoices_at_once(self):
        other = self.make_invoice(500)
        tx = self.announce(1500, self.invoice | other)
        both = tx.with_user(self.accountant)
        with self.assertRefused("was for several invoices"):
            both.record_received(amount=1400)
        payments = both.record_received()
        self.assertEqual(sorted(payments.mapped("amount")), [500, 1000])
        self.assertEqual(self.tx.outcome, "canceled")
        tx._set_done()
        tx.sudo()._post_process()
        self.assertEqual(payments.payment_transaction_id, tx)

    def test_transfer_for_no_invoice(self):
        """It is of an order, say: it is recorded where that is."""
        self.tx.invoice_ids = False
        dialog = (
            self.env["payment.attempt.received"]
            .with_user(self.accountant)
            .new({"transaction_id": self.tx.id})
        )
        self.assertEqual((dialog.amount, dialog.is_part), (1000, False))
        with self.assertRefused("is for no invoice: record it where it was started"):
            self.tx.record_received()
        self.assertEqual(self.tx.outcome, "announced")

    def test_cancel(self):
        self.announced.cancel_announced(reason="Paid in cash next week")
        self.assert_closed("Paid in cash next week")
        with self.assertRefused("is not an announced payment: it is Canceled"):
            self.announced.cancel_announced()
        with self.assertRefused("is not an announced payment"):
            self.announced.record_received()
        # The customer's browser sends its form once more.
        self.tx._process("custom", {"reference": self.tx.reference})
        self.assertEqual(self.tx.outcome, "canceled")

    def test_who_may(self):
        user = self.make_user("ip_reader", "account.group_account_readonly")
        for door in ("record_received", "cancel_announced"):
            with self.assertRefused("You have no right"):
                getattr(self.tx.with_user(user), door)()

    def test_a_failed_record_leaves_it_announced(self):
        with self.assertRefused("is in the future"):
            self.announced.record_received(date="2999-01-01")
        self.assertEqual(self.tx.outcome, "announced")

    def test_other_providers_may_only_announce(self):
        tx = self.announce_elsewhere()
        self.assertEqual(tx.outcome, "announced")
        self.assertEqual(self.invoice._get_chargeable_amount(), 1000)
        # Odoo takes a pending payment at a real provider for money on its way.
        self.env.cr.execute(
            "UPDATE payment_provider SET code = 'demo' WHERE id = %s",
            [self.provider.id],
        )
        self.env.invalidate_all()
        self.assertTrue(self.invoice._has_to_be_paid())
        self.make_portal_transaction("pending", reference="PORTAL-2", amount=1000.0)
        self.assertFalse(self.invoice._has_to_be_paid())
