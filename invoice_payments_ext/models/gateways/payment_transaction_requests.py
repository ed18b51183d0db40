from odoo import models


class PaymentTransaction(models.Model):
    """Values that Odoo's modules leave out of their requests."""

    _inherit = "payment.transaction"

    def _complete_mercado_pago_request(self, values):
        """Name our reference and the address for notifications, as for other payments.

        The module names neither when it charges a saved method: Mercado Pago could not
        be asked by the reference, and would tell nobody how a pending payment ended.

        :param dict values: The keyword arguments of the request.
        """
        if values.get("endpoint") == "/v1/payments" and values.get("json"):
            named = self._mercado_pago_prepare_base_request_payload()
            values["json"] = {**named, **values["json"]}
