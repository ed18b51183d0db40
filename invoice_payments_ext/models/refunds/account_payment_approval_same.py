from collections import defaultdict

from odoo import api, models

from ..states import POSTED_STATES

# The amounts paid out of credit that are in both sums: each method returns one in the
# company's currency, given a :class:`Giving`, the kind and the amount of the request,
# and the payments that gave back credit with a credit note.
SAME_METHODS = ("_get_given_and_paid_out_alone",)


class AccountPaymentApproval(models.Model):
    """The money that was given back and that reduced a bill too: it counts once."""

    _inherit = "account.payment.approval"

    # === GETTERS === #

    @api.model
    def _get_same_alone(
        self, giving, kind, arguments, amount, refunds, moves, paid_out
    ):
        """Add what refunds, and the rooms above, know of it."""
        same = super()._get_same_alone(
            giving, kind, arguments, amount, refunds, moves, paid_out
        )
        by_note = self._get_paid_out_by_note(giving, refunds, moves)
        same += sum(by_note.values())
        if kind == "refund":
            same += self._get_credit_note_asked(giving, arguments, amount, moves)
        reopened = self._get_reopened(giving, kind, arguments, amount, refunds)
        reduced = defaultdict(float)
        for move in moves:
            invoice = move.written_off_invoice_id or move.reversed_entry_id
            reduced[invoice.id] += abs(move.amount_total_signed) - by_note[move.id]
        if giving.record._name == "account.move":
            reduced[self._get_invoices(giving.record).id] += amount
        same += sum(min(reopened[move_id], reduced[move_id]) for move_id in reopened)
        # Credit that had paid a bill is no refund when a credit note gives it back.
        kept = self._search_allocations(moves.ids).payment_id.filtered(
            lambda payment: (
                payment.journal_id.is_credit_balance
                and payment.state in POSTED_STATES
                and payment not in self._get_booked(refunds)
            )
        )
        given = sum(
            getattr(self, name)(giving, kind, amount, kept) for name in SAME_METHODS
        )
        return same + min(given, paid_out)

    @api.model
    def _get_paid_out_by_note(self, giving, refunds, moves):
        """Return what refunds paid out of the credit notes, where this user made both.

        :return: The amounts in the company's currency, by the id of the credit note.
        :rtype: dict[int, float]
        """
        approved = self._get_approved_results(giving)
        approved_notes = approved.get("account.move", [])
        counted = self._get_booked(refunds)
        others = counted.browse(approved.get("account.payment", []))
        attempts = self.env["payment.transaction"].sudo()
        others |= attempts.browse(approved.get("payment.transaction", [])).payment_id
        paid_out = defaultdict(float)
        for allocation in self._search_allocations([*moves.ids, *approved_notes]):
            payment, note = allocation.payment_id, allocation.credit_note_id
            # What this user approved is in neither sum, with what was made by that.
            is_together = note.create_date == payment.create_date
            if (payment in counted and (note in moves or is_together)) or (
                payment in others and note in moves and is_together
            ):
                paid_out[note.id] += self._convert_to_company(
                    allocation.amount, allocation.currency_id, giving.company
                )
        for refund in refunds:
            if refund._name == "payment.transaction":
                note = refund.refund_credit_note_id
                if note in moves and not refund.payment_id:
                    paid_out[note.id] += self._convert_to_company(
                        refund.amount, refund.currency_id, giving.company
                    )
            elif not refund.refund_allocation_ids:
                # In Odoo's own dialog.
                for partial in refund._get_receivable_lines().matched_credit_ids:
                    if partial.credit_move_id.move_id in moves:
                        paid_out[partial.credit_move_id.move_id.id] += partial.amount
        return paid_out

    @api.model
    def _search_allocations(self, credit_note_ids):
        """Return what refunds paid out of these credit notes.

        :rtype: account.refund.allocation
        """
        allocations_sudo = self.env["account.refund.allocation"].sudo()
        return allocations_sudo.search([("credit_note_id", "in", credit_note_ids)])

    @api.model
    def _get_credit_note_asked(self, giving, arguments, amount, moves):
        """Return how much of a refund that is asked for pays out a note of this user.

        :rtype: float
        """
        if arguments.get("credit_note_id"):
            return amount if arguments["credit_note_id"] in moves.ids else 0.0
        lines = self.env.context.get("lines_of_dialog")
        if not isinstance(lines, models.BaseModel):  # Or a client could give them.
            return 0.0
        lines = lines.sudo().filtered(lambda line: line.move_id in moves)
        return min(amount, abs(sum(lines.mapped("amount_residual"))))

    @api.model
    def _get_reopened(self, giving, kind, arguments, amount, refunds):
        """Return what the refunds of this user made the customer owe again.

        :return: The amounts in the company's currency, by the id of the invoice.
        :rtype: dict[int, float]
        """
        company = giving.company
        reopened = defaultdict(float)
        for allocation in self._get_booked(refunds).refund_allocation_ids:
            if not allocation.credit_note_id:
                reopened[allocation.invoice_id.id] += self._convert_to_company(
                    allocation.amount, allocation.currency_id, company
                )
        payment = giving.record
        if (
            kind != "refund"
            or payment.payment_type != "inbound"
            or arguments.get("reduce_bill")
            or arguments.get("credit_note_id")
        ):
            return reopened
        asked = company.currency_id._convert(amount, giving.currency, company)
        invoice = payment._get_chosen_invoice(arguments.get("invoice_id"))
        _unallocated, parts, _untraced = payment._plan_refund(asked, invoice)
        for move, applied in payment._group_by_invoice(parts).items():
            reopened[move.id] += self._convert_to_company(
                applied, move.currency_id, company
            )
        return reopened

    @api.model
    def _get_booked(self, refunds):
        """Return the payments of refunds, some of which are attempts.

        :rtype: account.payment
        """
        payments_sudo = self.env["account.payment"].sudo()
        return payments_sudo.union(
            *(
                refund if refund._name == "account.payment" else refund.payment_id
                for refund in refunds
            )
        )
