from odoo import fields, models
from odoo.tools import SQL


class PaymentLockMixin(models.AbstractModel):
    """Records that are locked before money is moved with them."""

    _name = "payment.lock.mixin"
    _description = "Lock for Payments"

    payment_lock_count = fields.Integer(
        readonly=True,
        copy=False,
        help="Raised with every lock for a payment: a request that read the record "
        "before then fails to lock it, and is replayed on what is true now.",
    )

    def _lock_rows(self):
        """Lock these records until the end of the database transaction.

        The row is changed, not just locked: PostgreSQL lets a request that read it
        before lock an unchanged row again, and decide on what is true no more.

        :raise LockError: If somebody else is at one of these records right now.
        """
        self.lock_for_update(allow_referencing=True)
        if self.ids:
            self.env.cr.execute(
                SQL(
                    "UPDATE %s SET payment_lock_count = "
                    "coalesce(payment_lock_count, 0) + 1 WHERE id IN %s",
                    SQL.identifier(self._table),
                    tuple(self.ids),
                )
            )
            self.invalidate_recordset(["payment_lock_count"], flush=False)
