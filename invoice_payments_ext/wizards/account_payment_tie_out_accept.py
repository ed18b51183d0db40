from odoo import fields, models


class AccountPaymentTieOutAccept(models.TransientModel):
    """Asks for the reason; the work is behind the tie-out's own method."""

    _name = "account.payment.tie.out.accept"
    _description = "Accept Findings of the Tie-out"

    page_id = fields.Many2one(
        comodel_name="account.payment.tie.out.page", required=True, ondelete="cascade"
    )
    reason = fields.Text(required=True)

    def action_accept(self):
        """Accept the findings of the page, and return the page of those that are left.

        :rtype: dict
        """
        self.ensure_one()
        self.env["account.payment.tie.out"].accept(
            self.reason, self.page_id.company_ids.ids
        )
        return self.page_id.action_check()
