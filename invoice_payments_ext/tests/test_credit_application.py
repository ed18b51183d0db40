import requests

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

    def held(self, currency=None):
        """Return what is held for the customer."""
        return self._balance(currency=currency).amount

    def types(self):
        """Return the types and amounts of the history, without the first."""
        return [(kind, amount) for kind, amount, _after in self._history()[1:]]


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
        self.assertNotIn("mistake", entry.label)
        self.assertEqual(payment.state, "paid")
        self.assertFalse(self.invoice.refund_status)
        row = self.row(payment)
        self.assertEqual(row["amount_refunded"], 120)
        self.assertFalse(self.action(row, "undo_credit")["enabled"])
        with self.assertRefused("is refunded already"):
            payment.undo_credit_application()

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
        for to in ("original", "outside"):
            with self.subTest(to=to), self.assertRefused("it goes back there"):
                self.refund(payment, to=to)

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

    def test_from_the_dialog(self):
        form = Form(
            self.env["account.payment.create"]
            .with_user(self.supervisor)
            .with_context(default_move_id=self.invoice.id)
        )
        options = {option["value"]: option for option in form.method_options}
        self.assertIn("300.00", options["credit"]["detail"])
        form.method = "credit"
        self.assertEqual(form.amount, 300)
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

    def test_several_at_once_share_the_balance(self):
        drafts = self.env["account.move"].union(
            *(self.make_invoice(200.0, post=False) for _number in range(3))
        )
        drafts.action_post()
        self.assertEqual(drafts.mapped("amount_residual"), [0, 100, 200])
        self.assertEqual(self.held(), 0)

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

    def test_early_payment_discount(self):
        term = self.env["account.payment.term"].create(
            {
                "name": "2% in 10 days",
                "early_discount": True,
                "discount_percentage": 2,
                "discount_days": 10,
                "line_ids": [Command.create({"value": "percent", "value_amount": 100})],
            }
        )
        invoice = self.make_invoice(
            200.0, invoice_date=False, invoice_payment_term_id=term.id
        )
        self.assertEqual(invoice.amount_residual, 0)
        self.assertEqual(self.held(), 104)

    def test_issue_and_charge_charges_the_rest(self):
        draft = self.make_invoice(500.0, post=False)
        attempt = draft.issue_and_charge(self.token.id)
        self.assertEqual(attempt.amount, 200)
        self.assertEqual(draft.amount_residual, 0)
        self.assertEqual(self.held(), 0)

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
        form.save().action_record()
        self.assertEqual(self.held(), 500)

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

    def balance(self):
        """Return the balance, as the supervisor sees it."""
        return self._balance().with_user(self.supervisor)

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

    def pay_out_to_card(self, payment, amount, answer="done", **values):
        """Pay out to the card of a payment, with this answer of the gateway."""
        self.gateway.answers = [answer]
        return self.balance().pay_out(
            amount, reason="Asked for", payment_id=payment.id, **values
        )

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
        other = self.setup_other_company(name="Other Company")["company"]
        self.supervisor.company_ids |= other
        records = {
            "pay_out": (self.balance(), {"amount": 50, "reason": "Asked for"}),
            "move_to_credit_balance": (payment._get_receivable_lines(), {}),
            "apply_credit_balance": (self.invoice, {}),
        }
        for name, (record, values) in records.items():
            record = record.with_context(allowed_company_ids=other.ids)
            with (
                self.subTest(door=name),
                self.assertRefused("selected companies|not allowed|access"),
            ):
                getattr(record, name)(**values)

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
