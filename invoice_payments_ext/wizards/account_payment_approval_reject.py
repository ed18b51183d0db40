from odoo import fields, models

from ..tools import prepare_notification


class AccountPaymentApprovalReject(models.TransientModel):
    """The dialog that asks why a request is rejected."""

    _name = "account.payment.approval.reject"
    _inherit = "payment.dialog.mixin"
    _description = "Reject Payment Approval"

    approval_id = fields.Many2one(
        string="Request",
        comodel_name="account.payment.approval",
        required=True,
        readonly=True,
    )
    reason = fields.Text(required=True, help="The requester reads it.")

    def action_reject(self):
        """Reject the request and tell that it was done.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        request = self.approval_id
        request.reject(self.reason, idempotency_key=self.idempotency_key)
        return prepare_notification(
            self.env._("Rejected"),
            self.env._("%s was rejected.", request.display_name),
            "info",
        )
