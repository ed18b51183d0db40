from odoo import models
from odoo.exceptions import UserError
from odoo.tools import format_date


class AccountMove(models.Model):
    """The account, the day and the journal of a write-off."""

    _inherit = "account.move"

    # === GETTERS === #

    def _get_write_off_blocked_reason(self):
        """Say why nothing can be written off this invoice; empty if something can.

        :rtype: str
        """
        self.ensure_one()
        if self.move_type != "out_invoice":
            return self.env._(
                "%s is not a customer invoice: only amounts that customers owe are "
                "written off.",
                self.display_name,
            )
        if self.state != "posted":
            return self.env._(
                "%s is not posted: there is nothing to write off.", self.display_name
            )
        if self.currency_id.compare_amounts(self.amount_residual, 0) <= 0:
            return self.env._("Nothing remains to be paid on %s.", self.display_name)
        if blocking := self._get_blocking_attempt():
            return self._describe_attempt(blocking)
        return self._get_all_in_flight_reason()

    def _get_write_off_account(self, account_id=None):
        """Return the account of a loss; refuse one that does not fit."""
        company = self.company_id
        if not account_id:
            account = company.sudo().write_off_account_id
            if not account:
                raise UserError(
                    self.env._(
                        "%s has no write-off account: give one, or set it in the "
                        "settings of Invoicing under Invoice payments.",
                        company.name,
                    )
                )
        else:
            accounts = self.env["account.account"].with_company(company)
            account = accounts.sudo().browse(account_id).exists()
            if not account:
                raise UserError(self.env._("There is no account %s.", account_id))
        account_sudo = account.sudo().with_company(company)
        values = {"account": account_sudo.display_name, "company": company.name}
        if not account_sudo.company_ids & company.sudo().parent_ids:
            raise UserError(
                self.env._(
                    "The account %(account)s belongs to another company than the "
                    "invoice, %(company)s.",
                    **values,
                )
            )
        if not account_sudo.active:
            raise UserError(
                self.env._("The account %(account)s is archived.", **values)
            )
        if account_sudo.internal_group != "expense":
            raise UserError(
                self.env._(
                    "Nothing can be written off to %(account)s: choose an expense "
                    "account.",
                    **values,
                )
            )
        if account_sudo.currency_id not in (self.currency_id, self.env["res.currency"]):
            raise UserError(
                self.env._(
                    "The account %(account)s takes %(currency)s only.",
                    currency=account_sudo.currency_id.name,
                    **values,
                )
            )
        return account_sudo.sudo(self.env.su)

    def _get_write_off_date(self, date=None):
        """Return the day of a write-off; refuse one that does not fit."""
        return self._get_correction_date(self._get_write_off_journal(), date)

    def _check_write_off_lock_dates(self, date, journal):
        """Check that an entry of this day does not lie in a locked period."""
        violated = self.company_id._get_violated_lock_dates(date, False, journal)
        if violated:
            raise UserError(
                self.env._(
                    "The date %(date)s lies in a locked period: %(locks)s.",
                    date=format_date(self.env, date),
                    locks=self.company_id._format_lock_dates(violated),
                )
            )

    def _get_write_off_journal(self):
        """Return the company's miscellaneous journal."""
        company = self.company_id
        journals = self.env["account.journal"]
        company_sudo = company.sudo()
        # These are for entries that Odoo books automatically.
        automatic = (
            company_sudo.currency_exchange_journal_id
            | company_sudo.tax_cash_basis_journal_id
        )
        journal = journals.search(
            [
                *journals._check_company_domain(company),
                ("type", "=", "general"),
                ("id", "not in", automatic.ids),
            ],
            limit=1,
        )
        if not journal:
            raise UserError(
                self.env._("%s has no miscellaneous journal.", company.name)
            )
        return journal
