from odoo import models
from odoo.tools import SQL

BALANCES = SQL(
    """
    SELECT balance.id, balance.company_id, balance.currency_id,
           balance.amount AS expected,
           coalesce(sum(entry.amount), 0) AS total,
           coalesce((array_agg(entry.balance_after ORDER BY entry.id DESC))[1],
                    0) AS latest
      FROM account_credit_balance balance
 LEFT JOIN account_credit_balance_entry entry ON entry.balance_id = balance.id
     WHERE balance.company_id IN (SELECT id FROM companies)
  GROUP BY balance.id
    """
)


class AccountPaymentTieOut(models.AbstractModel):
    """Invariants of credit balances, their history and the ledger."""

    _inherit = "account.payment.tie.out"

    def _get_balance_statement(self):
        """Compare each credit balance with the sum of its history."""
        return SQL(
            "SELECT id, company_id, currency_id, expected, total AS found "
            "FROM (%s) balance",
            BALANCES,
        )

    def _get_running_statement(self):
        """Compare each credit balance with the amount of its last entry."""
        return SQL(
            "SELECT id, company_id, currency_id, expected, latest AS found "
            "FROM (%s) balance",
            BALANCES,
        )

    def _get_marked_statement(self):
        """Find balances of customers who are not marked: they are not seen at issue."""
        return SQL(
            """
            SELECT balance.id, balance.company_id, balance.currency_id,
                   balance.amount AS expected,
                   CASE WHEN partner.has_credit_balance
                        THEN balance.amount ELSE 0 END AS found
              FROM account_credit_balance balance
              JOIN res_partner partner ON partner.id = balance.partner_id
             WHERE balance.merged_into_id IS NULL
               AND balance.company_id IN (SELECT id FROM companies)
            """
        )

    def _get_ledger_statement(self):
        """Compare each journal item on a credit account with its history."""
        return SQL(
            """
            SELECT line.id, line.company_id, line.currency_id,
                   CASE WHEN line.parent_state = 'posted'
                        THEN -line.amount_currency ELSE 0 END AS expected,
                   coalesce(sum(entry.amount), 0) AS found
              FROM account_move_line line
              JOIN res_company company ON company.id = line.company_id
               AND company.credit_balance_account_id = line.account_id
         LEFT JOIN account_credit_balance_entry entry
                ON entry.move_line_id = line.id
             WHERE line.company_id IN (SELECT id FROM companies)
          GROUP BY line.id
         UNION ALL
            -- Amounts that were taken off the credit account without the history.
            SELECT line.id, line.company_id, line.currency_id,
                   0 AS expected, sum(entry.amount) AS found
              FROM account_credit_balance_entry entry
              JOIN account_move_line line ON line.id = entry.move_line_id
              JOIN res_company company ON company.id = line.company_id
             WHERE line.account_id
                   IS DISTINCT FROM company.credit_balance_account_id
               AND line.company_id IN (SELECT id FROM companies)
          GROUP BY line.id
            """
        )

    def _get_reversed_statement(self):
        """Compare each entry that changed credit with the entries that reverse it.

        An entry is reversed once, and only as long as it is posted.
        """
        return SQL(
            """
            WITH booked AS (
                SELECT move.id, move.company_id, line.currency_id, move.state,
                       move.reversed_entry_id,
                       -sum(line.amount_currency) AS amount
                  FROM account_move_line line
                  JOIN res_company company ON company.id = line.company_id
                   AND company.credit_balance_account_id = line.account_id
                  JOIN account_move move ON move.id = line.move_id
                 WHERE move.move_type = 'entry'
                   AND line.company_id IN (SELECT id FROM companies)
              GROUP BY move.id, line.currency_id
            )
            SELECT own.id, own.company_id, own.currency_id,
                   CASE WHEN own.state != 'posted' THEN 0
                        WHEN own.amount > 0
                        THEN greatest(-own.amount, least(sum(undone.amount), 0))
                        ELSE least(-own.amount, greatest(sum(undone.amount), 0))
                    END AS expected,
                   sum(undone.amount) AS found
              FROM booked own
              JOIN booked undone ON undone.reversed_entry_id = own.id
               AND undone.currency_id = own.currency_id
               AND undone.state = 'posted'
          GROUP BY own.id, own.company_id, own.currency_id, own.state,
                   own.amount
            """
        )

    def _get_holder_statement(self):
        """Find credit on the balance of another customer.

        Credit stays where it was when contacts get other parents, and goes back there.
        New credit is on a contact's own balance while that holds something.
        """
        return SQL(
            """
            WITH RECURSIVE held AS (
                SELECT id, id AS end_id
                  FROM account_credit_balance WHERE merged_into_id IS NULL
             UNION ALL
                SELECT merged.id, held.end_id
                  FROM account_credit_balance merged
                  JOIN held ON held.id = merged.merged_into_id
            )
            SELECT line.id, line.company_id, line.currency_id,
                   -line.amount_currency AS expected, 0 AS found
              FROM account_credit_balance_entry entry
         LEFT JOIN account_credit_balance_entry next
                ON next.previous_entry_id = entry.id
              JOIN account_move_line line ON line.id = entry.move_line_id
               AND line.parent_state = 'posted'
              JOIN account_credit_balance balance
                ON balance.id = entry.balance_id
         LEFT JOIN held ON held.id = balance.id
         LEFT JOIN account_credit_balance own
                ON own.partner_id = line.partner_id
               AND own.company_id = line.company_id
               AND own.currency_id = line.currency_id
               AND own.merged_into_id IS NULL
             WHERE next.id IS NULL
               AND line.company_id IN (SELECT id FROM companies)
               AND (line.partner_id IS NULL
                    OR held.id IS NULL
                    OR balance.company_id != line.company_id
                    OR balance.currency_id != line.currency_id
                    OR (own.id != held.end_id
                        AND balance.partner_id != line.partner_id
                        AND entry.previous_entry_id IS NULL
                        AND (
                            SELECT earlier.balance_after
                              FROM account_credit_balance_entry earlier
                             WHERE earlier.balance_id = own.id
                               AND earlier.id < entry.id
                          ORDER BY earlier.id DESC LIMIT 1) > 0
                        AND NOT EXISTS (
                            SELECT FROM account_move move
                         LEFT JOIN account_payment payment
                                ON payment.move_id = move.id
                         LEFT JOIN account_payment source
                                ON source.id = payment.source_payment_id
                         LEFT JOIN res_company company
                                ON company.credit_balance_journal_id
                                 = source.journal_id
                             WHERE move.id = line.move_id
                               AND (move.reversed_entry_id IS NOT NULL
                                    OR company.id IS NOT NULL))))
            """
        )

    def _get_branch_statement(self):
        """Find credit of a company that pays an invoice of its branch or parent."""
        return SQL(
            """
            SELECT line.id, line.company_id, line.company_currency_id AS currency_id,
                   0 AS expected, sum(part.amount) AS found
              FROM account_move_line line
              JOIN res_company company ON company.id = line.company_id
               AND company.credit_balance_account_id = line.account_id
              JOIN account_move_line side
                ON side.move_id = line.move_id AND side.id != line.id
              JOIN (SELECT debit_move_id AS line_id, credit_move_id AS other_id,
                           amount
                      FROM account_partial_reconcile
                 UNION ALL
                    SELECT credit_move_id, debit_move_id, amount
                      FROM account_partial_reconcile) part ON part.line_id = side.id
              JOIN account_move_line other ON other.id = part.other_id
               AND other.company_id != line.company_id
             WHERE line.company_id IN (SELECT id FROM companies)
          GROUP BY line.id
            """
        )

    def _get_elsewhere_statement(self):
        """Find credit on the account of an earlier installation: on no balance.

        It is a current liability on which a cash journal books, in and out.
        """
        return SQL(
            """
            WITH other AS (
                SELECT DISTINCT account.id, journal.company_id
                  FROM account_journal journal
                  JOIN account_account account
                    ON account.id = journal.default_account_id
                   AND account.account_type = 'liability_current'
                  JOIN res_company company ON company.id = journal.company_id
                   AND company.credit_balance_account_id
                       IS DISTINCT FROM account.id
                  JOIN account_payment_method_line method
                    ON method.journal_id = journal.id
                   AND method.payment_account_id = account.id
                 WHERE journal.type = 'cash'
            )
            SELECT other.id, other.company_id, line.currency_id,
                   0 AS expected, -sum(line.amount_currency) AS found
              FROM other
              JOIN res_company holder ON holder.id = other.company_id
              JOIN res_company company ON company.parent_path
                   LIKE holder.parent_path || '%%'
              JOIN account_move_line line ON line.account_id = other.id
               AND line.company_id = company.id
               AND line.parent_state = 'posted'
             WHERE line.company_id IN (SELECT id FROM companies)
          GROUP BY other.id, other.company_id, line.currency_id
            """
        )
