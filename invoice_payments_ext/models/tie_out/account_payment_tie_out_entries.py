from odoo import models
from odoo.tools import SQL


class AccountPaymentTieOut(models.AbstractModel):
    """Invariants of journal entries."""

    _inherit = "account.payment.tie.out"

    def _get_entry_statement(self):
        """Find entries that do not balance."""
        return SQL(
            """
            SELECT move.id, move.company_id, company.currency_id,
                   0 AS expected, sum(line.balance) AS found
              FROM account_move_line line
              JOIN account_move move ON move.id = line.move_id
              JOIN res_company company ON company.id = move.company_id
             WHERE line.parent_state = 'posted'
               AND line.company_id IN (SELECT id FROM companies)
          GROUP BY move.id, company.id
            HAVING sum(line.balance) != 0
            """
        )

    def _get_matched_statement(self):
        """Find journal items that are matched, but not fully reconciled together.

        An item that is matched with one on another account reconciles neither.
        """
        return SQL(
            """
            SELECT DISTINCT line.id, line.company_id,
                   NULL::int AS currency_id,
                   coalesce(part.full_reconcile_id, 0) AS expected,
                   CASE WHEN line.matching_number IS NULL
                          OR (line.full_reconcile_id IS NOT NULL
                              AND NOT line.reconciled)
                          OR other.account_id != line.account_id
                          OR line.matching_number != coalesce(
                                 line.full_reconcile_id::text,
                                 line.matching_number)
                        THEN -1
                        ELSE coalesce(line.full_reconcile_id, 0) END AS found
              FROM (SELECT debit_move_id AS line_id, credit_move_id AS other_id,
                           full_reconcile_id
                      FROM account_partial_reconcile
                 UNION ALL
                    SELECT credit_move_id, debit_move_id, full_reconcile_id
                      FROM account_partial_reconcile) part
              JOIN account_move_line line ON line.id = part.line_id
              JOIN account_move_line other ON other.id = part.other_id
             WHERE line.company_id IN (SELECT id FROM companies)
            """
        )
