from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

# The payment method of credit that is spent.
CREDIT_METHOD = "invoice_payments_ext.payment_method_credit_balance"
# The operations of attempts that ask for no money.
NO_CHARGES = ("refund", "validation")
# Attempts that charge: not refunds, not the saving of a method, not captures and voids,
# and not credit spent. `_is_charge` and `_get_charges_domain` say the same.
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
    """Which attempts are charges, which are tries, and which a later one made good.

    A try is a charge that became real: a form of payment that was only opened is none.
    """

    _inherit = "payment.transaction"

    @api.model
    def _get_credit_method_id(self):
        """Return the id of the payment method of credit; 0 if somebody removed it.

        :rtype: int
        """
        return self.env["ir.model.data"]._xmlid_to_res_id(CREDIT_METHOD) or 0

    def _is_charge(self):
        """Tell if this attempt charges.

        Note: `self.ensure_one()`

        :rtype: bool
        """
        self.ensure_one()
        return (
            self.operation not in NO_CHARGES
            and not self.source_transaction_id
            and self.payment_method_id.id != self._get_credit_method_id()
        )

    def _is_try(self):
        """Tell if this attempt is a charge that became real.

        Note: `self.ensure_one()`

        :rtype: bool
        """
        return self.outcome != "draft" and self._is_charge()

    @api.model
    def _get_charges_domain(self):
        """Return the domain of the attempts that charge.

        :rtype: Domain
        """
        return (
            Domain("operation", "not in", NO_CHARGES)
            & Domain("source_transaction_id", "=", False)
            & Domain("payment_method_id", "!=", self._get_credit_method_id())
        )

    @api.model
    def _get_try_condition(self, table):
        """Return the condition that an attempt is a try.

        :param str table: The name of its table in the query.
        :rtype: SQL
        """
        return SQL(
            f"{table}.outcome <> 'draft' AND {CHARGES.format(table)}",
            credit=self._get_credit_method_id(),
        )
