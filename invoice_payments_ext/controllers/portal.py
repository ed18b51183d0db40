from odoo import fields
from odoo.exceptions import AccessError, MissingError
from odoo.http import request, route

from odoo.addons.account.controllers.portal import PortalAccount


class PortalPayments(PortalAccount):
    def _invoice_get_page_view_values(self, invoice, access_token, **kwargs):
        values = super()._invoice_get_page_view_values(invoice, access_token, **kwargs)
        values["payment_receipts"] = [
            {
                "url": invoice.get_portal_url(
                    suffix=f"/payments/{row['payment_id']}/receipt"
                ),
                "amount": row["amount"],
                "currency": request.env["res.currency"]
                .sudo()
                .browse(row["currency_id"]),
                "date": fields.Date.to_date(row["date"]),
            }
            for row in self._get_rows_with_receipt(invoice)
        ]
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
        rows = self._get_rows_with_receipt(invoice)
        if payment_id not in [row["payment_id"] for row in rows]:
            return request.redirect(invoice.get_portal_url())
        return self._show_report(
            request.env["account.payment"].sudo().browse(payment_id),
            "pdf",
            "account.action_report_payment_receipt",
            download=True,
        )

    def _get_rows_with_receipt(self, invoice):
        """Return the rows of payments that a customer may have the receipt of."""
        if invoice.state != "posted" or not invoice.is_sale_document():
            return []
        return [
            row
            # In superuser mode: the route checked that the customer may see the
            # invoice.
            for row in invoice.sudo().get_payment_rows()
            if row["payment_id"] and row["state"] == "succeeded"
        ]
