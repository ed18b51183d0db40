from odoo import models
from odoo.tools import SQL

from ..refunds.payment_transaction_booking import PAYS_OUT_CREDIT
from ..refunds.taken_back import ALL_TAKEN_BACK
from ..states import POSTED_STATES, UNSUCCESSFUL_OUTCOMES
from .account_payment_tie_out_payments import OF_COMPANIES

# Each part of a payment that is given back, or may still be: by another payment, by an
# entry that reverses it, or by a gateway.
GIVEN_BACK = SQL(
    """
       SELECT refund.source_payment_id AS id,
              -- Money taken back that had gone already is owed by the customer.
              CASE WHEN refund.is_taken_back THEN coalesce((
                   SELECT sum(part.debit_amount_currency)
                     FROM account_move_line own
                     JOIN account_partial_reconcile part ON part.debit_move_id = own.id
                     JOIN account_move_line held ON held.id = part.credit_move_id
                     JOIN account_payment source ON source.move_id = held.move_id
                    WHERE own.move_id = refund.move_id
                      AND source.id = refund.source_payment_id), 0)
                   ELSE refund.amount END AS amount,
              refund.journal_id = company.credit_balance_journal_id
                  AND tx.id IS NULL AS kept,
              coalesce(%(pays_out)s, false) AS of_credit
         FROM account_payment refund
         JOIN res_company company ON company.id = refund.company_id
    LEFT JOIN payment_transaction tx
           ON tx.id = refund.payment_transaction_id
        WHERE refund.state IN %(posted)s
          AND refund.source_payment_id IS NOT NULL
    UNION ALL
       SELECT taken.id, -line.amount_currency, false, false
         FROM account_payment taken
         JOIN res_company company
           ON company.credit_balance_journal_id = taken.journal_id
          AND company.id = taken.company_id
         JOIN account_move undone
           ON undone.reversed_entry_id = taken.move_id
         JOIN account_move_line line ON line.move_id = undone.id
          AND line.account_id = company.credit_balance_account_id
        WHERE taken.payment_type = 'inbound'
          AND line.parent_state = 'posted'
    UNION ALL
       SELECT taken.id, taken.amount, false, false FROM (%(taken_back)s) taken
    UNION ALL
       SELECT source.payment_id, -tx.amount, false, %(pays_out)s
         FROM payment_transaction tx
         JOIN payment_transaction source
           ON source.id = tx.source_transaction_id
    LEFT JOIN account_payment booked ON booked.id = tx.payment_id
          AND booked.state IN %(posted)s
        WHERE tx.operation = 'refund' AND booked.id IS NULL
          AND tx.outcome NOT IN %(unrefunded)s
    """,
    pays_out=PAYS_OUT_CREDIT,
    posted=POSTED_STATES,
    taken_back=ALL_TAKEN_BACK,
    unrefunded=UNSUCCESSFUL_OUTCOMES,
)


class AccountPaymentTieOut(models.AbstractModel):
    """Invariants of amounts given back: by refunds, and by money taken back."""

    _inherit = "account.payment.tie.out"

    def _get_refunded_statement(self):
        """Compare each payment with the amount given back of it, or still to be."""
        return SQL(
            """
            SELECT given.id, given.company_id, given.currency_id,
                   least(given.paid, given.amount) AS expected,
                   given.amount AS found
              FROM (
            SELECT payment.id, payment.company_id, payment.currency_id,
                   -- Of credit, it is the amount taken in the ledger.
                   CASE WHEN payment.journal_id IS DISTINCT FROM
                             of_payment.credit_balance_journal_id
                        THEN payment.amount
                        ELSE coalesce((
                             SELECT sum(line.amount_currency)
                               FROM account_move_line line
                              WHERE line.move_id = payment.move_id
                                AND line.parent_state = 'posted'
                                AND line.account_id
                                  = of_payment.credit_balance_account_id), 0)
                    END AS paid,
                   -- Kept on a balance, then paid out to where it came from:
                   -- it is given back once.
                   sum(part.amount) - least(
                       coalesce(sum(part.amount) FILTER (WHERE part.kept), 0),
                       coalesce(sum(part.amount) FILTER (WHERE part.of_credit),
                                0)
                   ) AS amount
              FROM (%(parts)s) part
              JOIN account_payment payment ON payment.id = part.id
              JOIN res_company of_payment ON of_payment.id = payment.company_id
             WHERE %(of_companies)s
          GROUP BY payment.id, of_payment.id
                   ) given
            """,
            parts=GIVEN_BACK,
            of_companies=OF_COMPANIES,
        )

    def _get_refund_matched_statement(self):
        """Find the amount of a refund that is not matched with its payment."""
        return SQL(
            """
            SELECT payment.id, payment.company_id, payment.currency_id,
                   -- Money kept as credit and spent, or given back twice, is owed.
                   CASE WHEN payment.is_taken_back
                        THEN least(sum(line.amount_residual_currency), coalesce((
                             SELECT sum(other.amount) FROM account_payment other
                              WHERE other.source_payment_id = payment.source_payment_id
                                AND other.id != payment.id
                                AND other.state IN %s), 0))
                        ELSE 0 END AS expected,
                   sum(line.amount_residual_currency) AS found
              FROM account_payment payment
              JOIN account_move_line line ON line.move_id = payment.move_id
               AND line.account_id = payment.destination_account_id
             WHERE payment.state IN %s AND payment.source_payment_id IS NOT NULL
               AND %s
          GROUP BY payment.id
            """,
            POSTED_STATES,
            POSTED_STATES,
            OF_COMPANIES,
        )

    def _get_refund_of_statement(self):
        """Find refunds, and money taken back, of which the payment is not known.

        The transaction of a refund names that of the payment, and the report of money
        taken back names the payment. A refund that reopened an invoice took the money
        from a payment; a credit note may be paid out without one.
        """
        return SQL(
            """
            SELECT payment.id, payment.company_id, payment.currency_id,
                   payment.amount AS expected, 0 AS found
              FROM account_payment payment
         LEFT JOIN account_payment source ON source.id = payment.source_payment_id
         LEFT JOIN account_move move ON move.id = payment.move_id
         LEFT JOIN account_payment_reversal reversal
                ON reversal.id = move.payment_reversal_id
         LEFT JOIN payment_transaction tx ON tx.id = payment.payment_transaction_id
               AND tx.operation = 'refund'
         LEFT JOIN payment_transaction charge ON charge.id = tx.source_transaction_id
             WHERE payment.payment_type = 'outbound' AND payment.state IN %s AND %s
               AND (source.id IS NULL AND (
                        payment.is_taken_back OR charge.payment_id IS NOT NULL
                        OR EXISTS (SELECT FROM account_refund_allocation part
                                    WHERE part.payment_id = payment.id
                                      AND part.credit_note_id IS NULL))
                    OR payment.is_taken_back
                       AND reversal.payment_id IS DISTINCT FROM source.id
                    OR charge.payment_id IS NOT NULL
                       AND source.payment_transaction_id
                           IS DISTINCT FROM charge.id)
            """,
            POSTED_STATES,
            OF_COMPANIES,
        )

    def _get_allocated_statement(self):
        """Compare each refund with the amounts by which it reopened invoices.

        A credit note stays as it was issued when its refund is changed.
        """
        return SQL(
            """
            SELECT payment.id, payment.company_id, payment.currency_id,
                   least(payment.amount, sum(part.amount)) AS expected,
                   sum(part.amount) AS found
              FROM account_refund_allocation part
              JOIN account_payment payment ON payment.id = part.payment_id
              JOIN account_move move ON move.id = part.invoice_id
             WHERE payment.state IN %s AND %s AND part.credit_note_id IS NULL
          GROUP BY payment.id
            HAVING bool_and(move.currency_id = payment.currency_id)
            """,
            POSTED_STATES,
            OF_COMPANIES,
        )
