from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """Number the tries of an invoice without the credit that was spent on it."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    credit = env["payment.transaction"]._get_credit_method_id()
    cr.execute(
        """
        UPDATE payment_transaction tx
           SET attempt_number = tx.attempt_number - before.number
          FROM (
            SELECT tried.id, count(DISTINCT spent.id) AS number
              FROM payment_transaction spent
              JOIN account_invoice_transaction_rel other
                ON other.transaction_id = spent.id
              JOIN account_invoice_transaction_rel own
                ON own.invoice_id = other.invoice_id
              JOIN payment_transaction tried ON tried.id = own.transaction_id
             WHERE spent.payment_method_id = %(credit)s AND spent.attempt_number > 0
               AND tried.payment_method_id <> %(credit)s
               AND tried.attempt_number > spent.attempt_number
          GROUP BY tried.id
          ) before
         WHERE before.id = tx.id
        """,
        {"credit": credit},
    )
    cr.execute(
        "UPDATE payment_transaction SET attempt_number = 0 "
        "WHERE payment_method_id = %s AND attempt_number > 0",
        [credit],
    )
