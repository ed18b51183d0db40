from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .states import (
    OUTCOMES,
    POSTED_STATES,
    UNRESOLVED_OUTCOMES,
    UNSUCCESSFUL_OUTCOMES,
)

# What selects refunds (`tx`) that pay out credit. When it was put back on the balance,
# what the gateway refunds all the same is an ordinary refund.
PAYS_OUT_CREDIT = SQL(
    """
    (tx.refund_credit_payment_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM account_payment undone
         WHERE undone.source_payment_id = tx.refund_credit_payment_id
           AND undone.state NOT IN ('canceled', 'rejected')))
    """
)


class PaymentTransaction(models.Model):
    """A refund: the child of the transaction whose money it gives back."""

    _inherit = "payment.transaction"

    refund_credits_planned = fields.Json(
        readonly=True,
        copy=False,
        help="Where the bill is reduced too when the refund succeeded: what credit "
        "notes are to take off it, by the invoice's id, in its currency.",
    )
    refund_credit_note_id = fields.Many2one(
        string="Refunded Credit Note",
        comodel_name="account.move",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The credit note that this refund pays out.",
    )
    refund_credit_payment_id = fields.Many2one(
        string="Paid Out of Credit",
        comodel_name="account.payment",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="What was taken from the customer's credit balance to be paid out by this "
        "refund.",
    )

    # === ACTION METHODS === #

    def action_refund(self, amount_to_refund=None):
        """Let only those refund who may, also from Odoo's own form."""
        self._get_attempt_invoices()._check_refund_rights()
        return super().action_refund(amount_to_refund=amount_to_refund)

    # === CRUD METHODS === #

    def _find_refunds_to_exchange(self, vals):
        """Find the refunds that were taken for these, to be given their ids.

        A refund of the same amount, reported before our answer, may have been taken for
        ours and ours imported as the other one. When the gateway then names ours, the
        two change ids: an id that nobody has any more would be imported again.

        :param dict vals: What is to be written on these.
        :return: The other refund and its new id, for each that it concerns.
        :rtype: Iterator[tuple[payment.transaction, str]]
        """
        if not (reported := vals.get("provider_reference")):
            return
        for tx in self._filter_refunds():
            if tx.provider_reference not in (False, reported):
                siblings = tx.source_transaction_id.child_transaction_ids
                twin = siblings._filter_refunds().filtered(
                    lambda other: other.provider_reference == reported
                )
                yield twin, tx.provider_reference

    # === BUSINESS METHODS - REQUESTS === #

    def _refund(self, amount_to_refund=None):
        """Refund from Odoo's own flows, and never more than is left.

        Stock sends any amount, and sends it again when Odoo replays the request. These
        flows do not commit before they send; see :meth:`_charge_with_token`.
        """
        self.ensure_one()
        self._ensure_provider_is_not_disabled()
        if self._get_captures():
            raise UserError(
                self.env._(
                    "%s was captured in parts: refund the payments of these.",
                    self.reference,
                )
            )
        if self.payment_id:
            self.payment_id._lock_for_refund()
            if reversed_reason := self.payment_id._get_reversed_reason():
                raise UserError(reversed_reason)
        else:
            self._lock_attempt()
        refundable = self._get_refundable_amount()
        amount = refundable if amount_to_refund is None else amount_to_refund
        self.env["account.move"]._check_amount(
            amount, self.currency_id, refundable, self.env._("refundable amount")
        )
        if self.payment_id and self.env["account.payment.approval"]._is_above_limit(
            self.payment_id, "refund", {}, amount, self.currency_id
        ):
            raise UserError(
                self.env._(
                    "%s needs a second person: refund it from the Payments section.",
                    self.currency_id.format(amount),
                )
            )
        refund = self._create_child_transaction(
            amount, is_refund=True, request_state="ready"
        )
        refund._log_sent_message()
        refund._send_uncommitted()
        return refund

    def _get_refundable_amount(self):
        """Return what of this transaction's money can still be given back.

        :return: The amount in the currency of the transaction.
        :rtype: float
        """
        self.ensure_one()
        if self.payment_id:
            return self.payment_id._get_refundable_amount()
        refunds = self.child_transaction_ids._filter_refunds().filtered(
            lambda tx: not OUTCOMES[tx.outcome].is_unsuccessful
        )
        return self.currency_id.round(self.amount + sum(refunds.mapped("amount")))

    def _create_child_transaction(self, amount, is_refund=False, **values):
        """Take a refund that the gateway reports for the one that was sent from here.

        When our request was not answered, the gateway's notification may come first: it
        is about the same money, which would be refunded twice in the books.
        """
        if is_refund and "request_state" not in values:
            # A notification waits for the one who is sending, and is replayed then.
            self.env.cr.execute(
                "SELECT id FROM payment_transaction WHERE id = %s OR "
                "source_transaction_id = %s ORDER BY id FOR NO KEY UPDATE",
                (self.id, self.id),
            )
            if known := self._find_reported_refund(
                amount, values.get("provider_reference")
            ):
                return known
        if self.token_id and not self.token_id.active:
            # The money goes back without it, and Odoo wants none that is archived.
            values = {"token_id": False, **values}
        return super()._create_child_transaction(amount, is_refund=is_refund, **values)

    def _find_reported_refund(self, amount, provider_reference):
        """Return the known refund that a notification of the gateway is about.

        :rtype: payment.transaction
        """
        refunds = self.child_transaction_ids._filter_refunds()
        reported = refunds.filtered(
            lambda tx: (
                provider_reference and tx.provider_reference == provider_reference
            )
        )
        # A person's word for a refund says nothing of the gateway's id either.
        unanswered = refunds.filtered(
            lambda tx: (
                (
                    tx.outcome in UNRESOLVED_OUTCOMES
                    or (tx.state == "done" and tx.request_state == "unknown")
                )
                and not tx.provider_reference
                and not tx.currency_id.compare_amounts(-tx.amount, amount)
            )
        )
        return (reported or unanswered)[:1]

    def _is_refund_in_flight(self):
        """Tell if this refund may still go out, or went out and is not booked.

        Note: `self.ensure_one()`

        :rtype: bool
        """
        self.ensure_one()
        return not OUTCOMES[self.outcome].is_unsuccessful and not self._is_settled()

    def _get_refund_in_flight_reasons(self):
        """Say of each of these that may still give money back that it may.

        Credit that was to be paid out is on its way until it is back on the balance.

        :rtype: Iterator[str]
        """
        for tx in self:
            is_returning = tx.refund_credit_payment_id and not tx.is_post_processed
            if not is_returning and not tx._is_refund_in_flight():
                continue
            values = {
                "reference": tx.reference,
                "amount": tx.currency_id.format(abs(tx.amount)),
            }
            if tx.outcome == "unknown":
                yield self.env._(
                    "The refund %(reference)s (%(amount)s) is in flight: its outcome "
                    "is unknown, the customer may have received it. Resolve it first.",
                    **values,
                )
            else:
                yield self.env._(
                    "The refund %(reference)s (%(amount)s) is in flight. Wait for its "
                    "outcome, or resolve it first.",
                    **values,
                )

    # === BUSINESS METHODS - BOOKING === #

    def _book_refund(self, values):
        """Book a refund against the payment that it gives back; see :meth:`_book`."""
        source = self.source_transaction_id
        if source.state == "done" and not source.payment_id:
            source._post_process()
        payment = self._get_refunded_payment()
        # Nothing can be matched with a payment that was reset or cancelled meanwhile.
        is_matched = (
            payment.state in POSTED_STATES and payment.move_id.state == "posted"
        )
        # What is to be credited is reserved by this refund itself until it is booked.
        is_paid_out = is_matched and self._is_credit_taken()
        is_undone_first = (
            is_matched and not is_paid_out and not self.refund_credits_planned
        )
        if is_undone_first:
            undone = self._undo_allocations(payment)
        if payment:
            values = {**self._prepare_refund_payment_vals(payment), **values}
        refund = self._book(values)
        if is_paid_out:
            taken = self.refund_credit_payment_id
            taken._reconcile_in_order([(taken | refund).mapped("move_id.line_ids")])
        elif is_matched:
            if not is_undone_first:
                undone = self._undo_allocations(payment)
            payment._allocate_refund(
                refund, self.memo or "", undone, self.refund_credit_note_id
            )
        return refund

    def _undo_allocations(self, payment):
        """Undo what this refund takes the money from; see `account.payment`."""
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
        """Tell if this refund pays out what is still taken from a credit balance.

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

    def _return_credit(self):
        """Put back on the credit balance what this refund did not pay out."""
        taken = self.refund_credit_payment_id
        if not taken or not OUTCOMES[self.outcome].is_unsuccessful:
            return
        if taken.currency_id.is_zero(taken._get_refundable_amount()):
            return
        taken._undo_credit_application(
            self.env._("%s was not paid out", self.reference)
        )
        self._schedule_payment_activity(
            self.source_transaction_id.payment_id,
            self.env._("Credit was not paid out"),
            self.env._(
                "%(amount)s could not be paid out (%(reference)s): %(reason)s It is "
                "back on the credit balance of %(customer)s.",
                amount=self.currency_id.format(abs(self.amount)),
                reference=self.reference,
                reason=self.state_message or "",
                customer=taken.partner_id.display_name,
            ),
        )

    def _get_refunded_payment(self):
        """Return the payment whose money this refund gives back.

        What the gateway reports on an authorization that was captured in parts is
        counted against the part of which most is left.
        """
        source = self.source_transaction_id
        if source.payment_id:
            return source.payment_id
        return source._get_captures().payment_id.sorted(
            lambda payment: payment._get_refundable_amount(), reverse=True
        )[:1]

    def _get_captures(self):
        """Return what was captured of this authorization in parts."""
        return self.child_transaction_ids.filtered(
            lambda tx: not tx._is_refund() and tx.state == "done"
        )

    def _prepare_refund_payment_vals(self, source_payment):
        """Return what a refund has from the payment that it gives back.

        :rtype: dict
        """
        return {
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

    # === TELLING PEOPLE === #

    def _report_refund(self):
        """Tell a person of a refund that nobody here started or that is not matched."""
        self.ensure_one()
        if not self._is_refund():
            return
        refund = self.payment_id
        record = self._get_refunded_record()
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
                    "(%(reference)s). It is booked as %(refund)s, and what it had paid "
                    "is open again: does the customer still owe it, or is a credit "
                    "note due?",
                    **values,
                ),
            )
        left = sum(refund._get_receivable_lines().mapped("amount_residual_currency"))
        if self.currency_id.compare_amounts(left, 0) > 0:
            self._schedule_payment_activity(
                record,
                self.env._("Refund without what it gives back"),
                self.env._(
                    "%(left)s of the refund %(refund)s (%(reference)s) could not be "
                    "matched with its payment: match it by hand.",
                    left=self.currency_id.format(left),
                    **values,
                ),
            )
        elif self.refund_credit_payment_id and refund.refund_allocation_ids:
            self._schedule_payment_activity(
                record,
                self.env._("Credit paid out after it was declined"),
                self.env._(
                    "%(amount)s was paid out after all (%(refund)s, %(reference)s), "
                    "when the credit was back on the balance. What the refunded "
                    "payment had paid is open again: apply the credit to it.",
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
                    "%(amount)s was refunded (%(refund)s, %(reference)s), but what it "
                    "had paid changed in the meantime: what no credit note takes off "
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
