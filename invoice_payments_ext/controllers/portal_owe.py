from odoo.exceptions import UserError
from odoo.http import request, route
from odoo.tools import format_amount

from odoo.addons.payment.controllers.post_processing import PaymentPostProcessing

from .payment import PaymentPortal
from .payment_page import PortalAccount


class PortalOwePayment(PaymentPortal):
    """One payment for the instalments that a member chose, of several invoices."""

    @route("/invoice/transaction/owed", type="jsonrpc", auth="user")
    def owed_transaction(self, payment_reference, owed_line_ids=None, **kwargs):
        """Pay the chosen instalments of one company and currency at once.

        :param str payment_reference: The reference of the payment.
        :param list[int] owed_line_ids: The journal items of the instalments.
        :return: The values that the payment form goes on with.
        :rtype: dict
        :raise UserError: If they cannot be paid at once, in words for the member.
        """
        chosen = self._read_owed_line_ids(owed_line_ids)
        invoices = self._find_owed_invoices(chosen)
        self._validate_transaction_kwargs(kwargs)
        return self._process_transaction(
            request.env.user.partner_id.id,
            invoices.currency_id[:1].id,
            invoices.ids,
            payment_reference,
            owed_line_ids=sorted(chosen),
            **kwargs,
        )

    @staticmethod
    def _find_owed_invoices(line_ids):
        """Return the member's invoices of some instalments, also of paid ones.

        A request that is sent again is answered as the first time. The open amounts
        are checked on the locked invoices.

        :param set[int] line_ids: The journal items of the instalments.
        :rtype: account.move
        :raise UserError: If one of them is not the member's.
        """
        moves = request.env["account.move"]
        customer = request.env.user.partner_id.commercial_partner_id
        # In superuser mode: members read invoices, and not their journal items.
        lines_sudo = request.env["account.move.line"].sudo()
        lines_sudo = lines_sudo.search(
            [
                ("id", "in", list(line_ids)),
                ("display_type", "=", "payment_term"),
                ("move_id.move_type", "=", "out_invoice"),
                ("move_id.commercial_partner_id", "=", customer.id),
            ]
        )
        found = lines_sudo.move_id.ids
        invoices = moves.search([("id", "in", found)], order="id")
        if len(lines_sudo) < len(line_ids) or len(invoices) < len(found):
            raise UserError(
                request.env._("The open invoices have changed: load the page again.")
            )
        return invoices

    @staticmethod
    def _read_owed_line_ids(owed_line_ids):
        """Read the ids that a browser sent.

        :rtype: set[int]
        :raise UserError: If they are something else.
        """
        is_list = isinstance(owed_line_ids, list) and owed_line_ids
        if not is_list or not all(type(each) is int for each in owed_line_ids):
            raise UserError(request.env._("Choose at least one invoice."))
        return set(owed_line_ids)


class PortalOwe(PortalAccount):
    """The debts of a member, to be paid in one go; and the page after the payment."""

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "owed_count" in counters:
            groups = self._get_member_owed().values()
            values["owed_count"] = sum(len(owed["invoices"]) for owed in groups)
        return values

    @route("/my/owe", type="http", auth="user", website=True)
    def portal_my_owe(self, company_id=None, currency_id=None, **kwargs):
        """Show the member's debts, one company and currency at a time."""
        return request.render(
            "invoice_payments_ext.portal_my_owe",
            self._prepare_owe_values(
                self._cast_as_int(company_id), self._cast_as_int(currency_id)
            ),
        )

    @route()
    def portal_my_overdue_invoices(self, company_id=None, currency_id=None, **kwargs):
        """Lead members to the page of all that they owe: the overdue is ticked."""
        if request.env.user._is_public():
            return super().portal_my_overdue_invoices(
                company_id=company_id, currency_id=currency_id, **kwargs
            )
        company_id = self._cast_as_int(company_id)
        currency_id = self._cast_as_int(currency_id)
        if not (company_id and currency_id):
            return request.redirect("/my/owe")
        return request.redirect(
            f"/my/owe?company_id={company_id}&currency_id={currency_id}"
        )

    @route("/my/owe/paid", type="http", auth="user", website=True)
    def portal_my_owe_paid(self, **kwargs):
        """Show what became of the payment that this session made last."""
        tx_sudo = PaymentPostProcessing()._get_monitored_transaction()
        customer = request.env.user.partner_id.commercial_partner_id
        if not tx_sudo or tx_sudo.partner_id.commercial_partner_id != customer:
            return request.redirect("/my/owe")
        credit_sudo = tx_sudo._get_standing_credit_payments()
        payments_sudo = tx_sudo.payment_id - credit_sudo
        return request.render(
            "invoice_payments_ext.portal_my_owe_paid",
            {
                **self._prepare_portal_layout_values(),
                "page_name": "owe_paid",
                "tx": tx_sudo,
                "parts": tx_sudo._prepare_paid_parts(),
                "payments": payments_sudo._prepare_portal_rows()
                + tx_sudo._prepare_credit_receipts(),
                "from_credit": sum(credit_sudo.mapped("amount")),
                "owed": self._get_member_owed(),
            },
        )

    def _prepare_owe_values(self, company_id, currency_id):
        """Return the values of the page of one company and currency.

        :rtype: dict
        """
        groups = self._get_member_owed()
        values = {
            **self._prepare_portal_layout_values(),
            "page_name": "owe",
            "receipt_years": self._get_receipt_years(),
        }
        chosen = self._choose_owed_group(groups, company_id, currency_id)
        chosen = chosen or next(iter(groups), None)
        company, currency = chosen or (request.env.company, None)
        owed = groups.get(chosen)
        # In superuser mode, as the visitor: members read no saved methods.
        invoices_sudo = request.env["account.move"].sudo()
        if owed:
            invoices_sudo = owed["invoices"].sudo()
        partners = request.env["res.partner"].with_company(company)
        values |= {
            "owed": owed,
            "auto_pay": partners._get_auto_pay_values(),
            "owed_company": company,
            "expiring_methods": invoices_sudo._get_expiring_methods(company.sudo()),
        }
        if not chosen:
            return {**values, "rows": []}
        rows = request.env["account.move"]._prepare_owe_rows(owed)
        payable = [row for row in rows if not row["reason"]]
        amount = sum(row["amount"] for row in payable)
        chosen_amount = sum(row["amount"] for row in payable if row["is_chosen"])
        values |= {
            "currency": currency,
            "rows": rows,
            "payable_amount": currency.round(amount),
            "chosen_amount": currency.round(chosen_amount),
            "others": [
                self._prepare_other_owed(*key, each)
                for key, each in groups.items()
                if key != chosen
            ],
        }
        if not payable:
            return values
        return {
            **values,
            **self._prepare_owe_form_values(payable, company, currency, amount),
            "amount": values["chosen_amount"] or amount,
        }

    @staticmethod
    def _prepare_other_owed(company, currency, owed):
        """Return the values of the line about what is paid on a page of its own.

        :rtype: dict
        """
        amount = owed["total"] or owed["in_flight"]
        return {
            "url": f"/my/owe?company_id={company.id}&currency_id={currency.id}",
            "company": company.sudo().name,
            "amount": format_amount(request.env, amount, currency),
            "is_in_flight": not owed["total"],
        }

    def _prepare_owe_form_values(self, rows, company, currency, amount):
        """Return the values of the payment form for the instalments that can be paid.

        :rtype: dict
        """
        reference = rows[0]["invoice"].name
        if len({row["invoice"] for row in rows}) > 1:
            reference = company.sudo().get_next_batch_payment_communication()
        return self._get_common_page_view_values(
            invoices_data={
                "partner": rows[0]["invoice"].partner_id,
                "company": company,
                "total_amount": amount,
                "currency": currency,
                "amount_residual": amount,
                "payment_reference": reference,
                "landing_route": "/my/owe/paid",
                "transaction_route": "/invoice/transaction/owed",
            },
            # The form offers each method by the amount that is chosen.
            smallest_amount=min(row["amount"] for row in rows),
        )
