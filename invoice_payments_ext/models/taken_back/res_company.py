from odoo import Command, fields, models

from ...tools import SELDOM_READ
from ..credit.chart_accounts import get_code_after, get_fallback_code


class ResCompany(models.Model):
    """How a company books money that was taken back."""

    _inherit = "res.company"

    dispute_handling = fields.Selection(
        string="Disputed Payments",
        selection=[
            ("park", "Park the amount until it is decided"),
            ("reopen", "Reopen the invoice at once"),
        ],
        default="park",
        required=True,
        prefetch=SELDOM_READ,
        tracking=True,
        help="Parked, the invoice stays paid, and the amount stands on the account of "
        "disputed payments. Reopened, the customer owes it while it is disputed.",
    )
    disputed_payments_account_id = fields.Many2one(
        comodel_name="account.account",
        check_company=True,
        prefetch=SELDOM_READ,
        domain="[('account_type', '=', 'asset_current'), ('reconcile', '=', True)]",
        tracking=True,
        help="It keeps the amounts that are disputed and not decided. One is made when "
        "the first dispute comes.",
    )
    provider_fee_account_id = fields.Many2one(
        string="Provider Fees Account",
        comodel_name="account.account",
        check_company=True,
        prefetch=SELDOM_READ,
        domain="[('internal_group', '=', 'expense')]",
        tracking=True,
        help="The fees of providers and banks for money that was taken back. One is "
        "made when the first fee comes.",
    )

    # === BUSINESS METHODS === #

    def _leave_taken_back_accounts(self):
        """Remember the accounts, so that another installation takes them up again."""
        for company in self.sudo().filtered(lambda company: not company.parent_id):
            for setting in ("disputed_payments_account_id", "provider_fee_account_id"):
                company._remember_left(setting, company[setting])

    def _get_disputed_payments_account(self):
        """Return the account of disputed payments; it is made where there is none.

        :rtype: account.account
        """
        return self._get_own_account(
            "disputed_payments_account_id",
            name=self.env._("Disputed payments"),
            account_type="asset_current",
            reconcile=True,
        )

    def _get_provider_fee_account(self):
        """Return the account of fees; it is made where there is none.

        :rtype: account.account
        """
        return self._get_own_account(
            "provider_fee_account_id",
            name=self.env._("Payment provider fees"),
            account_type="expense",
        )

    def _get_own_account(self, setting, **vals):
        """Return the account of a setting of the main company, or a new one.

        That of an earlier installation is taken up again.

        :param str setting: The field.
        :param vals: The values of a new account.
        :rtype: account.account
        """
        company = self.root_id.sudo()
        if company[setting]:
            return company[setting]
        company = company.with_company(company)
        accounts = company.env["account.account"]
        account = company._take_up_left(setting, accounts)
        if account.account_type != vals["account_type"]:
            account = accounts.create(company._prepare_own_account_vals(**vals))
        company[setting] = account
        return account

    def _prepare_own_account_vals(self, account_type, **vals):
        """Return the values of a new account, among those of its type.

        :rtype: dict
        """
        accounts = self.env["account.account"].with_context(active_test=False)
        accounts = accounts.search([("company_ids", "parent_of", self.ids)])
        taken = set(filter(None, accounts.mapped("code")))
        alike = accounts.filtered(lambda account: account.account_type == account_type)
        neighbour = alike.filtered("code").sorted("code")[-1:]
        code = get_code_after(neighbour.code, taken) if neighbour else ""
        code = code or get_fallback_code(alike.mapped("code"), taken, [])
        if code in taken:
            code = accounts._search_new_account_code(code)
        return {
            "code": code,
            "account_type": account_type,
            # Odoo gives an account without tags those of the code before it.
            "tag_ids": [Command.set(neighbour.tag_ids.ids)],
            "company_ids": [Command.link(self.id)],
            **vals,
        }
