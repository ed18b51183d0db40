def migrate(cr, version):
    """Keep the meaning of limits of zero, and give the keys to their callers.

    Zero meant that no second person is needed; now it means that one always is.
    """
    cr.execute(
        "UPDATE res_company SET payment_approval_limit = NULL "
        "WHERE payment_approval_limit = 0"
    )
    cr.execute(
        """
        ALTER TABLE account_idempotency_key
         ADD COLUMN IF NOT EXISTS user_id integer,
         ADD COLUMN IF NOT EXISTS company_id integer
        """
    )
    cr.execute(
        """
        UPDATE account_idempotency_key key
           SET user_id = person.id,
               company_id = coalesce(
                   move.company_id,
                   payment.company_id,
                   transaction.company_id,
                   approval.company_id,
                   balance.company_id,
                   person.company_id
               )
          FROM account_idempotency_key own
          JOIN res_users person ON person.id = coalesce(own.create_uid, 1)
     LEFT JOIN account_move move
            ON own.res_model = 'account.move'
           AND move.id = (own.res_ids ->> 0)::integer
     LEFT JOIN account_payment payment
            ON own.res_model = 'account.payment'
           AND payment.id = (own.res_ids ->> 0)::integer
     LEFT JOIN payment_transaction transaction
            ON own.res_model = 'payment.transaction'
           AND transaction.id = (own.res_ids ->> 0)::integer
     LEFT JOIN account_payment_approval approval
            ON own.res_model = 'account.payment.approval'
           AND approval.id = (own.res_ids ->> 0)::integer
     LEFT JOIN account_credit_balance_entry entry
            ON own.res_model = 'account.credit.balance.entry'
           AND entry.id = (own.res_ids ->> 0)::integer
     LEFT JOIN account_credit_balance balance ON balance.id = entry.balance_id
         WHERE key.id = own.id
        """
    )
