from odoo import models


class AccountPaymentApproval(models.Model):
    """A credit note in words for the person who approves it."""

    _inherit = "account.payment.approval"

    def _describe_credit_note(self, arguments):
        """Say which amount is credited, and where the money paid for it goes."""
        format_amount = self.currency_id.format
        lines = self.env["account.move.line"]
        return [
            *(
                self.env._(
                    "%(line)s: %(amount)s",
                    line=lines.browse(line.get("line_id")).exists().display_name,
                    amount=format_amount(line["amount"])
                    if line.get("amount")
                    else line.get("quantity"),
                )
                for line in arguments.get("lines") or []
            ),
            *(
                self.env._(
                    "%(amount)s: %(destination)s",
                    amount=format_amount(destination.get("amount") or 0.0),
                    destination=self._describe_destination(destination),
                )
                for destination in arguments.get("destinations") or []
            ),
            self._describe_date(arguments),
            arguments.get("note"),
        ]
