from odoo import api, fields, models
from odoo.tools import format_date


class AccountPaymentApproval(models.Model):
    """What exactly would be carried out, in words for the person who approves it."""

    _inherit = "account.payment.approval"

    details = fields.Text(compute="_compute_details")

    @api.depends("kind", "arguments")
    def _compute_details(self):
        for request in self:
            # In superuser mode: what is named here is no secret to who may approve it.
            lines = getattr(request.sudo(), f"_describe_{request.kind}")(
                request.arguments or {}
            )
            request.details = "\n".join(filter(None, lines))

    def _describe_refund(self, arguments):
        """Say where a refund goes, and what becomes of the bill."""
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

    def _describe_credit_note(self, arguments):
        """Say what is credited, and where the money goes that was paid for it."""
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

    def _describe_write_off(self, arguments):
        """Say where the loss is booked."""
        account = self.env["account.account"].browse(arguments.get("account_id"))
        account = account.exists() or self.company_id.write_off_account_id
        return [
            account
            and self.env._(
                "It is booked to %s.",
                account.with_company(self.company_id).display_name,
            ),
            self._describe_date(arguments),
        ]

    def _describe_pay_out(self, arguments):
        """Say where the money goes."""
        to = "original" if arguments.get("payment_id") else "outside"
        return [self._describe_destination({**arguments, "to": to})]

    def _describe_destination(self, values):
        """Say where money goes."""
        payment = self.env["account.payment"].browse(values.get("payment_id")).exists()
        if values.get("to") == "original":
            return self.env._(
                "Back to the original method, through its gateway. %s",
                payment.display_name or "",
            ).strip()
        if values.get("to") == "credit":
            return self.env._("Kept on the customer's credit balance.")
        if values.get("to") == "refund":
            return self.env._("Given back already by %s.", payment.display_name)
        journal = self.env["account.journal"].browse(values.get("journal_id")).exists()
        return self.env._(
            "Outside the gateway, from %(journal)s. %(facts)s",
            journal=journal.display_name or self.env._("the first bank journal"),
            facts=" ".join(
                filter(None, [self._describe_date(values), values.get("reference")])
            ),
        ).strip()

    def _describe_date(self, values):
        """Say of which day it is, where somebody chose one."""
        if not values.get("date"):
            return ""
        return self.env._(
            "Date: %s.", format_date(self.env, fields.Date.to_date(values["date"]))
        )
