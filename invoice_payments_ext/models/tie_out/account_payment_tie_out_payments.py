from odoo import models
from odoo.tools import SQL

from ..refunds.payment_transaction_booking import PAYS_OUT_CREDIT
from ..refunds.taken_back import ALL_TAKEN_BACK
from ..states import POSTED_STATES, UNSUCCESSFUL_OUTCOMES

# The settling schedule of Odoo runs every ten minutes.
SETTLING_MINUTES = 20

TRANSACTIONS = SQL(
    """
    SELECT tx.id, tx.company_id, tx.currency_id, tx.last_state_change,
           CASE WHEN tx.state = 'done' AND parts.id IS NULL
                THEN abs(tx.amount) ELSE 0 END AS expected,
           booked.amount AS found
      FROM payment_transaction tx
 LEFT JOIN (SELECT DISTINCT source_transaction_id AS id
              FROM payment_transaction
             WHERE operation != 'refund' AND state IN ('done', 'cancel')
           ) parts ON parts.id = tx.id
 LEFT JOIN (SELECT payment_transaction_id AS id, sum(amount) AS amount
              FROM account_payment WHERE state IN %s
          GROUP BY payment_transaction_id
           ) booked ON booked.id = tx.id
     WHERE tx.operation != 'validation'
       AND tx.company_id IN (SELECT id FROM companies)
    """,
    POSTED_STATES,
)

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
OF_COMPANIES = SQL("payment.company_id IN (SELECT id FROM companies)")


class AccountPaymentTieOut(models.AbstractModel):
    """Invariants of payments: booked amounts and amounts given back."""

    _inherit = "account.payment.tie.out"

    def _get_fingerprint_statement(self):
        """Compare each transaction with its fingerprint of when it was processed.

        The fields may also be changed by SQL, by other addons, or by superuser code.
        """
        return SQL(
            """
            SELECT tx.id, tx.company_id, tx.currency_id,
                   (kept ->> 'amount')::numeric AS expected,
                   CASE WHEN (kept ->> 'currency_id')::int = tx.currency_id
                         AND (kept ->> 'provider_id')::int = tx.provider_id
                         AND (kept ->> 'is_refund')::bool
                           = (tx.operation IS NOT DISTINCT FROM 'refund')
                         AND kept ->> 'state' = tx.state
                         AND (kept ->> 'source_transaction_id')::int
                             IS NOT DISTINCT FROM tx.source_transaction_id
                        THEN tx.amount ELSE 0 END AS found
              FROM payment_transaction tx, to_jsonb(tx.money_fingerprint) kept
             WHERE tx.money_fingerprint IS NOT NULL
               AND tx.company_id IN (SELECT id FROM companies)
            """
        )

    def _get_booked_statement(self):
        """Compare the amount that a provider confirmed with the booked amount."""
        return SQL(
            "SELECT id, company_id, currency_id, expected, found "
            "FROM (%s) tx WHERE found IS NOT NULL",
            TRANSACTIONS,
        )

    def _get_unsettled_statement(self):
        """Find attempts that a provider confirmed, and nobody booked for too long."""
        return SQL(
            """
            SELECT id, company_id, currency_id, expected, 0 AS found
              FROM (%s) tx
             WHERE found IS NULL AND last_state_change
                   < now() AT TIME ZONE 'UTC' - interval '%s minutes'
            """,
            TRANSACTIONS,
            SETTLING_MINUTES,
        )

    def _get_payment_entry_statement(self):
        """Compare the state of each payment with that of its journal entry."""
        return SQL(
            """
            SELECT payment.id, payment.company_id, payment.currency_id,
                   CASE WHEN payment.state IN %(posted)s
                        THEN payment.amount ELSE 0 END AS expected,
                   CASE WHEN move.state = 'posted' AND NOT EXISTS (
                             -- Undone by an opposite entry: money that went and came.
                             SELECT FROM account_move opposite
                              WHERE opposite.reversed_entry_id = move.id
                                AND opposite.state = 'posted'
                                AND payment.state = 'canceled'
                                AND (payment.source_payment_id IS NOT NULL
                                     OR payment.mistake_reason IS NOT NULL))
                        THEN payment.amount ELSE 0 END AS found
              FROM account_payment payment
              JOIN account_move move ON move.id = payment.move_id
             WHERE %(of_companies)s
            """,
            posted=POSTED_STATES,
            of_companies=OF_COMPANIES,
        )

    def _get_payment_agrees_statement(self):
        """Compare each payment with its journal entry.

        Some localisations withhold a part: then the customer's side has the amount, and
        the bank's side has less. Each side has to be there.
        """
        return SQL(
            """
            SELECT payment.id, payment.company_id, payment.currency_id,
                   payment.amount AS expected,
                   CASE WHEN bool_or(move.journal_id != payment.journal_id) THEN 0
                        -- It is on another account, or another partner's.
                        WHEN count(side.of_customer) = 0 THEN 0
                        WHEN count(side.of_bank) = 0 THEN 0
                        WHEN sum(side.of_customer) = payment.amount
                        THEN payment.amount
                        ELSE coalesce(sum(side.of_bank), 0) END AS found
              FROM account_payment payment
              JOIN account_move move ON move.id = payment.move_id
         LEFT JOIN (
            SELECT payment.id,
                   CASE payment.payment_type WHEN 'inbound' THEN 1 ELSE -1 END
                   * CASE line.account_id WHEN payment.outstanding_account_id
                          THEN line.amount_currency END AS of_bank,
                   CASE payment.payment_type WHEN 'inbound' THEN -1 ELSE 1 END
                   * CASE line.account_id WHEN payment.destination_account_id
                          THEN line.amount_currency END AS of_customer
              FROM account_payment payment
              JOIN account_move_line line ON line.move_id = payment.move_id
               AND line.currency_id = payment.currency_id
         LEFT JOIN res_partner partner ON partner.id = payment.partner_id
             WHERE %(of_companies)s
               AND (line.partner_id IS NULL AND payment.partner_id IS NULL
                    OR line.partner_id IN (partner.id, partner.commercial_partner_id)
                    -- Whose credit it was, the history of credit says.
                    OR payment.journal_id IN (
                       SELECT credit_balance_journal_id FROM res_company))
                   ) side ON side.id = payment.id
             WHERE payment.state IN %(posted)s AND %(of_companies)s
          GROUP BY payment.id
            """,
            posted=POSTED_STATES,
            of_companies=OF_COMPANIES,
        )

    def _get_provider_agrees_statement(self):
        """Compare each payment with the transaction that brought it.

        The customer is compared with the invoices too: a contact may have got another
        company since then.
        """
        return SQL(
            """
            SELECT payment.id, payment.company_id, payment.currency_id,
                   payment.amount AS expected,
                   CASE WHEN payment.currency_id = tx.currency_id
                         AND coalesce(method.payment_provider_id, tx.provider_id)
                           = tx.provider_id
                         AND (holder.commercial_partner_id
                                = payer.commercial_partner_id
                              OR EXISTS (
                                 SELECT
                                   FROM account_invoice_transaction_rel link
                                   JOIN account_move move
                                     ON move.id = link.invoice_id
                                  WHERE link.transaction_id = tx.id
                                    AND payment.partner_id IN (
                                        move.partner_id,
                                        move.commercial_partner_id)))
                        THEN payment.amount ELSE 0 END AS found
              FROM account_payment payment
              JOIN payment_transaction tx ON tx.id = payment.payment_transaction_id
         LEFT JOIN account_payment_method_line method
                ON method.id = payment.payment_method_line_id
         LEFT JOIN res_partner holder ON holder.id = payment.partner_id
         LEFT JOIN res_partner payer ON payer.id = tx.partner_id
             WHERE payment.state IN %s AND %s
            """,
            POSTED_STATES,
            OF_COMPANIES,
        )

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
