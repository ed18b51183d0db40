from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .common_credit import CreditCommon


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
        form.method = "transfer"
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
        form.method = "transfer"
        self.assertEqual((form.amount, form.excess_amount), (196, 0))
        form.amount = 250
        self.assertEqual(form.excess_amount, 54)
        form.keep_excess = True
        form.save().action_record()
        self.assertEqual(self.held(), 354)

    def test_excess_beside_an_early_payment_discount(self):
        """The excess over the discounted amount is kept: the discount is granted."""
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

    def test_excess_over_several_invoices(self):
        """Nobody knows which of them an amount is for: no balance is touched."""
        invoices = self.invoice | self.make_invoice(500.0, apply_credit=False)
        with self.assertRefused("for a single invoice only"):
            invoices.record_external_payment(2000, excess="credit")

    def test_excess_in_another_currency(self):
        """An excess is kept in the currency in which it was received."""
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
        # the value of the yen on the day, in euro.
        for rate, amount, paid, remaining, kept in (
            (150.0, 150000, 3000, 0, 300),
            (150.0, 120000, 2400, 10000, 0),
            (75.0, 90000, 3600, 0, 900),
            # A part takes off the amount that is recorded.
            (75.0, 60000, 2400, 30000, 0),
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
        form.method = "transfer"
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

    def test_undone_application_is_not_posted_without_its_payment(self):
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

    def test_undone_application_that_is_reversed(self):
        """Credit is given back by a payment or by a reversal, and only once."""
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
        """Credit is not given back twice, by any door."""
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
        """The amount that another refund gives back is counted with it."""
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

    def test_reset_payment_pays_nothing(self):
        """A reset payment pays nothing, or the same credit would pay two invoices."""
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

    def test_cancelled_payment_is_given_back_anew(self):
        """The credit that it gave back may have paid another invoice since."""
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

    def test_payments_that_keep_or_give_back_credit_are_not_reversed(self):
        """A reversal could be reset when the money was used otherwise."""
        undone = self.invoice.apply_credit_balance(100).undo_credit_application()
        paid_out = self.balance().pay_out(100, reason="Asked for")
        kept = self.record(1200, excess="credit").sudo().refund_payment_ids
        invoice = self.invoice
        self.invoice = self.make_invoice(100.0, apply_credit=False)
        paid_out_to_card = self.pay_out_to_card(self.charge(100), 100)
        self.invoice = invoice
        held = self.held()
        by_entry = "not reversed by another entry"
        for payment, words in (
            (undone, by_entry),
            (paid_out, by_entry),
            (paid_out_to_card, "cannot be cancelled or reversed: .* paid the"),
            (kept, by_entry),
        ):
            entry = payment.sudo().move_id
            for is_cancelled in (True, False):
                with self.assertRefused(words):
                    entry._reverse_moves(cancel=is_cancelled)
        reversal = self.copy_reversed(kept.move_id)
        with self.assertRefused("not reversed by another entry"):
            reversal.action_post()
        self.assertEqual(self.held(), held)

    def test_corrected_credit_note_of_an_invoice_that_credit_paid(self):
        """The credit that it gave back is taken again first."""
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

    def test_kept_part_of_a_credit_note_is_matched_with_it(self):
        """Kept money is matched with its credit note, not with older open money."""
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

    def test_corrected_payment_whose_money_is_kept(self):
        """It is matched with the kept part first, then with the invoice again."""
        payment = self.record(1200, excess="credit").sudo()
        kept = payment.refund_payment_ids
        payment.action_draft()
        payment.amount = 1100
        payment.action_post()
        self.assertFalse(self.receivable(kept))
        self.assertFalse(self.receivable(payment))
        self.assertEqual(self.invoice.amount_residual, 100)
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
        """The bank's fee is booked in the refund's entry, which can be deleted."""
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

    def test_journal_entry_of_payments_that_take_or_give_back_credit(self):
        """The entry follows its payment and books the payment's amount."""
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

    def test_money_that_a_refund_is_taking(self):
        """Money that goes back to the card is not also kept as credit."""
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
        attempt.sudo()._post_process()
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

    def test_reversed_payment_is_not_reset_or_reversed_again(self):
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
                    # An entry that was reset before there was a reversal.
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

    def test_entry_to_be_reversed_is_not_moved(self):
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

    def test_reversed_payment_whose_money_is_kept(self):
        """The credit would stay without its money: it is taken back first."""
        payment = self.record(1200, excess="credit").sudo()
        kept = payment.refund_payment_ids
        with self.assertRefused("went back by .* use Taken back"):
            payment.move_id._reverse_moves(cancel=True)
        self.assertEqual(self.held(), 500)
        kept.undo_recording(reason="Wrong")
        self.assertEqual(self.held(), 300)
        payment.move_id._reverse_moves(cancel=True)
        self.assertEqual(self.invoice.amount_residual, 1000)

    def test_credit_note_that_is_paid_out_is_locked(self):
        """A refund locks its credit note, so that nobody keeps that as credit too."""
        payment = self.charge(1000)
        self.gateway.answers = ["done"]
        self.invoice.issue_credit_note(
            amount=200, reason="Less", destinations=[{"to": "credit", "amount": 200}]
        )
        credit_note = self.make_credit_note(self.invoice, 200)
        locks = credit_note.payment_lock_count
        payment.refund(200, credit_note_id=credit_note.id, reason="Asked")
        self.assertGreater(credit_note.payment_lock_count, locks)

    def test_money_given_back_is_not_reversed_again(self):
        applied = self.invoice.apply_credit_balance()
        applied.undo_credit_application()
        with self.assertRefused("gave back"):
            applied.sudo().move_id._reverse_moves(cancel=True)
        self.assertEqual(self.held(), 300)

    def test_kept_money_that_is_taken_back(self):
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
        """A payment that went out is neither undone nor refunded there."""
        self.record(1000)
        credit_note = self.invoice.issue_credit_note(
            amount=200, reason="Less", destinations=[{"to": "credit", "amount": 200}]
        )
        (row,) = credit_note.get_payment_rows()
        self.assertEqual(row["amount_applied"], 200)
        names = {action["name"] for action in row["actions"]}
        self.assertEqual(names, {"receipt", "open_payment"})

    def test_entry_of_two_customers_by_one_click(self):
        """The row moves the open amount of this invoice's customer."""
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
        """The child's invoices are paid from the balance of their present debtor."""
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
        """The rest of a bank match is moved from the list of journal items."""
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
        # It asks first, as the section does.
        question = action.with_user(self.accountant).run()
        self.assertEqual(self.types(), [])
        self.assertTrue(entry.has_outstanding_credit)
        self.assertEqual(question["tag"], "invoice_payments_ext.ask")
        asked = question["params"]
        self.assertIn("30.00", asked["body"])
        self.assertIn(self.partner.name, asked["body"])
        answer = self.env[asked["model"]].with_user(self.accountant)
        getattr(answer.browse(asked["ids"]), asked["method"])()
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
        late.sudo()._post_process()
        payment = late.payment_id.with_user(self.supervisor)
        row = self.row(payment)
        action = self.action(row, "keep")
        self.assertTrue(action["enabled"])
        self.env[action["model"]].with_user(self.accountant).browse(
            action["id"]
        ).action_move_to_credit_balance()
        self.assertEqual(self.held(), 1300)
        self.assertIsNone(self.action(self.row(payment), "keep"))

    def test_locks_of_kept_money(self):
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

    def test_locks_of_money_that_a_second_person_keeps(self):
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

    def test_locks_of_an_invoice_that_credit_paid(self):
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

    def test_entries_that_are_no_credit_of_a_customer(self):
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

    def test_money_being_refunded_is_not_kept(self):
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
        """The part that credit paid goes back first, the rest as a person chooses."""
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

    def test_credit_note_of_an_invoice_that_was_paid_in_a_third_currency(self):
        """No cent of the invoice stays open that nothing can be matched with.

        30.00 EUR are 26.67 GBP, which are 33.34 USD, which are 30.01 EUR.
        """
        euro = self.make_currency("EUR", 0.9)
        journal = self.make_currency_journal(self.make_currency("GBP", 0.8))
        for way in ("credit", "outside"):
            with self.subTest(way):
                invoice = self.make_invoice(100.0, currency_id=euro.id)
                invoice = invoice.with_user(self.supervisor)
                invoice.record_external_payment(60, journal_id=journal.id)
                destination = {"to": way, "amount": 30}
                if way == "outside":
                    destination["journal_id"] = journal.id
                note = invoice.issue_credit_note(
                    amount=70, reason="Less", destinations=[destination]
                )
                self.assertEqual(invoice.amount_residual, 0)
                self.assertEqual(note.amount_residual, 0)
                self.assertEqual(self.env["account.payment.tie.out"].sudo().check(), [])
