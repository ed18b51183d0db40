from odoo import models
from odoo.tools import SQL

from ..states import POSTED_STATES

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

OF_COMPANIES = SQL("payment.company_id IN (SELECT id FROM companies)")


class AccountPaymentTieOut(models.AbstractModel):
    """Invariants of payments: what was confirmed, booked, and entered."""

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
                         AND coalesce(kept ->> 'operation', tx.operation)
                             IS NOT DISTINCT FROM tx.operation
                         AND coalesce((kept ->> 'company_id')::int, tx.company_id)
                           = tx.company_id
                         -- A method may be saved with the payment, and contacts may be
                         -- merged: then the former one is not there any more.
                         AND coalesce((kept ->> 'token_id')::int, tx.token_id)
                             IS NOT DISTINCT FROM tx.token_id
                         AND (coalesce((kept ->> 'partner_id')::int, tx.partner_id)
                                = tx.partner_id
                              OR former.id IS NULL)
                         AND tx.outcome = ANY(CASE tx.state
                             WHEN 'draft' THEN '{draft,ready,sent,unknown}'
                             WHEN 'pending' THEN '{pending,announced}'
                             WHEN 'authorized' THEN '{authorized}'
                             WHEN 'done' THEN '{succeeded}'
                             WHEN 'cancel' THEN '{canceled}'
                             ELSE '{declined,failed,unknown}' END::varchar[])
                        THEN tx.amount ELSE 0 END AS found
              FROM payment_transaction tx
        CROSS JOIN LATERAL to_jsonb(tx.money_fingerprint) kept
         LEFT JOIN res_partner former ON former.id = (kept ->> 'partner_id')::int
             WHERE tx.money_fingerprint IS NOT NULL
               AND tx.company_id IN (SELECT id FROM companies)
         UNION ALL
            -- Those from before the installation have none.
            SELECT tx.id, tx.company_id, tx.currency_id, tx.amount, 0
              FROM payment_transaction tx
             WHERE tx.money_fingerprint IS NULL
               AND tx.id > (SELECT min(id) FROM payment_transaction
                             WHERE money_fingerprint IS NOT NULL)
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
        the bank's side has less. Each side has to be there. In a closed period, Odoo
        dates the entry after it.
        """
        return SQL(
            """
            SELECT payment.id, payment.company_id, payment.currency_id,
                   payment.amount AS expected,
                   CASE WHEN bool_or(move.id IS NULL
                                  OR move.journal_id != payment.journal_id
                                  OR move.company_id != payment.company_id
                                  OR move.date != payment.date
                                 AND (move.date < payment.date
                                      OR payment.date > greatest(
                                      company.fiscalyear_lock_date,
                                      company.sale_lock_date, company.tax_lock_date,
                                      company.hard_lock_date, '1900-01-01'))) THEN 0
                        -- It is on another account, or another partner's.
                        WHEN count(side.of_customer) = 0 THEN 0
                        WHEN count(side.of_bank) = 0 THEN 0
                        WHEN sum(side.of_customer) = payment.amount
                        THEN payment.amount
                        ELSE coalesce(sum(side.of_bank), 0) END AS found
              FROM account_payment payment
              JOIN res_company company ON company.id = payment.company_id
         LEFT JOIN account_move move ON move.id = payment.move_id
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
               AND (move.id IS NOT NULL
                    OR payment.outstanding_account_id IS NOT NULL)
          GROUP BY payment.id
            """,
            posted=POSTED_STATES,
            of_companies=OF_COMPANIES,
        )

    def _get_provider_agrees_statement(self):
        """Compare each payment with the transaction that brought it.

        Each names the other. The customer is compared with the invoices too: a contact
        may have got another company since then.
        """
        return SQL(
            """
            SELECT payment.id, payment.company_id, payment.currency_id,
                   payment.amount AS expected,
                   CASE WHEN payment.currency_id = tx.currency_id
                         AND payment.company_id = tx.company_id
                         AND named.payment_transaction_id = tx.id
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
         -- A transaction whose payment was made anew names one of them.
         LEFT JOIN account_payment named ON named.id = tx.payment_id
             WHERE payment.state IN %s AND %s
            """,
            POSTED_STATES,
            OF_COMPANIES,
        )
