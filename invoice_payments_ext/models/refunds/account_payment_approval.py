from odoo import models


class AccountPaymentApproval(models.Model):
    """A refund in words for the person who approves it."""

    _inherit = "account.payment.approval"

    def _describe_refund(self, arguments):
        """Say where a refund goes, and whether the bill is reduced."""
        moves = self.env["account.move"]
        invoice = moves.browse(arguments.get("invoice_id"))
        if arguments.get("credit_note_id"):
            bill = self.env._(
                "It pays out the credit note %s.",
                moves.browse(arguments["credit_note_id"]).exists().display_name,
            )
        elif arguments.get("reduce_bill"):
            bill = self.env._("A credit note takes it off the bill.")
        else:
            _unallocated, parts, _untraced = self.payment_id._plan_refund(
                self.amount, invoice
            )
            bill = parts and self.env._("The customer still owes it.")
        return [
            self._describe_destination(arguments),
            bill,
            invoice
            and self.env._("It concerns %s first.", invoice.exists().display_name),
        ]
