"""The amounts that others than refunds took of payments, as one query."""

from odoo.tools import SQL

# By a payment's id, the amount in its currency that is matched with money that went
# out: on a bank statement, by an entry, or by a payment that names no source. An
# amount that is matched with a debt is still held. An entry may be matched on the
# account of the customer, on that of the receipts, or on both: it counts once.
TAKEN_BACK = SQL(
    """
    SELECT id, sum(amount) AS amount FROM (
    SELECT id, max(amount) AS amount FROM (
    SELECT payment.id, entry.id AS entry_id,
           sum(part.credit_amount_currency) AS amount
      FROM account_payment payment
      JOIN account_move_line own
        ON own.move_id = payment.move_id
       AND own.account_id = payment.destination_account_id
      JOIN account_partial_reconcile part ON part.credit_move_id = own.id
      JOIN account_move_line taking ON taking.id = part.debit_move_id
       AND taking.parent_state = 'posted'
      JOIN account_move entry ON entry.id = taking.move_id
       AND entry.move_type = 'entry'
 LEFT JOIN account_payment taker ON taker.id = entry.origin_payment_id
     WHERE payment.payment_type = 'inbound'
       -- Credit is given back by the entries of its own history.
       AND NOT EXISTS (SELECT FROM res_company company
                        WHERE company.credit_balance_journal_id = payment.journal_id)
       AND CASE WHEN taker.id IS NOT NULL
                THEN taker.payment_type = 'outbound'
                     AND taker.source_payment_id IS DISTINCT FROM payment.id
                ELSE EXISTS (
                     SELECT FROM account_move_line side
                       JOIN account_account account ON account.id = side.account_id
                      WHERE side.move_id = entry.id AND side.balance < 0
                        AND (account.account_type
                             IN ('asset_cash', 'liability_credit_card')
                             OR account.id = payment.outstanding_account_id))
            END
  GROUP BY payment.id, entry.id
 UNION ALL
    SELECT payment.id, entry.id AS entry_id,
           sum(part.debit_amount_currency) AS amount
      FROM account_payment payment
      JOIN res_partner customer ON customer.id = payment.partner_id
      JOIN account_move_line own
        ON own.move_id = payment.move_id
       AND own.account_id = payment.outstanding_account_id
      JOIN account_partial_reconcile part ON part.debit_move_id = own.id
      JOIN account_move_line taking ON taking.id = part.credit_move_id
       AND taking.parent_state = 'posted'
      JOIN account_move entry ON entry.id = taking.move_id
       AND entry.move_type = 'entry' AND entry.origin_payment_id IS NULL
       AND entry.reversed_entry_id IS DISTINCT FROM payment.move_id
     WHERE payment.payment_type = 'inbound'
       AND NOT EXISTS (SELECT FROM res_company company
                        WHERE company.credit_balance_journal_id = payment.journal_id)
       AND EXISTS (
           SELECT FROM account_move_line side
             JOIN res_partner owner ON owner.id = side.partner_id
            WHERE side.move_id = entry.id AND side.balance > 0
              AND side.account_id = payment.destination_account_id
              AND owner.commercial_partner_id = customer.commercial_partner_id)
  GROUP BY payment.id, entry.id
    ) of_entry GROUP BY id, entry_id
    ) taken GROUP BY id
    """
)

# The same of all payments at once. Most are matched with invoices only: it begins at
# the entries that may take money back, as each payment's own would be read one by one.
ALL_TAKEN_BACK = SQL(
    """
    WITH taking AS MATERIALIZED (
    SELECT line.id, line.move_id, entry.origin_payment_id, taker.source_payment_id
      FROM account_move entry
      JOIN account_move_line line ON line.move_id = entry.id
 LEFT JOIN account_payment taker ON taker.id = entry.origin_payment_id
     WHERE entry.move_type = 'entry'
       AND (taker.id IS NULL OR taker.payment_type = 'outbound')),
         may_be_taken AS MATERIALIZED (
    SELECT payment.id
      FROM taking
      JOIN account_partial_reconcile part ON part.debit_move_id = taking.id
      JOIN account_move_line own ON own.id = part.credit_move_id
      JOIN account_payment payment ON payment.move_id = own.move_id
     WHERE taking.source_payment_id IS DISTINCT FROM payment.id
     UNION
    SELECT payment.id
      FROM taking
      JOIN account_partial_reconcile part ON part.credit_move_id = taking.id
      JOIN account_move_line own ON own.id = part.debit_move_id
      JOIN account_payment payment ON payment.move_id = own.move_id
     WHERE taking.origin_payment_id IS NULL
       AND EXISTS (SELECT FROM account_move_line side
                    WHERE side.move_id = taking.move_id AND side.balance > 0
                      AND side.account_id = payment.destination_account_id)),
         taken AS (
    SELECT may_be_taken.id,
           (SELECT of_one.amount FROM (%s) of_one
             WHERE of_one.id = may_be_taken.id) AS amount
      FROM may_be_taken)
    SELECT id, amount FROM taken WHERE amount IS NOT NULL
    """,
    TAKEN_BACK,
)
