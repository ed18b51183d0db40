"""The entry that a payment is matched with on the bank's side, as one query."""

from odoo.tools import SQL

# Of a `payment` of the query around it; `account.payment._get_bank_entries` says the
# same of one payment.
BANK_ENTRY = SQL(
    """
    SELECT min(entry.name)
      FROM account_move_line own
      JOIN account_partial_reconcile part
        ON own.id IN (part.debit_move_id, part.credit_move_id)
      JOIN account_move_line other
        ON other.id IN (part.debit_move_id, part.credit_move_id)
       AND other.id != own.id
      JOIN account_move entry ON entry.id = other.move_id
     WHERE own.move_id = payment.move_id
       AND own.account_id != payment.destination_account_id
    """
)
