from odoo import Command, models

from .chart_accounts import (
    CUSTOMER_ADVANCES,
    GRANTED_DISCOUNTS,
    NEIGHBOURS,
    NEW_CODES,
    get_fallback_code,
    get_new_code,
)


class ResCompany(models.Model):
    """How a company gets its credit account, its journal and its provider."""

    _inherit = "res.company"

    # === BUSINESS METHODS === #

    def _create_credit_balance_books(self):
        """Create the credit account and journal of companies that have none.

        Those of an earlier installation are taken up again. Branches use those of their
        main company, and companies without a chart of accounts get theirs with it.
        """
        for company in self.sudo():
            if company.parent_id or not company.chart_template:
                continue
            company = company.with_company(company)
            company._adopt_credit_balance_books()
            if not company.credit_balance_account_id:
                company.credit_balance_account_id = company._get_new_credit_account()
                company._tell_chosen_credit_account()
            if not company.credit_balance_journal_id:
                company.credit_balance_journal_id = company.env[
                    "account.journal"
                ].create(company._prepare_credit_balance_journal_vals())
            if not company.credit_adjustment_account_id:
                # Discounts that are granted: each chart has such an account.
                company.credit_adjustment_account_id = (
                    company._find_chart_account(GRANTED_DISCOUNTS)
                    or company.account_journal_early_pay_discount_loss_account_id
                )
        self.search([("id", "child_of", self.ids)])._create_credit_balance_providers()

    def _create_credit_balance_providers(self):
        """Create the provider by which members pay from their credit, published."""
        providers = self.env["payment.provider"].sudo()
        served = providers.search([("code", "=", "credit_balance")]).company_id
        for company in self.sudo() - served:
            if not company.credit_balance_journal_id:
                continue
            vals = company._prepare_credit_balance_provider_vals()
            if provider := company._take_up_left("provider", providers):
                provider.write(vals)
            else:
                providers.create(vals)

    def _tell_chosen_credit_account(self):
        """Say the purpose of the credit account on it, and that it can be changed."""
        self.ensure_one()
        self.credit_balance_account_id._message_log(
            body=self.env._(
                "Chosen as the credit account of %s: it keeps the credit of its "
                "customers. Another one can be chosen in the settings of Invoicing "
                "until something is booked on this one.",
                self.name,
            )
        )

    def _move_unused_credit_account(self):
        """Choose the credit account of these companies anew, where nothing is on it.

        Versions before 19.0.1.7.0 made one in another class of the chart. One that a
        person confirmed, or that the chart has, stays. The former one is archived.
        """
        for company in self.sudo():
            company = company.with_company(company)
            former = company.credit_balance_account_id
            if company.credit_accounts_confirmed or not company._is_made_for_us(former):
                continue
            own = company._find_chart_account(CUSTOMER_ADVANCES)
            neighbour = own or company._find_chart_account(NEIGHBOURS)
            if not neighbour:
                continue
            if not (own and company._is_account_unused(own)):
                vals = company._prepare_credit_balance_account_vals(neighbour, former)
                if vals["code"] == former.code:
                    continue
            company.credit_balance_account_id = company._get_new_credit_account()
            company._tell_chosen_credit_account()
            former.active = False

    def _is_made_for_us(self, account):
        """Tell if the addon made this account, and nothing was booked on it yet.

        :rtype: bool
        """
        self.ensure_one()
        names = {account.with_context(lang="en_US").name, account.name}
        return (
            not names.isdisjoint({"Customer Credit", self.env._("Customer Credit")})
            and not account.get_external_id()[account.id]
            and self._is_account_unused(account)
        )

    # === BUSINESS METHODS - THE ACCOUNT === #

    def _get_new_credit_account(self):
        """Return the chart's own account of advances; else make one in its class.

        :rtype: account.account
        """
        self.ensure_one()
        own = self._find_chart_account(CUSTOMER_ADVANCES)
        if own and self._is_account_unused(own):
            # The credit account is not reconciled; see `_check_credit_balance_account`.
            own.reconcile = False
            return own
        neighbour = own or self._find_chart_account(NEIGHBOURS)
        return self.env["account.account"].create(
            self._prepare_credit_balance_account_vals(neighbour)
        )

    def _find_chart_account(self, table):
        """Return the account that a table names for this company's chart.

        :param dict table: The id of the account by the code of the chart.
        :return: None if the table has none, or it was deleted or archived.
        :rtype: account.account
        """
        template = self.env["account.chart.template"].sudo().with_company(self)
        for code in template._get_parent_template(self.chart_template):
            if name := table.get(code):
                account = template.ref(name, raise_if_not_found=False)
                return account.filtered("active") if account else self._no_account()
        return self._no_account()

    def _no_account(self):
        return self.env["account.account"]

    def _is_account_unused(self, account):
        """Tell if an account may become the credit account: nothing else is on it.

        :rtype: bool
        """
        self.ensure_one()
        return (
            account.account_type == "liability_current"
            and account.company_ids == self
            and account.id not in self._get_other_account_ids()
            and not self.env["account.move.line"]
            .sudo()
            .search_count([("account_id", "=", account.id)], limit=1)
        )

    def _get_other_account_ids(self):
        """Return the accounts that other settings name, such as down payments.

        :rtype: set[int]
        """
        self.ensure_one()
        names = self._get_account_settings() - {"credit_balance_account_id"}
        return {self[name].id for name in names if self[name]}

    def _get_account_settings(self):
        """Return the fields that name an account, of all addons that are installed.

        :rtype: set[str]
        """
        return {
            name
            for name, field in self._fields.items()
            if field.type == "many2one" and field.comodel_name == "account.account"
        }

    def _prepare_credit_balance_account_vals(self, neighbour, instead_of=None):
        """Return the values of a new credit account.

        :param account.account neighbour: The account of the right class that it stands
            after and whose tags it gets; none for a chart that we do not know. Then it
            gets no tags, and a code that no group of accounts owns.
        :param account.account instead_of: One whose code is free to be taken.
        :rtype: dict
        """
        self.ensure_one()
        accounts = self.env["account.account"].with_context(active_test=False)
        accounts = accounts.search([("company_ids", "parent_of", self.ids)])
        if instead_of:
            accounts -= instead_of
        taken = set(filter(None, accounts.mapped("code")))
        code = self._get_code_beside(neighbour, taken, NEW_CODES)
        if not code:
            neighbour = self._no_account()
            liabilities = accounts.filtered(
                lambda account: account.account_type == "liability_current"
            )
            groups = self.env["account.group"].search([("company_id", "=", self.id)])
            code = get_fallback_code(
                filter(None, liabilities.mapped("code")),
                taken,
                filter(None, groups.mapped("code_prefix_start")),
            )
            if code in taken:
                code = accounts._search_new_account_code(code)
        return {
            "name": self.env._("Customer Credit"),
            "code": code,
            "account_type": "liability_current",
            "reconcile": False,
            # Odoo gives an account without tags those of the code before it.
            "tag_ids": [Command.set(neighbour.tag_ids.ids)],
            "company_ids": [Command.link(self.id)],
        }

    def _get_code_beside(self, neighbour, taken, new_codes):
        """Return the code of a new account of this chart, after its neighbour.

        :param account.account neighbour: The account that it stands after; may be none.
        :param set[str] taken: The codes that there are.
        :param dict new_codes: See :func:`get_new_code`.
        :return: The code; an empty text if none is free, or there is no neighbour.
        :rtype: str
        """
        if not neighbour:
            return ""
        templates = self.env["account.chart.template"]
        charts = templates._get_parent_template(self.chart_template)
        return get_new_code(charts, neighbour.code, taken, new_codes)

    # === BUSINESS METHODS - JOURNAL AND PROVIDER === #

    def _prepare_credit_balance_provider_vals(self):
        """Return the values of the credit provider: enabled and published.

        :rtype: dict
        """
        self.ensure_one()
        method = self.env.ref("invoice_payments_ext.payment_method_credit_balance")
        return {
            "name": self.env._("Customer Credit"),
            "code": "credit_balance",
            "company_id": self.id,
            "state": "enabled",
            "is_published": True,
            "payment_method_ids": [Command.link(method.id)],
        }

    def _prepare_credit_balance_journal_vals(self):
        """Return the values of the credit journal: its payments book on the account.

        :rtype: dict
        """
        self.ensure_one()
        account = self.credit_balance_account_id
        journals = self.env["account.journal"].with_context(active_test=False)
        codes = set(journals.search([("company_id", "=", self.id)]).mapped("code"))
        candidates = ["CRED", *(f"CRD{number}" for number in range(1, 100))]
        ways = ("inbound", "outbound")
        return {
            "name": self.env._("Customer Credit"),
            "code": next(code for code in candidates if code not in codes),
            "type": "cash",
            "company_id": self.id,
            "default_account_id": account.id,
            "sequence": 100,  # No payment shall choose it automatically.
            "show_on_dashboard": False,
            **{
                f"{way}_payment_method_line_ids": [
                    Command.create(
                        {
                            "payment_method_id": self.env.ref(
                                f"account.account_payment_method_manual_{suffix}"
                            ).id,
                            "payment_account_id": account.id,
                        }
                    )
                ]
                for way, suffix in zip(ways, ("in", "out"), strict=True)
            },
        }
