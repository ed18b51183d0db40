from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import LockError, UserError

from ...tools import prepare_dialog, prepare_notification
from ..core.door import Door


class RefundTarget(NamedTuple):
    """The methods of the payment for one way to give money back.

    :param str work: Prepares or books it, given the amount, the reason, the facts of
                     a payment outside, and the parts to undo.
    :param str lock: Locks the records before the payment; none if not given.
    """

    work: str
    lock: str | None = None


REFUND_TARGETS = {
    "original": RefundTarget("_refund_to_original"),
    "outside": RefundTarget("_refund_outside"),
    "credit": RefundTarget("_refund_to_credit", "_lock_credit_balances"),
}

REFUND = Door(
    "account.payment.refund",
    rights="_check_refund_rights",
    lock="_lock_to_refund",
    amount="_get_amount_to_refund",
    adapt="_adapt_refund",
    check="_check_refund",
    work="_carry_out_refund",
    complete="_complete_refund",
    approval="refund",
    optional=("notify",),
)


class AccountPayment(models.Model):
    """Money given back: the door, and the ways it takes."""

    _inherit = "account.payment"

    # Stock knows the refunds of a gateway only.
    source_payment_id = fields.Many2one(
        related=None,
        compute="_compute_source_payment_id",
        store=True,
        readonly=False,
        copy=False,
        help="The payment that this one gives back.",
    )
    refund_payment_ids = fields.One2many(
        string="Refunds",
        comodel_name="account.payment",
        inverse_name="source_payment_id",
        readonly=True,
    )
    refund_allocation_ids = fields.One2many(
        comodel_name="account.refund.allocation",
        inverse_name="payment_id",
        readonly=True,
    )

    is_taken_back = fields.Boolean(
        readonly=True,
        copy=False,
        help="Whether this money did not go as a refund, but was taken back.",
    )

    # === COMPUTE METHODS === #

    @api.depends("payment_transaction_id.source_transaction_id.payment_id")
    def _compute_source_payment_id(self):
        for payment in self:
            transaction = payment.payment_transaction_id
            source = transaction.source_transaction_id.payment_id
            if transaction.operation == "refund" and source:
                payment.source_payment_id = source
            else:
                payment.source_payment_id = payment.source_payment_id

    def _compute_amount_available_for_refund(self):
        """Count refunds in flight and refunds outside as well."""
        result = super()._compute_amount_available_for_refund()
        for payment in self.filtered("amount_available_for_refund"):
            payment.amount_available_for_refund = payment._get_refund_offered()
        return result

    # === CHECK METHODS === #

    def _check_refund_rights(self):
        """Check that the user may refund these payments.

        :raise AccessError: If the user is not of the level *Refund and credit*, or may
                            not change the payments and their invoices.
        """
        self._get_refund_invoices()._check_refund_rights()
        self.check_access("write")

    def _check_no_refund_in_flight(self):
        """Check that no refund of these payments may still go out.

        :raise UserError: Naming the refund.
        """
        for reason in self._get_gateway_refunds()._get_refund_in_flight_reasons():
            raise UserError(reason)

    def _get_refund_in_flight_blockers(self, way):
        """Name the refunds of these payments that may still go out."""
        if way != "unpost":
            yield from self._get_gateway_refunds()._get_refund_in_flight_reasons()

    # === ACTION METHODS === #

    def action_refund_wizard(self):
        """Return the dialog that refunds this payment, in the place of Odoo's own.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_dialog(
            "account.payment.refund",
            self.env._("Refund %s", self.name),
            payment_id=self.id,
        )

    @api.model
    def _get_refund_notification(self, result):
        """Return the client action that tells the result of :meth:`refund`.

        :rtype: dict
        """
        if result._name == "account.payment.approval":
            return result._get_waiting_notification()
        attempt = (
            result.payment_transaction_id
            if result._name == "account.payment"
            else result
        )
        if attempt:
            return attempt._get_outcome_notification()
        return prepare_notification(
            self.env._("Refund recorded"),
            self.env._(
                "%(amount)s was recorded as %(name)s.",
                amount=result.currency_id.format(result.amount),
                name=result.name,
            ),
        )

    # === BUSINESS METHODS - DOORS === #

    def refund(
        self,
        amount=None,
        to="original",
        reduce_bill=False,
        reason=None,
        journal_id=None,
        date=None,
        reference=None,
        invoice_id=None,
        credit_note_id=None,
        idempotency_key=None,
        notify=None,
    ):
        """Give money of this payment back to the customer.

        The part that was not allocated goes first. For the rest, invoices reopen or
        credit notes reduce them; or it pays out an open credit note.

        Through the gateway it takes the steps of a charge, and commits.

        :param float amount: The amount in the payment's currency; the refundable amount
                             if not given.
        :param str to: `original` for the method that was charged, `outside` for cash,
                       a cheque or a transfer, `credit` for the credit balance.
        :param bool reduce_bill: Whether credit notes for the amount are issued, so that
                                 the invoices stay paid; else they reopen.
        :param str reason: Why, for the records; the payment's name if not given.
        :param int journal_id: Outside: the bank or cash journal that it is paid from;
                               the company's first one if not given.
        :param date|str date: Outside: the day on which it was paid; today if not given.
        :param str reference: Outside: the number of the cheque, of the transfer.
        :param int invoice_id: Where the payment paid several invoices: the one that is
                               reopened or reduced first; the one that it was
                               allocated to last if not given.
        :param int credit_note_id: An open credit note of an invoice that this payment
                                   paid: the refund pays it out.
        :param bool notify: See `account.move.charge`; outside, not told if not given.
        :param str idempotency_key: See `account.move.charge`.
        :return: The refund; while it is not booked, the attempt to refund; a request
                 where a second person is needed.
        :rtype: account.payment or payment.transaction or account.payment.approval
        :raise UserError: If the payment, the amount or the method cannot be refunded, a
                          value does not fit, or the key was used with other values.
        :raise AccessError: If the user has no right to refund.
        """
        return self._pass(
            REFUND,
            idempotency_key,
            amount=amount,
            to=to,
            reduce_bill=reduce_bill,
            reason=reason,
            journal_id=journal_id,
            date=date,
            reference=reference,
            invoice_id=invoice_id,
            credit_note_id=credit_note_id,
            notify=notify,
        )

    # === BUSINESS METHODS - STEPS === #

    def _adapt_refund(self, to, **_arguments):
        """Let credit go back where it came from: there is no gateway."""
        return {"to": "credit"} if to == "original" and self.is_from_credit else {}

    def _get_amount_to_refund(self, **_arguments):
        return self._get_refund_offered()

    def _carry_out_refund(
        self,
        amount,
        to,
        reduce_bill,
        reason,
        invoice_id,
        credit_note_id,
        notify=None,
        **outside_values,
    ):
        """Prepare or book a refund that was checked, on a locked payment."""
        self.ensure_one()
        undone = {
            "reduces_bill": reduce_bill,
            "invoice": self._get_chosen_invoice(invoice_id),
            "credit_note": self.env["account.move"].browse(credit_note_id or []),
        }
        work = REFUND_TARGETS[to].work
        reason = (reason or "").strip() or self.env._("Refund of %s", self.name)
        result = getattr(self, work)(amount, reason, outside_values, **undone)
        if result._name == "payment.transaction":
            told = self.company_id._tells_customer(notify)
            result.sudo().is_customer_untold = not told
        elif notify:
            result._send_receipt()
        return result

    def _refund_to_original(self, amount, reason, _outside_values, **undone):
        """Prepare a refund through the gateway."""
        return self._prepare_refund_attempt(amount, reason, **undone).sudo(False)

    @api.model
    def _complete_refund(self, result):
        """Run the attempt that was prepared, if it is one.

        :return: The result: the refund, or the attempt while it is not booked.
        """
        if result._name != "payment.transaction":
            return result
        # In superuser mode: providers and the work on attempts are not the staff's.
        result.sudo()._run_attempt()
        return result.sudo().payment_id.with_env(self.env) or result.with_env(self.env)

    def _lock_to_refund(self, to, credit_note_id=None, **_arguments):
        """Lock this payment, and before it the balance that it is kept on, if it is.

        A credit note that is paid out is locked as well: it may be kept as credit.
        """
        target = REFUND_TARGETS.get(to)
        if target and target.lock:
            getattr(self, target.lock)()
        self._lock_with_invoices(
            self.env["account.move"].browse(credit_note_id or []).exists()
        )
        self.company_id._read_payment_settings()

    def _lock_with_invoices(self, credit_note=None):
        """Lock these payments, and before them the invoices that they paid.

        :param account.move credit_note: A credit note that is locked with the invoices.
        :raise UserError: If somebody else is at one of them right now.
        """
        invoices = self._get_refund_invoices()
        if credit_note:
            invoices |= credit_note
        invoices._lock_for_payment()
        try:
            self._lock_rows()
        except LockError as error:
            raise UserError(
                self.env._(
                    "Somebody else is working on %s right now. Look at the changes, "
                    "then try again.",
                    ", ".join(self.mapped("display_name")),
                )
            ) from error

    def _prepare_refund_attempt(
        self,
        amount,
        reason,
        reduces_bill=False,
        invoice=None,
        credit_note=None,
        credit_payment=None,
    ):
        """Create the attempt to give money back through the gateway.

        Note: `self.ensure_one()`; on a locked payment, after the checks.

        :param float amount: The amount in the payment's currency.
        :param str reason: Why, for the records.
        :param bool reduces_bill: Whether credit notes are issued when it succeeded.
        :param account.move invoice: The invoice that is reopened or reduced first.
        :param account.move credit_note: The credit note that is paid out by it.
        :param account.payment credit_payment: The payment that took the amount to pay
                                               out from a credit balance.
        :return: The attempt, in superuser mode.
        :rtype: payment.transaction
        """
        self.ensure_one()
        credits_planned = {}
        if credit_note:
            invoice = credit_note.reversed_entry_id
        elif credit_payment:
            invoice = self.env["account.move"]
        else:
            _unallocated, parts, _untraced = self._plan_refund(amount, invoice)
            by_invoice = self._group_by_invoice(parts)
            if reduces_bill:
                credits_planned = {
                    str(move.id): applied for move, applied in by_invoice.items()
                }
            invoice = invoice or next(
                (move for move in by_invoice if move.is_invoice(True)),
                self.env["account.move"],
            )
        # The staff may refund, but not write transactions as they like.
        source_sudo = self.sudo().payment_transaction_id
        attempt_sudo = source_sudo._create_child_transaction(
            amount,
            is_refund=True,
            request_kind="refund",
            request_state="ready",
            memo=reason,
            refund_credits_planned=credits_planned or False,
            refund_credit_note_id=credit_note.id if credit_note else False,
            refund_credit_payment_id=credit_payment.id if credit_payment else False,
            charge_invoice_id=invoice.id,
        )
        attempt_sudo.with_context(payment_backend_action=True)._log_sent_message()
        return attempt_sudo
