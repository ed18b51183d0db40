from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestBesideAttempts(InvoicePaymentsCommon):
    """The rest not in flight can be paid: outside, from credit, in Odoo's dialog."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.credit_adjustment_account_id = cls.company_data[
            "default_account_expense"
        ]
        cls.invoice = cls.make_invoice(cls, 150.0)

    def start(self, answer="pending", amount=60.0):
        """Let a charge of the invoice be in flight."""
        attempt = self.start_attempt(answer, amount=amount)
        self._keep()
        return attempt

    def open_dialog(self, **values):
        return (
            self.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=self.invoice.ids)
            .create(values)
        )

    def test_odoos_dialog_makes_no_payment_of_zero(self):
        self.start()
        for amount in (0, 0.004):
            with self.assertRefused("must be above zero"):
                self.open_dialog(amount=amount)._create_payments()
        self.open_dialog(amount=90)._create_payments()
        # All that remains is in flight: that is the reason then.
        with self.assertRefused("is in flight"):
            self.open_dialog(amount=0)._create_payments()

    def test_external_pays_the_rest_not_in_flight(self):
        for answer in ("pending", "authorized", TimeoutError("no answer")):
            with self.subTest(answer):
                self.invoice = self.make_invoice(150)
                attempt = self.start(answer)
                self.assertTrue(self.invoice.get_payment_section()["can_create"])
                with self.assertRefused("is above the chargeable amount .* of .*90"):
                    self.invoice.record_external_payment(90.01)
                self.assertEqual(self.invoice.record_external_payment().amount, 90)
                with self.assertRefused(attempt.reference):
                    self.invoice.record_external_payment()
                section = self.invoice.get_payment_section()
                self.assertIn(attempt.reference, section["create_blocked_reason"])

    def test_credit_pays_the_rest_not_in_flight(self):
        attempt = self.start()
        self.partner.with_user(self.supervisor).adjust_credit_balance(
            500, company_id=self.company.id, reason="Goodwill"
        )
        with self.assertRefused("is above the chargeable amount"):
            self.invoice.apply_credit_balance(100)
        self.assertEqual(self.invoice.apply_credit_balance().amount, 90)
        for door in ("apply_credit_balance", "record_external_payment"):
            with self.assertRefused(attempt.reference):
                getattr(self.invoice, door)()

    def test_create_dialog_offers_possible_ways_only(self):
        attempt = self.start()
        context = self.invoice.action_create_payment()["context"]
        dialogs = self.env["account.payment.create"].with_user(self.accountant)
        dialog = Form(dialogs.with_context(**context)).save()
        self.assertEqual((dialog.method, dialog.amount), ("transfer", 90))
        saved, *external = dialog.method_options
        self.assertTrue(saved["disabled"])
        self.assertIn(attempt.reference, saved["reason"])
        self.assertFalse(any(option.get("disabled") for option in external))
        dialog.action_record()
        self.assertEqual(self.invoice.amount_residual, 60)

    def test_own_dialog_follows_the_same_figure(self):
        attempt = self.start()
        dialog = self.open_dialog()
        self.assertEqual((dialog.amount, dialog.payment_difference), (90, 60))
        for values in (
            {"amount": 90.01},
            {"amount": 80.0, "payment_difference_handling": "reconcile"},
        ):
            with self.assertRefused(attempt.reference):
                self.open_dialog(**values)._create_payments()
        dialog._create_payments()
        self.assertEqual(self.invoice.amount_residual, 60)
        with self.assertRefused(attempt.reference):
            self.open_dialog()._create_payments()

    def test_own_dialog_of_several_invoices(self):
        attempt = self.start(amount=150.0)
        other = self.make_invoice(70)
        invoices = self.invoice | other
        for grouped in (True, False):
            with self.assertRefused(attempt.reference):
                self.register_payment(invoices, group_payment=grouped)
        self.gateway.notify(attempt, "error")
        self.register_payment(invoices)
        self.assertFalse(sum(invoices.mapped("amount_residual")))

    def test_own_dialog_in_another_currency(self):
        self.start()
        journal = self.make_currency_journal()
        dialog = self.open_dialog(journal_id=journal.id)
        self.assertEqual(dialog.amount, 270)
        dialog._create_payments()
        self.assertEqual(self.invoice.amount_residual, 60)

    def test_own_dialog_grants_no_discount_for_a_part(self):
        self.invoice = self.make_invoice(
            150,
            invoice_date=False,
            invoice_payment_term_id=self.make_discount_terms().id,
        )
        self.assertEqual(self.open_dialog().amount, 147)
        self.start()
        dialog = self.open_dialog()
        self.assertEqual(dialog.amount, 90)
        self.assertFalse(dialog.early_payment_discount_mode)
        dialog._create_payments()
        self.assertEqual(self.invoice.amount_residual, 60)

    def test_messages_name_the_attempt(self):
        """No door says that the amount must be above zero where it is in flight."""
        attempt = self.start(amount=150.0)
        invoice = self.invoice.with_user(self.supervisor)
        self.partner.with_user(self.supervisor).adjust_credit_balance(
            500, company_id=self.company.id, reason="Goodwill"
        )
        self._keep()
        for door in (
            lambda: invoice.record_external_payment(),
            lambda: invoice.record_external_payment(0),
            lambda: invoice.charge(self.token.id),
            lambda: invoice.apply_credit_balance(),
            lambda: invoice.write_off(reason="Lost"),
            lambda: invoice.issue_credit_note(reason="Lost"),
        ):
            with self.assertRaises(UserError) as refusal:
                door()
            self.env.cr.rollback()
            self.assertIn(attempt.reference, str(refusal.exception))
            self.assertNotIn("above zero", str(refusal.exception))
