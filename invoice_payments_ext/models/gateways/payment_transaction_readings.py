import importlib

from odoo import models

from ..attempts.gateway_answer import AnswerContradictedError, NotSentError

# Sources: Authorize.Net's API reference, "Transaction Response Codes" and "Refund a
# Transaction" (a payment can be refunded once it is settled, and voided before);
# Worldline's "Statuses"; Stripe's "PaymentIntent object".
AUTHORIZE_APPROVED = "1"
AUTHORIZE_DECLINED = "2"
AUTHORIZE_ERROR = "3"
AUTHORIZE_UNSUCCESSFUL = "The transaction was unsuccessful."  # Code E00027.
AUTHORIZE_HELD = "4"  # For a review: pending.
AUTHORIZE_UNSETTLED = ("authorizedPendingCapture", "capturedPendingSettlement")

# The states of a payment that a module knows, by the code of the provider: its constant
# with their words, and the way to the word in the payment data.
KNOWN_STATES = {
    "adyen": ("RESULT_CODES_MAPPING", lambda data: data.get("resultCode")),
    "flutterwave": (
        "PAYMENT_STATUS_MAPPING",
        lambda data: (data.get("status") or "").lower(),
    ),
    "mercado_pago": ("TRANSACTION_STATUS_MAPPING", lambda data: data.get("status")),
    "razorpay": ("PAYMENT_STATUS_MAPPING", lambda data: data.get("status")),
    "stripe": (
        "STATUS_MAPPING",
        lambda data: (data.get("payment_intent") or data.get("refund") or {}).get(
            "status"
        ),
    ),
    "worldline": (
        "PAYMENT_STATUS_MAPPING",
        lambda data: (data.get("paymentResult", data).get("payment") or {}).get(
            "status"
        ),
    ),
}


class PaymentTransaction(models.Model):
    """Answers of gateways that Odoo's modules take for something else."""

    _inherit = "payment.transaction"

    # === ALL GATEWAYS === #

    def _read_state(self, payment_data):
        """Leave a state to a person that the module does not know.

        The module calls it an error, which reads as if nothing had been charged.

        :param dict payment_data: The payment data of the module.
        :return: False: the module reads all other states.
        :rtype: bool
        :raise AnswerContradictedError: If the state is none that the module knows.
        """
        constant, get_word = KNOWN_STATES.get(self.provider_code, (None, dict))
        if word := constant and get_word(payment_data):
            # The module is installed where a provider has its code.
            path = f"odoo.addons.payment_{self.provider_code}.const"
            known = getattr(importlib.import_module(path), constant)
            if not any(word in words for words in known.values()):
                self._refuse_state(word)
        return False

    def _refuse_state(self, word):
        """Leave the outcome to a person.

        :param str word: The word of the gateway.
        :raise AnswerContradictedError: Always.
        """
        message = self.env._(
            "The provider says '%s', which is neither a success nor a decline.", word
        )
        raise AnswerContradictedError(message, None)

    # === AUTHORIZE.NET === #

    def _read_authorize_answer(self, payment_data):
        """Read a decline, a refused request, and a void in answer to a refund.

        The module calls a decline canceled, each refused request a decline, and a
        payment that was voided in place of a refund a refund that was not made.

        :param dict payment_data: The payment data of the module.
        :return: Whether the outcome was set.
        :rtype: bool
        """
        response = payment_data["response"]
        code = response.get("x_response_code")
        text = response.get("x_response_reason_text")
        first, _newline, reason = (text or "").partition("\n")
        is_void = (response.get("x_type") or "").lower() == "void"
        if code == AUTHORIZE_APPROVED and is_void and self._is_refund():
            self.provider_reference = response.get("x_trans_id")
            self._set_done()
        elif code == AUTHORIZE_DECLINED:
            self.provider_reference = response.get("x_trans_id")
            self._set_error(text or self.env._("The payment was declined."))
        elif code == AUTHORIZE_ERROR and first == AUTHORIZE_UNSUCCESSFUL:
            self._set_error(reason or first)
        elif code == AUTHORIZE_ERROR and text:
            self._set_error(text)
            self.request_state = "not_sent"
        elif code and code not in (AUTHORIZE_APPROVED, AUTHORIZE_ERROR, AUTHORIZE_HELD):
            self._refuse_state(code)
        else:
            return False
        return True

    def _read_authorize_amount(self, payment_data, amount_data):
        """Read the amount that was captured: less than was authorized may be.

        https://developer.authorize.net/api/reference/#transaction-reporting-get-transaction-details

        :param dict payment_data: The payment data of the module.
        :param dict amount_data: The amount that the module reads.
        :return: The amount data.
        :rtype: dict or None
        """
        settled = payment_data["response"].get("settled_amount")
        if settled is None or not amount_data:
            return amount_data
        return {**amount_data, "amount": float(settled)}

    def _check_settled_at_authorize(self):
        """Refuse a partial refund that Authorize.Net would answer with a full void.

        :raise NotSentError: If the payment is not settled yet.
        """
        source = self.source_transaction_id
        if (
            self.provider_code != "authorize"
            or not self._is_refund()
            or not self.currency_id.compare_amounts(abs(self.amount), source.amount)
        ):
            return
        # The module is installed where a provider has its code.
        from odoo.addons.payment_authorize.models.authorize_request import (  # noqa: PLC0415
            AuthorizeAPI,
        )

        api = AuthorizeAPI(self.provider_id)
        details = api.get_transaction_details(source.provider_reference)
        status = details.get("transaction", {}).get("transactionStatus")
        if status in AUTHORIZE_UNSETTLED:
            raise NotSentError(
                self.env._(
                    "Authorize.Net settles this payment within a day. Until then it "
                    "can only be refunded in full."
                )
            )

    # === RAZORPAY === #

    def _read_razorpay_answer(self, payment_data):
        """Read that an authorization was given back, as nobody captured it in time.

        Razorpay makes a refund, which the module takes for one of money that came. Only
        the payment says so: https://razorpay.com/docs/payments/refunds/auto-refunds

        :param dict payment_data: The payment data of the module.
        :return: Whether the outcome was set.
        :rtype: bool
        """
        root = self._get_root()
        is_refund = payment_data.get("entity_type") == "refund"
        payment = payment_data
        if is_refund and root.state != "done":
            payment = self.provider_id._send_api_request(
                "GET", f"payments/{payment_data['payment_id']}"
            )
        is_captured = self.provider_id._is_razorpay_captured
        if payment.get("status") != "refunded" or is_captured(payment):
            return self._read_state(payment_data)
        if is_refund:
            self.provider_reference = payment_data["id"]
            root.with_context(amount_compared=None, answer_applied=None)._process(
                self.provider_code, {**payment, "entity_type": "payment"}
            )
        self._set_canceled(
            state_message=self.env._(
                "Nobody captured the authorization in time, and Razorpay gave it back. "
                "No money came."
            ),
            extra_allowed_states=("error",),
        )
        return True

    # === WORLDLINE === #

    def _read_worldline_answer(self, payment_data):
        """Read an authorization that was only requested: the module calls it an error.

        It calls the notification of a refund an error of the payment, too.

        :param dict payment_data: The payment data of the module.
        :return: Whether the outcome was set.
        :rtype: bool
        """
        if payment_data.get("refund"):
            return True
        payment = payment_data.get("paymentResult", payment_data).get("payment", {})
        is_token = self.operation in ("online_token", "offline")
        if payment.get("status") != "AUTHORIZATION_REQUESTED" or not is_token:
            return self._read_state(payment_data)
        self.provider_reference = payment.get("id", "").rsplit("_", 1)[0]
        self._set_pending()
        return True

    def _read_worldline_amount(self, payment_data, amount_data):
        """Compare no amount where a notification is about a refund of the payment.

        :param dict payment_data: The payment data of the module.
        :param dict amount_data: The amount that the module reads.
        :return: The amount data.
        :rtype: dict or None
        """
        return None if payment_data.get("refund") else amount_data

    # === MERCADO PAGO === #

    def _read_mercado_pago_answer(self, payment_data):
        """Keep a chargeback from the module, which calls it an error of the payment.

        The money did come before, also where nobody said so in time:
        `_take_back_charged_back` follows.

        :param dict payment_data: The payment data of the module.
        :return: Whether the outcome is set, or left as it is.
        :rtype: bool
        """
        if payment_data.get("status") != "charged_back":
            return self._read_state(payment_data)
        if self.state != "done":
            self.provider_reference = payment_data.get("id")
            self._set_done(extra_allowed_states=("error",))
        return True

    # === STRIPE === #

    def _read_stripe_amount(self, payment_data, amount_data):
        """Read the amount that was received: less than the amount of the intent may be.

        :param dict payment_data: The payment data of the module.
        :param dict amount_data: The amount that the module reads.
        :return: The amount data.
        :rtype: dict
        """
        intent = payment_data.get("payment_intent") or {}
        received = intent.get("amount_received")
        is_succeeded = intent.get("status") == "succeeded" and not self._is_refund()
        if not is_succeeded or received is None or received == intent.get("amount"):
            return amount_data
        amount = amount_data["amount"] * received / intent["amount"]
        return {**amount_data, "amount": self.currency_id.round(amount)}
