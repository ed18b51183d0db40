from odoo.exceptions import AccessError
from odoo.tests import Form, tagged

from .common_credit import CreditCommon


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

    def test_attempt_in_another_currency_spends_none(self):
        euro = self.make_currency("EUR")
        self.customer.adjust_credit_balance(50, euro.id, reason="Goodwill")
        tx = self.make_portal_transaction(amount=50)
        with self.assertRefused("only amounts of the same company and currency"):
            tx._check_credit_spendable(self._balance(currency=euro))
        self.assertEqual((self.held(euro), self.held()), (50, 300))

    def test_attempt_beside_a_reserved_amount_spends_none(self):
        """A member pays by credit what no attempt may still bring."""
        self.gateway.answers = ["authorized"]
        attempt = self.invoice.charge(self.token.id, amount=900).sudo()
        tx = self.make_portal_transaction(amount=50)
        words = r"900\.00\) is in flight: .*Wait for its outcome"
        with self.assertRefused(words):
            tx._check_credit_spendable(self._balance())
        attempt.holds_invoice = False  # As one that an order made.
        with self.assertRefused(words):
            tx._check_credit_spendable(self._balance())

    def test_beside_a_charge_that_is_unknown(self):
        """Credit pays the part that the charge cannot bring."""
        self.gateway.answers = [TimeoutError()]
        self.invoice.charge(self.token.id, amount=900)
        with self.assertRefused("above the chargeable amount"):
            self.invoice.apply_credit_balance(101)
        self.assertEqual(self.invoice.apply_credit_balance().amount, 100)
        with self.assertRefused("is unknown"):
            self.invoice.apply_credit_balance()
        self.assertEqual(self.held(), 200)

    def test_beside_a_customer_who_is_paying(self):
        self.make_portal_transaction("pending", amount=950)
        journal = self.company.credit_balance_journal_id
        with self.assertRefused("is in flight"):
            self.register_payment(self.invoice, journal_id=journal.id, amount=60)
        self.register_payment(self.invoice, journal_id=journal.id)
        self.assertEqual(self.held(), 250)
        with self.assertRefused("is in flight"):
            self.invoice.apply_credit_balance()

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

    def test_undo_is_repeated_with_its_key(self):
        """An empty reason is none, as keys of earlier versions remember it."""
        payment = self.invoice.apply_credit_balance(120)
        undone = payment.undo_credit_application("", idempotency_key="U")
        again = payment.undo_credit_application(idempotency_key="U")
        self.assertEqual(again, undone)

    def test_undo_gives_no_money(self):
        """An undone application does not count towards the limit for one person."""
        self.make_user(
            "ip_approver",
            "account.group_account_invoice,invoice_payments_ext.group_payment_refund",
        )
        self.company.payment_approval_limit = 400  # 300 were added before.
        payment = self.invoice.with_user(self.supervisor).apply_credit_balance(90)
        payment.undo_credit_application()
        charged = self.charge()
        refund = self.refund(charged, 20)
        self.assertEqual(refund._name, "account.payment")
        refund = self.refund(charged, 80.01)
        self.assertEqual(refund._name, "account.payment.approval")

    def test_added_to_another_invoice(self):
        """Credit that was taken off an invoice pays another one by the same rules."""
        applied = self.invoice.apply_credit_balance(100).sudo()
        applied.move_id.line_ids.remove_move_reconcile()
        line = applied._get_receivable_lines()
        euro = self.make_currency("EUR")
        foreign = self.make_invoice(currency_id=euro.id).sudo()
        with self.assertRefused("of that currency only"):
            foreign.js_assign_outstanding_line(line.id)
        other = self.make_invoice(500.0, apply_credit=False)
        self.gateway.answers = ["pending"]
        attempt = other.charge(self.token.id, amount=450).sudo()
        with self.assertRefused("are in flight"):
            other.sudo().js_assign_outstanding_line(line.id)
        self.gateway.notify(attempt, "error")
        other.sudo().js_assign_outstanding_line(line.id)
        self.assertEqual(other.amount_residual, 400)

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
        # What is owed elsewhere brings nothing, so that it needs no room.
        third = self.make_invoice(80.0, apply_credit=False)
        owed = third.line_ids.filtered(lambda line: line.display_type == "payment_term")
        self.invoice.sudo().js_assign_outstanding_line(owed.id)
        self.assertEqual(
            (self.invoice.amount_residual, third.amount_residual), (950, 80)
        )
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

    def test_refund_dialog_keeps_credit_as_credit(self):
        payment = self.invoice.apply_credit_balance().with_user(self.supervisor)
        action = payment.action_refund_wizard()
        dialogs = self.env[action["res_model"]].with_user(self.supervisor)
        dialog = Form(dialogs.with_context(**action["context"]))
        self.assertEqual((dialog.to, dialog.amount), ("credit", 300))
        account = self.company.credit_balance_account_id.name
        for words in (
            f"$ 300.00 is kept on the credit balance of {self.partner.display_name}.",
            f"credit {account}, $ 300.00.",
        ):
            self.assertIn(words, dialog.preview.replace("\xa0", " "))
        dialog.reason = "A mistake"
        dialog.save().action_refund()
        self.assertEqual((self.held(), self.invoice.amount_residual), (300, 1000))

    def test_bills_are_matched_by_odoo(self):
        """Only what a customer pays is compared with the charges in flight."""
        bill = self.init_invoice("in_invoice", amounts=[5.0], post=True)
        bill.env.flush_all()  # It is of the class's cursor.
        bill = self.env["account.move"].browse(bill.id)
        payment = self.env["account.payment"].create(
            {
                "payment_type": "outbound",
                "partner_type": "supplier",
                "partner_id": bill.partner_id.id,
                "amount": bill.amount_total,
                "journal_id": self.company_data["default_journal_bank"].id,
            }
        )
        payment.action_post()
        line = payment.move_id.line_ids.filtered(
            lambda line: line.account_id.account_type == "liability_payable"
        )
        bill.js_assign_outstanding_line(line.id)
        self.assertEqual(bill.amount_residual, 0)

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
        form.method = "transfer"
        self.assertEqual(form.amount, 1000)
        form.method = "credit"
        self.assertEqual(form.amount, 300)
        form.method = "transfer"
        self.assertEqual(form.amount, 1000)
        form.amount = 250
        form.method = "credit"
        self.assertEqual(form.amount, 250)
        form.amount = 300
        form.save().action_apply_credit()
        self.assertEqual(self.held(), 0)
