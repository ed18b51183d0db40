from odoo import Command, models

from .chart_bad_debts import BAD_DEBTS


class ResCompany(models.Model):
    """How a company gets its write-off account."""

    _inherit = "res.company"

    # === BUSINESS METHODS === #

    def _set_write_off_accounts(self):
        """Set the write-off account of companies that have none.

        Branches use that of their main company.
        """
        for company in self.sudo():
            if (
                company.parent_id
                or not company.chart_template
                or company.write_off_account_id
            ):
                continue
            company = company.with_company(company)
            own = company._find_chart_account(BAD_DEBTS)
            company.write_off_account_id = (
                own.filtered(lambda account: account.internal_group == "expense")
                or company._get_new_write_off_account()
            )

    def _get_new_write_off_account(self):
        """Make an expense account for bad debts, after the last one of the chart.

        :rtype: account.account
        """
        self.ensure_one()
        accounts = self.env["account.account"]
        expenses = accounts.with_context(active_test=False).search(
            [
                *accounts._check_company_domain(self),
                ("account_type", "=", "expense"),
            ]
        )
        codes = sorted(filter(None, expenses.mapped("code")))
        return accounts.create(
            {
                "name": self.env._("Bad Debts"),
                "code": accounts._search_new_account_code((codes or ["600000"])[-1]),
                "account_type": "expense",
                # Odoo gives an account without tags those of the code before it.
                "tag_ids": [Command.set([])],
                "company_ids": [Command.link(self.id)],
            }
        )
