from odoo import models
from odoo.exceptions import UserError

from ..core.door import Door

RETRY = Door(
    "payment.transaction.retry",
    rights="_check_attempt_rights",
    lock="_lock_to_retry",
    check="_check_retry",
    work="_prepare_retry",
    complete="_complete_attempt",
)


class PaymentTransaction(models.Model):
    """The door that repeats a failed attempt."""

    _inherit = "payment.transaction"

    # === ACTION METHODS === #

    def action_retry(self):
        """Return the dialog that repeats this attempt with the same or another method.

        :rtype: dict
        """
        self.ensure_one()
        invoice = self._get_attempt_invoices()
        action = invoice.action_create_payment()
        action["name"] = self.env._("Retry %s", self.reference)
        action["context"] = {
            **action["context"],
            "default_retried_transaction_id": self.id,
        }
        return action

    # === BUSINESS METHODS - DOORS === #

    def retry(self, token_id=None, idempotency_key=None, notify=None):
        """Repeat a declined, failed or canceled attempt.

        The new attempt is for the lesser of this attempt's amount and the chargeable
        amount, in the invoice's currency, and is linked to this one. Commits, as
        `charge`.

        :param int token_id: The saved method; this attempt's own if not given.
        :param bool notify: See `account.move.charge`.
        :param str idempotency_key: See `account.move.charge`.
        :return: The new attempt.
        :rtype: payment.transaction
        :raise UserError: If this attempt cannot be repeated, something is in flight on
                          the invoice, or the method cannot be charged.
        :raise AccessError: If the user has no right to charge.
        """
        return self._pass(RETRY, idempotency_key, token_id=token_id, notify=notify)

    # === BUSINESS METHODS - STEPS OF DOORS === #

    def _lock_to_retry(self, **_arguments):
        """Lock the invoice of this attempt; see :meth:`retry`."""
        self._get_attempt_invoices()._lock_for_payment()

    def _check_retry(self, token_id, notify=None):
        """Check that this attempt can be repeated, on a locked invoice."""
        invoice = self._get_attempt_invoices()
        if len(invoice) != 1:
            raise UserError(
                self.env._(
                    "%s is not for a single invoice: charge its invoices one by one.",
                    self.reference,
                )
            )
        if came := self._get_standing_payments():
            raise UserError(
                self.env._(
                    "The money of %(reference)s came: %(payments)s. Create another "
                    "payment for the rest.",
                    reference=self.reference,
                    payments=", ".join(came.mapped("name")),
                )
            )
        amount = invoice._get_retry_amount(self)
        if reason := self._get_other_mode_reason():
            raise UserError(reason)
        invoice._check_charge(token_id or self.token_id.id, amount)

    def _prepare_retry(self, token_id, notify):
        """Create the attempt that repeats this one, on a locked invoice."""
        invoice = self._get_attempt_invoices()
        return invoice._prepare_charge(
            token_id or self.token_id.id,
            invoice._get_retry_amount(self),
            retried=self,
            notify=notify,
        )
