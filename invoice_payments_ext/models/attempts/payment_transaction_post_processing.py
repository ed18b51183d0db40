from datetime import timedelta

from odoo import fields, models
from odoo.fields import Domain

from .payment_transaction_steps import CONCURRENCY_ERRORS

# As long as Odoo's own schedule tries; ours goes on (see the resolver).
POST_PROCESSING_PERIOD = timedelta(days=4)


class PaymentTransaction(models.Model):
    """Odoo's schedule that books payments, beside the page and our own schedule."""

    _inherit = "payment.transaction"

    # === BUSINESS METHODS === #

    def _cron_post_process(self):  # pylint: disable=missing-return
        """Book one attempt after the other, each locked before it is read.

        Stock reads all of them first. Where the customer's page books one meanwhile,
        it then fails to write the row that it has read before.
        """
        attempts = self or self.search(
            Domain("is_post_processed", "=", False)
            & Domain(
                "last_state_change",
                ">=",
                fields.Datetime.now() - POST_PROCESSING_PERIOD,
            )
        )
        for attempt in attempts:
            if attempt._begin_to_post_process():
                super(PaymentTransaction, attempt)._cron_post_process()

    def _begin_to_post_process(self):
        """Lock this attempt in a new database transaction. Commits.

        :return: Whether it is still to be booked, and nobody else is at it.
        :rtype: bool
        """
        self.ensure_one()
        self._commit_step("resolved")
        try:
            is_locked = self._try_to_lock_quietly()
        except CONCURRENCY_ERRORS:
            self.env.cr.rollback()
            return False
        return bool(is_locked) and not self.is_post_processed
