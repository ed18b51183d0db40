from unittest.mock import patch

import psycopg2

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.base.models.ir_model import MODULE_UNINSTALL_FLAG

from ...models.credit import account_credit_balance
from ...models.credit.entry_labels import put_into_words
from ...tools import OURS
from .common_credit_balance import CreditBalanceCommon


@tagged("post_install", "-at_install")
class TestCreditBalance(CreditBalanceCommon):
    """The balance of a customer equals the ledger's amount on the credit account."""

    # === THE BOOKS === #

    def test_books_of_a_company(self):
        journal = self.company.credit_balance_journal_id
        self.assertEqual(self.account.account_type, "liability_current")
        self.assertFalse(self.account.reconcile)
        self.assertEqual(journal.default_account_id, self.account)
        method_lines = journal.inbound_payment_method_line_ids
        method_lines |= journal.outbound_payment_method_line_ids
        self.assertEqual(len(method_lines), 2)
        self.assertEqual(method_lines.payment_account_id, self.account)

    def test_books_of_a_company_created_later(self):
        company = self.make_other_company(name="Later Company")["company"]
        self.assertTrue(company.credit_balance_account_id)
        self.assertEqual(company.credit_balance_journal_id.company_id, company)
        before = (company.credit_balance_account_id, company.credit_balance_journal_id)
        company._create_credit_balance_books()
        self.assertEqual(
            (company.credit_balance_account_id, company.credit_balance_journal_id),
            before,
        )

    def test_books_go_with_the_chart_of_accounts(self):
        """Odoo deletes the records of a chart before it loads another one."""
        company = self.make_other_company(name="Other Chart")["company"]
        account = company.credit_balance_account_id
        books = company.credit_balance_journal_id, account
        for records in books:
            records.with_context(**{MODULE_UNINSTALL_FLAG: True}).unlink()
        self.env.invalidate_all()
        self.assertFalse(company.credit_balance_account_id)
        company._create_credit_balance_books()
        self.assertTrue(company.credit_balance_account_id)
        self.assertTrue(company.credit_balance_journal_id)

    def test_books_of_any_chart_of_accounts(self):
        """The codes of accounts and journals may have any form."""
        for name, codes, taken in (
            ("Long codes", {"liability_current": "44551100"}, []),
            ("Letters", {"liability_current": "B.2.1"}, ["CRED"]),
            ("No liabilities", {}, ["CRED", "CRD1"]),
        ):
            with self.subTest(name):
                company = self.make_other_company(name=name)["company"]
                books = company.credit_balance_journal_id
                books.with_context(**{MODULE_UNINSTALL_FLAG: True}).unlink()
                accounts = self.env["account.account"].with_company(company)
                of_company = accounts._check_company_domain(company)
                for account in accounts.search(
                    [*of_company, ("account_type", "=", "liability_current")]
                ):
                    account.account_type = "liability_non_current"
                for kind, code in codes.items():
                    accounts.create(
                        {
                            "name": name,
                            "code": code,
                            "account_type": kind,
                            "company_ids": [Command.link(company.id)],
                        }
                    )
                self.env["account.journal"].create(
                    [
                        {"name": code, "code": code, "type": "general"}
                        | {"company_id": company.id}
                        for code in taken
                    ]
                )
                company.credit_balance_account_id = False
                self.env.invalidate_all()
                company._create_credit_balance_books()
                account = company.credit_balance_account_id.with_company(company)
                self.assertEqual(account.account_type, "liability_current")
                self.assertTrue(account.code)
                journal = company.credit_balance_journal_id
                self.assertEqual(journal.default_account_id, account)
                self.assertNotIn(journal.code, taken)

    def test_branches_use_the_books_of_their_company(self):
        branch = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.company.id}
        )
        self.assertEqual(branch.credit_balance_account_id, self.account)
        self.assertEqual(
            branch.credit_balance_journal_id, self.company.credit_balance_journal_id
        )
        other = self.account.copy({"name": "Other"})
        self.company.credit_balance_account_id = other
        self.assertEqual(branch.credit_balance_account_id, other)

    def test_account_with_items_is_kept(self):
        other = self.account.copy({"name": "Other"})
        self._make_entry(10.0)
        with self.assertRefused("cannot be changed: there are journal items"):
            self.company.credit_balance_account_id = other
        # Settings that are saved as they are.
        self.company.write({"credit_balance_account_id": self.account.id})
        self.assertEqual(self.company.credit_balance_account_id, self.account)

    def test_journal_books_on_another_account(self):
        """The journal goes along when the account is changed, nothing being booked."""
        other = self.account.copy({"name": "Other"})
        journal = self.company.credit_balance_journal_id
        self.company.credit_balance_account_id = other
        self.assertEqual(journal.default_account_id, other)
        method_lines = journal.inbound_payment_method_line_ids
        method_lines |= journal.outbound_payment_method_line_ids
        self.assertEqual(method_lines.payment_account_id, other)
        self.customer.adjust_credit_balance(100.0, reason="Goodwill")
        self.invoice.apply_credit_balance()
        self.assertEqual(self._balance().amount, 0.0)

    def test_journal_with_entries_is_kept(self):
        """The journal stays, or payments from credit would count as money."""
        other = self.company.credit_balance_journal_id.copy()
        self.customer.adjust_credit_balance(100.0, reason="Goodwill")
        with self.assertRefused("cannot be changed: there are entries in"):
            self.company.credit_balance_journal_id = other

    def test_journal_that_books_elsewhere_is_refused(self):
        """Credit would be spent without an end: the balance would never know."""
        self.customer.adjust_credit_balance(100.0, reason="Goodwill")
        journal = self.company.credit_balance_journal_id
        journal.inbound_payment_method_line_ids.payment_account_id = False
        with self.assertRefused("does not book on the credit account"):
            self.invoice.apply_credit_balance()

    def test_account_of_another_kind_is_refused(self):
        with self.assertRefused("choose a current liability", ValidationError):
            self.company.credit_balance_account_id = self.company_data[
                "default_account_expense"
            ]

    def test_no_external_payment_in_the_credit_journal(self):
        journal = self.company.credit_balance_journal_id
        with self.assertRefused("keeps the customers' credit"):
            self.invoice.record_external_payment(journal_id=journal.id)

    # === THE HISTORY === #

    def test_typed_entry(self):
        entry = self._make_entry(100.0)
        line = entry.line_ids.filtered(lambda line: line.account_id == self.account)
        self.assertEqual(self._balance().amount, 100.0)
        credit = self._balance().entry_ids
        self.assertEqual(credit.move_line_id, line)
        self.assertEqual(credit.label, "Gift")
        self.assertEqual(credit.user_id, self.env.user)
        self.assertEqual(self._history(), [("manual", 100.0, 100.0)])

    def test_draft_and_cancelled_entries_do_not_count(self):
        entry = self._make_entry(100.0, post=False)
        self.assertFalse(self._balance())
        entry.button_cancel()
        self.assertFalse(self._balance())

    def test_entry_that_is_reset_and_posted_again(self):
        entry = self._make_entry(100.0)
        entry.button_draft()
        self.assertEqual(self._balance().amount, 0.0)
        line = entry.line_ids.filtered(lambda line: line.account_id == self.account)
        other = entry.line_ids - line
        entry.line_ids = [
            Command.update(line.id, {"balance": -60.0}),
            Command.update(other.id, {"balance": 60.0}),
        ]
        entry.action_post()
        self.assertEqual(
            self._history(),
            [
                ("manual", 100.0, 100.0),
                ("reversal", -100.0, 0.0),
                ("manual", 60.0, 60.0),
            ],
        )
        entry.button_draft()
        entry.button_cancel()
        self.assertEqual(self._balance().amount, 0.0)

    def test_entry_that_a_rule_resets_while_it_is_posted(self):
        """An automation rule runs within the write that posts."""
        entry = self._make_entry(20, post=False)
        with patch.object(
            self.env.registry["account.move"],
            "_hash_moves",
            lambda moves, **kwargs: moves.button_draft(),
        ):
            entry.action_post()
        self.assertEqual(entry.state, "draft")
        self.assertEqual(self._history(), [])
        self.assertFalse(self._balance().amount)

    def test_entry_that_a_rule_posts_again_while_it_is_reset(self):
        entry = self._make_entry(20)

        def post_again(moves, _changed_fields):
            moves.filtered(lambda move: move.state == "draft").action_post()

        with patch.object(
            self.env.registry["account.move"],
            "_synchronize_business_models",
            post_again,
        ):
            entry.button_draft()
        self.assertEqual(entry.state, "posted")
        self.assertEqual(self._history(), [("manual", 20.0, 20.0)])
        self.assertEqual(self._balance().amount, 20.0)

    def test_reversed_entry(self):
        entry = self._make_entry(100.0)
        entry._reverse_moves(cancel=True)
        self.assertEqual(self._history()[-1], ("reversal", -100.0, 0.0))

    def test_credit_note_on_the_credit_account(self):
        """Its invoice says nothing of how much credit it may take."""
        self._make_entry(100.0)
        line = {"price_unit": 40.0, "account_id": self.account.id, "tax_ids": False}
        credit_note = self.env["account.move"].create(
            {
                "move_type": "out_refund",
                "partner_id": self.partner.id,
                "reversed_entry_id": self.invoice.id,
                "invoice_date": self.invoice.invoice_date,
                "invoice_line_ids": [Command.create({"name": "Used", **line})],
            }
        )
        credit_note.action_post()
        self.assertEqual(self._history()[-1], ("reversal", -40.0, 60.0))
        self.assertEqual(self.invoice.amount_residual, 960.0)

    def test_oldest_credit_is_spent_first(self):
        entry = self._make_entry(100.0, post=False)
        line = entry.line_ids.filtered(lambda line: line.account_id == self.account)
        entry.line_ids = [
            Command.create(
                {
                    "account_id": self.account.id,
                    "partner_id": self.partner.id,
                    "balance": 30.0,
                }
            ),
            Command.update(line.id, {"balance": -130.0}),
        ]
        entry.action_post()
        self.assertEqual(
            self._history(), [("manual", 130.0, 130.0), ("manual", -30.0, 100.0)]
        )

    def test_balance_below_zero_is_refused(self):
        self._make_entry(100.0)
        entry = self._make_entry(-150.0, post=False)
        with self.assertRefused(r"is \$\xa0100.00: .* \$\xa050.00 below zero"):
            entry.action_post()
        self.assertEqual(self._balance().amount, 100.0)

    def test_reset_of_spent_credit_is_refused(self):
        entry = self._make_entry(100.0)
        self._make_entry(-80.0)
        with self.assertRefused("below zero"):
            entry.button_draft()

    def test_entry_without_a_customer_is_refused(self):
        entry = self._make_entry(100.0, post=False, partner_id=False)
        with self.assertRefused("without a customer"):
            entry.action_post()

    def test_contact_of_a_customer(self):
        contact = self.env["res.partner"].create(
            {"name": "Contact", "parent_id": self.partner.id}
        )
        self._make_entry(100.0, partner=contact)
        self.assertEqual(self._balance().amount, 100.0)

    def test_contact_moved_to_another_customer(self):
        """The balance stays with the customer that it belonged to."""
        entry = self._make_entry(100.0)
        company = self.env["res.partner"].create({"name": "C", "is_company": True})
        self.partner.parent_id = company
        bodies = self.partner.message_ids.mapped("body")
        (told,) = [body for body in bodies if "stays with" in body]
        self.assertIn(f"not credit of {company.name}", told)
        self.assertNotIn("100", told)  # Every internal user reads it.
        self.assertFalse(self._balance(company))
        line = entry.line_ids.filtered(lambda line: line.account_id == self.account)
        self.assertEqual(line.partner_id, self.partner)
        entry.button_draft()
        self.assertFalse(self._balance(company))
        balance = self.env["account.credit.balance"].search(
            [("partner_id", "=", self.partner.id)]
        )
        self.assertEqual(balance.amount, 0.0)
        self.assertEqual(balance.entry_ids.mapped("amount"), [-100.0, 100.0])

    def test_contact_of_a_customer_moved_to_another(self):
        """The contact's credit is its old customer's, and stays there."""
        contact = self.env["res.partner"].create(
            {"name": "Her", "parent_id": self.partner.id}
        )
        self._make_entry(100.0, partner_id=contact.id)
        self.assertEqual(self._balance().amount, 100.0)
        company = self.env["res.partner"].create({"name": "C", "is_company": True})
        contact.parent_id = company
        self.assertIn(f"stays with {self.partner.name}", contact.message_ids[0].body)
        self.assertEqual(self._balance().amount, 100.0)
        self.assertFalse(self._balance(company))

    def test_currencies_are_kept_apart(self):
        currency = self.make_currency("EUR")
        self._make_entry(100.0)
        self._make_entry(70.0, currency_id=currency.id)
        self.assertEqual(self._balance().amount, 100.0)
        self.assertEqual(self._balance(currency=currency).amount, 70.0)

    def test_credit_spent_in_odoo_s_own_dialog(self):
        self._make_entry(100.0)
        values = {
            "journal_id": self.company.credit_balance_journal_id.id,
            "payment_date": "2026-01-20",
        }
        with self.assertRefused("below zero"):
            self.register_payment(self.invoice, **values)
        payment = self.register_payment(self.invoice, **values, amount=60.0)
        self.assertEqual(self.invoice.amount_residual, 940.0)
        self.assertEqual(self._history()[-1], ("applied", -60.0, 40.0))
        payment.action_draft()
        self.assertEqual(self._history()[-1], ("reversal", 60.0, 100.0))
        payment.action_cancel()
        self.assertEqual(payment.state, "canceled")
        self.assertEqual(payment.move_id.state, "cancel")
        self.assertEqual(self.invoice.amount_residual, 1000.0)
        self.assertEqual(self._balance().amount, 100.0)

    def test_odoo_s_own_dialog_spends_its_own_currency_only(self):
        euro = self.make_currency("EUR")
        for held, invoice in (
            (euro, self.invoice),
            (self.company.currency_id, self.make_invoice(currency_id=euro.id)),
        ):
            self._make_entry(100.0, currency_id=held.id)
            with (
                self.subTest(held.name),
                self.assertRefused("only amounts in its own currency"),
            ):
                self.register_payment(
                    invoice,
                    journal_id=self.company.credit_balance_journal_id.id,
                    currency_id=held.id,
                    amount=60.0,
                )
            self.assertEqual(self._balance(currency=held).amount, 100.0)

    # === NOTHING ELSE CHANGES IT === #

    def test_history_is_kept(self):
        self._make_entry(100.0)
        entry = self._balance().entry_ids
        for change in (
            lambda: entry.sudo().write({"note": "Changed"}),
            lambda: entry.sudo().unlink(),
            lambda: entry.sudo().copy(),
            lambda: self._balance().sudo().write({"amount": 5.0}),
            lambda: self._balance().sudo().unlink(),
            lambda: self.env["account.credit.balance"].sudo().create({}),
        ):
            with self.assertRaises(AccessError):
                change()
        posting = self._balance().sudo().with_context(posting_credit=OURS)
        other = posting.create(
            {
                "partner_id": self.partner.copy().id,
                "company_id": self.company.id,
                "currency_id": self.company.currency_id.id,
            }
        )
        self.assertEqual(other.amount, 0)
        other.unlink()
        self.assertFalse(other.exists())

    def test_label_of_a_later_version(self):
        """Its text is shown as it was written down."""
        entry = self.customer.adjust_credit_balance(10.0, reason="Goodwill")
        self.assertEqual(entry.label_shown, "Goodwill")
        for words in (["later", None], ["undone", ["later", None]]):
            self.assertIsNone(put_into_words(self.env, words))

    def test_history_is_kept_by_the_database(self):
        self._make_entry(100.0)
        self.env.flush_all()
        for query in (
            "UPDATE account_credit_balance_entry SET amount = 1",
            "DELETE FROM account_credit_balance_entry",
            "TRUNCATE account_credit_balance_entry",
        ):
            with (
                self.assertRaisesRegex(psycopg2.Error, "never changed"),
                mute_logger("odoo.sql_db"),
                self.env.cr.savepoint(),
            ):
                self.env.cr.execute(query)
        with (
            self.assertRaises(psycopg2.errors.CheckViolation),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            self.env.cr.execute("UPDATE account_credit_balance SET amount = -1")

    def test_client_cannot_pretend_to_post(self):
        balances = self.env["account.credit.balance"].with_context(posting_credit=True)
        with self.assertRaises(AccessError):
            balances.sudo().create(
                {
                    "partner_id": self.partner.id,
                    "company_id": self.company.id,
                    "currency_id": self.company.currency_id.id,
                    "amount": 1000.0,
                }
            )

    def test_posted_items_stay_as_they_are(self):
        entry = self._make_entry(100.0)
        line = entry.line_ids.filtered(lambda line: line.account_id == self.account)
        other = entry.line_ids - line
        with self.assertRefused("reset it to draft before you change its items"):
            line.account_id = self.company_data["default_account_revenue"]
        with self.assertRefused("reset it to draft before you change its items"):
            line.partner_id = self.other_customer
        with self.assertRefused("reset it to draft before you change its items"):
            other.account_id = self.account
        with self.assertRefused("reset it to draft before you change its customer"):
            entry.partner_id = self.other_customer

    def test_deleting_records_with_history_is_refused(self):
        entry = self._make_entry(100.0)
        entry.button_draft()
        with self.assertRefused("can be cancelled, but not deleted"):
            entry.unlink()
        line = entry.line_ids.filtered(lambda line: line.account_id == self.account)
        with self.assertRefused("can be cancelled, but not deleted"):
            entry.write({"line_ids": [Command.delete(line.id)]})

    def test_deleting_a_payment_with_history_is_refused(self):
        self._make_entry(100.0)
        self.invoice.apply_credit_balance(60.0)
        payment = self.invoice.matched_payment_ids.with_env(self.env)
        payment.action_draft()
        with self.assertRefused("can be cancelled, but not deleted"):
            payment.unlink()

    def test_deleting_subjects_of_the_history_is_refused(self):
        self.customer.adjust_credit_balance(10.0, reason="Goodwill")
        for records, message in (
            (self.partner, "used in Accounting"),
            (self.account, "journal items"),
        ):
            with self.subTest(records=records), self.assertRefused(message):
                records.sudo().unlink()

    def test_author_of_the_history_is_kept(self):
        author = self.make_user(
            "credit_author",
            "base.group_user,account.group_account_invoice,"
            "invoice_payments_ext.group_payment_refund",
        )
        self.partner.with_user(author).adjust_credit_balance(10.0, reason="Goodwill")
        self.env.flush_all()
        with (
            self.assertRaises(psycopg2.errors.ForeignKeyViolation),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            author.unlink()

    def test_database_keeps_records_with_history(self):
        self.customer.adjust_credit_balance(100.0, reason="Goodwill")
        balance = self._balance()
        line = balance.entry_ids.move_line_id
        for table, record_id in (
            ("account_move_line", line.id),
            ("account_move", line.move_id.id),
            ("account_journal", line.journal_id.id),
            ("account_account", line.account_id.id),
            ("account_credit_balance", balance.id),
            ("res_partner", self.partner.id),
            ("res_users", balance.entry_ids.user_id.id),
            ("res_currency", balance.currency_id.id),
            ("res_company", self.company.id),
        ):
            with (
                self.subTest(table=table),
                self.assertRaises(psycopg2.errors.IntegrityError),
                mute_logger("odoo.sql_db"),
                self.env.cr.savepoint(),
            ):
                self.env.cr.execute(
                    SQL(
                        "DELETE FROM %s WHERE id = %s",
                        SQL.identifier(table),
                        record_id,
                    )
                )

    # === MERGED CONTACTS === #

    def test_merged_contacts(self):
        self._make_entry(100.0, partner=self.other_customer)
        self._make_entry(30.0)
        self._merge(self.other_customer, self.partner)
        self.assertEqual(self._balance().amount, 130.0)
        self.assertEqual(
            self._history(), [("manual", 30.0, 30.0), ("merged", 100.0, 130.0)]
        )
        merged = self.env["account.credit.balance"].search(
            [("merged_into_id", "=", self._balance().id)]
        )
        self.assertEqual(merged.partner_id, self.partner)
        self.assertEqual(merged.amount, 0.0)
        self.assertEqual(merged.entry_ids.mapped("amount"), [-100.0, 100.0])

    def test_latest_entries(self):
        """The form shows only the newest entries."""
        with patch.object(account_credit_balance, "LATEST_ENTRIES", 2):
            for amount in (30.0, 20.0, 10.0):
                self._make_entry(amount)
            balance = self._balance()
            latest = balance.latest_entry_ids
            self.assertEqual(latest.mapped("amount"), [10.0, 20.0])
            self._make_entry(5.0)
            balance = self._balance()
            self.assertEqual(balance.latest_entry_ids[0].amount, 5.0)
        action = balance.action_open_entries()
        entries = self.env[action["res_model"]].search(action["domain"])
        self.assertEqual(entries, balance.entry_ids)

    def test_merged_contacts_of_whom_one_is_switched_off(self):
        for is_off in range(2):
            contacts = self.env["res.partner"].create([{"name": "A"}, {"name": "B"}])
            contacts[is_off].credit_applied_at_issue = False
            wizard = self.env["base.partner.merge.automatic.wizard"].create({})
            wizard._merge(contacts.ids, contacts[0])
            self.assertFalse(contacts[0].credit_applied_at_issue)

    def test_merged_contact_whose_credit_is_spent(self):
        """Nothing is moved, and the history of both is found at the one that stays."""
        self._make_entry(40.0, partner=self.other_customer)
        self._make_entry(-40.0, partner=self.other_customer)
        self._make_entry(100.0)
        spent = self._balance(self.other_customer)
        self._merge(self.other_customer, self.partner)
        self.assertEqual(spent.merged_into_id, self._balance())
        self.assertEqual(self._history(), [("manual", 100.0, 100.0)])
        self.assertEqual(spent.entry_ids.mapped("amount"), [-40.0, 40.0])

    def test_merged_into_a_contact_without_a_balance(self):
        entry = self._make_entry(100.0, partner=self.other_customer)
        self._merge(self.other_customer, self.partner)
        self.assertEqual(self._balance().amount, 100.0)
        entry.button_draft()
        self.assertEqual(self._balance().amount, 0.0)

    def _merge_after_spending(self, *targets):
        """Merge a customer, and then the merged contact, with each of these in turn.

        :return: The entry that added 100, and the payment that spent 40 of it.
        """
        invoice = self.make_invoice(500.0, partner_id=self.other_customer.id)
        entry = self._make_entry(100.0, partner=self.other_customer)
        payment = invoice.apply_credit_balance(40.0)
        source = self.other_customer
        for target in targets:
            self._merge(source, target)
            source = target
        return entry, payment

    def _make_company_with_contact(self):
        company = self.env["res.partner"].create({"name": "C", "is_company": True})
        return company, company.create({"name": "Contact", "parent_id": company.id})

    def test_merged_into_a_contact_of_a_customer(self):
        """The credit is that customer's from then on, also the credit undone later."""
        company, contact = self._make_company_with_contact()
        entry, payment = self._merge_after_spending(contact)
        self.assertEqual(self._balance(company).amount, 60.0)
        with self.assertRefused(r"C is \$\xa060.00: .* \$\xa040.00 below zero"):
            entry.button_draft()
        for change, amount in (
            (payment.action_draft, 100.0),
            (payment.action_post, 60.0),
            (payment.action_draft, 100.0),
            (entry.button_draft, 0.0),
            (entry.action_post, 100.0),
        ):
            change()
            self.assertEqual(self._balance(company).amount, amount)
        contact.with_user(self.supervisor).adjust_credit_balance(5.0, reason="Goodwill")
        self.assertEqual(self._balance(company).amount, 105.0)
        self.assertEqual(self.make_invoice(partner_id=contact.id).amount_residual, 895)

    def test_application_undone_after_a_merge(self):
        company, contact = self._make_company_with_contact()
        _entry, payment = self._merge_after_spending(contact)
        told = payment.with_user(self.supervisor).action_undo_credit_application()
        self.assertIn("credit balance of C.", told["params"]["message"])
        self.assertEqual(self._history(company)[-1], ("unapplied", 40.0, 100.0))
        self.assertEqual(self._balance(contact), self._balance(company))

    def test_reversed_after_a_merge(self):
        company, contact = self._make_company_with_contact()
        entry, payment = self._merge_after_spending(contact)
        payment.with_user(self.supervisor).undo_credit_application()
        entry._reverse_moves(cancel=True)
        self.assertEqual(self._history(company)[-1], ("reversal", -100.0, 0.0))

    def test_transfer_of_a_merge_undone(self):
        company, contact = self._make_company_with_contact()
        self._merge_after_spending(contact)
        transfer = self._balance(company).entry_ids.move_id
        transfer.button_draft()
        self.assertEqual(self._balance(company).amount, 60.0)
        transfer.action_post()
        self.assertEqual(self._balance(company).amount, 60.0)

    def test_merged_twice(self):
        company, contact = self._make_company_with_contact()
        _entry, payment = self._merge_after_spending(self.partner, contact)
        self.assertEqual(self._balance(company).amount, 60.0)
        payment.action_draft()
        self.assertEqual(self._history(company)[-1], ("reversal", 40.0, 100.0))

    def test_merged_on_into_another_customer(self):
        """The first parent's credit stays there, as for contacts that are moved."""
        company, contact = self._make_company_with_contact()
        other_company, other_contact = self._make_company_with_contact()
        entry, payment = self._merge_after_spending(contact, other_contact)
        self.assertEqual(other_contact.commercial_partner_id, other_company)
        payment.with_user(self.supervisor).undo_credit_application()
        self.assertEqual(self._balance(company).amount, 100.0)
        entry.button_draft()
        self.assertEqual(self._balance(company).amount, 0.0)
        self.assertFalse(self._balance(other_contact))

    def test_pay_out_of_a_balance_that_was_merged(self):
        company, contact = self._make_company_with_contact()
        self._make_entry(100.0, partner=self.other_customer)
        merged = self._balance(self.other_customer).with_user(self.supervisor)
        paid = merged.pay_out(30.0, reason="Left")
        self._merge(self.other_customer, contact)
        self.assertEqual(self._balance(company).amount, 70.0)
        paid.action_draft()
        paid.source_payment_id.action_draft()
        self.assertEqual(self._balance(company).amount, 100.0)

    def test_merged_contacts_with_several_currencies(self):
        currency = self.make_currency("EUR")
        self._make_entry(100.0, partner=self.other_customer)
        self._make_entry(70.0, partner=self.other_customer, currency_id=currency.id)
        self._make_entry(5.0, currency_id=currency.id)
        self._merge(self.other_customer, self.partner)
        self.assertEqual(self._balance().amount, 100.0)
        self.assertEqual(self._balance(currency=currency).amount, 75.0)

    def test_balance_that_was_merged_is_not_paid_out(self):
        self._make_entry(100.0, partner=self.other_customer)
        merged = self._balance(self.other_customer).with_user(self.supervisor)
        self._merge(self.other_customer, self.partner)
        for amount in (None, 10.0):
            with self.subTest(amount=amount), self.assertRefused("zero|above"):
                merged.pay_out(amount, reason="Left")
        self.assertEqual(self._balance().amount, 100.0)

    # === ADJUSTMENTS === #

    def test_add_and_deduct(self):
        added = self.customer.adjust_credit_balance(
            50.0, reason="Goodwill", note="Called twice"
        )
        self.assertEqual(added.entry_type, "adjustment")
        self.assertEqual(added.label, "Goodwill")
        self.assertEqual(added.note, "Called twice")
        self.assertEqual(added.user_id, self.supervisor)
        lines = added.sudo().move_id.line_ids
        self.assertEqual(
            {(line.account_id, line.balance) for line in lines},
            {
                (self.account, -50.0),
                (self.company_data["default_account_expense"], 50.0),
            },
        )
        self.assertEqual(added.sudo().move_id.state, "posted")
        self.customer.adjust_credit_balance(-20.0, reason="Too much")
        self.assertEqual(
            self._history(),
            [("adjustment", 50.0, 50.0), ("adjustment", -20.0, 30.0)],
        )

    def test_replayed_adjustment(self):
        first = self.customer.adjust_credit_balance(
            50.0, reason="Goodwill", idempotency_key="adjust-1"
        )
        self.assertEqual(
            self.customer.adjust_credit_balance(
                50.0, reason="Goodwill", idempotency_key="adjust-1"
            ),
            first,
        )
        self.assertEqual(self._balance().amount, 50.0)
        with self.assertRefused("used already with other values"):
            self.customer.adjust_credit_balance(
                51.0, reason="Goodwill", idempotency_key="adjust-1"
            )

    def test_adjustment_in_another_currency(self):
        currency = self.make_currency("EUR")
        self.customer.adjust_credit_balance(
            50.0, currency_id=currency.id, reason="Goodwill"
        )
        self.assertEqual(self._balance(currency=currency).amount, 50.0)
        self.assertEqual(
            self._balance(currency=currency).entry_ids.move_line_id.balance, -25.0
        )

    def test_bad_adjustments_are_refused(self):
        adjust = self.customer.adjust_credit_balance
        other = self.make_other_company(name="Not Selected")["company"]
        euro = self.make_currency("EUR")
        euro.active = False
        for message, values in (
            ("is not given", {"amount": 0}),
            ("must be a number", {"amount": "10"}),
            ("must be a number", {"amount": float("nan")}),
            ("must be a number", {"amount": True}),
            ("finer than the smallest unit", {"amount": 10.001}),
            ("A reason is required", {"amount": 10.0, "reason": "  "}),
            ("note must be a text", {"amount": 10.0, "note": 5}),
            ("below zero", {"amount": -10.0}),
            ("There is no currency", {"amount": 10.0, "currency_id": 999999}),
            ("EUR is not in use", {"amount": 10.0, "currency_id": euro.id}),
            ("There is no company 999999", {"amount": 10.0, "company_id": 999999}),
            ("not among your selected", {"amount": 10.0, "company_id": other.id}),
        ):
            with self.subTest(values=values), self.assertRefused(message):
                adjust(**{"reason": "Goodwill", **values})

    def test_adjustment_of_an_archived_contact_is_refused(self):
        self.other_customer.active = False
        with self.assertRefused("is archived"):
            self.other_customer.with_user(self.supervisor).adjust_credit_balance(
                10.0, reason="Goodwill"
            )

    def test_adjustment_of_another_company_s_contact_is_refused(self):
        other = self.make_other_company(name="Of The Contact")["company"]
        self.supervisor.company_ids |= other
        self.other_customer.company_id = other
        customer = self.other_customer.with_user(self.supervisor)
        customer = customer.with_context(
            allowed_company_ids=[self.company.id, other.id]
        )
        with self.assertRefused(
            f"Other Customer is a contact of Of The Contact, not of {self.company.name}"
        ):
            customer.adjust_credit_balance(10.0, reason="Goodwill")
        self.assertFalse(self._balance(self.other_customer).amount)

    def test_company_without_the_books_keeps_no_credit(self):
        self.company.credit_balance_account_id = False
        remaining = self.invoice.amount_residual
        for work in (
            lambda: self.customer.adjust_credit_balance(10.0, reason="Goodwill"),
            lambda: self.invoice.record_external_payment(
                remaining + 10, excess="credit"
            ),
        ):
            with self.assertRefused("has no credit account or journal: set them in"):
                work()
        self.assertFalse(self._balance())

    def test_credit_of_an_archived_contact_is_not_lost(self):
        self._make_entry(100.0)
        self.partner.active = False
        self.invoice.with_user(self.supervisor).apply_credit_balance(60.0)
        self._balance().with_user(self.supervisor).pay_out(reason="Left")
        self.assertEqual(self._balance().amount, 0.0)

    def test_doors_after_a_move_to_another_parent(self):
        """The credit stays with the contact; its invoices are the new parent's."""
        self._make_entry(100.0)
        balance = self._balance().with_user(self.supervisor)
        company = self.env["res.partner"].create({"name": "C", "is_company": True})
        self.partner.parent_id = company
        invoice = self.make_invoice(80.0)
        self.assertEqual(invoice.amount_residual, 80.0)
        with self.assertRefused("Nothing is held"):
            invoice.apply_credit_balance()
        parent = company.with_user(self.supervisor)
        parent.adjust_credit_balance(10.0, reason="Goodwill")
        self.assertEqual(self._balance(company).amount, 10.0)
        self.assertEqual(balance.amount, 100.0)
        paid = balance.pay_out(60.0, reason="Left")
        self.assertEqual(self._balance(company).amount, 10.0)
        self.assertEqual(balance.amount, 40.0)
        taken = paid.source_payment_id
        with self.assertRefused("paid out the amount that"):
            taken.action_draft()
        paid.action_draft()
        for reset, amount in ((taken.action_draft, 100.0), (taken.action_post, 40.0)):
            reset()
            balance.invalidate_recordset()
            self.assertEqual(balance.amount, amount)
        self.assertEqual(self._balance(company).amount, 10.0)

    def test_application_undone_after_a_move_to_another_parent(self):
        self._make_entry(100.0)
        balance = self._balance()
        self.invoice.apply_credit_balance(60.0)
        company = self.env["res.partner"].create({"name": "C", "is_company": True})
        self.partner.parent_id = company
        self.invoice.button_draft()
        self.assertFalse(self._balance(company))
        balance.invalidate_recordset()
        self.assertEqual(balance.amount, 100.0)

    def _own(self):
        """Return the customer's own credit, without that of its parent."""
        self.env.flush_all()
        balance = self.env["account.credit.balance"].search(
            [("partner_id", "=", self.partner.id), ("merged_into_id", "=", False)]
        )
        balance.invalidate_recordset()
        return balance.amount

    def _move(self):
        """Give the customer a parent, and return that."""
        company = self.env["res.partner"].create({"name": "C", "is_company": True})
        self.partner.parent_id = company
        return company

    def test_moved_when_nothing_was_left(self):
        """There is nothing to stay: later credit is the parent's."""
        self._make_entry(100.0)
        self.customer.adjust_credit_balance(-100.0, reason="Too much")
        emptied = self._balance()
        company = self._move()
        entry = self.customer.adjust_credit_balance(50.0, reason="Goodwill")
        self.assertEqual(entry.partner_id, company)
        self.assertEqual(self._own(), 0.0)
        draft = self.make_invoice(80.0, post=False)
        self.assertEqual(draft.available_credit, 50.0)
        draft.action_post()
        self.assertEqual(draft.amount_residual, 30.0)
        dialog = emptied.action_adjust()["context"]
        self.assertEqual(dialog["default_partner_id"], company.id)

    def test_own_balance_that_is_emptied(self):
        """A contact keeps its own balance as long as something is left on it."""
        self._make_entry(100.0)
        company = self._move()
        self.customer.adjust_credit_balance(5.0, reason="Goodwill")
        self.assertEqual(self._own(), 105.0)
        with self.assertRefused("below zero"):
            self.customer.adjust_credit_balance(-106.0, reason="Too much")
        self.customer.adjust_credit_balance(-105.0, reason="Too much")
        self.customer.adjust_credit_balance(7.0, reason="Goodwill")
        self.assertEqual((self._own(), self._balance(company).amount), (0.0, 7.0))

    def test_all_spent_before_a_move_and_undone_after(self):
        """Credit comes back to the contact that it was taken from."""
        self._make_entry(100.0)
        payment = self.invoice.apply_credit_balance(100.0)
        company = self._move()
        self.customer.adjust_credit_balance(10.0, reason="Goodwill")
        payment.with_user(self.supervisor).undo_credit_application()
        self.assertEqual((self._own(), self._balance(company).amount), (100.0, 10.0))
        self.customer.adjust_credit_balance(5.0, reason="Goodwill")
        self.assertEqual((self._own(), self._balance(company).amount), (105.0, 10.0))

    def test_all_spent_before_a_move_and_posted_again_after(self):
        entry = self._make_entry(100.0)
        payment = self.invoice.apply_credit_balance(100.0)
        company = self._move()
        self._make_entry(10.0, partner=company)
        for change, amount in (
            (payment.action_draft, 100.0),
            (payment.action_post, 0.0),
            (payment.action_draft, 100.0),
            (entry.button_draft, 0.0),
            (entry.action_post, 100.0),
        ):
            change()
            self.assertEqual(self._own(), amount)
            self.assertEqual(self._balance(company).amount, 10.0)

    def test_all_taken_before_a_move_and_reversed_after(self):
        self._make_entry(100.0)
        entry = self._make_entry(-100.0)
        company = self._move()
        entry._reverse_moves(cancel=True)
        self.assertEqual(self._own(), 100.0)
        self.assertFalse(self._balance(company))

    def test_handed_over_to_the_parent(self):
        """Credit is the parent's if the journal item names the parent."""
        entry = self._make_entry(100.0)
        company = self._move()
        entry.button_draft()
        entry.line_ids.partner_id = company
        entry.action_post()
        self.assertEqual((self._own(), self._balance(company).amount), (0.0, 100.0))

    def test_all_paid_out_before_a_move_and_cancelled_after(self):
        self._make_entry(100.0)
        paid = self._balance().with_user(self.supervisor).pay_out(reason="Left")
        company = self._move()
        paid.action_draft()
        paid.action_cancel()
        paid.source_payment_id.undo_credit_application("Never cashed")
        self.assertEqual(self._own(), 100.0)
        self.assertFalse(self._balance(company))

    def test_merged_after_a_move_to_another_parent(self):
        self._make_entry(100.0, partner=self.other_customer)
        company = self.env["res.partner"].create({"name": "C", "is_company": True})
        self._make_entry(100.0, partner=company)
        self.other_customer.parent_id = company
        self._merge(self.other_customer, self.partner)
        self.assertEqual(self._balance().amount, 100.0)
        self.assertEqual(self._balance(company).amount, 100.0)

    def test_adjustment_without_an_account_is_refused(self):
        self.company.credit_adjustment_account_id = False
        with self.assertRefused("has no account to adjust credit against"):
            self.customer.adjust_credit_balance(10.0, reason="Goodwill")

    def test_lower_level_cannot_adjust(self):
        with self.assertRefused("no right to refund"):
            self.partner.with_user(self.accountant).adjust_credit_balance(
                10.0, reason="Goodwill"
            )

    def test_customer_without_a_balance(self):
        """A user who may not adjust gets a list, as the dialog is not allowed."""
        for user, model in (
            (self.supervisor, "account.credit.balance.adjust"),
            (self.accountant, "account.credit.balance"),
        ):
            action = self.partner.with_user(user).action_open_credit_balance()
            self.assertEqual(action["res_model"], model)
            self.assertTrue(self.env[model].with_user(user).has_access("read"))

    def test_adjust_dialog(self):
        action = self.customer.action_open_credit_balance()
        dialog = Form(
            self.env[action["res_model"]]
            .with_user(self.supervisor)
            .with_context(**action["context"])
        )
        dialog.amount = 40.0
        dialog.reason = "Goodwill"
        self.assertEqual(dialog.balance_after, 40.0)
        record = dialog.save()
        record.action_adjust()
        record.action_adjust()
        self.assertEqual(self._history(), [("adjustment", 40.0, 40.0)])
        self.customer.invalidate_recordset()
        self.assertEqual(self.customer.credit_balance_summary, "$\xa040.00")
        action = self.customer.action_open_credit_balance()
        self.assertEqual(action["res_id"], self._balance().id)
        # What is added is not deducted by a sign, nor the other way round.
        for direction in ("add", "deduct"):
            dialog.direction, dialog.amount = direction, -5.0
            with self.assertRefused("above zero: choose Add or Deduct"):
                dialog.save().action_adjust()
        self.assertEqual(self._balance().amount, 40.0)

    def test_reading_a_balance_does_not_depend_on_its_history(self):
        """The same statements, which do not read the history."""
        readings = []
        self.assertFalse(self.partner.credit_balance_ids.amount)  # Fills the caches.
        for number in (1, 20):
            for _entry in range(number):
                self._make_entry(1.0)
            self.env.flush_all()
            self.env.invalidate_all()
            with self.assertLogs("odoo.sql_db", "DEBUG") as logs:
                self.assertTrue(self.partner.credit_balance_ids.amount)
            read = " ".join(logs.output)
            self.assertIn('"account_credit_balance"', read)
            self.assertNotIn("account_credit_balance_entry", read)
            self.assertNotIn("account_move_line", read)
            readings.append(len(logs.output))
        self.assertEqual(readings[1], readings[0])

    def test_who_may_see_it(self):
        self._make_entry(100.0)
        balance = self._balance()
        self.assertEqual(balance.with_user(self.accountant).amount, 100.0)
        portal = self.make_user("credit_portal", "base.group_portal")
        with self.assertRaises(AccessError):
            balance.with_user(portal).read(["amount"])
        with self.assertRaises(AccessError):
            balance.entry_ids.with_user(portal).read(["amount"])

    def test_posting_without_credit_writes_no_history(self):
        self.make_invoice()
        self.assertFalse(self.entries.search([("partner_id", "=", self.partner.id)]))

    def test_user_error_is_raised_before_the_database_refuses(self):
        with self.assertRaises(UserError):
            self._make_entry(-10.0)
