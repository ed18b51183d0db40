from odoo import models


class ResPartner(models.Model):
    """The customers whose saved method is needed."""

    _inherit = "res.partner"

    # === GETTERS === #

    def _get_open_invoices(self, company):
        """Return the open invoices of these contacts, the oldest due first.

        :param res.company company: The company, with its branches.
        :rtype: account.move
        """
        return self.env["account.move"].search(
            [
                ("partner_id", "in", self.ids),
                ("company_id", "child_of", company.id),
                ("move_type", "=", "out_invoice"),
                ("state", "=", "posted"),
                ("payment_state", "in", ("not_paid", "partial")),
            ],
            order="invoice_date_due, id",
        )

    def _filter_to_be_charged(self, company):
        """Return those of these contacts that permit a company automatic charges.

        :param res.company company: The company.
        :rtype: res.partner
        """
        permissions = self.env["account.auto.pay"]._get_permissions(self, company)
        return self.filtered(
            lambda contact: permissions[contact.commercial_partner_id.sudo()].is_on
        )
