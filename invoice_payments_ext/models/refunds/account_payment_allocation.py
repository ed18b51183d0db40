from odoo import api, models

from ...tools import OURS
from ..states import POSTED_STATES


class AccountPayment(models.Model):
    """The invoices that a refund reopens or reduces."""

    _inherit = "account.payment"

    # === BUSINESS METHODS - ALLOCATION === #

    def _plan_refund(self, amount, invoice=None):
        """Return the parts that a refund of this amount undoes.

        The unallocated part of the payment goes first, then the part that paid the
        chosen invoice, then the part that was allocated last. What was given back for
        a credit note of an invoice is not undone there once more.

        :param float amount: The amount in the payment's currency.
        :param account.move invoice: The invoice to begin with.
        :return: The unallocated part and the part that can be traced to nothing, in the
                 payment's currency; between them the parts to undo, as a list of the
                 partial reconciliation, its invoice and the amount in the invoice's
                 currency.
        :rtype: tuple[float, list[tuple], float]
        """
        self.ensure_one()
        lines = self._get_receivable_lines()
        unallocated = min(
            max(-sum(lines.mapped("amount_residual_currency")), 0), amount
        )
        left = self.currency_id.round(amount - unallocated)
        parts = []
        for partial, undoable in self._get_undoable_parts(invoice):
            if self.currency_id.compare_amounts(left, 0) <= 0:
                break
            undone = min(left, undoable)
            line = partial.debit_move_id
            applied = line.currency_id.round(
                partial.debit_amount_currency * undone / partial.credit_amount_currency
            )
            parts.append((partial, line.move_id, applied))
            left = self.currency_id.round(left - undone)
        return self.currency_id.round(unallocated), parts, left

    def _get_undoable_parts(self, invoice=None):
        """Return the reconciliations of this payment, the first to undo first.

        :return: Each with the part of it that was not given back, in the payment's
                 currency.
        :rtype: list[tuple]
        """
        partials = self._get_receivable_lines().matched_debit_ids.filtered(
            lambda partial: (
                partial.debit_move_id.payment_id.payment_type != "outbound"
                # The rest are exchange differences, which go with their partials.
                and partial.credit_amount_currency
                and partial.debit_amount_currency
            )
        )
        partials = partials.sorted(
            lambda partial: (partial.debit_move_id.move_id == invoice, partial.id),
            reverse=True,
        )
        given_back = self._get_given_back_for_credit_notes()
        parts = []
        for partial in partials:
            move, amount = partial.debit_move_id.move_id, partial.credit_amount_currency
            gone = min(given_back.get(move, 0.0), amount)
            if gone:
                given_back[move] -= gone
            undoable = self.currency_id.round(amount - gone)
            if self.currency_id.compare_amounts(undoable, 0) > 0:
                parts.append((partial, undoable))
        return parts

    def _get_given_back_for_credit_notes(self):
        """Return what refunds of this payment paid out for credit notes.

        The invoice stays matched with this payment: its credit note took the refund.

        :return: By invoice, the amount in the payment's currency.
        :rtype: dict
        """
        refunds = self.sudo().refund_payment_ids.filtered(
            lambda refund: refund.state in POSTED_STATES
        )
        amounts = {}
        for partial in refunds.move_id.line_ids.matched_credit_ids:
            credit_note = partial.credit_move_id.move_id
            invoice = credit_note.reversed_entry_id.sudo(self.env.su)
            if invoice and credit_note.move_type == "out_refund":
                amounts.setdefault(invoice, 0.0)
                amounts[invoice] += partial.debit_amount_currency
        return amounts

    @api.model
    def _group_by_invoice(self, parts):
        """Add up the parts of :meth:`_plan_refund` by invoice."""
        by_invoice = {}
        for _partial, move, applied in parts:
            by_invoice[move] = by_invoice.get(move, 0.0) + applied
        return by_invoice

    def _undo_allocations(
        self, amount, credits_planned=None, invoice=None, credit_note=None
    ):
        """Undo the reconciliations that a refund takes the money from.

        Called before the refund is created where that is possible: deleting records
        empties the cache, and all that the creation reads would be read once more.

        :param float amount: The amount of the refund, in the payment's currency.
        :param dict credits_planned: Where the bill is reduced too: by invoice, the most
                                     that credit notes take off it.
        :param account.move invoice: The invoice to begin with.
        :param account.move credit_note: The credit note that it pays out.
        :return: The data of :meth:`_allocate_refund`: by invoice, the allocated amount
                 and the amount that credit notes take off; and the result of
                 :meth:`_reopen`, `None` if the credit notes are paid out directly.
        :rtype: tuple[dict, dict, list | None]
        """
        if credit_note:
            return {}, {}, None
        self = self.sudo()  # Undoing a reconciliation is part of the refund.
        _unallocated, parts, _untraced = self._plan_refund(amount, invoice)
        applied = self._group_by_invoice(parts)
        to_credit = self._limit_credits(applied, credits_planned or {})
        # Paid out directly where that is exact: all of it, in the same currency.
        is_direct = to_credit == applied and all(
            move.currency_id == self.currency_id for move in applied
        )
        if is_direct and to_credit:
            return applied, to_credit, None
        return applied, to_credit, self._reopen(parts)

    def _allocate_refund(self, refund, reason, undone, credit_note=None):
        """Reconcile a posted refund, and keep the allocations that it undoes.

        :param account.payment refund: The refund of this payment.
        :param str reason: Why, for the records.
        :param tuple undone: The result of :meth:`_undo_allocations`.
        :param account.move credit_note: The credit note that it pays out.
        """
        self = self.sudo()  # As for undoing.
        refund = refund.sudo()
        if credit_note:
            lines = credit_note.sudo()._get_open_receivable_lines()
            refund._reconcile_in_order([refund._get_receivable_lines() | lines])
            partials = refund._get_receivable_lines().matched_credit_ids.filtered(
                lambda partial: partial.credit_move_id in lines
            )
            paid_out = sum(partials.mapped("credit_amount_currency"))
            refund._keep_allocations(
                [(credit_note.reversed_entry_id, paid_out, credit_note)]
            )
            return
        applied, to_credit, reopened = undone
        was_reopened = reopened is not None
        if was_reopened:
            self._reconcile_with_refund(refund, reopened)
        credit_notes = self._reduce_bills(refund, reason, to_credit, was_reopened)
        refund._keep_allocations(
            [
                *(
                    (move, amount, credit_notes[move])
                    for move, amount in to_credit.items()
                ),
                *(
                    (
                        move,
                        move.currency_id.round(amount - to_credit.get(move, 0)),
                        None,
                    )
                    for move, amount in applied.items()
                ),
            ]
        )

    def _limit_credits(self, applied, credits_planned):
        """Return the amounts that credit notes can take off the bills now.

        Never more than was planned and checked, nor more than is left of the bill;
        either may have changed while the gateway was asked.
        """
        to_credit = {}
        for move, amount in applied.items():
            if (
                move not in credits_planned
                or move.move_type != "out_invoice"
                or move.state != "posted"
            ):
                continue
            currency = move.currency_id
            amount = min(amount, credits_planned[move], move._get_creditable_amount())
            if currency.compare_amounts(amount, 0) > 0:
                to_credit[move] = amount
        return to_credit

    def _reduce_bills(self, refund, reason, to_credit, was_reopened):
        """Issue credit notes, and reconcile the refund with them.

        Where the invoices were reopened, they are reconciled with these instead.

        :return: The credit note of each invoice.
        :rtype: dict
        """
        credit_notes = {
            move: move._create_credit_note(
                amount=amount,
                # The reason of a refund is not for the customer, to whom it is sent.
                note=reason,
                date=max(refund.date, move.invoice_date),
                reconcile=was_reopened,
            )
            for move, amount in to_credit.items()
        }
        if credit_notes and not was_reopened:
            lines = refund._get_receivable_lines()
            refund._reconcile_in_order(
                [
                    # The unallocated part goes first; they take the rest.
                    lines | self._get_receivable_lines(),
                    *(
                        lines | credit_note._get_open_receivable_lines()
                        for credit_note in credit_notes.values()
                    ),
                ]
            )
        return credit_notes

    def _reopen(self, parts):
        """Undo these reconciliations of this payment.

        :param list[tuple] parts: See :meth:`_plan_refund`.
        :return: The lines of the entries that it paid, each with the amount in its
                 currency that this payment still pays.
        :rtype: list[tuple]
        """
        # Values that depend on the reconciled invoices are computed once, at the end:
        # the ORM would search for them with each change.
        self = self.with_context(nothing_reconciled_yet=OURS)
        reopened = []
        for partial, _move, applied in parts:
            line = partial.debit_move_id
            kept = line.currency_id.round(partial.debit_amount_currency - applied)
            reopened.append((line, kept))
        partials = self.env["account.partial.reconcile"]
        partials = partials.union(*(partial for partial, *_rest in parts))
        # Odoo deletes it after them, and would first compute values that depend on
        # them, most of which change again.
        partials.full_reconcile_id.with_context(reconciled_by_code=OURS).unlink()
        self._fetch_reconciled(partials.debit_move_id | partials.credit_move_id)
        moves = partials.debit_move_id.move_id
        partials.unlink()
        self.env.add_to_compute(moves._fields["payment_state"], moves)
        return reopened

    @api.model
    def _fetch_reconciled(self, lines):
        """Read the values that depend on these lines' reconciliation at once.

        The ORM would read it line by line.
        """
        moves = lines.move_id
        moves.fetch(
            ["line_ids", "payment_ids", "statement_line_ids", "matched_payment_ids"]
        )
        moves.line_ids.fetch(["matched_debit_ids", "matched_credit_ids"])

    def _reconcile_with_refund(self, refund, reopened):
        """Reconcile this payment with its refund, and the rest with its invoices.

        :param account.payment refund: The posted refund of this payment.
        :param list reopened: The lines that :meth:`_reopen` returned.
        """
        self = self.with_context(nothing_reconciled_yet=OURS)
        lines = self._get_receivable_lines()
        refund_lines = refund._get_receivable_lines()
        lines_reopened = lines.browse().union(*(line for line, _kept in reopened))
        self._fetch_reconciled(lines | refund_lines | lines_reopened)
        self._match_rest(reopened, [lines | refund_lines])
        moves = lines_reopened.move_id
        payments = self | moves._get_reconciled_payments() | moves.matched_payment_ids
        self.env.add_to_compute(payments._fields["state"], payments)

    def _match_rest(self, reopened, plan):
        """Reconcile the rest of this payment with the invoices that it was undone of.

        :param list[tuple] reopened: The result of :meth:`_reopen`.
        :param list plan: The lines to reconcile before, as Odoo takes them.
        """
        lines = self._get_receivable_lines()
        # The rest stays where it was; the first to be reopened is the last to get
        # something back.
        rests = [(line, kept) for line, kept in reversed(reopened) if kept]
        if len(rests) < 2 or any(
            line.currency_id != lines.currency_id for line, _kept in rests
        ):
            # Odoo matches all that it can: a line of which more is open comes last.
            rests.sort(
                key=lambda rest: (
                    rest[0].currency_id.compare_amounts(
                        rest[0].amount_residual_currency, rest[1]
                    )
                    > 0
                )
            )
            others = [line for line, kept in reversed(reopened) if not kept]
            wanted = [line for line, _kept in rests] + others
            self._reconcile_in_order([*plan, *(lines | line for line in wanted)])
            return
        self._reconcile_in_order(plan)
        for line, kept in rests:
            open_lines = lines.filtered(lambda each: not each.reconciled)
            self.env["account.move"]._reconcile_part(line, open_lines, kept)

    def _keep_allocations(self, parts):
        """Store which invoices this refund concerns, and tell their open forms.

        :param list[tuple] parts: Each an invoice, the amount in its currency, and the
                                  credit note that took it off the bill, if any.
        """
        self.ensure_one()
        if self.source_payment_id.is_from_credit:
            # Credit is not money: nothing was refunded.
            parts = [part for part in parts if part[2]]
        self.env["account.refund.allocation"].create(
            [
                {
                    "payment_id": self.id,
                    "invoice_id": move.id,
                    "amount": move.currency_id.round(amount),
                    "credit_note_id": credit_note.id if credit_note else False,
                }
                for move, amount, credit_note in parts
                if move.is_invoice(include_receipts=True)
                and not move.currency_id.is_zero(amount)
            ]
        )
        self.env["account.move"].union(
            *(move for move, *_rest in parts)
        )._notify_payments_changed()
