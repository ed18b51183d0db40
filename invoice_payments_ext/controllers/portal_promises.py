from werkzeug.urls import url_encode

from odoo.exceptions import AccessError, MissingError, UserError
from odoo.http import request, route

from ..models.core.door_arguments import ARGUMENTS
from ..tools import LONGEST_TYPED, read_amount
from .portal_owe import PortalOwe

REFUSED = "invoice_payments_ext.promise_refused"


class PortalPromises(PortalOwe):
    """The promises to pay of members, on the pages of an invoice and of all owed."""

    @route(
        "/my/invoices/<int:invoice_id>/promise",
        type="http",
        methods=["POST"],
        auth="user",
        website=True,
    )
    def portal_promise(self, invoice_id, action="make", **kwargs):
        """Make, move or withdraw the promise of a member to pay an invoice.

        :param str action: `make`, `move` or `withdraw`.
        :param kwargs: The fields of the form: `amount`, `date`, `token_id` and
                       `consent`.
        """
        try:
            invoice = self._document_check_access("account.move", invoice_id)
        except (AccessError, MissingError):
            return request.redirect("/my")
        invoice = request.env["account.move"].browse(invoice.id)
        try:
            # All that was done before the refusal is undone.
            with request.env.cr.savepoint():
                self._change_promise(invoice, action, kwargs)
        except (UserError, AccessError) as error:
            self._keep_refused(error, kwargs)
        return request.redirect(invoice.get_portal_url(anchor="promise_to_pay"))

    @route("/my/owe/promise", type="http", methods=["POST"], auth="user", website=True)
    def portal_promise_owed(
        self, date=None, company_id=None, currency_id=None, **kwargs
    ):
        """Promise to pay the instalments that a member ticked among all that is owed.

        :param str date: The day by which they are paid.
        """
        chosen = request.httprequest.form.getlist("o_owed_line")
        try:
            with request.env.cr.savepoint():
                line_ids = self._read_owed_line_ids(
                    [self._cast_as_int(each) for each in chosen]
                )
                self._find_owed_invoices(line_ids)._promise_owed(line_ids, date)
        except (UserError, AccessError) as error:
            self._keep_refused(error, {"date": date}, chosen)
        query = url_encode({"company_id": company_id, "currency_id": currency_id})
        return request.redirect(f"/my/owe?{query}#promise_to_pay")

    @staticmethod
    def _keep_refused(error, values, line_ids=None):
        """Keep why a promise was refused, and what was typed, for the next page.

        :param Exception error: The refusal, in words for the member.
        :param dict values: The fields of the form.
        :param list[str] line_ids: The instalments that were ticked, among all owed.
        """
        typed = {
            name: str(values.get(name) or "")[:LONGEST_TYPED]
            for name in ("amount", "date", "token_id")
        }
        if line_ids is not None:
            typed["line_ids"] = [each[:LONGEST_TYPED] for each in line_ids]
        request.session[REFUSED] = {"words": error.args[0], "typed": typed}

    @staticmethod
    def _pop_refused():
        """Return the values of a page with the last refusal, which is said once.

        :return: `promise_refused`, in words, and `promise_typed`, empty without one.
        :rtype: dict
        """
        refused = request.session.pop(REFUSED, None) or {}
        return {
            "promise_refused": refused.get("words", ""),
            "promise_typed": refused.get("typed", {}),
        }

    def _prepare_owe_values(self, company_id, currency_id):
        values = super()._prepare_owe_values(company_id, currency_id)
        owed = values["owed"]
        refused = self._pop_refused()
        if "line_ids" in refused["promise_typed"]:
            for row in values["rows"]:
                is_ticked = str(row["line_id"]) in refused["promise_typed"]["line_ids"]
                row["is_chosen"] = is_ticked and not row["reason"]
        # In superuser mode, as the visitor: these are the visitor's own invoices.
        return {
            **values,
            "owe_promise": owed and owed["invoices"].sudo()._get_owe_promise_values(),
            **refused,
        }

    def _change_promise(self, invoice, action, values):
        """Do as the form says; the doors check it."""
        if action == "make":
            token_id = self._cast_as_int(values.get("token_id"))
            invoice.promise_to_pay(
                amount=self._read_promised_amount(invoice, values.get("amount")),
                date=values.get("date"),
                channel="portal",
                token_id=token_id or None,
                consent=values.get("consent") if token_id else None,
            )
            return
        promise = invoice.sudo().payment_promise_id.with_user(request.env.user)
        if action == "move":
            promise.reschedule(values.get("date"))
        elif action == "withdraw":
            promise.withdraw()

    @staticmethod
    def _read_promised_amount(invoice, text):
        """Return the amount that a member promises.

        :raise UserError: If it is none. The door would take an empty one for all that
                          remains, which the member did not say.
        """
        amount = read_amount(invoice.currency_id, text, ARGUMENTS["amount"].label)
        if amount is None:
            raise UserError(request.env._("Enter the amount that you promise to pay."))
        return amount

    def _invoice_get_page_view_values(self, invoice, access_token, **kwargs):
        values = super()._invoice_get_page_view_values(invoice, access_token, **kwargs)
        # In superuser mode, as the visitor: the route checked the access.
        invoice_sudo = invoice.with_user(request.env.user).sudo()
        return {
            **values,
            "payment_collection": invoice_sudo._get_portal_collection(),
            "payment_promise": invoice_sudo._get_portal_promise_values(),
            **self._pop_refused(),
        }
