import json
from urllib.parse import parse_qs, urlsplit

from odoo import http
from odoo.http import content_disposition, request

from odoo.addons.web.controllers.report import ReportController

# The reports whose dialogs give them data, with the key that holds their records.
STATEMENTS = {
    "invoice_payments_ext.report_customer_statement": "partner_ids",
    "invoice_payments_ext.report_credit_statement": "balance_ids",
}


class StatementFiles(ReportController):
    """The names of the statements that the staff downloads.

    Odoo names a report that a dialog gave data to by its title only.
    """

    @http.route()
    def report_download(self, data, context=None, token=None, readonly=True):
        response = super().report_download(data, context, token, readonly)
        # Odoo answers nothing, and names no file, for kinds that it does not know.
        if "Content-Disposition" in response.headers:
            if name := self._get_statement_name(data):
                response.headers["Content-Disposition"] = content_disposition(
                    f"{name}.pdf"
                )
        return response

    def _get_statement_name(self, data):
        """Return the name of the file of a statement; empty for other reports.

        :param str data: The address of the report and its kind, as JSON.
        :rtype: str
        """
        address = urlsplit(json.loads(data)[0])
        report_name = address.path.removeprefix("/report/pdf/")
        options = parse_qs(address.query).get("options")
        if report_name not in STATEMENTS or not options:
            return ""
        values = json.loads(options[0])
        ids = values.get(STATEMENTS[report_name]) or []
        if len(ids) != 1:
            return ""
        period = {
            f"statement_{name}": values[name]
            for name in ("company_id", "date_from", "date_to")
            if values.get(name)
        }
        report = request.env["ir.actions.report"]._get_report_from_name(report_name)
        record = request.env[report.model].with_context(**period).browse(ids)
        return record._get_report_base_filename()
