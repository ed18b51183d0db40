from lxml import etree, html

from odoo import models
from odoo.tools.pdf import merge_pdf

RECEIPT = "account.action_report_payment_receipt"


def join_pages(pages):
    """Return HTML documents as one, each on a new page.

    :param list[str] pages: The documents, of one layout.
    :rtype: str
    """
    first, *others = (html.document_fromstring(str(page)) for page in pages)
    for other in others:
        part = etree.SubElement(first.body, "div", style="page-break-before: always")
        part.extend(list(other.body))
    return html.tostring(first, encoding="unicode", doctype="<!DOCTYPE html>")


class AccountPayment(models.Model):
    """The receipts of many payments in one file."""

    _inherit = "account.payment"

    # === BUSINESS METHODS === #

    def _print_receipts(self):
        """Return the receipts of these payments as one PDF, each on a page of its own.

        The printing program takes seconds for a document, and not every version of it
        takes several: the receipts of a company are one document for it.

        Called in superuser mode on payments that the customer may see.

        :rtype: bytes
        """
        files = []
        for company, payments in self.grouped("company_id").items():
            reports = self.env["ir.actions.report"].with_company(company)
            reports = reports.with_context(debug=False)
            report = reports._get_report(RECEIPT)
            content = reports._render_qweb_html(
                RECEIPT, payments.ids, data={"report_type": "pdf", "debug": False}
            )[0]
            bodies, _ids, header, footer, arguments = report._prepare_html(
                content, report_model=report.model
            )
            files.append(
                reports._run_wkhtmltopdf(
                    [join_pages(bodies)],
                    report_ref=RECEIPT,
                    header=header,
                    footer=footer,
                    specific_paperformat_args=arguments,
                )
            )
        return merge_pdf(files)
