from odoo import Command, models

from .chart_accounts import get_new_code
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
        neighbour = self._find_chart_account(LOSS_NEIGHBOURS)
        code = neighbour and self._get_new_loss_code(
            neighbour.code,
            accounts.search(accounts._check_company_domain(self)).mapped("code"),
        )
        if not code:
            # A chart that we do not know: after the last of its expenses.
            neighbour = self._no_account()
            expenses = accounts.search(
                [
                    *accounts._check_company_domain(self),
                    ("account_type", "=", "expense"),
                ]
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

    def _get_new_loss_code(self, neighbour_code, codes):
        """Return the code of the new account for bad debts, after its neighbour.

        :param str neighbour_code: That of the neighbour.
        :param list[str] codes: The codes that there are.
        :return: The code; an empty text if none is free.
        :rtype: str
        """
        charts = self.env["account.chart.template"]._get_parent_template(
            self.chart_template
        )
        taken = set(filter(None, codes))
        return get_new_code(charts, neighbour_code, taken, LOSS_CODES)
