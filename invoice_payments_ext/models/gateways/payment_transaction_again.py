import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..states import RESOLVABLE_OUTCOMES, UNSUCCESSFUL_OUTCOMES

_logger = logging.getLogger(__name__)

# A customer's clicks ask the gateway about an attempt at most this often.
ASKED_BY_CUSTOMER_AFTER = timedelta(seconds=10)
# A decline that came later than this after the request was not the answer to it: the
# payment waited, and may have waited for the customer.
ANSWERED_WITHIN = timedelta(minutes=1)
# For so long a form may still be open somewhere: an old payment of which its provider
# says nothing stops no other one.
OPEN_FOR = timedelta(days=1)


class PaymentTransaction(models.Model):
    """Payments that the customer has to confirm in a form of ours, as 3-D Secure.

    Nothing leads back into such a form. So the payment ends at the provider first, and
    the customer starts it again. A declined one ends there too, before another attempt:
    a form that is open elsewhere could still confirm it, beside that one.
    """

    _inherit = "payment.transaction"

    ended_on = fields.Datetime(
        readonly=True,
        copy=False,
        help="When the provider said that nobody can confirm this payment any more.",
    )

    # === BUSINESS METHODS === #

    def _prepare_to_start_again(self):
        """Let the customer start this payment again: it ends first, or is found paid.

        Only an outcome that the provider told ends it. Commits.

        Note: `self.ensure_one()`

        :return: The address where it is paid now; an empty text if that cannot be.
        :rtype: str
        """
        self.ensure_one()
        if self._may_be_started_again() and not self._was_asked_just_now():
            if self.outcome in RESOLVABLE_OUTCOMES:
                self._ask_for_person()
            if self._has_to_be_ended():
                self._end_for_customer()
        if not self._may_be_paid_again() or self._has_to_be_ended():
            return ""
        invoice = self.invoice_ids
        amount = invoice.amount_residual
        if self.currency_id == invoice.currency_id:
            amount = min(amount, self.amount)
        return invoice._get_payment_link_of(amount)

    @api.model
    def _end_earlier_on(self, invoices, before=None):
        """End what came to nothing on some invoices, and could still be confirmed.

        Commits, where there is such an attempt.

        :param account.move invoices: The invoices that are about to be paid.
        :param payment.transaction before: The attempt that pays them, if there is one:
                                           only earlier ones end.
        :raise UserError: If one was paid after all, or may still be.
        """
        # In superuser mode: of attempts and providers, a customer reads nothing.
        for earlier in invoices.sudo().transaction_ids.sorted("id"):
            if before and earlier.id >= before.id:
                break
            if not earlier._might_be_confirmed():
                continue
            if not earlier._was_asked_just_now():
                earlier._end_for_customer()
            if reason := earlier._get_not_ended_reason():
                raise UserError(reason)

    def _end_earlier_attempts(self):
        """End the earlier attempts at the invoices of this one, before it is sent.

        :raise UserError: If one was paid after all, or may still be.
        """
        if self._get_request_kind() == "charge" and not self.source_transaction_id:
            self._end_earlier_on(self.invoice_ids, before=self)

    def _end_for_customer(self):
        """End this payment at the provider, in a step of its own."""
        try:
            self._in_step("resolved", self._end_at_provider)
        except Exception:  # noqa: BLE001, pylint: disable=broad-except
            # It stays as it is, and the customer is told so.
            _logger.exception("%s could not be ended", self.reference)
            self.env.cr.rollback()
        self._try_to_settle()

    def _end_at_provider(self):
        """Ask the gateway to end this payment, and apply its word, on a locked row."""
        if not self.try_lock_for_update(allow_referencing=True):
            return
        if not self._has_to_be_ended():
            return
        payment_data = self.provider_id._end_payment(self)
        if payment_data:
            told = self._probe(lambda tx: tx._apply_updates(payment_data))
            self._process(self.provider_code, payment_data)
            # It may be declined here, and cancelled there.
            if (
                told.get_state()[0] == "cancel"
                and self.outcome in UNSUCCESSFUL_OUTCOMES
            ):
                self.ended_on = fields.Datetime.now()
        self._keep_word(payment_data or None)

    # === GETTERS === #

    def _get_not_ended_reason(self):
        """Return why no other attempt may be made beside this one, that was to end.

        :return: The reason in words for the customer; an empty text if there is none.
        :rtype: str
        """
        values = {
            "amount": self.currency_id.format(self.amount),
            "reference": self.reference,
        }
        if self.outcome not in UNSUCCESSFUL_OUTCOMES:
            return self.env._(
                "The earlier payment of %(amount)s, %(reference)s, came after all: "
                "nothing else was charged.",
                **values,
            )
        is_recent = fields.Datetime.now() - self.create_date < OPEN_FOR
        if is_recent and self._has_to_be_ended():
            return self.env._(
                "The earlier payment of %(amount)s, %(reference)s, could not be ended "
                "at its provider: it could still be confirmed, and nothing else was "
                "charged. Try again in a few minutes.",
                **values,
            )
        return ""

    def _was_asked_just_now(self):
        """Tell if the provider was asked a moment ago: a click does not ask it again.

        :rtype: bool
        """
        now = fields.Datetime.now()
        return bool(self.asked_on and now - self.asked_on < ASKED_BY_CUSTOMER_AFTER)

    def _might_be_confirmed(self):
        """Tell if this came to nothing, and a customer may have a form to confirm it.

        A saved method that was declined at once had none, unless its bank wants the
        customer.

        :rtype: bool
        """
        sent_on = self.request_sent_on or self.create_date
        waited = (self.last_state_change or sent_on) - sent_on > ANSWERED_WITHIN
        could_be = (
            self.operation in ("online_direct", "online_redirect")
            or self.decline_class == "needs_customer"
            or self.asked_on
            or waited
        )
        is_over = self.outcome in UNSUCCESSFUL_OUTCOMES
        return bool(could_be and is_over and self._has_to_be_ended())

    def _get_again_url(self):
        """Return the address of our page where the customer starts this again.

        Note: `self.ensure_one()`

        :return: The address; an empty text if the customer need not confirm it.
        :rtype: str
        """
        self.ensure_one()
        is_needed = self._may_be_started_again() and (
            self.outcome in RESOLVABLE_OUTCOMES
            or self.decline_class == "needs_customer"
        )
        return self._get_own_page_url() if is_needed else ""

    def _may_be_started_again(self):
        """Tell if the customer may try to start this again: it may have to end first.

        :rtype: bool
        """
        return self._may_be_ended() or self._may_be_paid_again()

    def _may_be_ended(self):
        """Tell if this waits for the customer, and the provider can end it.

        :rtype: bool
        """
        return (
            self.outcome in RESOLVABLE_OUTCOMES
            and self._is_of_one_invoice()
            and self.invoice_ids.state == "posted"
            and self.provider_id._may_end_payment(self)
        )

    def _has_to_be_ended(self):
        """Tell if somebody may still confirm this at the provider, which can end it.

        :rtype: bool
        """
        return self._may_be_ended() or bool(
            self.outcome in UNSUCCESSFUL_OUTCOMES
            and not self.ended_on
            and self.invoice_ids
            and self._is_charge()
            and self.provider_id._may_end_payment(self)
        )

    def _may_be_paid_again(self):
        """Tell if this came to nothing, and its invoice can be paid online.

        :rtype: bool
        """
        return (
            self.outcome in UNSUCCESSFUL_OUTCOMES
            and self._is_of_one_invoice()
            and self.invoice_ids._has_to_be_paid()
        )

    def _is_of_one_invoice(self):
        """Tell if this is a charge of a single invoice, and not a part of another one.

        :rtype: bool
        """
        return (
            len(self.invoice_ids) == 1
            and not self.source_transaction_id
            and self._get_request_kind() == "charge"
            and self.operation != "validation"
        )
