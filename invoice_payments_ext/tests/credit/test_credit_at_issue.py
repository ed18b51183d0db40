from datetime import timedelta

from odoo import fields
from odoo.fields import Command
from odoo.tests import Form, tagged

from .common_credit import CreditCommon


@tagged("post_install", "-at_install")
class TestCreditAtIssue(CreditCommon):
    """Credit that is spent when an invoice is issued."""

    def test_pays_as_much_as_it_can(self):
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
        """The invoice that is due first is paid first, in any order of choice."""
        drafts = self.env["account.move"].union(
            *(
                self.make_invoice(200.0, post=False, invoice_date_due=due)
                for due in ("2026-04-01", "2026-02-01", "2026-03-01")
            )
        )
        drafts.action_post()
        self.assertEqual(drafts.mapped("amount_residual"), [200, 0, 100])
        self.assertEqual(self.held(), 0)

    def test_several_at_once_of_which_some_have_no_balance(self):
        """Another currency or customer: nothing is held, and each is issued."""
        stranger = self.env["res.partner"].create({"name": "Without credit"})
        euro = self.make_currency("EUR")
        drafts = self.make_invoice(200.0, post=False)
        drafts |= self.make_invoice(200.0, post=False, partner_id=stranger.id)
        drafts |= self.make_invoice(200.0, post=False, currency_id=euro.id)
        drafts.action_post()
        self.assertEqual(set(drafts.mapped("state")), {"posted"})
        self.assertEqual(drafts.mapped("amount_residual"), [0, 200, 200])
        self.assertEqual(self.held(), 100)

    def test_beside_a_charge_in_flight(self):
        """A customer may have paid the draft, of which the answer is outstanding."""
        draft = self.make_invoice(500.0, post=False)
        self._create_transaction(
            "redirect", amount=400.0, invoice_ids=[Command.set(draft.ids)]
        )._set_pending()
        draft.action_post()
        self.assertEqual(draft.amount_residual, 400)
        self.assertEqual(self.held(), 200)

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

    def test_payments_before_it_was_issued(self):
        """A card may have paid the order: that is taken first, then credit."""
        draft = self.make_invoice(500.0, post=False)
        tx = self._create_transaction(
            "redirect", amount=450.0, state="done", currency_id=draft.currency_id.id
        )
        tx._create_payment()
        tx.invoice_ids = draft
        draft.action_post()
        self.assertEqual(draft.amount_residual, 0)
        self.assertEqual(self.held(), 250)

    def test_spent_in_a_locked_period(self):
        """Credit is booked on the day after the locked period, like other payments."""
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

    def test_issue_and_charge_says_the_charged_amount(self):
        draft = self.make_invoice(500.0, post=False)
        form = Form(
            self.env["account.payment.create"]
            .with_user(self.accountant)
            .with_context(**draft.action_issue_and_charge()["context"])
        )
        self.assertEqual((form.applied_credit, form.amount), (300, 200))

    def test_issue_and_charge_within_the_limit_of_a_method(self):
        """The limit of the payment provider applies to the amount that is left."""
        self.provider.maximum_amount = 250
        draft = self.make_invoice(500.0, post=False)
        attempt = draft.issue_and_charge(self.token.id)
        self.assertEqual(attempt.outcome, "succeeded")

    def test_issue_and_charge_of_an_invoice_that_credit_pays(self):
        draft = self.make_invoice(100.0, post=False)
        attempt = draft.issue_and_charge(self.token.id, idempotency_key="covered")
        self.assertFalse(attempt)
        self.assertFalse(self.gateway.requests)
        again = draft.issue_and_charge(self.token.id, idempotency_key="covered")
        self.assertFalse(again)
        self.assertEqual(self.held(), 200)

    def test_dialog_of_an_invoice_that_credit_pays(self):
        draft = self.make_invoice(100.0, post=False)
        action = draft.action_issue_and_charge()
        dialogs = self.env[action["res_model"]].with_user(self.accountant)
        dialog = Form(dialogs.with_context(**action["context"])).save()
        told = dialog.action_charge()["params"]
        self.assertEqual(told["title"], "Paid already")
        self.assertIn(f"{draft.name} was issued and paid from", told["message"])
        self.assertFalse(self.gateway.requests)
        self.assertEqual((draft.amount_residual, self.held()), (0, 200))

    def test_printed(self):
        invoice = self.make_invoice(500.0)
        html = self.env["ir.actions.report"]._render_qweb_html(
            "account.report_invoice_with_payments", invoice.ids
        )[0]
        self.assertIn(b"Credit applied on", html)
        self.assertNotIn(b"Paid on", html)
