from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """Let attempts that are not booked yet be booked in the branch of their invoices.

    Booked payments stay where they are.
    """
    env = api.Environment(cr, SUPERUSER_ID, {})
    cr.execute(
        """
        SELECT DISTINCT tx.id
          FROM payment_transaction tx
          JOIN account_invoice_transaction_rel link ON link.transaction_id = tx.id
          JOIN account_move move ON move.id = link.invoice_id
         WHERE tx.payment_id IS NULL AND move.company_id != tx.company_id
        """
    )
    transactions = env["payment.transaction"].browse(row[0] for row in cr.fetchall())
    env.add_to_compute(transactions._fields["company_id"], transactions)
