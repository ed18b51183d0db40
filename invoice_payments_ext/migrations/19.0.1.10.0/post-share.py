def migrate(cr, version):
    """Give the attempts that hold an invoice their share of it; see its index."""
    cr.execute(
        """
        INSERT INTO payment_transaction_share
                    (transaction_id, invoice_id, amount, holds_invoice,
                     create_uid, create_date, write_uid, write_date)
        SELECT id, charge_invoice_id, abs(amount), true,
               1, now() AT TIME ZONE 'UTC', 1, now() AT TIME ZONE 'UTC'
          FROM payment_transaction tx
         WHERE holds_invoice AND charge_invoice_id IS NOT NULL
           AND NOT EXISTS (SELECT FROM payment_transaction_share share
                            WHERE share.transaction_id = tx.id)
        """
    )
