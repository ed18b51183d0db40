from odoo.exceptions import UserError
from odoo.http import request, route

from odoo.addons.portal.controllers.portal import CustomerPortal
from odoo.addons.portal.controllers.portal import pager as portal_pager


class PortalCredit(CustomerPortal):
    """The page My credit: the balances of the customer who is logged in.

    Customers have no right to read credit balances, whose history holds notes of the
    staff. Their balances are looked up here in superuser mode.
    """

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "credit_count" in counters:
            values["credit_count"] = len(self._get_credit_balances())
        return values

    @route(
        [
            "/my/credit",
            "/my/credit/page/<int:page>",
            "/my/credit/<int:balance_id>",
            "/my/credit/<int:balance_id>/page/<int:page>",
        ],
        type="http",
        auth="user",
        website=True,
    )
    def portal_my_credit(self, balance_id=None, page=1, **kwargs):
        """Show the customer's credit balances and the history of one of them."""
        balances_sudo = self._get_credit_balances()
        balance_sudo = self._choose_credit_balance(balances_sudo, balance_id)
        if balance_id is not None and not balance_sudo:
            return request.redirect("/my/credit")
        return request.render(
            "invoice_payments_ext.portal_my_credit",
            self._credit_get_page_view_values(balances_sudo, balance_sudo, page),
        )

    @route(
        "/my/credit/<int:balance_id>/statement",
        type="http",
        auth="user",
        website=True,
    )
    def portal_credit_statement(
        self, balance_id, date_from=None, date_to=None, **kwargs
    ):
        """Give the customer the statement of a credit balance for a period."""
        balances_sudo = self._get_credit_balances()
        balance_sudo = self._choose_credit_balance(balances_sudo, balance_id)
        if not balance_sudo:
            return request.redirect("/my/credit")
        typed = {"statement_date_from": date_from, "statement_date_to": date_to}
        try:
            date_from, date_to = balance_sudo._get_statement_period(date_from, date_to)
            period = {"statement_date_from": date_from, "statement_date_to": date_to}
            request.update_context(**period)
            return self._show_report(
                balance_sudo.with_context(**period),
                "pdf",
                "invoice_payments_ext.action_report_credit_statement",
                download=True,
            )
        except UserError as error:
            values = self._credit_get_page_view_values(balances_sudo, balance_sudo)
            values.update(typed, statement_error=str(error))
            return request.render("invoice_payments_ext.portal_my_credit", values)

    def _get_credit_balances(self):
        """Return the balances of the customer who is logged in, in superuser mode.

        As with invoices, all contacts of a company see them, for the companies of this
        database that they belong to. Those that a merge of contacts emptied are part
        of others. The credit that stayed with a contact that got a parent is seen by
        that contact.

        :return: Those in the currency of their company come first.
        :rtype: account.credit.balance
        """
        partner = request.env.user.partner_id
        balances_sudo = (
            request.env["account.credit.balance"]
            .sudo()
            .search(
                [
                    ("partner_id", "in", (partner | partner.commercial_partner_id).ids),
                    ("company_id", "in", request.env.companies.ids),
                    ("merged_into_id", "=", False),
                ]
            )
        )
        return balances_sudo.sorted(
            lambda balance: balance.currency_id != balance.company_id.currency_id
        )

    def _choose_credit_balance(self, balances_sudo, balance_id=None):
        """Return the balance of this id if it is among them; any if none is asked for.

        :rtype: account.credit.balance
        """
        if balance_id is not None:
            return balances_sudo.filtered(lambda balance: balance.id == balance_id)
        return balances_sudo.filtered("amount")[:1] or balances_sudo[:1]

    def _credit_get_page_view_values(self, balances_sudo, balance_sudo, page=1):
        values = {
            **self._prepare_portal_layout_values(),
            "page_name": "credit",
            "credit_balances": balances_sudo,
            "credit_balance": balance_sudo,
        }
        if not balance_sudo:
            return values
        pager = portal_pager(
            url=f"/my/credit/{balance_sudo.id}",
            total=request.env["account.credit.balance.entry"]
            .sudo()
            .search_count([("balance_id", "=", balance_sudo.id)]),
            page=page,
            step=self._items_per_page,
        )
        date_from, date_to = balance_sudo._get_statement_period()
        return {
            **values,
            "pager": pager,
            "credit_history": balance_sudo._get_history(
                offset=pager["offset"], limit=self._items_per_page
            ),
            "statement_date_from": date_from,
            "statement_date_to": date_to,
        }
