import logging

import psycopg2.errors

from odoo import models
from odoo.http import request

from ...tools import OURS
from .gateway_answer import GatewayAnswer

_logger = logging.getLogger(__name__)

# The methods that book an attempt (see `_book`): by whether it is a refund and a credit
# balance paid it.
BOOKING_METHODS = {
    (False, False): "_book",
    (False, True): "_book_credit_spent",
    (True, False): "_book_refund",
    (True, True): "_book_credit_given_back",
}

# The methods that book what Odoo's own processing leaves out.
BOOKING_LEFT_METHODS = ("_book_refunded_before",)

# The methods that follow, in this order, a booking and any processing of an attempt.
# Each method sees whether the attempt is its concern.
AFTER_BOOKING_METHODS = ("_report_excess", "_report_refund")

AFTER_PROCESSING_METHODS = (
    "_undo_failed_refund",
    "_report_unpaid_credit_note",
    "_return_unpaid_credit",
    "_try_to_spend_credit",
    "_note_customer_mail",
    "_end_settled_tasks",
)

# Where a provider's module leaves something out of a request, by its code: the method
# that adds it. It gets the keyword arguments of the request, which it may change.
REQUEST_COMPLETIONS = {"mercado_pago": "_complete_mercado_pago_request"}

# The methods that may replace a message in the chatters. Each says if it does.
INSTEAD_OF_MESSAGE = ("_log_in_burst",)


class PaymentTransaction(models.Model):
    """Odoo's own processing of an attempt: answers collected, then booked."""

    _inherit = "payment.transaction"

    # === ODOO'S OWN PROCESSING === #

    def _charge_with_token(self):  # pylint: disable=missing-return
        """Charge from Odoo's own flows, keeping unknown apart from declined.

        Stock records a time-out as an error, although the customer may have been
        charged. These flows do not commit before they send; so the sent request is kept
        on the HTTP request, which outlives the replay of a serialization failure.
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
            # It was sent: the stored part must not be rolled back.
            _logger.exception("The answer on %s could not be applied", self.reference)
            self._record_fact(answer, error)

    def _was_sent_before_replay(self):
        """Tell if this HTTP request sent this already, and note that it does."""
        if not request:
            return False
        if not hasattr(request, "sent_payment_requests"):
            request.sent_payment_requests = set()
        requests_sent = request.sent_payment_requests
        facts = (
            self.token_id.id,
            self.currency_id.id,
            self.amount,
            tuple(self.invoice_ids.ids) or self.reference,
        )
        was_sent = facts in requests_sent
        requests_sent.add(facts)
        return was_sent

    def _get_request_kind(self):
        """Return the kind of request of this attempt; Odoo's own flows do not say."""
        if self.request_kind:
            return self.request_kind
        return "refund" if self._is_refund() else "charge"

    def _send_api_request(self, *args, **kwargs):
        answer = self._get_answer_to_collect()
        if answer and self.source_transaction_id and kwargs.get("endpoint_param"):
            # A part of a payment is requested by the id of the payment.
            kwargs["endpoint_param"] = self._get_root().provider_reference
        if answer and (completion := REQUEST_COMPLETIONS.get(self.provider_code)):
            getattr(self, completion)(kwargs)
        result = super()._send_api_request(*args, **kwargs)
        if answer:
            answer.exchanges += 1
        self._compare_read(result)
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
            for name in BOOKING_LEFT_METHODS:
                getattr(tx, name)()
            names = AFTER_PROCESSING_METHODS
            if tx.payment_id != booked_before:
                names = AFTER_BOOKING_METHODS + names
            for name in names:
                getattr(tx, name)()

    def _log_message_on_linked_documents(self, message):
        if any(getattr(self, name)() for name in INSTEAD_OF_MESSAGE):
            return None
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

        :param dict values: The payment's values besides Odoo's own.
        :return: The payment.
        :rtype: account.payment
        """
        if standing := self._get_standing_payments():
            return self._adopt(standing)
        self.company_id._read_payment_settings()
        if self.memo:
            facts = (self.reference, self.provider_reference, self.memo)
            values = {"memo": " - ".join(filter(None, facts)), **values}
        values = {"company_id": self.company_id.id, **values}
        booking = self.with_context(booked_by_door=OURS)
        if self._is_shared():
            return booking._book_in_shares(values).with_env(self.env)
        payment = super(PaymentTransaction, booking)._create_payment(**values)
        return payment.with_env(self.env)
