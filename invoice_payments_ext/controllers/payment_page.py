from odoo.http import request

from odoo.addons.account_payment.controllers import portal


class PortalAccount(portal.PortalAccount):
    """The payment form on the portal's invoice pages."""

    def _invoice_get_page_view_values(self, invoice, access_token, **kwargs):
        """Add the amounts that can be paid, and offer providers by these."""
        if not invoice._has_to_be_paid():
            return super()._invoice_get_page_view_values(
                invoice, access_token, **kwargs
            )
        link_amount = float(kwargs.get("amount") or 0)
        values = invoice.sudo()._get_member_payment_values(link_amount)
        overdue = self._get_other_overdue_invoices(invoice)
        return {
            **super()._invoice_get_page_view_values(
                invoice,
                access_token,
                smallest_amount=values["member_smallest_amount"],
                **kwargs,
            ),
            **values,
            # A visitor of an address without it has no other to pay with.
            "access_token": access_token or invoice.sudo()._portal_ensure_token(),
            "member_link_amount": link_amount and kwargs["amount"],
            "member_link_token": link_amount and request.params.get("payment_token"),
            "member_overdue_amount": sum(overdue.mapped("amount_residual")),
        }

    def _get_other_overdue_invoices(self, invoice):
        """Return all that is overdue, where that is more than this invoice."""
        moves = request.env["account.move"]
        if request.env.user._is_public() or not moves.has_access("read"):
            return moves
        overdue = moves.search(
            [
                *self._get_overdue_invoices_domain(),
                ("partner_id", "=", invoice.partner_id.id),
                ("company_id", "=", invoice.company_id.id),
                ("currency_id", "=", invoice.currency_id.id),
            ]
        )
        return overdue if overdue - invoice else moves

    def _overdue_invoices_get_page_view_values(self, overdue_invoices, **kwargs):
        """Ask for the remaining amounts; stock asks for the totals."""
        values = super()._overdue_invoices_get_page_view_values(
            overdue_invoices, **kwargs
        )
        if "payment" in values:
            remaining = sum(overdue_invoices.mapped("amount_residual"))
            values["amount"] = remaining
            values["payment"] = {**values["payment"], "amount": remaining}
        return values

    def _get_common_page_view_values(
        self, invoices_data, access_token=None, smallest_amount=None, **kwargs
    ):
        amount = smallest_amount or invoices_data["amount_residual"]
        values = super()._get_common_page_view_values(
            {**invoices_data, "total_amount": amount},
            access_token,
            may_use_credit_first=True,
            **kwargs,
        )
        company = invoices_data["company"] or request.env.company
        providers_sudo = values["providers_sudo"]
        maximums, credit = providers_sudo._get_member_maximums(
            company, values["partner_id"], invoices_data["currency"]
        )
        payer_sudo = request.env["res.partner"].sudo().browse(values["partner_id"])
        customer_sudo = invoices_data["partner"].sudo()
        if payer_sudo.commercial_partner_id != customer_sudo.commercial_partner_id:
            # Any person with the link may pay by card, but credit is for own invoices.
            credit = 0.0
            providers_sudo = providers_sudo.filtered(
                lambda provider: provider.code != "credit_balance"
            )
        elif payer_sudo != customer_sudo.commercial_partner_id:
            # What was saved for the company pays its invoices.
            values["tokens_sudo"] |= values["tokens_sudo"]._get_available_tokens(
                providers_sudo.ids, customer_sudo.commercial_partner_id.id
            )
        return {
            **values,
            "providers_sudo": providers_sudo,
            "maximum_amounts": maximums,
            "member_credit": credit,
        }
