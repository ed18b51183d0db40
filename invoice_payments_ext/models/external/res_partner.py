from odoo import models
from odoo.exceptions import UserError


class ResPartner(models.Model):
    """One payment of a customer for several invoices."""

    _inherit = "res.partner"

    # === ACTION METHODS === #

    def action_record_payment(self):
        """Return the dialog that records a payment for the open invoices of these.

        They are those of the user's company, in the currency of the one that was due
        first.

        :rtype: dict
        :raise UserError: If nothing is to be paid.
        """
        self.ensure_one()
        invoices = self.env["account.move"].search(
            [
                ("commercial_partner_id", "=", self.commercial_partner_id.id),
                ("company_id", "=", self.env.company.id),
                ("move_type", "=", "out_invoice"),
                ("state", "=", "posted"),
                ("payment_state", "in", ("not_paid", "partial", "in_payment")),
                ("amount_residual", ">", 0),
            ],
            order="invoice_date_due, id",
        )
        if not invoices:
            raise UserError(
                self.env._("%s has no invoice to be paid.", self.display_name)
            )
        first = invoices[0]
        invoices = invoices.filtered(
            lambda invoice: (
                invoice.currency_id == first.currency_id
                and invoice._get_receivable_account() == first._get_receivable_account()
            )
        )
        if len(invoices) == 1:
            return invoices.action_create_payment()
        return invoices.action_record_joint_payment()
