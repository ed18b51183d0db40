from unittest.mock import patch

from freezegun import freeze_time
from psycopg2.errors import LockNotAvailable, SerializationFailure

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..taken_back.common_taken_back import TakenBackCommon

NOON = "2026-03-02 12:00:00"


@tagged("post_install", "-at_install")
class TestPromise(TakenBackCommon):
    """Money that was applied by its day keeps a promise, and nothing else does."""

    def setUp(self):
        super().setUp()
        self.clock = freeze_time(NOON)
        self.clock.start()
        self.addCleanup(lambda: self.clock.stop())
        self.bill = self.make_invoice(100, invoice_date_due="2026-03-01")
        self._keep()

    # === HELPERS === #

    def promise(self, amount=None, date="2026-03-05", invoices=None, **values):
        invoices = invoices or self.bill
        promise = invoices.promise_to_pay(amount=amount, date=date, **values)
        self._keep()
        return promise

    def receive(self, amount, date="2026-03-02", invoice=None):
        """Record cash; return the state of the promise."""
        payments = (invoice or self.bill).record_external_payment(
            amount=amount,
            date=date,
            journal_id=self.company_data["default_journal_cash"].id,
        )
        self._keep()
        return payments

    def wake(self, moment=None):
        """Run the schedule, at a moment."""
        if moment:
            self.clock.stop()
            self.clock = freeze_time(moment)
            self.clock.start()
        self.env["account.payment.promise"].sudo()._cron_decide_promises()
        self._keep()

    # === KEPT AND BROKEN === #

    def test_kept_by_parts_at_once(self):
        promise = self.promise(80)
        self.assertEqual(self.bill._get_open_promises(), {self.bill: promise.sudo()})
        self.receive(30)
        self.assertEqual((promise.state, promise.applied_amount), ("open", 30))
        self.receive(50)
        self.assertEqual((promise.state, promise.applied_amount), ("kept", 80))
        self.assertFalse(self.bill._get_open_promises())
        self.wake("2026-03-07 12:00:00")
        self.assertEqual(promise.state, "kept")

    def test_broken_when_the_day_of_the_company_is_over(self):
        self.company.sudo().partner_id.tz = "Pacific/Honolulu"  # Ten hours behind.
        promise = self.promise(80)
        self.receive(79.99)
        self.wake("2026-03-06 09:00:00")
        self.assertEqual(promise.state, "open", "There, it is still the fifth.")
        self.wake("2026-03-06 11:00:00")
        self.assertEqual(promise.state, "broken")
        self.assertIn("Promise", self.bill.sudo().activity_ids.summary)
        self.receive(20, date="2026-03-06")
        self.wake()
        self.assertEqual(promise.state, "broken", "It came a day late.")

    def test_a_charge_counts_on_the_day_of_the_company(self):
        """In the evening there, it is tomorrow where the schedule's user lives."""
        self.company.sudo().partner_id.tz = "Pacific/Honolulu"
        promise = self.promise(80)
        self.clock.stop()
        self.clock = freeze_time("2026-03-06 05:00:00")
        self.clock.start()
        attempt = self.bill.charge(self.token.id, 80)
        self._keep()
        self.assertEqual(str(attempt.payment_id.date), "2026-03-06")
        self.assertEqual((promise.state, promise.applied_amount), ("kept", 80))
        self.wake("2026-03-07 12:00:00")
        self.assertEqual(promise.state, "kept")

    def test_the_task_is_of_the_day_of_the_company(self):
        self.company.sudo().partner_id.tz = "Pacific/Honolulu"
        self.promise(80)
        self.wake("2026-03-07 05:00:00")
        task = self.bill.sudo().activity_ids
        self.assertEqual(str(task.date_deadline), "2026-03-06")

    def test_money_in_time_that_is_matched_late(self):
        promise = self.promise(80)
        self.wake("2026-03-08 12:00:00")
        self.assertEqual(promise.state, "broken")
        self.receive(80, date="2026-03-05")
        self.assertEqual(promise.state, "kept")

    def test_money_before_the_promise_does_not_count(self):
        self.receive(60)
        promise = self.promise(40)
        self.assertEqual(promise.applied_amount, 0)
        self.receive(10)
        self.assertEqual((promise.state, promise.applied_amount), ("open", 10))

    def test_over_several_invoices(self):
        other = self.make_invoice(50, invoice_date_due="2026-03-02")
        promise = self.promise(invoices=self.bill | other)
        self.assertEqual(promise.amount, 150)
        self.receive(100)
        self.assertEqual(promise.state, "open")
        self.assertEqual(
            (self.bill | other)._get_open_promises(),
            dict.fromkeys(self.bill | other, promise.sudo()),
        )
        self.receive(50, invoice=other)
        self.assertEqual(promise.state, "kept")

    def test_credit_pays_and_a_credit_note_does_not(self):
        promise = self.promise(100)
        self.bill.with_user(self.supervisor).issue_credit_note(amount=60, reason="Less")
        self._keep()
        self.assertEqual((promise.state, promise.applied_amount), ("open", 0))
        self.partner.with_user(self.supervisor).adjust_credit_balance(
            40, company_id=self.company.id, reason="Goodwill"
        )
        self.bill.apply_credit_balance(40)
        self._keep()
        self.assertEqual((promise.state, promise.applied_amount), ("kept", 40))

    def test_nothing_is_owed_any_more(self):
        promise = self.promise(100)
        account = self.company_data["default_account_expense"]
        self.company.sudo().write_off_account_id = account
        self.bill.with_user(self.supervisor).write_off(100, "Too small")
        self.wake()
        self.assertEqual(promise.state, "withdrawn")
        cancelled = self.make_invoice(70, invoice_date_due="2026-03-01")
        promise = self.promise(70, invoices=cancelled)
        cancelled.button_draft()
        self.wake()
        self.assertEqual(promise.state, "withdrawn")

    # === MONEY THAT LEAVES === #

    def charge_bill(self):
        self.gateway.answers = ["done"]
        payment = self.bill.charge(self.token.id, amount=80).sudo().payment_id
        self._keep()
        return payment.with_user(self.supervisor)

    def test_taken_back_breaks_it(self):
        promise = self.promise(80)
        payment = self.charge_bill()
        self.assertEqual(promise.state, "kept")
        reversal = self.report("dispute", payment=payment, amount=80)
        self.wake()
        self.assertEqual(promise.state, "kept", "The amount is parked: not lost yet.")
        reversal.lose()
        self._keep()
        self.assertTrue(promise.sudo().is_to_be_decided)
        self.wake()
        self.assertEqual((promise.state, promise.applied_amount), ("broken", 0))
        reversal.win()
        self._keep()
        self.assertEqual(promise.state, "kept", "The money is back.")

    def test_a_refund_by_the_company_does_not(self):
        promise = self.promise(80)
        payment = self.charge_bill()
        payment.refund(50, reason="Goodwill")
        self._keep()
        self.wake("2026-03-09 12:00:00")
        self.assertEqual((promise.state, promise.applied_amount), ("kept", 80))

    def test_an_older_payment_taken_back_changes_nothing(self):
        old = self.receive(60)
        promise = self.promise(40)
        self.receive(40)
        self.assertEqual(promise.state, "kept")
        old.with_user(self.supervisor).report_taken_back("returned_debit", amount=60)
        self._keep()
        self.wake()
        self.assertEqual((promise.state, promise.applied_amount), ("kept", 40))

    def test_a_fault_keeps_no_money_from_being_booked(self):
        promise = self.promise(80)

        def fail(*args, **kwargs):
            raise ValueError("Broken")

        self.patch(self.env.registry["account.payment.promise"], "_decide", fail)
        with self.assertLogs("odoo.addons.invoice_payments_ext", "ERROR"):
            self.receive(80)
        self.assertEqual(self.bill.amount_residual, 20)
        self.assertEqual(promise.state, "open")
        cron = self.env.ref("invoice_payments_ext.ir_cron_decide_promises")
        self.assertTrue(self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)]))

    def test_a_lock_of_another_one_keeps_no_money_from_being_booked(self):
        """It is decided later: PostgreSQL's error is no fault of anybody."""
        promise = self.promise(80)
        cron = self.env.ref("invoice_payments_ext.ir_cron_decide_promises")
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)])
        triggers.unlink()
        logger = "odoo.addons.invoice_payments_ext.models.promises"
        for error, amount, left in (
            (SerializationFailure, 30, 70),
            (LockNotAvailable, 50, 20),
        ):
            with (
                self.subTest(error.__name__),
                self.force_error_once("account.payment.promise", "_decide", error()),
                self.assertNoLogs(logger, "WARNING"),
            ):
                self.receive(amount)
            self.assertEqual(self.bill.amount_residual, left)
            self.assertEqual(promise.state, "open")
            waking = self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)])
            self.assertTrue(waking)
            waking.unlink()
        self.wake()
        self.assertEqual((promise.state, promise.applied_amount), ("kept", 80))

    def test_the_time_of_the_schedule_is_over(self):
        """The other promises are decided when it runs again."""
        promises = self.promise(80) | self.promise(invoices=self.make_invoice(50))
        crons = self.env.registry["ir.cron"]
        deciding = "odoo.addons.invoice_payments_ext.models.promises"
        with (
            patch(f"{deciding}.account_payment_promise_deciding.BATCH", 1),
            patch.object(crons, "_commit_progress", lambda *_args, **_options: 0),
        ):
            self.wake("2026-03-07 12:00:00")
        self.assertEqual(promises.mapped("state"), ["broken", "open"])
        self.wake()
        self.assertEqual(promises.mapped("state"), ["broken", "broken"])

    def test_a_withdrawn_one_stays_withdrawn(self):
        """Also if money left before, and the schedule looks at it later."""
        promise = self.promise(80)
        promise.sudo().is_to_be_decided = True
        promise.withdraw()
        self.wake("2026-03-07 12:00:00")
        self.assertEqual(
            (promise.state, promise.is_to_be_decided), ("withdrawn", False)
        )
        self.assertFalse(self.bill.sudo().activity_ids)

    def test_a_payment_that_is_undone_opens_it_again(self):
        """Up to the promised day; nobody took money back."""
        promise = self.promise(80)
        payment = self.receive(80)
        self.assertEqual(promise.state, "kept")
        payment.sudo().action_draft()
        self._keep()
        self.wake()
        self.assertEqual((promise.state, promise.applied_amount), ("open", 0))
        self.assertIn("is open again", self.bill.message_ids[0].body)
        self.assertFalse(self.bill.sudo().activity_ids)
        self.wake("2026-03-07 12:00:00")
        self.assertEqual(promise.state, "broken")

    def test_nobody_is_to_collect_what_is_not_owed(self):
        """A promise that was broken is for nobody, if a credit note settled it."""
        promise = self.promise(80)
        payment = self.charge_bill()
        self.report("dispute", payment=payment, amount=80).lose()
        self.bill.with_user(self.supervisor).issue_credit_note(
            amount=100, reason="Broken"
        )
        self._keep()
        self.assertEqual(self.bill.amount_residual, 0)
        self.wake()
        self.assertEqual(promise.state, "broken")
        self.assertIn("money was taken back", self.bill.message_ids[0].body)
        tasks = self.bill.sudo().activity_ids.mapped("summary")
        self.assertNotIn("Promise to pay broken", tasks)

    # === DOORS === #

    def test_moved_days_are_kept_and_do_not_prolong(self):
        promise = self.promise(80)
        with self.assertRefused("promised for this day already"):
            promise.reschedule("2026-03-05", note="Salary")
        self.assertEqual(len(promise.date_ids), 1)
        promise.reschedule("2026-03-20", note="Salary")
        with self.assertRefused("04/01/2026 at the latest"):
            promise.reschedule("2026-04-02")
        self._keep()
        days = promise.date_ids.mapped(lambda day: (str(day.date), day.note))
        self.assertEqual(days, [("2026-03-05", False), ("2026-03-20", "Salary")])
        self.wake("2026-03-15 12:00:00")
        self.assertEqual(promise.state, "open")
        promise.withdraw("Does not pay")
        self.assertEqual(promise.state, "withdrawn")
        with self.assertRefused("is withdrawn: it cannot be changed"):
            promise.withdraw()
        with self.assertRefused("04/01/2026 at the latest"):
            self.promise(80, date="2026-04-14")

    def test_refusals(self):
        self.company.sudo().promise_max_open = 2
        for message, values in (
            ("must be today or later", {"date": "2026-03-01"}),
            ("Say by which day", {"date": None}),
            ("04/01/2026 at the latest", {"date": "2026-04-02"}),
            ("not a date", {"date": "soon"}),
            ("above the remaining amount", {"amount": 100.01}),
            ("above zero", {"amount": 0}),
            ("on the phone or by mail", {"channel": "portal"}),
            ("on the phone or by mail", {"channel": "letter"}),
            ("how the customer agreed", {"token_id": self.token.id}),
            ("no saved payment method", {"token_id": 2**31 - 1, "consent": "Yes"}),
        ):
            with self.subTest(values), self.assertRefused(message):
                self.promise(**{"amount": 10, **values})
        with self.assertRefused("not an issued invoice"):
            self.promise(10, invoices=self.make_invoice(post=False))
        with self.assertRefused("Nothing remains"):
            self.promise(10, invoices=self.invoice)
        foreign = self.make_invoice(10, currency_id=self.make_currency("EUR").id)
        with self.assertRefused("one customer, in one currency"):
            self.promise(10, invoices=self.bill | foreign)
        first = self.promise(10, idempotency_key="again")
        again = self.bill.promise_to_pay(
            amount=10, date="2026-03-05", idempotency_key="again"
        )
        self.assertEqual(again, first)
        with self.assertRefused("is promised already"):
            self.promise(10)
        self.promise(10, invoices=foreign)
        with self.assertRefused("2 open promises"):
            self.promise(10, invoices=self.make_invoice(20))

    def test_a_charge_on_that_day_with_consent(self):
        promise = self.promise(
            80, token_id=self.token.id, consent="On the phone, on Monday"
        )
        self.assertEqual(promise.token_id, self.token)
        self.assertRegex(promise.consent_text, "Recorded by .*: On the phone")
        self.assertEqual(promise.consent_user_id, self.accountant)
        self.assertEqual(promise.consent_date, fields.Datetime.now())
        self.assertEqual(len(self.gateway.requests), 1, "Only that of the set-up.")
        with self.assertRaises(UserError):
            promise.sudo().consent_text = "Another"

    def test_who_may(self):
        self.promise(80)
        employee = self.make_user("ip_emp", "base.group_user")
        with self.assertRefused("", AccessError):
            self.promise(10, invoices=self.bill.with_user(employee))
        with self.assertRefused("", AccessError):
            self.bill.payment_promise_id.with_user(employee).withdraw()
        with self.assertRefused("", AccessError):
            self.bill.payment_promise_id.write({"state": "kept"})
        with self.assertRefused("Use Promise to pay", AccessError):
            self.bill.payment_promise_id = False

    # === FIGURES, DIALOG AND COST === #

    def test_the_share_kept_is_a_figure_of_the_customer(self):
        self.company.sudo().promise_max_open = 9
        self.assertFalse(self.partner.promise_summary)
        for state in ("kept", "kept", "broken", "withdrawn", "open"):
            promise = self.promise(10, invoices=self.make_invoice(20))
            promise.sudo().state = state
        partner = self.partner.with_user(self.accountant)
        partner.invalidate_recordset()
        self.assertAlmostEqual(partner.promise_kept_share, 2 / 3)
        self.assertEqual(partner.promise_summary, "2 of 3 kept")
        action = partner.action_open_promises()
        found = self.env["account.payment.promise"].search(action["domain"])
        self.assertEqual(len(found), 5)

    def test_the_dialog_records_and_moves(self):
        action = self.bill.action_promise_to_pay()
        dialogs = self.env["account.payment.promise.create"].with_user(self.accountant)
        dialog = dialogs.with_context(**action["context"]).create(
            {"date": "2026-03-04", "channel": "mail"}
        )
        self.assertEqual((dialog.amount, str(dialog.latest_day)), (100, "2026-04-01"))
        self.assertIn(self.token, dialog.selectable_token_ids)
        dialog.action_promise()
        promise = self.bill.payment_promise_id
        self.assertEqual((promise.channel, promise.user_id), ("mail", self.accountant))
        with self.assertRefused("is promised already"):
            self.bill.action_promise_to_pay()
        action = promise.action_reschedule()
        dialog = dialogs.with_context(**action["context"]).create(
            {"date": "2026-03-06"}
        )
        dialog.action_promise()
        self.assertEqual(str(promise.date), "2026-03-06")

    def test_it_costs_no_query_where_nothing_was_promised(self):
        invoices = self.bill | self.make_invoice(5)
        self.env.flush_all()
        invoices.sudo().mapped("payment_promise_id")
        with self.assertQueryCount(0):
            invoices._recheck_promises()
        promise = self.promise(10)
        invoices.invalidate_recordset()
        promise.invalidate_recordset()
        invoices.sudo().mapped("name")
        with self.assertQueryCount(1):
            self.assertEqual(len(invoices._get_open_promises()), 1)
