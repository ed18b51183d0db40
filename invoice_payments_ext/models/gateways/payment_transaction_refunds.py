from odoo import api, models

from odoo.addons.payment.utils import to_major_currency_units

# Gateways whose answers list refunds of a payment, by the code of the provider: the
# method that returns them, each with its id and its amount.
REFUND_LISTS = {
    "mercado_pago": "_list_mercado_pago_refunds",
    "worldline": "_list_worldline_refunds",
}


class PaymentTransaction(models.Model):
    """Refunds made in the provider's own pages, where the module sees none."""

    _inherit = "payment.transaction"

    # === READING === #

    def _import_listed_refunds(self, payment_data):
        """Create the refunds that a notification names and that are not known.

        :param dict payment_data: The payment data of the module.
        """
        name = REFUND_LISTS.get(self.provider_code)
        if not name or self.state != "done" or self._is_refund():
            return
        known = self._get_family().mapped("provider_reference")
        for reference, amount in getattr(self, name)(payment_data):
            if reference not in known:
                refund = self._create_child_transaction(
                    self.currency_id.round(amount),
                    is_refund=True,
                    provider_reference=reference,
                )
                refund._set_done()

    def _list_mercado_pago_refunds(self, payment_data):
        """Return the refunds of a payment, which the module takes for done, as before.

        Source: "Get payment" and "Get list of refunds" of the API reference.
        """
        return [
            (str(refund["id"]), refund["amount"])
            for refund in payment_data.get("refunds") or ()
            if refund.get("status", "approved") == "approved"
        ]

    def _list_worldline_refunds(self, payment_data):
        """Return the refund of a notification that is about nothing else.

        Source: "Webhooks" and "RefundResponse" of the API reference.
        """
        refund = payment_data.get("refund") or {}
        if refund.get("status") != "REFUNDED":
            return []
        money = refund["refundOutput"]["amountOfMoney"]
        amount = to_major_currency_units(money["amount"], self.currency_id)
        return [(refund["id"], amount)]

    # === ODOO'S OWN PROCESSING === #

    @api.model
    def _extract_reference(self, provider_code, payment_data):
        """Override of `payment` to find the payment of a refund at Worldline."""
        reference = super()._extract_reference(provider_code, payment_data)
        if reference or provider_code != "worldline":
            return reference
        output = (payment_data.get("refund") or {}).get("refundOutput") or {}
        return (output.get("references") or {}).get("merchantReference", "")
