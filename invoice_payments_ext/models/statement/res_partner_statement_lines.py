from odoo import models
from odoo.fields import Domain
from odoo.tools import SQL


class ResPartner(models.Model):
    """The journal items of statements, each question in one query for all customers.

    Lines and amounts are those of the receivable accounts, in their own currencies. A
    reconciliation with a line of another currency or customer moves an amount between
    two statements: it is a movement of both.
    """

    _inherit = "res.partner"

    # === QUERIES === #

    def _get_statement_query(self, companies, date_to):
        """Return the query of the receivable journal items until a day.

        :param res.company companies: The books.
        :param date date_to: The last day.
        :rtype: odoo.tools.Query
        """
        contacts = (
            self.sudo()
            .with_context(active_test=False)
            .search([("commercial_partner_id", "in", self.commercial_partner_id.ids)])
        )
        lines = self.env["account.move.line"].sudo()
        self.env.flush_all()
        return lines._search(
            Domain("partner_id", "in", contacts.ids)
            & self._get_statement_domain(companies, date_to),
            bypass_access=True,
        )

    def _get_statement_domain(self, companies, date_to):
        """Return the domain of the journal items that statements are about."""
        return (
            Domain("company_id", "in", companies.ids)
            & Domain("parent_state", "=", "posted")
            & Domain("account_id.account_type", "=", "asset_receivable")
            & Domain("date", "<=", date_to)
        )

    def _query_statement_balances(self, query, date_from):
        """Return the balances before the first day.

        :rtype: list[tuple[int, int, float]]
        """
        return self.env.execute_query(
            SQL(
                """
                SELECT customer.commercial_partner_id,
                       account_move_line.currency_id,
                       SUM(account_move_line.amount_currency)
                  FROM %s
                  JOIN res_partner customer
                    ON customer.id = account_move_line.partner_id
                 WHERE %s AND account_move_line.date < %s
              GROUP BY 1, 2
                """,
                query.from_clause,
                query.where_clause,
                date_from,
            )
        )

    def _query_statement_movements(self, query, date_from):
        """Return the movements from the first day on, one for each journal entry.

        :return: The customer, the currency, the day, the entry and the amount.
        :rtype: list[tuple]
        """
        return self.env.execute_query(
            SQL(
                """
                SELECT customer.commercial_partner_id,
                       account_move_line.currency_id,
                       account_move_line.date,
                       account_move_line.move_id,
                       SUM(account_move_line.amount_currency)
                  FROM %s
                  JOIN res_partner customer
                    ON customer.id = account_move_line.partner_id
                 WHERE %s AND account_move_line.date >= %s
              GROUP BY 1, 2, 3, 4
                """,
                query.from_clause,
                query.where_clause,
                date_from,
            )
        )

    def _query_statement_transfers(self, query, companies, date_to):
        """Return the reconciliations with lines that are not in the same account.

        :return: The customer, the currency, the day, the entry of the other side and
                 the amount.
        :rtype: list[tuple]
        """
        sides = [
            SQL(
                """
                SELECT customer.commercial_partner_id,
                       own.currency_id,
                       partial.max_date,
                       other.move_id,
                       %(sign)s * partial.%(amount)s AS amount
                  FROM account_partial_reconcile partial
                  JOIN account_move_line own ON own.id = partial.%(own)s
                  JOIN account_move_line other ON other.id = partial.%(other)s
                  JOIN res_partner customer ON customer.id = own.partner_id
             LEFT JOIN res_partner payer ON payer.id = other.partner_id
                 WHERE own.id IN %(lines)s
                   AND partial.max_date <= %(date_to)s
                   AND (own.currency_id != other.currency_id
                        OR other.company_id NOT IN %(companies)s
                        OR customer.commercial_partner_id
                           IS DISTINCT FROM payer.commercial_partner_id)
                """,
                sign=sign,
                amount=SQL.identifier(f"{side}_amount_currency"),
                own=SQL.identifier(f"{side}_move_id"),
                other=SQL.identifier(f"{other}_move_id"),
                lines=query.subselect(),
                date_to=date_to,
                companies=tuple(companies.ids),
            )
            for side, other, sign in (("debit", "credit", -1), ("credit", "debit", 1))
        ]
        return self.env.execute_query(SQL(" UNION ALL ").join(sides))

    def _query_statement_open(self, query, date_to):
        """Return the journal items that were open at the end of the last day.

        :return: The customer, the currency, the line, the entry, the days on which it
                 was made and is due, the open amount, and which of how many instalments
                 of the entry it is.
        :rtype: list[tuple]
        """
        return self.env.execute_query(
            SQL(
                """
                SELECT * FROM (
                    SELECT customer.commercial_partner_id,
                           account_move_line.currency_id,
                           account_move_line.id,
                           account_move_line.move_id,
                           account_move_line.date,
                           COALESCE(account_move_line.date_maturity,
                                    account_move_line.date) AS due,
                           account_move_line.amount_currency
                           - COALESCE((SELECT SUM(debit_amount_currency)
                                         FROM account_partial_reconcile
                                        WHERE debit_move_id = account_move_line.id
                                          AND max_date <= %(date_to)s), 0)
                           + COALESCE((SELECT SUM(credit_amount_currency)
                                         FROM account_partial_reconcile
                                        WHERE credit_move_id = account_move_line.id
                                          AND max_date <= %(date_to)s), 0) AS open,
                           ROW_NUMBER() OVER (
                               PARTITION BY account_move_line.move_id
                               ORDER BY account_move_line.date_maturity,
                                        account_move_line.id
                           ) AS number,
                           COUNT(*) OVER (
                               PARTITION BY account_move_line.move_id
                           ) AS count
                      FROM %(tables)s
                      JOIN res_partner customer
                        ON customer.id = account_move_line.partner_id
                     WHERE %(lines)s
                ) item
                 WHERE open != 0
              ORDER BY due, id
                """,
                date_to=date_to,
                tables=query.from_clause,
                lines=query.where_clause,
            )
        )

    def _query_statement_customers(self, companies, date_from, date_to):
        """Return the customers with a movement in a period or a balance at its end.

        :rtype: res.partner
        """
        self.env.flush_all()
        lines = self.env["account.move.line"].sudo()
        query = lines._search(
            self._get_statement_domain(companies, date_to), bypass_access=True
        )
        rows = self.env.execute_query(
            SQL(
                """
                SELECT customer.commercial_partner_id
                  FROM %s
                  JOIN res_partner customer
                    ON customer.id = account_move_line.partner_id
                 WHERE %s
              GROUP BY 1
                HAVING BOOL_OR(account_move_line.date >= %s)
                       OR SUM(account_move_line.amount_residual) != 0
              ORDER BY 1
                """,
                query.from_clause,
                query.where_clause,
                date_from,
            )
        )
        return self.browse(partner_id for (partner_id,) in rows)
