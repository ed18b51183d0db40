from datetime import timedelta

from odoo import fields, models


class PaymentGatewayCheckStart(models.TransientModel):
    """The dialog that begins a tie-out with the providers for a period."""

    _name = "payment.gateway.check.start"
    _description = "Tie-out with Providers"

    date_from = fields.Datetime(
        string="From",
        required=True,
        default=lambda self: fields.Datetime.now() - timedelta(days=31),
    )
    date_to = fields.Datetime(
        string="To", required=True, default=lambda self: fields.Datetime.now()
    )

    def action_begin(self):
        """Begin the checks of the selected companies, and return their list.

        :rtype: dict
        """
        self.ensure_one()
        checks = self.env["payment.gateway.check"]
        checks.check_access("read")
        checks._begin(self.env.companies, self.date_from, self.date_to)
        return self.env["ir.actions.act_window"]._for_xml_id(
            "invoice_payments_ext.payment_gateway_check_action"
        )
