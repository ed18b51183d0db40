from unittest.mock import patch

from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL

from odoo.addons.base.models.ir_model import MODULE_UNINSTALL_FLAG

from ...models.credit import res_company_books
from ...models.credit.chart_accounts import CUSTOMER_ADVANCES, NEIGHBOURS
from ...models.credit.chart_bad_debts import BAD_DEBTS, LOSS_NEIGHBOURS
from .common_credit_balance import CreditBalanceCommon


@tagged("post_install", "-at_install")
class TestCreditBooks(CreditBalanceCommon):
    """Which account and journal keep credit, and that they are found again."""

    def _make_books_anew(self, company):
        """Let a company choose its credit account once more, as at installation."""
        books = (company.credit_balance_journal_id, company.credit_balance_account_id)
        company.credit_balance_account_id = False
        for records in books:
            records.with_context(**{MODULE_UNINSTALL_FLAG: True}).unlink()
        company.env.invalidate_all()
        company._create_credit_balance_books()
        return company.credit_balance_account_id.with_company(company)

    def test_account_is_the_charts_own(self):
        """It is taken with its tags. If something is on it, one is made after it."""
        company = self.make_other_company(name="Own")["company"]
        template = company.env["account.chart.template"].with_company(company)
        own = template.ref("deferred_revenue")
        tag = company.env["account.account.tag"].create({"name": "Advances"})
        own.write({"reconcile": True, "tag_ids": [Command.set(tag.ids)]})
        account = self._make_books_anew(company)
        self.assertEqual((account.code, account.tag_ids), ("212001", tag))
        self.assertIn("until something is booked", account.message_ids[:1].body)
        discounts = company.account_journal_early_pay_discount_loss_account_id
        self.assertEqual(company.credit_adjustment_account_id, discounts)
        with patch.dict(CUSTOMER_ADVANCES, generic_coa="deferred_revenue"):
            for setting, expected in ((own, "212001"), (account.browse(), "212000")):
                company.transfer_account_id = setting
                self.assertEqual(self._make_books_anew(company).code, expected)
            self.assertFalse(own.reconcile)
            journal = company.credit_balance_journal_id
            self.assertEqual(journal.default_account_id, own)

    def test_account_in_an_unknown_chart(self):
        """It has no tags and no group, though the account before it has."""
        company = self.make_other_company(name="Unknown")["company"]
        accounts = company.env["account.account"].with_company(company)
        accounts = accounts.search([("company_ids", "=", company.id)])
        accounts.tag_ids = company.env["account.account.tag"].create({"name": "Bonds"})
        company.env["account.group"].create(
            {
                "name": "Bonds",
                "code_prefix_start": "299",
                "code_prefix_end": "299",
                "company_id": company.id,
            }
        )
        with patch.dict(NEIGHBOURS, clear=True):
            account = self._make_books_anew(company)
        self.assertEqual(account.code, "298000")
        self.assertFalse(account.tag_ids or account.group_id)
        # Where the codes of that class are all taken, it is any free one.
        taken = accounts.exists().mapped("code")
        with (
            patch.dict(NEIGHBOURS, clear=True),
            patch.object(res_company_books, "get_fallback_code", lambda *_: taken[0]),
        ):
            own = company.with_company(company)
            vals = own._prepare_credit_balance_account_vals(account.browse())
        self.assertTrue(vals["code"])
        self.assertNotIn(vals["code"], taken)

    def test_an_unused_account_of_an_earlier_version_is_moved(self):
        """It stood beside the lowest liability. A confirmed or used one stays."""
        company = self.make_other_company(name="Moved")["company"]
        account = self._make_books_anew(company)
        company._move_unused_credit_account()
        self.assertEqual(company.credit_balance_account_id, account, "It is right.")
        account.code = "201002"
        company.credit_accounts_confirmed = True
        company._move_unused_credit_account()
        self.assertEqual(company.credit_balance_account_id, account, "Confirmed.")
        company.credit_accounts_confirmed = False
        company._move_unused_credit_account()
        moved = company.credit_balance_account_id.with_company(company)
        self.assertEqual(moved.code, "212001")
        self.assertEqual(company.credit_balance_journal_id.default_account_id, moved)
        self.assertFalse(account.active)
        with patch.dict(CUSTOMER_ADVANCES, generic_coa="deferred_revenue"):
            company._move_unused_credit_account()
        moved = company.credit_balance_account_id.with_company(company)
        self.assertEqual(moved.code, "212000")

    def test_an_unused_account_in_an_unknown_chart_stays(self):
        company = self.make_other_company(name="Unknown")["company"]
        account = self._make_books_anew(company)
        account.code = "201002"
        with patch.dict(NEIGHBOURS, clear=True):
            company._move_unused_credit_account()
        self.assertEqual(company.credit_balance_account_id, account)
        self.assertTrue(account.active)

    def test_write_off_account_in_an_unknown_chart(self):
        """It stands after the last of the expenses, without the tags of any other."""
        company = self.make_other_company(name="Unknown")["company"]
        accounts = company.env["account.account"].with_company(company)
        expenses = accounts.search(
            [("company_ids", "=", company.id), ("account_type", "=", "expense")]
        )
        expenses.tag_ids = company.env["account.account.tag"].create({"name": "Bonds"})
        company.write_off_account_id = False
        with patch.dict(BAD_DEBTS, clear=True), patch.dict(LOSS_NEIGHBOURS, clear=True):
            company._set_write_off_accounts()
        account = company.write_off_account_id.with_company(company)
        self.assertNotIn(account, expenses)
        self.assertEqual((account.name, account.account_type), ("Bad Debts", "expense"))
        self.assertGreater(account.code, max(expenses.mapped("code")))
        self.assertFalse(account.tag_ids)

    def test_company_without_a_journal_gets_no_provider(self):
        company = self.make_other_company(name="Later")["company"]
        providers = company.env["payment.provider"].sudo()
        domain = [("code", "=", "credit_balance"), ("company_id", "=", company.id)]
        journal = company.credit_balance_journal_id
        providers.search(domain).code = "none"
        company.credit_balance_journal_id = False
        company._create_credit_balance_providers()
        self.assertFalse(providers.search(domain))
        company.credit_balance_journal_id = journal
        company._create_credit_balance_providers()
        provider = providers.search(domain)
        self.assertTrue(provider)
        self.assertEqual(provider.journal_id, journal)
        # Its one way of payment comes back with it.
        provider.state = "disabled"
        provider.payment_method_ids.active = False
        provider.state = "enabled"
        methods = provider.with_context(active_test=False).payment_method_ids
        self.assertEqual(methods.mapped("code"), ["credit_balance"])
        self.assertTrue(methods.active)

    def test_other_settings_do_not_book_on_it(self):
        with self.assertRefused("another setting of the company", ValidationError):
            self.company.transfer_account_id = self.account

    def _forget_credit(self):
        """Delete the data that versions up to 19.0.1.6 lost at uninstallation.

        :return: The account and the journal, which nothing names any more.
        """
        books = self.account, self.company.credit_balance_journal_id
        self.env.flush_all()
        for statement in (
            "DROP FUNCTION account_credit_balance_entry_keep() CASCADE",
            "DELETE FROM account_credit_balance_entry WHERE balance_id IN "
            "(SELECT id FROM account_credit_balance WHERE company_id = %s)",
            "DELETE FROM account_credit_balance WHERE company_id = %s",
            "UPDATE res_company SET credit_balance_account_id = NULL, "
            "credit_balance_journal_id = NULL WHERE id = %s",
            "UPDATE payment_provider SET code = 'none', state = 'disabled' "
            "WHERE code = 'credit_balance' AND company_id = %s",
        ):
            values = (self.company.id,) if "%s" in statement else ()
            self.env.cr.execute(SQL(statement, *values))
        self.env.invalidate_all()
        return books

    def test_earlier_books_are_found_again(self):
        entry = self._make_entry(50.0)
        self.invoice.apply_credit_balance(amount=10.0)
        self.customer.adjust_credit_balance(5.0, reason="For the staff only")
        adjustment = self._balance().entry_ids[0].move_id
        account, journal = self._forget_credit()
        self.company._create_credit_balance_books()
        self.assertEqual(self.company.credit_balance_account_id, account)
        self.assertEqual(self.company.credit_balance_journal_id, journal)
        self.assertEqual(self._balance().amount, 45.0)
        self.assertEqual(
            sorted(self._history()),
            [("applied", -10.0, 40.0), ("manual", 5.0, 45.0), ("manual", 50.0, 50.0)],
        )
        labels = self._balance().entry_ids.mapped("label")
        self.assertIn(entry.name, labels)
        self.assertNotIn("staff", "".join(labels))
        # The entries that were rebuilt are those of their journal items.
        adjustment.button_draft()
        self.assertEqual(self._balance().amount, 40.0)

    def test_earlier_books_below_zero_are_not_made_up(self):
        """What was booked there is no credit: the tie-out names it, as it did."""
        entry = self._make_entry(50.0)
        self._make_entry(20.0, partner=self.other_customer)
        account, _journal = self._forget_credit()
        # Somebody booked on it when nothing checked that.
        self.account = account
        typed = self._make_entry(-80.0)
        self.company._create_credit_balance_books()
        self.assertEqual(self._balance().amount, 0.0)
        self.assertEqual(self._history(), [])
        self.assertEqual(self._balance(self.other_customer).amount, 20.0)
        found = self.env["account.payment.tie.out"].check(self.company.ids)
        lines = (entry | typed).line_ids.filtered(
            lambda line: line.account_id == account
        )
        self.assertEqual(
            {(row["invariant"], row["res_id"]) for row in found},
            {("ledger", line.id) for line in lines},
        )
        # It is entered as soon as somebody put that right.
        self._make_entry(30.0)
        self.env["account.credit.balance.entry"]._rebuild_history(self.company)
        self.assertEqual(self._balance().amount, 0.0)
        self.assertEqual(self.env["account.payment.tie.out"].check(), [])

    def test_credit_on_an_account_that_is_not_found(self):
        """The tie-out names an account that keeps credit and that nobody asks."""
        self._make_entry(40.0)
        account, journal = self._forget_credit()
        other = account.copy({"name": "Second"})
        self.company.credit_balance_account_id = other
        self.company._create_credit_balance_books()
        self.assertNotEqual(self.company.credit_balance_journal_id, journal)
        found = self.env["account.payment.tie.out"].check(self.company.ids)
        self.assertEqual(
            [(row["invariant"], row["res_id"], row["found"]) for row in found],
            [("elsewhere", account.id, 40.0)],
        )
        self._make_entry(-40.0)  # So that the books tie out after the test.
        self.assertEqual(self.env["account.payment.tie.out"].check(), [])

    def test_nothing_dangles_after_leaving(self):
        """The provider stays while a transaction names it, and is found again."""
        provider = self.env["payment.provider"].search(
            [("code", "=", "credit_balance"), ("company_id", "=", self.company.id)]
        )
        unused = self.env["payment.provider"].sudo()
        unused = unused.search(
            [("code", "=", "credit_balance"), ("company_id", "!=", self.company.id)]
        )
        self.assertTrue(unused)
        method = self.env.ref("invoice_payments_ext.payment_method_credit_balance")
        self.env["payment.transaction"].sudo().create(
            {
                "provider_id": provider.id,
                "payment_method_id": method.id,
                "reference": "By credit",
                "amount": 1.0,
                "currency_id": self.company.currency_id.id,
                "partner_id": self.partner.id,
                "state": "cancel",
            }
        )
        journal = self.company.credit_balance_journal_id
        companies = self.env["res.company"].search([])
        companies._leave_credit_balance_books()
        self.assertFalse(unused.exists())
        self.assertEqual((provider.code, provider.state), ("none", "disabled"))
        self.assertFalse(journal.active or method.active)
        # It serves the company again, with its journal.
        self.company._create_credit_balance_providers()
        self.assertEqual(
            (provider.code, provider.state, provider.journal_id),
            ("credit_balance", "enabled", journal),
        )
        self.assertFalse(self.company._take_up_left("provider", provider.browse()))
        for kind, record in (
            ("journal", journal),
            ("account", self.account),
        ):
            model = record.browse()
            self.assertEqual(self.company._take_up_left(kind, model), record)
            self.assertFalse(self.company._take_up_left(kind, model))
