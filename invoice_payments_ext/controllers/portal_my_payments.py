from odoo.fields import Domain
from odoo.http import request, route

from odoo.addons.portal.controllers.portal import CustomerPortal
from odoo.addons.portal.controllers.portal import pager as portal_pager


class PortalMyPayments(CustomerPortal):
    """The payments and refunds of a customer, over all invoices."""

    # === HOME === #

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "my_payment_count" in counters:
            # As Odoo's own cards: whether there is any.
            values["my_payment_count"] = int(
                any(
                    records.search_count(
                        self._get_my_payments_domain(records, []), limit=1
                    )
                    for records in (self._get_my_payments(), self._get_my_attempts())
                )
            )
        return values

    # === LIST === #

    @route(
        ["/my/payments", "/my/payments/page/<int:page>"],
        type="http",
        auth="user",
        website=True,
    )
    def portal_my_payments(
        self, page=1, sortby=None, filterby=None, search=None, search_in=None, **kwargs
    ):
        """List the payments and refunds of the customer."""
        values = self._prepare_my_payments_values(
            page, sortby, filterby, search, search_in
        )
        return request.render("invoice_payments_ext.portal_my_payments", values)

    def _prepare_my_payments_values(self, page, sortby, filterby, search, search_in):
        """Return the values of the page of a customer's payments.

        Payments in flight come first, on the first page of all payments. They are few.

        :rtype: dict
        """
        sortings = self._get_my_payments_sortings()
        filters = self._get_my_payments_filters()
        inputs = self._get_my_payments_inputs()
        sortby = sortby if sortby in sortings else "date"
        filterby = filterby if filterby in filters else "all"
        search_in = search_in if search_in in inputs else "all"
        is_pending = filterby == "pending"
        records = self._get_my_attempts() if is_pending else self._get_my_payments()
        domain = self._get_my_payments_domain(
            records, filters[filterby]["domain"], search, search_in
        )
        pager = portal_pager(
            url="/my/payments",
            url_args={
                "sortby": sortby,
                "filterby": filterby,
                "search": search or "",
                "search_in": search_in,
            },
            total=records.search_count(domain),
            page=page,
            step=self._items_per_page,
        )
        order = "create_date DESC, id DESC" if is_pending else sortings[sortby]["order"]
        rows = records.search(
            domain, order=order, limit=self._items_per_page, offset=pager["offset"]
        )._prepare_portal_rows()
        if filterby == "all" and pager["page"]["num"] <= 1:
            rows = self._get_my_pending_rows(search, search_in) + rows
        return {
            **self._prepare_portal_layout_values(),
            "page_name": "my_payments",
            "default_url": "/my/payments",
            "payments": rows,
            "pager": pager,
            "searchbar_sortings": sortings,
            "sortby": sortby,
            "searchbar_filters": filters,
            "filterby": filterby,
            "searchbar_inputs": inputs,
            "search": search,
            "search_in": search_in,
        }

    def _get_my_pending_rows(self, search, search_in):
        """Return the payments in flight, newest first."""
        attempts = self._get_my_attempts()
        domain = self._get_my_payments_domain(attempts, [], search, search_in)
        return attempts.search(
            domain, order="create_date DESC, id DESC", limit=self._items_per_page
        )._prepare_portal_rows()

    def _get_my_payments(self):
        """Return the model of payments; the domains limit it to the customer's own."""
        return request.env["account.payment"].sudo().with_context(active_test=False)

    def _get_my_attempts(self):
        """Return the model of attempts; the domains limit it to the customer's own."""
        return request.env["payment.transaction"].sudo().with_context(active_test=False)

    def _get_my_payments_domain(self, records, domain, search="", search_in="all"):
        """Return the domain of the records that are asked for and may be seen."""
        domain = Domain(domain) & records._get_portal_domain()
        if search:
            domain &= records._get_portal_search_domain(search, search_in)
        return domain

    def _get_my_payments_sortings(self):
        """Return the orders in which the payments can be listed."""
        return {
            "date": {"label": request.env._("Newest"), "order": "date DESC, id DESC"},
            "oldest": {"label": request.env._("Oldest"), "order": "date, id"},
            "amount": {
                "label": request.env._("Amount"),
                "order": "amount DESC, id DESC",
            },
        }

    def _get_my_payments_filters(self):
        """Return the kinds of payments that can be listed separately."""
        return {
            "all": {"label": request.env._("All"), "domain": []},
            "payments": {
                "label": request.env._("Payments"),
                "domain": [("payment_type", "=", "inbound")],
            },
            "refunds": {
                "label": request.env._("Refunds"),
                "domain": [("payment_type", "=", "outbound")],
            },
            "pending": {"label": request.env._("Being processed"), "domain": []},
        }

    def _get_my_payments_inputs(self):
        """Return the fields that can be searched in."""
        return {
            "all": {"input": "all", "label": request.env._("Search in all")},
            "reference": {
                "input": "reference",
                "label": request.env._("Search in reference"),
            },
            "invoice": {
                "input": "invoice",
                "label": request.env._("Search in invoice"),
            },
        }

    # === RECEIPTS === #

    @route("/my/payments/<int:payment_id>/receipt", type="http", auth="user")
    def portal_my_payment_receipt(self, payment_id, **kwargs):
        """Give a customer the receipt of a payment or refund of their own."""
        payments = self._get_my_payments()
        payment = payments.search(
            payments._get_portal_domain()
            & Domain("id", "=", payment_id)
            & Domain("state", "!=", "rejected")
        )
        if not payment:
            return request.redirect("/my/payments")
        return self._show_report(
            payment, "pdf", "account.action_report_payment_receipt", download=True
        )
