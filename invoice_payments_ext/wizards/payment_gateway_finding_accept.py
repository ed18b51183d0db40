from odoo import fields, models


class PaymentGatewayFindingAccept(models.TransientModel):
    """Asks for the reason; the work is behind the differences' own method."""

    _name = "payment.gateway.finding.accept"
    _description = "Accept Differences to a Provider"

    finding_ids = fields.Many2many(
        string="Differences", comodel_name="payment.gateway.finding", required=True
    )
    reason = fields.Text(required=True)

    def action_accept(self):
        """Accept the differences.

        :return: The action that closes the dialog.
        :rtype: dict
        """
        self.ensure_one()
        self.finding_ids.accept(self.reason)
        return {"type": "ir.actions.act_window_close"}
