"""The schedule's steps are lines of the automatic run of the day."""

from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..collection.common_collection import CollectionCommon

DUE = "odoo.addons.invoice_payments_ext.models.runs.account_charge_run_due"
# The statements of a step of the schedule beside those of its charge.
MAX_QUERIES = 25


@tagged("post_install", "-at_install")
class TestAutomatic(CollectionCommon):
    def run_lane(self):
        self._keep()
        self.env["account.charge.run.line"].sudo()._run_lane()
        self.env.invalidate_all()

    def get_run(self):
        runs = self.env["account.charge.run"].search([("kind", "=", "automatic")])
        return runs.sorted("id")[-1:]

    def test_due_invoice_is_a_line_of_the_run_of_the_day(self):
        second = self.make_invoice(200)
        self.gateway.answers = ["done", "error", "done"]
        self.run_lane()
        run = self.get_run()
        self.assertEqual(run.line_ids.mapped("result"), ["succeeded", "declined"])
        self.assertEqual(run.line_ids.move_id, self.invoice.sudo() | second.sudo())
        self.assertEqual(run.run_date, self.company._get_own_today())
        self.assertEqual(run.company_id, self.company)
        self.run_lane()
        self.assertEqual(len(run.line_ids), 2, "Nothing is due any more.")
        self.assertEqual(run.state, "running", "The day is not over.")
        self.now = self.get_row(second).next_at
        self.run_lane()
        later = self.get_run()
        self.assertEqual(str(later.run_date), "2026-01-18")
        self.assertEqual(later.line_ids.mapped("result"), ["succeeded"])
        self.assertEqual(len(self.gateway.requests), 3)
        self.assertEqual((run.state, len(run.activity_ids)), ("done", 0))
        # A day that was taken for over goes on where something is due.
        later.sudo().state = "done"
        third = self.make_invoice(50)
        self.run_lane()
        self.assertEqual(third.amount_residual, 0.0)
        self.assertEqual((later.state, len(later.line_ids)), ("running", 2))

    def test_invoice_in_a_run_of_a_person_waits_for_it(self):
        run = self.invoice.propose_charge_run()
        run.confirm()
        lines = self.env["account.charge.run.line"].sudo()
        self._keep()
        lines._make_due_lines()
        self.env.invalidate_all()
        self.assertFalse(self.get_run().line_ids)
        self.run_lane()
        self.assertEqual(run.line_ids.mapped("result"), ["succeeded"])
        self.assertEqual(len(self.gateway.requests), 1)
        self.assertEqual(self.row.state, "done")

    def test_run_that_was_stopped_keeps_no_others_from_their_turn(self):
        """Its invoices are due first, and would fill each batch of the schedule."""
        run = self.invoice.propose_charge_run()
        run.confirm()
        run.stop()
        second = self.make_invoice(200)
        self._keep()
        self.now += timedelta(minutes=5)
        with patch(f"{DUE}.MAX_DUE", 1):
            self.run_lane()
        self.assertEqual(self.get_run().line_ids.move_id, second.sudo())
        self.assertEqual(second.amount_residual, 0)
        run.close()
        self.run_lane()
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertEqual(len(self.gateway.requests), 2)

    def test_person_stops_the_schedule(self):
        """What is due later, also on another day, waits until the run is resumed."""
        self.run_lane()
        run = self.get_run().with_user(self.accountant)
        second = self.make_invoice(200)
        self._keep()
        self.env["account.charge.run.line"].sudo()._make_due_lines()
        self.env.invalidate_all()
        run.stop()
        third = self.make_invoice(300)
        for days in (0, 1):
            self.now += timedelta(days=days)
            self.run_lane()
        self.assertEqual((run.state, len(run.line_ids)), ("stopped", 2))
        self.assertEqual(self.get_run(), run.sudo())
        self.assertEqual(len(self.gateway.requests), 1, "Nothing else is charged.")
        for invoice in (second, third):
            words = invoice.get_payment_section()["collection"]["words"]
            self.assertIn(f"{run.name} was stopped", words)
        run.resume()
        self.run_lane()
        self.run_lane()
        self.assertEqual((second + third).mapped("amount_residual"), [0, 0])
        self.assertEqual(len(self.gateway.requests), 3)

    def test_two_lanes_make_the_run_of_the_day(self):
        """One makes it; the other, which did not see it, finds it a moment later."""
        self.run_lane()
        run = self.get_run()
        second = self.make_invoice(200)
        runs_class, hidden = type(run), [run]

        def search(runs, domain, **options):
            found = search_all(runs, domain, **options)
            return found - hidden.pop() if hidden and found == run else found

        search_all = runs_class.search
        with patch.object(runs_class, "search", search), mute_logger("odoo.sql_db"):
            self.run_lane()
        self.assertFalse(hidden)
        self.assertEqual(self.get_run(), run)
        self.assertEqual(run.line_ids.move_id, self.invoice.sudo() | second.sudo())
        self.assertEqual(run.line_ids.mapped("result"), ["succeeded"] * 2)

    def test_line_says_why_nothing_was_charged(self):
        self.token.active = False
        self.run_lane()
        line = self.get_run().line_ids
        self.assertEqual(line.result, "done")
        self.assertTrue(line.note)
        self.assertFalse(self.gateway.requests)

    def test_stolen_card_is_tried_for_one_of_thirty_invoices(self):
        for _invoice in range(29):
            self.make_invoice(10)
        self.decline_as("never")
        self.run_lane()
        lines = self.get_run().line_ids
        self.assertEqual(len(lines), 30)
        self.assertEqual(len(lines.filtered("transaction_id")), 1)
        for hours in (1, 24, 24 * 3, 24 * 5):
            self.now += timedelta(hours=hours)
            self.run_lane()
        self.assertEqual(len(self.gateway.requests), 1)
        rows = self.env["account.collection"].search([])
        self.assertEqual(set(rows.mapped("wait_reason")), {"never"})

    def test_lost_attempt_of_the_schedule_is_made_again_by_the_schedule(self):
        """Its plan says when; the line of the run is not taken again beside it."""
        providers = self.env.registry["payment.provider"]
        self.patch(providers, "_fetch_outcome", lambda *_args: {})
        self.patch(providers, "_get_arrival_delay", lambda _self: timedelta(0))
        with patch.object(
            self.env.registry["payment.transaction"],
            "_run_attempt",
            lambda attempt: attempt.write({"request_state": "sent"}),
        ):
            self.run_lane()
        run = self.get_run()
        lost = run.line_ids.transaction_id.sudo()
        self.assertTrue(lost.request_sent_on)
        self.now += timedelta(hours=2)
        self.run_resolver()
        self.assertEqual(lost.outcome, "failed")
        self.assertEqual(run.line_ids.mapped("result"), ["failed"])
        self.run_lane()
        self.assertEqual(self.gateway.requests, [])
        self.now = self.now.replace(day=18, hour=9)
        self.run_lane()
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertEqual(len(self.gateway.requests), 1)
        self.assertEqual(lost.outcome, "failed")
        self.assertEqual(self.get_run().line_ids.mapped("result"), ["succeeded"])

    # === THE PURGE === #

    def test_old_lines_are_removed_and_their_attempts_kept(self):
        """Those whose attempt is final, of the schedule only, with their numbers."""
        invoices = [self.make_invoice(amount) for amount in (200, 300)]
        self.gateway.answers = ["done", "error", "pending"]
        self.run_lane()
        run, attempts = self.get_run(), self.get_run().line_ids.transaction_id
        self.gateway.answers = ["done"]
        by_person = self.make_invoice(400).propose_charge_run()
        by_person.confirm()
        self.run_lane()
        self.assertEqual(by_person.line_ids.mapped("result"), ["succeeded"])
        (run | by_person).sudo().write({"state": "done", "run_date": "2026-01-15"})
        lines = self.env["account.charge.run.line"].sudo()
        for day, left in (("2027-02-19", 3), ("2027-02-20", 1)):
            with freeze_time(day):
                lines._gc_automatic_lines()
            self.env.invalidate_all()
            self.assertEqual(len(run.line_ids), left, day)
        self.assertEqual(run.line_ids.move_id, invoices[1].sudo())
        self.assertEqual(run.line_ids.result, "pending")
        self.assertEqual(len(attempts.exists()), 3)
        self.assertEqual(by_person.line_ids.mapped("result"), ["succeeded"])
        [note] = run.message_ids.filtered(lambda note: "removed" in (note.body or ""))
        self.assertIn("Succeeded: 1, Declined: 1", note.body)
        # What was pending ended: it goes the next night.
        self.gateway.notify(run.line_ids.transaction_id, "done")
        self.run_resolver()
        with freeze_time("2027-02-20"):
            lines._gc_automatic_lines()
        self.env.invalidate_all()
        self.assertFalse(run.line_ids)
        self.assertEqual(len(self.gateway.requests), 4)

    # === FIGURES === #

    def test_queries_of_a_line(self):
        """A step of the schedule takes few more than its charge, and all as many.

        The steps of the plan and the lines of the invoice are read at once.
        """
        line = Command.create({"name": "Work", "price_unit": 10.0, "tax_ids": False})
        self.make_invoice(200)
        self.make_invoice(invoice_line_ids=[line] * 10)
        lines = self.env["account.charge.run.line"].sudo()
        self._keep()
        lines._make_due_lines()
        lines._take()._work()  # Fills the caches of the registry.
        alone = self.make_invoice(150, invoice_date_due="2026-02-15")
        alone = alone.with_env(self.env(user=self.accountant))
        figures = [
            self.count_queries(work)
            for work in (
                lambda: alone.charge(self.token.id, idempotency_key="alone"),
                lambda: lines._take()._work(),
                lambda: lines._take()._work(),
            )
        ]
        self.assertEqual(self.get_run().line_ids.mapped("result"), ["succeeded"] * 3)
        self.assertLessEqual(figures[1] - figures[0], MAX_QUERIES, figures)
        self.assertLessEqual(abs(figures[2] - figures[1]), 1, figures)

    def count_queries(self, work):
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        work()
        return self.env.cr.sql_log_count - before
