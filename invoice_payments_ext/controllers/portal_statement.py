from odoo.exceptions import UserError
from odoo.http import content_disposition, request, route

from odoo.addons.portal.controllers.portal import CustomerPortal

from ..models.credit.account_credit_balance_statement import MAX_PRINTED_LINES


class PortalStatement(CustomerPortal):
    """The statement of account of the customer who is logged in.

    Customers may not read journal items. Those of their own company are looked up here
    in superuser mode.
    """

    # === HOME === #

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "statement_count" in counters:
            values["statement_count"] = len(self._get_statement_companies())
        return values

    # === PAGES === #

    @route("/my/statement", type="http", auth="user", website=True)
    def portal_my_statement(self, company_id=None, **kwargs):
        """Show the statement of a period, and all open items."""
        values = self._prepare_statement_values(company_id, **kwargs)
        return request.render("invoice_payments_ext.portal_my_statement", values)

    @route("/my/statement/pdf", type="http", auth="user", website=True)
    def portal_my_statement_pdf(self, company_id=None, **kwargs):
        """Give the customer the statement as PDF."""
        values = self._prepare_statement_values(company_id, **kwargs)
        if not values["statement"]:
            return request.render("invoice_payments_ext.portal_my_statement", values)
        partner_sudo = self._in_statement_context(values)
        return self._show_report(
            partner_sudo,
            "pdf",
            "invoice_payments_ext.action_report_customer_statement",
            download=True,
        )

    @route("/my/statement/csv", type="http", auth="user", website=True)
    def portal_my_statement_csv(self, company_id=None, **kwargs):
        """Give the customer the statement as a table."""
        values = self._prepare_statement_values(company_id, **kwargs)
        if not values["statement"]:
            return request.render("invoice_payments_ext.portal_my_statement", values)
        partner_sudo = self._in_statement_context(values)
        name = f"{partner_sudo._get_report_base_filename()}.csv"
        return request.make_response(
            partner_sudo._export_statement(values["statement"]),
            headers=[
                ("Content-Type", "text/csv; charset=utf-8"),
                ("Content-Disposition", content_disposition(name)),
            ],
        )

    @route("/my/statement/pay", type="http", auth="public", website=True)
    def portal_statement_pay(self, token="", **kwargs):
        """Show the open invoices to whoever has the link of a statement."""
        partner_sudo, company_sudo = (
            request.env["res.partner"].sudo()._read_statement_token(token)
        )
        if not (partner_sudo and company_sudo):
            return request.redirect("/my/statement")
        invoices_sudo = partner_sudo._get_statement_invoices(company_sudo)
        if len(invoices_sudo) == 1:
            return request.redirect(invoices_sudo._get_payment_form_url(), local=False)
        return request.render(
            "invoice_payments_ext.portal_statement_pay",
            {
                "rows": [
                    invoice._prepare_statement_link() for invoice in invoices_sudo
                ],
                "company": company_sudo,
            },
        )

    # === VALUES === #

    def _get_statement_partner(self):
        """Return the customer that the user belongs to, in superuser mode.

        :rtype: res.partner
        """
        return request.env.user.partner_id.sudo().commercial_partner_id

    def _get_statement_companies(self):
        """Return the companies that have an account of the customer.

        :rtype: res.company
        """
        partner_sudo = self._get_statement_partner()
        companies = request.env.companies.sudo()
        roots = companies.filtered(lambda each: each.parent_id not in companies)
        lines_sudo = request.env["account.move.line"].sudo()
        return roots.filtered(
            lambda company: lines_sudo.search_count(
                [
                    ("partner_id.commercial_partner_id", "=", partner_sudo.id),
                    ("company_id", "child_of", company.id),
                    ("parent_state", "=", "posted"),
                    ("account_id.account_type", "=", "asset_receivable"),
                ],
                limit=1,
            )
        )

    def _prepare_statement_values(
        self, company_id, date_from=None, date_to=None, **_kw
    ):
        """Return the values of the page; without a statement, with the reason."""
        partner_sudo = self._get_statement_partner()
        companies = self._get_statement_companies()
        chosen = companies.filtered(lambda each: str(each.id) == str(company_id))
        company = chosen or companies[:1]
        values = {
            **self._prepare_portal_layout_values(),
            "page_name": "statement",
            "statement_partner": partner_sudo,
            "statement_companies": companies,
            "statement_company": company,
            "statement": None,
            "statement_error": "",
            "currencies": request.env["res.currency"].sudo().browse,
            "pay_urls": {},
            "processing": {},
        }
        if not company:
            return values
        try:
            days = partner_sudo._get_statement_period(company, date_from, date_to)
            statements = partner_sudo._get_customer_statements(
                company, *days, max_lines=MAX_PRINTED_LINES
            )
        except UserError as error:
            values["statement_error"] = str(error)
            # What was typed stays, to be put right.
            first, last = partner_sudo._get_statement_period(company)
            days = date_from or first, date_to or last
        else:
            values["statement"] = statements[partner_sudo.id]
            values["pay_urls"] = {
                invoice.id: invoice._get_payment_form_url()
                for invoice in partner_sudo._get_statement_invoices(company)
            }
            values["processing"] = self._get_statement_processing(company)
        values["date_from"], values["date_to"] = days
        return values

    def _get_statement_processing(self, company):
        """Return the money on its way for what is open now, by currency.

        The page *What you owe* calls nothing overdue for which it comes.

        :rtype: dict[int, float]
        """
        owed = request.env["account.move"]._get_owed(request.env.user.partner_id)
        books = company._get_statement_books()
        amounts = {}
        for (each, currency), values in owed.items():
            if each in books:
                before = amounts.get(currency.id, 0.0)
                amounts[currency.id] = currency.round(before + values["in_flight"])
        return amounts

    def _in_statement_context(self, values):
        """Return the customer in the context of a statement, in superuser mode.

        :rtype: res.partner
        """
        context = {
            "statement_company_id": values["statement_company"].id,
            "statement_date_from": values["date_from"],
            "statement_date_to": values["date_to"],
        }
        request.update_context(**context)
        return values["statement_partner"].with_context(**context)
