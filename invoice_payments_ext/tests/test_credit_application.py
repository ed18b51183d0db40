from contextlib import ExitStack, contextmanager
from datetime import timedelta
from unittest.mock import patch

import requests

from odoo import fields
from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import Form, tagged

from . import test_credit_balance
from .test_refund import RefundCommon


class CreditCommon(RefundCommon):
    """A customer for whom 300 are held, and an invoice of 1,000."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.credit_adjustment_account_id = cls.company_data[
            "default_account_expense"
        ]

    def setUp(self):
        super().setUp()
        self.company = self.company.with_env(self.env)
        self.customer = self.partner.with_user(self.supervisor)
        self.customer.adjust_credit_balance(300, reason="Goodwill")
        self._keep()

    _balance = test_credit_balance.TestCreditBalance._balance
    _history = test_credit_balance.TestCreditBalance._history

    def _make_discounted_invoice(self, computation="included", **values):
        """Return an invoice of 200 that 196 pay in time."""
        term = self.env["account.payment.term"].create(
            {
                "name": "2% in 10 days",
                "early_discount": True,
                "discount_percentage": 2,
                "discount_days": 10,
                "early_pay_discount_computation": computation,
                "line_ids": [Command.create({"value": "percent", "value_amount": 100})],
            }
        )
        return self.make_invoice(
            200.0,
            **{"invoice_date": False, "invoice_payment_term_id": term.id, **values},
        )

    @contextmanager
    def assertLockedFirst(self):
        """Assert that the balances that are changed were locked before all else."""
        balances = type(self.env["account.credit.balance"])
        mixins = [type(self.env[name]) for name in ("account.move", "account.payment")]
        get_locked, lock_rows = balances._get_locked, mixins[0]._lock_rows
        first, later, others = set(), set(), []

        def spy_on_balances(records, owners):
            owners = set(owners)
            (later if others else first).update(owners)
            return get_locked(records, owners)

        def spy_on_rows(records):
            others.append(records)
            return lock_rows(records)

        with ExitStack() as stack:
            stack.enter_context(patch.object(balances, "_get_locked", spy_on_balances))
            for mixin in mixins:
                stack.enter_context(patch.object(mixin, "_lock_rows", spy_on_rows))
            yield
        self.assertTrue(later, "no balance was changed after an invoice was locked")
        self.assertEqual(later - first, set(), "locked after invoices or payments")
        self.assertEqual(first - later, set(), "locked, but not changed")

    def move_contact(self):
        """Give the customer a parent: what is held stays the customer's own."""
        self.partner.parent_id = self.env["res.partner"].create(
            {"name": "Parent", "is_company": True}
        )

    def held(self, currency=None):
        """Return what is held for the customer."""
        return self._balance(currency=currency).amount

    def balance(self):
        """Return the balance, as the supervisor sees it."""
        return self._balance().with_user(self.supervisor)

    def pay_out_to_card(self, payment, amount, answer="done", **values):
        """Pay out to the card of a payment, with this answer of the gateway."""
        self.gateway.answers = [answer]
        return self.balance().pay_out(
            amount, reason="Asked for", payment_id=payment.id, **values
        )

    def types(self):
        """Return the types and amounts of the history, without the first."""
        return [(kind, amount) for kind, amount, _after in self._history()[1:]]

    @staticmethod
    def copy_reversed(entry):
        """Return a draft that reverses an entry, made past Odoo's own form."""
        reversal = entry.copy({"reversed_entry_id": entry.id})
        debit, credit = reversal.line_ids.sorted("balance", reverse=True)
        debit.account_id, credit.account_id = credit.account_id, debit.account_id
        return reversal


@tagged("post_install", "-at_install")
class TestCreditByHand(CreditCommon):
    """Credit that is spent on an open invoice, and given back."""

    def test_in_part(self):
        payment = self.invoice.apply_credit_balance()
        self.assertEqual(payment.amount, 300)
        self.assertEqual(self.invoice.amount_residual, 700)
        self.assertEqual(self.held(), 0)
        self.assertEqual(self.types(), [("applied", -300.0)])
        entry = self._balance().entry_ids[0]
        self.assertEqual(entry.invoice_id, self.invoice)
        self.assertEqual(entry.label, f"Applied to {self.invoice.name}")
        row = self.row(payment)
        self.assertEqual(row["kind"], "credit")
        self.assertEqual(row["amount_applied"], 300)
        self.assertTrue(self.action(row, "undo_credit")["enabled"])
        self.assertIsNone(self.action(row, "refund"))

    def test_an_amount(self):
        self.invoice.apply_credit_balance(amount=120.5)
        self.assertEqual(self.invoice.amount_residual, 879.5)
        self.assertEqual(self.held(), 179.5)

    def test_no_more_than_remains(self):
        self.record(900)
        payment = self.invoice.apply_credit_balance()
        self.assertEqual(payment.amount, 100)
        self.assertEqual(self.held(), 200)
        self.assertIn(self.invoice.payment_state, ("paid", "in_payment"))

    def test_bad_amounts(self):
        for amount, message in (
            (0, "above zero"),
            (-5, "above zero"),
            (1.001, "finer than"),
            (300.01, "above the credit balance"),
            (1000.01, "above the remaining"),
            ("many", "must be a number"),
            (float("nan"), "must be a number"),
        ):
            with self.subTest(amount=amount), self.assertRefused(message):
                self.invoice.apply_credit_balance(amount=amount)
        self.assertEqual(self.held(), 300)
        self.assertEqual(self.invoice.amount_residual, 1000)

    def test_same_key_spends_once(self):
        first = self.invoice.apply_credit_balance(100, idempotency_key="credit-1")
        again = self.invoice.apply_credit_balance(100, idempotency_key="credit-1")
        self.assertEqual(first, again)
        self.assertEqual(self.held(), 200)
        with self.assertRefused("other values"):
            self.invoice.apply_credit_balance(50, idempotency_key="credit-1")

    def test_another_currency_is_not_spent(self):
        euro = self.make_currency("EUR")
        invoice = self.make_invoice(currency_id=euro.id)
        with self.assertRefused("Nothing is held in EUR"):
            invoice.apply_credit_balance()

    def test_in_a_foreign_currency(self):
        euro = self.make_currency("EUR")
        self.customer.adjust_credit_balance(50, euro.id, reason="Goodwill")
        invoice = self.make_invoice(currency_id=euro.id, post=False)
        invoice.apply_credit = False
        invoice.action_post()
        invoice.apply_credit_balance()
        self.assertEqual(invoice.amount_residual, 950)
        self.assertEqual((self.held(euro), self.held()), (0, 300))

    def test_nothing_while_a_charge_is_unknown(self):
        self.gateway.answers = [TimeoutError()]
        self.invoice.charge(self.token.id, amount=100)
        with self.assertRefused("is unknown"):
            self.invoice.apply_credit_balance()
        self.assertEqual(self.held(), 300)

    def test_nothing_while_a_customer_is_paying(self):
        """A part could be spent beside it, but the amount may still change."""
        self.make_portal_transaction("pending")
        with self.assertRefused("is in flight"):
            self.invoice.apply_credit_balance()
        with self.assertRefused("is in flight"):
            self.register_payment(
                self.invoice,
                journal_id=self.company.credit_balance_journal_id.id,
                amount=60,
            )
        self.assertEqual(self.held(), 300)

    def test_rights(self):
        user = self.make_user(
            "reader", "base.group_user,account.group_account_readonly"
        )
        with self.assertRefused("no right to record", AccessError):
            self.invoice.with_user(user).apply_credit_balance()

    def test_undo(self):
        payment = self.invoice.apply_credit_balance(120)
        undone = payment.undo_credit_application("A mistake")
        self.assertEqual(undone.source_payment_id, payment)
        self.assertEqual(self.invoice.amount_residual, 1000)
        self.assertEqual(self.held(), 300)
        self.assertEqual(self.types(), [("applied", -120.0), ("unapplied", 120.0)])
        entry = self._balance().entry_ids[0]
        self.assertEqual(entry.note, "A mistake")
        self.assertEqual(entry.label, f"Application undone: {self.invoice.name}")
        self.assertEqual(payment.state, "paid")
        self.assertFalse(self.invoice.refund_status)
        row = self.row(payment)
        self.assertEqual(row["amount_refunded"], 120)
        self.assertFalse(self.action(row, "undo_credit")["enabled"])
        with self.assertRefused("is refunded already"):
            payment.undo_credit_application()

    def test_undo_gives_no_money(self):
        """It does not count towards the limit for one person."""
        self.company.payment_approval_limit = 100
        payment = self.invoice.with_user(self.supervisor).apply_credit_balance(90)
        payment.undo_credit_application()
        refund = self.refund(self.charge(), 20)
        self.assertEqual(refund._name, "account.payment")

    def test_added_to_another_invoice(self):
        """What was taken off an invoice pays another one by the same rules."""
        applied = self.invoice.apply_credit_balance(100).sudo()
        applied.move_id.line_ids.remove_move_reconcile()
        line = applied._get_receivable_lines()
        euro = self.make_currency("EUR")
        foreign = self.make_invoice(currency_id=euro.id).sudo()
        with self.assertRefused("of that currency only"):
            foreign.js_assign_outstanding_line(line.id)
        other = self.make_invoice(500.0, apply_credit=False)
        self.gateway.answers = ["pending"]
        attempt = other.charge(self.token.id, amount=100).sudo()
        with self.assertRefused("is in flight"):
            other.sudo().js_assign_outstanding_line(line.id)
        self.gateway.notify(attempt, "done")
        attempt._post_process()
        other.sudo().js_assign_outstanding_line(line.id)
        self.assertEqual(other.amount_residual, 300)

    def test_outstanding_credit_beside_a_charge(self):
        """Money is added as far as the charge in flight leaves room for it."""
        other = self.make_invoice(1000.0, apply_credit=False)
        large, small = (
            other.record_external_payment(amount=amount).sudo() for amount in (700, 50)
        )
        for payment in large | small:
            payment.move_id.line_ids.remove_move_reconcile()
        self.gateway.answers = ["authorized"]
        attempt = self.invoice.charge(self.token.id, amount=400)
        with self.assertRefused("1,000.00 remain, .*400.00 are in flight"):
            self.invoice.sudo().js_assign_outstanding_line(
                large._get_receivable_lines().id
            )
        self.invoice.sudo().js_assign_outstanding_line(small._get_receivable_lines().id)
        self.assertEqual(self.invoice.amount_residual, 950)
        self.gateway.answers = ["done"]
        attempt.capture()
        self.invoice.sudo().js_assign_outstanding_line(large._get_receivable_lines().id)
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_undo_from_the_row(self):
        payment = self.invoice.apply_credit_balance()
        action = payment.action_undo_credit_application()
        self.assertIn("300.00", action["params"]["message"])
        self.assertEqual(self.held(), 300)

    def test_only_credit_is_undone_so(self):
        with self.assertRefused("not paid from a credit balance"):
            self.record(100).undo_credit_application()

    def test_credit_does_not_leave_by_a_refund(self):
        payment = self.invoice.apply_credit_balance()
        with self.assertRefused("it goes back there"):
            self.refund(payment, to="outside")
        self.refund(payment, amount=100, to="original")
        self.assertEqual(self.held(), 100)

    def test_undone_when_the_invoice_is_reset(self):
        self.invoice.apply_credit_balance()
        self.record(200)
        self.invoice.button_draft()
        self.assertEqual(self.held(), 300)
        self.assertEqual(self.types(), [("applied", -300.0), ("unapplied", 300.0)])

    def test_undone_when_the_invoice_is_cancelled(self):
        self.invoice.apply_credit_balance()
        self.invoice.button_cancel()
        self.assertEqual(self.invoice.state, "cancel")
        self.assertEqual(self.held(), 300)

    def test_undone_when_the_invoice_is_credited(self):
        self.invoice.apply_credit_balance()
        self.invoice.issue_credit_note(amount=1000, reason="Wrong")
        self.assertEqual(self.held(), 300)
        self.assertEqual(self.types(), [("applied", -300.0), ("unapplied", 300.0)])
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_undone_by_odoo_s_own_credit_note(self):
        self.invoice.apply_credit_balance()
        self.record(600)
        credit_note = self.make_credit_note(self.invoice, 250)
        self.assertEqual(self.held(), 150)
        self.assertEqual(self.types(), [("applied", -300.0), ("unapplied", 150.0)])
        self.assertEqual(credit_note.amount_residual, 0)
        self.assertEqual(self.invoice.amount_residual, 0)
        rest = self.make_credit_note(self.invoice, 750)
        self.assertEqual(self.held(), 300)
        self.assertEqual(rest.amount_residual, 600)

    def test_undone_when_the_invoice_is_replaced(self):
        """Odoo takes off all that paid an invoice that is replaced by another one."""
        self.invoice.apply_credit_balance()
        reversal = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=self.invoice.ids)
            .create({"journal_id": self.invoice.sudo().journal_id.id})
        )
        draft = self.env["account.move"].browse(reversal.modify_moves()["res_id"])
        self.assertEqual(self.invoice.payment_state, "reversed")
        self.assertEqual(self.held(), 300)
        draft.action_post()
        self.assertEqual(draft.amount_residual, 700)
        self.assertEqual(self.held(), 0)

    def test_from_the_dialog(self):
        form = Form(
            self.env["account.payment.create"]
            .with_user(self.supervisor)
            .with_context(default_move_id=self.invoice.id)
        )
        options = {option["value"]: option for option in form.method_options}
        self.assertIn("300.00", options["credit"]["detail"])
        form.method = "external"
        self.assertEqual(form.amount, 1000)
        form.method = "credit"
        self.assertEqual(form.amount, 300)
        form.method = "external"
        self.assertEqual(form.amount, 1000)
        form.amount = 250
        form.method = "credit"
        self.assertEqual(form.amount, 250)
        form.amount = 300
        form.save().action_apply_credit()
        self.assertEqual(self.held(), 0)


@tagged("post_install", "-at_install")
class TestCreditAtIssue(CreditCommon):
    """Credit that is spent when an invoice is issued."""

    def test_pays_what_it_can(self):
        invoice = self.make_invoice(500.0)
        self.assertEqual(invoice.amount_residual, 200)
        self.assertEqual(self.held(), 0)

    def test_pays_no_more_than_the_total(self):
        invoice = self.make_invoice(100.0)
        self.assertEqual(invoice.amount_residual, 0)
        self.assertEqual(self.held(), 200)

    def test_after_tax(self):
        tax = self.env["account.tax"].create({"name": "20%", "amount": 20})
        invoice = self.make_invoice(
            invoice_line_ids=[
                Command.create({"name": "A", "price_unit": 100, "tax_ids": tax.ids})
            ]
        )
        self.assertEqual(invoice.amount_residual, 0)
        self.assertEqual(self.held(), 180)

    def test_switches(self):
        def issue():
            return self.make_invoice(100.0).amount_residual

        self.company.credit_applied_at_issue = False
        self.assertEqual(issue(), 100)
        self.company.credit_applied_at_issue = True
        self.partner.credit_applied_at_issue = False
        self.assertEqual(issue(), 100)
        self.partner.credit_applied_at_issue = True
        draft = self.make_invoice(100.0, post=False)
        self.assertTrue(draft.apply_credit)
        self.assertEqual(draft.available_credit, 300)
        draft.apply_credit = False
        draft.action_post()
        self.assertEqual(draft.amount_residual, 100)
        self.assertEqual(issue(), 0)

    def test_switches_hold_for_the_drafts_there_are(self):
        """A recurring invoice is drafted long before it is issued."""
        for record in (self.company, self.partner):
            with self.subTest(record=record):
                draft = self.make_invoice(100.0, post=False)
                record.credit_applied_at_issue = False
                self.assertFalse(draft.apply_credit)
                record.credit_applied_at_issue = True
                self.assertTrue(draft.apply_credit)
                draft.apply_credit = False
                record.credit_applied_at_issue = True  # As saving the settings does.
                self.assertFalse(draft.apply_credit)
                record.credit_applied_at_issue = False
                draft.action_post()
                self.assertEqual(draft.amount_residual, 100)
                record.credit_applied_at_issue = True
        self.assertEqual(self.held(), 300)

    def test_several_at_once_share_the_balance(self):
        """In whatever order they are chosen: what is due first is paid first."""
        drafts = self.env["account.move"].union(
            *(
                self.make_invoice(200.0, post=False, invoice_date_due=due)
                for due in ("2026-04-01", "2026-02-01", "2026-03-01")
            )
        )
        drafts.action_post()
        self.assertEqual(drafts.mapped("amount_residual"), [200, 0, 100])
        self.assertEqual(self.held(), 0)

    def test_nothing_while_a_charge_is_in_flight(self):
        """A customer may have paid the draft, of which the answer is outstanding."""
        draft = self.make_invoice(500.0, post=False)
        self._create_transaction(
            "redirect", amount=100.0, invoice_ids=[Command.set(draft.ids)]
        )._set_pending()
        draft.action_post()
        self.assertEqual(draft.amount_residual, 500)
        self.assertEqual(self.held(), 300)

    def test_issued_again_after_a_reset(self):
        invoice = self.make_invoice(100.0)
        invoice.button_draft()
        self.assertEqual(self.held(), 300)
        invoice.action_post()
        self.assertEqual(invoice.amount_residual, 0)
        self.assertEqual(self.held(), 200)

    def test_issued_with_the_defaults_of_a_dialog(self):
        draft = self.make_invoice(100.0, post=False)
        draft.with_context(
            default_move_type="out_invoice", default_journal_id=draft.journal_id.id
        ).action_post()
        self.assertEqual(draft.amount_residual, 0)

    def test_what_was_paid_before_it_was_issued(self):
        """A card may have paid the order: Odoo matches that when it is issued."""
        draft = self.make_invoice(500.0, post=False)
        tx = self._create_transaction(
            "redirect", amount=450.0, state="done", currency_id=draft.currency_id.id
        )
        tx._create_payment()
        tx.invoice_ids = draft
        draft.action_post()
        self.assertEqual(draft.amount_residual, 450)
        self.assertEqual(self.held(), 250)

    def test_spent_in_a_locked_period(self):
        """It is booked on the day after, as Odoo does with other payments."""
        today = fields.Date.context_today(self.company)
        self.company.fiscalyear_lock_date = today
        payment = self.invoice.apply_credit_balance(100)
        self.assertEqual(self.held(), 200)
        self.assertEqual(payment.date, today + timedelta(days=1))
        payment.with_user(self.supervisor).undo_credit_application()
        self.assertEqual(self.held(), 300)

    def test_early_payment_discount(self):
        invoice = self._make_discounted_invoice()
        self.assertEqual(invoice.amount_residual, 0)
        self.assertEqual(self.held(), 104)

    def test_early_payment_discount_of_an_invoice_reset_twice(self):
        invoice = self._make_discounted_invoice()
        for _time in range(2):
            invoice.button_draft()
            self.assertEqual(self.held(), 300)
            invoice.action_post()
            self.assertEqual(invoice.amount_residual, 0)
            self.assertEqual(self.held(), 104)
        latest = invoice._get_payments_to_return().sorted("id")[-1]
        latest.undo_credit_application()
        self.assertEqual(self.held(), 300)
        invoice.button_cancel()
        self.assertEqual(self.held(), 300)

    def test_issue_and_charge_charges_the_rest(self):
        draft = self.make_invoice(500.0, post=False)
        attempt = draft.issue_and_charge(self.token.id)
        self.assertEqual(attempt.amount, 200)
        self.assertEqual(draft.amount_residual, 0)
        self.assertEqual(self.held(), 0)

    def test_issue_and_charge_says_what_is_charged(self):
        draft = self.make_invoice(500.0, post=False)
        form = Form(
            self.env["account.payment.create"]
            .with_user(self.accountant)
            .with_context(**draft.action_issue_and_charge()["context"])
        )
        self.assertEqual((form.applied_credit, form.amount), (300, 200))

    def test_issue_and_charge_of_what_a_method_can_take(self):
        """The limit of the payment provider is for what is left."""
        self.provider.maximum_amount = 250
        draft = self.make_invoice(500.0, post=False)
        attempt = draft.issue_and_charge(self.token.id)
        self.assertEqual(attempt.outcome, "succeeded")

    def test_issue_and_charge_of_what_credit_pays(self):
        draft = self.make_invoice(100.0, post=False)
        attempt = draft.issue_and_charge(self.token.id, idempotency_key="covered")
        self.assertFalse(attempt)
        self.assertFalse(self.gateway.requests)
        again = draft.issue_and_charge(self.token.id, idempotency_key="covered")
        self.assertFalse(again)
        self.assertEqual(self.held(), 200)

    def test_printed(self):
        invoice = self.make_invoice(500.0)
        html = self.env["ir.actions.report"]._render_qweb_html(
            "account.report_invoice_with_payments", invoice.ids
        )[0]
        self.assertIn(b"Credit applied on", html)
        self.assertNotIn(b"Paid on", html)


@tagged("post_install", "-at_install")
class TestMoneyToCredit(CreditCommon):
    """Money that is kept for the customer."""

    def test_excess_is_refused_by_default(self):
        with self.assertRefused("above the remaining amount"):
            self.record(1200)

    def test_excess_is_kept(self):
        payment = self.record(1200, excess="credit", idempotency_key="excess")
        self.assertEqual(payment.amount, 1200)
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertFalse(self.receivable(payment))
        self.assertEqual(self.held(), 500)
        self.assertEqual(self.types(), [("overpayment", 200.0)])
        self.assertFalse(self.invoice.refund_status)
        self.assertEqual(payment._get_refundable_amount(), 1000)
        again = self.record(1200, excess="credit", idempotency_key="excess")
        self.assertEqual(payment, again)
        self.assertEqual(self.held(), 500)

    def test_excess_of_a_wrong_kind(self):
        with self.assertRefused("kept as credit"):
            self.record(1200, excess="tip")

    def test_excess_from_the_dialog(self):
        form = Form(
            self.env["account.payment.create"]
            .with_user(self.supervisor)
            .with_context(default_move_id=self.invoice.id)
        )
        form.method = "external"
        form.amount = 1200
        self.assertEqual(form.excess_amount, 200)
        form.keep_excess = True
        dialog = form.save()
        for _click in range(2):
            told = dialog.action_record()["params"]["message"]
            self.assertIn("200.00 of it is kept as credit", told)
        self.assertEqual(self.held(), 500)

    def test_excess_over_the_discounted_amount_from_the_dialog(self):
        self.company.credit_applied_at_issue = False
        invoice = self._make_discounted_invoice()
        form = Form(
            self.env["account.payment.create"]
            .with_user(self.supervisor)
            .with_context(default_move_id=invoice.id)
        )
        form.method = "external"
        self.assertEqual((form.amount, form.excess_amount), (196, 0))
        form.amount = 250
        self.assertEqual(form.excess_amount, 54)
        form.keep_excess = True
        form.save().action_record()
        self.assertEqual(self.held(), 354)

    def test_excess_beside_an_early_payment_discount(self):
        """What is above the discounted amount is kept: the discount is granted."""
        self.company.credit_applied_at_issue = False
        for amount, kept in ((250, 54), (200, 4), (197.5, 1.5)):
            with self.subTest(amount):
                held = self.held()
                self.invoice = self._make_discounted_invoice()
                payment = self.record(amount, excess="credit")
                self.assertEqual(payment.amount, amount)
                self.assertEqual(self.invoice.amount_residual, 0)
                self.assertFalse(self.receivable(payment))
                self.assertAlmostEqual(self.held() - held, kept)
                self.assertAlmostEqual(payment._get_refundable_amount(), 196)

    def test_excess_beside_a_discount_of_the_tax_and_in_another_currency(self):
        self.company.credit_applied_at_issue = False
        euro = self.make_currency("EUR")
        self.set_rate(euro, "2025-12-01", 3.0)
        for computation in ("included", "excluded", "mixed"):
            with self.subTest(computation):
                held = self.held(euro) if self._balance(currency=euro) else 0
                self.invoice = invoice = self._make_discounted_invoice(
                    computation,
                    currency_id=euro.id,
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
                settling = invoice._get_default_payment_amount()
                self.assertLess(settling, invoice.amount_total)
                payment = self.record(settling + 0.01, excess="credit")
                self.assertEqual(invoice.amount_residual, 0)
                self.assertFalse(self.receivable(payment))
                self.assertAlmostEqual(self.held(euro) - held, 0.01)

    def test_no_excess_beside_an_early_payment_discount(self):
        self.company.credit_applied_at_issue = False
        for amount, remaining in ((196, 0), (100, 100)):
            with self.subTest(amount):
                self.invoice = self._make_discounted_invoice()
                self.record(amount, excess="credit")
                self.assertEqual(self.invoice.amount_residual, remaining)
                self.assertEqual(self.held(), 300)

    def test_excess_beside_a_discount_that_is_over(self):
        self.company.credit_applied_at_issue = False
        self.invoice = self._make_discounted_invoice(invoice_date="2026-01-01")
        self.record(250, excess="credit")
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertEqual(self.held(), 350)

    def test_excess_in_another_currency(self):
        """It is kept in the currency in which it was received."""
        journal = self.make_currency_journal()
        euro = journal.currency_id
        values = {"journal_id": journal.id, "excess": "credit"}
        payment = self.record(1200, idempotency_key="euro", **values)
        self.assertEqual((payment.amount, payment.currency_id), (3600, euro))
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertFalse(self.receivable(payment))
        self.assertEqual(self.held(), 300)
        self.assertEqual(self.held(euro), 600)
        self.assertEqual(payment._get_refundable_amount(), 3000)
        self.assertEqual(self.record(1200, idempotency_key="euro", **values), payment)
        self.assertEqual(self.held(euro), 600)

    def test_excess_in_a_third_currency(self):
        journal = self.make_currency_journal()
        euro = journal.currency_id
        yen = self.make_currency("JPY", 100.0)
        self.set_rate(yen, "2026-01-02", 150.0)
        # 900 in the company's currency when issued, as 2,700 euro are; the payments are
        # what the yen are on the day, in euro.
        for rate, amount, paid, remaining, kept in (
            (150.0, 150000, 3000, 0, 300),
            (150.0, 120000, 2400, 10000, 0),
            (75.0, 90000, 3600, 0, 900),
            (75.0, 60000, 2400, 10000, 0),
        ):
            with self.subTest(rate=rate, amount=amount):
                yen.rate_ids.filtered(lambda r: str(r.name) == "2026-01-02").rate = rate
                before = self.held(euro) if self._balance(currency=euro) else 0
                self.invoice = self.make_invoice(
                    90000, currency_id=yen.id, invoice_date="2026-01-01"
                )
                payment = self.record(amount, journal_id=journal.id, excess="credit")
                self.assertEqual((payment.amount, payment.currency_id), (paid, euro))
                self.assertEqual(self.invoice.amount_residual, remaining)
                self.assertFalse(self.receivable(payment))
                self.assertEqual(self.held(euro) - before, kept)

    def test_excess_in_a_third_currency_from_the_dialog(self):
        journal = self.make_currency_journal()
        yen = self.make_currency("JPY", 100.0)
        self.set_rate(yen, "2026-01-02", 75.0)
        self.invoice = self.make_invoice(
            90000, currency_id=yen.id, invoice_date="2026-01-01"
        )
        dialogs = self.env["account.payment.register"].search_count([])
        form = Form(
            self.env["account.payment.create"]
            .with_user(self.supervisor)
            .with_context(default_move_id=self.invoice.id)
        )
        form.method = "external"
        self.assertEqual((form.amount, form.excess_amount), (90000, 0))
        form.journal_id = journal
        self.assertEqual(form.excess_amount, 900)
        form.amount = 60000
        self.assertEqual(form.excess_amount, 0)
        self.assertEqual(self.env["account.payment.register"].search_count([]), dialogs)

    def test_excess_that_an_exchange_difference_took(self):
        journal = self.make_currency_journal()
        yen = self.make_currency("JPY", 100.0)
        yen.rounding = 0.01
        self.invoice = self.make_invoice(
            90000.33, currency_id=yen.id, invoice_date="2026-01-01"
        )
        payments = self.env["account.payment"].search_count([])
        self.record(90000.34, journal_id=journal.id, excess="credit")
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertEqual(self.env["account.payment"].search_count([]), payments + 1)

    def test_excess_that_the_journals_currency_cannot_hold(self):
        yen = self.make_currency("JPY", 1)
        journal = self.make_currency_journal(yen)
        payment = self.record(1000.01, journal_id=journal.id, excess="credit")
        self.assertEqual((payment.amount, payment.currency_id), (1000, yen))
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertEqual(self.held(yen), 0)

    def test_unallocated_payment(self):
        payment = self.record(400)
        payment.move_id.line_ids.remove_move_reconcile()
        line = payment._get_receivable_lines()
        kept = line.move_to_credit_balance(150, idempotency_key="keep")
        self.assertEqual(kept.amount, 150)
        self.assertEqual(line.move_to_credit_balance(150, "keep"), kept)
        self.assertEqual(self.receivable(payment), -250)
        self.assertEqual(self.held(), 450)
        line.move_to_credit_balance()
        self.assertEqual(self.held(), 700)
        self.assertEqual(self.invoice.amount_residual, 1000)
        with self.assertRefused("Nothing of"):
            line.move_to_credit_balance()

    def test_payment_of_no_invoice_by_one_click(self):
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.partner.id,
                "amount": 80,
                "journal_id": self.company_data["default_journal_bank"].id,
            }
        )
        payment.action_post()
        payment.with_user(self.accountant).action_move_to_credit_balance()
        self.assertEqual(self.types(), [("overpayment", 80.0)])
        self.assertTrue(payment.is_reconciled)
        with self.assertRefused("Nothing of"):
            payment.with_user(self.accountant).action_move_to_credit_balance()

    def test_credit_that_is_applied_to_nothing_any_more(self):
        payment = self.invoice.apply_credit_balance(100)
        payment.move_id.line_ids.remove_move_reconcile()
        payment._get_receivable_lines().move_to_credit_balance()
        self.assertEqual(self.invoice.amount_residual, 1000)
        self.assertEqual(self.held(), 300)
        with self.assertRefused("refunded already"):
            payment.undo_credit_application()
        self.assertEqual(self.held(), 300)

    def test_application_that_was_undone_is_not_reset(self):
        applied = self.invoice.apply_credit_balance(100)
        undone = applied.undo_credit_application()
        for reset in (
            applied.action_draft,
            applied.action_cancel,
            applied.move_id.button_draft,
        ):
            with self.assertRefused("gave back"):
                reset()
        self.assertEqual(self.held(), 300)
        undone.action_draft()
        applied.action_draft()
        self.assertEqual(self.held(), 300)
        applied.action_cancel()
        undone.action_cancel()

    def test_what_was_undone_is_not_posted_without_its_payment(self):
        applied = self.invoice.apply_credit_balance(100)
        undone = applied.undo_credit_application()
        undone.action_draft()
        applied.action_draft()
        with self.assertRefused("is not posted"):
            undone.action_post()
        self.assertEqual(self.held(), 300)
        applied.action_post()
        self.assertEqual(self.held(), 200)
        undone.action_post()
        self.assertEqual(self.held(), 300)

    def test_what_was_undone_and_is_reversed(self):
        """Whichever comes first: a draft that gives back, or one that reverses."""
        applied = self.invoice.apply_credit_balance(100)
        undone = applied.undo_credit_application()
        undone.action_draft()
        entry = applied.sudo().move_id
        for is_cancelled in (True, False):
            with self.assertRefused("gave back"):
                entry._reverse_moves(cancel=is_cancelled)
        reversal = self.copy_reversed(entry)
        with self.assertRefused("was reversed by"):
            undone.action_post()
        with self.assertRefused("gave back"):
            reversal.action_post()
        undone.action_cancel()
        reversal.action_post()
        self.assertEqual(self.held(), 300)

    def test_state_that_is_written(self):
        """By whatever door: credit is not given back twice."""
        applied = self.invoice.apply_credit_balance(100)
        undone = applied.undo_credit_application()
        for call_off in (
            undone.action_reject,
            lambda: undone.write({"state": "canceled"}),
            lambda: undone.write({"state": "draft"}),
        ):
            with self.assertRefused("reset or cancel the payment"):
                call_off()
        with self.assertRefused("instead"):
            applied.sudo().move_id.write({"state": "draft"})
        undone.action_draft()
        applied.action_draft()
        for confirm in (
            undone.action_validate,
            lambda: undone.write({"state": "in_process"}),
        ):
            with self.assertRefused("is not posted"):
                confirm()
        self.assertEqual(self.held(), 300)
        (undone | applied).action_post()
        self.assertEqual(self.held(), 300)
        undone.action_draft()
        with self.assertRefused("its journal entry books"):
            undone.write({"state": "in_process", "amount": 200})
        undone.action_post()
        with self.assertRefused("before you change it"):
            applied.write({"amount": 200})

    def test_refund_that_was_cancelled_is_not_confirmed(self):
        """What is given back by another one is counted with it."""
        payment = self.record(100)
        first = payment.refund(100, to="outside", reason="Less")
        first.action_draft()
        first.action_cancel()
        payment.refund(100, to="outside", reason="Less")
        with self.assertRefused("more would be given back"):
            first.action_validate()
        applied = self.invoice.apply_credit_balance(100)
        undone = applied.undo_credit_application()
        undone.action_draft()
        undone.action_cancel()
        applied.undo_credit_application()
        with self.assertRefused("more would be given back"):
            undone.action_validate()
        self.assertEqual(self.held(), 300)

    def test_what_is_reset_pays_nothing(self):
        """Else two invoices were paid by the same credit."""
        applied = self.invoice.apply_credit_balance(300)
        self.assertEqual(self.invoice.amount_residual, 700)
        applied.action_draft()
        self.assertEqual(self.held(), 300)
        self.assertEqual(self.invoice.amount_residual, 1000)
        applied.action_post()
        self.assertEqual(self.held(), 0)
        self.assertEqual(self.receivable(applied), -300)

    def test_credit_note_that_was_kept_is_kept_once(self):
        self.record(1000)
        credit_note = self.make_credit_note(self.invoice, 200)
        line = credit_note._get_outstanding_credit_lines().with_user(self.supervisor)
        kept = line.move_to_credit_balance()
        self.assertEqual(self.held(), 500)
        kept.action_draft()
        kept.action_post()
        self.assertEqual(self.held(), 500)
        for again in (False, True):
            kept.action_draft()
            if not again:
                kept.action_cancel()
                kept.action_draft()
            else:
                kept.move_id.line_ids.remove_move_reconcile()
            with self.assertRefused("is not open any more"):
                kept.action_post()
            kept = line.move_to_credit_balance()
            self.assertEqual(self.held(), 500)

    def test_what_was_cancelled_is_given_back_anew(self):
        """What it gave back may have paid another invoice since."""
        applied = self.invoice.apply_credit_balance(100)
        paid = self.balance().pay_out(100, reason="Asked for")
        for source, given in (
            (applied, applied.undo_credit_application()),
            (paid.source_payment_id, paid),
        ):
            given.action_draft()
            given.action_cancel()
            given.action_draft()
            given.action_post()
            self.assertFalse(self.receivable(given), "As if nothing had happened.")
            given.action_draft()
            given.action_cancel()
            other = self.make_invoice(100.0, apply_credit=False)
            other = other.with_user(self.supervisor)
            other.js_assign_outstanding_line(source._get_receivable_lines().id)
            self.assertEqual(other.amount_residual, 0)
            held = self.held()
            given.action_draft()
            with self.assertRefused("is not open any more"):
                given.action_post()
            self.assertEqual(self.held(), held)

    def test_what_keeps_or_gives_back_credit_is_not_reversed(self):
        """A reversal could be reset when the money was used otherwise."""
        undone = self.invoice.apply_credit_balance(100).undo_credit_application()
        paid_out = self.balance().pay_out(100, reason="Asked for")
        kept = self.record(1200, excess="credit").sudo().refund_payment_ids
        invoice = self.invoice
        self.invoice = self.make_invoice(100.0, apply_credit=False)
        paid_out_to_card = self.pay_out_to_card(self.charge(100), 100)
        self.invoice = invoice
        held = self.held()
        for payment in (undone, paid_out, paid_out_to_card, kept):
            entry = payment.sudo().move_id
            for is_cancelled in (True, False):
                with self.assertRefused("not reversed by another entry"):
                    entry._reverse_moves(cancel=is_cancelled)
        reversal = self.copy_reversed(kept.move_id)
        with self.assertRefused("not reversed by another entry"):
            reversal.action_post()
        self.assertEqual(self.held(), held)

    def test_credit_note_of_what_credit_paid_that_is_corrected(self):
        """What it gave back is taken again first."""
        self.invoice.apply_credit_balance(300)
        self.record(700)
        credit_note = self.make_credit_note(self.invoice, 200).sudo()
        kept = credit_note._get_kept_as_credit()
        self.assertEqual((kept.amount, self.held()), (200, 200))
        for undo in (
            credit_note.button_draft,
            credit_note.button_cancel,
            credit_note._reverse_moves,
        ):
            with self.assertRefused("keeps RINV.* as credit"):
                undo()
        kept.action_draft()
        kept.action_cancel()
        credit_note.button_draft()
        credit_note.invoice_line_ids.price_unit = 150
        credit_note.action_post()
        self.assertEqual(self.held(), 150)
        self.assertFalse(kept.activity_ids)

    def test_what_is_kept_of_a_credit_note_is_matched_with_that(self):
        """Not with money that is open besides, which came before."""
        payment = self.record(1000)
        credit_note = self.invoice.issue_credit_note(
            amount=200, reason="Less", destinations=[{"to": "credit", "amount": 200}]
        )
        kept = credit_note.sudo()._get_kept_as_credit()
        partials = payment._get_receivable_lines().matched_debit_ids
        partials.sudo().filtered(
            lambda partial: partial.debit_move_id.move_id == self.invoice
        ).unlink()
        kept.action_draft()
        kept.amount = 150
        kept.action_post()
        self.assertEqual(credit_note.amount_residual, 50)
        self.assertEqual(credit_note.sudo()._get_kept_as_credit(), kept)
        self.assertEqual(self.held(), 450)

    def test_money_of_what_is_kept_that_is_corrected(self):
        """It is matched with what is kept before anything else can take it."""
        payment = self.record(1200, excess="credit").sudo()
        kept = payment.refund_payment_ids
        payment.action_draft()
        payment.amount = 1100
        payment.action_post()
        self.assertFalse(self.receivable(kept))
        self.assertEqual(self.receivable(payment), -900)
        self.assertEqual(self.held(), 500)

    def test_entry_that_takes_no_credit(self):
        applied = self.invoice.apply_credit_balance(300)
        applied.action_draft()
        entry = applied.sudo().move_id
        line = entry._get_credit_lines()
        line.account_id = self.company_data["default_account_expense"]
        with self.assertRefused("its journal entry books"):
            applied.action_post()
        line.account_id = self.company.credit_balance_account_id
        applied.action_post()
        self.assertEqual(self.held(), 0)

    def test_refund_outside_with_a_fee(self):
        """What the bank takes is booked in its entry; and it is deleted as before."""
        refund = self.record(500).refund(100, to="outside", reason="Less").sudo()
        refund.action_draft()
        paid, owed = refund.move_id.line_ids.sorted("amount_currency")
        refund.move_id.line_ids = [
            Command.update(paid.id, {"amount_currency": -102}),
            Command.create(
                {
                    "name": "Fee",
                    "account_id": self.company_data["default_account_expense"].id,
                    "amount_currency": 2,
                }
            ),
        ]
        refund.action_post()
        self.assertEqual(owed.amount_currency, 100)
        self.assertEqual(refund.state, "in_process")
        refund.unlink()
        self.assertFalse(refund.exists())

    def test_journal_entry_of_what_takes_credit_or_gives_it_back(self):
        """It is posted and reset by its payment, and books what that is about."""
        applied = self.invoice.apply_credit_balance(300)
        undone = applied.undo_credit_application()
        entry = undone.sudo().move_id
        for reset in (entry.button_draft, entry.button_cancel):
            with self.assertRefused("instead"):
                reset()
        undone.action_draft()
        with self.assertRefused("instead"):
            entry.action_post()
        entry.write(
            {
                "line_ids": [
                    Command.update(
                        line.id,
                        {"amount_currency": line.amount_currency * 2},
                    )
                    for line in entry.line_ids
                ]
            }
        )
        with self.assertRefused("its journal entry books"):
            undone.action_post()
        self.assertEqual(self.held(), 0)
        undone.action_cancel()
        refund = self.record(500).refund(100, to="outside", reason="Less").sudo()
        with self.assertRefused("instead"):
            refund.move_id.button_draft()

    def test_what_a_refund_is_taking(self):
        """What goes back to the card is not kept as credit, too."""
        payment = self.charge(500)
        self.charge(300)
        self.record(200)  # The invoice is paid.
        self.invoice.line_ids.matched_credit_ids.filtered(
            lambda partial: partial.credit_move_id.payment_id == payment
        ).unlink()
        other = self.make_invoice(300.0, apply_credit=False)
        line = payment._get_receivable_lines()
        other.sudo().js_assign_outstanding_line(line.id)
        self.gateway.answers = ["pending"]
        attempt = payment.refund(150, reason="Less").sudo()
        self.assertEqual(line._get_outstanding_credit(), 50)
        with self.assertRefused("above the open amount"):
            line.move_to_credit_balance(200)
        line.move_to_credit_balance()
        self.assertEqual(self.held(), 350)
        later = self.make_invoice(300.0, apply_credit=False)
        with self.assertRefused("is in flight"):
            later.sudo().js_assign_outstanding_line(line.id)
        self.gateway.notify(attempt, "done")
        attempt._post_process()
        self.assertEqual(other.amount_residual, 0)
        self.assertEqual(self.held(), 350)

    def test_credit_note_that_is_being_paid_out_is_not_reset(self):
        payment = self.charge(1000)
        self.gateway.answers = ["pending"]
        credit_note = self.invoice.issue_credit_note(
            amount=200,
            reason="Less",
            destinations=[{"to": "original", "amount": 200, "payment_id": payment.id}],
        )
        for reset in (credit_note.button_draft, credit_note.button_cancel):
            with self.assertRefused("is in flight"):
                reset()

    def test_payment_that_was_reversed_is_not_kept(self):
        """The entry that reverses it, now or later, gives it back already."""
        for is_cancelled in (True, False):
            with self.subTest(is_cancelled=is_cancelled):
                self.invoice = self.make_invoice(300.0, apply_credit=False)
                applied = self.invoice.apply_credit_balance()
                reversal = applied.sudo().move_id._reverse_moves(
                    [{"date": fields.Date.today() + timedelta(days=5)}],
                    cancel=is_cancelled,
                )
                if is_cancelled:
                    self.assertEqual(self.held(), 300)
                    self.assertEqual(self.invoice.amount_residual, 300)
                    continue
                self.assertEqual(reversal.state, "draft")
                with self.assertRefused("was reversed by"):
                    applied.undo_credit_application()
                with self.assertRefused("was reversed by"):
                    self.invoice.with_user(self.supervisor).issue_credit_note(
                        amount=100,
                        reason="Less",
                        destinations=[{"to": "credit", "amount": 100}],
                    )
                self.assertEqual(self.held(), 0)
                reversal.action_post()
                self.assertEqual(self.held(), 300)

    def test_credit_note_beside_a_reversal_to_come(self):
        """Odoo's own form is not refused, and no other money is kept instead."""
        applied = self.invoice.apply_credit_balance()
        self.record(700)
        reversal = applied.sudo().move_id._reverse_moves(
            [{"date": fields.Date.today() + timedelta(days=5)}]
        )
        credit_note = self.make_credit_note(self.invoice, 200)
        self.assertEqual(credit_note.amount_residual, 200)
        with self.assertRefused("say where they go"):
            self.invoice.with_user(self.supervisor).issue_credit_note(
                amount=100, reason="Less"
            )
        self.assertEqual(self.held(), 0)
        reversal.action_post()
        self.assertEqual(self.held(), 300)

    def test_what_was_reversed_is_not_reset_or_reversed_besides(self):
        for is_cancelled in (True, False):
            with self.subTest(is_cancelled=is_cancelled):
                self.invoice = self.make_invoice(300.0, apply_credit=False)
                applied = self.invoice.apply_credit_balance()
                entry = applied.sudo().move_id
                reversal = entry._reverse_moves(cancel=is_cancelled)
                for undo in (
                    applied.action_draft,
                    applied.action_cancel,
                    entry._reverse_moves,
                ):
                    with self.assertRefused("was reversed by"):
                        undo()
                self.assertEqual(self.held(), 300 if is_cancelled else 0)
                if is_cancelled:
                    continue
                with self.assertRefused("is not posted"):
                    # What was reset before there was a reversal, as of old.
                    self.env.cr.execute(
                        "UPDATE account_move SET state = 'draft' WHERE id = %s",
                        [entry.id],
                    )
                    self.env.invalidate_all()
                    reversal.action_post()
                reversal.unlink()
                applied.action_draft()
                applied.action_cancel()
                self.assertEqual(self.held(), 300)

    def test_adjustment_that_was_reversed_is_reversed_once(self):
        entry = self.customer.adjust_credit_balance(50, reason="Goodwill")
        move = entry.sudo().move_line_id.move_id
        first, second = self.copy_reversed(move), self.copy_reversed(move)
        first.action_post()
        self.assertEqual(self.held(), 300)
        with self.assertRefused("more of it would be reversed"):
            second.action_post()
        with self.assertRefused("was reversed by"):
            move.button_draft()
        self.assertEqual(self.held(), 300)

    def test_what_is_to_be_reversed_is_not_moved(self):
        payment = self.record(500)
        payment.move_id.line_ids.remove_move_reconcile()
        line = payment._get_receivable_lines()
        reversal = payment.sudo().move_id._reverse_moves()
        with self.assertRefused("was reversed by"):
            line.move_to_credit_balance()
        reversal.action_post()
        reversal.line_ids.remove_move_reconcile()
        with self.assertRefused("was reversed by"):
            line.move_to_credit_balance()
        reversal.button_draft()
        reversal.button_cancel()
        line.move_to_credit_balance()
        self.assertEqual(self.held(), 800)

    def test_money_of_what_is_kept_that_is_reversed(self):
        payment = self.record(1200, excess="credit").sudo()
        kept = payment.refund_payment_ids
        payment.move_id._reverse_moves(cancel=True)
        self.assertIn("taken back", kept.activity_ids.summary)
        kept.action_draft()
        kept.action_cancel()
        self.assertEqual(self.held(), 300)

    def test_credit_note_that_is_paid_out_is_locked(self):
        """Else it would be kept as credit at the same time."""
        payment = self.charge(1000)
        self.gateway.answers = ["done"]
        self.invoice.issue_credit_note(
            amount=200, reason="Less", destinations=[{"to": "credit", "amount": 200}]
        )
        credit_note = self.make_credit_note(self.invoice, 200)
        locks = credit_note.payment_lock_count
        payment.refund(200, credit_note_id=credit_note.id, reason="Asked")
        self.assertGreater(credit_note.payment_lock_count, locks)

    def test_what_was_given_back_is_not_reversed_besides(self):
        applied = self.invoice.apply_credit_balance()
        applied.undo_credit_application()
        with self.assertRefused("gave back"):
            applied.sudo().move_id._reverse_moves(cancel=True)
        self.assertEqual(self.held(), 300)

    def test_money_of_what_is_kept_that_is_taken_back(self):
        """A person is told: the customer has the credit, and owes it."""
        payment = self.record(1200, excess="credit").sudo()
        kept = payment.refund_payment_ids
        self.assertFalse(kept.activity_ids)
        payment.action_draft()
        self.assertEqual(self.held(), 500)
        self.assertIn("taken back", kept.activity_ids.summary)
        self.assertIn("200.00", kept.activity_ids.note)
        self.assertEqual(kept.activity_ids.user_id, self.supervisor)
        kept.action_draft()
        kept.action_cancel()
        self.assertEqual(self.held(), 300)

    def test_credit_note_that_is_kept_and_cancelled(self):
        self.record(1000)
        credit_note = self.invoice.issue_credit_note(
            amount=200, reason="Less", destinations=[{"to": "credit", "amount": 200}]
        )
        for undo in (credit_note.button_draft, credit_note.button_cancel):
            with self.assertRefused("as credit: reset or cancel that payment"):
                undo()
        kept = credit_note.sudo()._get_kept_as_credit()
        kept.action_draft()
        kept.action_cancel()
        credit_note.button_cancel()
        self.assertEqual(self.held(), 300)

    def test_rows_of_a_credit_note(self):
        """What went out is neither undone nor refunded there."""
        self.record(1000)
        credit_note = self.invoice.issue_credit_note(
            amount=200, reason="Less", destinations=[{"to": "credit", "amount": 200}]
        )
        (row,) = credit_note.get_payment_rows()
        self.assertEqual(row["amount_applied"], 200)
        names = {action["name"] for action in row["actions"]}
        self.assertEqual(names, {"receipt", "open_payment"})

    def test_entry_of_two_customers_by_one_click(self):
        """The row moves what is open of this invoice's customer."""
        stranger = self.env["res.partner"].create({"name": "Stranger"})
        receivable = self.partner.property_account_receivable_id
        entry = self.env["account.move"].create(
            {
                "line_ids": [
                    Command.create(
                        {
                            "account_id": account.id,
                            "partner_id": partner.id,
                            "balance": balance,
                        }
                    )
                    for account, partner, balance in (
                        (receivable, self.partner, -1050),
                        (receivable, stranger, -70),
                        (self.company_data["default_account_revenue"], stranger, 1120),
                    )
                ]
            }
        )
        entry.action_post()
        (entry.line_ids[0] | self.invoice.sudo().line_ids).filtered(
            lambda line: line.account_id == receivable
        ).reconcile()
        (row,) = self.invoice.get_payment_rows()
        self.assertEqual(row["amount_unallocated"], 50)
        action = self.action(row, "keep")
        self.env[action["model"]].with_user(self.accountant).browse(
            action["id"]
        ).action_move_to_credit_balance()
        self.assertEqual(self.held(), 350)
        self.assertEqual(entry.line_ids[1].amount_residual, -70)

    def test_child_of_a_contact_that_got_a_parent(self):
        """Its invoices are paid from the balance of who owes them now."""
        child = self.env["res.partner"].create(
            {"name": "Child", "parent_id": self.partner.id}
        )
        invoice = self.make_invoice(100.0, partner_id=child.id, apply_credit=False)
        parent = self.env["res.partner"].create({"name": "P", "is_company": True})
        self.partner.parent_id = parent
        invoice = invoice.with_user(self.supervisor)
        with self.assertRefused("Nothing is held"):
            invoice.apply_credit_balance(10)
        self.assertEqual(invoice.available_credit, 0)
        parent.with_user(self.supervisor).adjust_credit_balance(80, reason="Theirs")
        invoice.invalidate_recordset()
        self.assertEqual(invoice.available_credit, 80)
        with self.assertLockedFirst():
            invoice.apply_credit_balance(60)
        self.assertEqual(self._balance(parent).amount, 20)
        self.assertEqual(self.held(), 300)

    def test_payment_without_entry(self):
        payment = self.env["account.payment"].create({"amount": 80})
        with self.assertRefused("no journal entry"):
            payment.with_user(self.accountant).action_move_to_credit_balance()

    def test_bank_match_by_one_click(self):
        """What a bank match leaves open is moved from the list of journal items."""
        statement_line = self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.company_data["default_journal_bank"].id,
                "partner_id": self.partner.id,
                "payment_ref": "Transfer",
                "amount": 1030,
            }
        )
        entry = statement_line.move_id
        line = entry.line_ids.filtered(
            lambda line: line.account_id == entry.journal_id.suspense_account_id
        )
        line.account_id = self.partner.property_account_receivable_id
        (line | self.invoice.line_ids).filtered(
            lambda line: line.account_type == "asset_receivable"
        ).reconcile()
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertTrue(entry.has_outstanding_credit)
        action = self.env.ref(
            "invoice_payments_ext.account_move_line_action_move_to_credit_balance"
        ).with_context(active_model=line._name, active_ids=line.ids)
        reader = self.make_user("credit_reader", "account.group_account_readonly")
        with self.assertRaises(AccessError):
            action.with_user(reader).run()
        action.with_user(self.accountant).run()
        self.assertEqual(self.types(), [("overpayment", 30.0)])
        self.assertTrue(line.reconciled)
        self.env.invalidate_all()
        self.assertFalse(entry.has_outstanding_credit)

    def test_late_confirmation_by_one_click(self):
        self.late_confirmation = True
        self.gateway.answers = ["pending"]
        attempt = self.invoice.charge(self.token.id)
        self.invoice.sudo().transaction_ids.write({"holds_invoice": False})
        late = attempt.sudo()
        self.gateway.notify(late, "cancel")
        self.record(1000)
        self.gateway.notify(late, "done")
        late._post_process()
        payment = late.payment_id.with_user(self.supervisor)
        row = self.row(payment)
        action = self.action(row, "keep")
        self.assertTrue(action["enabled"])
        self.env[action["model"]].with_user(self.accountant).browse(
            action["id"]
        ).action_move_to_credit_balance()
        self.assertEqual(self.held(), 1300)
        self.assertIsNone(self.action(self.row(payment), "keep"))

    def test_locks_of_what_is_kept(self):
        """The balance that is changed is locked first, also a contact's own one."""
        payments = [
            self.record(amount).with_user(self.supervisor) for amount in (300, 200, 100)
        ]
        self.move_contact()
        payments[0].move_id.line_ids.remove_move_reconcile()
        with self.assertLockedFirst():
            payments[0]._get_receivable_lines().move_to_credit_balance()
        self.assertEqual(self.held(), 600)
        with self.assertLockedFirst():
            self.refund(payments[1], to="credit")
        self.assertEqual(self.held(), 800)
        with self.assertLockedFirst():
            self.invoice.with_user(self.supervisor).issue_credit_note(
                amount=1000,
                reason="Less",
                destinations=[{"to": "credit", "amount": 100}],
            )
        self.assertEqual(self.held(), 900)

    def test_locks_of_what_a_second_person_keeps(self):
        payment = self.record(300).with_user(self.supervisor)
        self.company.payment_approval_limit = 50
        approver = self.make_user(
            "credit_approver",
            "base.group_user,account.group_account_invoice,"
            "invoice_payments_ext.group_payment_refund",
        )
        request = self.refund(payment, 100, to="credit")
        with self.assertLockedFirst():
            request.with_user(approver).approve()
        self.assertEqual(self.held(), 400)
        request = self.invoice.with_user(self.supervisor).issue_credit_note(
            amount=900, reason="Less", destinations=[{"to": "credit", "amount": 100}]
        )
        with self.assertLockedFirst():
            request.with_user(approver).approve()
        self.assertEqual(self.held(), 500)

    def test_locks_of_what_credit_paid(self):
        payment = self.invoice.apply_credit_balance()
        self.move_contact()
        with self.assertLockedFirst():
            payment.with_user(self.supervisor).undo_credit_application()
        self.assertEqual(self.held(), 300)

    def test_locks_of_an_open_credit_note(self):
        invoice = self.make_invoice(80.0, apply_credit=False)
        self.move_contact()
        credit_note = self.make_credit_note(invoice)
        credit_note.line_ids.remove_move_reconcile()
        with self.assertLockedFirst():
            credit_note.with_user(self.supervisor).action_move_to_credit_balance()

    def test_open_credit_note(self):
        credit_note = self.make_credit_note(self.make_invoice(80.0, apply_credit=False))
        credit_note.line_ids.remove_move_reconcile()
        credit_note.with_user(self.supervisor).action_move_to_credit_balance()
        self.assertEqual(credit_note.amount_residual, 0)
        self.assertEqual(self.types(), [("credit_note", 80.0)])

    def test_bad_amounts_to_move(self):
        payment = self.record(400)
        payment.move_id.line_ids.remove_move_reconcile()
        line = payment._get_receivable_lines()
        for amount, message in (
            (0, "above zero"),
            (-5, "above zero"),
            (1.001, "finer than"),
            (400.01, "above the open amount"),
            ("many", "must be a number"),
            (float("nan"), "must be a number"),
        ):
            with self.subTest(amount=amount), self.assertRefused(message):
                line.move_to_credit_balance(amount)

    def test_bad_amounts_with_excess(self):
        for amount, message in (
            (0, "above zero"),
            (-5, "above zero"),
            (1200.001, "finer than"),
            ("many", "must be a number"),
            (float("nan"), "must be a number"),
        ):
            with self.subTest(amount=amount), self.assertRefused(message):
                self.record(amount, excess="credit")

    def test_what_is_no_credit_of_a_customer(self):
        for line in self.invoice.line_ids:
            with self.subTest(line=line.name), self.assertRefused("Nothing of"):
                line.move_to_credit_balance()

    def test_refund_to_credit(self):
        payment = self.charge()
        kept = self.refund(payment, 250, to="credit")
        self.assertEqual(kept.source_payment_id, payment)
        self.assertEqual(self.gateway.requests[-1][1], "charge")
        self.assertEqual(self.invoice.amount_residual, 250)
        self.assertEqual(self.held(), 550)
        self.assertEqual(self.types(), [("refund", 250.0)])
        self.assertEqual(payment._get_refundable_amount(), 750)

    def test_refund_to_credit_that_reduces_the_bill(self):
        payment = self.charge()
        self.refund(payment, 250, to="credit", reduce_bill=True)
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertEqual(self.held(), 550)

    def test_credit_note_kept_as_credit(self):
        payment = self.charge()
        credit_note = self.invoice.issue_credit_note(
            amount=400, reason="Less", destinations=[{"to": "credit", "amount": 400}]
        )
        self.assertEqual(credit_note.amount_residual, 0)
        self.assertEqual(self.held(), 700)
        self.assertEqual(self.types(), [("credit_note", 400.0)])
        self.assertEqual(payment._get_refundable_amount(), 600)

    def test_what_is_being_refunded_is_not_kept(self):
        payment = self.charge()
        self.refund(payment, 300, answer="pending")
        with self.assertRefused("cannot be kept as credit"):
            self.invoice.issue_credit_note(
                amount=1000,
                reason="Less",
                destinations=[{"to": "credit", "amount": 1000}],
            )
        with self.assertRefused("above the refundable amount"):
            self.refund(payment, 701, to="credit")
        self.assertEqual(self.held(), 300)

    def test_credit_note_that_is_paid_from_both(self):
        """What credit paid goes back there first, the rest where somebody says."""
        self.invoice.apply_credit_balance()
        self.charge()
        with self.assertRefused("say where they go"):
            self.invoice.issue_credit_note(amount=400, reason="Less")
        self.invoice.issue_credit_note(
            amount=400,
            reason="Less",
            destinations=[
                {"to": "credit", "amount": 300},
                {"to": "original", "amount": 100},
            ],
        )
        self.assertEqual(self.held(), 300)
        self.assertEqual(self.types()[-1], ("unapplied", 300.0))
        self.assertEqual(self.gateway.requests[-1][1:], ("refund", -100))


@tagged("post_install", "-at_install")
class TestPayOut(CreditCommon):
    """Credit that is paid out to the customer."""

    def test_outside(self):
        payment = self.balance().pay_out(
            200, reason="Asked for", reference="CHQ-7", idempotency_key="out"
        )
        self.assertEqual(payment.payment_type, "outbound")
        self.assertEqual(payment.amount, 200)
        self.assertEqual(payment.payment_reference, "CHQ-7")
        self.assertEqual(self.held(), 100)
        self.assertEqual(self.types(), [("paid_out", -200.0)])
        entry = self._balance().entry_ids[0]
        self.assertEqual((entry.label, entry.note), ("Paid out", "Asked for"))
        lines = payment._get_receivable_lines().sudo()
        self.assertTrue(all(lines.mapped("reconciled")))
        again = self.balance().pay_out(
            200, reason="Asked for", reference="CHQ-7", idempotency_key="out"
        )
        self.assertEqual(payment, again)
        self.assertEqual(self.held(), 100)

    def test_no_more_than_is_held(self):
        for amount, message in (
            (300.01, "above the credit balance"),
            (0, "above zero"),
            (-5, "above zero"),
            (0.001, "finer than"),
            ("many", "must be a number"),
            (float("nan"), "must be a number"),
        ):
            with self.subTest(amount=amount), self.assertRefused(message):
                self.balance().pay_out(amount, reason="Asked for")
        with self.assertRefused("reason is required"):
            self.balance().pay_out(10)
        self.assertEqual(self.held(), 300)

    def test_rights(self):
        balance = self._balance().with_user(self.accountant)
        with self.assertRefused("no right to refund", AccessError):
            balance.pay_out(10, reason="Asked for")

    def test_cancelled_payment_can_be_put_back(self):
        payment = self.balance().pay_out(200, reason="Asked for")
        payment.action_draft()
        payment.action_cancel()
        taken = payment.source_payment_id
        taken.undo_credit_application("Never cashed")
        self.assertEqual(self.held(), 300)

    def test_from_the_dialog(self):
        form = Form(
            self.env["account.credit.balance.pay.out"]
            .with_user(self.supervisor)
            .with_context(default_balance_id=self.balance().id)
        )
        self.assertEqual(form.amount, 300)
        form.reason = "Asked for"
        form.save().action_pay_out()
        self.assertEqual(self.held(), 0)

    def test_to_a_card_from_the_dialog(self):
        payment = self.charge(200)
        values = {"balance_id": self.balance().id, "to": "card"}
        dialogs = self.env["account.credit.balance.pay.out"].with_user(self.supervisor)
        dialog = dialogs.new(values)
        self.assertEqual(dialog.payment_id.display_name, payment.name)
        self.assertEqual(dialog.card_label, self.token._get_method_label())
        self.assertEqual(dialog.refundable_amount, 200)
        form = Form(dialogs.with_context(default_balance_id=values["balance_id"]))
        form.to = "card"
        self.assertEqual(form.amount, 200)
        form.reason = "Asked for"
        form.save().action_pay_out()
        self.assertEqual(self.gateway.requests[-1][1:], ("refund", -200))
        self.assertEqual(self.held(), 100)

    def test_to_a_card(self):
        payment = self.charge()
        refund = self.pay_out_to_card(payment, 200, idempotency_key="card")
        self.assertEqual(refund.source_payment_id, payment)
        self.assertEqual(self.gateway.requests[-1][1:], ("refund", -200))
        self.assertEqual(self.held(), 100)
        self.assertEqual(self.types(), [("paid_out", -200.0)])
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertFalse(self.invoice.refund_status)
        self.assertEqual(payment._get_refundable_amount(), 800)
        self.assertFalse(self.receivable(refund))
        self.assertEqual(
            self.pay_out_to_card(payment, 200, idempotency_key="card"), refund
        )
        taken = refund.payment_transaction_id.refund_credit_payment_id
        with self.assertRefused("is refunded already"):
            taken.with_user(self.supervisor).undo_credit_application()
        self.assertEqual(self.held(), 100)

    def test_what_was_kept_goes_back_to_its_card(self):
        """It came from the card, was kept, and goes back: given back once."""
        payment = self.charge()
        payment.with_user(self.supervisor).refund(600, to="credit", reason="Too much")
        self.assertEqual((self.held(), self.invoice.amount_residual), (900, 600))
        self.assertEqual(payment._get_refundable_amount(), 400)
        self.assertIn(payment, self.balance()._get_card_payments())
        with self.assertRefused("above the credit balance"):
            self.pay_out_to_card(payment, 1001)
        attempt = self.pay_out_to_card(payment, 600, "pending").sudo()
        self.assertEqual(payment._get_refundable_amount(), 400)
        self.gateway.notify(attempt, "done")
        attempt._post_process()
        self.assertEqual((self.held(), self.invoice.amount_residual), (300, 600))
        self.assertEqual(payment._get_refundable_amount(), 400)
        self.assertEqual(self.invoice.refund_status, "partially_refunded")
        row = self.row(payment)
        self.assertEqual(row["amount_refunded"], 600)
        self.assertEqual(
            {refund["kind_label"] for refund in row["refunds"]},
            {"Kept as credit", "Credit paid out"},
        )
        self.assertTrue(self.action(row, "refund")["enabled"])
        with self.assertRefused("above the refundable amount"):
            payment.with_user(self.supervisor).refund(400.01, reason="Too much")
        self.gateway.answers = ["done"]
        payment.with_user(self.supervisor).refund(400, reason="All of it")
        self.assertEqual(payment._get_refundable_amount(), 0)
        with self.assertRefused("is refunded already"):
            self.pay_out_to_card(payment, 1)

    def test_what_was_kept_and_declined_goes_nowhere(self):
        payment = self.charge()
        payment.with_user(self.supervisor).refund(600, to="credit", reason="Too much")
        attempt = self.pay_out_to_card(payment, 600, "error").sudo()
        self.assertEqual(self.held(), 900)
        self.assertEqual(payment._get_refundable_amount(), 400)
        # Said too late: the credit is on the balance again.
        self.gateway.notify(attempt, "done")
        attempt._post_process()
        self.assertEqual(self.held(), 900)
        self.assertEqual(payment._get_refundable_amount(), 0)
        self.late_confirmation = True

    def test_card_that_declines(self):
        payment = self.charge()
        attempt = self.pay_out_to_card(payment, 200, "error")
        self.assertEqual(attempt._name, "payment.transaction")
        self.assertEqual(attempt.outcome, "declined")
        self.assertEqual(self.held(), 300)
        self.assertEqual(self.types(), [("paid_out", -200.0), ("unapplied", 200.0)])
        self.assertEqual(payment._get_refundable_amount(), 1000)
        self.assertIn("Credit was not paid out", payment.activity_ids.mapped("summary"))

    def test_card_without_an_answer(self):
        """What may have gone out is not held any more, until somebody knows."""
        payment = self.charge()
        attempt = self.pay_out_to_card(payment, 200, requests.Timeout()).sudo()
        self.assertEqual(attempt.outcome, "unknown")
        self.assertEqual(self.held(), 100)
        with self.assertRefused("is refunded already"):
            taken = attempt.refund_credit_payment_id
            taken.with_user(self.supervisor).undo_credit_application()
        with self.assertRefused("above the credit balance"):
            self.balance().pay_out(200, reason="Again")
        self.gateway.notify(attempt, "done")
        attempt._post_process()
        self.assertEqual(attempt.payment_id.amount, 200)
        self.assertFalse(self.receivable(attempt.payment_id))
        self.assertEqual(self.held(), 100)

    def test_another_amount_that_did_not_go_out_is_back(self):
        """The gateway names another amount, and a person sees that none went out."""
        payment = self.charge(500)
        self.patch(
            self.env.registry["payment.transaction"],
            "_extract_amount_data",
            lambda tx, data: {"amount": -1.0, "currency_code": tx.currency_id.name},
        )
        attempt = self.pay_out_to_card(payment, 100)
        self.assertEqual((attempt.outcome, attempt.state), ("unknown", "error"))
        self.assertEqual(self.held(), 200)
        attempt.resolve(False, "Not in the gateway's list")
        self.assertEqual(attempt.outcome, "failed")
        self.assertEqual(self.held(), 300)

    def test_paid_out_outside_is_not_posted_without_what_was_taken(self):
        paid = self.balance().pay_out(100, reason="Asked for")
        taken = paid.source_payment_id
        paid.action_draft()
        taken.action_draft()
        self.assertEqual(self.held(), 300)
        with self.assertRefused("is not posted"):
            paid.action_post()
        taken.action_post()
        paid.action_post()
        self.assertEqual(self.held(), 200)

    def test_what_a_card_may_get_stays_taken(self):
        """It is neither reset nor spent while the gateway may pay it out."""
        for answer in (requests.Timeout(), "pending"):
            with self.subTest(answer=answer):
                attempt = self.pay_out_to_card(self.charge(500), 100, answer).sudo()
                held = self.held()
                taken = attempt.refund_credit_payment_id.with_user(self.supervisor)
                for reset in (
                    taken.action_draft,
                    taken.action_cancel,
                    taken.move_id.button_draft,
                    taken.move_id.button_cancel,
                ):
                    with self.assertRefused("is in flight"):
                        reset()
                other = self.make_invoice(100.0, apply_credit=False)
                line = taken._get_receivable_lines()
                with self.assertRefused("is in flight"):
                    other.with_user(self.supervisor).js_assign_outstanding_line(line.id)
                with self.assertRefused("Nothing of"):
                    line.move_to_credit_balance()
                reversal = self.copy_reversed(taken.sudo().move_id)
                with self.assertRefused("is in flight"):
                    reversal.action_post()
                reversal.unlink()
                self.gateway.notify(attempt, "done")
                attempt._post_process()
                self.assertEqual(self.held(), held)
                with self.assertRefused("paid out what"):
                    taken.action_draft()

    def test_what_was_declined_is_reset_when_it_is_back(self):
        attempt = self.pay_out_to_card(self.charge(500), 100, "pending").sudo()
        taken = attempt.refund_credit_payment_id.with_user(self.supervisor)
        self.gateway.notify(attempt, "cancel")
        self.assertFalse(attempt.is_post_processed)
        with self.assertRefused("is in flight"):
            taken.action_draft()
        attempt._post_process()
        self.assertEqual(self.held(), 300)
        with self.assertRefused("gave back"):
            taken.action_draft()
        self.assertEqual(self.held(), 300)

    def test_above_the_limit_it_waits(self):
        """Otherwise what may not be refunded alone was given as credit and paid out."""
        self.company.payment_approval_limit = 100
        groups = (
            "account.group_account_invoice,invoice_payments_ext.group_payment_refund"
        )
        approver = self.make_user("credit_approver", f"base.group_user,{groups}")
        card_payment = self.charge(400)
        balance = self.balance()
        self.assertEqual(balance.pay_out(60, reason="Asked")._name, "account.payment")
        request = self.pay_out_to_card(card_payment, 41, idempotency_key="waits")
        self.assertEqual((request.kind, request.amount), ("pay_out", 41))
        self.assertIn("through its gateway", request.details)
        self.assertEqual(self.gateway.requests[-1][1], "charge")
        self.assertEqual(balance.amount, 240)
        with self.assertRefused("waits for approval already"):
            balance.pay_out(50, reason="Asked")
        with self.assertRefused("another person has to decide", AccessError):
            request.approve()
        refund = request.with_user(approver).approve()
        self.assertEqual(refund.amount, 41)
        self.assertEqual(balance.amount, 199)
        self.assertEqual(
            self.pay_out_to_card(card_payment, 41, idempotency_key="waits"), request
        )
        self.assertEqual(balance.amount, 199)
        # Who approved it did not give it alone.
        alone = balance.with_user(approver).pay_out(100, reason="Asked")
        self.assertEqual(alone._name, "account.payment")
        # What was not paid out counts no more.
        alone.sudo().action_draft()
        alone.sudo().action_cancel()
        alone.sudo().source_payment_id.undo_credit_application()
        again = balance.with_user(approver).pay_out(100, reason="Asked")
        self.assertEqual(again._name, "account.payment")
        last = balance.with_user(approver).pay_out(1, reason="Asked")
        self.assertEqual(last.state, "waiting")

    def test_contact_that_got_a_parent(self):
        """What stays its own is adjusted, spent and paid out there too."""
        card_payment = self.charge(400)
        applied = self.invoice.apply_credit_balance(100)
        parent = self.env["res.partner"].create({"name": "P", "is_company": True})
        parent.with_user(self.supervisor).adjust_credit_balance(1000, reason="Theirs")
        balance = self.balance()
        self.partner.parent_id = parent
        self._keep()
        applied.undo_credit_application()
        self.assertEqual(balance.amount, 300)
        balance.pay_out(50, reason="Asked for")
        self.assertEqual(balance.amount, 250)
        self.pay_out_to_card(card_payment, 100)
        self.assertEqual(balance.amount, 150)
        form = Form(
            self.env["account.credit.balance.adjust"]
            .with_user(self.supervisor)
            .with_context(**balance.action_adjust()["context"])
        )
        self.assertEqual(form.partner_id, self.partner)
        self.assertEqual(form.balance, 150)
        form.direction = "deduct"
        form.amount = 30
        form.reason = "Wrong"
        form.save().action_adjust()
        self.assertEqual(balance.amount, 120)
        theirs = self._balance(parent)
        self.assertEqual(theirs.amount, 1000)
        self.customer.invalidate_recordset()
        self.assertEqual(self.customer.credit_balance_ids, balance | theirs)
        heir = self.env["res.partner"].create({"name": "Heir"})
        self.env["base.partner.merge.automatic.wizard"].create({})._merge(
            [self.partner.id, heir.id], heir, extra_checks=False
        )
        self.env.invalidate_all()
        self.assertEqual((balance.amount, theirs.amount), (0, 1000))
        self.assertEqual(self._balance(heir).amount, 120)

    def test_the_reason_is_not_for_the_customer(self):
        """Whatever becomes of the entries: the reason stands on their journal items."""
        secret = "Moaned for weeks"
        payment = self.balance().pay_out(200, reason=secret)
        taken = payment.source_payment_id
        payment.action_draft()
        payment.action_cancel()
        taken.action_draft()
        taken.action_post()
        undone = taken.undo_credit_application(secret)
        undone.action_draft()
        undone.action_post()
        undone.action_draft()
        undone.action_cancel()
        self.env["account.move.reversal"].with_context(
            active_model="account.move", active_ids=taken.move_id.ids
        ).create({"journal_id": taken.journal_id.id}).reverse_moves()
        self.assertEqual(
            [
                (entry.entry_type, entry.amount, entry.label, entry.note)
                for entry in self._balance().entry_ids.sorted("id")[1:]
            ],
            [
                ("paid_out", -200.0, "Paid out", secret),
                ("reversal", 200.0, "Undone: Paid out", secret),
                ("paid_out", -200.0, "Paid out", secret),
                ("unapplied", 200.0, "Not paid out", secret),
                ("reversal", -200.0, "Undone: Not paid out", secret),
                ("unapplied", 200.0, "Not paid out", secret),
                ("reversal", -200.0, "Undone: Not paid out", secret),
                ("reversal", 200.0, "Undone: Paid out", False),
            ],
        )
        html = self.env["ir.actions.report"]._render_qweb_html(
            "account.action_report_payment_receipt", (payment | taken | undone).ids
        )[0]
        self.assertNotIn(secret, html.decode())

    def test_card_payment_that_does_not_fit(self):
        payment = self.charge(100)
        with self.assertRefused("above the refundable amount"):
            self.pay_out_to_card(payment, 101)
        with self.assertRefused("not charged through a gateway"):
            self.pay_out_to_card(self.record(100), 50)
        with self.assertRefused("outside the gateway only"):
            self.pay_out_to_card(payment, 50, reference="CHQ-7")
        other = self.env["res.partner"].create({"name": "Other"})
        self.env["account.move"].flush_model()
        balance = other.with_user(self.supervisor).adjust_credit_balance(
            100, reason="Goodwill"
        )
        with self.assertRefused("is no payment of Other"):
            balance.balance_id.pay_out(50, reason="Asked for", payment_id=payment.id)
        euro = self.make_currency("EUR")
        entry = self.customer.adjust_credit_balance(100, euro.id, reason="Goodwill")
        with self.assertRefused("in EUR"):
            entry.balance_id.pay_out(50, reason="Asked for", payment_id=payment.id)
        with self.assertRefused("There is no payment"):
            self.balance().pay_out(50, reason="Asked for", payment_id=999999999)
        self.assertEqual(self.held(), 300)

    def test_company_that_is_not_selected(self):
        """The doors act for the selected companies only."""
        payment = self.record(1000)
        payment.move_id.line_ids.remove_move_reconcile()
        other = self.make_other_company(name="Other Company")["company"]
        self.supervisor.company_ids |= other
        line = payment._get_receivable_lines()
        for name, record, values in (
            ("pay_out", self.balance(), {"amount": 50, "reason": "Asked for"}),
            ("move_to_credit_balance", line, {}),
            ("apply_credit_balance", self.invoice, {}),
        ):
            record = record.with_context(allowed_company_ids=other.ids)
            with (
                self.subTest(door=name),
                self.assertRefused("multi-company issue", AccessError),
            ):
                getattr(record, name)(**values)
            self.assertEqual(self.held(), 300)

    def test_card_that_pays_out_after_it_declined(self):
        """The credit is spent by then: the money is booked, and a person is told."""
        payment = self.charge()
        attempt = self.pay_out_to_card(payment, 200, "error").sudo()
        self.invoice.issue_credit_note(
            amount=100, reason="Less", destinations=[{"to": "credit", "amount": 100}]
        )
        self.gateway.notify(attempt, "done")
        attempt._post_process()
        self.assertEqual(attempt.payment_id.amount, 200)
        self.assertEqual(self.held(), 400)
        self.assertEqual(self.invoice.amount_residual, 200)
        self.assertIn(
            "Credit paid out after it was declined",
            self.invoice.activity_ids.mapped("summary"),
        )
