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
        page = super()._invoice_get_page_view_values(
            invoice,
            access_token,
            smallest_amount=values["member_smallest_amount"],
            **kwargs,
        )
        if invoice._is_credit_held_back():
            page.update(self._prepare_values_without_credit(page))
        return {
            **page,
            **values,
            # A visitor of an address without it has no other to pay with.
            "access_token": access_token or invoice.sudo()._portal_ensure_token(),
            "member_link_amount": link_amount and kwargs["amount"],
            "member_link_token": link_amount and request.params.get("payment_token"),
            "member_overdue_amount": overdue.sudo()._get_overdue_amount(),
        }

    @staticmethod
    def _prepare_values_without_credit(values):
        """Return the values that differ where credit cannot be spent now.

        The page says why; see `account.move._is_credit_held_back`.
        """
        return {
            "member_credit": 0.0,
            "member_credit_held_back": values["member_credit"],
            **{
                name: values[name].filtered(lambda each: each.code != "credit_balance")
                for name in ("providers_sudo", "payment_methods_sudo")
            },
        }

    def _get_overdue_invoices_domain(self, partner_id=None):
        """Find what the page of all that is owed calls overdue.

        Instalments count, and the invoices of the member's whole company.
        """
        moves = request.env["account.move"]
        partner_sudo = request.env["res.partner"].sudo()
        owed = moves._get_owed(
            partner_sudo.browse(partner_id or request.env.user.partner_id.id)
        )
        overdue = moves.union(*(each["overdue_invoices"] for each in owed.values()))
        return [("id", "in", overdue.ids)]

    def _get_other_overdue_invoices(self, invoice):
        """Return all that is overdue, where that is more than this invoice."""
        moves = request.env["account.move"]
        if request.env.user._is_public() or not moves.has_access("read"):
            return moves
        groups = self._get_overdue_groups()
        overdue = groups.get((invoice.company_id, invoice.currency_id), moves)
        return overdue if overdue - invoice else moves

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
            # Methods that were saved for the company pay its invoices.
            values["tokens_sudo"] |= values["tokens_sudo"]._get_available_tokens(
                providers_sudo.ids, customer_sudo.commercial_partner_id.id
            )
        tokens_sudo = values["tokens_sudo"]
        usable_sudo = tokens_sudo.filtered(
            lambda token: not token._get_company_unusable_reason(company)
        )
        default_sudo = payer_sudo.with_company(company)._choose_default_token(
            usable_sudo or tokens_sudo
        )
        return {
            **values,
            "default_token_id": default_sudo.id,
            "providers_sudo": providers_sudo,
            "maximum_amounts": maximums,
            "member_credit": credit,
        }
