from odoo import api, fields, models
from odoo.exceptions import UserError

from ...tools import is_there

# The methods that say how much of a draft is paid otherwise when it is issued.
PAID_AT_ISSUE = ("_get_credit_for_draft",)


class AccountMove(models.Model):
    """The saved methods that can be charged for an invoice."""

    _inherit = "account.move"

    has_chargeable_method = fields.Boolean(
        compute="_compute_has_chargeable_method",
        compute_sudo=True,
        help="Whether the customer of this draft has a method that can be charged.",
    )

    # === COMPUTE METHODS === #

    @api.depends("partner_id", "currency_id", "company_id", "state", "amount_total")
    def _compute_has_chargeable_method(self):
        for invoice in self:
            invoice.has_chargeable_method = bool(
                invoice.state == "draft"
                and invoice.move_type == "out_invoice"
                and invoice.partner_id
                and invoice.currency_id
                and invoice._get_default_token()
            )

    # === BUSINESS METHODS - CHARGING === #

    def _get_token_to_charge(self, token_id):
        """Return the saved method with this id, or the customer's default one."""
        self.ensure_one()
        if not token_id:
            token = self._get_default_token()
            if not token:
                raise UserError(
                    self.env._(
                        "%s has no saved payment method that can be charged.",
                        self.partner_id.display_name,
                    )
                )
            return token
        # In superuser mode: another company's method is refused with its reason.
        token = self.env["payment.token"].sudo().browse(token_id)
        if not is_there(token):
            raise UserError(
                self.env._("There is no saved payment method %s.", token_id)
            )
        return token.sudo(self.env.su)

    def _check_token(self, token, amount):
        """Check that a saved method can be charged for this invoice.

        :raise UserError: With the reason why it cannot.
        """
        token._check_fit(self._get_payment_method_owners(), self, amount)

    # === BUSINESS METHODS - HELPERS === #

    def _get_payment_method_owners(self):
        """Return the contacts whose saved methods may be charged for this invoice."""
        return self.partner_id | self.commercial_partner_id

    def _get_saved_tokens(self):
        """Return the saved methods of the customer and of its commercial partner."""
        self.ensure_one()
        return (
            self.env["payment.token"]
            .sudo()  # The staff may use them, also those of another company.
            .search([("partner_id", "in", self._get_payment_method_owners().ids)])
        )

    def _get_default_token(self):
        """Return the saved method to propose: the default one, or the newest.

        :rtype: payment.token
        """
        self.ensure_one()
        tokens = self._get_saved_tokens()
        reasons = tokens._get_unusable_reasons(self, self._get_amount_to_propose())
        usable = tokens.filtered(lambda token: not reasons[token.id])
        return self.partner_id.with_company(self.company_id)._choose_default_token(
            usable
        )

    def _get_amount_to_propose(self):
        """Return the amount that a new payment of this invoice would be for."""
        self.ensure_one()
        if self.state != "draft":
            return self._get_default_payment_amount()
        left = self.amount_total - self._get_prepaid_amount()
        left -= sum(getattr(self, name)() for name in PAID_AT_ISSUE)
        return max(self.currency_id.round(left), 0.0)
