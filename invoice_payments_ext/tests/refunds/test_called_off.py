from odoo.fields import Command
from odoo.tests import tagged

from ..credit.common_credit import CreditCommon


@tagged("post_install", "-at_install")
class TestCalledOff(CreditCommon):
    """Money of which a part went back did come: its payment is not called off."""

    def setUp(self):
        super().setUp()
        self.invoice = self.invoice.with_user(self.supervisor)
        self.invoice.record_external_payment(400.0)
        self.payment = self.invoice._get_reconciled_payments()
        self._keep()

    # === HELPERS === #

    def get_ways(self):
        """Return all ways of calling the payment off, by Odoo's own buttons."""
        payment = self.payment

        def reset_and_cancel():
            payment.action_draft()
            payment.action_cancel()

        def delete():
            payment.action_draft()
            payment.unlink()

        def reverse_in_the_dialog():
            wizard = (
                self.env["account.move.reversal"]
                .with_user(self.supervisor)
                .with_context(
                    active_model="account.move", active_ids=payment.move_id.ids
                )
                .create({"journal_id": payment.move_id.journal_id.id})
            )
            wizard.reverse_moves()

        def type_the_reversal():
            entry = payment.move_id
            typed = self.env["account.move"].with_user(self.supervisor)
            typed = typed.create(
                {
                    "reversed_entry_id": entry.id,
                    "journal_id": entry.journal_id.id,
                    "line_ids": [
                        Command.create(
                            {
                                "account_id": line.account_id.id,
                                "partner_id": line.partner_id.id,
                                # Another amount than that of the payment.
                                "balance": -line.balance / 2,
                            }
                        )
                        for line in entry.line_ids
                    ],
                }
            )
            typed.action_post()

        return {
            "type the reversal": type_the_reversal,
            "cancel": payment.action_cancel,
            "reject": payment.action_reject,
            "reset and cancel": reset_and_cancel,
            "delete": delete,
            "cancel the entry": payment.move_id.button_cancel,
            "reverse in the dialog": reverse_in_the_dialog,
        }

    def assertKept(self, message):
        for way, call_off in self.get_ways().items():
            with self.subTest(way), self.assertRefused(message):
                call_off()
        self.assertTrue(self.payment._is_posted())

    def find(self):
        self.env.flush_all()
        return self.env["account.payment.tie.out"].sudo().check(self.company.ids)

    # === TESTS === #

    def test_refunded_in_part(self):
        refund = self.payment.refund(100.0, to="outside", reason="Too much")
        self.assertKept(r"100\.00 of .* went back by .*, so its money came")
        self.assertEqual(self.find(), [])
        # The way that is said: no money moved.
        refund.undo_recording(reason="Never paid")
        self.payment.undo_recording(reason="Never came")
        self.assertEqual(self.payment.state, "canceled")
        self.assertEqual(self.invoice.amount_residual, 1000.0)
        self.assertEqual(self.find(), [])

    def test_kept_as_credit_in_part(self):
        kept = self.payment.refund(100.0, to="credit", reason="Keep it")
        self.assertKept("went back by")
        kept.undo_recording(reason="Wrong")
        self.payment.action_cancel()
        self.assertEqual(self.invoice.amount_residual, 1000.0)
        self.assertEqual(self.find(), [])

    def test_taken_back_in_part(self):
        """By an entry that names no source, as accountants book it."""
        receivable = self.payment.destination_account_id
        bank = self.company_data["default_journal_bank"]
        entry = self.book_by_hand(
            (receivable, 100.0),
            (bank.default_account_id, -100.0),
            journal_id=bank.id,
        )
        entry.action_post()
        lines = self.payment.sudo()._get_receivable_lines()
        lines.remove_move_reconcile()
        (
            lines | entry.line_ids.filtered(lambda line: line.account_id == receivable)
        ).reconcile()
        (lines | self.invoice.sudo()._get_open_receivable_lines()).reconcile()
        remaining = self.invoice.amount_residual
        ways = self.get_ways()
        ways["reset"] = self.payment.action_draft
        ways["reset the entry"] = self.payment.move_id.button_draft
        for way, call_off in ways.items():
            with (
                self.subTest(way),
                self.assertRefused(r"100\.00 of .* were taken back, so its money came"),
            ):
                call_off()
        self.assertTrue(self.payment._is_posted())
        self.assertEqual(self.invoice.amount_residual, remaining)
        # The way that is said.
        entry.line_ids.remove_move_reconcile()
        entry._reverse_moves(cancel=True)
        self.payment.action_cancel()
        self.assertEqual(self.invoice.amount_residual, 1000.0)
        self.assertEqual(self.find(), [])

    def test_reset_to_be_corrected(self):
        """Its refund stands meanwhile, and is matched with it again."""
        refund = self.payment.refund(100.0, to="outside", reason="Too much")
        remaining = self.invoice.amount_residual
        self.payment.action_draft()
        self.payment.date = "2026-02-02"
        self.payment.action_post()
        self.assertEqual(self.invoice.amount_residual, remaining)
        lines = refund._get_receivable_lines()
        self.assertTrue(lines.reconciled)
        self.assertEqual(self.find(), [])

    def test_reset_is_seen_as_long_as_it_is_a_draft(self):
        """The ledger, the section and the tie-out say the same in each state."""
        refund = self.payment.refund(100.0, to="outside", reason="Too much")
        line = refund._get_receivable_lines()
        self.assertEqual(self.invoice.amount_residual, 700.0)
        for kept in (400.0, 100.0, 250.0):
            with self.subTest(kept=kept):
                self.payment.action_draft()
                # The refund left the bank: nothing stands against it meanwhile.
                self.assertEqual(line.amount_residual, 100.0)
                self.assertEqual(self.invoice.amount_residual, 1000.0)
                section = self.invoice.get_payment_section()
                self.assertEqual(section["amount_remaining"], 1000.0)
                [row] = section["rows"]
                self.assertEqual((row["state"], row["amount_applied"]), ("draft", 0))
                self.assertEqual([each["amount"] for each in row["refunds"]], [100.0])
                found = {(each["name"], each["found"]) for each in self.find()}
                self.assertEqual(found, {(refund.display_name, 100.0)})
                # It cannot be confirmed with less than what went back.
                self.payment.amount = 99.0
                with self.assertRefused("cannot be posted with less"):
                    self.payment.action_post()
                self.payment.amount = kept
                self.payment.action_post()
                self.assertTrue(line.reconciled)
                remaining = 1000.0 - (kept - 100.0)
                self.assertEqual(self.invoice.amount_residual, remaining)
                [row] = self.invoice.get_payment_section()["rows"]
                self.assertEqual(row["amount_applied"], kept - 100.0)
                self.assertEqual(self.find(), [])

    def test_deleted_beside_a_refund_that_was_reset(self):
        """The refund would not know any more what it gives back."""
        refund = self.payment.refund(100.0, to="outside", reason="Too much")
        refund.action_draft()
        self.payment.action_draft()
        with self.assertRefused("went back by"):
            self.payment.unlink()
        self.assertEqual(refund.source_payment_id, self.payment)

    def test_nothing_went_back(self):
        self.payment.action_cancel()
        self.assertEqual(self.invoice.amount_residual, 1000.0)
        self.assertEqual(self.find(), [])
