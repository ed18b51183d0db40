from odoo import models
from odoo.exceptions import UserError

from ..states import OUTCOMES, UNRESOLVED_OUTCOMES


class PaymentTransaction(models.Model):
    """A refund: the child of the transaction whose money it gives back."""

    _inherit = "payment.transaction"

    # === ACTION METHODS === #

    def action_refund(self, amount_to_refund=None):
        """Let only those refund who may, also from Odoo's own form."""
        self._get_attempt_invoices()._check_refund_rights()
        return super().action_refund(amount_to_refund=amount_to_refund)

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
                    "%s was captured in parts: refund the payments of the parts.",
                    self.reference,
                )
            )
        if self.payment_id:
            self.payment_id._lock_with_invoices()
            if held_back := self.payment_id._get_held_back_reason():
                raise UserError(held_back)
        else:
            self._lock_attempt()
        refundable = self._get_refundable_amount()
        going = self.child_transaction_ids._filter_refunds().filtered(
            lambda tx: tx._is_refund_in_flight()
        )
        if going and self.currency_id.is_zero(refundable):
            raise UserError(self.env["account.move"]._describe_attempt(going[0]))
        amount = refundable if amount_to_refund is None else amount_to_refund
        self.env["account.move"]._check_amount(
            amount, self.currency_id, refundable, self.env._("refundable amount")
        )
        if self.payment_id and self.env["account.payment.approval"]._is_above_limit(
            self.payment_id, "refund", {}, amount
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
        """Return the amount of this transaction that can still be given back.

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
        if is_refund and len(self) > 1:
            self = self._choose_refunded()
        if is_refund and "request_state" not in values:
            self._lock_family()
            if known := self._find_reported_refund(
                amount, values.get("provider_reference")
            ):
                return known
        if self.token_id and not self.token_id.active:
            # The money goes back without it, and Odoo wants none that is archived.
            values = {"token_id": False, **values}
        return super()._create_child_transaction(amount, is_refund=is_refund, **values)

    def _choose_refunded(self):
        """Return the one of these that a gateway's refund is about.

        A module finds an authorization and its captures by the same id of the gateway.
        The refund is that of the whole; its booking finds the payment of the captures.

        :rtype: payment.transaction
        """
        roots = self.browse().union(*(tx._get_root() for tx in self))
        return roots if len(roots) == 1 else self

    def _find_reported_refund(self, amount, provider_reference):
        """Return the known refund that a notification of the gateway is about.

        :rtype: payment.transaction
        """
        refunds = self._get_family()._filter_refunds()
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
