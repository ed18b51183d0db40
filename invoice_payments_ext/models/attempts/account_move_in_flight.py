from odoo import models
from odoo.tools import SQL

from ..states import IN_FLIGHT_OUTCOMES, POSTED_STATES

# As `payment.transaction._get_amount_in_flight` and its share have it. A test compares
# both after each scenario.
AMOUNTS_IN_FLIGHT = """
    WITH attempt AS (
        SELECT rel.invoice_id, tx.id, tx.currency_id,
               CASE WHEN tx.outcome IN %(in_flight)s
                    THEN tx.amount - COALESCE(parts.ended, 0)
                       + COALESCE(parts.unbooked, 0)
                    WHEN tx.outcome = 'succeeded' AND parts.ended IS NULL
                         AND COALESCE(payment.state, '') NOT IN %(posted)s
                    THEN tx.amount
                    ELSE COALESCE(parts.unbooked, 0) END AS amount
          FROM account_invoice_transaction_rel rel
          JOIN payment_transaction tx ON tx.id = rel.transaction_id
     LEFT JOIN account_payment payment ON payment.id = tx.payment_id
    CROSS JOIN LATERAL (
                SELECT sum(part.amount) FILTER (
                           WHERE part.state IN ('done', 'cancel')) AS ended,
                       sum(part.amount) FILTER (
                           WHERE part.outcome = 'succeeded'
                             AND COALESCE(booked.state, '') NOT IN %(posted)s
                             AND NOT EXISTS (
                                 SELECT FROM payment_transaction child
                                  WHERE child.source_transaction_id = part.id
                                    AND child.operation IS DISTINCT FROM 'refund'
                                    AND child.state IN ('done', 'cancel'))
                           ) AS unbooked
                  FROM payment_transaction part
             LEFT JOIN account_payment booked ON booked.id = part.payment_id
                 WHERE part.source_transaction_id = tx.id
                   AND part.operation IS DISTINCT FROM 'refund') parts
         WHERE rel.invoice_id IN %(ids)s
    )
    SELECT attempt.invoice_id,
           sum(LEAST(attempt.amount, CASE WHEN shares.number > 0 AND rel.number > 1
                                          THEN COALESCE(shares.own, 0)
                                          ELSE attempt.amount END)),
           bool_or(attempt.currency_id != move.currency_id
                   OR (rel.number > 1 AND shares.number = 0)
                   OR shares.discount > 0)
      FROM attempt
      JOIN account_move move ON move.id = attempt.invoice_id
CROSS JOIN LATERAL (
            SELECT count(*) AS number FROM account_invoice_transaction_rel
             WHERE transaction_id = attempt.id) rel
CROSS JOIN LATERAL (
            SELECT count(*) AS number,
                   sum(amount) FILTER (WHERE invoice_id = attempt.invoice_id) AS own,
                   sum(discount_amount) AS discount
              FROM payment_transaction_share
             WHERE transaction_id = attempt.id) shares
     WHERE attempt.amount != 0
  GROUP BY attempt.invoice_id
"""


class AccountMove(models.Model):
    """The amounts in flight for many invoices at once."""

    _inherit = "account.move"

    def _get_amounts_in_flight(self):
        """Return what attempts may still bring to each of these invoices.

        One query, except for an attempt in another currency than its invoice, and one
        for several invoices without shares or with an early-payment discount: those
        invoices are computed one by one.

        :return: The amounts in the invoices' currencies; see `_get_amount_in_flight`.
        :rtype: dict[account.move, float]
        """
        amounts = dict.fromkeys(self, 0.0)
        if not self.ids:
            return amounts
        for name in ("account.payment", "payment.transaction.share"):
            self.env[name].flush_model()
        self.env["payment.transaction"].flush_model()
        rows = self.env.execute_query(
            SQL(
                AMOUNTS_IN_FLIGHT,
                ids=tuple(self.ids),
                in_flight=IN_FLIGHT_OUTCOMES,
                posted=POSTED_STATES,
            )
        )
        found = {row[0]: row[1:] for row in rows}
        for move in self:
            amount, is_special = found.get(move._origin.id, (0.0, False))
            amounts[move] = (
                move._origin._get_amount_in_flight()
                if is_special
                else move.currency_id.round(float(amount))
            )
        return amounts
