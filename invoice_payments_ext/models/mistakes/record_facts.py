"""The facts of a recorded payment that say whether it can be taken back, as SQL."""

from odoo.tools import SQL

# Columns of a `payment` of the query around them. The entry on the bank's side is that
# of `account.payment._get_bank_entries`.
OF_RECORD = SQL(
    """
    payment.mistake_reason,
    EXISTS (SELECT FROM account_move opposite
             WHERE opposite.reversed_entry_id = payment.move_id
               AND opposite.state != 'cancel') AS has_opposite,
    EXISTS (SELECT FROM account_refund_allocation part
             WHERE part.payment_id = payment.id) AS is_allocated,
    (SELECT min(entry.name)
       FROM account_move_line own
       JOIN account_partial_reconcile part
         ON own.id IN (part.debit_move_id, part.credit_move_id)
       JOIN account_move_line other
         ON other.id IN (part.debit_move_id, part.credit_move_id)
        AND other.id != own.id
       JOIN account_move entry ON entry.id = other.move_id
      WHERE own.move_id = payment.move_id
        AND own.account_id != payment.destination_account_id) AS bank_entry
    """
)
