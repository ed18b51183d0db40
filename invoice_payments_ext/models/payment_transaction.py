from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools import OURS, prepare_notification
from .core.door import Door
from .outcome_words import CHARGE_WORDS, REFUND_WORDS
from .states import OUTCOMES, POSTED_STATES, UNRESOLVED_OUTCOMES, get_outcome

RETRY = Door(
    "payment.transaction.retry",
    rights="_check_attempt_rights",
    lock="_lock_to_retry",
    check="_check_retry",
    work="_prepare_retry",
    complete="_complete_attempt",
)
RESOLVE = Door(
    "payment.transaction.resolve",
    rights="_check_attempt_rights",
    lock="_lock_to_resolve",
    check="_check_resolution",
    work="_carry_out_resolution",
    complete="_complete_resolution",
)
CAPTURE = Door(
    "payment.transaction.capture",
    rights="_check_attempt_rights",
    lock="_lock_authorization",
    amount="_get_amount_to_capture",
    check="_check_capture",
    work="_prepare_capture",
    complete="_complete_attempt",
)
VOID = Door(
    "payment.transaction.void",
    rights="_check_attempt_rights",
    lock="_lock_authorization",
    check="_check_void",
    work="_prepare_void",
    complete="_complete_attempt",
)


class PaymentTransaction(models.Model):
    """An attempt to collect an amount for an invoice through a provider."""

    _name = "payment.transaction"
    _inherit = ["payment.transaction", "payment.door.mixin"]

    outcome = fields.Selection(
        selection=[(name, state.label) for name, state in OUTCOMES.items()],
        compute="_compute_outcome",
        store=True,
        index=True,
        help="What is known of this attempt. Unknown is not failed: the customer may "
        "have been charged.",
    )
    request_state = fields.Selection(
        selection=[
            ("ready", "Ready"),
            ("sent", "Sent"),
            ("unknown", "No Answer"),
            ("answered", "Answered"),
            ("not_sent", "Never Reached the Gateway"),
        ],
        readonly=True,
        copy=False,
        help="How far the request to the gateway came.",
    )
    request_kind = fields.Selection(
        selection=[
            ("charge", "Charge"),
            ("capture", "Capture"),
            ("void", "Void"),
            ("refund", "Refund"),
        ],
        readonly=True,
        copy=False,
    )
    charge_invoice_id = fields.Many2one(
        string="Charged Invoice",
        comodel_name="account.move",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The invoice that this attempt was started on, where it is a single one.",
    )
    holds_invoice = fields.Boolean(
        readonly=True,
        copy=False,
        help="While set, no other attempt can be started on the invoice. It is "
        "released with the first final answer and never taken again, so that a late "
        "word of the gateway is never refused.",
    )
    retried_transaction_id = fields.Many2one(
        string="Repeats",
        comodel_name="payment.transaction",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The failed attempt that this one repeats.",
    )
    memo = fields.Char(readonly=True, copy=False)

    _one_in_flight_per_invoice = models.UniqueIndex(
        "(charge_invoice_id) WHERE holds_invoice",
        "A payment attempt on this invoice is in flight already.",
    )

    # === COMPUTE METHODS === #

    @api.depends("state", "request_state")
    def _compute_outcome(self):
        for tx in self:
            tx.outcome = get_outcome(tx.state, tx.request_state)

    # === CHECK METHODS === #

    def _check_attempt_rights(self):
        """Check that the user may act on these attempts.

        :raise AccessError: If the user is not of the level *Record and charge*, or, on
                            refunds, *Refund*, or may not see the attempts or change
                            their invoices.
        """
        invoices = self._get_attempt_invoices()
        if self._filter_refunds():
            invoices._check_refund_rights()
        invoices._check_payment_rights()
        self.check_access("read")

    # === CRUD METHODS === #

    def write(self, vals):
        for twin, reference in self._find_refunds_to_exchange(vals):
            super(PaymentTransaction, twin).write({"provider_reference": reference})
        result = super().write(vals)
        if {"state", "request_state", "payment_id"} & vals.keys():
            by_caller = self.env.context.get("settled_by_caller") is OURS
            # While it is being sent or booked, its sender tells in a moment.
            told = self.filtered(
                lambda tx: (
                    tx.outcome != "sent" and not (by_caller and tx.state == "done")
                )
            )
            told._get_attempt_invoices()._notify_payments_changed()
        return result

    # === ACTION METHODS === #

    def action_open_transaction(self):
        """Return the action that opens this attempt.

        :rtype: dict
        """
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "name": self.reference,
        }

    def action_retry(self):
        """Return the dialog that repeats this attempt with the same or another method.

        :rtype: dict
        """
        self.ensure_one()
        invoice = self._get_attempt_invoices()
        action = invoice.action_create_payment()
        action["name"] = self.env._("Retry %s", self.reference)
        action["context"] = {
            **action["context"],
            "default_retried_transaction_id": self.id,
        }
        return action

    def action_resolve(self):
        """Return the dialog in which a person says what became of this attempt.

        :rtype: dict
        """
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "payment.attempt.resolve",
            "views": [(False, "form")],
            "target": "new",
            "name": self.env._("What became of %s?", self.reference),
            "context": {"default_transaction_id": self.id},
        }

    def action_capture_attempt(self):
        """Capture what is left of this authorization and tell what came of it.

        :return: The notification to show.
        :rtype: dict
        """
        return self.capture()._get_outcome_notification()

    def action_void_attempt(self):
        """Void what is left of this authorization and tell what came of it.

        :return: The notification to show.
        :rtype: dict
        """
        return self.void()._get_outcome_notification()

    def _get_outcome_notification(self):
        """Return the client action that tells a person what came of this attempt.

        Note: `self.ensure_one()`

        :rtype: dict
        """
        self.ensure_one()
        return prepare_notification(*self._describe_outcome())

    def _describe_outcome(self):
        """Say in words what came of this attempt and what happens next.

        :return: A title, a sentence and the kind of notification.
        :rtype: tuple[str, str, str]
        """
        self.ensure_one()
        words = REFUND_WORDS if self._is_refund() else CHARGE_WORDS
        title, sentence, kind = words[self._get_situation()]
        values = {
            "amount": self.currency_id.format(abs(self.amount)),
            "reference": self.reference,
            # Providers are readable by administrators only.
            "provider": self.sudo().provider_id.name,
            "reason": self.state_message or "",
        }
        return self.env._(title), self.env._(sentence) % values, kind

    def _get_situation(self):
        """Return the outcome, or how far more exactly it came; see `outcome_words`.

        :rtype: str
        """
        is_void = self.request_kind == "void"
        if self.outcome == "succeeded" and not is_void and not self._is_settled():
            return "unbooked"
        return "voided" if self.outcome == "canceled" and is_void else self.outcome

    # === BUSINESS METHODS - DOORS === #

    def retry(self, token_id=None, idempotency_key=None):
        """Repeat a declined, failed or canceled attempt.

        The new attempt is for the lesser of this attempt's amount and what is
        chargeable now, in the invoice's currency, and is linked to this one. Commits,
        as `charge`.

        :param int token_id: The saved method; this attempt's own if not given.
        :param str idempotency_key: See `account.move.charge`.
        :return: The new attempt.
        :rtype: payment.transaction
        :raise UserError: If this attempt cannot be repeated, something is in flight on
                          the invoice, or the method cannot be charged.
        :raise AccessError: If the user has no right to charge.
        """
        return self._pass(RETRY, idempotency_key, token_id=token_id)

    def resolve(self, charged, reason):
        """Say what became of an attempt whose outcome is unknown.

        Who said it, when and why is kept in the invoice's chatter. Whatever the gateway
        still says later is booked all the same. Commits.

        :param bool charged: Whether the gateway carried the request out: whether it
                             charged, captured or voided.
        :param str reason: How this is known. Required.
        :return: The attempt.
        :rtype: payment.transaction
        :raise UserError: If the outcome is known, or the reason is missing.
        :raise AccessError: If the user has no right to charge.
        """
        return self._pass(RESOLVE, charged=charged, reason=reason)

    def capture(self, amount=None, idempotency_key=None):
        """Capture an authorized amount. Commits, as `charge`.

        :param float amount: The amount in the attempt's currency; all that is left of
                             the authorization if not given.
        :param str idempotency_key: See `account.move.charge`.
        :return: The attempt to capture, a child of this one.
        :rtype: payment.transaction
        :raise UserError: If nothing is authorized, the amount is above what is left, or
                          the provider captures in full only.
        :raise AccessError: If the user has no right to charge.
        """
        return self._pass(CAPTURE, idempotency_key, amount=amount)

    def void(self, idempotency_key=None):
        """Void what is left of an authorization. Commits, as `charge`.

        :param str idempotency_key: See `account.move.charge`.
        :return: The attempt to void, a child of this one.
        :rtype: payment.transaction
        :raise UserError: If nothing is authorized.
        :raise AccessError: If the user has no right to charge.
        """
        return self._pass(VOID, idempotency_key, amount=None)

    # === BUSINESS METHODS - STEPS OF DOORS === #

    def _lock_to_retry(self, **_arguments):
        """Lock the invoice of this attempt; see :meth:`retry`."""
        self._get_attempt_invoices()._lock_for_payment()

    def _check_retry(self, token_id):
        """Check that this attempt can be repeated, on a locked invoice."""
        invoice = self._get_attempt_invoices()
        if len(invoice) != 1:
            raise UserError(
                self.env._(
                    "%s is not for a single invoice: charge its invoices one by one.",
                    self.reference,
                )
            )
        amount = invoice._get_retry_amount(self)
        invoice._check_charge(token_id or self.token_id.id, amount)

    def _prepare_retry(self, token_id):
        """Create the attempt that repeats this one, on a locked invoice."""
        invoice = self._get_attempt_invoices()
        return invoice._prepare_charge(
            token_id or self.token_id.id,
            invoice._get_retry_amount(self),
            retried=self,
        )

    def _lock_authorization(self, **_arguments):
        """Lock this authorization, and before it its invoice."""
        self.charge_invoice_id._lock_for_payment()
        self.sudo()._lock_attempt()

    def _get_amount_to_capture(self, **_arguments):
        return self._get_amount_in_flight()

    def _check_void(self, amount=None):
        """Check that something of this locked authorization is left, and free."""
        # In superuser mode, the rights were checked before.
        children_sudo = self.sudo().child_transaction_ids
        if busy := children_sudo.filtered(lambda tx: tx.outcome in UNRESOLVED_OUTCOMES):
            raise UserError(
                self.env._(
                    "%(reference)s is being processed. Wait for its outcome or resolve "
                    "it first.",
                    reference=busy[0].reference,
                )
            )
        if self.outcome != "authorized" or self.currency_id.is_zero(
            self._get_amount_in_flight()
        ):
            raise UserError(
                self.env._(
                    "%(reference)s has no authorized amount left.",
                    reference=self.reference,
                )
            )

    def _check_capture(self, amount):
        """Check that this much of this locked authorization can be captured."""
        self._check_void()
        left = self._get_amount_in_flight()
        self.env["account.move"]._check_amount(
            amount, self.currency_id, left, self.env._("authorized amount")
        )
        provider_sudo = self.sudo().provider_id
        if (
            provider_sudo.support_manual_capture != "partial"
            and self.currency_id.compare_amounts(amount, left)
        ):
            raise UserError(
                self.env._(
                    "%(provider)s captures in full only: %(amount)s.",
                    provider=provider_sudo.name,
                    amount=self.currency_id.format(left),
                )
            )

    def _prepare_capture(self, amount):
        """Create the attempt to capture a part of this authorization."""
        return self._prepare_part("capture", amount)

    def _prepare_void(self, amount=None):
        """Create the attempt to void what is left of this authorization."""
        return self._prepare_part("void", self._get_amount_in_flight())

    def _prepare_part(self, kind, amount):
        """Create the child that captures or voids a part of this authorization."""
        attempt_sudo = self.sudo()._create_child_transaction(
            amount, request_kind=kind, request_state="ready"
        )
        return attempt_sudo.sudo(False)

    @api.model
    def _complete_attempt(self, attempt):
        """Run an attempt that a door prepared, if it did, and return it."""
        # In superuser mode: providers and the work on attempts are not the staff's.
        for attempt_sudo in attempt.sudo():
            attempt_sudo._run_attempt()
        return attempt.with_env(self.env)

    # === BUSINESS METHODS - STATES === #

    def _set_done(self, *, state_message=None, extra_allowed_states=()):
        """Accept a confirmation also after a cancellation: the money did come.

        A capture is wanted from `authorized` to `done` only; a voided part of an
        authorization stays voided.
        """
        if not any(tx.source_transaction_id and not tx._is_refund() for tx in self):
            extra_allowed_states = (*extra_allowed_states, "cancel")
        transactions = super()._set_done(
            state_message=state_message, extra_allowed_states=extra_allowed_states
        )
        by_caller = self.env.context.get("settled_by_caller") is OURS
        is_ours = transactions._get_attempt_invoices() or transactions._filter_refunds()
        if is_ours and not by_caller:
            self.env.ref("invoice_payments_ext.ir_cron_resolve_attempts")._trigger()
        return transactions

    def _set_pending(self, *, state_message=None, extra_allowed_states=()):
        return super()._set_pending(
            state_message=state_message,
            extra_allowed_states=(*extra_allowed_states, *self._get_revocable_states()),
        )

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
        transactions = super()._update_state(
            allowed_states, target_state, state_message
        )
        if self.env.context.get("resolved_by_person") is not OURS:
            transactions.filtered("request_state").request_state = "answered"
        if not OUTCOMES[get_outcome(target_state, "answered")].may_hold_invoice:
            transactions.filtered("holds_invoice").holds_invoice = False
        return transactions

    # === GETTERS === #

    def _get_attempt_invoices(self):
        """Return the invoices that these attempts are for."""
        return self.invoice_ids | self.source_transaction_id.invoice_ids

    def _is_refund(self):
        """Tell if this transaction gives money back; none at all does not.

        :rtype: bool
        """
        return self.operation == "refund"

    def _filter_refunds(self):
        """Return those of these transactions that give money back."""
        return self.filtered(lambda tx: tx._is_refund())

    def _is_settled(self):
        """Tell if the money that this attempt brought is in the books.

        Note: `self.ensure_one()`

        :rtype: bool
        """
        self.ensure_one()
        tx_sudo = self.sudo()
        captured = tx_sudo.child_transaction_ids.filtered(
            lambda tx: not tx._is_refund() and tx.state in ("done", "cancel")
        )
        return bool(captured) or tx_sudo.payment_id.state in POSTED_STATES

    def _get_amount_in_flight(self):
        """Return what this attempt may still bring, or brought and is not booked yet.

        Note: `self.ensure_one()`

        :return: The amount in the currency of the attempt.
        :rtype: float
        """
        self.ensure_one()
        tx_sudo = self.sudo()
        children = tx_sudo.child_transaction_ids
        parts = children - children._filter_refunds()
        unbooked = sum(
            tx.amount
            for tx in parts
            if tx.outcome == "succeeded" and not tx._is_settled()
        )
        if OUTCOMES[tx_sudo.outcome].is_in_flight:
            ended = sum(tx.amount for tx in parts if tx.state in ("done", "cancel"))
            return tx_sudo.amount - ended + unbooked
        if tx_sudo.outcome == "succeeded" and not tx_sudo._is_settled():
            return tx_sudo.amount
        return unbooked
