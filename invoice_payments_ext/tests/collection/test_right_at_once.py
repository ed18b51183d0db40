"""Events that a collection follows at once, and days that are the company's."""

from datetime import date, datetime, timedelta

from freezegun import freeze_time

from odoo.tests import tagged

from .common_collection import CollectionCommon


@tagged("post_install", "-at_install")
class TestRightAtOnce(CollectionCommon):
    def test_credit_that_is_spent(self):
        """Spent by a person, it is not charged any more; all of it ends it."""
        customer = self.partner.with_user(self.supervisor)
        customer.adjust_credit_balance(1300, reason="Goodwill")
        self._keep()
        self.invoice.apply_credit_balance(300)
        self.assertEqual(self.row.state, "running")
        self.invoice.apply_credit_balance(700)
        self.assertEqual(self.row.state, "done")
        self.assertFalse(self.run_at(days=3))
        self.assertEqual(self.gateway.requests, [])

    def test_an_earlier_due_date(self):
        """Odoo lets people move the day of a journal item of an issued invoice."""
        self.token.sudo().active = False
        invoice = self.make_invoice(invoice_date_due="2026-02-16")
        row = self.get_row(invoice)
        self._keep()
        for moment in ("2026-01-15 10:00", "2026-01-18 09:00", "2026-01-20 09:00"):
            self.run_at(moment, row=row)
        self.assertEqual(row.next_at, datetime(2026, 2, 19, 9))
        lines = invoice.sudo().line_ids
        lines = lines.filtered(lambda line: line.display_type == "payment_term")
        lines.date_maturity = "2026-01-22"
        self.assertEqual(row.next_at, self.now)
        self.run_at(row=row)
        self.assertEqual(row.next_at, datetime(2026, 1, 25, 9))
        self.assertFalse(self.get_mails(invoice))
        self.run_at("2026-01-25 09:00", row=row)
        self.assertEqual(len(self.get_mails(invoice)), 1)

    def test_zone_of_the_person_is_nothing(self):
        """A person at the other end of the world pauses: the company's day counts."""
        self.company.partner_id.tz = "America/Los_Angeles"
        (self.accountant | self.env.user).sudo().tz = "Pacific/Auckland"
        self.plan.sudo().step_ids.filtered(lambda step: step.kind == "charge")[
            0
        ].hour = 9
        self._keep()
        self.assertFalse(self.run_at("2026-01-15 16:59"))
        self.assertEqual(self.row.next_at, datetime(2026, 1, 15, 17))
        self.invoice.pause_collection("2026-01-17", "Asks for two days")
        self.assertEqual(self.row.next_at, datetime(2026, 1, 17, 17))
        self.assertFalse(self.run_at("2026-01-17 07:59"))
        self.assertEqual(self.row.state, "paused")
        self.assertEqual(self.run_at("2026-01-17 17:00").outcome, "succeeded")

    def test_discount_ends_with_the_day_of_the_company(self):
        """Whatever the zone of the schedule: it is charged and booked by that day."""
        terms = self.make_discount_terms(days=5)
        for zone, moment, amount, day in (
            ("Pacific/Auckland", "2026-01-20 20:30", 1000, "2026-01-21"),
            ("America/Los_Angeles", "2026-01-21 03:00", 980, "2026-01-20"),
        ):
            with self.subTest(zone):
                self.company.partner_id.tz = zone
                self.now = datetime(2026, 1, 15, 10)
                invoice = self.make_invoice(
                    invoice_date="2026-01-15", invoice_payment_term_id=terms.id
                )
                with freeze_time(moment):
                    attempt = self.run_at(moment, row=self.get_row(invoice))
                self.assertEqual(
                    (attempt.outcome, attempt.amount), ("succeeded", amount)
                )
                self.assertEqual(invoice.amount_residual, 0)
                self.assertEqual(str(attempt.payment_id.date), day)

    def test_day_of_a_task_is_the_company_s(self):
        self.company.partner_id.tz = "America/Los_Angeles"
        self.env.user.sudo().tz = "Pacific/Auckland"
        self.now = datetime(2026, 1, 16, 5)
        self.row._assign_task("Call", "It is open.")
        self.assertEqual(self.get_tasks().date_deadline, date(2026, 1, 15))

    def test_shipped_plan_without_a_method(self):
        """Reminders before and after the due date, and a task at the end."""
        self.token.sudo().active = False
        plan = self.env.ref("invoice_payments_ext.collection_plan_standard")
        self.company.collection_plan_id = plan
        invoice = self.make_invoice(invoice_date_due="2026-01-25")
        row = self.get_row(invoice)
        self._keep()
        told = []
        self.run_at(row=row)
        for _step in range(40):
            if row.state != "running" or not row.next_at:
                break
            self.now = max(self.now, row.next_at)
            before = len(self.get_mails(invoice))
            self.run_at(row=row)
            if len(self.get_mails(invoice)) > before:
                told.append((self.now.date() - invoice.invoice_date_due).days)
        self.assertEqual(told, [-3, 3, 10, 21])
        self.assertEqual(row.state, "exhausted")
        self.assertEqual((self.now.date() - invoice.invoice_date_due).days, 30)
        self.assertEqual(len(invoice.sudo().activity_ids), 1)
        self.assertEqual(self.gateway.requests, [])

    def test_renewed_card(self):
        """The bank gave another one, as a provider tells by its later last day."""
        self.token.sudo().expires_on = "2026-01-31"
        self.decline_as("ask_customer")
        self.assertEqual(self.run_at().outcome, "declined")
        self.assertEqual(self.row.wait_reason, "ask_customer")
        self.now += timedelta(hours=1)
        self.token.sudo().expires_on = "2026-01-30"
        self.assertFalse(self.row.charge_due)
        self.token.sudo().expires_on = "2029-01-31"
        self.assertEqual((self.row.charge_due, self.row.next_at), ("event", self.now))
        self.gateway.answers = ["done"]
        self._keep()
        self.assertEqual(self.run_at().outcome, "succeeded")

    def test_decline_of_a_renewed_card(self):
        """An answer that names a later day and declines is about the new card."""
        self.token.sudo().expires_on = "2026-01-31"
        self.decline_as("ask_customer")
        self.patch(
            self.env.registry["payment.provider"],
            "_get_token_expiry",
            lambda *_arguments: date(2029, 1, 31),
        )
        self.assertEqual(self.run_at().outcome, "declined")
        self.assertEqual(self.token.sudo().expires_on, date(2029, 1, 31))
        self.assertEqual(self.row.wait_reason, "ask_customer")
        self.assertFalse(self.run_at(days=1))
        self.assertEqual(len(self.gateway.requests), 1)

    def test_nobody_is_told_of_a_charge_that_is_not_planned(self):
        """Where the schedule charges nothing, there is no next time."""
        token = self.token.sudo()
        self.assertEqual(self.row._get_next_charge(token), datetime(2026, 1, 15, 9))
        customer = self.partner.with_user(self.accountant)
        charges = self.plan.sudo().step_ids.filtered(lambda step: step.kind == "charge")
        for what, change in (
            ("unknown outcome", lambda: self.row.write({"wait_reason": "unknown"})),
            ("no charge left", lambda: self.row.write({"handled_until": self.now})),
            ("excluded", lambda: self.invoice.write({"auto_pay_excluded": True})),
            ("switched off", lambda: customer.set_auto_pay(False)),
            ("paused", lambda: self.invoice.pause_collection()),
        ):
            with self.subTest(what), self.env.cr.savepoint() as savepoint:
                if what == "no charge left":
                    charges.sudo().days = 0
                change()
                self.env.flush_all()
                self.env.invalidate_all()
                self.assertIsNone(self.row._get_next_charge(token))
                savepoint.rollback()
            self.env.invalidate_all()
        self.assertEqual(self.row._get_next_charge(token), datetime(2026, 1, 15, 9))

    def told(self, company=None):
        """Return what is told before auto-pay is switched on."""
        self.env.invalidate_all()
        permissions = self.env["account.auto.pay"]
        words = permissions._describe_at_once(
            self.partner.sudo(), company or self.company
        )
        return [" ".join(sentence.split()) for sentence in words]

    def test_what_a_permission_charges_at_once_is_told_before(self):
        """It is told as it is charged then: no less, and no more."""
        switch = self.partner.with_user(self.accountant).set_auto_pay
        switch(False)
        later = self.make_invoice(70, invoice_date="2026-01-20")
        others = self.make_invoice(30, partner_id=self.env.user.partner_id.id)
        charged = "1 open invoice is charged as soon as you switch it on: $ 1,000.00."
        self.assertEqual(self.told(), [charged], "The schedule has not looked yet.")
        rows = [self.get_row(each) for each in (self.invoice, later, others)]
        for row in rows:
            self.assertFalse(self.run_at(row=row))
        self.assertEqual(self.told(), [charged])
        self.assertEqual(self.told(self.make_other_company()["company"]), [])
        with self.subTest("Nothing stands in the way"):
            self.invoice.auto_pay_excluded = True
            self.assertEqual(self.told(), [])
            self.invoice.auto_pay_excluded = False
            self.invoice.pause_collection(None, "Asks for it")
            self.assertEqual(self.told(), [])
            self.invoice.resume_collection()
            self.run_at()
            self.assertEqual(self.told(), [charged])
        euro = self.make_currency("EUR", 0.5)
        self.provider.sudo().available_currency_ids = False
        extra = [self.make_invoice(200), self.make_invoice(60, currency_id=euro.id)]
        for each in extra:
            self.run_at(row=self.get_row(each))
        customer = self.partner.with_user(self.supervisor)
        customer.adjust_credit_balance(300, reason="Goodwill")
        self._keep()
        for each in (self.invoice, *extra):
            self.run_at(row=self.get_row(each))
        [words] = self.told()
        self.assertRegex(words, r"^3 open invoices are charged .*: .*900\.00")
        self.assertIn("60.00", words)
        self.token.sudo().active = False
        [words] = self.told()
        self.assertIn("switch it on and a payment method is saved: ", words)
        self.token.sudo().active = True
        switch(True, note="Phone")
        charged = [
            self.run_at(row=self.get_row(each)).amount
            for each in (self.invoice, later, others, *extra)
        ]
        self.assertEqual([each for each in charged if each], [700, 200, 60])

    def test_only_what_is_due_is_told(self):
        """Of an invoice in parts, those that are due; nothing before its day."""
        self.plan.sudo().step_ids.filtered(lambda step: step.kind == "charge").write(
            {"anchor": "due"}
        )
        switch = self.partner.with_user(self.accountant).set_auto_pay
        switch(False)
        later = self.make_invoice(70, invoice_date_due="2026-01-25")
        for each in (self.invoice, later):
            self.run_at(row=self.get_row(each))
        self.assertIn("1 open invoice is", self.told()[0])
        self.invoice.auto_pay_excluded = True
        self.assertEqual(self.told(), [])
        self.run_at("2026-01-25 10:00", row=self.get_row(later))
        self.assertIn("switch it on: $ 70.00", self.told()[0])
