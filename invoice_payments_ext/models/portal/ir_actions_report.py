from odoo import models


class IrActionsReport(models.Model):
    """An invoice that was paid, or a part of it, is no proforma for anybody."""

    _inherit = "ir.actions.report"

    def _get_rendering_context(self, report, docids, data):
        data = super()._get_rendering_context(report, docids, data)
        documents = data.get("docs")
        if (
            data.get("proforma")
            and report.model == "account.move"
            and documents
            and all(document._is_legal_document() for document in documents)
        ):
            data["proforma"] = False
        return data
