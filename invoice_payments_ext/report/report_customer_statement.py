import base64

from odoo import api, models

from ..models.credit.account_credit_balance_statement import MAX_PRINTED_LINES


class ReportCustomerStatement(models.AbstractModel):
    """The values of printed statements of account.

    The company and the period come with the data of the dialog or, where there is none
    (an e-mail, the portal), with the context.
    """

    _name = "report.invoice_payments_ext.report_customer_statement"
    _description = "Statement of Account"

    @api.model
    def _get_report_values(self, docids, data=None):
        data = data or {}
        partners = self.env["res.partner"].browse(
            docids or data.get("partner_ids") or []
        )
        context = {
            f"statement_{name}": data[name]
            for name in ("company_id", "date_from", "date_to")
            if data.get(name)
        }
        owners = partners.with_context(**context).commercial_partner_id
        company, date_from, date_to = owners._get_statement_context()
        owners._check_statement_access(company)
        statements = {}
        for lang, group in owners.grouped(
            lambda owner: owner._get_statement_language(company)
        ).items():
            statements |= group.with_context(lang=lang)._get_customer_statements(
                company, date_from, date_to, max_lines=MAX_PRINTED_LINES
            )
        return {
            "doc_ids": owners.ids,
            "doc_model": owners._name,
            "docs": owners,
            "company": company,
            "statements": statements,
            "currencies": self.env["res.currency"].browse,
            "credit": self._get_credit(owners, company),
            "links": {
                owner.id: self._prepare_link(owner, company)
                for owner in owners
                if any(
                    block["open_amount"] > 0 for block in statements[owner.id]["blocks"]
                )
            },
        }

    @api.model
    def _get_credit(self, owners, company):
        """Return the credit that is held for customers now, by customer.

        :rtype: dict[int, account.credit.balance]
        """
        balances_sudo = (
            self.env["account.credit.balance"]
            .sudo()
            .search(
                [
                    ("partner_id", "in", owners.ids),
                    ("company_id", "=", company.id),
                    ("amount", ">", 0),
                ]
            )
        )
        return {
            partner.id: balances
            for partner, balances in balances_sudo.grouped("partner_id").items()
        }

    @api.model
    def _prepare_link(self, owner, company):
        """Return the link by which a customer pays, and its picture for a telephone.

        :rtype: dict[str, str]
        """
        url = owner._get_statement_pay_url(company)
        picture = self.env["ir.actions.report"].barcode(
            "QR", url, width=300, height=300, quiet=0
        )
        return {
            "url": url,
            "picture": f"data:image/png;base64,{base64.b64encode(picture).decode()}",
        }
