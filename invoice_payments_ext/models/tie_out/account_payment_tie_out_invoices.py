from odoo import models
from odoo.tools import SQL

from ..states import IN_FLIGHT_OUTCOMES, OUTCOMES

# The schedule continues an attempt within minutes.
STUCK_MINUTES = 60

APPLIED = SQL(
    """
    SELECT own.move_id, sum(side.amount) AS amount
      FROM (SELECT debit_move_id AS line_id, debit_amount_currency AS amount
              FROM account_partial_reconcile
         UNION ALL
            SELECT credit_move_id, -credit_amount_currency
              FROM account_partial_reconcile) side
      JOIN account_move_line own
        ON own.id = side.line_id AND own.display_type = 'payment_term'
  GROUP BY own.move_id
    """
)

INVOICES = SQL(
    "move.move_type = 'out_invoice' AND move.state = 'posted' "
    "AND move.company_id IN (SELECT id FROM companies)"
)


class AccountPaymentTieOut(models.AbstractModel):
    """Invariants of invoices: applied and credited amounts, and those in flight."""

    _inherit = "account.payment.tie.out"

    def _get_applied_statement(self):
        """Compare the total of each invoice with the applied and remaining amounts."""
        return SQL(
            """
            SELECT move.id, move.company_id, move.currency_id,
                   move.amount_total AS expected,
                   coalesce(applied.amount, 0) + move.amount_residual AS found
              FROM account_move move
         LEFT JOIN (%s) applied ON applied.move_id = move.id
             WHERE %s
            """,
            APPLIED,
            INVOICES,
        )

    def _get_unposted_statement(self):
        """Find deductions from invoices by entries that are not posted.

        What is cancelled is not matched with anything, either.
        """
        return SQL(
            """
            SELECT move.id, move.company_id, move.currency_id,
                   0 AS expected, sum(part.debit_amount_currency) AS found
              FROM account_move move
              JOIN account_move_line own ON own.move_id = move.id
               AND own.display_type = 'payment_term'
              JOIN account_partial_reconcile part ON part.debit_move_id = own.id
              JOIN account_move_line other ON other.id = part.credit_move_id
             WHERE %s AND other.parent_state != 'posted'
          GROUP BY move.id
         UNION ALL
            SELECT move.id, move.company_id, move.currency_id,
                   0 AS expected, sum(part.amount) AS found
              FROM account_move move
              JOIN account_move_line own ON own.move_id = move.id
              JOIN account_partial_reconcile part
                ON own.id IN (part.debit_move_id, part.credit_move_id)
             WHERE move.state = 'cancel'
               AND move.company_id IN (SELECT id FROM companies)
          GROUP BY move.id
            """,
            INVOICES,
        )

    def _get_credited_statement(self):
        """Compare the total of each invoice with its credit notes."""
        return SQL(
            """
            SELECT move.id, move.company_id, move.currency_id,
                   least(move.amount_total, sum(note.amount_total)) AS expected,
                   sum(note.amount_total) AS found
              FROM account_move move
              JOIN account_move note ON note.reversed_entry_id = move.id
               AND note.state = 'posted' AND note.move_type = 'out_refund'
               AND note.currency_id = move.currency_id
             WHERE %s
          GROUP BY move.id
            """,
            INVOICES,
        )

    def _get_credited_lines_statement(self):
        """Find credit notes of lines of another invoice than the one that they name."""
        return SQL(
            """
            SELECT note.id, note.company_id, note.currency_id,
                   note.amount_total AS expected, 0 AS found
              FROM account_move note
              JOIN account_move_line own ON own.move_id = note.id
              JOIN account_move_line line ON line.id = own.credited_line_id
             WHERE note.move_type = 'out_refund' AND note.state = 'posted'
               AND note.company_id IN (SELECT id FROM companies)
               AND line.move_id IS DISTINCT FROM note.reversed_entry_id
          GROUP BY note.id
            """
        )

    def _get_credited_tax_statement(self):
        """Find the amount of a tax that the last credit note leaves.

        Only credit notes of this addon, as they were made: Odoo's own round each tax
        separately.
        """
        return SQL(
            """
            WITH note AS (
                SELECT note.id, note.reversed_entry_id AS invoice_id,
                       note.amount_total, note.currency_id,
                       (note.credited_shares ->> 'amount')::numeric AS planned
                  FROM account_move note
                 WHERE note.state = 'posted' AND note.move_type = 'out_refund'
                   AND note.reversed_entry_id IS NOT NULL
            ), ended AS (
                SELECT move.id, move.company_id, move.currency_id
                  FROM account_move move
                  JOIN note ON note.invoice_id = move.id
                  JOIN res_currency currency ON currency.id = move.currency_id
                 WHERE %s
              GROUP BY move.id, currency.id
                HAVING bool_and(
                           note.currency_id = move.currency_id
                           AND note.planned IS NOT NULL
                           AND abs(note.planned - note.amount_total)
                             < currency.rounding / 2)
                   AND abs(move.amount_total - sum(note.amount_total))
                     < currency.rounding / 2
            ), document AS (
                SELECT id AS invoice_id, id FROM ended
             UNION ALL
                SELECT ended.id, note.id
                  FROM ended JOIN note ON note.invoice_id = ended.id
            ), tax AS (
                SELECT document.invoice_id,
                       sum(line.amount_currency) AS remainder
                  FROM document
                  JOIN account_move_line line ON line.move_id = document.id
                   AND line.tax_line_id IS NOT NULL
              GROUP BY document.invoice_id, line.tax_line_id
            )
            SELECT ended.id, ended.company_id, ended.currency_id,
                   0 AS expected, sum(abs(tax.remainder)) AS found
              FROM ended JOIN tax ON tax.invoice_id = ended.id
          GROUP BY ended.id, ended.company_id, ended.currency_id
            """,
            INVOICES,
        )

    def _get_in_flight_statement(self):
        """Compare the rest of each invoice with the amount in flight for it.

        An attempt for several invoices counts with the share of each.
        """
        return SQL(
            """
            SELECT move.id, move.company_id, move.currency_id,
                   least(move.amount_residual,
                         sum(CASE WHEN other.count > 0 THEN share.amount
                                  ELSE tx.amount END)) AS expected,
                   sum(CASE WHEN other.count > 0 THEN share.amount
                            ELSE tx.amount END) AS found
              FROM account_move move
              JOIN account_invoice_transaction_rel link
                ON link.invoice_id = move.id
              JOIN payment_transaction tx ON tx.id = link.transaction_id
               AND tx.outcome IN %s AND tx.operation != 'refund'
               AND tx.currency_id = move.currency_id
         LEFT JOIN payment_transaction child
                ON child.source_transaction_id = tx.id
         LEFT JOIN payment_transaction_share share
                ON share.transaction_id = tx.id AND share.invoice_id = move.id
        CROSS JOIN LATERAL (
                SELECT count(*) FROM account_invoice_transaction_rel link
                 WHERE link.transaction_id = tx.id AND link.invoice_id != move.id
                   ) other
             WHERE %s AND child.id IS NULL
               AND (other.count = 0 OR share.id IS NOT NULL)
          GROUP BY move.id
            """,
            tuple(IN_FLIGHT_OUTCOMES),
            INVOICES,
        )

    def _get_in_flight_together_statement(self):
        """Compare attempts for several invoices with their open amounts.

        An authorization may be for more, such as an order: it is captured as far as the
        invoices are open.
        """
        return SQL(
            """
            SELECT tx.id, tx.company_id, tx.currency_id,
                   least(tx.amount, sum(move.amount_residual)) AS expected,
                   tx.amount AS found
              FROM payment_transaction tx
              JOIN account_invoice_transaction_rel link
                ON link.transaction_id = tx.id
              JOIN account_move move
                ON move.id = link.invoice_id AND %s
         LEFT JOIN payment_transaction child
                ON child.source_transaction_id = tx.id
             WHERE tx.outcome IN %s AND tx.operation != 'refund'
               AND tx.state != 'authorized' AND child.id IS NULL
          GROUP BY tx.id
            HAVING count(*) > 1
               AND bool_and(move.currency_id = tx.currency_id)
            """,
            INVOICES,
            tuple(IN_FLIGHT_OUTCOMES),
        )

    def _get_attempts_statement(self):
        """Count the attempts that hold an invoice, each of which has a share of it.

        A share holds its invoice exactly as long as its attempt does.
        """
        return SQL(
            """
            SELECT move.id, move.company_id, NULL::int AS currency_id,
                   1 AS expected,
                   count(*) + count(*) FILTER (
                       WHERE share.holds_invoice IS NOT TRUE
                   ) + count(*) FILTER (
                       WHERE tx.holds_invoice IS NOT TRUE
                   ) AS found
              FROM payment_transaction tx
         LEFT JOIN payment_transaction_share share ON share.transaction_id = tx.id
              JOIN account_move move
                ON move.id = coalesce(share.invoice_id, tx.charge_invoice_id)
             WHERE (tx.holds_invoice OR share.holds_invoice)
               AND move.company_id IN (SELECT id FROM companies)
          GROUP BY move.id
            """
        )

    def _get_stuck_statement(self):
        """Find attempts that nothing and nobody would end.

        The schedule has not continued them, they hold an invoice after their end, or
        they are not on the invoice that they are for. A person resolves those that are
        pending or unknown, and captures or voids those that are authorized.
        """
        return SQL(
            """
            SELECT tx.id, tx.company_id, tx.currency_id,
                   0 AS expected, abs(tx.amount) AS found
              FROM payment_transaction tx
             WHERE tx.company_id IN (SELECT id FROM companies)
               AND (tx.outcome IN ('ready', 'sent') AND tx.last_state_change
                    < now() AT TIME ZONE 'UTC' - interval '%s minutes'
                    OR tx.holds_invoice AND tx.outcome IN %s
                    OR tx.outcome IN %s AND tx.charge_invoice_id IS NOT NULL
                       AND tx.operation != 'refund'
                       AND NOT EXISTS (
                           SELECT FROM account_invoice_transaction_rel link
                            WHERE link.transaction_id = tx.id
                              AND link.invoice_id = tx.charge_invoice_id))
            """,
            STUCK_MINUTES,
            tuple(
                name for name, state in OUTCOMES.items() if not state.may_hold_invoice
            ),
            tuple(IN_FLIGHT_OUTCOMES),
        )
