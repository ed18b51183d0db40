from odoo.exceptions import AccessError
from odoo.tests import tagged

from .test_credit_application import CreditCommon


@tagged("post_install", "-at_install")
class TestTieOut(CreditCommon):
    """Whatever is broken in the database is listed, by its record."""

    def setUp(self):
        super().setUp()
        self.payment = self.charge(400)
        self.invoice.apply_credit_balance(100)
        self._keep()

    def tie_out(self, **values):
        """Return the invariant, the record and the amounts of what is found."""
        self.env.invalidate_all()
        return [
            (
                row["invariant"],
                self.env[row["res_model"]].browse(row["res_id"]),
                row["expected"],
                row["found"],
            )
            for row in self.env["account.payment.tie.out"].sudo().check(**values)
        ]

    def break_it(self, statement, *values):
        """Change the database behind everybody's back; return where it was right."""
        self.env.flush_all()
        savepoint = self.env.cr.savepoint(flush=False)
        self.env.cr.execute(statement, values)
        return savepoint

    def assert_found(self, savepoint, *wanted):
        """Assert that this and nothing else is found, and undo what was broken."""
        found = self.tie_out()
        savepoint.rollback()
        self.assertEqual(found, list(wanted))
        self.assertEqual(self.tie_out(), [])

    def test_empty(self):
        self.assertEqual(self.tie_out(), [])

    def test_applied(self):
        self.assert_found(
            self.break_it(
                "UPDATE account_move SET amount_residual = 499.99 WHERE id = %s",
                self.invoice.id,
            ),
            ("applied", self.invoice, 1000.0, 999.99),
        )

    def test_amount_that_is_not_the_providers(self):
        tx = self.payment.payment_transaction_id
        self.assert_found(
            self.break_it(
                "UPDATE account_payment SET amount = 399 WHERE id = %s", self.payment.id
            ),
            ("booked", tx, 400.0, 399.0),
        )

    def test_payment_without_confirmation(self):
        tx = self.payment.payment_transaction_id
        found = self._find_after(
            "UPDATE payment_transaction SET state = 'cancel' WHERE id = %s", tx.id
        )
        self.assertIn(("booked", tx, 0.0, 400.0), found)

    def test_confirmation_without_payment(self):
        tx = self.payment.payment_transaction_id
        found = self._find_after(
            "UPDATE account_payment SET payment_transaction_id = NULL WHERE id = %s; "
            "UPDATE payment_transaction SET last_state_change = "
            "now() AT TIME ZONE 'UTC' - interval '1 hour' WHERE id = %s",
            self.payment.id,
            tx.id,
        )
        self.assertEqual(found, [("unsettled", tx, 400.0, 0)])

    def test_entry_that_is_not_posted(self):
        found = self._find_after(
            "UPDATE account_move SET state = 'draft' WHERE id = %s",
            self.payment.move_id.id,
        )
        self.assertIn(("payment_entry", self.payment, 400.0, 0), found)

    def test_refunded_twice(self):
        refund = self.refund(self.payment, 250)
        found = self._find_after(
            "UPDATE account_payment SET amount = 450 WHERE id = %s", refund.id
        )
        self.assertIn(("refunded", self.payment, 400.0, 450.0), found)

    def test_refund_that_is_not_matched(self):
        refund = self.refund(self.payment, 250)
        found = self._find_after(
            "UPDATE account_move_line SET amount_residual_currency = 250 "
            "WHERE id IN %s",
            tuple(refund._get_receivable_lines().ids),
        )
        self.assertEqual(found, [("refund_matched", refund, 0, 250.0)])

    def test_credited_above_the_invoice(self):
        credit_note = self.invoice.issue_credit_note(amount=100, reason="Less")
        found = self._find_after(
            "UPDATE account_move SET amount_total = 1001 WHERE id = %s", credit_note.id
        )
        self.assertIn(("credited", self.invoice, 1000.0, 1001.0), found)

    def test_more_in_flight_than_remains(self):
        self.gateway.answers = ["pending"]
        tx = self.invoice.charge(self.token.id, amount=100)
        found = self._find_after(
            "UPDATE payment_transaction SET amount = 501 WHERE id = %s", tx.id
        )
        self.assertEqual(found, [("in_flight", self.invoice, 500.0, 501.0)])

    def test_balance_that_is_not_its_history(self):
        balance = self._balance()
        found = self._find_after(
            "UPDATE account_credit_balance SET amount = 201 WHERE id = %s", balance.id
        )
        self.assertEqual(
            found,
            [("balance", balance, 201.0, 200.0), ("running", balance, 201.0, 200.0)],
        )

    def test_history_that_is_not_the_ledger(self):
        line = self._balance().entry_ids[0].move_line_id
        found = self._find_after(
            "UPDATE account_move_line SET amount_currency = 90 WHERE id = %s", line.id
        )
        self.assertEqual(found, [("ledger", line, -90.0, -100.0)])

    def test_entry_that_does_not_balance(self):
        line = self.payment.move_id.line_ids[0]
        found = self._find_after(
            "UPDATE account_move_line SET balance = balance + 1 WHERE id = %s", line.id
        )
        self.assertEqual(found, [("entry", line.move_id, 0, 1.0)])

    def test_match_without_its_number(self):
        line = self.payment._get_receivable_lines()
        found = self._find_after(
            "UPDATE account_move_line SET matching_number = NULL WHERE id = %s", line.id
        )
        self.assertEqual(found, [("matched", line, 0, -1)])

    def _find_after(self, statement, *values):
        """Return what is found when the database is broken so, and undo that."""
        savepoint = self.break_it(statement, *values)
        found = self.tie_out()
        savepoint.rollback()
        return found

    def test_other_company(self):
        other = self.setup_other_company(name="Other")["company"]
        savepoint = self.break_it(
            "UPDATE account_move SET amount_residual = 1 WHERE id = %s", self.invoice.id
        )
        self.assertTrue(self.tie_out(company_ids=self.company.ids))
        self.assertFalse(self.tie_out(company_ids=other.ids))
        savepoint.rollback()
        checks = self.env["account.payment.tie.out"].with_user(self.accountant)
        with self.assertRefused("selected companies only", AccessError):
            checks.check(company_ids=other.ids)

    def test_rights(self):
        user = self.make_user("nobody", "base.group_user")
        checks = self.env["account.payment.tie.out"].with_user(user)
        with self.assertRefused("Only accounting", AccessError):
            checks.check()

    def test_page(self):
        pages = self.env["account.payment.tie.out.page"].with_user(self.accountant)
        action = pages.action_check()
        page = pages.browse(action["res_id"])
        self.assertFalse(page.exception_ids)
        savepoint = self.break_it(
            "UPDATE account_move SET amount_residual = 1 WHERE id = %s", self.invoice.id
        )
        self.env.invalidate_all()
        page = pages.browse(pages.action_check()["res_id"])
        self.assertEqual(page.exception_ids.mapped("name"), [self.invoice.name])
        action = page.exception_ids.action_open_record()
        self.assertEqual(
            (action["res_model"], action["res_id"]), ("account.move", self.invoice.id)
        )
        savepoint.rollback()
