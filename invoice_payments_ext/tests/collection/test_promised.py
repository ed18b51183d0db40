"""A promise by which the customer lets a method be charged on the promised day."""

from datetime import datetime
from unittest.mock import patch

from freezegun import freeze_time
from psycopg2.errors import SerializationFailure

from odoo.exceptions import UserError
from odoo.tests import tagged

from .common_collection import CollectionCommon


@tagged("post_install", "-at_install")
class TestPromised(CollectionCommon):
    def setUp(self):
        super().setUp()
        self.company.partner_id.tz = "America/New_York"
        self.promise = self.invoice.promise_to_pay(
            amount=300,
            date="2026-01-20",
            token_id=self.token.id,
            consent="On the phone",
        )
        self._keep()

    def charge_at(self, moment):
        self.now = datetime.fromisoformat(moment)
        with freeze_time(moment):  # The day of the payment, too.
            self.env["account.payment.promise"].sudo()._cron_charge_promised()
        self.env.invalidate_all()
        return [amount for _reference, _kind, amount in self.gateway.requests]

    def test_once_on_the_day_from_nine_by_the_clock_of_the_company(self):
        self.partner.with_user(self.accountant).set_auto_pay(False)
        decision = self.invoice._decide_charges(is_run=True)[self.invoice]
        self.assertEqual(decision.reason, "promised", "It is left out of runs.")
        self.assertEqual(self.charge_at("2026-01-19 20:00:00"), [])
        self.assertEqual(self.charge_at("2026-01-20 13:59:00"), [], "It is 8:59.")
        self.assertEqual(self.charge_at("2026-01-20 14:00:00"), [300])
        self._keep()
        self.assertEqual(self.promise.state, "kept")
        self.assertEqual(self.charge_at("2026-01-20 15:00:00"), [300])
        self.assertEqual(self.invoice.amount_residual, 700)

    def test_run_of_before_charges_nothing_on_the_promised_day(self):
        """The customer agreed to a part of it: the run would charge all of it."""
        self.promise.withdraw()
        run = self.invoice.propose_charge_run()
        run.confirm()
        self.invoice.promise_to_pay(
            amount=300,
            date="2026-01-20",
            token_id=self.token.id,
            consent="On the phone",
        )
        self._keep()
        self.now = datetime(2026, 1, 20, 14)
        self.env["account.charge.run.line"].sudo()._run_lane()
        self.env.invalidate_all()
        self.assertEqual(
            (run.line_ids.result, run.line_ids.reason_code), ("skipped", "promised")
        )
        self.assertEqual(self.gateway.requests, [])
        self.assertEqual(self.charge_at("2026-01-20 15:00:00"), [300])
        self.assertEqual(self.invoice.amount_residual, 700)

    def test_the_first_invoices_take_the_promised_amount(self):
        """None of the others is charged: together, no more than promised."""
        other = self.make_invoice(300, invoice_date_due="2026-01-10")
        self.promise.withdraw()
        (self.invoice | other).promise_to_pay(
            amount=300,
            date="2026-01-20",
            token_id=self.token.id,
            consent="On the phone",
        )
        self._keep()
        self.assertEqual(self.charge_at("2026-01-20 14:00:00"), [300])
        self.assertEqual(
            (other.amount_residual, self.invoice.amount_residual), (0, 1000)
        )

    def test_money_on_its_way_counts_of_the_promised_amount(self):
        """A debit is confirmed days later: all together, no more than promised."""
        other = self.make_invoice(300, invoice_date_due="2026-01-10")
        self.promise.withdraw()
        (self.invoice | other).promise_to_pay(
            amount=400,
            date="2026-01-20",
            token_id=self.token.id,
            consent="On the phone",
        )
        self._keep()
        self.gateway.answers = ["pending", "done"]
        self.assertEqual(self.charge_at("2026-01-20 14:00:00"), [300, 100])
        self.assertEqual(self.charge_at("2026-01-20 15:00:00"), [300, 100])

    def test_credit_pays_first_on_that_day(self):
        """The method pays the rest of the promised amount, if there is one."""
        for credit, charged in ((100, [200]), (2000, [])):
            with self.subTest(credit):
                self.invoice = self.make_invoice(apply_credit=False)
                self.promise = self.invoice.promise_to_pay(
                    amount=300,
                    date="2026-01-20",
                    token_id=self.token.id,
                    consent="On the phone",
                )
                self.invoice.sudo().apply_credit = True
                self.partner.with_user(self.supervisor).adjust_credit_balance(
                    credit, company_id=self.company.id, reason="Goodwill"
                )
                self._keep()
                self.gateway.requests.clear()
                self.now = datetime(2026, 1, 20, 14)
                with freeze_time(self.now):
                    self.promise.sudo()._charge_promised()
                self._keep()
                requests = [amount for *_tx, amount in self.gateway.requests]
                self.assertEqual(requests, charged)
                self.assertEqual(self.invoice.amount_residual, 700)
                self.assertEqual(self.promise.state, "kept")
                self.now = datetime(2026, 1, 15, 10)

    def test_an_error_of_one_promise_keeps_no_other_waiting(self):
        """Of two at the same records nothing is said: it is charged an hour later."""
        other = self.make_invoice(50)
        other.promise_to_pay(
            date="2026-01-20", token_id=self.token.id, consent="On the phone"
        )
        self._keep()
        logger = "odoo.addons.invoice_payments_ext.models.collection"
        with (
            self.force_error_once("account.move", "charge", SerializationFailure()),
            self.assertNoLogs(logger, "ERROR"),
        ):
            self.assertEqual(self.charge_at("2026-01-20 14:00:00"), [50])
        with (
            self.force_error_once("account.move", "charge", ValueError("Broken")),
            self.assertLogs(logger, "ERROR") as logs,
        ):
            self.assertEqual(self.charge_at("2026-01-20 15:00:00"), [50])
        self.assertIn(f"Promise {self.promise.id} could not be charged", logs.output[0])
        self.assertEqual(self.charge_at("2026-01-20 16:00:00"), [50, 300])
        self.assertEqual(self.invoice.amount_residual, 700)

    def test_the_time_of_the_schedule_is_over(self):
        """The other promises of the day are charged when it runs again."""
        other = self.make_invoice(50)
        other.promise_to_pay(
            date="2026-01-20", token_id=self.token.id, consent="On the phone"
        )
        self._keep()
        crons = self.env.registry["ir.cron"]
        with patch.object(crons, "_commit_progress", lambda *_args, **_options: 0):
            self.assertEqual(self.charge_at("2026-01-20 14:00:00"), [300])
        self.assertEqual(self.charge_at("2026-01-20 15:00:00"), [300, 50])

    def test_a_declined_one_is_not_tried_again(self):
        self.gateway.answers = ["error"]
        self.assertEqual(self.charge_at("2026-01-20 14:00:00"), [300])
        self.assertEqual(self.charge_at("2026-01-20 15:00:00"), [300])
        self.assertEqual(self.promise.state, "open")

    def test_prepared_and_not_sent_goes_on_that_day(self):
        """A server that dies before it is sent loses an hour, and not the day."""
        with self.stopped_before_sending():
            self.assertEqual(self.charge_at("2026-01-20 14:00:00"), [])
        self.assertEqual(self.invoice.sudo().transaction_ids.outcome, "ready")
        self.assertEqual(self.charge_at("2026-01-20 15:00:00"), [300])
        self.assertEqual(self.charge_at("2026-01-20 16:00:00"), [300])
        self.assertEqual(len(self.invoice.sudo().transaction_ids), 1)

    def test_cancelled_before_it_was_sent_is_made_again(self):
        with self.stopped_before_sending():
            self.charge_at("2026-01-20 14:00:00")
        self.now = datetime(2026, 1, 20, 14, 30)
        self.run_resolver()
        self.assertEqual(self.invoice.sudo().transaction_ids.outcome, "canceled")
        self.assertEqual(self.charge_at("2026-01-20 15:00:00"), [300])
        self.assertEqual(self.charge_at("2026-01-20 16:00:00"), [300])

    def test_day_that_was_missed_is_told_and_not_made_up_for(self):
        """The customer agreed to one day: a person has to ask for another one."""
        with self.stopped_before_sending():
            self.charge_at("2026-01-20 14:00:00")
        self.assertEqual(self.charge_at("2026-01-21 14:00:00"), [])
        self.assertEqual(self.decide(), "broken")
        self.assertIn("was not charged on that day", self.get_tasks().note)
        self.run_resolver()
        self.assertEqual(self.invoice.sudo().transaction_ids.outcome, "canceled")

    def test_broken_after_a_decline_is_not_told_as_missed(self):
        self.gateway.answers = ["error"]
        self.assertEqual(self.charge_at("2026-01-20 14:00:00"), [300])
        self.now = datetime(2026, 1, 21, 14)
        self.assertEqual(self.decide(), "broken")
        self.assertNotIn("was not charged", self.get_tasks().note)

    def decide(self):
        self.env["account.payment.promise"].sudo()._cron_decide_promises()
        self.env.invalidate_all()
        return self.promise.state

    def test_only_what_is_left_and_not_after_it_was_withdrawn(self):
        other = self.make_invoice(50)
        second = other.promise_to_pay(
            date="2026-01-20", token_id=self.token.id, consent="On the phone"
        )
        self.invoice.record_external_payment(amount=120, date="2026-01-15")
        self._keep()
        second.withdraw()
        self._keep()
        self.assertEqual(self.charge_at("2026-01-20 14:00:00"), [180])

    def test_what_cannot_be_charged_is_told(self):
        self.token.sudo().active = False
        self._keep()
        self.assertEqual(self.charge_at("2026-01-20 14:00:00"), [])
        self.assertIn("was not made", self.invoice.sudo().message_ids[:1].body)

    def test_what_cannot_be_charged_is_told_once(self):
        """The schedule runs each hour, and a reason may be long."""
        for day, reason in ((20, "It is refused."), (21, "It is refused. " * 20)):
            with self.subTest(day):
                if self.promise.date.day != day:
                    self.now = datetime(2026, 1, 20, 18)
                    self.promise.reschedule(f"2026-01-{day}")
                    self._keep()
                before = self.count_told()
                for hour in (14, 15, 16):
                    with self.force_error_once(
                        "account.move", "charge", UserError(reason)
                    ):
                        self.charge_at(f"2026-01-{day} {hour}:00:00")
                self.assertEqual(self.count_told(), before + 1)
        self.assertEqual(self.gateway.requests, [])

    def count_told(self):
        notes = self.invoice.sudo().message_ids.mapped("body")
        return len([note for note in notes if "was not made" in note])
