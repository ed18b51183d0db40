import logging
from datetime import timedelta

from odoo import fields, models

from ..states import RESOLVABLE_OUTCOMES, UNSUCCESSFUL_OUTCOMES

_logger = logging.getLogger(__name__)

# A customer's clicks ask the gateway about an attempt at most this often.
ASKED_BY_CUSTOMER_AFTER = timedelta(seconds=10)


class PaymentTransaction(models.Model):
    """Payments that the customer has to confirm in a form of ours, as 3-D Secure.

    Nothing leads back into such a form. So the payment ends at the provider first, and
    the customer starts it again. A declined one ends there too: a form that is open
    elsewhere could still confirm it, beside the new payment.
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
        now = fields.Datetime.now()
        if self._may_be_started_again() and not (
            self.asked_on and now - self.asked_on < ASKED_BY_CUSTOMER_AFTER
        ):
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
        return self._may_be_ended() or (
            self.outcome in UNSUCCESSFUL_OUTCOMES
            and not self.ended_on
            and self._is_of_one_invoice()
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
