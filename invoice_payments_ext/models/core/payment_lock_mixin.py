from odoo import fields, models
from odoo.exceptions import LockError
from odoo.tools import SQL

from ...tools import SELDOM_READ


class PaymentLockMixin(models.AbstractModel):
    """Records that are locked before money is moved with them."""

    _name = "payment.lock.mixin"
    _description = "Lock for Payments"

    payment_lock_count = fields.Integer(
        prefetch=SELDOM_READ,
        readonly=True,
        copy=False,
        help="Raised with every lock for a payment. A request that read the record "
        "before then fails to lock it, and is replayed on the new values.",
    )

    def _lock_rows(self):
        """Lock these records until the end of the database transaction.

        The row is changed, not just locked: PostgreSQL lets a request that read it
        before lock an unchanged row again, and decide on old values.

        :raise LockError: If somebody else is at one of these records right now.
        """
        if not self.ids:
            return
        locked = self.env.execute_query(
            SQL(
                """
                WITH free AS (
                    SELECT id FROM %(table)s WHERE id IN %(ids)s
                     ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
                )
                UPDATE %(table)s record
                   SET payment_lock_count = coalesce(record.payment_lock_count, 0) + 1
                  FROM free
                 WHERE record.id = free.id
             RETURNING record.id
                """,
                table=SQL.identifier(self._table),
                ids=tuple(self.ids),
            )
        )
        self.invalidate_recordset(["payment_lock_count"], flush=False)
        if len(locked) != len(set(self.ids)):
            raise LockError(self.env._("Somebody else holds a lock on these records."))
