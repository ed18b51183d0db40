from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.modules.module import load_script
from odoo.tests import tagged
from odoo.tools import file_path

from ..credit.common_credit import CreditCommon
from ..credit.common_credit_balance import CreditBalanceCommon


@tagged("post_install", "-at_install")
class TestTieOut(CreditCommon):
    """Each fault in the database is listed, by its record."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin_user = cls.make_user(
            cls, "administrator", "account.group_account_manager"
        )

    def setUp(self):
        super().setUp()
        self.account = self.company.credit_balance_account_id
        self.payment = self.charge(400)
        self.invoice.apply_credit_balance(100)
        self._keep()

    def tie_out(self, **values):
        """Return the invariant, the record and the amounts of each finding."""
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
        """Assert that this and nothing else is found, and undo the damage."""
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
            ("payment_agrees", self.payment, 399.0, 400.0),
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
        self.assertEqual(
            found,
            [
                ("refund_matched", refund, 0, 250.0),
                ("remaining", refund._get_receivable_lines(), 0, 250.0),
            ],
        )

    def test_credited_above_the_invoice(self):
        credit_note = self.invoice.issue_credit_note(amount=100, reason="Less")
        found = self._find_after(
            "UPDATE account_move SET amount_total = 1001 WHERE id = %s", credit_note.id
        )
        self.assertIn(("credited", self.invoice, 1000.0, 1001.0), found)

    def test_tax_that_is_not_credited_to_the_last_unit(self):
        self.company.credit_applied_at_issue = False
        invoice = self.make_invoice(
            99.99,
            invoice_line_ids=[
                Command.create(
                    {
                        "name": "Service",
                        "price_unit": 99.99,
                        "tax_ids": [Command.set(self.tax_sale_a.ids)],
                    }
                )
            ],
        )
        invoice = invoice.with_user(self.supervisor)
        part = invoice.issue_credit_note(amount=33.33, reason="Less")
        tax_line = part.line_ids.filtered("tax_line_id")
        values = (tax_line.id,)
        move_cent = (
            "UPDATE account_move_line SET amount_currency = amount_currency - 0.01 "
            "WHERE id = %s"
        )
        told = ("items", part, 0, 1)
        self.assertEqual(self._find_after(move_cent, *values), [told])
        rest = invoice.issue_credit_note(reason="Less")
        self.assertEqual(invoice.amount_total, part.amount_total + rest.amount_total)
        self.assertEqual(self.tie_out(), [])
        self.assertEqual(
            self._find_after(move_cent, *values),
            [("credited_tax", invoice, 0, 0.01), told],
        )

    def test_more_in_flight_than_remains(self):
        self.gateway.answers = ["pending"]
        tx = self.invoice.charge(self.token.id, amount=100)
        found = self._find_after(
            "UPDATE payment_transaction SET amount = 501 WHERE id = %s", tx.id
        )
        self.assertIn(("in_flight", self.invoice, 500.0, 501.0), found)

    def test_more_in_flight_than_remains_of_several(self):
        invoices = self.invoice | self.make_invoice(500.0, apply_credit=False)
        tx = self.make_portal_transaction(
            "pending", amount=1000.0, invoice_ids=[Command.set(invoices.ids)]
        )
        self.assertFalse(self.tie_out())
        found = self._find_after(
            "UPDATE payment_transaction SET amount = 1001 WHERE id = %s", tx.id
        )
        self.assertIn(("in_flight_together", tx, 1000.0, 1001.0), found)

    def test_balance_that_is_not_its_history(self):
        balance = self._balance()
        found = self._find_after(
            "UPDATE account_credit_balance SET amount = 201 WHERE id = %s", balance.id
        )
        self.assertEqual(
            found,
            [("balance", balance, 201.0, 200.0), ("running", balance, 201.0, 200.0)],
        )

    def test_customer_whose_balance_is_not_marked(self):
        """An unmarked balance is listed; the update to 19.0.1.5.0 marks it."""
        self.env.flush_all()
        balance = self._balance()
        with self.assertRaises(AccessError):
            self.customer.write({"has_credit_balance": False})
        self.env.cr.execute(
            "UPDATE res_partner SET has_credit_balance = NULL WHERE id = %s",
            (self.partner.id,),
        )
        self.assertEqual(self.tie_out(), [("marked", balance, 200.0, 0.0)])
        migration = load_script(
            file_path("invoice_payments_ext/migrations/19.0.1.5.0/post-migrate.py"),
            "post_migrate",
        )
        migration.migrate(self.env.cr, "19.0.1.4.0")
        self.assertEqual(self.tie_out(), [])

    def test_history_that_is_not_the_ledger(self):
        line = self._balance().entry_ids[0].move_line_id
        found = self._find_after(
            "UPDATE account_move_line SET amount_currency = 90 WHERE id = %s", line.id
        )
        self.assertEqual(
            found,
            [("ledger", line, -90.0, -100.0), ("items", line.move_id, 0, 1)],
        )

    def test_ledger_that_left_the_credit_account(self):
        line = self._balance().entry_ids[0].move_line_id
        found = self._find_after(
            "UPDATE account_move_line SET account_id = %s WHERE id = %s",
            self.company_data["default_account_expense"].id,
            line.id,
        )
        # The payment that spent it has lost one of its sides, too.
        payment = line.move_id.origin_payment_id
        self.assertEqual(
            found,
            [
                ("payment_agrees", payment, 100.0, 0.0),
                ("ledger", line, 0.0, -100.0),
            ],
        )

    def test_credit_that_is_reversed_twice(self):
        move = self._balance().entry_ids[0].move_line_id.move_id
        reversal = move._reverse_moves(cancel=True)
        found = self._find_after(
            "UPDATE account_move_line SET amount_currency = 2 * amount_currency "
            "WHERE move_id = %s",
            reversal.id,
        )
        self.assertIn(("reversed", move), [row[:2] for row in found])

    def _hold(self, amount, name="Other Customer", **values):
        """Return another customer, for whom this is held, and the entry."""
        partner = self.env["res.partner"].create({"name": name, **values})
        partner = partner.with_user(self.supervisor)
        return partner, partner.adjust_credit_balance(amount, reason="Goodwill")

    def _get_ledger(self, *partners):
        """Return the journal items of the credit account by contact."""
        return self.env["account.move.line"].search(
            [
                ("account_id", "=", self.account.id),
                ("partner_id", "in", [partner.id for partner in partners]),
            ]
        )

    def test_histories_of_two_customers_swapped(self):
        other = self._hold(50)[0]
        first, second = self._balance(), self._balance(other)
        found = self._find_after(
            "ALTER TABLE account_credit_balance_entry DISABLE TRIGGER USER; "
            "UPDATE account_credit_balance_entry SET balance_id = %s - balance_id "
            "WHERE balance_id IN %s; "
            "UPDATE account_credit_balance SET amount = %s - amount WHERE id IN %s",
            first.id + second.id,
            (first.id, second.id),
            first.amount + second.amount,
            (first.id, second.id),
        )
        self.assertEqual(found, [("holder", self._get_ledger(other), 50.0, 0)])

    def test_balances_of_two_customers_swapped(self):
        other = self._hold(50)[0]
        found = self._find_after(
            "UPDATE account_credit_balance SET merged_into_id = id WHERE id IN %s; "
            "UPDATE account_credit_balance SET partner_id = %s - partner_id "
            "WHERE id IN %s; "
            "UPDATE account_credit_balance SET merged_into_id = NULL WHERE id IN %s",
            ids := (self._balance().id, self._balance(other).id),
            self.partner.id + other.id,
            ids,
            ids,
        )
        self.assertEqual(found, [("holder", self._get_ledger(other), 50.0, 0)])

    def test_credit_in_another_currency_or_company(self):
        currency = self.make_currency("EUR")
        balance = self._balance()
        company = self.make_other_company(name="Other")["company"]
        lines = self._get_ledger(self.partner)
        for column, value in (
            ("currency_id", currency.id),
            ("company_id", company.id),
        ):
            found = self._find_after(
                f"UPDATE account_credit_balance SET {column} = %s WHERE id = %s",
                value,
                balance.id,
            )
            with self.subTest(column):
                self.assertEqual(
                    {row[:2] for row in found}, {("holder", line) for line in lines}
                )

    def test_credit_of_nobody(self):
        line = self._get_ledger(self.partner).filtered("credit")
        found = self._find_after(
            "UPDATE account_move_line SET partner_id = NULL WHERE id = %s", line.id
        )
        self.assertEqual(found, [("holder", line, 300.0, 0)])

    def test_merge_that_ends_nowhere(self):
        line = self._hold(50)[1].sudo().move_line_id
        found = self._find_after(
            "UPDATE account_credit_balance SET merged_into_id = id "
            "WHERE partner_id = %s",
            line.partner_id.id,
        )
        self.assertEqual(found, [("holder", line, 50.0, 0)])

    def test_contact_that_changed_its_parent(self):
        """Credit stays with the former parent of a contact, also when more comes."""
        contact = self.env["res.partner"].create(
            {"name": "Contact", "parent_id": self.partner.id}
        )
        self._enter(contact, 70)
        self.assertEqual(self.held(), 270)
        other = self._hold(50)[0]
        contact.parent_id = other.id
        self.assertEqual(self.tie_out(), [])
        contact.write({"parent_id": False})
        self._enter(contact, 20)
        self.assertEqual(self._balance(contact).amount, 20)
        self.assertEqual(self.tie_out(), [])
        contact.parent_id = other.id
        self._enter(contact, 5)
        self.assertEqual(self._balance(contact).amount, 25)
        self.assertEqual(self.tie_out(), [])

    def test_contact_whose_own_balance_was_emptied(self):
        """New credit is on the parent's balance; credit given back on the former."""
        contact, given = self._hold(50)
        taken = self._enter(contact, -50)
        contact.sudo().parent_id = self.partner
        new = self._enter(contact, 20)
        self.assertEqual(self.held(), 220)
        self.assertEqual(self.tie_out(), [])
        taken.button_draft()
        self._keep()
        own = given.balance_id.sudo()
        self.assertEqual(own.amount, 50)
        new.button_draft()
        new.action_post()
        self.assertEqual((self.held(), own.amount), (220, 50))
        self.assertEqual(self.tie_out(), [])
        reversal = new._reverse_moves([{"date": new.date}], cancel=True)
        self.assertEqual(reversal.state, "posted")
        self.assertEqual((self.held(), own.amount), (200, 50))
        self.assertEqual(self.tie_out(), [])

    def test_contacts_that_were_merged(self):
        """Credit that a contact was given on its parent's balance stays there."""
        twin = self._hold(50, "Twin")[0].with_env(self.env)
        contact = self.env["res.partner"].create(
            {"name": "Contact", "parent_id": self.partner.id}
        )
        entry = self._enter(contact, 70)
        contact.write({"parent_id": False})
        self._enter(contact, 20)
        self._merge(contact, twin)
        self.assertEqual(self.tie_out(), [])
        self.assertEqual((self._balance(twin).amount, self.held()), (70, 270))
        line = entry._get_credit_lines()
        self.assertEqual(line.partner_id, self.partner)
        self._merge(twin, self.partner)
        self.assertEqual(self.held(), 340)
        self.assertEqual(self.tie_out(), [])
        entry.button_draft()
        self.assertEqual(self.tie_out(), [])
        line.partner_id = self.env["res.partner"].create({"name": "Third"})
        entry.action_post()
        self.assertEqual(self.held(), 270)
        self.assertEqual(self.tie_out(), [])

    def _enter(self, partner, amount):
        """Return a posted journal entry that an accountant typed."""
        entry = self._make_entry(amount, partner=partner)
        self._keep()
        return entry

    _make_entry = CreditBalanceCommon._make_entry
    _merge = CreditBalanceCommon._merge

    def test_account_that_is_another_company_s_too(self):
        """Only the credit account of its own company makes credit of an item."""
        other = self.make_other_company(name="Other")
        company = other["company"]
        self.account.sudo().write(
            {
                "company_ids": [Command.link(company.id)],
                "code_mapping_ids": [
                    Command.create({"company_id": company.id, "code": "CREDIT"})
                ],
            }
        )
        self.env["account.move"].create(
            {
                "move_type": "entry",
                "company_id": company.id,
                "journal_id": other["default_journal_misc"].id,
                "line_ids": [
                    Command.create({"account_id": each.id, "balance": balance})
                    for each, balance in (
                        (self.account, -10.0),
                        (other["default_account_revenue"], 10.0),
                    )
                ],
            }
        ).action_post()
        self.assertNotEqual(company.credit_balance_account_id, self.account)
        self.assertEqual(self.tie_out(), [])

    def test_entry_that_does_not_balance(self):
        line = self.payment.move_id.line_ids[0]
        found = self._find_after(
            "UPDATE account_move_line SET balance = balance + 1 WHERE id = %s", line.id
        )
        self.assertEqual(
            found[:2], [("entry", line.move_id, 0, 1.0), ("items", line.move_id, 0, 1)]
        )

    def test_match_without_its_number(self):
        line = self.payment._get_receivable_lines()
        found = self._find_after(
            "UPDATE account_move_line SET matching_number = NULL WHERE id = %s", line.id
        )
        self.assertEqual(found, [("matched", line, 0, -1)])

    def test_rejected_payment_whose_entry_is_posted(self):
        found = self._find_after(
            "UPDATE account_payment SET state = 'rejected' WHERE id = %s",
            self.payment.id,
        )
        self.assertIn(("payment_entry", self.payment, 0, 400.0), found)

    def test_payment_that_is_not_its_entry(self):
        """Each of amount, currency, account, journal and customer is compared."""
        other = self.env["res.partner"].create({"name": "Other"})
        account = self.company_data["default_account_expense"]
        journal = self.company_data["default_journal_cash"]
        currency = self.make_currency("EUR")
        move_id, payment_id = self.payment.move_id.id, self.payment.id
        for statement, value, key in (
            ("account_move_line SET partner_id = %s WHERE move_id", other, move_id),
            ("account_payment SET partner_id = %s WHERE id", other, payment_id),
            (
                "account_payment SET outstanding_account_id = %s, "
                "destination_account_id = outstanding_account_id WHERE id",
                account,
                payment_id,
            ),
            # Of the customer's side alone, too, where the bank's side is right.
            (
                "account_move_line SET partner_id = %s WHERE credit > 0 AND move_id",
                other,
                move_id,
            ),
            (
                "account_payment SET destination_account_id = %s WHERE id",
                account,
                payment_id,
            ),
            ("account_move SET journal_id = %s WHERE id", journal, move_id),
            ("account_payment SET currency_id = %s WHERE id", currency, payment_id),
            (
                "account_move_line SET currency_id = %s WHERE move_id",
                currency,
                move_id,
            ),
        ):
            found = self._find_after(f"UPDATE {statement} = %s", value.id, key)
            with self.subTest(statement):
                self.assertIn(("payment_agrees", self.payment, 400.0, 0), found)
        found = self._find_after(
            "UPDATE account_move_line SET amount_currency = amount_currency / 2 "
            "WHERE move_id = %s",
            move_id,
        )
        self.assertIn(("payment_agrees", self.payment, 400.0, 200.0), found)

    def test_entry_dated_after_a_closed_period(self):
        """Odoo dates the entry of a payment in a closed period after it."""
        self.company.fiscalyear_lock_date = "2019-06-30"
        payment = self.env["account.payment"].create(
            {
                "amount": 5.0,
                "date": "2019-05-05",
                "partner_id": self.partner.id,
                "journal_id": self.company_data["default_journal_bank"].id,
            }
        )
        payment.action_post()
        entry = payment.move_id
        self.assertGreater(entry.date, self.company.fiscalyear_lock_date)
        self.assertEqual(payment.date.isoformat(), "2019-05-05")
        self.assertEqual(self.tie_out(), [])
        found = self._find_after(
            "UPDATE account_move SET date = '2019-01-01' WHERE id = %s", entry.id
        )
        self.assertIn(("payment_agrees", payment, 5.0, 0), found)

    def test_contacts_that_were_merged_after_their_payment(self):
        """The transaction is the remaining contact's: nobody changed it."""
        other = self.env["res.partner"].create({"name": "Other"})
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        wizard._merge((self.partner | other).ids, other)
        self.assertFalse(self.partner.exists())
        self.assertEqual(self.payment.payment_transaction_id.partner_id, other)
        self.assertEqual(self.tie_out(), [])

    def test_payment_that_is_not_its_transaction(self):
        other = self.env["res.partner"].create({"name": "Other"})
        tx_id = self.payment.payment_transaction_id.id
        for column, value in (
            ("currency_id", self.make_currency("EUR")),
            ("provider_id", self.provider.copy()),
        ):
            found = self._find_after(
                f"UPDATE payment_transaction SET {column} = %s WHERE id = %s",
                value.id,
                tx_id,
            )
            with self.subTest(column):
                self.assertIn(("provider_agrees", self.payment, 400.0, 0), found)
        found = self._find_after(
            "UPDATE account_payment SET partner_id = %s WHERE id = %s; "
            "UPDATE account_move_line SET partner_id = %s WHERE move_id = %s",
            other.id,
            self.payment.id,
            other.id,
            self.payment.move_id.id,
        )
        self.assertIn(("provider_agrees", self.payment, 400.0, 0), found)

    def test_transaction_that_was_changed_outside_its_steps(self):
        tx = self.payment.payment_transaction_id
        for column, value, wanted in (
            ("amount", 399, 399.0),
            ("currency_id", self.make_currency("EUR").id, 0),
            ("provider_id", self.provider.copy().id, 0),
            ("operation", "refund", 0),
            ("state", "authorized", 0),
            ("source_transaction_id", tx.id, 0),
        ):
            found = self._find_after(
                f"UPDATE payment_transaction SET {column} = %s WHERE id = %s",
                value,
                tx.id,
            )
            with self.subTest(column):
                self.assertIn(("fingerprint", tx, 400.0, wanted), found)

    def test_attempts_without_a_way_out(self):
        self.gateway.answers = ["pending"]
        tx = self.invoice.charge(self.token.id, amount=100)
        for change in (
            "outcome = 'sent', last_state_change = now() - interval '1 day'",
            "outcome = 'declined'",
        ):
            found = self._find_after(
                f"UPDATE payment_transaction SET {change} WHERE id = %s", tx.id
            )
            with self.subTest(change):
                self.assertIn(("stuck", tx, 0, 100.0), found)

    def test_credit_that_pays_another_company_s_invoice(self):
        line = self._get_ledger(self.partner).filtered("debit")
        company = self.make_other_company(name="Branch")["company"]
        term = self.invoice.line_ids.filtered(
            lambda item: item.display_type == "payment_term"
        )
        found = self._find_after(
            "UPDATE account_move_line SET company_id = %s WHERE id = %s",
            company.id,
            term.id,
        )
        self.assertIn(("branch", line, 0, 100.0), found)

    def test_before_installation(self):
        """Records older than the addon stand apart, and are accepted once."""
        self._set_residual(1)
        pages = self.env["account.payment.tie.out.page"].with_user(self.accountant)
        page = pages.browse(pages.action_check()["res_id"])
        self.assertTrue(page.exception_ids)
        self.assertFalse(page.earlier_exception_ids)
        checks = self.env["account.payment.tie.out"].with_user(self.admin_user)
        with self.assertRefused("Nothing from before the installation"):
            checks.accept("Booked by the former system")
        self.env.cr.execute(
            "UPDATE account_move SET create_date = '2000-01-01' WHERE id = %s",
            (self.invoice.id,),
        )
        page = pages.browse(pages.action_check()["res_id"])
        self.assertFalse(page.exception_ids)
        self.assertEqual(page.earlier_exception_ids.mapped("name"), [self.invoice.name])
        with self.assertRefused("accounting administrators", AccessError):
            checks.with_user(self.accountant).accept("Booked by the former system")
        for reason, refusal in (
            ("", "A reason is required"),
            (" ", "A reason is required"),
            (None, "A reason is required"),
            (5, "The reason"),
        ):
            with self.assertRefused(refusal):
                checks.accept(reason)
        acceptance = checks.accept("Booked by the former system")
        self.assertEqual(
            (acceptance.res_id, acceptance.create_uid, acceptance.reason),
            (self.invoice.id, self.admin_user, "Booked by the former system"),
        )
        self.assertEqual(self.tie_out(), [])
        with self.assertRefused("not allowed", AccessError):
            acceptance.with_user(self.admin_user).unlink()
        self._set_residual(2)
        self.assertIn(("applied", self.invoice, 1000.0, 502.0), self.tie_out())
        self._set_residual(500)

    def _set_residual(self, amount):
        """Write the remaining amount of the invoice behind everybody's back."""
        self.break_it(
            "UPDATE account_move SET amount_residual = %s WHERE id = %s",
            amount,
            self.invoice.id,
        )

    def _find_after(self, statement, *values):
        """Return the findings when the database is damaged so, and undo the damage."""
        savepoint = self.break_it(statement, *values)
        found = self.tie_out()
        savepoint.rollback()
        return found

    def test_other_company(self):
        other = self.make_other_company(name="Other")["company"]
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

    def test_items_of_before_are_accepted_on_the_page(self):
        """The page opens what is wrong, asks for the reason, and checks once more."""
        pages = self.env["account.payment.tie.out.page"].with_user(self.admin_user)
        item = self.invoice.sudo().line_ids.filtered(
            lambda line: line.display_type == "payment_term"
        )
        self._set_residual(1)
        self.break_it(
            "UPDATE account_move SET create_date = '2000-01-01' WHERE id = %s",
            self.invoice.id,
        )
        page = pages.browse(pages.action_check()["res_id"])
        self.assertRegex(page.display_name, r"^Tie-out of .*\d{4}")
        self.assertFalse(page.exception_ids)
        page.earlier_exception_ids.write(
            {"res_model": "account.move.line", "res_id": item.id}
        )
        action = page.earlier_exception_ids.action_open_record()
        self.assertEqual(
            (action["res_model"], action["res_id"]), ("account.move", self.invoice.id)
        )
        action = page.action_accept()
        dialog = (
            self.env[action["res_model"]]
            .with_user(self.admin_user)
            .with_context(**action["context"])
            .create({"reason": "Booked by the former system"})
        )
        left = pages.browse(dialog.action_accept()["res_id"])
        self.assertFalse(left.exception_ids | left.earlier_exception_ids)
        acceptance = self.env["account.payment.tie.out.acceptance"].search([])
        self.assertEqual(
            (acceptance.res_id, acceptance.reason),
            (self.invoice.id, "Booked by the former system"),
        )
        self._set_residual(2)
        again = pages.browse(left.action_check_again()["res_id"])
        self.assertNotEqual(again, left)
        names = again.earlier_exception_ids.mapped("name")
        self.assertEqual(names, [self.invoice.name], "It was accepted as it was.")
        self._set_residual(500)
