import itertools
import logging
import random
import time

import psycopg2.errors

from odoo import fields, models
from odoo.exceptions import LockError, UserError
from odoo.tools import SQL

from ...tools import TryAgainError
from .gateway_answer import GatewayAnswer
from .payment_provider import get_transport_error

_logger = logging.getLogger(__name__)

# The errors that PostgreSQL raises when two database transactions met, or a row is held
# by another one. The work is done again; nothing of it was stored.
CONCURRENCY_ERRORS = (
    psycopg2.errors.SerializationFailure,
    psycopg2.errors.DeadlockDetected,
    psycopg2.errors.LockNotAvailable,
    LockError,
    TryAgainError,
)

MAX_TRIES = 8
# An answer is worth more patience, about half a minute: the payment may be held by one
# who asks the gateway about it, or prints its receipt.
MAX_TRIES_TO_RECORD = 22

SEND_REQUEST_METHODS = {
    "charge": "_send_payment_request",
    "capture": "_send_capture_request",
    "void": "_send_void_request",
    "refund": "_send_refund_request",
}

# The checks at the last moment before a request leaves. Each method raises
# `NotSentError` if it must not.
CHECKED_BEFORE_SENDING = (
    "_check_mode",
    "_check_settled_at_authorize",
    "_check_not_refused_meanwhile",
    "_check_auto_pay_still_on",
)

# The methods after a request ended with an error, before the attempt is recorded. Each
# method gets the error of the HTTP client, or None; it writes nothing.
AFTER_REFUSAL_METHODS = ("_note_overload",)

# The modules that send the amount of a refund as they find it.
AMOUNT_ABOVE_ZERO = ("authorize",)


def pause_longer(tries):
    """Wait before a step is done again: the oftener it was tried, the longer.

    :param int tries: How often it was tried.
    """
    time.sleep(random.uniform(0.05, 0.2) * tries)


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
        sends only an attempt that was never sent.

        Note: `self.ensure_one()`
        """
        self.ensure_one()
        if self.operation != "online_token":
            # The log is about the staff, not about the customer.
            self = self.with_context(payment_backend_action=True)
        # Each step reads the attempt anew, and with it the one that it gives back.
        self = self.with_prefetch((self | self.source_transaction_id).ids)
        self._commit_step("prepared")
        if self._may_be_sent() and self._in_step("sent", self._mark_sent):
            self._record(self._send_request())
        self._try_to_settle()

    def _commit_step(self, name):
        """End a step: the only place where this addon commits.

        The work of a step must outlive any failure of the next one. This makes the
        gateway and the books agree after a crash.

        :param str name: `prepared`, `sent`, `recorded`, `settled`, `resolved` or
                         `mailed`
        """
        self.env.cr.commit()  # pylint: disable=invalid-commit

    def _in_step(self, name, work, max_tries=MAX_TRIES, pause=pause_longer):
        """Do the work of a step and commit it; do it again when another one was faster.

        Odoo would replay the whole request, and with it the gateway call.

        :param str name: See `_commit_step`.
        :param function work: It may be called several times.
        :param int max_tries: How often it is tried.
        :param function pause: Waits before the next try, given the number of tries.
        :return: The result of the work.
        """
        for tries in itertools.count(1):
            try:
                result = work()
                self._commit_step(name)
                return result
            except Exception as error:  # pylint: disable=broad-except
                if not is_concurrency_error(error):
                    raise
                self.env.cr.rollback()
                self.env.transaction.reset()
                if tries == max_tries:
                    raise
                pause(tries)

    def _lock_attempt(self):
        """Lock the row of this attempt, and of its payment's, until the step ends.

        Values that were read before need not be read again: PostgreSQL refuses to lock
        a row that was changed since this database transaction began. The gateway's
        notifications of a part may name the payment, which is locked as well.
        """
        attempts = self | self._get_root()
        if attempts._try_to_lock_quietly() != attempts:
            raise LockError(self.env._("Somebody else holds a lock on these records."))

    def _try_to_lock_quietly(self):
        """Lock the rows of these attempts that nobody holds, until the step ends.

        That somebody was faster is no mistake: the step is done again, and nothing of
        it is said in the log.

        :return: The attempts that are locked.
        :rtype: payment.transaction
        """
        self.env.cr.execute(
            SQL(
                """SELECT id FROM payment_transaction WHERE id = ANY(%s)
                      FOR NO KEY UPDATE SKIP LOCKED""",
                self.ids,
            ),
            log_exceptions=False,
        )
        locked = {locked_id for (locked_id,) in self.env.cr.fetchall()}
        return self.filtered(lambda attempt: attempt.id in locked)

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
            self._mark_not_sent(
                self.env._("%(name)s is disabled.", name=self.provider_id.name)
            )
            return False
        self.request_state = "sent"
        return True

    def _send_request(self):
        """Call the gateway once, holding the attempt's row.

        A webhook that comes before the answer waits for the row, and then finds the
        recorded answer.

        :return: The answer.
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
        """Let the provider's code send the request, and collect the answer.

        :param GatewayAnswer answer: The object that collects it.
        :param function send: Sends it, given the transaction; unless it is given, the
                              provider's method does.
        """
        collecting = self.with_context(gateway_answer=answer)
        lent = self._lend_values()
        try:
            for name in CHECKED_BEFORE_SENDING:
                getattr(self, name)()
            if send:
                send(collecting)
            else:
                getattr(collecting, SEND_REQUEST_METHODS[self._get_request_kind()])()
        except psycopg2.Error:
            raise
        except Exception as error:  # noqa: BLE001, pylint: disable=broad-except
            self._collect_refusal(answer, error)
        finally:
            self._put_back(lent, answer)
        return answer

    def _lend_values(self):
        """Show a part of a payment to a provider's code as the code expects it.

        Some modules read the gateway's id of the payment on the part, or on the capture
        that it gives back, or the amount above zero. Only the cache is changed.

        :return: Records, fields and the values in the cache before.
        :rtype: list[tuple[payment.transaction, str, object]]
        """
        source, root = self.source_transaction_id, self._get_root()
        if not source:
            return []
        lent = [(self, "provider_reference", root.provider_reference)]
        if not source.provider_reference:
            lent.append((source, "provider_reference", root.provider_reference))
        if self._is_refund() and self.provider_code in AMOUNT_ABOVE_ZERO:
            lent.append((self, "amount", abs(self.amount)))
        before = [(tx, name, tx[name]) for tx, name, _value in lent]
        for tx, name, value in lent:
            tx._fields[name]._update_cache(tx, value)
        return before

    def _put_back(self, before, answer):
        """Take back the values that were lent, where the provider's code wrote none."""
        for tx, name, value in before:
            if tx != self or name not in answer.values:
                tx._fields[name]._update_cache(tx, value or None)

    def _collect_refusal(self, answer, error):
        """Store the meaning of an error that was raised while sending.

        The request may have left before any error that a provider's code raises.
        """
        _logger.info("Request of %s ended with an error", self.reference, exc_info=True)
        transport_error = get_transport_error(error)
        for name in AFTER_REFUSAL_METHODS:
            getattr(self, name)(transport_error)
        if answer.refusal and transport_error is None:
            return  # It follows from the error that was collected before.
        refusal = self.provider_id._classify_refusal(self, error)
        never_answered = getattr(transport_error, "response", None) is None
        if refusal == "failed" and answer.exchanges and never_answered:
            refusal = "unknown"  # An earlier part of it did reach the gateway.
        answer.error = error
        self._refuse(answer, refusal, self._get_error_words(error))

    def _get_error_words(self, error):
        """Return the words of an error for people, without Odoo's first sentence."""
        if not isinstance(error, UserError):
            return ""
        _first, _newline, reason = str(error).partition("\n")
        return reason.strip() or str(error)

    def _refuse(self, answer, refusal, message):
        """Store a refusal, unless the gateway's own word was collected before."""
        if not answer.facts:
            answer.refusal = refusal
            answer.message = message
        return answer

    def _record(self, answer):
        """Take the step that records an answer; an error keeps the answer."""
        try:
            self._in_step(
                "recorded", lambda: self._record_answer(answer), MAX_TRIES_TO_RECORD
            )
        except CONCURRENCY_ERRORS:
            # It stays sent, and the resolver finds it. Raised, Odoo would replay the
            # request, which without a key is a new one.
            _logger.exception("The answer on %s could not be stored", self.reference)
        except Exception as error:  # noqa: BLE001, pylint: disable=broad-except
            _logger.exception("The answer on %s could not be applied", self.reference)
            self.env.cr.rollback()
            cause = error  # The name is gone after the block.
            self._in_step(
                "recorded",
                lambda: self._record_fact(answer, cause),
                MAX_TRIES_TO_RECORD,
            )

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
        """Settle the attempt's money, as far as that can be done now."""
        for name in self._get_settling_methods():
            getattr(self, name)()

    def _get_settling_methods(self):
        """Return the names of the methods that settle this attempt, in their order.

        All are asked for before the first: each is a step, which forgets what was read.
        """
        return ["_try_to_book"]

    def _try_to_book(self):
        """Book the money of the attempt; failures are told and tried again."""
        if self.state == "draft" or self.is_post_processed:
            return
        try:
            self._in_step("settled", self._settle)
        except Exception as error:  # noqa: BLE001, pylint: disable=broad-except
            if is_concurrency_error(error):
                self.env.cr.rollback()  # Another one is at it, or the schedule will be.
                return
            # The money moved and that is stored. A person must hear of it, for any
            # reason that keeps the books behind (a locked period, no journal…).
            _logger.exception("Transaction %s could not be booked", self.reference)
            self.env.cr.rollback()
            message = str(error) if isinstance(error, UserError) else repr(error)
            self._in_step("settled", lambda: self._warn_not_settled(message))

    def _settle(self):
        """Create, post and reconcile the payment, once."""
        self._lock_attempt()
        if not self.is_post_processed:
            self._post_process()


def is_concurrency_error(error):
    """Tell if the work is to be done again, also where people were told so in words.

    :param Exception error: The error that the work raised.
    :rtype: bool
    """
    return isinstance(error, CONCURRENCY_ERRORS) or isinstance(
        error.__cause__, LockError
    )
