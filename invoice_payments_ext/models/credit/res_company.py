from contextlib import contextmanager

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ...tools import OURS, SELDOM_READ


class ResCompany(models.Model):
    """The account and the journal that keep the credit of customers."""

    _inherit = "res.company"

    credit_balance_account_id = fields.Many2one(
        string="Credit Account",
        comodel_name="account.account",
        check_company=True,
        domain="[('account_type', '=', 'liability_current'), "
        "('reconcile', '=', False)]",
        tracking=True,
        help="The account of the credit that is held for customers. Their credit "
        "balances are the balance of this account in the ledger.",
    )
    credit_balance_journal_id = fields.Many2one(
        string="Credit Journal",
        comodel_name="account.journal",
        check_company=True,
        domain="[('type', '=', 'cash'), "
        "('default_account_id', '=', credit_balance_account_id)]",
        tracking=True,
        help="The journal of the payments into and out of credit balances.",
    )
    credit_adjustment_account_id = fields.Many2one(
        prefetch=SELDOM_READ,
        comodel_name="account.account",
        check_company=True,
        domain="[('internal_group', 'in', ('income', 'expense'))]",
        tracking=True,
        help="The other side of credit that is added or deducted by hand.",
    )
    credit_accounts_confirmed = fields.Boolean(
        string="Accounts Confirmed",
        tracking=True,
        help="A person has looked at the accounts that were chosen automatically.",
    )
    credit_applied_at_issue = fields.Boolean(
        string="Apply Credit at Issue",
        default=True,
        tracking=True,
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
            if account.id in company._get_other_account_ids():
                raise ValidationError(
                    self.env._(
                        "%s cannot be the credit account: another setting of the "
                        "company books on it, such as that of down payments. All that "
                        "is booked on the credit account is credit of customers.",
                        account.display_name,
                    )
                )

    @api.constrains("credit_balance_journal_id")
    def _check_no_till_on_credit_journal(self):
        """Check that no till of the Point of Sale books in the credit journal.

        The other direction is that of the tills; see `account.journal`. An archived
        one counts: it may be used again.
        """
        # That module is no dependency. In superuser mode: tills are its users'.
        tills_sudo = self.env.get("pos.payment.method")
        if tills_sudo is None:
            return
        tills_sudo = tills_sudo.sudo().with_context(active_test=False)
        journals = self.credit_balance_journal_id
        for till in tills_sudo.search([("journal_id", "in", journals.ids)]):
            raise ValidationError(
                self.env._(
                    "%(journal)s cannot be the credit journal: the payment method "
                    "%(till)s of the Point of Sale books there. Choose another journal "
                    "here, or for that payment method.",
                    journal=till.journal_id.display_name,
                    till=till.display_name,
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
        # Those of an earlier installation have items and entries already.
        is_adopting = self.env.context.get("adopting_credit_books") is OURS
        if "credit_balance_account_id" in vals and not is_adopting:
            self._check_credit_account_replaceable(vals["credit_balance_account_id"])
        if "credit_balance_journal_id" in vals and not is_adopting:
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
        elif vals.keys() & self._get_account_settings():
            self._check_credit_balance_account()
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
