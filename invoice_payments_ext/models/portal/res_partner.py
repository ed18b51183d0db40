from odoo import api, models


class ResPartner(models.Model):
    """The names of a customer's pages."""

    _inherit = "res.partner"

    # === GETTERS === #

    @api.model
    def _get_portal_page_title(self, page_name, invoice=None):
        """Return the title of a page of the portal that is about invoices or payments.

        :param str page_name: The name by which its controller calls it.
        :param account.move invoice: The invoice that it shows; none if it is a list.
        :return: An empty text for another page.
        :rtype: str
        """
        if page_name == "invoice" and invoice:
            # In superuser mode: the page shows the invoice already.
            return invoice.sudo().name or self.env._("Draft invoice")
        return {
            "home": self.env._("My account"),
            "invoice": self.env._("Invoices"),
            "my_payments": self.env._("Payments & Refunds"),
            "credit": self.env._("My credit"),
        }.get(page_name, "")
