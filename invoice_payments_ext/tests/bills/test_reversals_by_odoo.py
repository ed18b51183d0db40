from odoo.fields import Command
from odoo.tests import tagged

from ..refunds.common_refund import RefundCommon


@tagged("post_install", "-at_install")
class TestReversalsByOdoo(RefundCommon):
    """Odoo's own *Reverse* dialog keeps to the total of the invoice, too."""

    def _reverse(self, amount=None):
        """Return the draft credit note that Odoo's dialog makes, of this amount."""
        wizard = (
            self.env["account.move.reversal"]
            .with_user(self.supervisor)
            .with_context(active_model="account.move", active_ids=self.invoice.ids)
            .create({"journal_id": self.invoice.journal_id.id})
        )
        note = self.env["account.move"].browse(wizard.reverse_moves()["res_id"])
        if amount:
            note.invoice_line_ids = [Command.clear()] + [
                Command.create(
                    {"name": "Less", "price_unit": amount, "tax_ids": [Command.clear()]}
                )
            ]
        return note.with_user(self.supervisor)

    def test_second_credit_note_above_the_invoice(self):
        first, second, third = (self._reverse(n) for n in (600, 400.01, 400))
        first.action_post()
        with self.assertRefused("0.01 more than is left of"):
            second.action_post()
        self.assertEqual(second.state, "draft")
        third.action_post()
        self.assertEqual((first | third).mapped("state"), ["posted", "posted"])
        with self.assertRefused("Credit notes cannot exceed their invoice"):
            self._reverse().action_post()

    def test_credit_notes_posted_together(self):
        notes = self._reverse(600) | self._reverse(401)
        with self.assertRefused("1.00 more than is left of"):
            notes.action_post()
        self.assertEqual(notes.mapped("state"), ["draft", "draft"])

    def test_after_a_credit_note_by_our_door(self):
        note = self._reverse()
        self.invoice.with_user(self.supervisor).issue_credit_note(
            amount=1, reason="Less"
        )
        with self.assertRefused("1.00 more than is left of"):
            note.action_post()
