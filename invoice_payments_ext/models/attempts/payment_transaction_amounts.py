import logging

import psycopg2

from odoo import fields, models

from ...tools import OURS
from .gateway_answer import AnswerContradictedError, GatewayAnswer

_logger = logging.getLogger(__name__)

# The states of an attempt at a gateway that move, or may move, money.
MOVING_STATES = ("done", "authorized", "pending")

# Where a module misreads the amount of an answer, by code: the method that reads it
# It gets the payment data and the amount data of the module.
AMOUNT_READINGS = {
    "authorize": "_read_authorize_amount",
    "stripe": "_read_stripe_amount",
    "worldline": "_read_worldline_amount",
}

# The providers whose answer to a charge names no amount, so that the module reads the
# payment: the method that looks at what was read first. It gets the payment.
AMOUNT_IS_READ = {"razorpay": "_read_state"}


class PaymentTransaction(models.Model):
    """The amount that moved, compared with the amount that was asked for."""

    _inherit = "payment.transaction"

    reported_amount = fields.Monetary(
        readonly=True,
        copy=False,
        help="The amount that the provider named, where it differs from the amount "
        "that was asked for.",
    )

    # === BUSINESS METHODS - AMOUNTS === #

    def _validate_amount(self, payment_data):
        if self.env.context.get("amount_compared") is OURS:
            return None
        return super()._validate_amount(payment_data)

    def _extract_amount_data(self, payment_data):
        """Note the amount that the provider named, for :meth:`_apply`."""
        amount_data = super()._extract_amount_data(payment_data)
        if correction := AMOUNT_READINGS.get(self.provider_code):
            amount_data = getattr(self, correction)(payment_data, amount_data)
        probe = self._get_answer_to_collect()
        if probe and probe.is_probe and amount_data:
            probe.values["named_amount"] = amount_data.get("amount")
        return amount_data

    def _compare_read(self, result):
        """Compare the amount of a payment that is read while an answer is applied.

        :param result: The answer of the gateway.
        :raise AnswerContradictedError: If another amount moved than was asked for, or
                                        its state is unclear.
        """
        applied = self.env.context.get("answer_applied")
        if (
            not isinstance(applied, GatewayAnswer)
            or "named_amount" in applied.values
            or self.provider_code not in AMOUNT_IS_READ
        ):
            return
        getattr(self, AMOUNT_IS_READ[self.provider_code])(result)
        reading = self.with_context(amount_compared=None, answer_applied=None)
        compared = reading._probe(lambda tx: tx._validate_amount(result))
        state, message = compared.get_state()
        if state == "error" and reading._says_money_moved(result):
            raise AnswerContradictedError(message, compared.values.get("named_amount"))

    def _says_money_moved(self, payment_data):
        """Tell if an answer that names no amount or currency says that money moved.

        A decline often names none.
        """
        try:
            probe = self._probe(lambda tx: tx._apply_updates(payment_data))
        except psycopg2.Error:
            raise
        except Exception:  # noqa: BLE001, pylint: disable=broad-except
            _logger.exception("The answer on %s could not be read", self.reference)
            return True
        state, _message = probe.get_state()
        return state in MOVING_STATES or state is None or self._is_part()

    def _set_contradicted(self, message, named):
        """Leave it to a person that the gateway names another amount or currency.

        :param str message: The sentence of Odoo.
        :param float named: The amount that the gateway named, if it named one.
        """
        if self.state == "done":
            _logger.warning("%s: %s", self.reference, message)
            if not named:  # No amount that a person has resolved already.
                self._log_message_on_linked_documents(message)
            return
        if reported := abs(named or 0.0):
            message = self.env._(
                "The provider says that %(moved)s moved, and %(asked)s was asked for.",
                moved=self.currency_id.format(reported),
                asked=self.currency_id.format(abs(self.amount)),
            )
        self._set_error(message, extra_allowed_states=("cancel",))
        self.write(
            {
                "request_state": "unknown",
                "state_message": message,
                "reported_amount": reported,
            }
        )

    def _take_rounded_amount(self, compared):
        """Take the amount that the gateway took, if it rounds more than Odoo does."""
        named = compared.values.get("named_amount")
        if not named or self.state not in ("done", "authorized"):
            return
        self._set_moved_amount(abs(named))

    def _set_moved_amount(self, amount):
        """Give this attempt the amount that moved.

        :param float amount: The amount above zero, in the attempt's currency.
        """
        if self.currency_id.compare_amounts(amount, abs(self.amount)):
            asked = self.currency_id.format(abs(self.amount))
            self.amount = -amount if self._is_refund() else amount
            self._keep_fingerprint()
            self._log_message_on_linked_documents(
                self.env._(
                    "%(reference)s: %(asked)s was asked for, and %(moved)s moved.",
                    reference=self._get_html_link(),
                    asked=asked,
                    moved=self.currency_id.format(amount),
                )
            )
