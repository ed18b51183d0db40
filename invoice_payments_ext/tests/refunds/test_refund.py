from unittest.mock import patch

import requests

from odoo import fields
from odoo.exceptions import AccessError, LockError, UserError
from odoo.fields import Command
from odoo.modules.module import load_script
from odoo.tests import tagged
from odoo.tools import SQL, file_path

from .common_refund import RefundCommon


@tagged("post_install", "-at_install")
class TestRefundThroughGateway(RefundCommon):
    """Money that goes back to the method that was charged."""

    def test_in_full_reopens_the_invoice(self):
        payment = self.charge()
        self.assertEqual(self.invoice.amount_residual, 0)
        refund = self.refund(payment)
        self.assertEqual(refund._name, "account.payment")
        self.assertEqual(refund.payment_type, "outbound")
        self.assertEqual(refund.amount, 1000)
        self.assertEqual(refund.source_payment_id, payment)
        self.assertEqual(refund.journal_id, payment.journal_id)
        self.assertEqual(self.gateway.requests[-1][1:], ("refund", -1000))
        self.assertEqual(self.invoice.amount_residual, 1000)
        self.assertEqual(self.invoice.payment_state, "not_paid")
        self.assertEqual(self.invoice.refund_status, "refunded")
        self.assertFalse(self.receivable(payment))
        self.assertFalse(self.receivable(refund))

    def test_in_part_leaves_the_rest_on_the_invoice(self):
        payment = self.charge()
        refund = self.refund(payment, 300)
        self.assertEqual(self.invoice.amount_residual, 300)
        self.assertEqual(self.invoice.payment_state, "partial")
        self.assertEqual(self.invoice.refund_status, "partially_refunded")
        row = self.row(payment)
        self.assertEqual(row["amount_applied"], 700)
        self.assertEqual(row["amount_refunded"], 300)
        (shown,) = row["refunds"]
        self.assertEqual(shown["payment_id"], refund.id)
        self.assertEqual(shown["state"], "succeeded")
        self.assertEqual(shown["memo"], "A mistake")
        self.assertTrue(self.action(shown, "receipt"))

    def test_in_part_is_one_partial_matching(self):
        payment = self.charge()
        refund = self.refund(payment, 300)
        receivable = payment.destination_account_id
        moves = payment.move_id | refund.move_id | self.invoice
        lines = moves.sudo().line_ids.filtered(
            lambda line: line.account_id == receivable
        )
        self.assertEqual(len(lines), 3)
        self.assertFalse(lines.full_reconcile_id)
        (number,) = set(lines.mapped("matching_number"))
        self.assertTrue(number.startswith("P"))

    def test_migration_matches_again(self):
        payment = self.charge()
        refund = self.refund(payment, 300)
        lines = (payment | refund)._get_receivable_lines().sudo()
        own = self.invoice._get_open_receivable_lines()
        number = own.matching_number
        full = (
            self.env["account.full.reconcile"]
            .sudo()
            .create(
                {
                    "partial_reconcile_ids": [
                        Command.link(part.id)
                        for part in refund._get_receivable_lines()
                        .sudo()
                        .matched_credit_ids
                    ],
                    "reconciled_line_ids": [Command.link(line.id) for line in lines],
                }
            )
        )  # So it was left by version 19.0.1.2.0.
        self.assertEqual(lines.full_reconcile_id, full)
        migration = load_script(
            file_path("invoice_payments_ext/migrations/19.0.1.3.0/post-migrate.py"),
            "post_migrate",
        )
        migration.migrate(self.env.cr, "19.0.1.2.0")
        self.env.invalidate_all()
        self.assertFalse(lines.full_reconcile_id)
        self.assertEqual(set((lines | own).mapped("matching_number")), {number})
        self.assertFalse(full.exists())

    def test_several_one_after_another(self):
        payment = self.charge()
        for amount in (300, 300):
            self.refund(payment, amount)
        self.assertEqual(payment._get_refundable_amount(), 400)
        with self.assertRefused("400.01 is above the refundable amount of .*400.00"):
            self.refund(payment, 400.01)
        self.refund(payment)
        self.assertEqual(self.invoice.amount_residual, 1000)
        self.assertEqual(self.invoice.refund_status, "refunded")
        with self.assertRefused("refunded already"):
            self.refund(payment)
        self.assertFalse(self.action(self.row(payment), "refund")["enabled"])

    def test_paid_again_after_a_refund(self):
        payment = self.charge()
        self.refund(payment)
        self.charge()
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertEqual(self.invoice.refund_status, "partially_refunded")

    def test_reduces_the_bill(self):
        payment = self.charge()
        refund = self.refund(payment, 300, reduce_bill=True)
        credit_note = self.invoice.reversal_move_ids
        self.assertEqual(credit_note.state, "posted")
        self.assertEqual(credit_note.amount_total, 300)
        self.assertEqual(credit_note.amount_residual, 0)
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertIn(self.invoice.payment_state, ("paid", "in_payment"))
        self.assertEqual(self.invoice.refund_status, "partially_refunded")
        self.assertFalse(self.receivable(refund))
        self.assertEqual(
            refund.sudo().refund_allocation_ids.credit_note_id, credit_note
        )
        row = self.rows()[f"move-{credit_note.id}"]
        self.assertEqual((row["kind"], row["amount_applied"]), ("credit_note", 0))

    def test_reduces_the_bill_of_a_part_paid_invoice(self):
        payment = self.charge(600)
        self.refund(payment, 200, reduce_bill=True)
        self.assertEqual(self.invoice.amount_residual, 400)
        self.assertEqual(self.invoice.reversal_move_ids.amount_residual, 0)
        self.refund(payment, 400, reduce_bill=True)
        self.assertEqual(self.invoice.amount_residual, 400)
        self.assertEqual(self.invoice.refund_status, "refunded")

    def test_declined_changes_nothing(self):
        payment = self.charge()
        self.gateway.reason = "Card closed"
        attempt = self.refund(payment, 300, answer="error", reduce_bill=True)
        self.assertEqual(attempt._name, "payment.transaction")
        self.assertEqual(attempt.outcome, "declined")
        self.assertEqual(attempt.state_message, "Card closed")
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertFalse(self.invoice.reversal_move_ids)
        self.assertEqual(payment._get_refundable_amount(), 1000)
        self.assertFalse(self.invoice.refund_status)
        title, message, kind = attempt._describe_outcome()
        self.assertEqual((title, kind), ("Refund declined", "danger"))
        self.assertIn("Card closed", message)
        row = self.row(payment)
        self.assertEqual(row["amount_refunded"], 0)
        self.assertEqual(row["refunds"][0]["state"], "declined")
        self.assertEqual(row["refunds"][0]["reason"], "Card closed")
        self.assertTrue(self.action(row, "refund")["enabled"])

    def test_pending_reserves_its_amount(self):
        payment = self.charge()
        attempt = self.refund(payment, 700, answer="pending")
        self.assertEqual(attempt.outcome, "pending")
        self.assertEqual(payment._get_refundable_amount(), 300)
        self.assertEqual(self.invoice.amount_residual, 0)
        with self.assertRefused("above the refundable amount"):
            self.refund(payment, 301)
        with self.assertRefused("in flight"):
            payment.action_draft()
        self.gateway.notify(attempt, "done")
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 700)
        self.assertEqual(payment._get_refundable_amount(), 300)

    def test_pending_then_declined_frees_its_amount(self):
        payment = self.charge()
        attempt = self.refund(payment, 700, answer="pending")
        self.gateway.notify(attempt, "error")
        self.assertEqual(payment._get_refundable_amount(), 1000)
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_unknown_reserves_and_is_resolved_by_a_person(self):
        for charged, refundable, remaining in (
            (True, 300, 700),
            (False, 1000, 0),
        ):
            with self.subTest(charged):
                self.invoice = self.make_invoice().with_user(self.supervisor)
                payment = self.charge()
                timeout = self.transport_error(requests.ReadTimeout())
                attempt = self.refund(payment, 700, answer=timeout)
                self.assertEqual(attempt.outcome, "unknown")
                self.assertEqual(payment._get_refundable_amount(), 300)
                requests_before = list(self.gateway.requests)
                self.run_resolver()
                self.assertEqual(self.gateway.requests, requests_before)
                row = self.row(payment)
                self.assertTrue(self.action(row["refunds"][0], "resolve"))
                attempt.resolve(charged, "Seen in the dashboard")
                self.assertEqual(payment._get_refundable_amount(), refundable)
                self.assertEqual(self.invoice.amount_residual, remaining)

    def test_done_after_the_verdict_that_it_was_not(self):
        payment = self.charge()
        timeout = self.transport_error(requests.ReadTimeout())
        attempt = self.refund(payment, 700, answer=timeout)
        attempt.resolve(False, "Not in the dashboard")
        self.gateway.notify(attempt, "done")
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 700)
        self.assertEqual(payment._get_refundable_amount(), 300)

    def test_unknown_that_never_reached_the_gateway_is_failed(self):
        payment = self.charge()
        refused = self.transport_error(requests.ConnectTimeout())
        attempt = self.refund(payment, 700, answer=refused)
        self.assertEqual(attempt.outcome, "failed")
        self.assertEqual(payment._get_refundable_amount(), 1000)

    def test_error_while_booking_is_booked_later(self):
        payment = self.charge()
        error = RuntimeError("Broken")
        with self.force_error_once("account.payment", "_allocate_refund", error):
            attempt = self.refund(payment, 300)
        self.assertEqual(attempt._name, "payment.transaction")
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertIn("not booked", attempt._describe_outcome()[1])
        self.assertEqual(payment._get_refundable_amount(), 700)
        self.assertIn(
            "Refunded, not booked", self.invoice.activity_ids.mapped("summary")
        )
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 300)
        self.assertEqual(len(payment.refund_payment_ids), 1)

    def test_idempotency_key(self):
        payment = self.charge()
        first = self.refund(payment, 300, idempotency_key="key")
        second = self.refund(payment, 300, idempotency_key="key")
        self.assertEqual(first, second)
        self.assertEqual(self.invoice.amount_residual, 300)
        with self.assertRefused("used already with other values"):
            self.refund(payment, 200, idempotency_key="key")

    def test_archived_saved_method(self):
        payment = self.charge()
        self.token.sudo().active = False
        self.refund(payment, 300)
        self.assertEqual(self.invoice.amount_residual, 300)

    def test_archived_payment_method(self):
        payment = self.charge()
        self.token.payment_method_id.sudo().active = False
        self.refund(payment, 300)
        self.assertEqual(self.invoice.amount_residual, 300)

    def test_parts_of_an_authorization(self):
        attempt = self.start_attempt("authorized")
        self.gateway.answers = ["done"]
        part = attempt.capture(600)
        payment = part.sudo().payment_id.with_user(self.supervisor)
        self.refund(payment, 200)
        self.assertEqual(self.invoice.amount_residual, 600)
        self.assertEqual(payment._get_refundable_amount(), 400)
        self.gateway.answers = ["cancel"]
        attempt.void()

    def test_refunded_before_it_could_be_booked(self):
        error = RuntimeError("Broken")
        with self.force_error_once("account.payment", "create", error):
            attempt = self.start_attempt("done").sudo()
        self.assertFalse(attempt.payment_id)
        refund = attempt._create_child_transaction(300, is_refund=True)
        self.gateway.notify(refund, "done")
        self.run_resolver()
        self.assertEqual(attempt.payment_id.amount, 1000)
        self.assertEqual(self.invoice.amount_residual, 300)

    def test_refunded_before_it_is_known_that_the_money_came(self):
        """Its messages come out of order: it is booked after the charge, against it."""
        attempt = self.start_attempt("pending").sudo()
        refund = attempt._create_child_transaction(300, is_refund=True)
        self.gateway.notify(refund, "done")
        self.run_resolver()
        self.assertFalse(refund.payment_id)
        self.assertEqual(self.invoice.amount_residual, 1000)
        note = "gives back money of .*, and it is not known yet that this came"
        self.assertRegex(" ".join(self.invoice.activity_ids.mapped("note")), note)
        self.gateway.notify(attempt, "done")
        self.run_resolver()
        self.run_resolver()
        self.assertEqual(refund.payment_id.source_payment_id, attempt.payment_id)
        self.assertEqual(attempt.payment_id.amount, 1000)
        self.assertEqual(self.invoice.amount_residual, 300)
        self.assertEqual(
            self.invoice.activity_ids.mapped("summary"),
            ["Refund made outside the Payments section"],
        )

    def test_refunded_before_a_person_says_what_moved(self):
        """The provider named another amount: nobody knows yet what came."""
        attempt = self.start_attempt("pending").sudo()
        named = {"amount": 400.0, "currency_code": attempt.currency_id.name}
        with patch.object(type(attempt), "_extract_amount_data", lambda *_args: named):
            attempt._process("none", self.gateway.payment_data(attempt, "done"))
        self.assertEqual((attempt.state, attempt.outcome), ("error", "unknown"))
        refund = attempt._create_child_transaction(300, is_refund=True)
        self.gateway.notify(refund, "done")
        self.run_resolver()
        self.assertFalse(refund.payment_id)
        person = attempt.with_user(self.supervisor).sudo(False)
        person.resolve(True, "Seen in the dashboard", amount=400.0)
        self.run_resolver()
        self.assertEqual(refund.payment_id.source_payment_id, attempt.payment_id)
        self.assertEqual(self.invoice.amount_residual, 900)

    def test_refunded_before_its_captures_are_booked(self):
        """The youngest is booked first: it books its captures, and finds one."""
        self.gateway.answers = ["authorized", "pending", "pending"]
        authorization = self.invoice.charge(self.token.id)
        parts = authorization.capture(amount=600) | authorization.capture()
        for part in parts.sudo():
            self.gateway.notify(part, "done")
        authorization = authorization.sudo()
        self.assertEqual(authorization.outcome, "succeeded")
        self.assertFalse(parts.sudo().payment_id)
        refund = authorization._create_child_transaction(300, is_refund=True)
        self.gateway.notify(refund, "done")
        self.run_resolver()
        payments = parts.sudo().payment_id
        self.assertEqual(sorted(payments.mapped("amount")), [400, 600])
        self.assertIn(refund.payment_id.source_payment_id, payments)
        self.assertFalse(self.receivable(refund.payment_id))
        self.assertEqual(self.invoice.amount_residual, 300)

    def test_refunded_before_a_charge_is_confirmed_that_a_person_called_off(self):
        attempt = self.start_attempt("pending").sudo()
        person = attempt.with_user(self.supervisor).sudo(False)
        person.resolve(False, "Not in the dashboard")
        refund = attempt._create_child_transaction(300, is_refund=True)
        self.gateway.notify(refund, "done")
        self.run_resolver()
        # The customer has the money, as far as is known.
        self.assertEqual(self.receivable(refund.payment_id), 300)
        self.gateway.notify(attempt, "done")
        self.run_resolver()
        self.assertEqual(refund.payment_id.source_payment_id, attempt.payment_id)
        self.assertFalse(self.receivable(refund.payment_id))
        self.assertEqual(self.invoice.amount_residual, 300)

    def test_refunded_before_money_that_is_too_much_is_booked(self):
        """It is kept for the customer, and told, as any other excess."""
        attempt = self.start_attempt("pending").sudo()
        person = attempt.with_user(self.supervisor).sudo(False)
        person.resolve(False, "Not in the dashboard")
        self.record(1000)
        refund = attempt._create_child_transaction(300, is_refund=True)
        self.gateway.notify(refund, "done")
        self.run_resolver()
        self.gateway.notify(attempt, "done")
        self.run_resolver()
        self.assertEqual(self.receivable(attempt.payment_id), -700)
        self.assertIn(
            "Payment above the remaining amount",
            self.invoice.activity_ids.mapped("summary"),
        )

    def test_bill_that_was_credited_in_the_meantime(self):
        payment = self.charge()
        attempt = self.refund(payment, 300, answer="pending", reduce_bill=True)
        self.make_credit_note(self.invoice.with_user(self.env.uid))
        self.gateway.notify(attempt, "done")
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 300)
        self.assertIn(
            "Refunded, but the bill was not reduced",
            self.invoice.activity_ids.mapped("summary"),
        )


@tagged("post_install", "-at_install")
class TestRefundFromElsewhere(RefundCommon):
    """Refunds that start at the gateway, or on Odoo's own form."""

    def test_reported_by_the_gateway(self):
        payment = self.charge()
        source = payment.sudo().payment_transaction_id
        refund = source._create_child_transaction(
            300, is_refund=True, provider_reference="re_1"
        )
        again = source._create_child_transaction(
            300, is_refund=True, provider_reference="re_1"
        )
        self.assertEqual(refund, again)
        self.gateway.notify(refund, "done")
        self.run_resolver()
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 300)
        self.assertEqual(self.invoice.refund_status, "partially_refunded")
        self.assertEqual(
            self.invoice.activity_ids.mapped("summary"),
            ["Refund made outside the Payments section"],
        )
        self.assertEqual(len(self.row(payment)["refunds"]), 1)

    def test_reported_before_our_own_answer_is_known(self):
        payment = self.charge()
        timeout = self.transport_error(requests.ReadTimeout())
        attempt = self.refund(payment, 300, answer=timeout).sudo()
        source = attempt.source_transaction_id
        reported = source._create_child_transaction(300, is_refund=True)
        self.assertEqual(reported, attempt)
        self.gateway.notify(reported, "done")
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 300)
        self.assertEqual(payment._get_refundable_amount(), 700)
        self.assertFalse(self.invoice.activity_ids)
        other = source._create_child_transaction(300, is_refund=True)
        self.assertNotEqual(other, attempt)
        self.gateway.notify(other, "done")
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 600)

    def test_more_than_was_left(self):
        self.late_confirmation = True
        payment = self.charge()
        self.refund(payment, 800, to="outside")
        source = payment.sudo().payment_transaction_id
        refund = source._create_child_transaction(1000, is_refund=True)
        self.gateway.notify(refund, "done")
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 1000)
        self.assertEqual(self.receivable(refund.payment_id), 800)
        self.assertIn(
            "Refund not matched with its payment",
            self.invoice.activity_ids.mapped("summary"),
        )
        # The money did come, even if some of it was given back.
        payment.action_draft()
        payment.action_post()
        self.assertEqual(payment.state, "in_process")
        payment.action_draft()
        payment.amount = 900
        with self.assertRefused("posted with less"):
            payment.action_post()
        payment.amount = 1000
        payment.action_post()

    def test_somebody_holds_the_invoice_when_it_is_booked(self):
        """The booking is tried again, and nobody is told of a failure."""
        self.gateway.answers = ["pending"]
        attempt = self.invoice.charge(self.token.id).sudo()
        self.gateway.notify(attempt, "done")
        self._keep()
        settle, tries = type(attempt)._settle, []

        def settle_third(tx):
            tries.append(tx)
            if len(tries) < 3:
                raise UserError(tx.reference) from LockError("held")
            return settle(tx)

        self.patch(self.env.registry["payment.transaction"], "_settle", settle_third)
        attempt._try_to_settle()
        self.assertEqual(len(tries), 3)
        self.assertEqual(attempt.payment_id.amount, 1000)
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertFalse(self.invoice.activity_ids)

    def test_on_odoos_own_form(self):
        payment = self.charge()
        action = payment.action_refund_wizard()
        self.assertEqual(action["res_model"], "account.payment.refund")
        wizard = (
            self.env["payment.refund.wizard"]
            .with_user(self.supervisor)
            .create({"payment_id": payment.id, "amount_to_refund": 300})
        )
        wizard.action_refund()
        self.assertEqual(self.gateway.requests[-1][1:], ("refund", -300))
        self.assertEqual(self.invoice.amount_residual, 300)

    def test_two_of_odoos_own_forms_side_by_side(self):
        payment = self.charge()
        wizards = [
            self.env["payment.refund.wizard"]
            .with_user(self.supervisor)
            .create({"payment_id": payment.id, "amount_to_refund": 1000})
            for _number in range(2)
        ]
        wizards[0].action_refund()
        self.env.invalidate_all()
        with self.assertRefused("refunded already or being refunded"):
            wizards[1].action_refund()
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 1000)

    def test_refund_of_another_addon(self):
        payment = self.charge()
        payment.sudo().payment_transaction_id._refund(300)
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 300)
        self.assertIn(
            "Refund made outside the Payments section",
            self.invoice.activity_ids.mapped("summary"),
        )

    def test_refund_of_another_addon_whose_answer_cannot_be_read(self):
        payment = self.charge()
        self.gateway.answers = ["done"]
        with self.force_error_once(
            "payment.transaction", "_apply_updates", KeyError("id")
        ):
            payment.sudo().payment_transaction_id._refund(300)
        attempt = payment.sudo().payment_transaction_id.child_transaction_ids
        # It was read a second time: the gateway did say that it refunded.
        self.assertEqual(attempt.outcome, "succeeded")
        self.run_resolver()
        self.assertEqual(payment._get_refundable_amount(), 700)

    def test_reported_by_an_id_that_a_capture_shares_with_its_authorization(self):
        """Razorpay gives both the id of the payment: its module finds both by it."""
        attempt = self.start_attempt("authorized").sudo()
        self.gateway.answers = ["done"]
        family = attempt | attempt.capture()
        for amount, reference in ((300, "rfnd_1"), (100.01, "rfnd_2")) * 2:
            refund = family._create_child_transaction(
                amount, is_refund=True, provider_reference=reference
            )
            refund._set_done()
            self.run_resolver()
        self.assertEqual(len(family._get_family()._filter_refunds()), 2)
        self.assertEqual(self.invoice.amount_residual, 400.01)

    def test_reported_on_an_authorization_that_was_captured_in_parts(self):
        attempt = self.start_attempt("authorized").sudo()
        self.gateway.answers = ["done"]
        parts = attempt.capture(600) | attempt.capture(400)
        with self.assertRefused("captured in parts"):
            attempt._refund(100)
        refund = attempt._create_child_transaction(500, is_refund=True)
        self.gateway.notify(refund, "done")
        self.run_resolver()
        self.assertEqual(self.invoice.amount_residual, 500)
        payments = parts.sudo().payment_id
        self.assertEqual(refund.payment_id.source_payment_id, payments[0])
        self.assertEqual(
            [payment._get_refundable_amount() for payment in payments], [100, 400]
        )
        rows = self.rows()
        (shown,) = rows[f"tx-{parts[0].id}"]["refunds"]
        self.assertEqual(shown["transaction_id"], refund.id)

    def test_payment_that_was_reset_before_the_gateway_reported(self):
        self.late_confirmation = True
        payment = self.charge()
        payment.action_draft()
        source = payment.sudo().payment_transaction_id
        refund = source._create_child_transaction(300, is_refund=True)
        self.gateway.notify(refund, "done")
        self.run_resolver()
        self.assertEqual(refund.payment_id.state, "in_process")
        self.assertIn(
            "Refund not matched with its payment",
            self.invoice.activity_ids.mapped("summary"),
        )
        payment.action_post()

    def test_odoos_own_form_keeps_unknown_apart(self):
        payment = self.charge()
        self.gateway.answers = [self.transport_error(requests.ReadTimeout())]
        payment.sudo().payment_transaction_id.action_refund(300)
        attempt = payment.sudo().payment_transaction_id.child_transaction_ids
        self.assertEqual(attempt.outcome, "unknown")
        self.assertEqual(payment._get_refundable_amount(), 700)

    def test_odoos_own_form_wants_the_level(self):
        payment = self.charge()
        transaction = payment.payment_transaction_id
        with self.assertRefused("no right to refund"):
            transaction.with_user(self.accountant).action_refund(300)

    def test_payment_of_another_module_knows_what_it_gives_back(self):
        payment = self.charge()
        refund = self.refund(payment, 300).payment_transaction_id
        payments = self.env["account.payment"]
        for transaction, source in (
            (refund, payment),
            (payment.payment_transaction_id, payments),
        ):
            made = payments.new({"payment_transaction_id": transaction.id})
            self.assertEqual(made.source_payment_id._origin, source)

    def test_money_that_is_not_booked_yet(self):
        """It is given back by Odoo's own form, and no more of it than came."""
        tx = self.make_portal_transaction()
        self.gateway.apply(tx, {"state": "done", "reason": None})
        self._keep()
        self.assertFalse(tx.payment_id)
        self.gateway.answers = ["pending"]
        tx._refund(40)
        with self.assertRefused(r"above the refundable amount of .*60\.00"):
            tx._refund(61)
        tx._refund()
        refunds = tx.child_transaction_ids.sorted("id")
        self.assertEqual(refunds.mapped("amount"), [-40, -60])
        with self.assertRefused(f"{refunds[0].reference}.* is in flight"):
            tx._refund()
        for refund in refunds:
            self.gateway.notify(refund, "done")
            refund._post_process()
        self.assertEqual(tx.payment_id.amount, 100)
        self.assertEqual(refunds.payment_id.source_payment_id, tx.payment_id)
        self.assertEqual(self.invoice.amount_residual, 1000)


@tagged("post_install", "-at_install")
class TestRefundOutside(RefundCommon):
    """Money that goes back in cash, by cheque or by bank transfer: a record only."""

    def test_external_payment_recorded_by_mistake(self):
        payment = self.record()
        before = list(self.gateway.requests)
        refund = self.refund(payment, to="outside", reference="CHQ 7")
        self.assertEqual(self.gateway.requests, before)
        self.assertEqual(refund.payment_reference, "CHQ 7")
        self.assertEqual(refund.date, fields.Date.context_today(refund))
        self.assertEqual(refund.source_payment_id, payment)
        self.assertFalse(refund.payment_transaction_id)
        self.assertEqual(self.invoice.amount_residual, 1000)
        self.assertEqual(self.invoice.refund_status, "refunded")
        self.assertFalse(self.receivable(refund))
        row = self.row(payment)
        self.assertEqual(row["amount_refunded"], 1000)
        self.assertEqual(row["refunds"][0]["reference"], "CHQ 7")

    def test_external_payment_has_no_gateway(self):
        payment = self.record()
        with self.assertRefused("not charged through a gateway: refund it outside"):
            self.refund(payment)

    def test_card_payment_outside(self):
        payment = self.charge()
        self.refund(payment, 400, to="outside")
        self.assertEqual(payment._get_refundable_amount(), 600)
        with self.assertRefused("above the refundable amount"):
            self.refund(payment, 601)

    def test_reduces_the_bill(self):
        payment = self.record()
        self.refund(payment, 250, to="outside", reduce_bill=True)
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertEqual(self.invoice.reversal_move_ids.amount_total, 250)
        self.assertEqual(self.invoice.reversal_move_ids.amount_residual, 0)

    def test_refund_that_is_reset_still_counts(self):
        payment = self.record()
        refund = self.refund(payment, to="outside")
        refund.action_draft()
        self.assertEqual(payment._get_refundable_amount(), 0)
        with self.assertRefused("refunded already or being refunded"):
            self.refund(payment, to="outside")
        (action,) = [
            action
            for action in self.rows()[f"pay-{payment.id}"]["actions"]
            if action["name"] == "refund"
        ]
        self.assertFalse(action["enabled"])
        self.assertIn("being refunded", action["reason"])
        refund.action_post()
        self.assertEqual(payment._get_refundable_amount(), 0)

    def test_refund_that_is_reset_keeps_its_money(self):
        """No other invoice takes it: the refund may be confirmed again."""
        payment = self.record(400)
        lines = payment.sudo()._get_receivable_lines()
        lines.remove_move_reconcile()
        refund = self.refund(payment, to="outside")
        refund.action_draft()
        other = self.make_invoice(400).sudo()
        with self.assertRefused(""):
            other.js_assign_outstanding_line(lines.id)
        refund.action_post()
        self.assertEqual(other.amount_residual, 400)
        self.assertFalse(self.receivable(payment))

    def test_refund_that_was_cancelled_by_mistake(self):
        payment = self.record()
        refund = self.refund(payment, 400, to="outside")
        refund.action_draft()
        refund.action_cancel()
        self.assertEqual(self.receivable(payment), -400)
        refund.action_draft()
        refund.action_post()
        self.assertFalse(self.receivable(refund))
        self.assertFalse(self.receivable(payment))

    def test_refund_with_a_credit_note_that_is_changed(self):
        """The refund is matched with its credit note again, as far as it goes."""
        payment = self.record()
        refund = self.refund(payment, 250, to="outside", reduce_bill=True)
        credit_note = self.invoice.reversal_move_ids
        self.assertEqual(credit_note.amount_residual, 0)
        refund.action_draft()
        refund.amount = 200
        refund.action_post()
        self.assertFalse(self.receivable(refund))
        self.assertEqual(credit_note.amount_residual, 50)

    def test_refund_that_is_changed(self):
        payment = self.record()
        refund = self.refund(payment, 400, to="outside")
        refund.action_draft()
        refund.amount = 1000.01
        with self.assertRefused("more would be given back than"):
            refund.action_post()
        with self.assertRefused("cannot be entered or changed by hand"):
            refund.source_payment_id = False
        refund.amount = 300
        refund.action_post()
        self.assertFalse(self.receivable(refund))
        self.assertEqual(self.receivable(payment), -100)
        refund.action_draft()
        refund.amount = 500
        with self.assertRefused("is not open any more"):
            refund.action_post()
        refund.amount = 400
        refund.action_post()
        self.assertFalse(self.receivable(refund))
        payment.action_draft()
        payment.amount = 399
        with self.assertRefused("cannot be posted with less"):
            payment.action_post()
        payment.amount = 1000
        payment.action_post()
        for record in (payment, refund):
            record.sudo().move_id.line_ids.filtered("account_id.reconcile").filtered(
                lambda line: line.account_id == payment.destination_account_id
            ).remove_move_reconcile()
        refund.sudo()._reconcile_in_order(
            [
                refund.sudo()._get_receivable_lines()
                | payment.sudo()._get_receivable_lines()
            ]
        )

    def test_cancelled_refund_does_not_count(self):
        payment = self.record()
        refund = self.refund(payment, 400, to="outside")
        refund.action_draft()
        refund.action_cancel()
        self.assertEqual(payment._get_refundable_amount(), 1000)
        self.assertFalse(self.invoice.refund_status)

    def test_idempotency_key(self):
        payment = self.record()
        first = self.refund(payment, 300, to="outside", idempotency_key="key")
        second = self.refund(payment, 300, to="outside", idempotency_key="key")
        self.assertEqual(first, second)
        self.assertEqual(self.invoice.amount_residual, 300)

    def test_receipt(self):
        payment = self.record()
        refund = self.refund(payment, 300, to="outside", reason="Secret reason")
        html = self.env["ir.actions.report"]._render_qweb_html(
            "account.action_report_payment_receipt", refund.ids
        )[0]
        for text in ("Refund receipt for", payment.name, self.invoice.name, "300.00"):
            self.assertIn(text, html.decode())
        self.assertNotIn("Secret reason", html.decode())


@tagged("post_install", "-at_install")
class TestRefundAllocation(RefundCommon):
    """A refund undoes the unallocated part first, then the chosen invoice."""

    def pay_two(self):
        """Return a payment of 1500 that paid two invoices, and the second of them."""
        second = self.make_invoice(500.0).with_user(self.supervisor)
        both = self.invoice | second
        payment = self.register_payment(both.sudo(), group_payment=True)
        return payment.with_user(self.supervisor), second

    def test_the_last_paid_reopens_first(self):
        payment, second = self.pay_two()
        self.refund(payment, 700, to="outside")
        residuals = sorted((self.invoice | second).mapped("amount_residual"))
        self.assertEqual(sum(residuals), 700)
        self.assertEqual(payment._get_refundable_amount(), 800)

    def test_the_chosen_one_reopens_first(self):
        for chosen in (0, 1):
            with self.subTest(chosen):
                self.invoice = self.make_invoice().with_user(self.supervisor)
                payment, second = self.pay_two()
                invoices = (self.invoice, second)
                self.refund(payment, 400, to="outside", invoice_id=invoices[chosen].id)
                self.assertEqual(invoices[chosen].amount_residual, 400)
                self.assertEqual(invoices[1 - chosen].amount_residual, 0)
                self.assertEqual(invoices[1 - chosen].refund_status, False)

    def test_more_than_the_chosen_one(self):
        payment, second = self.pay_two()
        self.refund(payment, 700, to="outside", invoice_id=second.id)
        self.assertEqual(second.amount_residual, 500)
        self.assertEqual(self.invoice.amount_residual, 200)
        self.assertEqual(second.refund_status, "refunded")
        self.assertEqual(self.invoice.refund_status, "partially_refunded")

    def test_more_than_the_chosen_one_with_credit_notes(self):
        payment, second = self.pay_two()
        self.refund(payment, 700, to="outside", invoice_id=second.id, reduce_bill=True)
        self.assertEqual(second.reversal_move_ids.amount_total, 500)
        self.assertEqual(self.invoice.reversal_move_ids.amount_total, 200)
        self.assertEqual((self.invoice | second).mapped("amount_residual"), [0, 0])

    def test_an_invoice_that_it_does_not_pay(self):
        payment = self.record()
        other = self.make_invoice()
        with self.assertRefused("does not pay"):
            self.refund(payment, 10, to="outside", invoice_id=other.id)

    def test_the_unallocated_part_goes_first(self):
        self.late_confirmation = True
        self.record(400)
        tx = self.make_portal_transaction("done", amount=1000.0)
        payment = tx.payment_id.with_user(self.supervisor)
        self.assertEqual(self.receivable(payment), -400)
        self.refund(payment, 300)
        self.assertEqual(self.receivable(payment), -100)
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertFalse(self.invoice.refund_status)
        self.refund(payment, 300)
        self.assertFalse(self.receivable(payment))
        self.assertEqual(self.invoice.amount_residual, 200)

    def test_payment_that_is_not_allocated_at_all(self):
        payment = self.record()
        (
            payment.move_id.line_ids & payment.sudo()._get_receivable_lines()
        ).sudo().remove_move_reconcile()
        self.refund(payment, 600, to="outside")
        self.assertEqual(self.receivable(payment), -400)
        self.assertEqual(self.invoice.amount_residual, 1000)
        with self.assertRefused("does not pay a bill"):
            self.refund(payment, 100, to="outside", reduce_bill=True)

    def test_installments(self):
        terms = self.env["account.payment.term"].create(
            {
                "name": "Two halves",
                "line_ids": [
                    Command.create(
                        {"value": "percent", "value_amount": 50, "nb_days": days}
                    )
                    for days in (0, 30)
                ],
            }
        )
        self.invoice = self.make_invoice(invoice_payment_term_id=terms.id).with_user(
            self.supervisor
        )
        payment = self.record()
        self.refund(payment, 600, to="outside")
        lines = self.invoice.line_ids.filtered(
            lambda line: line.display_type == "payment_term"
        ).sorted("date_maturity")
        self.assertEqual(lines.mapped("amount_residual"), [100, 500])

    def test_foreign_currency(self):
        currency = self.make_currency("CHF", 2.0)
        self.set_rate(currency, fields.Date.today(), 4.0)
        self.invoice = self.make_invoice(currency_id=currency.id).with_user(
            self.supervisor
        )
        payment = self.record(date="2026-01-20")
        self.assertEqual(self.invoice.amount_residual, 0)
        refund = self.refund(payment, 300, to="outside")
        self.assertEqual(self.invoice.amount_residual, 300)
        self.assertFalse(self.receivable(refund))
        lines = (
            (payment | refund)
            .sudo()
            .move_id.line_ids.filtered(
                lambda line: line.account_id == payment.destination_account_id
            )
        )
        partials = lines.matched_debit_ids | lines.matched_credit_ids
        exchange = partials.exchange_move_id
        self.assertTrue(exchange)  # 300 CHF were 150 in January and are 75 today.
        self.assertEqual(set(exchange.mapped("state")), {"posted"})
        self.assertFalse(sum(lines.filtered("payment_id").mapped("amount_residual")))

    def test_foreign_currency_through_the_gateway(self):
        currency = self.make_currency("CHF", 2.0)
        self.invoice = self.make_invoice(currency_id=currency.id).with_user(
            self.supervisor
        )
        payment = self.charge()
        self.set_rate(currency, fields.Date.today(), 3.0)
        refund = self.refund(payment, reduce_bill=True)
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertEqual(self.invoice.reversal_move_ids.amount_residual, 0)
        self.assertFalse(self.receivable(refund))

    def test_reduced_bill_in_another_currency(self):
        currency = self.make_currency("CHF", 2.0)
        for rate in (2.5, 1.6):
            with self.subTest(rate):
                currency.rate_ids.unlink()
                self.set_rate(currency, "2020-01-01", 2.0)
                self.invoice = self.make_invoice(currency_id=currency.id).with_user(
                    self.supervisor
                )
                payment = self.register_payment(
                    self.invoice.sudo(),
                    currency_id=self.company.currency_id.id,
                    payment_date="2026-01-20",
                ).with_user(self.supervisor)
                self.assertEqual(self.invoice.amount_residual, 0)
                self.set_rate(currency, fields.Date.today(), rate)
                part = self.currency.round(payment.amount / 5)
                refund = self.refund(payment, part, to="outside", reduce_bill=True)
                self.assertEqual(self.invoice.amount_residual, 0)
                self.assertEqual(self.invoice.reversal_move_ids.amount_total, 200)
                self.assertEqual(self.invoice.reversal_move_ids.amount_residual, 0)
                self.assertFalse(self.receivable(refund))
                self.assertFalse(self.receivable(payment))

    def test_no_more_is_credited_than_was_planned(self):
        self.late_confirmation = True
        self.record(400)
        tx = self.make_portal_transaction("done", amount=1000.0)
        payment = tx.payment_id.with_user(self.supervisor)
        attempt = self.refund(payment, 500, answer="pending", reduce_bill=True)
        self.assertEqual(self.invoice._get_creditable_amount(), 900)
        other = self.make_invoice(400.0)
        lines = payment.sudo()._get_receivable_lines()
        with self.assertRefused("is in flight"):
            other.sudo().js_assign_outstanding_line(lines.id)
        # A person may still do it by hand.
        (lines | other.sudo()._get_open_receivable_lines()).reconcile()
        self.assertEqual(other.amount_residual, 0)
        self.gateway.notify(attempt, "done")
        self.run_resolver()
        credited = (self.invoice | other).reversal_move_ids
        self.assertEqual(credited.mapped("amount_total"), [100])
        self.assertEqual(sum((self.invoice | other).mapped("amount_residual")), 400)
        self.assertFalse(self.receivable(attempt.sudo().payment_id))

    def test_early_payment_discount(self):
        terms = self.make_discount_terms(due_in=30)
        today = fields.Date.context_today(self.invoice)
        for amount, remaining in ((480, 480), (None, 980)):
            with self.subTest(amount):
                self.invoice = self.make_invoice(
                    invoice_payment_term_id=terms.id, invoice_date=today
                ).with_user(self.supervisor)
                payment = self.record()
                self.assertEqual(payment.amount, 980)
                self.assertEqual(self.invoice.amount_residual, 0)
                self.refund(payment, amount, to="outside")
                self.assertEqual(self.invoice.amount_residual, remaining)
                self.assertEqual(
                    self.invoice.refund_status,
                    "partially_refunded" if amount else "refunded",
                )


@tagged("post_install", "-at_install")
class TestRefundRefusals(RefundCommon):
    """A request that is not a refund is refused in words and changes nothing."""

    def test_amounts(self):
        payment = self.charge()
        for amount, message in (
            (0, "above zero"),
            (-5, "above zero"),
            (1000.01, "above the refundable amount"),
            (10.001, "finer than the smallest unit"),
            (float("nan"), "must be a number"),
            ("10", "must be a number"),
            (True, "must be a number"),
        ):
            for to in ("original", "outside"):
                with self.subTest((amount, to)), self.assertRefused(message):
                    self.refund(payment, amount, to=to)

    def test_reasons(self):
        payment = self.charge()
        for reason in (None, "", "  \n"):
            with self.subTest(reason):
                self.assertTrue(self.refund(payment, 10, reason=reason))

    def test_values(self):
        payment = self.charge()
        vendor_journal = self.company_data["default_journal_purchase"]
        for values, message in (
            ({"to": "moon"}, "not to 'moon'"),
            ({"journal_id": 1}, "outside the gateway"),
            ({"reference": "x"}, "outside the gateway"),
            ({"to": "outside", "date": "2999-01-01"}, "is in the future"),
            ({"to": "outside", "date": "soon"}, "is not a date"),
            ({"to": "outside", "date": "2001-01-01"}, "before that of the payment"),
            ({"to": "outside", "journal_id": 2**30}, "no journal"),
            ({"to": "outside", "journal_id": vendor_journal.id}, "takes no payments"),
        ):
            with self.subTest(values), self.assertRefused(message):
                self.refund(payment, 10, **values)

    def test_locked_period(self):
        payment = self.record(date="2026-01-20")
        self.company.with_env(self.env).fiscalyear_lock_date = "2026-02-28"
        with self.assertRefused("locked period"):
            self.refund(payment, 10, to="outside", date="2026-02-01")

    def test_limits_of_providers(self):
        payment = self.charge()
        method = self.token.payment_method_id.sudo()
        method = method.primary_payment_method_id or method

        features = {}

        def compute_features(records):
            records.support_refund = features["refund"]

        providers = self.env.registry["payment.provider"]
        self.patch(providers, "_compute_feature_support_fields", compute_features)
        for support, method_support, amount, message in (
            ("none", "partial", None, "provider .* cannot refund: refund it outside"),
            ("partial", "none", None, "payment method .* cannot be refunded"),
            ("full_only", "partial", 10, "refunds in full only, that is .*1,000.00"),
            ("partial", "full_only", 10, "refunds in full only, that is .*1,000.00"),
        ):
            features["refund"] = support
            method.support_refund = method_support
            self.env.invalidate_all()
            with self.subTest(message), self.assertRefused(message):
                self.refund(payment, amount)
        features["refund"] = "full_only"
        self.env.invalidate_all()
        method.support_refund = "partial"
        self.refund(payment, 10, to="outside")
        with self.assertRefused("refunds in full only"):
            self.refund(payment)

    def test_full_only_in_full(self):
        payment = self.charge()
        method = self.token.payment_method_id.sudo()
        (method.primary_payment_method_id or method).support_refund = "full_only"
        self.refund(payment)
        self.assertEqual(self.invoice.amount_residual, 1000)

    def test_disabled_provider(self):
        payment = self.charge()
        self.provider.sudo().state = "disabled"
        with self.assertRefused("is disabled: enable it, or refund outside"):
            self.refund(payment)
        self.refund(payment, to="outside")
        self.assertEqual(self.invoice.amount_residual, 1000)

    def test_money_of_a_gateway_is_not_called_off(self):
        """Neither a payment nor a refund: by the buttons, the entry, or by a write."""
        payment = self.charge()
        refund = self.refund(payment, 100)
        for record, message in (
            (payment, "Refund it"),
            (refund, "paid the|journal entry of a"),
        ):
            record = record.sudo()
            for work in (
                record.action_cancel,
                record.action_reject,
                record.move_id.button_cancel,
                lambda record=record: record.write({"state": "canceled"}),
            ):
                with self.assertRefused(message):
                    work()
        self.assertEqual(self.invoice.amount_residual, 100)

    def test_reset_and_confirmed_again(self):
        """While it is a draft, the ledger, the section and the doors say so."""
        payment = self.charge(600).sudo()
        payment.action_draft()
        section = self.invoice.get_payment_section()
        self.assertEqual(section["amount_remaining"], 1000)
        self.assertEqual(section["amount_chargeable"], 400)
        (row,) = section["rows"]
        self.assertEqual(row["amount_applied"], 0)
        self.assertIn("is a draft: confirm it", row["reason"])
        with self.assertRefused("above the chargeable amount"):
            self.record(500)
        with self.assertRefused("Refund it"):
            payment.action_cancel()
        payment.action_post()
        self.assertEqual(self.invoice.amount_residual, 400)
        self.assertTrue(all(payment._get_receivable_lines().mapped("reconciled")))

        external = self.record(400).sudo()
        external.action_draft()
        self.assertEqual(self.invoice.amount_residual, 400)
        external.amount = 300
        external.action_post()
        self.assertEqual(self.invoice.amount_residual, 100)

    def test_refund_of_the_gateway_is_confirmed_again(self):
        """It went out, whatever the books say of the payment that it gives back."""
        payment = self.charge()
        refund = self.refund(payment, 300)
        refund.action_draft()
        with self.assertRefused(r"The refund .*300\.00.* is in flight"):
            payment.action_draft()
        refund.action_post()
        self.assertTrue(refund._is_posted())
        self.assertEqual(self.invoice.amount_residual, 300)
        self.assertEqual(payment._get_refundable_amount(), 700)

    def take_back(self, payment, amount, account):
        """Match an entry that debits the customer with a payment, as accountants do."""
        payment = payment.sudo()
        receivable = payment.destination_account_id
        entry = self.book_by_hand(
            (receivable, amount),
            (account, -amount),
            journal_id=self.company_data["default_journal_bank"].id,
        )
        entry.action_post()
        lines = payment._get_receivable_lines()
        lines.remove_move_reconcile()
        (
            lines | entry.line_ids.filtered(lambda line: line.account_id == receivable)
        ).reconcile()

    def test_money_taken_back_is_not_refundable(self):
        """By the bank, or by a payment that names no source; a debt is not taken."""
        bank = self.company_data["default_journal_bank"].default_account_id
        revenue = self.company_data["default_account_revenue"]
        payment = self.charge(600)
        self.take_back(payment, 150, revenue)
        self.assertEqual(payment._get_refundable_amount(), 600)
        self.take_back(payment, 200, bank)
        self.assertEqual(payment._get_refundable_amount(), 400)
        with self.assertRefused("above the refundable amount"):
            self.refund(payment, 401)
        with self.assertRefused("above the refundable amount"):
            payment.sudo().payment_transaction_id.action_refund(401)

        payment = self.charge(300)
        self.take_back(payment, 300, payment.sudo().outstanding_account_id)
        self.assertFalse(self.env["account.payment.tie.out"].check(self.company.ids))
        with self.assertRefused("300.00 were taken back"):
            self.refund(payment)
        with self.assertRefused("300.00 were taken back"):
            self.refund(payment, to="outside")

        payment = self.record(100)
        lines = payment.sudo()._get_receivable_lines()
        lines.remove_move_reconcile()
        other = self.env["account.payment"].create(
            {
                "payment_type": "outbound",
                "partner_type": "customer",
                "partner_id": self.partner.id,
                "amount": 40,
                "journal_id": payment.sudo().journal_id.id,
            }
        )
        other.action_post()
        (lines | other._get_receivable_lines()).reconcile()
        self.assertEqual(payment._get_refundable_amount(), 60)

    def test_row_of_money_taken_back(self):
        payment = self.charge(600)
        partial = payment.sudo()._get_receivable_lines().matched_debit_ids
        bank = self.company_data["default_journal_bank"].default_account_id
        self.assertTrue(partial)
        self.take_back(payment, 600, bank)
        action = self.action(self.row(payment), "refund")
        self.assertFalse(action["enabled"])
        self.assertIn("taken back", action["reason"])

    def test_amount_of_which_a_part_paid_no_bill(self):
        """What was matched with another debt is no part of a bill to reduce."""
        payment = self.charge(600)
        self.take_back(payment, 150, self.company_data["default_account_revenue"])
        lines = payment.sudo()._get_receivable_lines()
        (lines | self.invoice.sudo()._get_open_receivable_lines()).reconcile()
        self.assertEqual(self.invoice.amount_residual, 550)
        with self.assertRefused(r"The bill .* cannot be reduced by .*150\.00"):
            self.refund(payment, 600, reduce_bill=True)
        self.refund(payment, 450, reduce_bill=True)
        self.assertEqual(self.invoice.amount_residual, 550)
        self.assertEqual(self.invoice.reversal_move_ids.amount_total, 450)

    def test_somebody_else_is_at_the_payment(self):
        payment = self.charge()
        held = LockError("held")
        with (
            self.force_error_once("account.payment", "_lock_rows", held),
            self.assertRefused(f"Somebody else is working on {payment.name} right now"),
        ):
            self.refund(payment, 100)
        self.assertEqual(self.refund(payment, 100).amount, 100)

    def test_payment_whose_entry_is_not_posted(self):
        """Neither is money of a payment that another module reset by itself."""
        payment = self.charge()
        transaction = payment.payment_transaction_id
        for table, record, call, message in (
            (
                "account_move",
                payment.move_id,
                lambda: self.refund(payment, 100),
                "The journal entry of .* is not posted: nothing can be refunded",
            ),
            (
                "account_payment",
                payment,
                lambda: transaction.action_refund(100),
                r"above the refundable amount of .*0\.00",
            ),
        ):
            state = record.state
            self._set_state(table, record, "draft")
            with self.subTest(table), self.assertRefused(message):
                call()
            self._set_state(table, record, state)

    def _set_state(self, table, record, state):
        """Write a state behind everybody's back."""
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                "UPDATE %s SET state = %s WHERE id = %s",
                SQL.identifier(table),
                state,
                record.id,
            )
        )
        self.env.invalidate_all()

    def test_payment_that_was_reset_or_cancelled(self):
        payment = self.record()
        payment.action_draft()
        with self.assertRefused("is not posted, it is draft"):
            self.refund(payment, 10, to="outside")
        payment.action_cancel()
        with self.assertRefused("is not posted, it is canceled"):
            self.refund(payment, 10, to="outside")

    def test_payment_that_was_reversed(self):
        payment = self.record()
        payment.sudo().move_id._reverse_moves(cancel=True)
        with self.assertRefused("was reversed by"):
            self.refund(payment, 10, to="outside")

    def test_row_of_a_payment_that_was_reversed(self):
        """It offers nothing that the doors refuse, also beside a draft."""
        for cancel in (False, True):
            payment = self.record(100)
            payment.sudo().move_id._reverse_moves(cancel=cancel)
            with self.assertRefused("was reversed by"):
                payment.report_taken_back("returned_debit", 10)
            for name in ("refund", "taken_back", "mistake"):
                if action := self.action(self.row(payment), name):
                    with self.subTest(cancel=cancel, action=name):
                        self.assertFalse(action["enabled"])
                        self.assertIn("was reversed by", action["reason"])

    def test_refund_of_a_refund(self):
        payment = self.record()
        refund = self.refund(payment, 10, to="outside")
        with self.assertRefused("is not a payment of a customer"):
            self.refund(refund, 10, to="outside")

    def test_bill_that_is_credited_already(self):
        payment = self.charge()
        self.make_credit_note(self.invoice.with_user(self.env.uid))
        with self.assertRefused("cannot be reduced by"):
            self.refund(payment, 10, reduce_bill=True)

    def test_switches_in_the_context_of_a_client(self):
        payment = self.charge()
        keys = (
            "gateway_answer",
            "booked_by_door",
            "nothing_reconciled_yet",
            "credit_note_reconciled_by_door",
            "log_payment_note",
            "settled_by_caller",
            "resolved_by_person",
            "no_cash_basis",
            "no_exchange_difference",
        )
        self.gateway.answers = ["done"]
        sent = payment.with_context(**dict.fromkeys(keys, True))
        refund = sent.refund(amount=600, reason="A mistake", reduce_bill=True)
        self.assertEqual(refund._name, "account.payment")
        self.assertFalse(self.receivable(refund))
        self.assertEqual(payment._get_refundable_amount(), 400)
        employee = self.make_user("ip_employee", "base.group_user")
        for record in (self.invoice, payment):
            with self.subTest(record), self.assertRaises(AccessError):
                forged = record.with_user(employee).with_context(log_payment_note=True)
                # pylint: disable-next=translation-required
                forged.message_post(body="Forged")

    def test_credit_note_is_not_before_its_invoice(self):
        payment = self.record(date="2026-01-16")
        payment.sudo()._get_receivable_lines().remove_move_reconcile()
        later = self.make_invoice(invoice_date="2026-02-20")
        later.sudo().js_assign_outstanding_line(
            payment.sudo()._get_receivable_lines().id
        )
        with self.assertRefused("before that of the invoice"):
            self.refund(payment, 10, to="outside", date="2026-01-20", reduce_bill=True)

    def test_search_of_the_status(self):
        other = self.make_invoice()
        payment = self.record()
        self.refund(payment, 10, to="outside")
        both = [("id", "in", (self.invoice | other).ids)]
        for operator, value, found in (
            ("=", "partially_refunded", self.invoice),
            ("=", "refunded", self.invoice.browse()),
            ("=", False, other),
            ("!=", False, self.invoice),
            ("in", ("refunded", False), other),
        ):
            with self.subTest((operator, value)):
                self.assertEqual(
                    self.invoice.search(
                        [*both, ("refund_status", operator, value)]
                    ).ids,
                    found.ids,
                )

    def test_allocations_of_another_company(self):
        self.refund(self.record(), 10, to="outside")
        self._keep()
        company = self.env["res.company"].create({"name": "Another"})
        stranger = self.make_user("ip_other", "account.group_account_invoice")
        stranger.write(
            {"company_ids": [Command.set(company.ids)], "company_id": company.id}
        )
        allocations = self.env["account.refund.allocation"]
        self.assertTrue(allocations.with_user(self.supervisor).search([]))
        self.assertFalse(allocations.with_user(stranger).search([]))

    def test_levels(self):
        payment = self.charge()
        for user in (
            self.accountant,
            self.make_user("ip_portal", "base.group_portal"),
            self.make_user("ip_employee", "base.group_user"),
        ):
            with self.subTest(user.login), self.assertRefused("right|access|allowed"):
                self.refund(payment.with_user(user), 10)
        row = self.row(payment, self.invoice.with_user(self.accountant))
        action = self.action(row, "refund")
        self.assertFalse(action["enabled"])
        self.assertIn("no right to refund", action["reason"])
