from odoo import SUPERUSER_ID
from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from ..approvals.common_approval import ApprovalCommon

NEEDS = "needs a second person"


@tagged("post_install", "-at_install")
class TestCreditNotesByHand(ApprovalCommon):
    """Odoo's own *Reverse*, and credit notes that are typed, obey level and limit."""

    def _reverse(self, amount, user=None, invoice=None):
        """Return the draft credit note that Odoo's dialog makes, of this amount."""
        invoice = (invoice or self.invoice).with_user(user or self.supervisor)
        wizard = (
            self.env["account.move.reversal"]
            .with_user(invoice.env.user)
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"journal_id": invoice.sudo().journal_id.id})
        )
        note = invoice.browse(wizard.reverse_moves()["res_id"])
        note.invoice_line_ids.price_unit = amount
        self._keep()
        return note

    def _type(self, amount):
        """Return a draft credit note of no invoice."""
        line = {"name": "Less", "price_unit": amount, "tax_ids": [Command.clear()]}
        note = self.env["account.move"].with_user(self.supervisor)
        note = note.create(
            {
                "move_type": "out_refund",
                "partner_id": self.partner.id,
                "invoice_line_ids": [Command.create(line)],
            }
        )
        self._keep()
        return note

    def test_above_the_limit_another_person_posts_the_draft(self):
        for make in (self._reverse, self._type):
            note = make(100.01)
            with self.assertRefused(NEEDS):
                note.action_post()
            self.assertEqual(note.state, "draft")
            note.with_user(self.approver).action_post()
            self.assertEqual(note.state, "posted")

    def test_whoever_changes_it_is_no_second_person(self):
        note = self._reverse(1).with_user(self.approver)
        note.invoice_line_ids.price_unit = 100.01
        self._keep()
        with self.assertRefused(NEEDS):
            note.action_post()

    def test_halves_do_not_pass_where_the_whole_would_not(self):
        first, second, more = self._reverse(50), self._type(50), self._type(50.01)
        with self.assertRefused(NEEDS):
            (first | more).action_post()
        first.action_post()
        with self.assertRefused(NEEDS):
            more.action_post()
        second.action_post()
        request = self.invoice.write_off(0.01, "Insolvent")
        self.assertEqual(request._name, "account.payment.approval")

    def test_amount_is_in_the_currency_of_the_credit_note(self):
        currency = self.make_currency("GBP", 2.0)
        note = self._reverse(150, invoice=self.make_invoice(currency_id=currency.id))
        note.currency_id = self.company.currency_id
        note.invoice_line_ids.price_unit = 150
        self._keep()
        with self.assertRefused(NEEDS):
            note.action_post()
        note.currency_id = currency
        note.invoice_line_ids.price_unit = 150
        self._keep()
        note.action_post()
        self.assertEqual(note.amount_total_signed, -75)

    def test_customer_is_the_one_of_the_credit_note(self):
        """Its draft may be for somebody else than the invoice."""
        customers = self.env["res.partner"].create([{"name": "A"}, {"name": "B"}])
        first, second = (
            self._reverse(60, invoice=self.make_invoice(partner_id=customer.id))
            for customer in customers
        )
        (first | second).partner_id = self.partner
        self._keep()
        first.action_post()
        with self.assertRefused(NEEDS):
            second.action_post()

    def test_scheduled_for_a_day(self):
        """Odoo posts it as a task: who entered it needs a second person."""
        note = self._reverse(100.01)
        note.auto_post = "at_date"
        self._keep()
        task = note.with_user(SUPERUSER_ID)
        with self.assertRefused(NEEDS):
            task._post()
        note.invoice_line_ids.price_unit = 100
        self._keep()
        task._post()
        self.assertEqual(note.state, "posted")

    def test_credit_notes_of_receipts_count(self):
        receipt = self.make_invoice(move_type="out_receipt")
        first, second = self._reverse(60, invoice=receipt), self._type(60)
        first.action_post()
        with self.assertRefused(NEEDS):
            second.action_post()

    def test_reversed_at_once(self):
        """*Reverse and Create Invoice* posts the credit note itself."""
        wizard = (
            self.env["account.move.reversal"]
            .with_user(self.supervisor)
            .with_context(active_model="account.move", active_ids=self.invoice.ids)
            .create({"journal_id": self.invoice.journal_id.id})
        )
        with self.assertRefused(NEEDS):
            wizard.modify_moves()
        self.assertFalse(self.invoice.reversal_move_ids)

    def test_level(self):
        note = self._reverse(1, self.accountant)
        with self.assertRefused("level Refund and credit", AccessError):
            note.action_post()
        self.company.with_env(self.env).payment_approval_limit = False
        note.action_post()
        self.assertEqual(note.state, "posted", "Without a limit, it is as in Odoo.")

    def test_door_and_superuser_ask_nobody_again(self):
        self.invoice.issue_credit_note(amount=100, reason="Less")
        self._reverse(300).sudo().action_post()
        self.assertEqual(self.invoice.amount_residual, 600)
