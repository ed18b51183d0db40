from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ..models.bills.credit import DOCUMENT
from ..tools import format_preview


class AccountCreditNoteCreate(models.TransientModel):
    """The preview: the effects of the credit note, in words."""

    _inherit = "account.credit.note.create"

    preview = fields.Html(compute="_compute_preview", sanitize=False)

    # === COMPUTE METHODS === #

    @api.depends(
        "total",
        "what",
        "line_ids.amount",
        "line_ids.quantity",
        "date",
        "to",
        "payment_ids.amount",
        "refund_id",
        "outside_amount",
        "journal_id",
    )
    def _compute_preview(self):
        for dialog in self:
            dialog.preview = (
                format_preview(dialog._get_preview_lines()) if dialog.move_id else False
            )

    # === THE PREVIEW === #

    def _get_preview_lines(self):
        """Say in words the effects of the credit note.

        :rtype: list[str]
        """
        self.ensure_one()
        invoice = self.move_id._origin
        currency = self.currency_id
        arguments = self._prepare_arguments()
        if reason := invoice._get_credit_in_flight_reason(self.excess_amount):
            return [reason]
        if currency.is_zero(self.total) and not arguments["lines"]:
            return [
                invoice._get_all_in_flight_reason()
                or self.env._("Enter the amount to credit.")
            ]
        try:
            date = invoice._get_credit_note_date(self.date)
            total = invoice._get_credit_total(
                arguments["amount"], arguments["lines"], date
            )
        except UserError as error:
            return [str(error)]
        credit = invoice._plan_credit(
            date, amount=arguments["amount"], lines=arguments["lines"]
        )
        return [
            self._describe_tax(credit, total),
            self._describe_remaining(total),
            *self._describe_destinations(),
            *self._describe_approval(total, arguments),
        ]

    def _describe_tax(self, credit, total):
        """Say the parts of the credit note."""
        format_amount = self.currency_id.format
        get_amount = self.move_id._get_amount
        by_tax = {}
        for part, units in credit.taken[DOCUMENT].items():
            by_tax[part.tax] = by_tax.get(part.tax, 0) + units
        net = by_tax.pop(None, 0)
        taxes = [
            f"{self.env['account.tax'].browse(tax[0]).name} "
            f"{format_amount(get_amount(units))}"
            for tax, units in by_tax.items()
            if units
        ]
        values = {
            "total": format_amount(total),
            "date": format_date(self.env, self.date),
            "net": format_amount(get_amount(net)),
            "taxes": ", ".join(taxes),
        }
        if not taxes:
            return self.env._(
                "A credit note of %(total)s dated %(date)s, without tax.", **values
            )
        return self.env._(
            "A credit note of %(total)s dated %(date)s: %(net)s, and tax %(taxes)s.",
            **values,
        )

    def _describe_remaining(self, total):
        """Say the amount that remains to be paid afterwards."""
        format_amount = self.currency_id.format
        remaining = self.move_id.amount_residual
        after = self.currency_id.round(remaining - (total - self.excess_amount))
        values = {
            "invoice": self.move_id.name,
            "after": format_amount(after),
            "before": format_amount(remaining),
        }
        if self.currency_id.is_zero(remaining):
            return self.env._("%(invoice)s is paid, and stays so.", **values)
        if self.currency_id.is_zero(after):
            return self.env._(
                "%(invoice)s: nothing remains to be paid, instead of %(before)s.",
                **values,
            )
        return self.env._(
            "%(invoice)s: %(after)s remain to be paid, instead of %(before)s.", **values
        )

    def _describe_destinations(self):
        """Say which amount goes back where."""
        if not self.has_excess:
            return []
        format_amount = self.currency_id.format
        lines = []
        if self.linked_amount:
            lines.append(
                self.env._(
                    "%(amount)s was given back before, by %(refund)s.",
                    amount=format_amount(self.linked_amount),
                    refund=self.refund_id.name,
                )
            )
        if self.to == "original":
            lines += [
                self.env._(
                    "%(amount)s goes back to %(method)s through its gateway, now.",
                    amount=format_amount(row.amount),
                    method=row.payment_id._get_receipt_method(),
                )
                for row in self.payment_ids
                if not self.currency_id.is_zero(row.amount)
            ]
            given = sum(self.payment_ids.mapped("amount")) + self.linked_amount
            if self.currency_id.compare_amounts(given, self.excess_amount) > 0:
                lines.append(
                    self.env._(
                        "That is %s more than is given back: correct the amounts.",
                        format_amount(given - self.excess_amount),
                    )
                )
        if self.to == "credit":
            lines.append(
                self.env._(
                    "%(amount)s is kept on the credit balance of %(customer)s.",
                    amount=format_amount(self.excess_amount - self.linked_amount),
                    customer=self.move_id.commercial_partner_id.display_name,
                )
            )
        if self.has_outside:
            lines.append(
                self.env._(
                    "%(amount)s is recorded as paid from %(journal)s. No gateway is "
                    "asked.",
                    amount=format_amount(self.outside_amount),
                    journal=self.journal_id.name or "…",
                )
            )
        return lines

    def _describe_approval(self, total, arguments):
        """Say if a second person is needed."""
        approvals = self.env["account.payment.approval"]
        if not approvals._is_above_limit(
            self.move_id._origin, "credit_note", arguments, total
        ):
            return []
        return [
            self.env._("Approval limit: it waits until a second person approves it.")
        ]
