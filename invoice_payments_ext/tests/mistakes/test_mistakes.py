from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import Form, tagged

from ..credit.common_credit import CreditCommon


@tagged("post_install", "-at_install")
class TestMistakes(CreditCommon):
    """A record by mistake is taken back by an opposite entry, and no money is made up.

    The checks after each test compare the books with the invariants.
    """

    def setUp(self):
        super().setUp()
        self.today = fields.Date.context_today(self.env["account.move"])

    # === HELPERS === #

    def _record(self, amount=400.0, **values):
        # The credit that is held would pay it otherwise.
        return self.invoice.record_external_payment(amount, **values)

    def _match_with_bank(self, payment):
        """Match the money of a payment with a line of a bank statement."""
        line = self.env["account.bank.statement.line"].create(
            {
                "journal_id": payment.journal_id.id,
                "date": "2026-02-20",
                "payment_ref": "Transfer",
                "partner_id": self.partner.id,
                "amount": payment.amount,
            }
        )
        _liquidity, suspense, _other = line._seek_for_lines()
        suspense.account_id = payment.sudo().outstanding_account_id
        own = payment.sudo().move_id.line_ids.filtered(
            lambda each: each.account_id == suspense.account_id
        )
        (own | suspense).reconcile()
        self._keep()
        return line

    def _lock(self, date):
        self.company.sudo().fiscalyear_lock_date = date
        self._keep()

    def _get_row_action(self, row, name):
        return next((each for each in row["actions"] if each["name"] == name), None)

    # === RECEIVED === #

    def test_other_records_say_which_way_is_theirs(self):
        bill = self.env["account.payment"].create(
            {
                "payment_type": "outbound",
                "partner_type": "supplier",
                "partner_id": self.partner.id,
                "amount": 10.0,
                "journal_id": self.company_data["default_journal_cash"].id,
            }
        )
        bill.action_post()
        disputed = self._record(100.0)
        dispute = disputed.report_taken_back("dispute")
        for payment, words in (
            (bill, "is not a payment of a customer"),
            (disputed, "disput"),
        ):
            self._keep()
            with self.assertRefused(words):
                payment.with_user(self.supervisor).undo_recording("A mistake")
        dispute.lose()
        taken = disputed.sudo().search(
            [("source_payment_id", "=", disputed.id), ("is_taken_back", "=", True)]
        )
        with self.assertRefused("was taken back: open that record"):
            taken[:1].with_user(self.supervisor).undo_recording("A mistake")

    def test_received_money_is_taken_back(self):
        invoice = self.make_invoice().with_user(self.accountant)
        before = invoice.amount_residual
        payment = invoice.record_external_payment(400.0, date="2026-02-01")
        row = self.rows(invoice)[f"pay-{payment.id}"]
        self.assertTrue(self._get_row_action(row, "mistake")["enabled"])
        with self.assertRefused("A reason is required"):
            payment.undo_recording(" ")

        opposite = payment.undo_recording("Recorded twice", idempotency_key="M1")

        self.assertEqual(invoice.amount_residual, before)
        self.assertEqual(payment.state, "canceled")
        self.assertEqual(payment.mistake_reason, "Recorded twice")
        self.assertEqual((opposite.state, opposite.date), ("posted", self.today))
        self.assertEqual(opposite.reversed_entry_id, payment.move_id)
        self.assertEqual(payment.move_id.state, "posted")
        lines = (opposite | payment.move_id).sudo().line_ids
        self.assertFalse(sum(lines.mapped("balance")))
        self.assertTrue(
            all(line.reconciled for line in lines if line.account_id.reconcile)
        )
        row = self.rows(invoice)[f"pay-{payment.id}"]
        self.assertEqual(
            (row["state"], row["state_label"], row["reason"], row["amount_applied"]),
            ("mistaken", "Recorded by mistake", "Recorded twice", 0.0),
        )
        self.assertFalse(self._get_row_action(row, "mistake"))
        for record in (invoice, payment):
            notes = " ".join(map(str, record.sudo().message_ids.mapped("body")))
            self.assertIn("Recorded twice", notes)
            self.assertIn(opposite.name, notes)
        # The same request again, and another one.
        again = payment.undo_recording("Recorded twice", idempotency_key="M1")
        self.assertEqual(again, opposite)
        with self.assertRefused("is not posted"):
            payment.undo_recording("Again")
        # Both records stay as they are.
        for record in (payment, payment.move_id, opposite):
            with self.subTest(record), self.assertRefused("was recorded by mistake"):
                record.sudo().with_env(self.env).sudo()._check_can_be_undone("reset")
        with self.assertRefused("was recorded by mistake"):
            payment.with_user(self.supervisor).action_draft()
        self.assertTrue(invoice.record_external_payment(before))

    def test_several_invoices_and_instalments(self):
        invoices = self.make_invoice(500) | self.make_invoice_with_instalments()
        remaining = invoices.mapped("amount_residual")
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.partner.id,
                "amount": sum(remaining),
                "journal_id": self.company_data["default_journal_bank"].id,
            }
        )
        payment.action_post()
        lines = invoices.sudo().line_ids | payment.move_id.line_ids
        lines.filtered(
            lambda line: (
                line.account_id.account_type == "asset_receivable"
                and not line.reconciled
            )
        ).reconcile()
        self.assertFalse(sum(invoices.mapped("amount_residual")))
        payment.with_user(self.accountant).undo_recording("Other customer")
        self.assertEqual(invoices.mapped("amount_residual"), remaining)
        for invoice in invoices:
            row = self.rows(invoice)[f"pay-{payment.id}"]
            self.assertEqual(row["state"], "mistaken")

    def test_locked_period(self):
        payment = self._record(date="2026-02-01")
        yesterday = self.today - timedelta(days=1)
        self._lock(yesterday)
        with Form(
            self.env["account.payment.undo.recording"]
            .with_user(self.accountant)
            .with_context(default_payment_id=payment.id)
        ) as form:
            self.assertEqual(form.date, self.today)
            self.assertIn("No money moves", form.preview)
            form.date = fields.Date.to_date("2026-02-01")
        opposite = payment.undo_recording("Twice", date="2026-02-01")
        self.assertEqual(opposite.date, self.today)
        # Of a payment in the open, the day may be its own.
        self._lock("2026-03-31")
        open_payment = self._record(100, date="2026-04-02")
        opposite = open_payment.undo_recording("Twice", date="2026-04-02")
        self.assertEqual(str(opposite.date), "2026-04-02")
        # Never before its own.
        another = self._record(100, date="2026-04-03")
        opposite = another.undo_recording("Twice", date="2026-04-01")
        self.assertEqual(str(opposite.date), "2026-04-03")
        with self.assertRefused("future"):
            self._record(100).undo_recording(
                "Twice", date=self.today + timedelta(days=1)
            )

    def test_money_that_moved_is_refunded(self):
        # The bank shows it.
        payment = self._record()
        line = self._match_with_bank(payment)
        row = self.rows()[f"pay-{payment.id}"]
        action = self._get_row_action(row, "mistake")
        self.assertFalse(action["enabled"])
        self.assertIn(line.move_id.name, action["reason"])
        self.assertIn("Use Refund", action["reason"])
        with self.assertRefused("was matched with the bank"):
            payment.undo_recording("Twice")
        supervisor = payment.with_user(self.supervisor)
        dialog = supervisor.env["account.payment.undo.recording"].create(
            {"payment_id": payment.id}
        )
        self.assertTrue(dialog.can_refund)
        self.assertEqual(dialog.action_refund()["res_model"], "account.payment.refund")
        # A provider moved it.
        charged = self.charge(100)
        with self.assertRefused("it was not recorded by hand"):
            charged.undo_recording("Twice")
        # A part went on, and comes back first.
        other = self.make_invoice()
        payment = other.record_external_payment(300)
        refund = payment.with_user(self.supervisor).refund(
            100, "outside", reason="Wrong"
        )
        for each in (payment, payment.with_user(self.supervisor)):
            with self.assertRefused("A part of"):
                each.undo_recording("Twice")
        action = self._get_row_action(self.rows(other)[f"pay-{payment.id}"], "mistake")
        self.assertFalse(action["enabled"])
        # The record of a refund is taken back as well, by who may refund.
        with self.assertRaises(AccessError):
            refund.with_user(self.accountant).undo_recording("Not paid")
        remaining = other.amount_residual
        refund.undo_recording("Not paid")
        self.assertEqual(other.amount_residual, remaining - 100)
        (part,) = self.rows(other)[f"pay-{payment.id}"]["refunds"]
        self.assertEqual((part["state"], part["reason"]), ("mistaken", "Not paid"))
        payment.undo_recording("Twice")
        self.assertEqual(other.amount_residual, remaining + 200)

    def test_payment_of_which_something_waits(self):
        """A refund that waits, or a reversal that is a draft, comes first."""
        payment = self._record()
        self.make_user(
            "ip_approver",
            "account.group_account_invoice,invoice_payments_ext.group_payment_refund",
        )
        self.company.payment_approval_limit = 50
        request = payment.with_user(self.supervisor).refund(
            100, "outside", reason="Wrong"
        )
        with self.assertRefused("A refund of .* waits for approval: have it withdrawn"):
            payment.undo_recording("Twice")
        request.withdraw()
        reversal = payment.sudo().move_id._reverse_moves()
        dialog = (
            self.env["account.payment.undo.recording"]
            .with_user(self.supervisor)
            .create({"payment_id": payment.id})
        )
        message = f"{payment.name} was reversed by {reversal.display_name}"
        self.assertIn(message, dialog.blocked_reason)
        self.assertFalse(dialog.can_refund)
        for call in (dialog.action_undo, dialog.action_refund):
            with (
                self.subTest(call.__name__),
                self.assertRefused(f"{payment.name} was reversed by"),
            ):
                call()
        reversal.unlink()
        dialog.action_undo()
        self.assertEqual(payment.state, "canceled")

    def test_dialog(self):
        """It says what is undone, in its title and its preview, and does it once."""
        invoice = self.make_invoice(1000)
        remaining = invoice.amount_residual
        payment = invoice.record_external_payment(remaining + 50, excess="credit")
        kept = payment.sudo().refund_payment_ids
        refund = payment.with_user(self.supervisor).refund(
            100, "outside", reason="Wrong"
        )
        for record, title, effect in (
            (
                refund,
                f"Recorded by mistake: {refund.name}",
                "The refund of $ 100.00 does not count any more.",
            ),
            (
                kept,
                "Move back from the credit balance",
                "$ 50.00 is taken off the credit balance again.",
            ),
            (
                payment,
                f"Recorded by mistake: {payment.name}",
                f"{invoice.name} is open again by",
            ),
        ):
            with self.subTest(title):
                action = record.with_user(self.supervisor).action_undo_recording()
                self.assertEqual(action["name"], title)
                dialogs = self.env[action["res_model"]].with_user(self.supervisor)
                dialog = Form(dialogs.with_context(**action["context"]))
                self.assertIn(effect, dialog.preview.replace("\xa0", " "))
                dialog = dialog.save()
                told = dialog.action_undo()["params"]
                self.assertEqual(dialog.action_undo()["params"], told)
                opposite = record.sudo().move_id.reversal_move_ids
                self.assertEqual(
                    told["message"],
                    f"{record.name} was taken back by {opposite.name}.",
                )
        self.assertEqual(invoice.amount_residual, remaining)

    # === CREDIT === #

    def test_moving_to_the_credit_balance_is_undone(self):
        invoice = self.make_invoice()
        remaining = invoice.amount_residual
        payment = invoice.record_external_payment(remaining + 50, excess="credit")
        kept = payment.sudo().refund_payment_ids
        held = self._balance().amount
        (part,) = self.rows(invoice)[f"pay-{payment.id}"]["refunds"]
        action = self._get_row_action(part, "undo_keep")
        self.assertTrue(action["enabled"])
        with self.assertRefused("A part of"):
            payment.undo_recording("Twice")
        kept = kept.with_user(self.accountant)
        kept.undo_recording("Wrong customer")
        self.assertEqual(self._balance().amount, held - 50)
        entry = self._balance().entry_ids.sorted("id")[-1:]
        self.assertEqual(
            (entry.entry_type, entry.amount, entry.note),
            ("reversal", -50.0, "Wrong customer"),
        )
        row = self.rows(invoice)[f"pay-{payment.id}"]
        self.assertEqual(row["amount_unallocated"], 50)
        self.assertEqual(row["refunds"][0]["state"], "mistaken")
        # It can be moved again, and both be taken back.
        line = payment.sudo().move_id.line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        )
        again = line.with_user(self.accountant).move_to_credit_balance()
        self.assertEqual(self._balance().amount, held)
        # Credit that was spent is not there to be taken back.
        self.make_invoice(1000)
        self.assertFalse(self._balance().amount)
        with self.assertRefused("credit"):
            again.undo_recording("Wrong customer")

    def test_what_gives_credit_back_is_no_record_of_money(self):
        """The credit would leave the balance, and pay nothing."""
        applied = self.make_invoice().sudo()._get_credit_applications()
        applied.with_user(self.supervisor).undo_credit_application()
        held = self._balance().amount
        given_back = applied.refund_payment_ids.with_user(self.supervisor)
        self.assertTrue(given_back)
        with self.assertRefused("gave credit back to the balance: pay from the credit"):
            given_back.undo_recording("Twice")
        self.assertEqual(self._balance().amount, held)

    def test_in_another_currency(self):
        journal = self.make_currency_journal(self.make_currency("EUR", 3.0))
        invoice = self.make_invoice(1000)
        remaining = invoice.amount_residual
        self.set_rate(journal.currency_id, "2026-02-01", 4.0)
        payment = invoice.record_external_payment(
            remaining, journal_id=journal.id, date="2026-02-02"
        )
        self.assertFalse(invoice.amount_residual)
        payment.undo_recording("Twice")
        self.assertEqual(invoice.amount_residual, remaining)
