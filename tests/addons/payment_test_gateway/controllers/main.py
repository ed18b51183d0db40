import logging

from odoo import http
from odoo.exceptions import ValidationError
from odoo.http import request

from odoo.addons.payment import utils as payment_utils

_logger = logging.getLogger(__name__)


class TestGatewayController(http.Controller):
    _webhook_url = "/payment/test_gateway/webhook"

    @http.route(_webhook_url, type="http", methods=["POST"], auth="public", csrf=False)
    def test_gateway_webhook(self):
        """Process the notifications that the gateway sends.

        Acknowledge also a notification that cannot be processed, as real providers'
        webhooks do: otherwise it is sent again for ever. There is no signature: the
        gateway is a process of the tests on the same machine.
        """
        event = request.get_json_data()
        data = event["data"]
        _logger.info("Webhook: %s, %s", event["type"], data["reference"] or data["id"])
        # In superuser mode, because a gateway is not a user.
        tx_sudo = request.env["payment.transaction"].sudo()
        try:
            if event["type"] == "charge.refunded":
                self._import_refunds(tx_sudo, data)
            else:
                tx_sudo._process("test_gateway", data)
        except ValidationError:
            _logger.exception("Unable to process the payment data")
        return request.make_json_response("")

    @staticmethod
    def _import_refunds(tx_sudo, charge):
        """Create and process the refunds of a charge that are not known.

        The controller of payment_stripe does the same. The notification does not
        contain our references, so only refunds with an answer are known.
        """
        source_sudo = tx_sudo._search_by_reference("test_gateway", charge)
        known = source_sudo.child_transaction_ids.filtered(
            lambda tx: tx.operation == "refund"
        ).mapped("provider_reference")
        for refund in charge["refunds"]:
            if refund["id"] not in known:
                amount = payment_utils.to_major_currency_units(
                    refund["amount"], source_sudo.currency_id
                )
                source_sudo._create_child_transaction(amount, is_refund=True)._process(
                    "test_gateway", refund
                )
