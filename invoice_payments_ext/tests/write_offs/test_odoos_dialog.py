from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from ..refunds.common_refund import RefundCommon

GROUPS = (
    "base.group_user,account.group_account_invoice,"
    "invoice_payments_ext.group_payment_refund"
)


@tagged("post_install", "-at_install")
class TestOdoosDialog(RefundCommon):
    """What people give away in Odoo's own dialog obeys level and limit."""

    def setUp(self):
        super().setUp()
        self.company = self.company.with_env(self.env)
        self.expense = self.company_data["default_account_expense"]

    def register(self, invoice=None, user=None, amount=10.0, **values):
        """Pay a part in Odoo's dialog, and write the rest off, as a person does."""
        invoice = (invoice or self.invoice).with_user(user or self.supervisor)
        dialog = (
            invoice.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create(
                {
                    "amount": amount,
                    "payment_difference_handling": "reconcile",
                    "writeoff_account_id": self.expense.id,
                    **values,
                }
            )
        )
        payment = dialog._create_payments()
        self._keep()
        return payment

    def pay_by_hand(self, amount, user=None, **values):
        """Return the draft of a payment to the customer, in Odoo's own form."""
        payments = self.env["account.payment"].with_user(user or self.supervisor)
        return payments.create(
            {
                "payment_type": "outbound",
                "partner_type": "customer",
                "partner_id": self.partner.id,
                "amount": amount,
                "journal_id": self.company_data["default_journal_bank"].id,
                **values,
            }
        )

    def test_level(self):
        with self.assertRefused("level Refund and credit", AccessError):
            self.register(user=self.accountant)
        self.assertEqual(self.invoice.amount_residual, 1000)
        # Less money is no loss, if the rest stays open.
        self.register(user=self.accountant, payment_difference_handling="open")
        self.assertEqual(self.invoice.amount_residual, 990)
        self.register()
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_lines_of_a_client(self):
        """A client may send what the dialog books beside the money."""
        payments = self.env["account.payment"].with_user(self.accountant)
        lost = {
            "name": "Gone",
            "account_id": self.expense.id,
            "currency_id": self.company.currency_id.id,
            "amount_currency": 990,
            "balance": 990,
        }
        with self.assertRefused("level Refund and credit", AccessError):
            payments.create(
                {
                    "amount": 10,
                    "partner_id": self.partner.id,
                    "journal_id": self.company_data["default_journal_bank"].id,
                    "write_off_line_vals": [lost],
                }
            ).action_post()
        # The key of a context that the dialog uses counts from nobody else.
        with self.assertRefused("level Refund and credit", AccessError):
            self.register(
                self.invoice.with_context(discount_of_dialog=True), self.accountant
            )

    def test_rate_that_the_dialog_bends(self):
        """A foreign invoice is paid with nothing, and the rest is called exchange."""
        euro = self.make_currency("EUR", 2.0)
        invoice = self.make_invoice(currency_id=euro.id)
        with self.assertRefused("level Refund and credit", AccessError):
            self.register(
                invoice,
                self.accountant,
                amount=1.0,
                currency_id=self.company.currency_id.id,
                writeoff_account_id=self.company.expense_currency_exchange_account_id.id,
            )

    def test_early_payment_discount(self):
        terms = self.make_discount_terms(due_in=30)
        self.company.payment_approval_limit = 5
        invoice = self.make_invoice(invoice_payment_term_id=terms.id)
        dialogs = self.env["account.payment.register"].with_user(self.accountant)
        dialogs = dialogs.with_context(
            active_model="account.move", active_ids=invoice.ids
        )
        dialog = dialogs.create({"payment_date": "2026-01-16"})
        self.assertTrue(dialog.early_payment_discount_mode)
        payment = dialog._create_payments()
        self.assertEqual((payment.amount, invoice.amount_residual), (980, 0))

    def test_limit(self):
        self.company.payment_approval_limit = 100
        with self.assertRefused("needs a second person"):
            self.register(amount=899.99)
        self.assertEqual(self.invoice.amount_residual, 1000)
        self.register(amount=940)
        other = self.make_invoice(100)
        with self.assertRefused("needs a second person"):
            self.register(other, amount=59.99)
        # It counts with what the doors write off.
        self.assertEqual(
            other.with_user(self.supervisor).write_off(40.01, "Gone")._name,
            "account.payment.approval",
        )
        self.company.payment_approval_limit = None
        self.register(other, amount=50)
        self.assertEqual(other.amount_residual, 0)

    def test_loss_that_is_typed_into_a_draft(self):
        self.company.payment_approval_limit = 100
        loss = {
            "name": "Loss",
            "account_id": self.expense.id,
            "amount_currency": 150.0,
            "balance": 150.0,
        }
        with self.assertRefused("150.00 needs a second person"):
            self.pay_by_hand(50, payment_type="inbound", write_off_line_vals=[loss])
        # A draft of before is confirmed by somebody else.
        self.company.payment_approval_limit = None
        draft = self.pay_by_hand(50, payment_type="inbound", write_off_line_vals=[loss])
        self.company.payment_approval_limit = 100
        with self.assertRefused("150.00 needs a second person"):
            draft.action_post()
        self.assertEqual(draft.move_id.state, "draft")
        draft.with_user(self.make_user("ip_second", GROUPS)).action_post()
        self.assertEqual(draft.move_id.state, "posted")
        self.assertEqual(draft._get_written_off_beside(), 150)

    def test_bill_is_reduced_by_what_paid_it_alone(self):
        """What was paid above the bill was booked as income in the dialog."""
        payment = self.register(amount=1010).with_user(self.supervisor)
        self.assertEqual((payment.amount, self.invoice.amount_residual), (1010, 0))
        with self.assertRefused("does not pay a bill with this amount"):
            self.refund(payment, 1010, to="outside", reduce_bill=True)
        self.assertFalse(self.invoice.sudo().reversal_move_ids)
        self.refund(payment, 1000, to="outside", reduce_bill=True)
        credit_note = self.invoice.sudo().reversal_move_ids
        self.assertEqual(
            (credit_note.amount_total, self.invoice.amount_residual), (1000, 0)
        )

    def test_bills(self):
        """They are Odoo's own: no level of this addon is asked for."""
        bill = self.init_invoice("in_invoice", amounts=[5.0], post=True)
        bill.env.flush_all()  # It is of the class's cursor.
        bill = self.env["account.move"].browse(bill.id)
        user = self.make_user("ip_bills", "account.group_account_invoice")
        group = self.env.ref("account.group_account_invoice")
        group.implied_ids = [
            Command.unlink(self.env.ref("invoice_payments_ext.group_payment_record").id)
        ]
        self._keep()
        self.register_payment(bill.with_user(user))
        self.assertEqual(bill.amount_residual, 0)

    def test_money_that_goes_out(self):
        self.company.payment_approval_limit = 100
        draft = self.pay_by_hand(100.01)
        with self.assertRefused("needs a second person"):
            draft.action_post()
        with self.assertRefused("needs a second person"):
            draft.write({"state": "in_process"})
        other = self.make_user("ip_second", GROUPS)
        # Whoever changes a draft of somebody else is no second person.
        changed = self.pay_by_hand(1).with_user(other)
        changed.amount = 100.01
        with self.assertRefused("needs a second person"):
            changed.action_post()
        with self.assertRefused("needs a second person"):
            draft.with_user(other).write({"amount": 5000, "state": "in_process"})
        draft.with_user(other).action_post()
        self.assertIn(draft.state, ("in_process", "paid"))
        # That had its second person. What one does alone counts together.
        self.pay_by_hand(60).action_post()
        halves = self.pay_by_hand(40.01)
        with self.assertRefused("needs a second person"):
            halves.action_post()
        halves.amount = 40
        halves.action_post()
        disguised = {
            "partner_type": "supplier",
            "destination_account_id": self.partner.property_account_receivable_id.id,
        }
        with self.assertRefused("needs a second person"):
            self.pay_by_hand(1, **disguised).action_post()
        with self.assertRefused("level Refund and credit", AccessError):
            self.pay_by_hand(1, self.accountant, **disguised).action_post()
        supplier = self.pay_by_hand(5000, partner_type="supplier")
        supplier.action_post()
        posted_on = supplier.date
        # What was paid to a supplier is Odoo's own matter afterwards too.
        supplier.date = "2026-01-10"
        self.assertEqual(str(supplier.date), "2026-01-10")
        supplier.date = posted_on
