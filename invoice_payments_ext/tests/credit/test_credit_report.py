from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from .common_credit_history import CreditHistoryCommon

TODAY = "2026-07-15 12:00:00"


@tagged("post_install", "-at_install")
class TestCreditReport(CreditHistoryCommon):
    """The credit that is held is the money that came in last."""

    def setUp(self):
        super().setUp()  # On 2026-01-10, 300 came in.
        freezer = freeze_time(TODAY)
        freezer.start()
        self.addCleanup(freezer.stop)
        self.report = self.env["account.credit.balance.report"].with_user(
            self.accountant
        )

    def tearDown(self):
        self._assert_agrees()
        super().tearDown()

    # === HELPERS === #

    def _rows(self, partner=None, **domain):
        """Return the day, the bucket and the amount of the credit that is held."""
        self.env.flush_all()
        rows = self.report.search(
            [
                ("partner_id", "=", (partner or self.partner).id),
                *((name, "=", value) for name, value in domain.items()),
            ]
        )
        rows.invalidate_recordset()
        return [(str(row.date), row.age_bucket, row.amount_currency) for row in rows]

    def _assert_agrees(self):
        """Assert that the report adds up to each of the balances, to the cent."""
        self.env.flush_all()
        rows = self.env["account.credit.balance.report"].sudo()
        reported = {
            balance.id: amount
            for balance, amount in rows._read_group(
                [], ["balance_id"], ["amount_currency:sum"]
            )
        }
        for balance in self.env["account.credit.balance"].sudo().search([]):
            self.assertFalse(
                balance.currency_id.compare_amounts(
                    reported.pop(balance.id, 0.0), balance.amount
                ),
                balance.display_name,
            )
        self.assertFalse(reported)

    # === FIRST IN, FIRST OUT === #

    def test_all_of_it(self):
        self.assertEqual(self._rows(), [("2026-01-10", "3", 300.0)])

    def test_oldest_is_spent_first(self):
        self.adjust("2026-03-01 12:00:00", 50)
        self.adjust("2026-07-01 12:00:00", 20)
        self.adjust("2026-07-02 12:00:00", -310)
        self.assertEqual(
            self._rows(), [("2026-07-01", "0", 20.0), ("2026-03-01", "2", 40.0)]
        )
        self.adjust("2026-07-03 12:00:00", -45)
        self.assertEqual(self._rows(), [("2026-07-01", "0", 15.0)])
        self.adjust("2026-07-04 12:00:00", -15)
        self.assertEqual(self._rows(), [])

    def test_buckets(self):
        other = self.env["res.partner"].create({"name": "Other"})
        customer = other.with_user(self.supervisor)
        for date, bucket in (
            ("2025-07-14", "4"),
            ("2025-07-15", "3"),
            ("2026-01-15", "3"),
            ("2026-01-16", "2"),
            ("2026-04-15", "2"),
            ("2026-04-16", "1"),
            ("2026-06-14", "1"),
            ("2026-06-15", "0"),
            ("2026-07-15", "0"),
        ):
            self.adjust(f"{date} 12:00:00", 1, customer=customer)
            self.assertEqual(self._rows(other)[0], (date, bucket, 1.0))

    def test_accounting_date_counts(self):
        """The money came then, whenever it was entered."""
        self.adjust("2026-07-05 12:00:00", 100)
        self._enter("2025-01-01", 40.0).action_post()
        self.adjust("2026-07-06 12:00:00", -350)
        self.assertEqual(self._rows(), [("2026-07-05", "0", 90.0)])

    def _enter(self, date, amount):
        return self.env["account.move"].create(
            {
                "move_type": "entry",
                "date": date,
                "journal_id": self.company_data["default_journal_misc"].id,
                "line_ids": [
                    Command.create(
                        {
                            "account_id": account.id,
                            "partner_id": self.partner.id,
                            "balance": sign * amount,
                        }
                    )
                    for account, sign in (
                        (self.company.credit_balance_account_id, -1),
                        (self.company_data["default_account_revenue"], 1),
                    )
                ],
            }
        )

    # === CREDIT THAT IS GIVEN BACK === #

    def test_application_undone(self):
        """The credit is as old as before."""
        self.adjust("2026-06-01 12:00:00", 40)
        payment = self.invoice.apply_credit_balance(320)
        self.assertEqual(self._rows(), [("2026-06-01", "1", 20.0)])
        payment.undo_credit_application()
        self.assertEqual(
            self._rows(), [("2026-06-01", "1", 40.0), ("2026-01-10", "3", 300.0)]
        )

    def test_entry_reset_and_posted_again(self):
        """Credit that was taken back is not listed any more, even if it is newer."""
        move = self._enter("2026-07-01", 25.0)
        move.action_post()
        self.assertEqual(self._rows()[0], ("2026-07-01", "0", 25.0))
        move.button_draft()
        self.assertEqual(self._rows(), [("2026-01-10", "3", 300.0)])
        move.action_post()
        self.assertEqual(
            self._rows(), [("2026-07-01", "0", 25.0), ("2026-01-10", "3", 300.0)]
        )

    def test_deduction_that_is_reversed(self):
        entry = self.adjust("2026-07-01 12:00:00", -100)
        entry.sudo().move_id._reverse_moves(cancel=True)
        self.assertEqual(self._rows(), [("2026-01-10", "3", 300.0)])

    def test_more_given_back_than_came_in(self):
        """All of it is held then: the report never leaves anything out.

        It cannot be booked any more, but may have been before.
        """
        entry = self.adjust("2026-07-01 12:00:00", -100)
        moves = self.env.registry["account.move"]
        with (
            patch.object(moves, "_get_reversal_blockers", lambda moves, way: []),
            patch.object(moves, "_check_reversed_within", lambda moves: None),
        ):
            for _time in (1, 2):
                twice = entry.sudo().move_id._reverse_moves(cancel=True)
        self.assertEqual(
            self._rows(), [("2026-07-15", "0", 100.0), ("2026-01-10", "3", 300.0)]
        )
        twice.button_draft()
        twice.button_cancel()

    def test_merged_contacts(self):
        other = self.env["res.partner"].create({"name": "Norbert B."})
        self.adjust(
            "2025-01-01 12:00:00", 70, customer=other.with_user(self.supervisor)
        )
        self.adjust("2026-06-01 12:00:00", 5)
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        wizard._merge((self.partner | other).ids, self.partner)
        self.env.invalidate_all()
        self.assertEqual(
            self._rows(),
            [
                ("2026-06-01", "1", 5.0),
                ("2026-01-10", "3", 300.0),
                ("2025-01-01", "4", 70.0),
            ],
        )

    # === CURRENCIES AND COMPANIES === #

    def test_currencies(self):
        euro = self.make_currency("EUR", rate=0.5)
        self.set_rate(euro, "2026-07-16", 100.0)  # Tomorrow's.
        self.adjust("2026-03-01 12:00:00", 50, currency_id=euro.id)
        self.assertEqual(self._rows(currency_id=euro.id), [("2026-03-01", "2", 50.0)])
        ((amount,),) = self.report._read_group(
            [("partner_id", "=", self.partner.id)], [], ["amount:sum"]
        )
        self.assertEqual(amount, 400.0)
        row = self.report.search([("currency_id", "=", euro.id)])
        self.assertEqual(row.company_currency_id, self.company.currency_id)
        self.assertEqual(row.amount, 100.0)

    def test_customers_are_apart(self):
        other = self.env["res.partner"].create({"name": "Other"})
        self.adjust("2026-06-01 12:00:00", 7, customer=other.with_user(self.supervisor))
        self.assertEqual(self._rows(other), [("2026-06-01", "1", 7.0)])
        self.assertEqual(self._rows(), [("2026-01-10", "3", 300.0)])

    def test_pivot_by_customer_and_age(self):
        self.adjust("2026-07-01 12:00:00", 20)
        groups = self.report._read_group(
            [("partner_id", "=", self.partner.id)],
            ["partner_id", "age_bucket"],
            ["amount:sum", "age:avg"],
        )
        self.assertEqual(
            groups,
            [(self.partner, "0", 20.0, 14.0), (self.partner, "3", 300.0, 186.0)],
        )

    def test_another_company_s_credit(self):
        other = self.make_other_company(name="Other Company")["company"]
        self.accountant.write(
            {"company_ids": [Command.set(other.ids)], "company_id": other.id}
        )
        self.report = self.report.with_context(allowed_company_ids=other.ids)
        self.assertEqual(self._rows(), [])
        self.assertFalse(self.report.search([]))

    def test_rights(self):
        auditor = self.make_user("ip_audit", "account.group_account_readonly")
        self.assertTrue(self.report.with_user(auditor).search([]))
        for groups in ("base.group_user", "base.group_portal"):
            user = self.make_user(f"ip_{groups[-6:]}", groups)
            with self.assertRaises(AccessError):
                self.report.with_user(user).search([])

    def test_open_the_balance(self):
        action = self.report.search([("partner_id", "=", self.partner.id)])
        action = action.action_open_balance()
        self.assertEqual(action["res_model"], "account.credit.balance")
        self.assertEqual(action["res_id"], self._balance().id)

    # === LISTS === #

    def test_entries_by_customer_and_company(self):
        entries = self.env["account.credit.balance.entry"].with_user(self.accountant)
        groups = entries._read_group(
            [("partner_id", "child_of", self.partner.id)],
            ["partner_id", "company_id", "currency_id"],
            ["amount:sum"],
        )
        self.assertEqual(
            groups,
            [(self.partner, self.company, self.company.currency_id, 300.0)],
        )

    def test_list_of_all_entries(self):
        """The list of entries opens alone as well as in a form, without a parent."""
        entries = self.env["account.credit.balance.entry"].with_user(self.accountant)
        views = entries.get_views([(False, "list"), (False, "search")])
        self.assertNotIn("parent.", views["views"]["list"]["arch"])
        fields = views["models"][entries._name]["fields"]
        self.assertEqual(fields["amount"]["aggregator"], "sum")
        self.assertFalse(fields["balance_after"]["aggregator"])
