from urllib.parse import urlsplit

from odoo import models

from odoo.addons.payment_authorize.models.authorize_request import AuthorizeAPI
from odoo.addons.payment_test_gateway.patience import set_patience

FAKED_CODES = {
    "adyen",
    "authorize",
    "flutterwave",
    "mercado_pago",
    "mollie",
    "razorpay",
    "stripe",
    "worldline",
    "xendit",
}
# Where nothing listens: no request of a test ever reaches a real API.
NOWHERE = "http://127.0.0.1:9"


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

    def _build_request_url(self, endpoint, **kwargs):
        """Override of `payment` to send the request to the fake API."""
        return self._get_fake_url(super()._build_request_url(endpoint, **kwargs))

    def _get_adyen_report_url(self, name):
        """Override of `invoice_payments_ext` to read the report of the fake."""
        return self._get_fake_url(super()._get_adyen_report_url(name))

    def _get_fake_url(self, url):
        """Return the address of the fake API that stands for one of the real API.

        :param str url: The address as the provider's module has it.
        :return: The fake's address, with the provider's code before the path.
        :rtype: str
        """
        if self.code not in FAKED_CODES:
            return url
        # In superuser mode: system parameters are readable by administrators only.
        parameters_sudo = self.env["ir.config_parameter"].sudo()
        address = parameters_sudo.get_param("payment_fake_apis.url", NOWHERE)
        set_patience(self.env, "payment_fake_apis.timeout")
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return f"{address}/{self.code}{parts.path}{query}"


# Authorize.Net's module has a class of its own for its requests, which is no model.
_initialise = AuthorizeAPI.__init__


def _initialise_redirected(self, provider):
    _initialise(self, provider)
    self.url = provider._get_fake_url(self.url)


AuthorizeAPI.__init__ = _initialise_redirected
