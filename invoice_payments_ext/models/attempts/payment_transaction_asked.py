import logging
from collections import Counter
from datetime import timedelta

from odoo import api, fields, models

_logger = logging.getLogger(__name__)

# An open authorization is asked about once a night, and so many of them in one run.
ASKED_AGAIN_AFTER = timedelta(hours=20)
MAX_ASKED = 50
# After so many unclear answers in a row, a provider is left in peace until later.
MAX_UNCLEAR = 3


class PaymentTransaction(models.Model):
    """Authorizations that were captured or ended in the provider's own pages.

    Their message may be lost, and a provider lists a payment under the day on which it
    was made: after some days, no list of a night has it.
    """

    _inherit = "payment.transaction"

    @api.model
    def _ask_about_authorizations(self):
        """Ask the providers about open authorizations, asked longest ago first.

        Commits after each.

        :return: Whether there is time for more.
        :rtype: bool
        """
        before = fields.Datetime.now() - ASKED_AGAIN_AFTER
        attempts = self.search(
            [
                ("outcome", "=", "authorized"),
                ("provider_id.state", "in", ("enabled", "test")),
                ("create_date", "<", before),
                "|",
                ("asked_on", "=", False),
                ("asked_on", "<", before),
            ],
            order="asked_on NULLS FIRST, id",
            limit=MAX_ASKED,
        )
        unclear = Counter()
        for attempt in attempts:
            provider = attempt.provider_id
            if unclear[provider] < MAX_UNCLEAR:
                is_clear = attempt._ask_about_authorization()
                unclear[provider] = 0 if is_clear else unclear[provider] + 1
            if not self.env["ir.cron"]._commit_progress():
                return False
        return True

    def _ask_about_authorization(self):
        """Ask whether this authorization is still open, and apply the answer. Commits.

        :return: Whether the provider answered clearly, or was not asked.
        :rtype: bool
        """
        self = self.with_context(payment_backend_action=True)
        try:
            is_clear = self._in_step("resolved", self._take_word_on_authorization)
            self._try_to_settle()
        except Exception:  # noqa: BLE001, pylint: disable=broad-except
            # One that cannot be applied must not keep the others waiting.
            _logger.exception("The provider could not be asked for %s", self.reference)
            self.env.cr.rollback()
            self._in_step("resolved", lambda: self._keep_word(None))
            return False
        return is_clear

    def _take_word_on_authorization(self):
        """Ask about this authorization, if no part of it moves or moved.

        Of one that was captured in part, the provider's word on the whole is not clear.
        """
        family = self._get_family()
        if not family.try_lock_for_update(allow_referencing=True):
            return True
        if self.outcome != "authorized" or any(
            part.state != "error" for part in family - self
        ):
            self.asked_on = fields.Datetime.now()  # The others have their turn.
            return True
        return self._take_word() is not None
