from contextlib import contextmanager

from odoo import Command, api, fields, models
from odoo.exceptions import UserError, ValidationError

from ...tools import SELDOM_READ


class ResCompany(models.Model):
    """The account and the journal that keep the credit of customers."""

    _inherit = "res.company"

    credit_balance_account_id = fields.Many2one(
        string="Credit Account",
        comodel_name="account.account",
        check_company=True,
        domain="[('account_type', '=', 'liability_current'), "
        "('reconcile', '=', False)]",
        help="The account of the credit that is held for customers. Their credit "
        "balances are the balance of this account in the ledger.",
    )
    credit_balance_journal_id = fields.Many2one(
        string="Credit Journal",
        comodel_name="account.journal",
        check_company=True,
        domain="[('type', '=', 'cash'), "
        "('default_account_id', '=', credit_balance_account_id)]",
        help="The journal of the payments into and out of credit balances.",
    )
    credit_adjustment_account_id = fields.Many2one(
        prefetch=SELDOM_READ,
        comodel_name="account.account",
        check_company=True,
        domain="[('internal_group', 'in', ('income', 'expense'))]",
        help="The other side of credit that is added or deducted by hand.",
    )
    credit_applied_at_issue = fields.Boolean(
        string="Apply Credit at Issue",
        default=True,
        help="Pay invoices from the customer's credit balance when they are issued.",
    )

    # === CHECK METHODS === #

    @api.constrains("credit_balance_account_id")
    def _check_credit_balance_account(self):
        """Check that the credit account can tell the credit of customers."""
        for company in self:
            account = company.credit_balance_account_id
            if account and (
                account.account_type != "liability_current" or account.reconcile
            ):
                raise ValidationError(
                    self.env._(
                        "%s cannot be the credit account: choose a current liability "
                        "that does not allow reconciliation.",
                        account.display_name,
                    )
                )

    def _check_credit_account_replaceable(self, account_id):
        """Check that with another credit account no balance is lost or made up.

        :raise UserError: If journal items stand on the present account or the new one.
        """
        lines = self.env["account.move.line"].sudo()
        for company in self:
            present = company.credit_balance_account_id
            if present.id == account_id:
                continue
            for account in present | present.browse(account_id or []):
                if lines.search_count(
                    [
                        ("account_id", "=", account.id),
                        ("company_id", "child_of", company.id),
                    ],
                    limit=1,
                ):
                    raise UserError(
                        self.env._(
                            "The credit account of %(company)s cannot be changed: "
                            "there are journal items on %(account)s.",
                            company=company.name,
                            account=account.display_name,
                        )
                    )

    def _check_credit_journal_replaceable(self, journal_id):
        """Check that with another credit journal credit is still told from money.

        :raise UserError: If there are entries in the present journal.
        """
        moves = self.env["account.move"].sudo()
        for company in self:
            present = company.credit_balance_journal_id
            if present.id != journal_id and moves.search_count(
                [("journal_id", "=", present.id)], limit=1
            ):
                raise UserError(
                    self.env._(
                        "The credit journal of %(company)s cannot be changed: there "
                        "are entries in %(journal)s.",
                        company=company.name,
                        journal=present.display_name,
                    )
                )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        companies = super().create(vals_list)
        # Branches have no chart of their own that would bring it.
        companies.filtered("parent_id")._create_credit_balance_providers()
        return companies

    # === BUSINESS METHODS === #

    @contextmanager
    def _changing_credit_settings(self, vals):
        """Keep the credit that there is when its settings change."""
        if "credit_balance_account_id" in vals:
            self._check_credit_account_replaceable(vals["credit_balance_account_id"])
        if "credit_balance_journal_id" in vals:
            self._check_credit_journal_replaceable(vals["credit_balance_journal_id"])
        switched = self.browse()
        if "credit_applied_at_issue" in vals:
            switched = self.filtered(
                lambda company: (
                    company.credit_applied_at_issue != vals["credit_applied_at_issue"]
                )
            )
        yield
        if "credit_balance_account_id" in vals:
            self._book_credit_journal_on_account()
        if switched:
            self.env["account.move"]._follow_credit_switch(
                [("company_id", "child_of", switched.ids)]
            )

    def _book_credit_journal_on_account(self):
        """Let payments in the credit journal book on the credit account."""
        for company in self.sudo():
            journal = company.credit_balance_journal_id
            account = company.credit_balance_account_id
            if journal and account:
                journal.default_account_id = account
                method_lines = journal.inbound_payment_method_line_ids
                method_lines |= journal.outbound_payment_method_line_ids
                method_lines.payment_account_id = account

    def _create_credit_balance_books(self):
        """Create the credit account and journal of companies that have none.

        Branches use those of their main company, and companies without a chart of
        accounts get theirs with it.
        """
        for company in self.sudo():
            if company.parent_id or not company.chart_template:
                continue
            env = company.with_company(company).env
            if not company.credit_balance_account_id:
                company.credit_balance_account_id = env["account.account"].create(
                    company._prepare_credit_balance_account_vals()
                )
            if not company.credit_balance_journal_id:
                company.credit_balance_journal_id = env["account.journal"].create(
                    company._prepare_credit_balance_journal_vals()
                )
            if not company.credit_adjustment_account_id:
                company.credit_adjustment_account_id = company.expense_account_id
        self.search([("id", "child_of", self.ids)])._create_credit_balance_providers()

    def _create_credit_balance_providers(self):
        """Create the provider by which members pay from their credit, published."""
        providers = self.env["payment.provider"].sudo()
        method = self.env.ref("invoice_payments_ext.payment_method_credit_balance")
        served = providers.search([("code", "=", "credit_balance")]).company_id
        for company in self.sudo() - served:
            if company.credit_balance_journal_id:
                providers.create(
                    {
                        "name": self.env._("Customer Credit"),
                        "code": "credit_balance",
                        "company_id": company.id,
                        "state": "enabled",
                        "is_published": True,
                        "payment_method_ids": [Command.link(method.id)],
                    }
                )

    def _prepare_credit_balance_account_vals(self):
        """Return the values of the credit account, next to the liabilities there are.

        :rtype: dict
        """
        self.ensure_one()
        accounts = self.env["account.account"].with_company(self)
        neighbour = accounts.search(
            [
                *accounts._check_company_domain(self),
                ("account_type", "=", "liability_current"),
            ],
            order="code",
            limit=1,
        )
        return {
            "name": self.env._("Customer Credit"),
            "code": accounts._search_new_account_code(neighbour.code or "210000"),
            "account_type": "liability_current",
            "reconcile": False,
            "company_ids": [Command.link(self.id)],
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
