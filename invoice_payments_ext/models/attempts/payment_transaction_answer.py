import json
import logging

import psycopg2

from odoo import fields, models
from odoo.exceptions import UserError

from ...tools import OURS
from ..states import OUTCOMES
from .gateway_answer import (
    AnswerContradictedError,
    AnswerNotAppliedError,
    GatewayAnswer,
)

_logger = logging.getLogger(__name__)

SETTERS = {
    "pending": "_set_pending",
    "authorized": "_set_authorized",
    "done": "_set_done",
    "cancel": "_set_canceled",
    "error": "_set_error",
}

# Where a provider's module misreads an answer, by its code: the method that reads it
# first. It gets the payment data and says whether it set the outcome.
READINGS = {
    "adyen": "_read_adyen_answer",
    "authorize": "_read_authorize_answer",
    "flutterwave": "_read_state",
    "mercado_pago": "_read_mercado_pago_answer",
    "razorpay": "_read_razorpay_answer",
    "stripe": "_read_state",
    "worldline": "_read_worldline_answer",
}

# The methods after a word of a gateway was applied. Each method gets the payment data.
AFTER_APPLYING_METHODS = (
    "_import_listed_refunds",
    "_take_back_charged_back",
    "_note_token_expiry",
)

# The methods after an attempt was declined or failed. Each method gets the payment data
# and the error that said so; either may be None.
AFTER_DECLINE_METHODS = ("_keep_decline_facts",)


class PaymentTransaction(models.Model):
    """An answer: collected while sending, applied in a step, kept until that worked."""

    _inherit = "payment.transaction"

    kept_answer = fields.Json(
        readonly=True,
        copy=False,
        groups="base.group_system",
        help="An answer of the provider that could not be applied yet. It is applied "
        "again by the schedule.",
    )

    # === COLLECTING === #

    def _get_answer_to_collect(self):
        """Return the answer that is being collected while a request is sent."""
        answer = self.env.context.get("gateway_answer")
        return answer if isinstance(answer, GatewayAnswer) else None

    def _probe(self, read):
        """Let a provider's code read an answer, and write nothing.

        :param function read: It gets this transaction.
        :return: The facts and values that the code would have written.
        :rtype: GatewayAnswer
        """
        probe = GatewayAnswer(self, is_probe=True)
        read(self.with_context(gateway_answer=probe))
        return probe

    def _collect_values(self, vals):
        """Collect the fields that a provider's code writes while it sends.

        :return: Whether nothing is to be written now.
        :rtype: bool
        """
        answer = self._get_answer_to_collect()
        if not answer or self != answer.transaction:
            return False
        answer.values.update(vals)
        return answer.is_probe

    def _collect_state(self, allowed_states, state, message):
        """Collect a state that a provider's code sets while a request is sent.

        An error that it sets because a request failed says how that one ended. While
        an answer is applied, such an error says nothing about the money.

        :return: Whether it was collected, so that nothing is to be set now.
        :rtype: bool
        :raise AnswerNotAppliedError: While an answer is applied.
        """
        answer = self._get_answer_to_collect()
        if answer and self == answer.transaction:
            error = state == "error" and answer.get_new_error()
            if error:
                self._collect_refusal(answer, error)
            else:
                answer.add_state(state, message, allowed_states)
            return True
        applied = self.env.context.get("answer_applied")
        if isinstance(applied, GatewayAnswer) and self == applied.transaction:
            error = state == "error" and applied.get_new_error()
            if error and self.state in allowed_states:
                raise AnswerNotAppliedError(str(error)) from error
            if error:
                _logger.warning("%s: a request failed after it", self.reference)
                return True
        return False

    # === ODOO'S OWN PROCESSING === #

    def _process(self, provider_code, payment_data):
        """Only collect the answer while a request of ours is being sent."""
        answer = self._get_answer_to_collect()
        if answer and (not self or self == answer.transaction):
            answer.add_data(provider_code, payment_data)
            return answer.transaction.with_env(self.env)
        tx = self or self._search_by_reference(provider_code, payment_data)
        if not tx:
            return tx
        tx.ensure_one()
        if self.env.context.get("settled_by_caller") is OURS:
            return tx._apply(provider_code, payment_data)
        tx._lock_family()
        return tx._apply_notification(provider_code, payment_data)

    def _apply_notification(self, provider_code, payment_data):
        """Apply a message that a gateway sends unasked, outside of our steps."""
        if twin := self._find_twin(payment_data):
            self.unlink()
            return twin._apply_notification(provider_code, payment_data)
        try:
            with self.env.cr.savepoint():
                return self._apply(provider_code, payment_data)
        except psycopg2.Error:
            raise
        except Exception as error:
            answer = GatewayAnswer(self, [["data", provider_code, payment_data]])
            if not self._record_fact(answer, error):
                raise
        return self

    def _find_twin(self, payment_data):
        """Return the known refund that a notification made this new refund for.

        A module that looks only at the parts of the authorization does not find a
        refund of its capture. The gateway's id says that it is the same one.

        :rtype: payment.transaction
        """
        is_new = self._is_refund() and self.state == "draft" and not self.request_state
        if not is_new or self.provider_reference:
            return self.browse()
        probe = self._probe(lambda tx: tx._apply_updates(payment_data))
        reference = probe.values.get("provider_reference")
        return (self._get_family() - self).filtered(
            lambda tx: reference and tx.provider_reference == reference
        )[:1]

    def _apply(self, provider_code, payment_data):
        """Apply payment data whose amount was compared with the one that was asked for.

        Stock calls another amount an error, which reads as if nothing had been charged,
        and takes the next message for the truth, with any amount that it names.
        """
        before = self.state
        compared = self._probe(lambda tx: tx._validate_amount(payment_data))
        state, message = compared.get_state()
        named = compared.values.get("named_amount")
        if state == "error" and (named or self._says_money_moved(payment_data)):
            self._set_contradicted(message, named)
            return self
        applied = GatewayAnswer(self)
        applied.values = compared.values
        applying = self.with_context(amount_compared=OURS, answer_applied=applied)
        try:
            super(PaymentTransaction, applying)._process(provider_code, payment_data)
        except AnswerContradictedError as error:
            self._set_contradicted(error.message, error.named)
            return self
        if self.state != before:
            self._take_rounded_amount(compared)
            self._follow_decline(payment_data)
        for name in AFTER_APPLYING_METHODS:
            getattr(self, name)(payment_data)
        return self

    def _apply_updates(self, payment_data):  # pylint: disable=missing-return
        """Let the reading of this addon stand before that of the module."""
        reading = READINGS.get(self.provider_code)
        if not reading or not getattr(self, reading)(payment_data):
            super()._apply_updates(payment_data)

    def _follow_decline(self, payment_data, error=None):
        """Call the methods that follow a decline of this attempt."""
        if self.state == "error":
            for name in AFTER_DECLINE_METHODS:
                getattr(self, name)(payment_data, error)

    # === RECORDING === #

    def _record_answer(self, answer):
        """Write the gateway's answer on the attempt."""
        self._lock_attempt()
        if answer.values:
            self.write(answer.values)
        recording = self.with_context(settled_by_caller=OURS)
        for fact in answer.facts:
            recording._apply_fact(*fact)
        if self.state != "draft":
            return  # Said by the answer, or by a webhook in the meantime.
        if answer.refusal in ("declined", "failed"):
            self._set_error(answer.message)
            if answer.refusal == "failed":
                self.request_state = "not_sent"
            self._follow_decline(None, answer.error)
        elif answer.is_acknowledged():
            recording._set_pending()
        else:
            self._set_unknown(answer.message)

    def _apply_fact(self, kind, *values):
        """Apply one fact of an answer; see `GatewayAnswer.facts`."""
        if kind == "data":
            self._process(*values)
        else:
            state, message, allowed_states = values
            setter = getattr(self, SETTERS[state])
            setter(
                state_message=message or None,
                extra_allowed_states=tuple(allowed_states),
            )

    def _record_fact(self, answer, error):
        """Store what became of the money, when applying the answer raised an error.

        The error may come from anywhere: a provider's code that asks the gateway again,
        an automation rule on transactions, another addon. The code of others is not
        passed here: the provider's code reads the answer, and its result is stored.

        :param GatewayAnswer answer: The answer that could not be applied.
        :param Exception error: The error.
        :return: Whether there was something to store.
        :rtype: bool
        """
        if self.operation == "validation":
            return False  # No money: the customer sees the error, and tries again.
        state, message, values = None, "", {}
        try:
            with self.env.cr.savepoint():
                probe = self._probe(lambda tx: tx._read_answer(answer))
                (state, message), values = probe.get_state(), probe.values
        except psycopg2.Error:
            raise
        except Exception:  # noqa: BLE001, pylint: disable=broad-except
            _logger.exception("The answer on %s could not be read", self.reference)
            if not self.request_state and not isinstance(error, AnswerNotAppliedError):
                return False  # Nothing that we sent: the gateway sends it again.
        self.invalidate_recordset()
        if state and state != self.state and self.state != "done":
            self._store_past_others(state, message, values)
            self.env.ref("invoice_payments_ext.ir_cron_resolve_attempts")._trigger()
        elif self.state == "draft":
            self._keep_answer(answer, error)
        self._tell_fault(error)
        return True

    def _read_answer(self, answer):
        """Read the facts of an answer while a probe collects.

        With another amount, it says nothing that could be stored.
        """
        probe = self._get_answer_to_collect()
        for kind, *values in answer.facts:
            if kind == "state":
                probe.add_state(*values)
                continue
            _provider_code, payment_data = values
            self._validate_amount(payment_data)
            if probe.facts:
                probe.facts.clear()
                return
            self._apply_updates(payment_data)

    def _keep_answer(self, answer, error):
        """Mark this as unknown, and keep the answer so that it is applied again."""
        message = str(error) if isinstance(error, UserError) else ""
        self._store_past_others("draft", message, {}, "unknown")
        if answer.facts:
            self._write({"kept_answer": json.dumps(answer.facts, default=str)})
            self.invalidate_recordset(["kept_answer"])

    def _apply_kept_answer(self):
        """Apply an answer that was kept, on its own row."""
        if not self.kept_answer or not self.try_lock_for_update(allow_referencing=True):
            return
        answer = GatewayAnswer(self, self.kept_answer)
        try:
            with self.env.cr.savepoint():
                for fact in answer.facts:
                    self._apply_fact(*fact)
        except psycopg2.Error:
            raise
        except Exception as error:  # noqa: BLE001, pylint: disable=broad-except
            _logger.exception("The answer on %s could not be applied", self.reference)
            self._record_fact(answer, error)
        if self.outcome != "unknown":
            self.kept_answer = False

    def _store_past_others(self, state, message, values, request_state="answered"):
        """Store an outcome without passing the code of others."""
        columns = {
            name: value
            for name, value in values.items()
            if name in self._fields and self._fields[name].type in ("char", "many2one")
        }
        outcome = self._get_outcome_of(state, request_state)
        self._write(
            {
                **columns,
                "state": state,
                "outcome": outcome,
                "request_state": request_state,
                "state_message": message or self.env._("The answer was unclear."),
                "last_state_change": fields.Datetime.now(),
                "is_post_processed": False,
                "holds_invoice": self.holds_invoice
                and OUTCOMES[outcome].may_hold_invoice,
                **(
                    {"money_fingerprint": json.dumps({**fingerprint, "state": state})}
                    if (fingerprint := self.money_fingerprint)
                    else {}
                ),
            }
        )
        self.invalidate_recordset()
        self._follow_hold()
