from odoo import models
from odoo.tools import SQL

# What each journal item is matched with, in its own and in the company's currency.
MATCHED = SQL(
    """
    SELECT line_id, sum(amount) AS balance, sum(amount_currency) AS amount_currency
      FROM (SELECT debit_move_id AS line_id, amount,
                   debit_amount_currency AS amount_currency
              FROM account_partial_reconcile
         UNION ALL
            SELECT credit_move_id, -amount, -credit_amount_currency
              FROM account_partial_reconcile) side
  GROUP BY line_id
    """
)


class AccountPaymentTieOut(models.AbstractModel):
    """Invariants of journal items: what they repeat of each other agrees."""

    _inherit = "account.payment.tie.out"

    def _get_items_statement(self):
        """Count the items that say something else than their entry.

        Reports read the state, the company, the journal and the date of the items.
        """
        return SQL(
            """
            SELECT move.id, move.company_id, NULL::int AS currency_id,
                   0 AS expected, count(*) AS found
              FROM account_move_line line
              JOIN account_move move ON move.id = line.move_id
              JOIN res_company company ON company.id = move.company_id
             WHERE move.company_id IN (SELECT id FROM companies)
               AND (move.state = 'posted' OR line.parent_state = 'posted')
               AND (line.parent_state != move.state
                    OR line.company_id != move.company_id
                    OR line.journal_id != move.journal_id
                    OR line.date != move.date
                    OR line.balance != line.debit - line.credit
                    OR line.currency_id = company.currency_id
                       AND line.amount_currency != line.balance)
          GROUP BY move.id
            """
        )

    def _get_total_statement(self):
        """Compare the figures of each invoice and credit note with its items.

        The total and the remaining amount are those of the customer's items, and the
        state of payment says whether something remains. The items are the customer's,
        and in the currency of the document. What remains of an invoice is compared with
        what is applied to it.
        """
        return SQL(
            """
            SELECT document.id, document.company_id, document.currency_id,
                   figure.expected, figure.found
              FROM (
            SELECT move.id, move.company_id, move.currency_id, move.amount_total,
                   move.amount_residual, move.payment_state,
                   sum(line.amount_currency * sign.value) AS total,
                   CASE move.move_type WHEN 'out_invoice' THEN move.amount_residual
                        ELSE -sum(line.amount_residual_currency) END AS remaining,
                   bool_or(line.currency_id != move.currency_id
                           OR line.partner_id IS DISTINCT FROM move.partner_id
                          AND line.partner_id
                              IS DISTINCT FROM move.commercial_partner_id
                          AND line.partner_id IS DISTINCT FROM (
                              SELECT commercial_partner_id FROM res_partner
                               WHERE id = move.partner_id)) AS is_of_another
              FROM account_move move
        CROSS JOIN LATERAL (SELECT CASE move.move_type WHEN 'out_invoice' THEN 1
                                   ELSE -1 END AS value) sign
              JOIN account_move_line line ON line.move_id = move.id
               AND line.display_type = 'payment_term'
             WHERE move.move_type IN ('out_invoice', 'out_refund')
               AND move.state = 'posted'
               AND move.company_id IN (SELECT id FROM companies)
          GROUP BY move.id
                   ) document
        CROSS JOIN LATERAL (
            VALUES (document.total, document.amount_total),
                   (document.remaining, document.amount_residual),
                   (document.amount_total,
                    CASE WHEN document.is_of_another THEN 0
                         ELSE document.amount_total END),
                   (document.amount_residual,
                    CASE WHEN document.amount_residual = 0
                          AND document.payment_state IN ('not_paid', 'partial')
                         THEN document.amount_total
                         WHEN document.amount_residual != 0
                          AND document.payment_state
                              IN ('paid', 'in_payment', 'reversed')
                          AND NOT EXISTS (
                              -- Odoo lets a payment without an entry pay it.
                              SELECT FROM account_move__account_payment link
                                JOIN account_payment payment
                                  ON payment.id = link.payment_id
                               WHERE link.invoice_id = document.id
                                 AND payment.move_id IS NULL)
                         THEN 0
                         ELSE document.amount_residual END)
                   ) figure(expected, found)
            """
        )

    def _get_remaining_statement(self):
        """Compare what remains of each item with what it is matched with.

        In the currency of the item, and in that of its company.
        """
        return SQL(
            """
            SELECT item.id, item.company_id, figure.currency_id,
                   figure.expected, figure.found
              FROM (
            SELECT line.id, line.company_id, line.currency_id,
                   line.company_currency_id, line.amount_residual,
                   line.amount_residual_currency,
                   line.balance - coalesce(part.balance, 0) AS balance,
                   line.amount_currency - coalesce(part.amount_currency, 0)
                       AS amount_currency
              FROM account_move_line line
              JOIN account_account account ON account.id = line.account_id
               AND account.reconcile
         LEFT JOIN (%s) part ON part.line_id = line.id
             WHERE line.parent_state = 'posted'
               AND line.company_id IN (SELECT id FROM companies)
                   ) item
        CROSS JOIN LATERAL (
            VALUES (item.currency_id, item.amount_currency,
                    item.amount_residual_currency),
                   (item.company_currency_id, item.balance, item.amount_residual)
                   ) figure(currency_id, expected, found)
             WHERE figure.expected != figure.found
            """,
            MATCHED,
        )

    def _get_written_off_statement(self):
        """Find amounts that a write-off takes off another invoice than its own."""
        return SQL(
            """
            SELECT entry.id, entry.company_id, entry.currency_id,
                   sum(part.credit_amount_currency) AS expected,
                   coalesce(sum(part.credit_amount_currency) FILTER (
                       WHERE other.id = entry.written_off_invoice_id
                          OR other.reversed_entry_id = entry.id), 0) AS found
              FROM account_move entry
              JOIN account_move_line line ON line.move_id = entry.id
              JOIN account_partial_reconcile part ON part.credit_move_id = line.id
              JOIN account_move_line item ON item.id = part.debit_move_id
              JOIN account_move other ON other.id = item.move_id
             WHERE entry.written_off_invoice_id IS NOT NULL
               AND entry.company_id IN (SELECT id FROM companies)
          GROUP BY entry.id
            """
        )
