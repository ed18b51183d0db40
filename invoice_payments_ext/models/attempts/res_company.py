from collections import defaultdict

from odoo import models
from odoo.tools import SQL, Query

from ...read_joined import read_joined
from ...tools import SELDOM_READ

# As in Odoo's `_get_compatible_providers`.
STATES_THAT_SERVE = ("enabled", "test")

# The settings: of each company the providers that may serve it, as Odoo finds them, of
# each of these the journal, and of that the ways in which money comes in.
JOINS = (
    ("own_currency", "res_currency", "own_currency.id = res_company.currency_id"),
    ("own_user", "res_users", "own_user.id = %(user)s"),
    (
        "provider",
        "payment_provider",
        "provider.company_id::text = ANY(string_to_array(res_company.parent_path, '/'))"
        " AND provider.state IN %(states)s",
    ),
    (
        "own_line",
        "account_payment_method_line",
        "own_line.id = (SELECT id FROM account_payment_method_line"
        " WHERE payment_provider_id = provider.id AND journal_id IS NOT NULL"
        " ORDER BY sequence, id LIMIT 1)",
    ),
    ("journal", "account_journal", "journal.id = own_line.journal_id"),
    (
        "inbound",
        "account_payment_method_line",
        "inbound.journal_id = journal.id AND inbound.payment_method_id IN"
        " (SELECT id FROM account_payment_method WHERE payment_type = 'inbound')",
    ),
    ("account", "account_account", "account.id = inbound.payment_account_id"),
)


class ResCompany(models.Model):
    """What each payment of a company reads, in one statement."""

    _inherit = "res.company"

    def _read_payment_settings(self):
        """Read the companies, the user, and the providers with their journals.

        As each payment reads them, one after the other; nothing is kept after the
        database transaction.

        :return: By the id of each company, the ids of the providers that may serve it.
        :rtype: dict[int, set[int]]
        """
        companies = self.sudo()
        providers, journals, lines, accounts = (
            self.env[name].sudo()
            for name in (
                "payment.provider",
                "account.journal",
                "account.payment.method.line",
                "account.account",
            )
        )
        seldom = [
            name
            for name, field in companies._fields.items()
            if field.prefetch == SELDOM_READ and field.store and field.column_type
        ]
        query = Query(self.env, companies._table, companies._table_sql)
        for alias, table, condition in JOINS:
            condition = SQL(condition, user=self.env.uid, states=STATES_THAT_SERVE)
            query.add_join("LEFT JOIN", alias, table, condition)
        query.add_where(SQL("res_company.id IN %s", tuple(companies.ids)))
        query.order = SQL("res_company.id, inbound.sequence, inbound.id")
        rows = read_joined(
            query,
            (companies._table, companies, *seldom),
            ("own_currency", self.env["res.currency"].sudo()),
            ("own_user", self.env.user.sudo()),
            ("provider", providers, "available_country_ids", "available_currency_ids"),
            ("journal", journals),
            ("inbound", lines),
            ("account", accounts),
        )
        ahead = {company.id: set() for company in companies}
        of_journals, of_lines = {}, defaultdict(list)
        for company, _currency, _user, provider, journal, line, _account in rows:
            if provider:
                ahead[company].add(provider)
            if journal:
                of_journals[provider] = journal
            if line and line not in of_lines[journal]:
                of_lines[journal].append(line)
        by_bank = providers.browse(of_journals).filtered(
            lambda provider: provider.code != "credit_balance"
        )
        providers._fields["journal_id"]._insert_cache(
            by_bank, [of_journals[provider.id] for provider in by_bank]
        )
        read = journals.browse(set(of_journals.values()))
        journals._fields["inbound_payment_method_line_ids"]._insert_cache(
            read, [tuple(of_lines[journal.id]) for journal in read]
        )
        return ahead
