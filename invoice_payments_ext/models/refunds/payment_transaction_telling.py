from odoo import models

from ..states import OUTCOMES


class PaymentTransaction(models.Model):
    """The tasks that tell a person of a refund."""

    _inherit = "payment.transaction"

    # === TELLING PEOPLE === #

    def _report_refund(self):
        """Tell a person of a refund that nobody here started or that is not matched."""
        self.ensure_one()
        if not self._is_refund():
            return
        refund, record = self.payment_id, self._get_refunded_record()
        values = {
            "refund": refund._get_html_link(),
            "reference": self.reference,
            "amount": self.currency_id.format(abs(self.amount)),
        }
        if not self.request_kind:
            self._schedule_payment_activity(
                record,
                self.env._("Refund made outside the Payments section"),
                self.env._(
                    "%(amount)s was refunded at the gateway or on Odoo's own form "
                    "(%(reference)s). It is booked as %(refund)s, and the invoice that "
                    "it had paid is open again: does the customer still owe it, or is "
                    "a credit note due?",
                    **values,
                ),
            )
        left = sum(refund._get_receivable_lines().mapped("amount_residual_currency"))
        if self.currency_id.compare_amounts(left, 0) > 0:
            self._schedule_payment_activity(
                record,
                self.env._("Refund not matched with its payment"),
                self.env._(
                    "%(left)s of the refund %(refund)s (%(reference)s) could not be "
                    "matched with its payment: match it by hand.",
                    left=self.currency_id.format(left),
                    **values,
                ),
                refund.move_id,
            )
        elif self.refund_credit_payment_id and refund.refund_allocation_ids:
            self._schedule_payment_activity(
                record,
                self.env._("Credit paid out after it was declined"),
                self.env._(
                    "%(amount)s was paid out after all (%(refund)s, %(reference)s), "
                    "when the credit was back on the balance. The invoice that the "
                    "refunded payment had paid is open again: apply the credit to it.",
                    **values,
                ),
            )
        elif self.refund_credits_planned and not all(
            allocation.credit_note_id for allocation in refund.refund_allocation_ids
        ):
            self._schedule_payment_activity(
                record,
                self.env._("Refunded, but the bill was not reduced"),
                self.env._(
                    "%(amount)s was refunded (%(refund)s, %(reference)s), but the bill "
                    "changed in the meantime: the amount that no credit note takes off "
                    "the bill is open again.",
                    **values,
                ),
            )

    def _report_unpaid_credit_note(self):
        """Tell a person of a credit note that was issued, but not paid out."""
        is_unsuccessful = OUTCOMES[self.outcome].is_unsuccessful
        if not self.refund_credit_note_id or not is_unsuccessful:
            return
        self._schedule_payment_activity(
            self._get_refunded_record(),
            self.env._("Credit note issued, but not paid out"),
            self.env._(
                "%(amount)s of %(credit_note)s were not refunded (%(reference)s): "
                "%(reason)s Refund the payment again to pay it out.",
                amount=self.currency_id.format(abs(self.amount)),
                credit_note=self.refund_credit_note_id._get_html_link(),
                reference=self.reference,
                reason=self.state_message or "",
            ),
            self.refund_credit_note_id,
        )

    def _get_refunded_record(self):
        """Return where people look for this refund: its invoice, or its payment."""
        refund = self.payment_id
        return (
            self.charge_invoice_id
            or refund.refund_allocation_ids.invoice_id
            or self._get_attempt_invoices()
            or self.source_transaction_id.payment_id
            or refund
        )[:1]
