from odoo import models

# By the detail of a payment that is charged back. Source: Mercado Pago's API reference,
# "Payment status". A detail that is not known says only that the money left.
CHARGED_BACK_STATES = {"in_process": "open", "settled": "lost", "reimbursed": "won"}


class PaymentTransaction(models.Model):
    """Chargebacks at Mercado Pago, whose module calls them an error."""

    _inherit = "payment.transaction"

    def _take_back_charged_back(self, payment_data):
        """Record a chargeback that the payment data of Mercado Pago name.

        :param dict payment_data: The payment data of the module.
        """
        if (
            self.provider_code != "mercado_pago"
            or self.state != "done"
            or self._is_refund()
            or payment_data.get("status") != "charged_back"
        ):
            return
        detail = payment_data.get("status_detail")
        self.provider_id._process_reversal(
            {
                "transaction": self,
                "reference": f"{payment_data['id']} charged back",
                "kind": "dispute",
                "state": CHARGED_BACK_STATES.get(detail, "open"),
                "currency": payment_data.get("currency_id"),
            }
        )
