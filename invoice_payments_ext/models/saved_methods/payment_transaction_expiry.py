import logging

import psycopg2

from odoo import models

_logger = logging.getLogger(__name__)


class PaymentTransaction(models.Model):
    """Answers that name the last day of a saved method: when it is saved or charged."""

    _inherit = "payment.transaction"

    # === BUSINESS METHODS === #

    def _note_token_expiry(self, payment_data):
        """Keep the last day of the saved method, if the answer names it.

        A card that is renewed at the bank gets a later one. An answer that cannot be
        read changes nothing: it is about money first.

        :param dict payment_data: The answer, in the form that `_process` takes.
        """
        token = self.token_id
        if not token:
            return
        try:
            day = self.provider_id._get_token_expiry(payment_data)
            if day and day != token.expires_on:
                with self.env.cr.savepoint():
                    token.write({"expires_on": day, "expiry_told_days": 0})
        except psycopg2.Error:
            raise
        except Exception:  # noqa: BLE001, pylint: disable=broad-except
            _logger.warning("%s names no expiry", self.reference, exc_info=True)
