import logging

from odoo import http
from odoo.exceptions import ValidationError
from odoo.http import request

_logger = logging.getLogger(__name__)


class TestGatewayController(http.Controller):
    _webhook_url = "/payment/test_gateway/webhook"

    @http.route(_webhook_url, type="http", methods=["POST"], auth="public", csrf=False)
    def test_gateway_webhook(self):
        """Process what the gateway says without being asked.

        As real providers' webhooks do, acknowledge also what cannot be processed, so
        that it is not sent again for ever. There is no signature: the gateway is a
        process of the tests on the same machine.
        """
        data = request.get_json_data()["data"]
        _logger.info("Webhook: %s is %s", data["reference"], data["status"])
        # In superuser mode, because a gateway is no user.
        tx_sudo = request.env["payment.transaction"].sudo()
        try:
            tx_sudo._process("test_gateway", data)
        except ValidationError:
            _logger.exception("Unable to process the payment data")
        return request.make_json_response("")
