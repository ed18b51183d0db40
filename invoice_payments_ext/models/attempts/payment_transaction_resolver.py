import logging
from datetime import timedelta

import psycopg2
from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import LockError, UserError
from odoo.fields import Domain

from ...tools import OURS, prepare_dialog
from ..core.door import Door
from ..states import RESOLVABLE_OUTCOMES, UNRESOLVED_OUTCOMES
from .gateway_answer import GatewayAnswer
from .payment_provider import get_transport_error

_logger = logging.getLogger(__name__)

RESOLVE = Door(
    "payment.transaction.resolve",
    rights="_check_attempt_rights",
    lock="_lock_to_resolve",
    check="_check_resolution",
    work="_carry_out_resolution",
    complete="_complete_resolution",
)

# An attempt is asked for each time in its first hour. Later, a tenth of its age passes
# from one time to the next.
ASKED_EACH_TIME = timedelta(hours=1)
ASKED_AGAIN_AFTER = 10

# The methods that find the attempts that the schedule still has to settle.
UNSETTLED_DOMAIN_METHODS = (
    "_get_unbooked_domain",
    "_get_untold_refunds_domain",
    "_get_unspent_credit_domain",
    "_get_failed_refunds_domain",
)

# The methods after an attempt ended that the provider never received.
AFTER_LOSS_METHODS = ("_let_lines_try_again",)


class PaymentTransaction(models.Model):
    """The outcome of an open attempt: found by the schedule, or said by a person."""

    _inherit = "payment.transaction"

    # === ACTION METHODS === #

    def action_resolve(self):
        """Return the dialog in which a person says the outcome of this attempt.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_dialog(
            "payment.attempt.resolve",
            self.env._("What became of %s?", self.reference),
            transaction_id=self.id,
        )

    # === BUSINESS METHODS - DOORS === #

    def resolve(self, charged, reason, amount=None, idempotency_key=None):
        """Resolve an attempt whose outcome is unknown, or pending.

        The provider is asked first, where it can be: if it knows the outcome, its word
        counts. Who said it, when and why is kept in the invoice's chatter. If the
        gateway confirms money later, it is booked all the same. Commits.

        :param bool charged: Whether the gateway carried the request out: whether it
                             charged, captured or voided.
        :param str reason: How this is known. Required.
        :param float amount: The amount that moved, above zero and in the attempt's
                             currency; the attempt's own if not given.
        :param str idempotency_key: See `account.move.charge`.
        :return: The attempt.
        :rtype: payment.transaction
        :raise UserError: If the outcome is another, the reason is missing, or the key
                          was used with other values.
        :raise AccessError: If the user has no right to charge.
        """
        return self._pass(
            RESOLVE, idempotency_key, charged=charged, reason=reason, amount=amount
        )

    # === THE RESOLVER === #

    @api.model
    def _cron_resolve_attempts(self):
        """Find the outcome of open attempts, and book the unbooked ones.

        The stock schedule gives up after four days. What is known is booked first, then
        the longest unasked has its turn: gateways that do not answer take all the time.
        """
        attempts = self.search(self._get_unsettled_domain()) | self.search(
            [("outcome", "in", UNRESOLVED_OUTCOMES)], order="asked_on NULLS FIRST, id"
        )
        self.env["ir.cron"]._commit_progress(remaining=len(attempts))
        for attempt in attempts:
            attempt._resolve_attempt()
            if not self.env["ir.cron"]._commit_progress(1):
                break

    @api.model
    def _get_unsettled_domain(self):
        """Return the domain of attempts with an outcome that were not settled.

        :rtype: odoo.fields.Domain
        """
        return Domain.OR(getattr(self, name)() for name in UNSETTLED_DOMAIN_METHODS)

    @api.model
    def _get_unbooked_domain(self):
        """Find the attempts that succeeded, but were not booked."""
        return [
            ("state", "=", "done"),
            ("is_post_processed", "=", False),
            "|",
            "|",
            ("operation", "=", "refund"),
            ("invoice_ids", "!=", False),
            ("source_transaction_id.invoice_ids", "!=", False),
        ]

    def _get_stale_delay(self):
        """Return how long nobody else acts on an attempt that is being sent.

        The row lock tells a live sender from a crashed one, except in the moment
        between marking the attempt as sent and taking the lock.

        :rtype: datetime.timedelta
        """
        return timedelta(seconds=60)

    def _resolve_attempt(self):
        """Bring this attempt forward as far as can be known without a person."""
        self.ensure_one()
        self = self.with_context(payment_backend_action=True)
        try:
            self._in_step("resolved", self._end_stale_request)
            self._in_step("resolved", self._apply_kept_answer)
            if self._is_due_to_ask():
                self._in_step("resolved", self._ask_provider)
            self._try_to_settle()
        except Exception:  # noqa: BLE001, pylint: disable=broad-except
            # One attempt that cannot be resolved must not keep the others waiting.
            _logger.exception("Transaction %s could not be resolved", self.id)
            self.env.cr.rollback()

    def _is_due_to_ask(self):
        """Tell if the schedule is to ask the gateway: the older, the more seldom.

        It hardly knows five minutes later an outcome that it did not know for days.

        :rtype: bool
        """
        if not self.asked_on:
            return True
        age = self.asked_on - self._get_sent_on()
        due = self.asked_on + age / ASKED_AGAIN_AFTER
        return age < ASKED_EACH_TIME or fields.Datetime.now() >= due

    def _end_stale_request(self):
        """Cancel attempts never sent; mark unanswered ones as unknown."""
        stale = self.write_date <= fields.Datetime.now() - self._get_stale_delay()
        if (
            not stale
            or self.outcome not in ("ready", "sent")
            or not self.try_lock_for_update(allow_referencing=True)
        ):
            return  # A row that is locked has a sender who is alive.
        if self.outcome == "ready":
            self._set_not_carried_out(self.env._("It was never sent to the provider."))
            self.request_state = "not_sent"
        else:
            self._set_unknown(self.env._("The server stopped before the answer came."))

    def _ask_provider(self):
        """Ask the gateway for the outcome of the request, and write its answer."""
        if (
            self.outcome != "unknown"
            or self.state != "draft"  # Another amount came: for a person to judge.
            or not self.try_lock_for_update(allow_referencing=True)
        ):
            return
        if payment_data := self._fetch_outcome():
            self._process(self.provider_code, payment_data)
        elif payment_data is not None and self._has_arrival_delay_passed():
            self._set_error(self.env._("The provider never received the request."))
            self.request_state = "not_sent"
            for name in AFTER_LOSS_METHODS:
                getattr(self, name)()
        elif payment_data is None and self.provider_id._may_resend(self):
            self._send_again()
        self._keep_word(payment_data)

    def _get_sent_on(self):
        """Return when this was sent; for older ones, when it was created.

        :rtype: datetime.datetime
        """
        return self.request_sent_on or self.create_date

    def _has_arrival_delay_passed(self):
        """Tell if the request would have reached the gateway by now.

        The time is the database's, as when it was sent: the clocks of two servers may
        differ. Attempts from before the installation have no time of sending.

        :rtype: bool
        """
        sent_on = self.request_sent_on or self.last_state_change
        delay = self.provider_id._get_arrival_delay()
        return self.env.cr.now() >= sent_on + delay

    def _send_again(self):
        """Send the request of this locked attempt again, with its key.

        The gateway answers as it answered the first time; if that one never arrived,
        it is carried out now. An error says nothing about the first request.
        """
        answer = self._call_gateway(GatewayAnswer(self))
        is_decline = answer.refusal == "declined" and get_transport_error(answer.error)
        if answer.facts or is_decline:
            self._record_answer(answer)

    def _ask_for_person(self):
        """Ask the gateway because a person wants to know, a pending one too. Commits.

        :return: Whether it said what became of this attempt.
        :rtype: bool
        """
        self = self.with_context(payment_backend_action=True)
        before = self.outcome
        ask = self._ask_provider if before != "pending" else self._ask_of_pending
        try:
            self._in_step("resolved", self._apply_kept_answer)
            self._in_step("resolved", ask)
        except Exception:  # noqa: BLE001, pylint: disable=broad-except
            _logger.exception("The provider could not be asked for %s", self.reference)
            self.env.cr.rollback()
            self._in_step("resolved", lambda: self._keep_word(None))
        self._try_to_settle()
        return self.outcome != before

    def _ask_of_pending(self):
        """Ask for the outcome of a pending request, which the gateway has."""
        if self.try_lock_for_update(allow_referencing=True):
            self._take_word()

    def _take_word(self):
        """Ask the gateway about this locked attempt, and apply its word.

        :return: See `payment.provider._fetch_outcome`.
        :rtype: dict or None
        """
        if payment_data := self._fetch_outcome():
            self._process(self.provider_code, payment_data)
        self._keep_word(payment_data)
        return payment_data

    def _keep_word(self, payment_data):
        """Keep in words the answer of the provider to the question.

        :param dict payment_data: See `payment.provider._fetch_outcome`.
        """
        if payment_data is None:
            word = self.env._("It could not be asked, or could not tell.")
        elif not payment_data:
            delay = self.provider_id._get_arrival_delay()
            word = self.env._(
                "It does not know the request. That counts %s minutes after it was "
                "sent: before, it may still be on its way.",
                round(delay.total_seconds() / 60),
            )
        else:
            word = self.env._(
                "It has the request. Its outcome is: %s.", self._get_outcome_label()
            )
        self.write({"asked_on": fields.Datetime.now(), "provider_word": word})

    def _set_not_carried_out(self, message):
        """Mark the request as one that the gateway did not carry out.

        Odoo takes a cancelled part of an authorization for a voided one, so a capture
        or void that was not carried out ends as an error instead.
        """
        if self.source_transaction_id:
            was_received = self.outcome == "pending"
            self._set_error(message)
            if not was_received:
                # With another amount it is an error already, whose consequences wait.
                self.write({"request_state": "not_sent", "is_post_processed": False})
        else:
            self._set_canceled(state_message=message, extra_allowed_states=("error",))

    def _is_known_to_provider(self):
        """Ask the gateway before a person's word is taken, and write its answer.

        :return: Whether it said what became of this locked attempt.
        :rtype: bool
        """
        before = self.outcome
        try:
            with self.env.cr.savepoint():
                self._apply_kept_answer()
                self._take_word()
        except psycopg2.Error:
            raise
        except Exception:  # noqa: BLE001, pylint: disable=broad-except
            # Nobody could be asked: that must not keep a person from saying it.
            _logger.exception("The provider could not be asked for %s", self.reference)
        return self.outcome != before

    def _get_verdict(self, carried_out):
        """Record the finding of the user about this attempt.

        :rtype: str
        """
        person = self.env.user.name
        if self._is_refund():
            if carried_out:
                return self.env._("Confirmed as refunded by %s", person)
            return self.env._("Confirmed as not refunded by %s", person)
        if self.request_kind in ("capture", "void"):
            if carried_out:
                return self.env._("Confirmed as carried out by %s", person)
            return self.env._("Confirmed as not carried out by %s", person)
        if carried_out:
            return self.env._("Confirmed as charged by %s", person)
        return self.env._("Confirmed as not charged by %s", person)

    def _lock_to_resolve(self, **_arguments):
        """Lock the row of this attempt; see :meth:`resolve`."""
        try:
            self.sudo()._lock_attempt()
        except LockError as error:
            raise UserError(
                self.env._("%s is being processed right now.", self.reference)
            ) from error

    def _check_resolution(self, charged, reason, amount):
        """Check a person's word for the outcome, on a locked attempt."""
        if amount is not None:
            self.env["account.move"]._check_amount(
                amount,
                self.currency_id,
                max(abs(self.amount), self.reported_amount),
                self.env._("amount of the attempt"),
            )
        if not reason or not reason.strip():
            raise UserError(self.env._("A reason is required: “How do you know?”"))
        if self.outcome not in RESOLVABLE_OUTCOMES:
            raise UserError(
                self.env._(
                    "%(reference)s needs no resolving, its outcome is known: "
                    "%(outcome)s.",
                    reference=self.reference,
                    outcome=self._get_outcome_label(),
                )
            )

    def _carry_out_resolution(self, charged, reason, amount):
        """Take a person's word for the outcome, and keep it in the chatter.

        Not if the provider knows better.
        """
        if self.sudo()._is_known_to_provider():
            return self
        resolving = self.sudo().with_context(
            resolved_by_person=OURS, payment_backend_action=True
        )
        verdict = self._get_verdict(charged)
        reason = reason.strip()
        message = f"{verdict}: {reason}"
        if not charged:
            resolving._set_not_carried_out(message)
        elif self.request_kind == "void":
            resolving._set_canceled(
                state_message=message, extra_allowed_states=("error",)
            )
        else:
            if amount is not None:
                resolving._set_moved_amount(amount)
            resolving._set_done(state_message=message)
        resolving._log_message_on_linked_documents(
            Markup("%s: %s — %s") % (self._get_html_link(), verdict, reason)
        )
        return self

    @api.model
    def _complete_resolution(self, attempt):
        """Store a person's word, and book it; return the attempt."""
        attempt_sudo = attempt.sudo()
        attempt_sudo._commit_step("resolved")
        attempt_sudo._try_to_settle()
        return attempt
