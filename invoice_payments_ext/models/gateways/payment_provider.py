import logging
from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

import psycopg2

from odoo import fields, models
from odoo.tools import date_utils

from ..attempts.payment_provider import get_transport_error
from ..states import UNSUCCESSFUL_OUTCOMES

_logger = logging.getLogger(__name__)

# The methods that ask a gateway what became of a request, by the provider's code.
OUTCOME_METHODS = {
    "authorize": "_fetch_authorize_outcome",
    "flutterwave": "_fetch_flutterwave_outcome",
    "mercado_pago": "_fetch_mercado_pago_outcome",
    "razorpay": "_fetch_razorpay_outcome",
    "stripe": "_fetch_stripe_outcome",
}
# The methods that end a payment that waits for the customer.
END_METHODS = {"stripe": "_end_stripe_payment"}
# The methods that tell how long a gateway knows the key of a charge.
RESEND_METHODS = {
    "adyen": "_get_adyen_key_period",
    "worldline": "_get_worldline_key_period",
}
# The methods that read why a request was declined. Each gets the transaction, the
# payment data and the content of an HTTP error; both are empty where there is none.
DECLINE_METHODS = {
    "adyen": "_read_adyen_decline",
    "authorize": "_read_authorize_decline",
    "flutterwave": "_read_flutterwave_decline",
    "mercado_pago": "_read_mercado_pago_decline",
    "razorpay": "_read_razorpay_decline",
    "stripe": "_read_stripe_decline",
    "worldline": "_read_worldline_decline",
    "xendit": "_read_xendit_decline",
}
# The methods that read the last month of a card from an answer that saved or charged
# it. Each gets the payment data, and returns the year and the month, or None.
EXPIRY_METHODS = {
    "adyen": "_read_adyen_expiry",
    "stripe": "_read_stripe_expiry",
}
# The methods that list the money that a gateway moved; see `_list_movements`.
MOVEMENT_METHODS = {
    "adyen": "_list_adyen_movements",
    "authorize": "_list_authorize_movements",
    "razorpay": "_list_razorpay_movements",
    "stripe": "_list_stripe_movements",
}
# Those of them that list money taken back as well.
LISTING_TAKEN_BACK = ("razorpay", "stripe")
# A dispute is decided months after it began, and a list has it under its first day.
DISPUTES_PERIOD = timedelta(days=120)
# A list of a gateway that is longer than this is not read to its end.
MAX_PAGES = 20


# How much later than in the books money may be in a list.
LISTING_DELAYS = {"adyen": timedelta(days=1)}


class CannotTellError(Exception):
    """The answer of a gateway does not say what became of a request."""


class CannotBeAskedError(Exception):
    """A gateway gives no list until somebody changes a setting, which is named."""


class MovementPage(NamedTuple):
    """A page of the list of a gateway; see `_list_movements`."""

    movements: list
    cursor: dict | None  # Where it ended; None after the last page.
    # The period of which this page has everything, if the list may have gaps; empty if
    # it has everything of none.
    covered: tuple | None = None
    notes: Sequence[str] = ()  # For people: what could not be compared, and why.


class PaymentProvider(models.Model):
    """Gateways that can be asked, each by the code of Odoo's module for it.

    The modules are no dependency: their code is called only where a provider has their
    code, and where it sends requests through Odoo's own helper.
    """

    _inherit = "payment.provider"

    def _fetch_outcome(self, transaction):
        """Ask the gateway, where it is known how; an unclear answer tells nothing."""
        name = OUTCOME_METHODS.get(self.code)
        if not name:
            return super()._fetch_outcome(transaction)
        return self._get_clear_word(name, transaction)

    def _may_end_payment(self, transaction):
        """Tell if a customer may confirm a payment, and the gateway can end it.

        A provider overrides this and :meth:`_end_payment` when customers confirm in a
        form on our pages, into which nothing leads back.

        :param payment.transaction transaction: One that is unknown or pending, or came
                                                to nothing here: a form that is open
                                                elsewhere may confirm that one, too.
        :rtype: bool
        """
        if self.code not in END_METHODS or not transaction.provider_reference:
            return False
        # Of cards, the outcome is known at once, unless the customer has to confirm.
        method = transaction.payment_method_id
        return (
            transaction.outcome in UNSUCCESSFUL_OUTCOMES
            or (method.primary_payment_method_id or method).code == "card"
        )

    def _end_payment(self, transaction):
        """End a payment, so that nobody can confirm it any more.

        It is called with the transaction's row locked, and may be called again.

        :param payment.transaction transaction: See :meth:`_may_end_payment`.
        :return: The payment data in the form that `_process` takes, of the outcome that
                 it has now: only a cancelled one has ended. None if it is not clear.
        :rtype: dict or None
        """
        name = END_METHODS.get(self.code)
        return self._get_clear_word(name, transaction) if name else None

    def _get_clear_word(self, name, transaction):
        """Return the answer of a gateway; None where it is unclear.

        :param str name: The method that asks.
        :rtype: dict or None
        """
        try:
            return getattr(self, name)(transaction)
        except psycopg2.Error:
            raise
        except CannotTellError as error:
            _logger.info("%s on %s: %s", self.code, transaction.reference, error)
        except Exception:  # noqa: BLE001, pylint: disable=broad-except
            # An error of the connection or of the gateway, or an odd answer.
            _logger.warning(
                "%s could not be asked for %s",
                self.code,
                transaction.reference,
                exc_info=True,
            )
        return None

    def _may_resend(self, transaction):
        """Let a charge be sent again for as long as the gateway knows its key."""
        name = RESEND_METHODS.get(self.code)
        if not name or not transaction.request_sent_on:
            return super()._may_resend(transaction)
        age = fields.Datetime.now() - transaction.request_sent_on
        is_charge = transaction._get_request_kind() == "charge"
        return is_charge and age < getattr(self, name)()

    def _get_decline_details(self, transaction, payment_data=None, error=None):
        """Read why a request was declined, where the gateway is known."""
        name = DECLINE_METHODS.get(self.code)
        if not name:
            return super()._get_decline_details(transaction, payment_data, error)
        content = get_error_content(error)
        return getattr(self, name)(transaction, payment_data or {}, content)

    def _get_token_expiry(self, payment_data):
        """Read the last day of a card, where the gateway is known."""
        name = EXPIRY_METHODS.get(self.code)
        month = name and getattr(self, name)(payment_data)
        if not month:
            return super()._get_token_expiry(payment_data)
        return date_utils.end_of(date(*month, 1), "month")

    def _list_movements(self, since, until, cursor=None):
        """List a page of the charges and refunds that the gateway made in a period.

        A provider overrides this when its gateway has such a list.

        Note: `self.ensure_one()`

        :param datetime.datetime since: The beginning of the period.
        :param datetime.datetime until: Its end.
        :param dict cursor: Where the last page ended; None for the first one.
        :return: The page and the cursor of the next one, None after the last; or None
                 if the gateway cannot be asked. A movement has the gateway's id
                 (`reference`), our reference if it is known (`own_reference`), the
                 amount in its `currency` (a code), below zero for a refund and zero if
                 no money moved, its `state` in the gateway's words, and its `date`.
                 Open ones are left out. Money taken back has the `kind`
                 `taken_back`, and an amount below zero while it is withdrawn.
                 If the same id comes again, the later word counts. More that it may
                 have: the `day` of the gateway, if that is not our company's; the
                 `payment_reference` of a capture, by which the books may know it;
                 `is_open` while money may be captured yet; and `confirms`, of a word
                 that only counts if the movement was listed before.
        :rtype: tuple[list[dict], dict] or MovementPage or None
        :raise CannotBeAskedError: If a person has to change a setting before.
        """
        self.ensure_one()
        name = MOVEMENT_METHODS.get(self.code)
        return getattr(self, name)(since, until, cursor or {}) if name else None

    def _get_listing_delay(self):
        """Return how much later than in the books money may be in the list.

        :rtype: datetime.timedelta
        """
        return LISTING_DELAYS.get(self.code, timedelta(0))

    def _lists_taken_back(self):
        """Tell if the list of :meth:`_list_movements` has money taken back, too.

        :rtype: bool
        """
        return self.code in LISTING_TAKEN_BACK

    # === HELPERS FOR ALL GATEWAYS === #

    def _get_payment_reference(self, transaction):
        """Return the gateway's id of the payment that a transaction is a part of.

        :param payment.transaction transaction: A capture, void or refund.
        :rtype: str
        :raise CannotTellError: If it is not known.
        """
        payment = transaction._get_root()
        if not payment.provider_reference:
            raise CannotTellError("The id of the payment is not known.")
        return payment.provider_reference

    def _choose_refund(self, transaction, refunds, get_amount):
        """Return the refund at the gateway that a refund of ours became, if it did.

        A refund that belongs to another transaction is not it.

        :param payment.transaction transaction: The refund.
        :param list[dict] refunds: The refunds of the payment, with their `id`.
        :param function get_amount: It returns the amount of one of them, above zero.
        :rtype: dict or None
        :raise CannotTellError: If more than one may be it.
        """
        if transaction.provider_reference:
            own = [
                row for row in refunds if row["id"] == transaction.provider_reference
            ]
            if own:
                return own[0]
        known = transaction.search(
            [
                ("provider_id", "=", self.id),
                ("provider_reference", "in", [row["id"] for row in refunds]),
                ("id", "!=", transaction.id),
            ]
        ).mapped("provider_reference")
        candidates = [
            row
            for row in refunds
            if row["id"] not in known
            and not transaction.currency_id.compare_amounts(
                get_amount(row), abs(transaction.amount)
            )
        ]
        if len(candidates) > 1:
            raise CannotTellError("Several refunds have this amount.")
        return candidates[0] if candidates else None


def get_error_content(error):
    """Return the answer of a gateway in an HTTP error.

    :param Exception error: The error that a provider's code raised, if it did.
    :return: The JSON; an empty dictionary if there is none.
    :rtype: dict
    """
    response = getattr(get_transport_error(error), "response", None)
    try:
        content = response.json() if response is not None else {}
    except ValueError:
        content = {}
    return content if isinstance(content, dict) else {}
