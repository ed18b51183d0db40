import logging
import random
import sys
import time
from datetime import timedelta

import psycopg2.errors
from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import LockError, UserError
from odoo.fields import Domain
from odoo.http import request

from ..tools import OURS
from .states import UNRESOLVED_OUTCOMES

_logger = logging.getLogger(__name__)

# What PostgreSQL raises when two database transactions met, and a row that another one
# holds. The work is done again; nothing of it was stored.
CONCURRENCY_ERRORS = (
    psycopg2.errors.SerializationFailure,
    psycopg2.errors.DeadlockDetected,
    psycopg2.errors.LockNotAvailable,
    LockError,
)
MAX_TRIES = 8

SEND_REQUEST_METHODS = {
    "charge": "_send_payment_request",
    "capture": "_send_capture_request",
    "void": "_send_void_request",
    "refund": "_send_refund_request",
}

# What books an attempt (see `_book`), by whether it is a refund and whether a credit
# balance paid it.
BOOKING_METHODS = {
    (False, False): "_book",
    (False, True): "_book_credit_spent",
    (True, False): "_book_refund",
    (True, True): "_book_credit_given_back",
}
# What follows, in this order, when an attempt was booked and whenever it was processed.
# Each method sees whether the attempt is its concern.
AFTER_BOOKING_METHODS = ("_report_excess", "_report_refund")
AFTER_PROCESSING_METHODS = (
    "_book_refunded_before",
    "_report_unpaid_credit_note",
    "_return_credit",
    "_try_to_spend_credit",
    "_note_customer_mail",
)
# What settles an attempt, each in a step of its own, and what finds it in the schedule.
SETTLING_METHODS = ("_try_to_book", "_settle_credit_beside")
UNSETTLED_DOMAIN_METHODS = (
    "_get_unbooked_domain",
    "_get_untold_refunds_domain",
    "_get_unspent_credit_domain",
)


def is_concurrency_error(error):
    """Tell if the work is to be done again, also where people were told so in words.

    :param Exception error: What the work raised.
    :rtype: bool
    """
    return isinstance(error, CONCURRENCY_ERRORS) or isinstance(
        error.__cause__, LockError
    )


class GatewayAnswer:
    """What came back for one request: payment data, or a refusal and its message.

    While it stands in the context, `_process` only collects: the answer is applied in a
    step of its own, which can be replayed without asking the gateway again.
    """

    def __init__(self, transaction):
        self.transaction = transaction
        self.payment_data = []
        self.exchanges = 0  # Requests that the gateway answered.
        self.refusal = None
        self.message = ""
        # The caller may be handling an error that has nothing to do with the request.
        self.earlier_error = sys.exc_info()[1]


class PaymentTransaction(models.Model):
    """The four steps of an attempt: prepare, send, record, settle.

    Nothing reaches a gateway before its intent is durable; an answer is stored before
    anything is booked; and none of the steps is replayed into a second request.
    """

    _inherit = "payment.transaction"

    # === THE STEPS === #

    def _run_attempt(self):
        """Take a prepared attempt through sending, recording and settling.

        May be called again at any time: it goes on from where the attempt stands, and
        sends only what was never sent.

        Note: `self.ensure_one()`
        """
        self.ensure_one()
        if self.operation != "online_token":
            # What is logged is the staff's doing, not the customer's.
            self = self.with_context(payment_backend_action=True)
        # Each step reads the attempt anew, and with it the one that it gives back.
        self = self.with_prefetch((self | self.source_transaction_id).ids)
        self._commit_step("prepared")
        if self._in_step("sent", self._mark_sent):
            self._record(self._send_request())
        self._try_to_settle()

    def _commit_step(self, name):
        """End a step: the only place where this addon commits.

        What a step did must outlive whatever breaks in the next one; that is what makes
        the gateway and the books agree after a crash.

        :param str name: `prepared`, `sent`, `recorded`, `settled`, `resolved` or
                         `mailed`
        """
        self.env.cr.commit()  # pylint: disable=invalid-commit

    def _in_step(self, name, work):
        """Do the work of a step and commit it; do it again when another one was faster.

        Odoo would replay the whole request, and with it the gateway call.
        """
        for tries_left in reversed(range(MAX_TRIES)):
            try:
                result = work()
                self._commit_step(name)
                return result
            except Exception as error:  # pylint: disable=broad-except
                if not is_concurrency_error(error):
                    raise
                self.env.cr.rollback()
                self.env.transaction.reset()
                if not tries_left:
                    raise
                time.sleep(random.uniform(0.05, 0.2) * (MAX_TRIES - tries_left))

    def _lock_attempt(self):
        """Lock this attempt's row until the end of the step.

        What was read before need not be read again: PostgreSQL refuses to lock a row
        that was changed since this database transaction began.
        """
        self.lock_for_update(allow_referencing=True)

    def _mark_sent(self):
        """Store that the request is about to leave.

        :return: Whether it is to be sent, and by this caller.
        :rtype: bool
        """
        if not self.try_lock_for_update(allow_referencing=True):
            return False  # Only its sender holds the row of an attempt.
        if self.request_state != "ready" or self.state != "draft":
            return False
        if self.provider_id.state == "disabled":
            self._set_error(
                self.env._("%(name)s is disabled.", name=self.provider_id.name)
            )
            self.request_state = "not_sent"
            return False
        self.request_state = "sent"
        return True

    def _send_request(self):
        """Call the gateway once, holding the attempt's row.

        A webhook that comes before the answer waits for the row, and then finds what
        was recorded.

        :return: What came back.
        :rtype: GatewayAnswer
        """
        answer = GatewayAnswer(self)
        if not self._lock_to_send():
            return self._refuse(answer, "failed", self.env._("It was not sent."))
        if self.request_state != "sent":
            return answer  # The resolver took it for a crashed one: it is unknown now.
        try:
            return self._call_gateway(answer)
        except psycopg2.Error as error:
            # Odoo would replay the whole request, and send it again.
            _logger.warning(
                "Database error while sending %s: %s", self.reference, error
            )
            self.env.cr.rollback()
            return self._refuse(answer, "unknown", str(error))

    def _lock_to_send(self):
        """Lock the row of the attempt that is about to leave.

        Another request for it, with the same key, may hold it for a moment to see that
        it is not the sender.

        :return: Whether the row is locked; else nothing was sent.
        :rtype: bool
        """
        for tries_left in reversed(range(MAX_TRIES)):
            try:
                self._lock_attempt()
                return True
            except CONCURRENCY_ERRORS:
                self.env.cr.rollback()
                self.env.transaction.reset()
                if tries_left:
                    time.sleep(random.uniform(0.05, 0.2))
        return False

    def _call_gateway(self, answer, send=None):
        """Let the provider's code send the request, and collect what comes back.

        :param GatewayAnswer answer: What collects it.
        :param function send: Sends it, given the transaction; unless it is given, the
                              provider's method does.
        """
        collecting = self.with_context(gateway_answer=answer)
        try:
            if send:
                send(collecting)
            else:
                getattr(collecting, SEND_REQUEST_METHODS[self._get_request_kind()])()
        except psycopg2.Error:
            raise
        except Exception as error:  # noqa: BLE001, pylint: disable=broad-except
            self._collect_refusal(answer, error)
        return answer

    def _collect_refusal(self, answer, error):
        """Store what an error that was raised while sending means.

        Whatever a provider's code raises, the request may have left before.
        """
        _logger.info("Request of %s ended with an error", self.reference, exc_info=True)
        refusal = self.provider_id._classify_refusal(self, error)
        if refusal == "failed" and answer.exchanges:
            refusal = "unknown"  # An earlier part of it did reach the gateway.
        self._refuse(answer, refusal, str(error))

    def _refuse(self, answer, refusal, message):
        """Store a refusal, unless the gateway's own word was collected before."""
        if not answer.payment_data:
            answer.refusal = refusal
            answer.message = message
        return answer

    def _record(self, answer):
        """Take the step that records an answer; unreadable is unknown."""
        try:
            self._in_step("recorded", lambda: self._record_answer(answer))
        except CONCURRENCY_ERRORS:
            # It stays sent, and the resolver finds it. Raised, Odoo would replay the
            # request, which without a key is a new one.
            _logger.exception("The answer on %s could not be stored", self.reference)
        except Exception as error:  # noqa: BLE001, pylint: disable=broad-except
            _logger.exception("The answer on %s could not be read", self.reference)
            self.env.cr.rollback()
            unreadable = self._refuse(GatewayAnswer(self), "unknown", str(error))
            self._in_step("recorded", lambda: self._record_answer(unreadable))

    def _record_answer(self, answer):
        """Write what the gateway said on the attempt."""
        self._lock_attempt()
        for provider_code, payment_data in answer.payment_data:
            self.with_context(settled_by_caller=OURS)._process(
                provider_code, payment_data
            )
        if self.state != "draft":
            return  # Said by the answer, or by a webhook in the meantime.
        if answer.refusal in ("declined", "failed"):
            self._set_error(answer.message)
            if answer.refusal == "failed":
                self.request_state = "not_sent"
        else:
            self._set_unknown(answer.message)

    def _set_unknown(self, message=""):
        """Mark the attempt as one whose outcome nobody knows, and tell the staff."""
        self.write(
            {
                "request_state": "unknown",
                "state_message": message
                or self.env._("The provider gave no clear answer."),
                "last_state_change": fields.Datetime.now(),
            }
        )
        values = {
            "reference": self._get_html_link(),
            "message": self.state_message,
        }
        self._log_message_on_linked_documents(
            self.env._(
                "The outcome of %(reference)s is unknown: the customer may have got "
                "the refund. It is not sent again. %(message)s",
                **values,
            )
            if self._is_refund()
            else self.env._(
                "The outcome of %(reference)s is unknown: the customer may have been "
                "charged. Nothing is charged again before it is resolved. %(message)s",
                **values,
            )
        )

    def _try_to_settle(self):
        """Settle what the attempt brought, as far as that can be done now."""
        for name in SETTLING_METHODS:
            getattr(self, name)()

    def _try_to_book(self):
        """Book what the attempt brought; what fails is told and tried again later."""
        if self.state == "draft" or self.is_post_processed:
            return
        try:
            self._in_step("settled", self._settle)
        except Exception as error:  # noqa: BLE001, pylint: disable=broad-except
            if is_concurrency_error(error):
                self.env.cr.rollback()  # Another one is at it, or the schedule will be.
                return
            # The money moved and that is stored: a person must hear of it, whatever
            # kept the books from following (a locked period, a missing journal…).
            _logger.exception("Transaction %s could not be booked", self.reference)
            self.env.cr.rollback()
            message = str(error) if isinstance(error, UserError) else repr(error)
            self._in_step("settled", lambda: self._warn_not_settled(message))

    def _settle(self):
        """Create, post and reconcile the payment, once."""
        self._lock_attempt()
        if not self.is_post_processed:
            self._post_process()

    # === ODOO'S OWN PROCESSING === #

    def _charge_with_token(self):  # pylint: disable=missing-return
        """Charge from Odoo's own flows, keeping unknown apart from declined.

        Stock records a time-out as an error, although the customer may have been
        charged. These flows do not commit before they send; so what was sent is kept on
        the HTTP request, which outlives the replay of a serialization failure.
        """
        self.ensure_one()
        self._ensure_provider_is_not_disabled()
        self._send_uncommitted(lambda tx: super()._charge_with_token())

    def _send_uncommitted(self, send=None):
        """Send the request of one of Odoo's own flows, and record the answer.

        :param function send: See :meth:`_call_gateway`.
        """
        self.request_state = "sent"
        answer = GatewayAnswer(self)
        if self._was_sent_before_replay():
            self._refuse(
                answer, "unknown", self.env._("It was sent, but the answer was lost.")
            )
        else:
            self._call_gateway(answer, send)
        try:
            with self.env.cr.savepoint():
                self._record_answer(answer)
        except psycopg2.Error:
            raise
        except Exception as error:  # noqa: BLE001, pylint: disable=broad-except
            # It was sent: what is stored of it must not be rolled back.
            _logger.exception("The answer on %s could not be read", self.reference)
            unreadable = self._refuse(GatewayAnswer(self), "unknown", str(error))
            self._record_answer(unreadable)

    def _was_sent_before_replay(self):
        """Tell if this HTTP request sent this already, and note that it does."""
        if not request:
            return False
        if not hasattr(request, "sent_payment_requests"):
            request.sent_payment_requests = set()
        requests_sent = request.sent_payment_requests
        what = (
            self.token_id.id,
            self.currency_id.id,
            self.amount,
            tuple(self.invoice_ids.ids) or self.reference,
        )
        was_sent = what in requests_sent
        requests_sent.add(what)
        return was_sent

    def _get_request_kind(self):
        """Return what this attempt asks of the gateway; Odoo's own flows do not say."""
        if self.request_kind:
            return self.request_kind
        return "refund" if self._is_refund() else "charge"

    def _send_api_request(self, *args, **kwargs):
        result = super()._send_api_request(*args, **kwargs)
        if answer := self._get_answer_to_collect():
            answer.exchanges += 1
        return result

    def _get_answer_to_collect(self):
        """Return the answer that is being collected while a request is sent."""
        answer = self.env.context.get("gateway_answer")
        return answer if isinstance(answer, GatewayAnswer) else None

    def _process(self, provider_code, payment_data):
        """Only collect the answer while a request of ours is being sent."""
        answer = self._get_answer_to_collect()
        if answer and (not self or self == answer.transaction):
            answer.payment_data.append((provider_code, payment_data))
            return answer.transaction.with_env(self.env)
        return super()._process(provider_code, payment_data)

    def _set_error(self, state_message, extra_allowed_states=()):
        """Only collect what is called an error because sending raised one.

        Stock and some providers do that with a time-out too.
        """
        answer = self._get_answer_to_collect()
        error = sys.exc_info()[1]
        if (
            answer
            and self == answer.transaction
            and error is not answer.earlier_error
            and isinstance(error, Exception)
        ):
            self._collect_refusal(answer, error)
            return self.browse()
        return super()._set_error(
            state_message, extra_allowed_states=extra_allowed_states
        )

    def _validate_amount(self, payment_data):
        """Leave it to a person when the gateway names another amount or currency.

        Stock calls it an error, which reads as if nothing had been charged.
        """
        was_error = self.state == "error"
        result = super()._validate_amount(payment_data)
        if self.state == "error" and not was_error:
            self.request_state = "unknown"
        return result

    def _post_process(self):  # pylint: disable=missing-return
        """Book each attempt on its own, and do all that follows from it.

        On a recordset, stock posts the draft invoices of all its transactions, those of
        the pending ones too. And where a payment was cancelled because the money was
        late (Odoo's own dialog does that), stock never books the money.
        """
        for tx in self:
            if tx.state == "done" and tx.payment_id.state in ("canceled", "rejected"):
                tx.payment_id = False
            booked_before = tx.payment_id
            super(PaymentTransaction, tx)._post_process()
            names = AFTER_PROCESSING_METHODS
            if tx.payment_id != booked_before:
                names = AFTER_BOOKING_METHODS + names
            for name in names:
                getattr(tx, name)()

    def _log_message_on_linked_documents(self, message):
        (self | self.source_transaction_id).fetch(["invoice_ids"])  # At once.
        return super(
            PaymentTransaction, self.with_context(log_payment_note=OURS)
        )._log_message_on_linked_documents(message)

    def _create_payment(self, **extra_create_values):
        """Book a charge or a refund, also where a credit balance paid it."""
        self.ensure_one()
        is_of_credit = self.provider_code == "credit_balance"
        name = BOOKING_METHODS[self._is_refund(), is_of_credit]
        return getattr(self, name)(extra_create_values)

    def _book(self, values):
        """Let Odoo create, post and reconcile the payment.

        :param dict values: What the payment has besides Odoo's own values.
        :return: The payment.
        :rtype: account.payment
        """
        if self.memo:
            facts = (self.reference, self.provider_reference, self.memo)
            values = {"memo": " - ".join(filter(None, facts)), **values}
        booking = self.with_context(booked_by_door=OURS)
        payment = super(PaymentTransaction, booking)._create_payment(**values)
        return payment.with_env(self.env)

    # === THE RESOLVER === #

    @api.model
    def _cron_resolve_attempts(self):
        """Find the outcome of open attempts, and book what is unbooked.

        The stock schedule gives up on booking after four days; this one does not.
        """
        unresolved = self.search([("outcome", "in", UNRESOLVED_OUTCOMES)])
        attempts = unresolved | self.search(self._get_unsettled_domain())
        self.env["ir.cron"]._commit_progress(remaining=len(attempts))
        for attempt in attempts:
            attempt._resolve_attempt()
            if not self.env["ir.cron"]._commit_progress(1):
                break

    @api.model
    def _get_unsettled_domain(self):
        """Return what finds the attempts that have their outcome, but were not settled.

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
            self._in_step("resolved", self._ask_provider)
            self._try_to_settle()
        except Exception:  # noqa: BLE001, pylint: disable=broad-except
            # One attempt that cannot be resolved must not keep the others waiting.
            _logger.exception("Transaction %s could not be resolved", self.id)
            self.env.cr.rollback()

    def _end_stale_request(self):
        """Cancel what was never sent, and mark as unknown what was left unanswered."""
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
        """Ask the gateway what became of the request, and write what it says."""
        if (
            self.outcome != "unknown"
            or self.state
            != "draft"  # It came with another amount: for a person to judge.
            or not self.try_lock_for_update(allow_referencing=True)
        ):
            return
        payment_data = self.provider_id._fetch_outcome(self)
        if payment_data:
            self._process(self.provider_code, payment_data)
        elif payment_data is not None:
            self._set_error(self.env._("The provider never received the request."))
            self.request_state = "not_sent"

    def _set_not_carried_out(self, message):
        """Mark the request as one that the gateway did not carry out.

        Odoo takes a cancelled part of an authorization for a voided one, so what was
        not captured or not voided ends as an error instead.
        """
        if self.source_transaction_id:
            self._set_error(message)
            # With another amount it is an error already, whose consequences wait.
            self.write({"request_state": "not_sent", "is_post_processed": False})
        else:
            self._set_canceled(state_message=message, extra_allowed_states=("error",))

    def _get_verdict(self, carried_out):
        """Say what the user found out about this attempt.

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

    def _check_resolution(self, charged, reason):
        """Check a person's word for the outcome, on a locked attempt."""
        if not isinstance(charged, bool):
            raise UserError(self.env._("Say whether it was charged: true or false."))
        if not isinstance(reason, str) or not reason.strip():
            raise UserError(self.env._("A reason is required to resolve an attempt."))
        if self.outcome != "unknown":
            raise UserError(
                self.env._(
                    "%(reference)s needs no resolving, its outcome is known: "
                    "%(outcome)s.",
                    reference=self.reference,
                    outcome=dict(
                        self._fields["outcome"]._description_selection(self.env)
                    )[self.outcome],
                )
            )

    def _carry_out_resolution(self, charged, reason):
        """Take a person's word for the outcome, and keep it in the chatter."""
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
            resolving._set_done(state_message=message)
        resolving._log_message_on_linked_documents(
            Markup("%s: %s — %s") % (self._get_html_link(), verdict, reason)
        )
        return self

    @api.model
    def _complete_resolution(self, attempt):
        """Store a person's word, and book what it says; return the attempt."""
        attempt_sudo = attempt.sudo()
        attempt_sudo._commit_step("resolved")
        attempt_sudo._try_to_settle()
        return attempt

    # === TELLING PEOPLE === #

    def _report_excess(self):
        """Tell a person when not all the money could be allocated."""
        self.ensure_one()
        payment = self.payment_id
        invoices = self._get_attempt_invoices()
        lines = payment._get_receivable_lines()
        excess = -sum(lines.mapped("amount_residual_currency"))
        if (
            self._is_refund()
            or not invoices
            or self.currency_id.compare_amounts(excess, 0) <= 0
        ):
            return
        self._schedule_payment_activity(
            invoices[0],
            self.env._("Payment above what remained"),
            self.env._(
                "%(payment)s brought %(excess)s more than remained to be paid. It is "
                "kept for the customer as an outstanding credit: refund it, use it for "
                "another invoice or move it to the credit balance.",
                payment=payment._get_html_link(),
                excess=self.currency_id.format(excess),
            ),
        )

    def _warn_not_settled(self, message):
        """Tell a person that money moved which could not be booked."""
        self._get_attempt_invoices()._notify_payments_changed()
        records = self._get_attempt_invoices() or self.source_transaction_id.payment_id
        for record in records[:1]:
            self._schedule_payment_activity(
                record,
                self.env._("Refunded, not booked")
                if self._is_refund()
                else self.env._("Payment received, not booked"),
                self.env._(
                    "%(reference)s (%(amount)s) succeeded at the provider, but could "
                    "not be booked: %(message)s It is tried again by itself.",
                    reference=self._get_html_link(),
                    amount=self.currency_id.format(abs(self.amount)),
                    message=message,
                ),
            )

    def _schedule_payment_activity(self, record, summary, note):
        """Give the person in charge of an invoice or a payment a task, once.

        Somebody who has no right to payments could not do it: an administrator gets it.
        """
        if record.activity_ids.filtered(
            lambda activity: (
                activity.summary == summary and self.reference in (activity.note or "")
            )
        ):
            return
        people = [record.create_uid, self.env.ref("base.user_admin")]
        if record._name == "account.move":
            people.insert(0, record.invoice_user_id)
        if self.charge_invoice_id:
            people.insert(0, self.create_uid)
        responsible = next(filter(_may_act, people), people[-1])
        record.activity_schedule(
            "mail.mail_activity_data_todo",
            summary=summary,
            note=note,
            user_id=responsible.id,
        )


def _may_act(user):
    """Tell if a user can do what a task about a payment asks for."""
    return user.active and user.has_group("invoice_payments_ext.group_payment_record")
