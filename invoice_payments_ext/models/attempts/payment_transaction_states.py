from datetime import timedelta

from odoo import fields, models

from ...tools import OURS
from ..states import OUTCOMES, UNRESOLVED_OUTCOMES
from .payment_transaction import ONLINE_OPERATIONS

# The methods of rooms instead of a change of state. Each gets the allowed states, the
# new state and its message, and returns the transactions that keep theirs.
INSTEAD_OF_STATE = ("_take_back_late_failures", "_keep_failed_refunds")

# How long the schedule leaves an attempt to the page that started it.
PAGE_DELAY = timedelta(minutes=1)


class PaymentTransaction(models.Model):
    """Odoo's states of an attempt, changed by the gateway or by a person."""

    _inherit = "payment.transaction"

    money_fingerprint = fields.Json(
        readonly=True,
        copy=False,
        help="The amount, currency, provider and source with which this attempt was "
        "created, and the state that its steps gave it. The tie-out compares them with "
        "the fields: only the steps may change them.",
    )

    # === BUSINESS METHODS - THE FAMILY OF A PAYMENT === #

    def _get_root(self):
        """Return the payment that this is a capture, void or refund of, or this.

        Note: at most one record.
        """
        root = self
        while root.source_transaction_id:
            root = root.source_transaction_id
        return root

    def _get_family(self):
        """Return the payment of this, with its captures, voids and refunds."""
        root = self._get_root()
        parts = root.child_transaction_ids
        return root | parts | parts.child_transaction_ids

    def _lock_family(self):
        """Lock the payment and its parts; whoever sends one of them is waited for.

        A message of a gateway on one of them can be about another one.
        """
        root = self._get_root()
        self.env.cr.execute(
            """
            SELECT id FROM payment_transaction
             WHERE id = %(id)s OR source_transaction_id = %(id)s
                OR source_transaction_id IN (
                   SELECT id FROM payment_transaction
                    WHERE source_transaction_id = %(id)s)
          ORDER BY id FOR NO KEY UPDATE
            """,
            {"id": root.id},
        )

    def _get_captures_in_flight(self):
        """Return the captures of these authorizations that were not answered yet."""
        return self.filtered(
            lambda tx: tx.state == "authorized"
        ).child_transaction_ids.filtered(
            lambda tx: (
                tx.request_kind == "capture"
                and tx.outcome in (*UNRESOLVED_OUTCOMES, "pending")
            )
        )

    def _is_part(self):
        """Tell if this is a capture, void or refund of another transaction."""
        return bool(self.source_transaction_id)

    # === BUSINESS METHODS - STATES === #

    def _keep_fingerprint(self):
        """Keep the money fields of new attempts as they are now."""
        for tx in self:
            tx.money_fingerprint = {
                "amount": tx.amount,
                "currency_id": tx.currency_id.id,
                "provider_id": tx.provider_id.id,
                "company_id": tx.company_id.id,
                "partner_id": tx.partner_id.id,
                "token_id": tx.token_id.id or None,
                "operation": tx.operation or None,
                "source_transaction_id": tx.source_transaction_id.id or None,
                "is_refund": tx._is_refund(),
                "state": tx.state,
            }

    def _set_done(self, *, state_message=None, extra_allowed_states=()):
        """Accept a confirmation also after a cancellation: the money did come.

        A capture is wanted from `authorized` to `done` only; a voided part of an
        authorization stays voided. An authorization that is captured while a capture
        of ours is in flight was captured by that one.
        """
        if captures := self._get_captures_in_flight():
            captures._set_done(state_message=state_message)
            self -= captures.source_transaction_id
        if not any(tx.source_transaction_id and not tx._is_refund() for tx in self):
            extra_allowed_states = (*extra_allowed_states, "cancel")
        transactions = super()._set_done(
            state_message=state_message, extra_allowed_states=extra_allowed_states
        )
        by_caller = self.env.context.get("settled_by_caller") is OURS
        is_ours = transactions._get_attempt_invoices() or transactions._filter_refunds()
        if is_ours and not by_caller:
            # The page that asks for the outcome books it. Both at once would conflict.
            is_of_page = all(tx.operation in ONLINE_OPERATIONS for tx in self)
            self.env.ref("invoice_payments_ext.ir_cron_resolve_attempts")._trigger(
                at=fields.Datetime.now() + PAGE_DELAY if is_of_page else None
            )
        return transactions

    def _set_pending(self, *, state_message=None, extra_allowed_states=()):
        transactions = super()._set_pending(
            state_message=state_message,
            extra_allowed_states=(*extra_allowed_states, *self._get_revocable_states()),
        )
        transactions._replace_announced()
        return transactions

    def _set_authorized(self, *, state_message=None, extra_allowed_states=()):
        return super()._set_authorized(
            state_message=state_message,
            extra_allowed_states=(*extra_allowed_states, *self._get_revocable_states()),
        )

    def _set_canceled(self, state_message=None, extra_allowed_states=()):
        """Accept that an authorization was voided after the void was called failed."""
        if self and all(tx.request_kind == "void" for tx in self):
            extra_allowed_states = (*extra_allowed_states, "error")
        return super()._set_canceled(
            state_message=state_message, extra_allowed_states=extra_allowed_states
        )

    def _get_revocable_states(self):
        """Return the states that a person set and the gateway's word may overrule.

        A state that the gateway gave is not among them: its messages may come late and
        out of order.
        """
        overrulable = all(tx.request_state == "unknown" for tx in self)
        return ("cancel",) if overrulable else ()

    def _update_state(self, allowed_states, target_state, state_message):
        if self._collect_state(allowed_states, target_state, state_message):
            return self.browse()
        for name in INSTEAD_OF_STATE:
            self -= getattr(self, name)(allowed_states, target_state, state_message)
        if target_state in ("error", "cancel") and self == self._filter_refunds():
            # A refund may come back days after it succeeded.
            allowed_states = (*allowed_states, "done")
        transactions = super()._update_state(
            allowed_states, target_state, state_message
        )
        if self.env.context.get("resolved_by_person") is not OURS:
            transactions.filtered("request_state").request_state = "answered"
        # Those from before the installation have none.
        for tx in transactions.filtered("money_fingerprint"):
            tx.money_fingerprint = {**tx.money_fingerprint, "state": target_state}
        transactions.sudo().filtered(
            lambda tx: tx.finish_form and target_state not in ("draft", "pending")
        ).finish_form = False
        transactions.filtered(
            lambda tx: (
                tx.holds_invoice
                and not OUTCOMES[
                    tx._get_outcome_of(target_state, "answered")
                ].may_hold_invoice
            )
        ).holds_invoice = False
        if target_state in ("cancel", "error"):
            transactions._end_settled_tasks()
        return transactions
