import importlib
import logging

from odoo import api, models

from . import messages

_logger = logging.getLogger(__name__)

# The addresses to which modules of Odoo let their providers send messages, and the
# method that reads them.
READERS = {
    "/payment/stripe/webhook": "_read_stripe_message",
    "/payment/adyen/notification": "_read_adyen_message",
    "/payment/mollie/webhook": "_read_mollie_message",
    "/payment/razorpay/webhook": "_read_razorpay_message",
}


class PaymentProvider(models.Model):
    """The messages of providers that Odoo has modules for, which drop these.

    No module is needed: its method is looked up when a message for it comes.
    """

    _inherit = "payment.provider"

    # === BUSINESS METHODS === #

    @api.model
    def _read_taken_back_request(self, request):
        """Read a request to a provider's address on money taken back.

        :param odoo.http.Request request: The request.
        :return: The answer, if nothing of it is left for the module; else None.
        :rtype: str or None
        """
        name = READERS.get(request.httprequest.path)
        return getattr(self, name)(request) if name else None

    @api.model
    def _read_stripe_message(self, request):
        data = messages.read_stripe(request.get_json_data())
        tx = data and self._find_message_transaction("stripe", data)
        if not tx:
            return
        # Without a secret, the module takes any message for true.
        utils = importlib.import_module("odoo.addons.payment_stripe.utils")
        if not utils.get_webhook_secret(tx.provider_id):
            _logger.warning("A dispute of Stripe is not read: no webhook secret is set")
            return
        self._get_controller("stripe", "StripeController")()._verify_signature(tx)
        tx._process_taken_back_message(data)

    @api.model
    def _read_adyen_message(self, request):
        """Read the items; those that the module does not know are kept from it.

        It would take each of them for a refund, and reserve all of the payment.
        """
        notification = request.get_json_data()
        items = notification["notificationItems"]
        known = []
        for item in items:
            content = item["NotificationRequestItem"]
            if content.get("eventCode", "AUTHORISATION") in messages.ADYEN_OF_ODOO:
                known.append(item)
            else:
                self._read_adyen_item(content, notification.get("live"))
        if len(known) == len(items):
            return None
        if not known:
            return "[accepted]"
        rest = {**notification, "notificationItems": known}
        request.get_json_data = lambda: rest
        return None

    @api.model
    def _read_adyen_item(self, item, live):
        """Read an item of Adyen that the module does not know."""
        data = messages.read_adyen(item, live)
        verify = self._get_controller("adyen", "AdyenController")._verify_signature
        if item.get("eventCode") in messages.ADYEN_FAILED_REFUNDS:
            refund = self._find_message_transaction(
                "adyen", {"payment_references": [item.get("pspReference")]}, "="
            )
            if refund:
                verify(item, refund)
                refund._set_error(
                    item.get("reason") or self.env._("The refund came back."),
                    extra_allowed_states=("done",),
                )
        elif data and (tx := self._find_message_transaction("adyen", data)):
            verify(item, tx)
            tx._process_taken_back_message(data)

    @api.model
    def _read_razorpay_message(self, request):
        data = messages.read_razorpay(request.get_json_data())
        tx = data and self._find_message_transaction("razorpay", data)
        if not tx:
            return
        self._get_controller("razorpay", "RazorpayController")._verify_signature(
            request.httprequest.data,
            request.httprequest.headers.get("X-Razorpay-Signature"),
            tx,
            is_redirect=False,
        )
        tx._process_taken_back_message(data)

    @api.model
    def _read_mollie_message(self, request):
        """Ask Mollie for the chargebacks of a payment that its message names.

        The message is an id, or an event of Mollie's newer webhooks, of which the
        module knows nothing. It is never believed, so that no signature is needed. If
        Mollie cannot be asked, the error lets it send the message again.
        """
        payment_id = request.get_http_params().get("id")
        is_event = not payment_id and request.httprequest.is_json
        if is_event:
            payment_id = messages.read_mollie_event(request.get_json_data())
        answer = "" if is_event else None
        references = {"payment_references": [payment_id]}
        tx = payment_id and self._find_message_transaction("mollie", references)
        if not tx:
            return answer
        payment = tx.provider_id._send_api_request(
            "GET", f"/payments/{payment_id}", params={"embed": "chargebacks"}
        )
        chargebacks = messages.read_mollie(payment)
        if chargebacks and tx.state != "done":
            tx._process("mollie", payment)  # That it was paid was never heard.
        for data in chargebacks:
            tx._process_taken_back_message(data)
        return answer

    # === GETTERS === #

    @api.model
    def _find_message_transaction(self, code, data, refund_operator="!="):
        """Return the transaction that a message of a provider is about.

        :param str code: The code of the provider.
        :param dict data: With the provider's ids of the payment, the best one first.
        :param str refund_operator: `=` for a refund.
        :rtype: payment.transaction
        """
        transactions = self.env["payment.transaction"].sudo()
        for reference in filter(None, data["payment_references"]):
            if tx := transactions.search(
                [
                    ("provider_reference", "=", reference),
                    ("provider_code", "=", code),
                    ("operation", refund_operator, "refund"),
                ],
                order="id",
                limit=1,
            ):
                return tx
        _logger.warning("A message of %s is about an unknown payment", code)
        return transactions

    @api.model
    def _get_controller(self, code, name):
        """Return the controller of a provider's module, which has its address.

        :rtype: type
        """
        path = f"odoo.addons.payment_{code}.controllers.main"
        return getattr(importlib.import_module(path), name)
