from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .common_taken_back import TakenBackCommon


@tagged("post_install", "-at_install")
class TestHardCases(TakenBackCommon):
    """Money taken back of payments that are not simple, exact to the cent."""

    def balance(self):
        return sum(
            self.env["account.credit.balance"]
            .search([("partner_id", "=", self.partner.id)])
            .mapped("amount")
        )

    def test_a_payment_over_several_invoices(self):
        first = self.make_invoice(100.1).with_user(self.supervisor)
        second = self.make_invoice(50.05).with_user(self.supervisor)
        payments = self.register_payment(first | second, group_payment=True)
        self.report("returned_debit", payment=payments, amount=120.07)
        # Odoo's dialog allocated to the first one last.
        self.assertEqual((self.owed(first)[0], self.owed(second)[0]), (100.1, 19.97))
        reversal = payments.sudo().payment_reversal_ids.with_user(self.supervisor)
        self.assertEqual(reversal.sudo().invoice_ids, (first | second).sudo())
        reversal.cancel()
        self.assertEqual((self.owed(first)[0], self.owed(second)[0]), (0, 0))
        self.assertEqual(self.receivable(payments), 0)

    def test_with_a_credit_note_and_after_a_part_was_refunded(self):
        self.refund(self.payment, 100, reduce_bill=True)
        self.refund(self.payment, 50)
        self.invoice.record_external_payment(amount=50)
        self.assertEqual(self.payment._get_takeable_amount(), 850)
        reversal = self.report("returned_debit")
        self.assertEqual(reversal.amount, 850)
        self.assertEqual(self.owed()[0], 850)
        self.assertEqual(self.payment._get_refundable_amount(), 0)
        reversal.win()
        self.assertEqual(self.owed()[0], 0)
        self.assertEqual(self.payment._get_refundable_amount(), 850)

    def test_instalments_reopen_from_the_last(self):
        invoice = self.make_invoice_with_instalments(300).with_user(self.supervisor)
        payment = self.record(invoice=invoice)
        self.report("returned_debit", payment=payment, amount=160)
        lines = (
            invoice.sudo().line_ids.filtered("date_maturity").sorted("date_maturity")
        )
        lines = lines.filtered(lambda line: line.display_type == "payment_term")
        self.assertEqual(lines.mapped("amount_residual"), [10, 150])

    def test_in_another_currency(self):
        """Parked at the rate of the day, lost and won: no cent is left anywhere."""
        currency = self.make_currency("EUR", 2.0)
        invoice = self.make_invoice(101.01, currency_id=currency.id)
        invoice = invoice.with_user(self.supervisor)
        self.gateway.answers = ["done"]
        payment = invoice.charge(self.token.id).sudo().payment_id
        payment = payment.with_user(self.supervisor)
        self._keep()
        yesterday = fields.Date.today() - timedelta(days=1)
        self.set_rate(currency, str(yesterday), 3.0)
        before = self.ledger_sums()
        reversal = self.report(payment=payment, amount=50.5)
        reversal.lose()
        self.assertEqual(self.owed(invoice)[0], 50.5)
        self.assertEqual(self.ledger_sums()["X"], 0)
        reversal.win()
        self.assertEqual(self.owed(invoice)[0], 0)
        after = self.ledger_sums()
        self.assertEqual((after["X"], after["O"]), (0, before["O"]))
        self.assertEqual(self.receivable(payment), 0)

    def test_with_an_early_payment_discount(self):
        invoice, payment = self.pay_with_discount()
        reversal = self.report("returned_debit", payment=payment)
        # The discount stays until a person takes it back.
        self.assertEqual(self.owed(invoice)[0], 98)
        reversal.cancel()
        self.assertEqual(self.owed(invoice)[0], 0)

    def test_a_part_with_an_early_payment_discount(self):
        """What is taken back is owed, and no cent of the discount with it."""
        invoice, payment = self.pay_with_discount()
        reversal = self.report("returned_debit", payment=payment, amount=40.01)
        self.assertEqual(self.owed(invoice)[0], 40.01)
        self.assertEqual(self.receivable(payment), 0)
        second = self.report("returned_debit", payment=payment)
        self.assertEqual((second.amount, self.owed(invoice)[0]), (57.99, 98))
        for each, left in ((reversal, 57.99), (second, 0)):
            each.win()
            self.assertEqual(self.owed(invoice)[0], left)

    def test_who_is_told_by_mail(self):
        """The customer, of a debit that came back, and of no dispute."""
        told = [("recipient_ids", "in", self.partner.ids)]
        mails = self.env["mail.mail"].search(told)
        self.report(amount=100).lose()
        self.assertFalse(self.env["mail.mail"].search(told) - mails)
        self.report("returned_debit", amount=200)
        [mail] = self.env["mail.mail"].search(told) - mails
        self.assertIn("was returned", mail.subject)

    def pay_with_discount(self):
        """Return an invoice of 100 that was paid in time, with 98, and the payment."""
        terms = self.make_discount_terms()
        today = fields.Date.today()
        invoice = self.make_invoice(
            100, invoice_payment_term_id=terms.id, invoice_date=today
        ).with_user(self.supervisor)
        payment = self.register_payment(invoice)
        self.assertEqual(payment.amount, 98)
        self.assertEqual(self.owed(invoice)[0], 0)
        return invoice, payment

    def overpay(self):
        """Return a payment of 150 for an invoice of 100: 50 are kept as credit."""
        invoice = self.make_invoice(100).with_user(self.supervisor)
        payment = self.record(150, invoice, excess="credit")
        self._keep()
        self.assertEqual(self.balance(), 50)
        return invoice, payment

    def test_an_overpayment_whose_credit_is_there(self):
        invoice, payment = self.overpay()
        reversal = self.report("returned_debit", payment=payment)
        self.assertEqual((self.owed(invoice)[0], self.balance()), (100, 0))
        self.assertEqual(self.receivable(reversal.sudo().taking_payment_id), 0)
        reversal.cancel()
        self.assertEqual((self.owed(invoice)[0], self.balance()), (0, 50))

    def test_an_overpayment_whose_credit_was_spent(self):
        invoice, payment = self.overpay()
        self.make_invoice(30)  # It is paid from the credit when it is issued.
        self.assertEqual(self.balance(), 20)
        reversal = self.report("returned_debit", payment=payment)
        self.assertEqual((self.owed(invoice)[0], self.balance()), (100, 0))
        self.assertEqual(self.receivable(reversal.sudo().taking_payment_id), 30)
        self.assertIn(
            "Taken back, but not covered",
            invoice.sudo().activity_ids.mapped("summary"),
        )

    def test_payments_of_which_nothing_can_be_taken_back(self):
        refund = self.refund(self.payment, 10)
        draft = self.record(10, self.make_invoice(10).with_user(self.supervisor))
        draft.sudo().action_draft()
        self.overpay()
        spent = self.make_invoice(30).sudo()._get_reconciled_payments()
        self.assertTrue(spent.is_from_credit)
        for payment, words in (
            (refund, "is not a payment of a customer"),
            (spent, "was paid from the credit balance: nobody takes it back"),
            (draft, "is not posted"),
        ):
            with self.subTest(words), self.assertRefused(words):
                self.report(payment=payment.with_user(self.supervisor))
        self.assertFalse(self.env["account.payment.reversal"].search([]))

    def test_what_it_booked_is_not_undone_by_hand(self):
        reversal = self.report(amount=400)
        entry = reversal.sudo().entry_ids
        words = "belongs to Dispute .*: use Won, Lost or Cancel there"
        for undo in (entry.button_draft, entry.button_cancel):
            with self.subTest(undo.__name__), self.assertRefused(words):
                undo()
        with self.assertRefused("was taken back: decide that first"):
            self.payment.sudo().action_draft()
        reversal.win()
        self.assertEqual((entry.state, self.owed()[0]), ("posted", 0))

    def test_in_a_locked_period(self):
        today = fields.Date.today()
        locked = today - timedelta(days=3)
        self.company.sudo().fiscalyear_lock_date = locked
        self._keep()
        reversal = self.tell("lost", date=self.payment.date, kind="returned_debit")
        dates = reversal.sudo().entry_ids.mapped("date")
        self.assertEqual(dates, [max(self.payment.date, locked + timedelta(days=1))])

    def test_paid_in_another_way_before_it_was_won(self):
        reversal = self.report()
        reversal.lose()
        self.record(1000)
        self.assertEqual(self.owed()[0], 0)
        reversal.win()
        # The money is the customer's: it waits on the payment.
        self.assertEqual(self.receivable(self.payment), -1000)

    def make_return(self):
        """Return a line of a bank statement that takes 400, and its item to match."""
        statement_line = self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.company_data["default_journal_bank"].id,
                "payment_ref": "Return",
                "amount": -400,
                "date": self.payment.date,
                "partner_id": self.partner.id,
            }
        )
        _liquidity, suspense, _others = statement_line._seek_for_lines()
        suspense.account_id = self.payment.sudo().destination_account_id
        return statement_line, suspense

    def test_taken_by_the_bank_in_one_match_with_an_invoice(self):
        payment = self.payment.sudo()
        payment._get_receivable_lines().remove_move_reconcile()
        other = self.make_invoice(600).sudo()
        owed = other._get_open_receivable_lines()
        statement_line, item = self.make_return()
        (owed | item | payment._get_receivable_lines()).reconcile()
        self._keep()
        self.assertEqual(self.owed(other)[0], 0)
        [task] = payment.activity_ids
        self.assertIn(f'data-oe-id="{statement_line.move_id.id}"', task.note)
        self.assertFalse(other.activity_ids)
        self.assertEqual(payment._get_untold_taken_back(), 400)

    def test_taken_by_a_line_of_a_bank_statement(self):
        payment = self.payment.sudo()
        statement_line, suspense = self.make_return()
        partials = payment._get_receivable_lines().matched_debit_ids
        partials.unlink()
        (suspense | payment._get_receivable_lines()).reconcile()
        self.invoice.sudo().js_assign_outstanding_line(
            payment._get_receivable_lines().id
        )
        self._keep()
        self.assertEqual(self.owed()[0], 400)
        [task] = payment.activity_ids
        self.assertEqual(task.summary, "Taken back by the bank")
        self.assertIn(f'data-oe-id="{statement_line.move_id.id}"', task.note)
        row = self.row(self.payment)
        self.assertTrue(self.action(row, "taken_back")["enabled"])
        dialog = (
            self.env["account.payment.report.taken.back"]
            .with_user(self.supervisor)
            .create({"payment_id": payment.id})
        )
        self.assertEqual(dialog.amount, 400)
        dialog.action_report()
        reversal = payment.payment_reversal_ids
        self.assertTrue(reversal.is_by_bank)
        by_person = reversal.with_user(self.supervisor)
        for decide in (by_person.win, by_person.cancel):
            with self.assertRefused("is booked by a line of a bank statement"):
                decide()
        self.assertFalse(payment.activity_ids)
        self.assertFalse(reversal.entry_ids)
        self.assertEqual(self.owed()[0], 400)
        self.assertEqual(payment._get_refundable_amount(), 600)

    def test_taken_of_a_line_that_paid_without_a_payment(self):
        """The line itself paid the invoice: it is open again, and a person is told."""
        invoice = self.make_invoice(400).sudo()
        account = self.payment.sudo().destination_account_id
        owed = invoice.line_ids.filtered(lambda line: line.account_id == account)
        came, taken = self.env["account.bank.statement.line"].create(
            [
                {
                    "journal_id": self.company_data["default_journal_bank"].id,
                    "payment_ref": name,
                    "amount": amount,
                    "date": self.payment.date,
                    "partner_id": self.partner.id,
                }
                for name, amount in (("Transfer", 400), ("Return", -400))
            ]
        )
        suspense = []
        for line in (came, taken):
            _liquidity, other, _others = line._seek_for_lines()
            other.account_id = account
            suspense.append(other)
        (suspense[0] | owed).reconcile()
        self._keep()
        self.assertEqual(self.owed(invoice)[0], 0)
        [row] = self.rows(invoice).values()
        self.assertEqual((row["kind"], row["amount"]), ("bank", 400))
        owed.matched_credit_ids.unlink()
        (suspense[0] | suspense[1]).reconcile()
        self._keep()
        self.assertEqual(self.owed(invoice), (400, "not_paid"))
        self.assertFalse(self.rows(invoice))
        [task] = taken.move_id.activity_ids
        self.assertEqual(task.summary, "Taken back by the bank")
        self.assertIn(f'data-oe-id="{came.move_id.id}"', task.note)
