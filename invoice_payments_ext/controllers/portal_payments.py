from odoo.exceptions import AccessError, MissingError
from odoo.http import request, route

from odoo.addons.account.controllers.portal import PortalAccount


class PortalPayments(PortalAccount):
    def _invoice_get_page_view_values(self, invoice, access_token, **kwargs):
        values = super()._invoice_get_page_view_values(invoice, access_token, **kwargs)
        # In superuser mode: the route checked that the customer may see the invoice. As
        # the visitor, because who only has the link is shown less.
        invoice_sudo = invoice.with_user(request.env.user).sudo()
        values["payment_section"] = invoice_sudo._get_portal_payment_section()
        return values

    @route(
        "/my/invoices/<int:invoice_id>/payments/<int:payment_id>/receipt",
        type="http",
        auth="public",
    )
    def portal_payment_receipt(
        self, invoice_id, payment_id, access_token=None, **kwargs
    ):
        """Give a customer the receipt of a payment of an invoice that they may see."""
        try:
            invoice = self._document_check_access(
                "account.move", invoice_id, access_token
            )
        except (AccessError, MissingError):
            return request.redirect("/my")
        # In superuser mode, as above.
        if payment_id not in invoice.sudo()._get_portal_receipt_payment_ids():
            return request.redirect(invoice.get_portal_url())
        return self._show_report(
            request.env["account.payment"].sudo().browse(payment_id),
            "pdf",
            "account.action_report_payment_receipt",
            download=True,
        )
