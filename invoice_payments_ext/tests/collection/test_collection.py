"""One invoice on its timeline: charges, mails, events and the end."""

from datetime import date, datetime, timedelta
from unittest.mock import patch

import requests
from psycopg2.errors import LockNotAvailable, SerializationFailure

from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from .common_collection import CollectionCommon


@tagged("post_install", "-at_install")
class TestCollection(CollectionCommon):
    # === THE TIMELINE === #

    def test_issue_starts_it_and_calls_no_gateway(self):
        self.assertEqual(self.row.state, "running")
        self.assertEqual(self.row.next_at, self.now)
        self.assertEqual(self.gateway.requests, [])
        attempt = self.run_at()
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertTrue(attempt.is_automatic)
        self.assertEqual(attempt.collection_id, self.row)
        self.assertEqual((self.row.state, self.row.next_at), ("done", False))
        self.assertFalse(self.run_at(days=5), "Nothing is done any more.")
        self.assertEqual(len(self.gateway.requests), 1)

    def test_declined_is_tried_at_the_times_of_the_plan(self):
        self.decline_as("try_later")
        tried = self.run_until_quiet()
        days = [moment.isoformat(" ", "minutes") for moment, _attempt in tried]
        self.assertEqual(
            days, ["2026-01-15 10:00", "2026-01-18 09:00", "2026-01-20 09:00"]
        )
        self.assertEqual(self.row.state, "exhausted")
        self.assertEqual(self.row.tries, 3)
        self.assertEqual(len(self.get_tasks()), 1)
        self.assertEqual(self.now.date(), date(2026, 2, 14), "30 days after it is due.")
        # With a method that may be charged, nobody is reminded.
        self.assertFalse(self.get_mails())
        # A late confirmation closes it.
        self.late_confirmation = True
        self.gateway.notify(tried[-1][1], "done")
        self.run_resolver()
        self.assertEqual(self.row.state, "done")

    def test_clock_that_is_moved_charges_nothing_twice(self):
        """Set back, nothing is done again; set forward, what was missed is one."""
        self.decline_as("try_later")
        self.assertTrue(self.run_at())
        next_at = self.row.next_at
        for moment in ("2026-01-15 08:00", "2026-01-14 10:00", "2026-01-15 10:00"):
            self.assertFalse(self.run_at(moment), moment)
        self.assertEqual(self.row.next_at, next_at)
        self.assertTrue(self.run_at("2026-01-21 10:00"))
        self.assertFalse(self.run_at("2026-01-21 11:00"))
        self.assertFalse(self.run_at("2026-01-18 10:00"))
        self.assertEqual(len(self.gateway.requests), 2)

    def test_never_again_asks_the_customer(self):
        self.decline_as("never")
        tried = self.run_until_quiet()
        self.assertEqual(len(tried), 1)
        self.assertEqual(self.row.wait_reason, "never")
        self.assertEqual(self.row.state, "exhausted")
        # One of two on the day on which a charge was planned too.
        self.assertEqual(len(self.get_mails()), 2)
        body = self.get_mails()[0].body_html
        self.assertIn("access_token=", body)
        self.assertNotIn("stolen", body)
        # The member saves another method: it is charged within one run.
        self.gateway.answers = ["done"]
        token = self._create_token(provider_ref="renewed")
        self.assertEqual((self.row.state, self.row.charge_due), ("running", "event"))
        attempt = self.run_at()
        self.assertEqual(attempt.token_id, token)
        self.assertEqual(self.row.state, "done")

    def test_without_a_method(self):
        self.token.sudo().active = False
        self._keep()
        self.assertFalse(self.run_until_quiet())
        self.assertEqual(len(self.get_mails()), 2)
        self.assertEqual(self.row.wait_reason, "no_method")
        self.assertEqual(self.gateway.requests, [])

    def test_without_permission(self):
        self.partner.with_user(self.accountant).set_auto_pay(False)
        self.assertFalse(self.run_at())
        self.assertEqual(self.row.wait_reason, "permission_off")
        self.partner.with_user(self.accountant).set_auto_pay(
            True, note="By phone", limit=500
        )
        self.assertFalse(self.run_at())
        self.assertEqual(self.row.wait_reason, "above_permitted")
        self.assertEqual((len(self.get_mails()), len(self.get_tasks())), (1, 1))
        self.assertFalse(self.run_at("2026-01-18 09:00"))
        self.assertEqual((len(self.get_mails()), len(self.get_tasks())), (2, 1))
        self.partner.with_user(self.accountant).set_auto_pay(True, note="More")
        self.assertEqual(self.run_at().outcome, "succeeded")

    def test_excluded_and_taken_back(self):
        self.invoice.auto_pay_excluded = True
        self.assertFalse(self.run_at())
        self.assertEqual(
            (self.row.wait_reason, self.row.charge_due), ("excluded", False)
        )
        self.invoice.auto_pay_excluded = False
        self.assertEqual(self.row.next_at, self.now, "It is charged at once.")
        self.assertEqual(self.run_at().outcome, "succeeded")

    def test_the_bank_asks_to_wait(self):
        self.decline_as("try_later", wait_hours=24 * 5)
        self.run_at()
        self.assertFalse(self.run_at("2026-01-18 09:00"), "The plan says so.")
        self.assertEqual(self.row.wait_reason, "not_before")
        self.assertEqual(self.row.next_at, datetime(2026, 1, 20, 9))
        self.assertFalse(self.run_at("2026-01-20 09:00"))
        self.assertEqual(self.row.next_at, datetime(2026, 1, 20, 10))
        self.assertTrue(self.run_at("2026-01-20 10:00"))

    def test_unknown_waits_for_its_end(self):
        self.gateway.answers = [requests.ReadTimeout()]
        attempt = self.run_at()
        self.assertEqual(attempt.outcome, "unknown")
        self.assertEqual((self.row.wait_reason, self.row.next_at), ("unknown", False))
        for _day in range(30):
            self.assertFalse(self.run_at(days=1))
        self.assertEqual(len(self.gateway.requests), 1)
        self.assertFalse(self.get_mails())
        attempt.with_user(self.supervisor).resolve(False, "The bank knows nothing")
        self.assertEqual(self.row.next_at, self.now)
        self.gateway.answers = ["done"]
        self.run_at()
        self.assertFalse(self.row.state == "done", "The distance is kept.")
        self.now = self.row.next_at
        self.assertEqual(self.run_at().outcome, "succeeded")

    # === ONE ATTEMPT === #

    def test_a_second_lane_and_a_killed_one(self):
        with self.stopped_before_sending():
            attempt = self.run_at()
        self.assertEqual((attempt.outcome, self.row.tries), ("ready", 1))
        self.assertEqual(self.gateway.requests, [])
        self.assertEqual(self.run_at(), attempt, "It goes on.")
        self.assertEqual(self.row.state, "done")
        self.assertEqual(len(self.gateway.requests), 1)

    def test_killed_and_cancelled(self):
        with self.stopped_before_sending():
            attempt = self.run_at()
        self.now += timedelta(hours=2)
        self.run_resolver()
        self.assertEqual(attempt.outcome, "canceled")
        again = self.run_at(minutes=11)
        self.assertEqual(again.outcome, "succeeded")
        self.assertEqual(len(self.gateway.requests), 1)

    def test_an_error_is_told_once(self):
        error = ValueError("Broken")
        for _time in range(2):
            with self.force_error_once("account.move", "_decide_charges", error):
                self.assertFalse(self.run_at())
            self.now = self.row.next_at
        self.assertEqual(len(self.get_tasks()), 1)
        self.assertIn("Broken", self.get_tasks().note)
        self.assertEqual(self.run_at().outcome, "succeeded")

    def test_another_one_is_at_it(self):
        """Nothing is charged, told or put off: it stays due, and is done soon."""
        rows = self.env.registry["account.collection"]
        nothing = self.row.browse()
        for what, at_it in (
            (
                "its row is held",
                patch.object(rows, "try_lock_for_update", lambda *_args: nothing),
            ),
            *(
                (
                    error.__name__,
                    self.force_error_once("account.collection", "_run_due", error()),
                )
                for error in (SerializationFailure, LockNotAvailable)
            ),
        ):
            with self.subTest(what), at_it:
                self.assertFalse(self.run_at())
            self.assertEqual((self.row.next_at, self.row.tries), (self.now, 0))
        self.assertFalse(self.get_tasks())
        self.assertEqual(self.gateway.requests, [])
        self.assertEqual(self.run_at().outcome, "succeeded")

    def test_another_one_is_at_it_after_the_charge(self):
        """The next date is stored before the charge leaves: none is made twice."""
        rows = self.env.registry["account.collection"]
        lock, locked = rows.try_lock_for_update, []

        def lock_once(row, *args, **options):
            locked.append(row)
            return lock(row, *args, **options) if len(locked) == 1 else row.browse()

        self.decline_as("try_later")
        with patch.object(rows, "try_lock_for_update", lock_once):
            self.assertEqual(self.run_at().outcome, "declined")
        self.assertEqual(len(locked), 2)
        self.assertEqual((self.row.tries, self.row.charge_due), (1, False))
        self.assertEqual(self.row.next_at, self.now, "It is looked at once more.")
        self.assertFalse(self.run_at())
        self.assertEqual(self.row.next_at, datetime(2026, 1, 18, 9))
        self.assertEqual(len(self.gateway.requests), 1)

    def test_an_event_that_was_missed(self):
        """A row that runs for an invoice that needs nothing any more comes to rest."""
        draft = self.make_invoice(50)
        paid = self.make_invoice(60)
        draft.sudo().button_draft()
        paid.record_external_payment(60)
        self._keep()
        for invoice, state, reason in (
            (draft, "stopped", "not_posted"),
            (paid, "done", "paid"),
        ):
            with self.subTest(state):
                row = self.get_row(invoice)
                row.write({"state": "running", "next_at": self.now})
                self.assertFalse(self.run_at(row=row))
                self.assertEqual(
                    (row.state, row.wait_reason, row.next_at), (state, reason, False)
                )
        self.assertEqual(self.gateway.requests, [])

    def test_an_error_of_a_collection_that_was_stopped(self):
        """It is not put off, which would let it run again: a person stopped it."""
        with self.stopped_before_sending():
            self.run_at()
        self.invoice.with_user(self.supervisor).stop_collection("She moved away")
        self._keep()
        error = ValueError("Broken")
        with (
            self.force_error_once("payment.transaction", "_complete_attempt", error),
            self.assertLogs("odoo.addons.invoice_payments_ext", "ERROR"),
        ):
            self.assertFalse(self.run_at())
        self.assertEqual((self.row.state, self.row.next_at), ("stopped", False))
        self.assertFalse(self.get_tasks())

    def test_stopped_before_its_attempt_was_sent(self):
        """A prepared charge does not leave any more, and says why."""
        for stop, words in (
            (lambda: self.invoice.pause_collection(), "Its collection is paused"),
            (
                lambda: self.invoice.pause_collection("2026-01-20", "Holiday"),
                "It is paused until 2026-01-20. Holiday",
            ),
            (
                lambda: self.invoice.with_user(self.supervisor).stop_collection("Gone"),
                "Gone",
            ),
            (
                lambda: self.invoice.promise_to_pay(date="2026-01-20"),
                "The customer promised",
            ),
        ):
            with self.subTest(words):
                self.invoice = self.make_invoice()
                self.row = self.get_row(self.invoice)
                with self.stopped_before_sending():
                    attempt = self.run_at()
                stop()
                self.assertEqual(self.run_at(), attempt)
                self.assertEqual(attempt.outcome, "failed")
                self.assertIn(words, attempt.state_message)
                self.assertEqual(attempt.request_state, "not_sent")
        self.assertEqual(self.gateway.requests, [])

    # === EVENTS === #

    def test_a_person_moves_the_plan(self):
        self.decline_as("try_later")
        self.run_at()
        self.now = datetime(2026, 1, 17, 12)
        manual = self.invoice.charge(self.token.id).sudo()
        self.assertFalse(manual.is_automatic)
        self.assertFalse(self.run_at("2026-01-18 09:00"), "Three days from there.")
        self.assertFalse(self.run_at("2026-01-20 09:00"))
        attempt = self.run_at("2026-01-20 12:00")
        self.assertTrue(attempt.is_automatic)
        self.assertEqual(self.row.tries, 2)

    def test_paid_by_others(self):
        self.invoice.record_external_payment(400)
        self.assertEqual(self.row.state, "running")
        credit_note = self.make_credit_note(self.invoice.sudo(), 100)
        self.assertEqual(self.invoice.amount_residual, 500, credit_note.name)
        self.assertEqual(self.run_at().amount, 500)
        invoice = self.make_invoice()
        row = self.get_row(invoice)
        payment = invoice.record_external_payment(1000)
        self.assertEqual(row.state, "done")
        payment.sudo().action_draft()
        self.assertEqual(row.state, "stopped", "A person looks at it.")
        self.assertFalse(self.run_at(row=row, days=9))

    def test_reset_cancel_and_post_again(self):
        self.invoice.sudo().button_draft()
        self.assertEqual(
            (self.row.state, self.row.wait_reason), ("stopped", "not_posted")
        )
        self.assertFalse(self.run_at(days=1))
        self.invoice.sudo().action_post()
        self.assertEqual(self.row.state, "running")
        self.assertEqual(len(self.get_row(self.invoice)), 1)
        self.invoice.sudo().button_draft()
        self.invoice.sudo().button_cancel()
        self.assertEqual(self.row.wait_reason, "cancelled")
        self.assertFalse(self.run_at(days=1))
        self.assertEqual(self.gateway.requests, [])

    def test_new_due_date(self):
        self.token.sudo().active = False
        self._keep()
        self.run_at()
        self.assertEqual(self.row.next_at, datetime(2026, 1, 18, 9))
        lines = self.invoice.sudo().line_ids
        lines = lines.filtered(lambda line: line.display_type == "payment_term")
        lines.date_maturity = "2026-01-20"
        self.run_at()
        self.run_at("2026-01-18 09:00")
        self.run_at("2026-01-20 09:00")
        self.assertFalse(self.get_mails())
        self.run_at("2026-01-23 09:00")
        self.assertEqual(len(self.get_mails()), 1)

    def test_new_due_date_of_the_whole_invoice(self):
        self.token.sudo().active = False
        self._keep()
        self.run_at()
        self.assertEqual(self.row.next_at, datetime(2026, 1, 18, 9))
        self.now += timedelta(hours=1)
        self.invoice.sudo().invoice_date_due = "2026-01-20"
        self.assertEqual(self.row.next_at, self.now, "The schedule looks at once.")

    def test_each_instalment_on_its_day(self):
        """What is not due yet is charged in the morning of the day on which it is."""
        self.invoice = self.make_invoice_with_instalments()
        self.row = self.get_row(self.invoice)
        self._keep()
        tried = [
            (moment.isoformat(" ", "minutes"), attempt.amount, attempt.outcome)
            for moment, attempt in self.run_until_quiet()
        ]
        self.assertEqual(
            tried,
            [
                ("2026-01-15 10:00", 500, "succeeded"),
                ("2026-02-14 09:00", 500, "succeeded"),
            ],
        )
        self.assertEqual((self.row.state, self.row.tries), ("done", 2))
        self.assertFalse(self.get_mails())

    def test_without_its_scheduled_action(self):
        """An administrator deleted it: invoices are still issued and collected."""
        self.env.ref("invoice_payments_ext.ir_cron_collect").unlink()
        invoice = self.make_invoice(50)
        row = self.get_row(invoice)
        self.assertEqual((row.state, row.next_at), ("running", self.now))
        self.assertEqual(self.run_at(row=row).outcome, "succeeded")

    def test_promised(self):
        self.invoice.promise_to_pay(date="2026-01-19")
        self.assertFalse(self.run_at())
        self.assertFalse(self.run_at("2026-01-18 09:00"))
        self.assertEqual(self.row.wait_reason, "promised")
        self.assertFalse(self.get_mails())

    def test_taken_back_waits_for_a_person(self):
        payment = self.run_at().payment_id
        self.assertEqual(self.row.state, "done")
        payment.report_taken_back("returned_debit")
        self.assertEqual(self.row.state, "stopped")
        self.assertFalse(self.run_at(days=9))
        self.invoice.resume_collection()
        self.assertEqual(self.run_at().outcome, "succeeded")

    # === DOORS === #

    def test_pause_resume_stop_and_start(self):
        with self.assertRefused("later day"):
            self.invoice.pause_collection("2026-01-15")
        self.invoice.pause_collection("2026-01-20", "She is on holiday", "key")
        self.invoice.pause_collection("2026-01-20", "She is on holiday", "key")
        self.assertEqual(self.row.state, "paused")
        self.assertEqual(self.row.next_at, datetime(2026, 1, 20, 9))
        self.assertIn("holiday", self.invoice.message_ids[0].body)
        self.assertFalse(self.run_at("2026-01-18 09:00"))
        self.assertNotIn(self.row, self.row.search(self.row._get_due_domain()))
        self.now = datetime(2026, 1, 20, 9)
        self.assertIn(self.row, self.row.search(self.row._get_due_domain()))
        self.decline_as("try_later")
        self.assertEqual(self.run_at().outcome, "declined")
        with self.assertRefused("no right"):
            self.invoice.stop_collection("She moved away")
        staff = self.invoice.with_user(self.supervisor)
        for reason in ("", "  \n"):
            with self.assertRefused("Write why"):
                staff.stop_collection(reason)
        staff.stop_collection("She moved away")
        self.assertFalse(self.run_at(days=20))
        with self.assertRefused("stopped already"):
            self.invoice.pause_collection()
        self.gateway.answers = ["done"]
        self.invoice.start_collection(self.plan.id)
        self.assertEqual(self.run_at().outcome, "succeeded")
        with self.assertRefused("Nothing remains"):
            self.invoice.start_collection()

    def test_collect_now(self):
        self.partner.with_user(self.accountant).set_auto_pay(False)
        self.invoice.pause_collection()
        attempt = self.invoice.collect_now(idempotency_key="now")
        self.assertEqual(self.invoice.collect_now(idempotency_key="now"), attempt)
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertFalse(attempt.sudo().is_automatic)
        self.assertEqual(self.row.state, "done")
        with self.assertRefused("Nothing remains"):
            self.invoice.collect_now()

    def test_collect_now_spends_the_credit_first(self):
        """All that the credit balance holds, and the method pays only the rest."""
        self.partner.with_user(self.supervisor).adjust_credit_balance(
            1200, company_id=self.company.id, reason="Goodwill"
        )
        self._keep()
        small = self.make_invoice(700, post=False, apply_credit=False)
        small.sudo().action_post()
        (small | self.invoice).sudo().apply_credit = True
        self._keep()
        for invoice, charged in ((small, []), (self.invoice, [500])):
            with self.subTest(invoice.name):
                attempt = invoice.collect_now(idempotency_key=invoice.name)
                self.assertEqual(attempt.mapped("amount"), charged)
                again = invoice.collect_now(idempotency_key=invoice.name)
                self.assertEqual(again, attempt)
                self.assertEqual(invoice.amount_residual, 0)
                self.assertEqual(self.get_row(invoice).state, "done")
        self.assertEqual([amount for *_tx, amount in self.gateway.requests], [500])
        balance = self.partner.with_company(self.company).credit_balance_ids
        self.assertEqual(balance.mapped("amount"), [0])

    def test_collect_now_says_why_it_does_not(self):
        self.token.sudo().active = False
        self._keep()
        refusal = "is not charged now. The customer has no saved payment method.$"
        with self.assertRefused(refusal):
            self.invoice.collect_now()
        self.assertEqual((self.row.state, self.row.tries), ("running", 0))

    def test_start_by_hand(self):
        self.company.collection_plan_id = False
        invoice = self.make_invoice()
        self.assertFalse(invoice.sudo().has_collection)
        with self.assertRefused("no such plan"):
            invoice.start_collection()
        row = invoice.start_collection(self.plan.id)
        with self.assertRefused("already"):
            invoice.start_collection(self.plan.id)
        self.assertEqual(self.run_at(row=row).outcome, "succeeded")

    # === PLANS AND DATES === #

    def test_a_plan_keeps_the_limits(self):
        charge = {"kind": "charge", "anchor": "issue", "days": 0}
        for days in ([0] * 11, range(21)):
            with self.assertRaisesRegex(ValidationError, "networks of cards allow"):
                self.plan.copy(
                    {
                        "step_ids": [
                            Command.create({**charge, "days": day}) for day in days
                        ]
                    }
                )
        self.plan.copy(
            {
                "step_ids": [
                    Command.create({**charge, "days": day * 2}) for day in range(25)
                ],
                "end_days": 60,
            }
        )
        with self.assertRaisesRegex(ValidationError, "after the plan ends"):
            self.plan.step_ids.filtered(lambda step: step.anchor == "due").days = 99
        with self.assertRaisesRegex(ValidationError, "before an invoice is issued"):
            self.plan.step_ids.filtered(lambda step: step.kind == "charge").days = -1

    def test_hours_of_the_company(self):
        self.company.partner_id.tz = "Europe/Berlin"
        step = self.plan.step_ids.filtered(lambda step: step.kind == "charge")[0]
        step.sudo().write({"hour": 2.5, "on_workdays": True})
        zone = self.row._get_zone()
        for day, expected in (
            ("2026-01-15", datetime(2026, 1, 15, 1, 30)),
            ("2026-07-15", datetime(2026, 7, 15, 0, 30)),
            ("2026-03-28", datetime(2026, 3, 30, 0, 30)),  # Saturday: Monday.
        ):
            moment = step._get_moment({"issue": date.fromisoformat(day)}, zone)
            self.assertEqual(moment, expected)
        step.sudo().on_workdays = False
        for day, expected in (
            ("2026-03-29", datetime(2026, 3, 29, 1, 30)),  # Left out.
            ("2026-10-25", datetime(2026, 10, 25, 0, 30)),  # Comes twice.
        ):
            moment = step._get_moment({"issue": date.fromisoformat(day)}, zone)
            self.assertEqual(moment, expected)

    def test_the_shipped_plan(self):
        plan = self.env.ref("invoice_payments_ext.collection_plan_standard")
        plan._check_limits()
        self.company.collection_plan_id = plan
        self.decline_as("try_later")
        invoice = self.make_invoice()
        tried = self.run_until_quiet(self.get_row(invoice))
        days = [moment.strftime("%a %d") for moment, _attempt in tried]
        self.assertEqual(days, ["Thu 15", "Mon 19", "Tue 20", "Thu 22"])

    # === COST === #

    def test_queries_of_posting(self):
        """With a plan two queries more, and none without, for any number."""
        self.company.collection_plan_id = False
        counts = []
        for plan in (False, False, self.plan, self.plan):
            self.company.collection_plan_id = plan
            invoices = self.env["account.move"].union(
                *(self.make_invoice(post=False).sudo() for _number in range(3))
            )
            self.env.flush_all()
            self.env.invalidate_all()  # As another request finds them.
            self.assertEqual(bool(invoices.company_id.collection_plan_id), bool(plan))
            before = self.env.cr.sql_log_count
            invoices.action_post()
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[3] - counts[1], 2)
        self.assertTrue(self.get_row(invoices))
