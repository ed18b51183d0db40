from odoo import models

# The payment method of credit that is spent.
CREDIT_METHOD = "invoice_payments_ext.payment_method_credit_balance"
# Attempts that charge: not refunds, not the saving of a method, and not credit spent.
CHARGES = """
    COALESCE({0}.operation, '') NOT IN ('refund', 'validation')
    AND {0}.source_transaction_id IS NULL
    AND {0}.payment_method_id <> %(credit)s
"""
# Of the same invoices as the attempt `%(id)s`, a later charge succeeded.
IS_FOLLOWED_BY_SUCCESS = f"""
    EXISTS (
        SELECT FROM account_invoice_transaction_rel own
          JOIN account_invoice_transaction_rel later
            ON later.invoice_id = own.invoice_id
           AND later.transaction_id > own.transaction_id
          JOIN payment_transaction paid ON paid.id = later.transaction_id
         WHERE own.transaction_id = %(id)s
           AND paid.outcome = 'succeeded' AND {CHARGES.format("paid")}
    )
"""


class PaymentTransaction(models.Model):
    """Which attempts are charges, and which of them a later one made good."""

    _inherit = "payment.transaction"

    def _get_credit_method_id(self):
        """Return the id of the payment method of credit; 0 if somebody removed it.

        :rtype: int
        """
        return self.env["ir.model.data"]._xmlid_to_res_id(CREDIT_METHOD) or 0
