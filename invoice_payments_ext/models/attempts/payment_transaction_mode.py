from odoo import api, models
from odoo.exceptions import UserError

from .gateway_answer import NotSentError


class PaymentTransaction(models.Model):
    """Attempts in test mode: nothing of them goes to a live gateway, nor back."""

    _name = "payment.transaction"
    _inherit = ["payment.transaction", "payment.mode.mixin"]

    def _fill_known_modes(self):
        """Take the mode from Odoo's own mark, as far as it is to be trusted.

        Odoo marks live transactions since a certain version: those before the first
        live one may be of either mode. Parts have the mode of their payment.
        """
        self.env.cr.execute(
            """
            WITH RECURSIVE known AS (
                SELECT id, CASE WHEN is_live THEN 'live' ELSE 'test' END AS mode
                  FROM payment_transaction
                 WHERE source_transaction_id IS NULL
                   AND id >= (SELECT min(id) FROM payment_transaction WHERE is_live)
             UNION ALL
                SELECT part.id, known.mode
                  FROM known
                  JOIN payment_transaction part
                    ON part.source_transaction_id = known.id
            )
            UPDATE payment_transaction tx
               SET provider_mode = known.mode FROM known WHERE known.id = tx.id
            """
        )

    # === COMPUTE METHODS === #

    @api.depends("source_transaction_id")
    def _compute_provider_mode(self):
        """Give a capture, void or refund the mode of its payment."""
        result = super()._compute_provider_mode()
        for tx in self:
            if mode := tx.source_transaction_id.provider_mode:
                tx.provider_mode = mode
        return result

    # === CHECK METHODS === #

    def _check_mode(self):
        """Check that a request of this attempt may be sent in the provider's mode.

        :raise NotSentError: If it, or the method to charge, is of the other mode.
        """
        if reason := self._get_other_mode_reason():
            raise NotSentError(reason)

    def _ensure_provider_is_not_disabled(self):
        """Check the mode as well, where Odoo's own flows check the provider."""
        result = super()._ensure_provider_is_not_disabled()
        if reason := self._get_other_mode_reason():
            raise UserError(reason)
        return result

    # === GETTERS === #

    def _get_other_mode_reason(self):
        """Name the method to charge, too, if it is of the other mode."""
        reason = super()._get_other_mode_reason()
        if not reason and self.token_id and not self.source_transaction_id:
            reason = self.token_id._get_other_mode_reason()
        return reason

    def _fetch_outcome(self):
        """Ask the gateway for the outcome, except in the other mode.

        There, it would not know the request, which says nothing.

        :return: See `payment.provider._fetch_outcome`.
        :rtype: dict or None
        """
        if self._is_of_other_mode():
            return None
        return self.provider_id._fetch_outcome(self)
