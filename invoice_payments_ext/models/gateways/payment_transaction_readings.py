from odoo import models

from ..attempts.gateway_answer import NotSentError

# Sources: Authorize.Net's API reference, "Transaction Response Codes" and "Refund a
# Transaction" (a payment can be refunded once it is settled, and voided before);
# Worldline's "Statuses"; Stripe's "PaymentIntent object".
AUTHORIZE_APPROVED = "1"
AUTHORIZE_DECLINED = "2"
AUTHORIZE_ERROR = "3"
AUTHORIZE_UNSUCCESSFUL = "The transaction was unsuccessful."  # Code E00027.
AUTHORIZE_UNSETTLED = ("authorizedPendingCapture", "capturedPendingSettlement")


class PaymentTransaction(models.Model):
    """Answers of gateways that Odoo's modules take for something else."""

    _inherit = "payment.transaction"

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
        else:
            return False
        return True

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
            return False
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

        The money did come before: `_take_back_charged_back` follows.

        :param dict payment_data: The payment data of the module.
        :return: Whether the outcome is left as it is.
        :rtype: bool
        """
        return self.state == "done" and payment_data.get("status") == "charged_back"

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
