from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..states import OUTCOMES, POSTED_STATES, UNSUCCESSFUL_OUTCOMES

# The condition for refunds (`tx`) that pay out credit. When it was put back on the
# balance, a later success of the gateway is an ordinary refund.
PAYS_OUT_CREDIT = SQL(
    """
    (tx.refund_credit_payment_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM account_payment undone
         WHERE undone.source_payment_id = tx.refund_credit_payment_id
           AND undone.state NOT IN ('canceled', 'rejected')))
    """
)


class PaymentTransaction(models.Model):
    """A refund that succeeded, booked against the payment that it gives back."""

    _inherit = "payment.transaction"

    # === BUSINESS METHODS - BOOKING === #

    def _book_refund(self, values):
        """Book a refund against the payment that it gives back; see :meth:`_book`.

        :raise UserError: If it is not known yet that the money came: messages of the
                          gateway come out of order. It is booked after the charge.
        """
        source = self.source_transaction_id
        for charge in source._get_captures() or source:
            if charge.state == "done" and not charge.payment_id:
                charge._post_process()
        payment = self._get_refunded_payment()
        if source and not payment and not OUTCOMES[source.outcome].is_final:
            raise UserError(
                self.env._(
                    "%(refund)s gives back money of %(charge)s, and it is not known "
                    "yet that this came.",
                    refund=self.reference,
                    charge=source.reference,
                )
            )
        # Nothing can be matched with a payment that was reset or cancelled meanwhile.
        is_matched = (
            payment.state in POSTED_STATES and payment.move_id.state == "posted"
        )
        # The amount to credit is reserved by this refund itself until it is booked.
        is_paid_out = is_matched and self._is_credit_taken()
        is_undone_first = (
            is_matched and not is_paid_out and not self.refund_credits_planned
        )
        if is_undone_first:
            undone = self._undo_refunded(payment)
        if payment:
            values = {**self._prepare_refund_payment_vals(payment), **values}
        refund = self._book(values)
        if is_paid_out:
            taken = self.refund_credit_payment_id
            taken._reconcile_in_order([(taken | refund).mapped("move_id.line_ids")])
        elif is_matched:
            if not is_undone_first:
                undone = self._undo_refunded(payment)
            payment._allocate_refund(
                refund, self.memo or "", undone, self.refund_credit_note_id
            )
        return refund

    def _match_refunds_booked_before(self):
        """Match the refunds that were booked while this charge had come to nothing.

        Its money came after all, and what they gave back of it does not pay an invoice.
        """
        payment = self.payment_id
        for refund in self.child_transaction_ids._filter_refunds():
            booked = refund.payment_id
            if not booked or not booked._is_posted():
                continue
            lines = booked._get_receivable_lines()
            left = sum(lines.mapped("amount_residual_currency"))
            if not booked.currency_id.compare_amounts(left, booked.amount):
                undone = refund._undo_refunded(payment)
                payment._allocate_refund(booked, refund.memo or "", undone)

    def _undo_refunded(self, payment):
        """Undo the matching that this refund takes money from."""
        planned = self.refund_credits_planned or {}
        return payment._undo_allocations(
            abs(self.amount),
            {
                self.env["account.move"].browse(int(move_id)): amount
                for move_id, amount in planned.items()
            },
            self.charge_invoice_id,
            self.refund_credit_note_id,
        )

    def _is_credit_taken(self):
        """Tell if this refund pays out credit that is still taken.

        If it had been declined before, it went back there.
        """
        lines = self.refund_credit_payment_id._get_receivable_lines()
        taken = -sum(lines.mapped("amount_residual_currency"))
        return bool(lines) and not self.currency_id.compare_amounts(
            taken, abs(self.amount)
        )

    def _pays_out_credit(self):
        """Tell if this refund pays out credit; see `PAYS_OUT_CREDIT`."""
        self.ensure_one()
        taken = self.refund_credit_payment_id
        return bool(taken) and not taken.refund_payment_ids.filtered(
            lambda payment: payment.state not in ("canceled", "rejected")
        )

    def _get_refunded_payment(self):
        """Return the payment whose money this refund gives back.

        A refund that the gateway reports on an authorization captured in parts is
        counted against the part of which most is left.
        """
        source = self.source_transaction_id
        if source.payment_id:
            return source.payment_id
        return source._get_captures().payment_id.sorted(
            lambda payment: payment._get_refundable_amount(), reverse=True
        )[:1]

    def _get_captures(self):
        """Return the captures of this authorization."""
        return self.child_transaction_ids.filtered(
            lambda tx: not tx._is_refund() and tx.state == "done"
        )

    def _prepare_refund_payment_vals(self, source_payment):
        """Return the values that a refund takes from its payment.

        :rtype: dict
        """
        return {
            "company_id": source_payment.company_id.id,
            "journal_id": source_payment.journal_id.id,
            "payment_method_line_id": source_payment.payment_method_line_id.id,
            "partner_id": source_payment.partner_id.id,
            "destination_account_id": source_payment.destination_account_id.id,
            "source_payment_id": source_payment.id,
        }

    @api.model
    def _get_untold_refunds_domain(self):
        """Find the refunds that did not pay out a credit note, or credit."""
        return [
            "|",
            ("refund_credit_note_id", "!=", False),
            ("refund_credit_payment_id", "!=", False),
            ("outcome", "in", UNSUCCESSFUL_OUTCOMES),
            ("is_post_processed", "=", False),
        ]

    def _book_refunded_before(self):
        """Book a payment also when it was refunded before it could be booked.

        Stock takes any transaction with a child that is done for an authorization that
        was captured in parts.
        """
        children = self.child_transaction_ids.filtered(
            lambda child: child.state in ("done", "cancel")
        )
        if (
            self.state == "done"
            and self.operation != "validation"
            and not self.payment_id
            and children
            and children == children._filter_refunds()
        ):
            self.with_company(self.company_id)._create_payment()
            self._match_refunds_booked_before()
