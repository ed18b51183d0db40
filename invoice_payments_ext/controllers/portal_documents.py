from odoo.http import content_disposition

from odoo.addons.portal.controllers.portal import CustomerPortal


class PortalDocuments(CustomerPortal):
    """The names of the files that customers download.

    Odoo replaces all signs but letters and digits: `Receipt_INV_2026_00010_20_00_USD`.
    """

    def _get_http_headers(self, model, report_type, report, download):
        headers = super()._get_http_headers(model, report_type, report, download)
        name = self._get_document_name(model)
        if report_type == "pdf" and name:
            headers["Content-Disposition"] = content_disposition(
                name, disposition_type="attachment" if download else "inline"
            )
        return headers

    def _get_document_name(self, model):
        """Return the name of the file of a document; an empty text for Odoo's own.

        :rtype: str
        """
        if model._name == "account.move":
            is_legal = len(model) == 1 and model._is_legal_document()
            return model._get_invoice_report_filename() if is_legal else ""
        if model._name in ("account.credit.balance", "account.payment", "res.partner"):
            return f"{model._get_report_base_filename()}.pdf"
        return ""
