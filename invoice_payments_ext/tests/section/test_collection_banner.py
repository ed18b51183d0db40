from ast import literal_eval
from unittest.mock import patch

from lxml import etree

from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tests import tagged

from ...models.collection.account_journal import COUNTERS
from ..collection.common_collection import CollectionCommon


@tagged("post_install", "-at_install")
class TestCollectionBanner(CollectionCommon):
    """The banner of the section says the next step, and why it waits."""

    def banner(self, user=None):
        self.env.flush_all()
        self.env.invalidate_all()
        invoice = self.invoice.with_user(user or self.accountant)
        return invoice.get_payment_section()["collection"]

    def names(self, banner):
        return [action["name"] for action in banner["actions"]]

    def test_next_try_after_a_decline(self):
        self.gateway.answers = ["error"]
        self.gateway.reason = "Insufficient funds"
        self.token.sudo().payment_details = "4242"
        self.run_at("2026-01-15 10:00:00")
        banner = self.banner()
        self.assertEqual(banner["status"], "next", banner)
        self.assertRegex(
            banner["words"],
            r"^Auto-pay: next try Sun 18 Jan 09:00 with .*4242 \(2 of 3\)\. "
            r"Insufficient funds\.$",
        )
        self.assertEqual(self.names(banner), ["pause", "now"])
        self.assertEqual(
            self.names(self.banner(self.supervisor)), ["pause", "now", "stop"]
        )

    def test_the_banner_takes_few_queries(self):
        """5 besides those of the section, however many attempts there were."""

        def count():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            section = self.invoice.with_user(self.accountant).get_payment_section()
            self.assertEqual(section["collection"]["status"], "next")
            return len(section["rows"]), self.env.cr.sql_log_count - before

        self.gateway.answers = ["error"]
        attempt = self.run_at("2026-01-15 10:00:00")
        self.invoice.with_user(self.accountant).get_payment_section()
        rows, queries = count()
        self.assertEqual(rows, 1)
        self.assertLessEqual(queries, 13)
        for number in range(29):
            attempt.copy(
                {
                    "reference": f"again-{number}",
                    "token_id": False,
                    "invoice_ids": self.invoice.ids,
                    "state": "error",
                }
            )
        self.assertEqual(len(self.invoice.sudo().transaction_ids), 30)
        self.assertEqual(count(), (30, queries))

    def test_try_now_is_offered_when_it_is_not_refused(self):
        def reason():
            [now] = [each for each in self.banner()["actions"] if each["name"] == "now"]
            return now["reason"]

        self.gateway.answers = ["pending"]
        self.assertEqual(reason(), "")
        attempt = self.invoice.collect_now().sudo()
        self.assertEqual(attempt.outcome, "pending")
        self.assertIn("A payment is in flight. ", reason())
        with self.assertRefused("A payment is in flight"):
            self.invoice.action_collect_now()
        attempt._set_error("Refused")
        self.assertEqual(reason(), "")
        self.token.sudo().active = False
        self.assertIn("no saved payment method", reason())

    def test_try_now_says_that_it_is_above_the_permitted_amount(self):
        """In each state, and without a query more."""

        def warning():
            banner = self.banner()
            [now] = [each for each in banner["actions"] if each["name"] == "now"]
            return now["warning"].replace("\u00a0", " ")

        def count():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.invoice.with_user(self.accountant).get_payment_section()
            return self.env.cr.sql_log_count - before

        permission = self.env["account.auto.pay"].sudo()
        permission = permission._find(self.partner, self.company)
        permissions = self.env.registry["account.move"]
        words = (
            "The customer permits automatic charges up to $ 999.99. This charge of "
            "$ 1,000.00 is made by you."
        )
        self.assertEqual(warning(), "")
        permission.limit = 1000.0
        self.assertEqual(warning(), "")
        permission.limit = 999.99
        for change in (lambda: None, self.pause, self.stop):
            change()
            self.assertEqual(warning(), words)
            count()
            queries = count()
            with patch.object(
                permissions, "_describe_charge_above_limit", lambda *_args: ""
            ):
                self.assertEqual(count(), queries)
        # Of what the credit pays, nothing is charged.
        partner = self.partner.with_user(self.supervisor)
        partner.adjust_credit_balance(amount=0.01, reason="Goodwill")
        self.invoice.sudo().apply_credit = True
        self.assertEqual(warning(), "")
        self.invoice.sudo().apply_credit = False
        self.assertEqual(warning(), words)
        permission.state = "off"
        self.assertEqual(warning(), "")

    def test_run_that_is_waited_for(self):
        """The schedule leaves out what stands in a person's run, and says so."""
        run = self.invoice.propose_charge_run()
        self.assertIn(
            "in a moment", self.banner()["words"], "A proposal holds nothing."
        )
        run.confirm()
        banner = self.banner()
        self.assertEqual((banner["status"], banner["tone"]), ("in_run", "info"))
        self.assertIn(f"stands in {run.name}, which charges it", banner["words"])
        run.stop()
        self.assertIn("Resume or close it", self.banner()["words"])
        run.close()
        self.assertIn("in a moment", self.banner()["words"])

    def test_states_in_words(self):
        for status, words, change in (
            ("paused", r"paused until 02/01/2026\. Holiday\.", self.pause),
            ("stopped", r"is stopped\. Disputed\.", self.stop),
            ("waiting", "in a moment", lambda: self.invoice.action_resume_collection()),
            ("promised", r"promised \$.1,000.00 by 01/20/2026", self.promise),
        ):
            change()
            banner = self.banner()
            self.assertRegex(banner["words"], words)
            self.assertEqual(banner["status"], status)
        self.assertEqual(self.names(banner), ["promise", "pause"])
        self.invoice.payment_promise_id.withdraw()
        self.token.sudo().active = False
        self.run_at("2026-01-16 10:00:00")
        banner = self.banner()
        self.assertEqual(banner["status"], "method")
        self.assertRegex(banner["words"], "waiting for a new card.*no saved payment")
        self.run_until_quiet()
        banner = self.banner(self.supervisor)
        self.assertEqual((banner["status"], banner["tone"]), ("exhausted", "danger"))
        self.assertRegex(
            banner["words"],
            "came to its end.*until the customer saves another payment method",
        )
        self.assertEqual(self.names(banner), ["resume", "now", "stop"])
        self.invoice.record_external_payment()
        self.assertFalse(self.banner())

    def test_more_states_in_words(self):
        self.invoice.pause_collection(reason="Holiday")
        self.assertEqual(
            self.banner()["words"],
            "Auto-pay is paused until somebody resumes it. Holiday.",
        )
        self.invoice.action_resume_collection()
        promise = self.invoice.promise_to_pay(
            date="2026-01-20", token_id=self.token.id, consent="On the phone"
        )
        self.assertRegex(
            self.banner()["words"],
            f"the day after. Agreed: {self.token._get_method_label()} is charged on "
            "that day.$",
        )
        action = self.invoice.action_open_promise()
        self.assertEqual(
            (action["res_model"], action["res_id"]), (promise._name, promise.id)
        )
        promise.withdraw()
        self.gateway.answers = ["error"]
        self.gateway.reason = "Insufficient funds"
        self.run_until_quiet()
        banner = self.banner()
        self.assertEqual((banner["status"], banner["tone"]), ("exhausted", "danger"))
        self.assertEqual(
            banner["words"],
            "Auto-pay came to its end. Charges tried: 3. Nothing more is done "
            "automatically. Insufficient funds.",
        )

    def test_next_steps_in_words(self):
        self.gateway.answers = ["error"]
        step = self.plan.sudo().step_ids.filtered(lambda s: s.kind == "remind")[0]
        step.write({"days": 1, "audience": "all"})
        self.run_at("2026-01-15 10:00:00")
        for kind, words in (
            ("remind", "Auto-pay: next reminder on Fri 16 Jan 09:00."),
            ("notice", "Auto-pay: notice of the debit on Fri 16 Jan 09:00."),
            ("call", "Auto-pay: task for a person on Fri 16 Jan 09:00."),
        ):
            step.kind = kind
            with self.subTest(kind):
                self.assertIn(words, self.banner()["words"])

    def test_credit_is_collected_now(self):
        self.company.credit_adjustment_account_id = self.company_data[
            "default_account_expense"
        ]
        self.partner.with_user(self.supervisor).adjust_credit_balance(
            1000, reason="Goodwill"
        )
        told = self.invoice.action_collect_now()["params"]
        self.assertEqual(
            (told["title"], told["message"]),
            (
                "Paid from credit",
                f"The credit balance paid {self.invoice.display_name}.",
            ),
        )
        self.assertFalse(self.gateway.requests)
        self.assertFalse(self.invoice.amount_residual)

    def test_steps_for_other_customers_are_not_told(self):
        """A reminder for those without a method says nothing to one who has one."""
        self.gateway.answers = ["error"]
        self.token.sudo().payment_details = "4242"
        reminders = self.plan.sudo().step_ids.filtered(lambda s: s.kind == "remind")
        reminders[0].days = 1
        self.run_at("2026-01-15 10:00:00")
        self.assertEqual(self.row.step_id, reminders[0], "The schedule looks then.")
        words = self.banner()["words"]
        self.assertRegex(words, r"next try Sun 18 Jan 09:00 with .*4242 \(2 of 3\)")
        reminders[0].audience = "all"
        self.assertIn("next reminder on Fri 16 Jan 09:00.", self.banner()["words"])
        reminders[0].audience = "without_method"
        self.run_at("2026-01-16 10:00:00")
        self.run_at("2026-01-18 10:00:00")
        self.run_at("2026-01-20 10:00:00")
        self.assertEqual(len(self.gateway.requests), 3)
        self.assertRegex(
            self.banner()["words"],
            r"no try and no reminder is left\. The plan ends on Sat 14 Feb 09:00\.",
        )

    def test_a_try_is_told_for_when_it_may_be_made(self):
        """A person's try keeps the plan away for longer than its next step says."""
        self.gateway.answers = ["error"]
        self.run_at("2026-01-15 10:00:00")
        self.now = self.now.replace(day=17, hour=15)
        self.invoice.collect_now()
        self.run_at("2026-01-17 16:00:00")
        self.assertRegex(self.banner()["words"], "next try Tue 20 Jan 15:00 with")
        self.run_at("2026-01-18 09:30")
        self.assertEqual(self.row.wait_words, "The plan waits after the last try.")
        self.assertRegex(self.banner()["words"], "next try Tue 20 Jan 15:00 with")

    def test_auto_pay_switched_off_is_told_at_once(self):
        """The schedule looks later, but it will not charge: nobody is told so."""
        self.gateway.answers = ["error"]
        self.run_at("2026-01-15 10:00:00")
        self.assertEqual(self.banner()["status"], "next")
        self.partner.set_auto_pay(False, note="By mail")
        banner = self.banner()
        self.assertEqual(banner["status"], "waiting", banner)
        self.assertIn("does not permit automatic charges", banner["words"])
        # No time ends what it waits for.
        self.row.sudo().write(
            {
                "wait_reason": "disputed",
                "wait_words": "A payment of it is disputed",
                "next_at": False,
            }
        )
        banner = self.banner()
        self.assertEqual(
            (banner["status"], banner["words"]),
            (
                "waiting",
                "Auto-pay waits for an event. A payment of it is disputed.",
            ),
        )

    def test_next_try_without_a_method(self):
        """It is told before the schedule sees that the method is gone."""
        self.gateway.answers = ["error"]
        self.run_at("2026-01-15 10:00:00")
        self.plan.sudo().step_ids.filtered(lambda s: s.kind != "charge").days = 20
        self.token.sudo().active = False
        self.assertRegex(
            self.banner()["words"],
            r"^Auto-pay: next try Sun 18 Jan 09:00\. The customer has no payment "
            r"method that can be charged\.",
        )

    def test_resumed_collection_is_looked_at_in_a_moment(self):
        self.gateway.answers = ["error"]
        self.run_at("2026-01-15 10:00:00")
        self.pause()
        self.invoice.action_resume_collection()
        self.assertIn("looked at in a moment", self.banner()["words"])

    def pause(self):
        self.invoice.pause_collection(until="2026-02-01", reason="Holiday")

    def stop(self):
        self.invoice.with_user(self.supervisor).stop_collection("Disputed")

    def promise(self):
        self.invoice.promise_to_pay(date="2026-01-20")

    def test_a_promise_keeps_the_schedule_away_until_the_day_after(self):
        self.promise()
        self.assertFalse(self.run_at("2026-01-19 10:00:00"))
        self.assertEqual(self.row.wait_reason, "promised")
        self.assertFalse(self.gateway.requests)
        self.assertFalse(self.run_at("2026-01-20 12:00:00"))
        self.assertTrue(self.run_at("2026-01-21 09:00:00"))
        self.assertEqual(len(self.gateway.requests), 1)

    def test_dialogs_and_now(self):
        dialogs = self.env["account.collection.halt"].with_user(self.supervisor)
        action = self.invoice.action_pause_collection()
        dialog = dialogs.with_context(**action["context"]).create({"reason": "Wait"})
        dialog.action_halt()
        self.assertEqual(self.row.state, "paused")
        action = self.invoice.action_stop_collection()
        dialog = dialogs.with_context(**action["context"]).create({"reason": "Never"})
        dialog.with_user(self.supervisor).action_halt()
        self.assertEqual((self.row.state, self.row.stop_reason), ("stopped", "Never"))
        self.invoice.action_resume_collection()
        self.gateway.answers = ["done"]
        self.assertEqual(self.invoice.action_collect_now()["params"]["type"], "success")
        self.assertFalse(self.invoice.amount_residual)

    def test_the_staff_notes_the_permission(self):
        partner = self.partner.with_user(self.accountant)
        action = partner.action_set_auto_pay()
        dialogs = self.env["res.partner.set.auto.pay"].with_user(self.accountant)
        dialog = dialogs.with_context(**action["context"]).create({})
        self.assertEqual(dialog.is_on, "off", "It is on.")
        dialog.action_set()
        partner.invalidate_recordset()
        self.assertEqual(partner.auto_pay, "off")
        dialog = dialogs.with_context(**action["context"]).create({"limit": 80})
        with self.assertRefused("how the customer agreed"):
            dialog.action_set()
        dialog.note = "On the phone"
        dialog.action_set()
        partner.invalidate_recordset()
        self.assertEqual((partner.auto_pay, partner.auto_pay_limit), ("on", 80))
        other = self.env["res.partner"].create({"name": "Without a permission"})
        dialog = dialogs.with_context(default_partner_id=other.id).create({})
        self.assertEqual((dialog.is_on, dialog.limit), ("on", 0))
        employee = self.make_user("ip_emp", "base.group_user")
        with self.assertRefused("", AccessError):
            dialogs.with_user(employee).create({"partner_id": partner.id})

    def test_dashboard_counts_what_the_filters_find(self):
        """For each state and reason, the number on the card is that of the list."""
        view = self.env["account.move"].get_view(view_type="search")["arch"]
        filters = {
            node.get("name"): literal_eval(node.get("domain"))
            for node in etree.fromstring(view).iter("filter")
            if node.get("name") in COUNTERS
        }
        self.assertEqual(set(filters), set(COUNTERS))
        journal = self.invoice.journal_id.with_user(self.accountant)
        moves = self.env["account.move"].with_user(self.accountant)
        seen = set()
        for state in ("running", "paused", "stopped", "exhausted", "done"):
            for reason in (False, "never", "method_unfit", "not_due"):
                with self.subTest(state=state, reason=reason):
                    self.row.write({"state": state, "wait_reason": reason})
                    data = journal._get_journal_dashboard_data_batched()[journal.id]
                    counters = {name: data[name] for name in COUNTERS}
                    in_journal = Domain("journal_id", "=", journal.id)
                    self.assertEqual(
                        counters,
                        {
                            name: moves.search_count(in_journal & Domain(domain))
                            for name, domain in filters.items()
                        },
                    )
                    seen |= {name for name, number in counters.items() if number}
        self.assertEqual(seen, set(COUNTERS))
        with self.assertQueryCount(1):
            journal._count_collections()
        # Bills are not collected, and who may not read collections sees no numbers.
        bills = self.company_data["default_journal_purchase"].with_user(self.accountant)
        data = bills._get_journal_dashboard_data_batched()[bills.id]
        self.assertFalse(COUNTERS.keys() & data.keys())
        collections = self.env.registry["account.collection"]
        with patch.object(collections, "has_access", lambda *_args: False):
            data = journal._get_journal_dashboard_data_batched()[journal.id]
        self.assertFalse(COUNTERS.keys() & data.keys())
        view = journal.get_view(
            self.env.ref("account.account_journal_dashboard_kanban_view").id, "kanban"
        )["arch"]
        for name in COUNTERS:
            self.assertIn(f"dashboard.{name}", view)
            self.assertIn(f"search_default_{name}", view)

    def test_filters_find_them(self):
        filters = {
            "in_collection": "running",
            "collection_paused": "paused",
            "collection_exhausted": "exhausted",
        }
        view = self.env["account.move"].get_view(view_type="search")["arch"]
        moves = self.env["account.move"].with_user(self.accountant)
        for name, state in filters.items():
            self.assertIn(f'name="{name}"', view)
            self.row.state = state
            self.env.flush_all()
            found = moves.search(
                [("has_collection", "=", True), ("collection_ids.state", "=", state)]
            )
            self.assertEqual(found, self.invoice)
