"""What a plan does beside charges, how it ends, and how invoices come to it."""

from datetime import datetime

from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from .common_collection import CollectionCommon


@tagged("post_install", "-at_install")
class TestPlanSteps(CollectionCommon):
    def get_tasks_of(self, invoice):
        return invoice.sudo().activity_ids.mapped("summary")

    # === THE END === #

    def test_how_a_plan_ends(self):
        """Nothing, a task, a proposal to write it off, or auto-pay is off."""
        self.decline_as("try_later")
        ends = {
            "nothing": [],
            "activity": ["Collection came to its end"],
            "write_off": ["Write off?"],
            "auto_pay_off": [],
        }
        for action, tasks in ends.items():
            with self.subTest(action):
                self.plan.end_action = action
                self.token.copy({"provider_ref": action})  # Of its own limits.
                invoice = self.make_invoice(
                    50, invoice_date=self.now.date(), invoice_date_due=self.now.date()
                )
                row = self.get_row(invoice)
                self._keep()
                self.run_until_quiet(row)
                self.assertEqual((row.state, row.next_at), ("exhausted", False))
                self.assertEqual(self.get_tasks_of(invoice), tasks)
                permission = self.env["account.auto.pay"]._get_permissions(
                    self.partner, self.company
                )[self.partner]
                self.assertEqual(permission.is_on, action != "auto_pay_off")
                self.assertEqual(invoice.amount_residual, 50, "None is written off.")
        self.assertIn("came to its end", self.partner.message_ids[:1].body)

    # === STEPS === #

    def test_call_after_a_class_of_decline(self):
        """A step for one class of declines is left out after another one."""
        call = {
            "kind": "call",
            "anchor": "issue",
            "days": 2,
            "hour": 10.0,
            "audience": "declined",
        }
        self.plan.sudo().step_ids = [
            Command.create({**call, "decline_class": "ask_customer"}),
            Command.create({**call, "decline_class": "try_later", "hour": 11.0}),
        ]
        self.decline_as("try_later")
        self.assertTrue(self.run_at())
        self.run_at("2026-01-17 10:00")
        self.assertEqual(self.get_tasks_of(self.invoice), [])
        self.run_at("2026-01-17 11:00")
        self.assertEqual(self.get_tasks_of(self.invoice), ["Call the customer"])
        self.assertIn("1,000.00", self.get_tasks().note)
        self.run_at("2026-01-17 12:00")
        self.assertEqual(len(self.get_tasks()), 1)

    def test_call_those_who_have_a_method(self):
        """The step is for them alone, and a customer without one is not called."""
        stranger = self.env["res.partner"].create({"name": "Without a method"})
        self.plan.sudo().step_ids = [
            Command.clear(),
            Command.create(
                {
                    "kind": "call",
                    "anchor": "issue",
                    "days": 0,
                    "audience": "with_method",
                }
            ),
        ]
        for partner, tasks in ((self.partner, ["Call the customer"]), (stranger, [])):
            with self.subTest(partner.name):
                self.now = self.now.replace(hour=6)
                invoice = self.make_invoice(50, partner_id=partner.id)
                self._keep()
                self.run_at(row=self.get_row(invoice), hours=6)
                self.assertEqual(self.get_tasks_of(invoice), tasks)

    def test_who_is_not_reminded(self):
        """Nobody is told twice over; without an address, a person is told."""
        name = "invoice_payments_ext.mail_template_collection_reminder"
        for what, count, tasks in (
            ("others", 1, []),
            ("no_followup", 0, []),
            ("no_email", 0, ["No mail address"]),
            ("no_template", 0, []),
        ):
            with self.subTest(what):
                partner = self.env["res.partner"].create(
                    {"name": what, "email": f"{what}@example.com"}
                )
                partner.with_user(self.accountant).set_auto_pay(True, note="By phone")
                self.now = datetime(2026, 1, 15, 10)
                invoice = self.make_invoice(
                    50, partner_id=partner.id, invoice_date_due="2026-01-15"
                )
                row = self.get_row(invoice)
                self._keep()
                if what == "no_followup":
                    invoice.sudo().no_followup = True
                elif what == "no_email":
                    partner.email = False
                elif what == "no_template":
                    self.plan.sudo().step_ids.mail_template_id = False
                    self.env.ref(name).unlink()
                self.run_at("2026-01-15 10:00", row=row)
                self.run_at("2026-01-18 09:00", row=row)
                self.assertEqual(row.wait_reason, "no_method")
                self.assertEqual(self.get_tasks_of(invoice), tasks)
                mails = self.env["mail.mail"].sudo()
                own = [("recipient_ids", "in", partner.ids)]
                self.assertEqual(mails.search_count(own), count)

    # === WAYS OF POSTING === #

    def test_posted_by_the_schedule_of_odoo(self):
        """An invoice that Odoo posts on its date is collected as any other."""
        draft = self.make_invoice(
            70, post=False, auto_post="at_date", date="2026-01-15"
        ).sudo()
        self.assertFalse(draft.collection_ids)
        self.env["account.move"].sudo()._autopost_draft_entries()
        self.assertEqual(draft.state, "posted")
        self.assertEqual(draft.collection_ids.state, "running")
        self.assertEqual(self.gateway.requests, [])
        self.assertEqual(self.run_at(row=draft.collection_ids).amount, 70)

    def test_imported_and_posted_together(self):
        """Several that are created and posted in one call have a record each."""
        drafts = self.make_invoice(70, post=False) | self.make_invoice(80, post=False)
        drafts.sudo().with_context(tracking_disable=True)._post(soft=False)
        self.assertEqual(drafts.sudo().collection_ids.mapped("state"), ["running"] * 2)

    # === LIMITS === #

    def test_the_worst_days_count_for_the_limits(self):
        """A weekend moves steps together, and a day is 24 hours."""
        a_monday = [(day, hour) for day in range(3) for hour in range(9, 13)]
        a_night = [(0, 23)] * 6 + [(1, 1)] * 6
        a_month = [(day, 9) for day in (0, *range(5, 24), 31)]
        self._make_plan(a_monday, on_workdays=False)
        self._make_plan(a_month, on_workdays=False)
        for times, on_workdays in (
            (a_monday, True),
            (a_night, False),
            (a_month, True),
        ):
            with self.assertRaisesRegex(ValidationError, "networks of cards allow"):
                self._make_plan(times, on_workdays)

    def test_moved_to_workdays_later(self):
        plan = self._make_plan(
            [(day, hour) for day in range(3) for hour in range(9, 13)], False
        )
        with self.assertRaisesRegex(ValidationError, "networks of cards allow"):
            plan.step_ids.on_workdays = True

    def test_the_limit_is_said_by_its_own_period(self):
        with self.assertRaisesRegex(ValidationError, "11 times a day.* allow 10: "):
            self._make_plan([(0, hour) for hour in range(8, 19)], False)
        with self.assertRaisesRegex(ValidationError, "21 times in 30 days.* allow 20"):
            self._make_plan([(day, 9) for day in range(21)], False)

    def _make_plan(self, times, on_workdays):
        return self.plan.copy(
            {
                "end_days": 60,
                "step_ids": [
                    Command.create(
                        {
                            "kind": "charge",
                            "anchor": "issue",
                            "days": days,
                            "hour": hour,
                            "on_workdays": on_workdays,
                        }
                    )
                    for days, hour in times
                ],
            }
        )
