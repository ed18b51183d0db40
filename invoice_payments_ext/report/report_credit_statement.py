from odoo import api, models

from ..models.credit.account_credit_balance_statement import MAX_PRINTED_LINES


class ReportCreditStatement(models.AbstractModel):
    """The values of the printed statement of a credit balance.

    The period comes with the data of the dialog or, where there is none (an e-mail, the
    portal), with the context; otherwise it is the one that is proposed.
    """

    _name = "report.invoice_payments_ext.report_credit_statement"
    _description = "Credit Statement"

    @api.model
    def _get_report_values(self, docids, data=None):
        data = data or {}
        balances = self.env["account.credit.balance"].browse(
            docids or data.get("balance_ids") or []
        )
        balances.check_access("read")
        period = {
            name: data.get(name) or self.env.context.get(f"statement_{name}")
            for name in ("date_from", "date_to")
        }
        return {
            "doc_ids": balances.ids,
            "doc_model": balances._name,
            "docs": balances,
            "statements": {
                balance.id: balance._get_statement(
                    **period, max_lines=MAX_PRINTED_LINES
                )
                for balance in balances
            },
        }
