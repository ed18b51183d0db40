from odoo import Command, models

from .chart_bad_debts import BAD_DEBTS, LOSS_CODES, LOSS_NEIGHBOURS


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
        """Make an expense account for bad debts, in the class where the chart has such.

        :rtype: account.account
        """
        self.ensure_one()
        accounts = self.env["account.account"].with_context(active_test=False)
        accounts = accounts.search(accounts._check_company_domain(self))
        taken = set(filter(None, accounts.mapped("code")))
        neighbour = self._find_chart_account(LOSS_NEIGHBOURS)
        code = self._get_code_beside(neighbour, taken, LOSS_CODES)
        if not code:
            # A chart that we do not know: after the last of its expenses.
            neighbour = self._no_account()
            expenses = accounts.filtered(
                lambda account: account.account_type == "expense"
            )
            codes = sorted(filter(None, expenses.mapped("code")))
            code = accounts._search_new_account_code((codes or ["600000"])[-1])
        return self.env["account.account"].create(
            {
                "name": self.env._("Bad Debts"),
                "code": code,
                "account_type": "expense",
                # Odoo gives an account without tags those of the code before it.
                "tag_ids": [Command.set(neighbour.tag_ids.ids)],
                "company_ids": [Command.link(self.id)],
            }
        )
