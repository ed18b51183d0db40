import time
from contextlib import suppress
from datetime import timedelta
from functools import partial
from unittest.mock import call, patch

import requests

from odoo import fields
from odoo.exceptions import LockError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL

from ...models.core import told_later
from ...models.runs import (
    account_charge_run_lane,
    account_charge_run_line_work,
    account_charge_run_queue,
)
from ...tools import TryAgainError
from .common_runs import ChargeRunCommon

# The statements of a charge alone, with those of the test's own customer and company.
MAX_QUERIES_OF_A_CHARGE = 192
# The statements of a line beside those of its charge: from its claim to its end. They
# are fewer, as a charge alone tells the open forms each time.
MAX_QUERIES = -2
# Of a job beside a line: it is asked for by its id, tells the forms and wakes the
# schedule on its own, and ends the run.
MAX_QUERIES_OF_A_JOB = 3


@tagged("post_install", "-at_install")
class TestLanes(ChargeRunCommon):
    def take(self):
        return self.env["account.charge.run.line"].sudo()._take()

    # === CHECKED AGAIN === #

    def test_each_line_is_decided_again_and_never_charged_more(self):
        """Paid, charged by hand, credited, or without a method meanwhile."""
        customers = self.make_customers(6)
        invoices = self.make_invoices(customers)
        run = self.start(invoices)
        invoices[0].record_external_payment()
        invoices[1].record_external_payment(amount=30)
        self.gateway.answers = ["pending"]
        invoices[2].charge(invoices[2]._get_default_token().id)
        self.gateway.answers = ["done"]
        run.line_ids[3].token_id.sudo().active = False
        # More is owed than was proposed, as after a returned debit.
        run.line_ids[4].sudo().amount = 90
        self._keep()
        self.gateway.requests.clear()
        self.run_lane()
        self.assertEqual(
            [(line.result, line.reason_code) for line in run.line_ids],
            [
                ("skipped", "paid"),
                ("succeeded", False),
                ("skipped", "in_flight"),
                ("skipped", "method_unfit"),
                ("skipped", "amount_changed"),
                ("succeeded", False),
            ],
        )
        self.assertEqual([request[2] for request in self.gateway.requests], [70, 100])
        self.assertEqual(run.state, "done")

    def test_a_run_ends_where_the_time_of_its_lane_is_over(self):
        """The last lines were carried out: Odoo starts the lane for nothing again."""
        run = self.start()
        self.assertEqual(run.get_progress()["moved"], "0.00 USD")
        self.patch(account_charge_run_lane, "REPORTED_EACH", len(run.line_ids))
        self.patch(
            self.env.registry["ir.cron"], "_commit_progress", lambda *_a, **_k: 0
        )
        self.run_lane()
        self.assertEqual(self.results(run), ["succeeded"] * 3)
        self.assertEqual(run.state, "done")

    def test_rights_of_the_person_count_when_a_line_is_carried_out(self):
        clerk = self.make_user("ip_run_clerk", "account.group_account_invoice")
        run = self.start(self.invoices.with_user(clerk))
        clerk.group_ids -= self.env.ref("invoice_payments_ext.group_payment_record")
        clerk.group_ids = self.env.ref("base.group_user")
        self._keep()
        self.run_lane()
        run = run.sudo()
        self.assertEqual(run.line_ids.mapped("reason_code"), ["no_right"] * 3)
        self.assertFalse(self.gateway.requests)
        self.assertEqual(run.state, "done")

    def test_person_who_left_charges_nothing(self):
        clerk = self.make_user("ip_run_clerk", "account.group_account_invoice")
        run = self.start(self.invoices.with_user(clerk)).sudo()
        clerk.active = False
        self._keep()
        self.run_lane()
        self.assertEqual(run.line_ids.mapped("reason_code"), ["no_right"] * 3)
        self.assertEqual(
            set(run.line_ids.mapped("note")), {f"{clerk.name} is not active any more."}
        )
        self.assertEqual(self.gateway.requests, [])
        self.assertEqual(run.state, "done")

    def test_attempt_and_key_are_the_person_s(self):
        run = self.start(self.invoices[:1])
        self.run_lane()
        attempt = run.line_ids.transaction_id.sudo()
        self.assertEqual(attempt.create_uid, self.accountant)
        key = self.env["account.idempotency.key"].search(
            [("key", "=", f"run/{run.id}/{run.line_ids.id}/1")]
        )
        self.assertEqual(key.user_id, self.accountant)

    # === CLAIMS === #

    def test_claim_is_stored_first_and_taken_over_from_a_killed_lane(self):
        """Killed before, between and after the steps: one request for each."""
        run = self.start()
        first, second, third = run.line_ids
        self.assertEqual(self.take(), first)
        self.assertEqual(first.result, "working")
        self.assertEqual(self.take(), second)
        with self.stopped_before_sending():
            second.sudo()._work()
        self.assertEqual(self.take(), third)
        line = third.sudo()
        with (
            patch.object(type(line), "_finish", side_effect=KeyboardInterrupt),
            suppress(KeyboardInterrupt),
        ):
            line._work()
        self.env.cr.rollback()
        self.env.invalidate_all()
        self.assertFalse(self.take(), "They are being worked on.")
        self.assertEqual(len(self.gateway.requests), 1)
        second.sudo().state = "working"
        self.age(run.line_ids)
        self.run_lane()
        self.assertEqual(self.results(run), ["succeeded"] * 3)
        self.assertEqual(len(self.gateway.requests), 3)
        self.assertEqual(run.state, "done")

    def test_closed_run_lets_go_of_lines_that_were_left(self):
        """Killed lanes and lines that are given back late block no invoice for ever."""
        run = self.start()
        first, second, third = run.line_ids
        self.take()
        self.take()
        with self.stopped_before_sending():
            second.sudo()._work()
        second.sudo().state = "working"
        self.take()
        run.stop()
        run.close()
        third.sudo()._give_back("Somebody was at it")  # Its lane saw none of that.
        self.run_lane()
        self.assertEqual(first.state, "working", "Its lane may be alive.")
        self.age(first | second)
        self.run_lane()
        self.assertEqual(
            [(line.state, line.reason_code) for line in run.line_ids],
            [("skipped", "stopped"), ("attempted", False), ("skipped", "stopped")],
        )
        self.assertEqual(self.gateway.requests, [], "Nothing is charged any more.")
        self.run_resolver()
        self.assertEqual(second.result, "failed")
        again = self.start()
        self.run_lane()
        self.assertEqual(self.results(again), ["succeeded"] * 3)
        self.assertEqual(len(self.gateway.requests), 3)

    def test_attempt_that_never_left_is_made_again(self):
        """Its lane was killed, and the resolver ended it before another lane came."""
        for kind in ("charge", "issue"):
            with self.subTest(kind):
                invoices = self.make_invoices(
                    self.make_customers(2), post=kind == "charge"
                )
                run = self.start(invoices, kind)
                line = run.line_ids[0]
                self.gateway.requests.clear()
                self.take()
                with self.stopped_before_sending():
                    line.sudo()._work()
                lost = line.transaction_id
                line.sudo().write({"state": "working", "transaction_id": False})
                self.age(line)
                self.run_resolver()
                self.assertFalse(lost.sudo().request_sent_on)
                self.assertIn(lost.outcome, ("canceled", "failed"))
                self._keep()
                self.run_lane()
                self.assertMadeAgain(line, lost)

    def assertMadeAgain(self, line, lost):
        """Assert that a line made its lost attempt again, and that its run ended."""
        self.assertEqual(self.results(line.run_id), ["succeeded"] * 2)
        self.assertNotEqual(line.transaction_id, lost)
        self.assertEqual((line.try_number, line.note), (2, False))
        self.assertEqual(len(self.gateway.requests), 2)
        self.assertEqual(line.run_id.state, "done")

    def kill_after_sent(self, line):
        """Let the lane be killed after it marked the attempt of a line as sent."""
        self.gateway.requests.clear()
        self.take()
        with patch.object(
            self.env.registry["payment.transaction"],
            "_run_attempt",
            lambda attempt: attempt.write({"request_state": "sent"}),
        ):
            line.sudo()._work()
        return line.transaction_id.sudo()

    def test_attempt_that_never_arrived_is_made_again(self):
        """The resolver was faster than the next lane, or the other way round."""
        self.patch_provider("_fetch_outcome", lambda *_args: {})
        self.patch_provider("_get_arrival_delay", lambda _self: timedelta(0))
        for is_resolver_first in (True, False):
            with self.subTest(is_resolver_first=is_resolver_first):
                run = self.start(self.make_invoices(self.make_customers(2)))
                line = run.line_ids[0]
                lost = self.kill_after_sent(line)
                if is_resolver_first:
                    line.sudo().write({"state": "working", "transaction_id": False})
                    self.age(line)
                self.assertTrue(lost.request_sent_on)
                self.run_resolver()
                self.assertEqual(lost.outcome, "failed")
                self._keep()
                self.run_lane()
                self.assertMadeAgain(line, lost)

    def test_attempt_that_never_arrived_opens_no_closed_run(self):
        self.patch_provider("_fetch_outcome", lambda *_args: {})
        self.patch_provider("_get_arrival_delay", lambda _self: timedelta(0))
        run = self.start(self.make_invoices(self.make_customers(2)))
        lost = self.kill_after_sent(run.line_ids[0])
        run.stop()
        run.close()
        self._keep()
        self.run_resolver()
        self.assertEqual(lost.outcome, "failed")
        self.assertEqual(run.line_ids[0].result, "failed")
        self.run_lane()
        self.assertEqual(self.gateway.requests, [])

    def patch_provider(self, name, method):
        patcher = patch.object(self.env.registry["payment.provider"], name, method)
        patcher.start()
        self.addCleanup(patcher.stop)

    def test_error_before_sending_keeps_the_attempt(self):
        """The line is given back, and goes on with the attempt that it prepared."""
        run = self.start(self.invoices[:1])
        attempts = self.env.registry["payment.transaction"]
        with patch.object(attempts, "_mark_sent", side_effect=LockError("Busy")):
            self.run_lane()
        self.assertEqual(self.results(run), ["ready"])
        self.assertEqual(self.gateway.requests, [])
        attempt = self.invoices[0].sudo().transaction_ids
        self.assertEqual(attempt.outcome, "ready")
        run.line_ids.sudo().not_before = False
        self._keep()
        self.run_lane()
        self.assertEqual(self.results(run), ["succeeded"])
        self.assertEqual(run.line_ids.transaction_id.sudo(), attempt)
        self.assertEqual(len(self.gateway.requests), 1)

    def test_draft_whose_provider_was_too_busy_is_charged_later(self):
        """It was issued by the first try."""
        run = self.start(self.make_invoices(self.customers[:1], post=False), "issue")
        self.gateway.answers = [self.make_http_error(429), "done"]
        self.run_lane()
        self.assertEqual(self.results(run), ["ready"])
        self.assertEqual(run.line_ids.move_id.state, "posted")
        self.rest(self.env["payment.provider.pace"].search([]), run)
        self.run_lane()
        self.assertEqual(self.results(run), ["succeeded"])

    def test_another_try_takes_no_more_credit(self):
        """What was proposed is spent by the first try. The rest is for others."""
        self.company.credit_applied_at_issue = False
        for kind, owner in zip(("charge", "issue"), self.customers[:2], strict=True):
            with self.subTest(kind):
                invoice = self.make_invoices(owner, post=kind == "charge")
                customer = owner.with_user(self.supervisor)
                customer.adjust_credit_balance(30.0, reason="Goodwill")
                invoice.sudo().apply_credit = True
                run = self.start(invoice, kind)
                self.assertEqual(run.line_ids.credit_amount, 30.0)
                self.gateway.answers = [self.make_http_error(429), "done"]
                self.run_lane()
                self.assertEqual(self.results(run), ["ready"])
                customer.adjust_credit_balance(50.0, reason="For another invoice")
                self.rest(self.env["payment.provider.pace"].search([]), run)
                self.gateway.requests.clear()
                self.run_lane()
                self.assertEqual(self.results(run), ["succeeded"])
                charged = [amount for *_tx, amount in self.gateway.requests]
                self.assertEqual((charged, invoice.amount_residual), ([70.0], 0.0))
                balance = owner.with_company(self.company).sudo().credit_balance_ids
                self.assertEqual(balance.mapped("amount"), [50.0])

    def test_line_that_was_carried_out_twice_is_one_request(self):
        run = self.start(self.invoices[:1])
        line = self.take()
        line._work()
        attempt = run.line_ids.transaction_id
        run.line_ids.sudo().write({"state": "working", "transaction_id": False})
        line._work()
        self.assertEqual(run.line_ids.transaction_id, attempt)
        self.assertEqual(len(self.gateway.requests), 1)

    def test_somebody_else_is_at_the_invoice_for_a_moment(self):
        """The line is given back, and taken again a little later."""
        run = self.start(self.invoices[:1])
        with self.force_error_once("account.move", "_lock_for_payment", self.locked()):
            self.run_lane()
        self.assertEqual(self.results(run), ["ready"])
        self.assertEqual((run.state, run.line_ids.waits), ("running", 1))
        self.assertFalse(self.take())
        triggers = self.env["ir.cron.trigger"].search([])
        self.assertTrue(triggers.filtered(lambda t: t.call_at > fields.Datetime.now()))
        run.line_ids.sudo().not_before = False
        self.gateway.answers = ["error"]
        self.run_lane()
        self.assertEqual(self.results(run), ["declined"])
        self.assertEqual(run.line_ids.message, "Card declined")

    def test_somebody_else_is_at_the_invoice_for_long(self):
        """In the end the line is skipped: the run does not wait for ever."""
        run = self.start(self.invoices[:1])
        run.line_ids.sudo().waits = account_charge_run_line_work.MAX_WAITS
        with self.force_error_once("account.move", "_lock_for_payment", self.locked()):
            self.run_lane()
        self.assertEqual(self.results(run), ["skipped"])
        self.assertEqual(
            (run.line_ids.reason_code, run.line_ids.note),
            ("in_flight", "Somebody else was working on the invoice."),
        )
        self.assertEqual((run.state, self.gateway.requests), ("done", []))
        self.assertEqual(self.invoices[0].amount_residual, 100)

    def locked(self):
        """Return the error of an invoice whose row somebody else holds."""
        error = UserError("Somebody else is working on the payments")
        error.__cause__ = LockError("locked")
        return error

    def test_error_of_one_line_keeps_no_other_waiting(self):
        run = self.start()
        with self.force_error_once("account.move", "_collect", ZeroDivisionError("x")):
            with self.assertLogs("odoo.addons.invoice_payments_ext", "ERROR"):
                self.run_lane()
        self.assertEqual(self.results(run), ["skipped", "succeeded", "succeeded"])
        self.assertEqual(run.line_ids[0].reason_code, "refused")
        self.assertIn("ZeroDivisionError", run.line_ids[0].note)

    def test_method_is_charged_for_one_line_at_a_time(self):
        """The answer about it decides on the customer's next invoices."""
        customer = self.customers[:1]
        again = self.make_invoices(customer)
        run = self.start(self.invoices[:2] | again)
        first, other, same = run.line_ids
        self.assertEqual(same.token_id, first.token_id)
        self.assertEqual(self.take(), first)
        self.assertFalse(same.sudo()._take(same.id))
        self.assertEqual(self.take(), other)
        self.assertFalse(self.take())
        # One that was taken at the same moment is refused by the database.
        lines = self.env.registry["account.charge.run.line"]
        with (
            patch.object(lines, "_get_busy_condition", lambda _line: SQL("FALSE")),
            self.assertRaises(TryAgainError),
            self.env.cr.savepoint(),
        ):
            same.sudo()._claim_one(same.id)
        first.sudo()._work()
        self.assertEqual(self.take(), same)
        # A claim that is left by a killed lane is taken over before them.
        self.age(same)
        self.assertEqual(self.take(), same)

    # === THROTTLE === #

    def test_provider_that_is_too_busy_gets_the_line_again(self):
        """429: nothing was carried out. The provider rests, and then gets all of it."""
        run = self.start()
        self.gateway.answers = [
            self.make_http_error(429, **{"Retry-After": "7"}),
            "done",
        ]
        self.run_lane()
        self.assertEqual(self.results(run), ["ready"] * 3)
        self.assertEqual(len(self.gateway.requests), 1)
        self.assertFalse(self.take())
        pace = self.env["payment.provider.pace"].search([])
        rest = (pace.slowed_until - fields.Datetime.now()).total_seconds()
        self.assertTrue(4 < rest < 9, rest)
        self.assertEqual(self.provider.slowed_until, pace.slowed_until)
        self.assertEqual((run.line_ids[0].try_number, pace.level), (2, 1))
        # A second lane that sees the same overload does not double it.
        self.provider._slow_down(0)
        self.env.invalidate_all()
        self.assertEqual(pace.level, 1)
        self.rest(pace, run)
        self.run_lane()
        self.assertEqual(self.results(run), ["succeeded"] * 3)
        self.assertEqual(len(self.gateway.requests), 4)
        self.assertEqual(pace.level, 0)

    def rest(self, pace, run):
        """Let the rest of a provider be over."""
        past = fields.Datetime.now() - timedelta(minutes=1)
        pace.sudo().slowed_until = past
        run.line_ids.sudo().not_before = False
        self._keep()

    def test_server_error_slows_the_provider_and_stays_unknown(self):
        """Nobody knows if it was carried out: it is not sent again."""
        run = self.start()
        self.gateway.answers = [self.make_http_error(503), "done"]
        self.run_lane()
        self.assertEqual(self.results(run), ["unknown", "ready", "ready"])
        pace = self.env["payment.provider.pace"].search([])
        self.rest(pace, run)
        self.run_lane()
        self.assertEqual(self.results(run), ["unknown", "succeeded", "succeeded"])
        self.assertEqual(len(self.gateway.requests), 3)
        again = self.propose(self.invoices[:1])
        self.assertEqual(again.line_ids.reason_code, "unknown")

    def test_decline_and_own_check_slow_nobody(self):
        self.gateway.answers = [self.make_http_error(402), "error", "done"]
        self.start()
        self.run_lane()
        self.assertFalse(self.env["payment.provider.pace"].search([]).slowed_until)
        self.assertEqual(len(self.gateway.requests), 3)

    def test_provider_that_cannot_be_reached_rests(self):
        """As one that is too busy: no other line is sent to it for a while."""
        run = self.start()
        self.gateway.answers = [
            self.transport_error(requests.ReadTimeout("slow")),
            "done",
        ]
        self.run_lane()
        self.assertEqual(self.results(run), ["unknown", "ready", "ready"])
        self.assertEqual(len(self.gateway.requests), 1)
        pace = self.env["payment.provider.pace"].search([])
        self.assertEqual(pace.level, 1)
        self.assertGreater(pace.slowed_until, fields.Datetime.now())
        # A line that sends nothing says nothing of the provider.
        run.line_ids[1].move_id.record_external_payment()
        self.rest(pace, run)
        self.take()._work()
        self.assertEqual(self.results(run), ["unknown", "skipped", "ready"])
        self.assertEqual(pace.level, 1)
        self.run_lane()
        self.assertEqual(self.results(run)[2], "succeeded")
        self.assertEqual(pace.level, 0)

    def test_overload_of_one_line_is_not_that_of_the_next(self):
        """A lane keeps one note of it, and forgets it with each line."""
        lines = self.start().line_ids
        self.gateway.answers = [self.make_http_error(503), "done", "done"]
        slowed = []
        patcher = patch.object(
            self.env.registry["payment.provider"],
            "_slow_down",
            lambda _provider, _seconds: slowed.append(1) or fields.Datetime.now(),
        )
        patcher.start()
        self.addCleanup(patcher.stop)
        self.run_lane()
        self.assertEqual(lines.mapped("result"), ["unknown", "succeeded", "succeeded"])
        self.assertEqual(len(slowed), 1)

    def test_charges_a_second_over_all_lanes(self):
        self.provider.charges_per_second = 4
        self.start()
        begin = time.monotonic()
        self.run_lane()
        self.assertGreater(time.monotonic() - begin, 0.49)
        self.assertEqual(len(self.gateway.requests), 3)
        # Each lane takes the next turn, and one that is far away is left to others.
        turns = [time.monotonic() + self.provider._take_turn() for _one in range(50)]
        self.assertEqual(turns, sorted(turns))
        self.assertGreater(turns[-1] - turns[0], 12)
        run = self.start(self.make_invoices(self.customers[:1]))
        self.assertFalse(self.take())
        self.assertEqual(self.results(run), ["ready"])
        # The limit was taken away while a lane took the line.
        self.provider.charges_per_second = 0
        self.assertEqual(self.provider._take_turn(), 0)
        with self.assertRaises(ValidationError):
            self.provider.charges_per_second = -1

    def test_turn_that_is_far_away_is_left_to_others(self):
        """Several lanes claimed lines at once: the last of them waits for none."""
        self.provider.charges_per_second = 1
        run = self.start(self.invoices[:1])
        with patch.object(
            self.env.registry["payment.provider"], "_take_turn", lambda _provider: 30.0
        ):
            begin = time.monotonic()
            self.run_lane()
            self.assertLess(time.monotonic() - begin, 10)
        line = run.line_ids
        self.assertEqual((line.state, line.waits, line.try_number), ("ready", 0, 1))
        wait = (line.not_before - fields.Datetime.now()).total_seconds()
        self.assertTrue(15 < wait <= 30, wait)
        self.assertEqual(self.gateway.requests, [])
        self.assertFalse(self.take())
        line.sudo().not_before = False
        self._keep()
        # One that is near is waited for.
        with (
            patch.object(
                self.env.registry["payment.provider"],
                "_take_turn",
                lambda _provider: 0.25,
            ),
            patch.object(account_charge_run_lane.time, "sleep") as sleep,
        ):
            self.run_lane()
        self.assertIn(call(0.25), sleep.mock_calls)
        self.assertEqual(self.results(run), ["succeeded"])

    def test_clock_that_was_ahead_keeps_nothing_waiting(self):
        """A turn, a rest, a wait and a claim of tomorrow are a wrong clock's."""
        tomorrow = fields.Datetime.now() + timedelta(days=1)
        self.provider.charges_per_second = 50
        run = self.start()
        self.provider._slow_down(0)
        pace = self.env["payment.provider.pace"].search([]).sudo()
        pace.write({"slowed_until": tomorrow, "next_at": tomorrow})
        run.line_ids[0].sudo().write({"state": "working", "claimed_on": tomorrow})
        run.line_ids[1].sudo().not_before = tomorrow
        self._keep()
        self.run_lane()
        self.assertEqual(self.results(run), ["succeeded"] * 3)
        self.assertLess(pace.next_at, tomorrow - timedelta(hours=23))
        # The next sign of overload counts from now.
        pace.slowed_until = tomorrow
        self._keep()
        self.assertLess(self.provider._slow_down(0), tomorrow - timedelta(hours=23))

    # === FIGURES === #

    def listen(self):
        """Return the list of what open forms are told from now on.

        Each is an invoice, and how many requests the gateway has got by then.
        """
        told = []

        def send(_bus, target, kind, _message):
            if kind == "invoice_payments_ext/changed":
                told.append((target.id, len(self.gateway.requests)))

        patcher = patch.object(self.env.registry["bus.bus"], "_sendone", send)
        patcher.start()
        self.addCleanup(patcher.stop)
        return told

    def test_open_forms_are_told_together(self):
        """A run of many sends no message for each commit of each line."""
        self.patch(told_later, "HELD_FOR", 600.0)  # A busy machine takes its time.
        lines = self.start().line_ids
        told = self.listen()
        self.run_lane()
        self.assertEqual(set(lines.mapped("result")), {"succeeded"})
        self.assertEqual(
            sorted(told),
            [(move_id, len(lines)) for move_id in sorted(self.invoices.ids)],
        )

    def test_open_forms_are_told_within_seconds(self):
        self.start()
        told = self.listen()
        with patch(
            "odoo.addons.invoice_payments_ext.models.core.told_later.HELD_FOR", 0
        ):
            self.run_lane()
        self.assertEqual([count for _invoice, count in told], [1, 2, 3])

    def test_schedule_of_mails_is_woken_once(self):
        """Each waking is a connection of its own, and wakes all workers."""
        self.patch(told_later, "HELD_FOR", 600.0)  # A busy machine takes its time.
        invoices = self.make_invoices(self.make_customers(3))
        lines = self.start(invoices).line_ids
        schedule = self.env.ref("invoice_payments_ext.ir_cron_mail_customers")
        domain = [("cron_id", "=", schedule.id)]
        self.env["ir.cron.trigger"].search(domain).unlink()
        self.run_lane()
        self.assertEqual(set(lines.transaction_id.mapped("customer_mail")), {"receipt"})
        self.assertTrue(all(lines.transaction_id.mapped("customer_mail_due")))
        trigger = self.env["ir.cron.trigger"].search(domain)
        self.assertEqual(len(trigger), 1)
        self.assertLess(trigger.call_at, fields.Datetime.now() + timedelta(seconds=30))

    def test_lines_leave_no_environments(self):
        """Odoo looks through all of them for each record that is read otherwise."""
        self.start(self.make_invoices(self.make_customers(6)))
        numbers = []
        begin = type(self.env["account.charge.run.line"])._work_charge

        def work(line):
            numbers.append(len(self.env.transaction.envs))
            begin(line)

        self.patch_lines("_work_charge", work)
        self.run_lane()
        self.assertEqual(len(numbers), 6)
        self.assertLess(max(numbers[1:]), numbers[0] + 20, numbers)

    def patch_lines(self, name, method):
        lines = self.env.registry["account.charge.run.line"]
        patcher = patch.object(lines, name, method)
        patcher.start()
        self.addCleanup(patcher.stop)

    def test_job_tells_open_forms_once(self):
        line = self.start(self.invoices[:1]).line_ids
        told = self.listen()
        line.sudo()._work_as_job()
        self.assertEqual(told, [(self.invoices[:1].id, 1)])

    def test_last_job_ends_the_run(self):
        run = self.start(self.make_invoices(self.make_customers(2)))
        other = self.start()
        first, last = run.line_ids.sudo()
        first._work_as_job()
        self.assertEqual((first.result, run.state), ("succeeded", "running"))
        last._work_as_job()
        self.assertEqual((last.result, run.state), ("succeeded", "done"))
        last._work_as_job()
        self.assertEqual(other.state, "running")
        self.assertEqual(len(self.gateway.requests), 2)

    def test_job_of_a_line_that_is_gone_ends(self):
        line = self.start(self.invoices[:1]).line_ids.sudo()
        gone = line.browse(line.id)
        line.unlink()
        gone._work_as_job()
        self.assertEqual(self.gateway.requests, [])

    def test_lines_are_handed_to_the_queue_once(self):
        """Those of runs that go on; again if no job took one, or on resuming."""
        run, stopped = self.start(), self.start(self.make_invoices(self.customers[:1]))
        stopped.stop()
        lines = self.env["account.charge.run.line"].sudo()
        take = partial(lines._in_short_step, lines._take_for_queue)
        with patch.object(account_charge_run_queue, "QUEUED_AT_ONCE", 2):
            self.assertEqual(take(), run.line_ids[:2].sudo())
        self.assertEqual(take(), run.line_ids[2].sudo())
        self.assertFalse(take())
        past = fields.Datetime.now() - timedelta(minutes=11)
        run.line_ids[1].sudo().queued_on = past
        self._keep()
        self.assertEqual(take(), run.line_ids[1].sudo())
        stopped.resume()
        run.stop()
        run.resume()
        self._keep()
        self.assertEqual(take(), (run | stopped).line_ids.sudo())
        self.assertEqual(self.gateway.requests, [])

    def test_lane_takes_no_line_where_there_is_a_queue(self):
        """It hands them over, and ends runs of which nothing is left."""
        run, ended = self.start(), self.start(self.make_invoices(self.customers[:1]))
        ended.line_ids.sudo()._skip("stopped")
        self._keep()
        handed = []
        self.patch_lines("_has_queue", lambda _lines: True)
        self.patch_lines("_hand_to_queue", lambda lines: handed.append(len(lines)))
        self.run_lane()
        self.assertEqual(handed, [0])
        self.assertEqual(self.results(run), ["ready"] * 3)
        self.assertEqual((run.state, ended.state), ("running", "done"))
        self.assertEqual(self.gateway.requests, [])

    def test_queries_of_a_line(self):
        """A line takes few more than the charge alone, and each takes as many.

        The second invoice has many lines, which are read at once in each step.
        """
        customers = self.make_customers(5)
        line = Command.create({"name": "Work", "price_unit": 10.0, "tax_ids": False})
        run = self.start(
            self.make_invoices(customers[:2])
            | self.make_invoices(customers[2], invoice_line_ids=[line] * 10)
            | self.make_invoices(customers[3:])
        )
        self.take()._work()
        alone = self.count_queries(self.charge_alone)
        figures = [self.count_queries(lambda: self.take()._work()) for _line in "abc"]
        self.take()._work()
        self.assertEqual(self.results(run), ["succeeded"] * 4 + ["skipped"])
        self.assertLessEqual(alone, MAX_QUERIES_OF_A_CHARGE)
        self.assertLessEqual(max(figures) - alone, MAX_QUERIES, (figures, alone))
        self.assertLessEqual(max(figures) - min(figures), 1, figures)

    def test_queries_of_a_job(self):
        """Beside the line itself: the claim, what is told, and the end of the run."""
        lines = self.start(self.make_invoices(self.make_customers(4))).line_ids.sudo()
        lines[0]._work_as_job()
        line = self.count_queries(lambda: self.take()._work())
        job = self.count_queries(lambda: lines[2]._work_as_job())
        self.assertEqual(lines[2].state, "attempted")
        self.assertLessEqual(job - line, MAX_QUERIES_OF_A_JOB)

    def charge_alone(self):
        invoice = self.env["account.charge.run.line"].search([])[-1:].move_id
        token = invoice._get_default_token()
        invoice.with_user(self.accountant).charge(token.id, idempotency_key="alone")

    def count_queries(self, work):
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        work()
        return self.env.cr.sql_log_count - before

    def test_lanes_are_scheduled_actions(self):
        lanes = self.env["account.charge.run.line"]._get_lanes()
        self.assertEqual(len(lanes), 4)
        self.assertIn(self.env.ref("invoice_payments_ext.ir_cron_collect"), lanes)
        self.start()
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "in", lanes.ids)])
        self.assertEqual(triggers.cron_id, lanes)
