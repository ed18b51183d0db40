from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestMatches(InvoicePaymentsCommon):
    """What belongs to a match is written by Odoo's code that matches, and nobody."""

    def setUp(self):
        super().setUp()
        self.other = self.make_invoice(500)
        self.invoice.record_external_payment(400.0)
        self.payment = self.invoice._get_reconciled_payments()
        self.partial = self.payment.move_id.line_ids.matched_debit_ids
        self.staff = self.env["res.users"].concat(self.accountant, self.supervisor)
        self.staff.group_ids |= self.env.ref("account.group_account_user")
        self._keep()

    # === HELPERS === #

    def assertSealed(self, record, values, message="", **context):
        """Assert that nobody writes these values, as a client would."""
        for user in self.staff:
            client = record.with_user(user).with_context(**context)
            with (
                self.subTest(f"{user.login} writes {values} of {record}"),
                self.assertRefused(message, AccessError),
            ):
                client.write(values)

    def get_terms(self, move):
        return move.line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        )

    def make_bank_line(self, amount=500.0):
        """Return a line of the bank's statement, as the accountant enters it."""
        return (
            self.env["account.bank.statement.line"]
            .with_user(self.accountant)
            .create(
                {
                    "journal_id": self.company_data["default_journal_bank"].id,
                    "payment_ref": "Transfer",
                    "partner_id": self.partner.id,
                    "amount": amount,
                }
            )
        )

    def match_with_bank(self, line, items):
        suspense = line._seek_for_lines()[1]
        suspense.account_id = items.account_id
        (suspense | items.with_user(self.accountant)).reconcile()

    # === WHAT A CLIENT MAY NOT === #

    def test_entries_that_go_with_a_match(self):
        """Undone, it would reverse an entry that a client named as its own."""
        reconcile = "use Reconcile"
        self.assertSealed(
            self.partial, {"exchange_move_id": self.other.id}, "Unreconcile the entries"
        )
        link = [Command.link(self.partial.id)]
        self.assertSealed(self.other, {"exchange_diff_partial_ids": link}, reconcile)
        self.assertSealed(
            self.other, {"tax_cash_basis_rec_id": self.partial.id}, reconcile
        )
        self.assertSealed(
            self.other, {"tax_cash_basis_origin_move_id": self.invoice.id}, reconcile
        )
        made = [Command.link(self.other.id)]
        self.assertSealed(
            self.invoice, {"tax_cash_basis_created_move_ids": made}, reconcile
        )
        self.assertSealed(self.partial, {"draft_caba_move_vals": {"1": 1}})
        self.assertSealed(self.partial, {"company_id": self.env.company.id + 1})
        self.partial.with_user(self.accountant).unlink()
        self.assertFalse(self.other.reversal_move_ids)
        self.assertEqual(self.other.amount_residual, 500.0)

    def test_amount_of_a_match_that_is_zero(self):
        self.partial.sudo().with_context(tracking_disable=True).amount = 0.0
        self._keep()
        self.assertSealed(self.partial, {"amount": 1000.0})
        self.partial.sudo().amount = 400.0
        self._keep()

    def test_full_reconciliation(self):
        """Odoo writes it by SQL: no seal of the items sees it."""
        fulls = self.env["account.full.reconcile"]
        terms = self.get_terms(self.invoice)
        values = {
            "reconciled_line_ids": [Command.link(terms.id)],
            "partial_reconcile_ids": [Command.link(self.partial.id)],
        }
        for user in self.staff:
            for vals in (values, dict.fromkeys(values, [])):
                with self.assertRefused("use Reconcile", AccessError):
                    fulls.with_user(user).create(vals)
        self.assertFalse(terms.full_reconcile_id)
        self.other.record_external_payment(500.0)
        full = self.get_terms(self.other).full_reconcile_id
        self.assertTrue(full)
        self._keep()
        for name, links in values.items():
            self.assertSealed(full, {name: links})
        self.assertSealed(self.partial, {"full_reconcile_id": full.id})
        self.assertSealed(terms, {"full_reconcile_id": full.id})
        self.assertSealed(terms, {"matching_number": str(full.id)})
        for user in self.staff:
            with self.assertRefused("cannot be deleted", AccessError):
                full.with_user(user).unlink()
        self.assertTrue(full.exists())

    def test_payments_of_an_invoice(self):
        """One without an entry would say that the invoice is paid."""
        self.make_line_without_account()
        payment = (
            self.env["account.payment"]
            .with_user(self.accountant)
            .create({"amount": 1.0, "partner_id": self.partner.id})
        )
        payment.action_post()
        self.assertFalse(payment.move_id)
        self._keep()
        link = [Command.link(payment.id)]
        self.assertSealed(self.other, {"matched_payment_ids": link}, "use Reconcile")
        self.assertSealed(self.other, {"payment_ids": link})
        paid = [Command.link(self.other.id)]
        self.assertSealed(payment, {"invoice_ids": paid})
        self.assertSealed(payment, {"move_id": self.other.id}, "use Confirm")
        with self.assertRefused("use Confirm", AccessError):
            payment.create({"amount": 1.0, "move_id": self.other.id})
        self.assertEqual(self.other.payment_state, "not_paid")
        found = self.env["account.payment.tie.out"].sudo().check(self.company.ids)
        self.assertEqual(found, [])

    def make_line_without_account(self):
        """Let payments have no entry until the bank's statement shows them."""
        # As it is where Odoo's accounting matches the statements.
        moves = self.env.registry["account.move"]
        self.patch(moves, "_get_invoice_in_payment_state", lambda move: "in_payment")
        bank = self.company_data["default_journal_bank"].with_env(self.env)
        lines = bank.inbound_payment_method_line_ids.filtered(
            lambda line: line.code == "manual"
        )
        lines.payment_account_id = False
        self._keep()

    def test_lines_of_statements(self):
        """A line is deleted with its entry: it would take any other one along."""
        line = self.make_bank_line()
        self._keep()
        self.assertSealed(line, {"move_id": self.other.id}, "makes the entry")
        self.assertSealed(line, {"is_reconciled": True})
        link = [Command.link(line.id)]
        self.assertSealed(self.other, {"statement_line_ids": link})
        self.assertSealed(self.get_terms(self.other), {"statement_line_id": line.id})
        with self.assertRefused("makes the entry", AccessError):
            line.create(
                {
                    "journal_id": line.journal_id.id,
                    "amount": 1,
                    "move_id": self.other.id,
                }
            )
        line.unlink()
        self.assertTrue(self.other.exists())

    def test_discount_of_an_invoice(self):
        """It would give away the rest of the invoice, without the level for it."""
        terms = self.make_discount_terms(2, 3650)
        invoice = self.make_invoice(500, invoice_payment_term_id=terms.id)
        line = self.get_terms(invoice)
        self.assertEqual(line.discount_amount_currency, 490.0)
        self._keep()
        for values in (
            {"discount_amount_currency": 1.0},
            {"discount_balance": 1.0},
            {"discount_date": "2099-01-01"},
        ):
            self.assertSealed(line, values)
        longer = self.make_discount_terms(90, 3650)
        self._keep()
        unlocked = {"skip_readonly_check": True}
        for values in (
            {"invoice_payment_term_id": longer.id},
            {"invoice_date": "2026-11-01"},
        ):
            self.assertSealed(invoice, values, **unlocked)

    def test_customer_of_an_invoice(self):
        """The saved methods of another customer would pay it."""
        stranger = self.env["res.partner"].create({"name": "Somebody else"})
        invoice = self.make_invoice(500, partner_id=stranger.id)
        self.assertSealed(invoice, {"commercial_partner_id": self.partner.id})
        with self.assertRefused(""):
            invoice.charge(self.token.id)

    # === WHAT ODOO DOES === #

    def test_exchange_differences(self):
        """They come with a match of the staff, and go with it."""
        euro = self.make_currency("EUR", 2.0)
        self.set_rate(euro, "2026-06-01", 4.0)
        invoice = self.make_invoice(500, currency_id=euro.id)
        invoice.record_external_payment(500.0)
        partials = self.get_terms(invoice).matched_credit_ids
        partial = partials.filtered("exchange_move_id")
        difference = partial.exchange_move_id
        self.assertEqual(difference.state, "posted")
        self.assertTrue(self.get_terms(invoice).full_reconcile_id)
        invoice.js_remove_outstanding_partial(partial.id)
        self.assertEqual(difference.reversal_move_ids.state, "posted")
        self.assertFalse(self.get_terms(invoice).full_reconcile_id)
        self.assertEqual(invoice.amount_residual, 500.0)

    def test_taxes_that_are_due_when_paid(self):
        self.company.with_env(self.env).tax_exigibility = True
        transition = self.company_data["default_account_tax_sale"].with_env(self.env)
        transition = transition.copy({"reconcile": True})
        tax = self.company_data["default_tax_sale"].with_env(self.env)
        tax = tax.copy(
            {
                "name": "Due when paid",
                "amount": 10,
                "tax_exigibility": "on_payment",
                "cash_basis_transition_account_id": transition.id,
            }
        )
        item = {"name": "Taxed", "price_unit": 100.0, "tax_ids": [tax.id]}
        invoice = self.make_invoice(invoice_line_ids=[Command.create(item)])
        payment = self.register_payment(invoice)
        of_invoice = [("tax_cash_basis_origin_move_id", "=", invoice.id)]
        entry = self.env["account.move"].search(of_invoice)
        self.assertEqual(entry.state, "posted")
        partial = entry.tax_cash_basis_rec_id
        self.assertEqual(partial.credit_move_id.payment_id, payment)
        invoice.js_remove_outstanding_partial(partial.id)
        reversal = self.env["account.move"].search([*of_invoice, ("id", ">", entry.id)])
        self.assertEqual(reversal.reversed_entry_id, entry)
        self.assertEqual(reversal.state, "posted")

    def test_match_with_the_bank(self):
        line = self.make_bank_line()
        self.match_with_bank(line, self.get_terms(self.other))
        self.assertEqual(self.other.amount_residual, 0.0)
        self.assertTrue(self.get_terms(self.other).full_reconcile_id)
        self.get_terms(self.other).with_user(self.accountant).remove_move_reconcile()
        self.assertEqual(self.other.amount_residual, 500.0)
        self.assertFalse(self.get_terms(self.other).matching_number)

    def test_odoos_dialog_without_an_entry(self):
        self.make_line_without_account()
        payment = self.register_payment(self.other)
        self.assertFalse(payment.move_id)
        self.assertEqual(self.other.matched_payment_ids, payment)
        self.assertNotEqual(self.other.payment_state, "not_paid")

    def test_import_of_matched_entries(self):
        """Drafts have a number by which they are matched when they are posted."""
        receivable = self.partner.property_account_receivable_id
        bank = self.company_data["default_journal_bank"].default_account_id
        entries = self.env["account.move"].with_user(self.accountant)
        for sign in (1, -1):
            amounts = {"debit": 70.0} if sign > 0 else {"credit": 70.0}
            opposite = {"credit": 70.0} if sign > 0 else {"debit": 70.0}
            item = {
                "account_id": receivable.id,
                "partner_id": self.partner.id,
                "matching_number": "Import-1",
            }
            entries |= entries.create(
                {
                    "move_type": "entry",
                    "line_ids": [
                        Command.create({**item, **amounts}),
                        Command.create({"account_id": bank.id, **opposite}),
                    ],
                }
            )
        entries.action_post()
        self.assertTrue(all(self.get_terms(entries).mapped("reconciled")))

    def test_import_of_numbers_of_posted_entries(self):
        """Posted items that nothing is matched with have a number to match by, too."""
        terms = self.get_terms(self.other).with_user(self.accountant)
        terms.matching_number = "2026-7"
        self.assertEqual(terms.matching_number, "I2026-7")
