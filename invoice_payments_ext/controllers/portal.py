from odoo.exceptions import AccessError, MissingError
from odoo.http import request, route

from odoo.addons.account.controllers.portal import PortalAccount


class PortalPayments(PortalAccount):
    @route(
        "/my/invoices/<int:invoice_id>/payments/<int:payment_id>/receipt",
        type="http",
        auth="public",
        readonly=True,
    )
    def portal_payment_receipt(self, invoice_id, payment_id, access_token=None):
        """Give a customer the receipt of a payment of an invoice that they may see."""
        try:
            invoice = self._document_check_access("account.move", invoice_id, access_token)
        except (AccessError, MissingError):
            return request.redirect("/my")
        receipts = {
            row["payment_id"]
            for row in invoice.sudo().get_payment_rows()
            if row["state"] == "succeeded"
        }
        if payment_id not in receipts:
            return request.redirect(invoice.get_portal_url())
        payment = request.env["account.payment"].sudo().browse(payment_id)
        return self._show_report(
            payment,
            "pdf",
            "account.action_report_payment_receipt",
            download=True,
        )
