from odoo import models
from odoo.tools import SQL

from ..taken_back.reversal_states import WITHDRAWN


class AccountPaymentTieOut(models.AbstractModel):
    """Invariant of money taken back: the amount by its state, and by the books."""

    _inherit = "account.payment.tie.out"

    def _get_taken_back_statement(self):
        """Compare money taken back with the amounts that its entries took off receipts.

        So the gateway holds the payments, less the refunds, less the money taken back.
        A line of a bank statement is compared where it is matched.
        """
        return SQL(
            """
            SELECT reversal.id, reversal.company_id, reversal.currency_id,
                   CASE WHEN reversal.state IN %s AND reversal.is_by_bank IS NOT TRUE
                        THEN reversal.amount ELSE 0 END
                   + CASE -- A fee that came back before that amount was kept.
                          WHEN coalesce(reversal.fee_returned_amount, 0) = 0
                           AND EXISTS (
                               SELECT FROM account_move undone
                                WHERE undone.reversed_entry_id = reversal.fee_move_id
                                  AND undone.state = 'posted') THEN 0
                          ELSE coalesce(reversal.fee_amount, 0)
                             - coalesce(reversal.fee_returned_amount, 0)
                     END AS expected,
                   coalesce((SELECT -sum(line.amount_currency)
                      FROM account_move move
                      JOIN account_move_line line ON line.move_id = move.id
                       AND line.account_id = payment.outstanding_account_id
                     WHERE move.payment_reversal_id = reversal.id
                       AND move.state = 'posted'), 0) AS found
              FROM account_payment_reversal reversal
              JOIN account_payment payment ON payment.id = reversal.payment_id
             WHERE reversal.company_id IN (SELECT id FROM companies)
            """,
            WITHDRAWN,
        )
