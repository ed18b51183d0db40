from odoo import models
from odoo.exceptions import UserError

from ..approvals.account_payment_approval_limit import Giving


class ResPartner(models.Model):
    """The company and the currency of credit that is adjusted."""

    _inherit = "res.partner"

    # === GETTERS === #

    def _get_giving(self, arguments):
        """Return the data of an adjustment: it is of the company that it names."""
        company = self._get_credit_company(arguments["company_id"])
        currency = self._get_credit_currency(arguments["currency_id"], company)
        return Giving(self, company, currency, self.commercial_partner_id)

    def _get_credit_company(self, company_id):
        """Return the company that holds credit; refuse one that does not fit."""
        company = self.env["res.company"].browse(company_id or self.env.company.id)
        if not company.sudo().exists():
            raise UserError(self.env._("There is no company %s.", company_id))
        if company not in self.env.companies:
            raise UserError(
                self.env._(
                    "%s is not among your selected companies.", company.sudo().name
                )
            )
        if self.company_id and self.company_id not in company.sudo().parent_ids:
            raise UserError(
                self.env._(
                    "%(customer)s is a contact of %(other)s, not of %(company)s.",
                    customer=self.display_name,
                    other=self.company_id.name,
                    company=company.name,
                )
            )
        return company

    def _get_credit_currency(self, currency_id, company):
        """Return the currency of a balance; refuse one that there is not."""
        if not currency_id:
            return company.currency_id
        currency = self.env["res.currency"].browse(currency_id).exists()
        if not currency:
            raise UserError(self.env._("There is no currency %s.", currency_id))
        return currency
