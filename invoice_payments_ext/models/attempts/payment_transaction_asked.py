import logging
from datetime import datetime, timedelta

from odoo import api, fields, models
from odoo.fields import Domain

_logger = logging.getLogger(__name__)

# An open authorization is asked about once a night, and so many of each provider in one
# run.
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
    def _ask_about_authorizations(self, resting):
        """Ask the providers about open authorizations, asked longest ago first.

        So it is with the providers, too: one that takes all the time of a run, as it
        does not answer, is the last one of the next run. Commits after each.

        :param payment.provider resting: Those that are not to be asked now.
        """
        is_open = Domain("outcome", "=", "authorized") & Domain(
            "provider_id.state", "in", ("enabled", "test")
        )
        before = fields.Datetime.now() - ASKED_AGAIN_AFTER
        is_due = (
            is_open
            & Domain("create_date", "<", before)
            & (Domain("asked_on", "=", False) | Domain("asked_on", "<", before))
        )
        last_asked = self._read_group(is_open, ["provider_id"], ["asked_on:max"])
        last_asked.sort(key=lambda row: row[1] or datetime.min)
        for provider, _moment in last_asked:
            if provider in resting:
                continue
            attempts = self.search(
                is_due & Domain("provider_id", "=", provider.id),
                order="asked_on NULLS FIRST, id",
                limit=MAX_ASKED,
            )
            if not attempts._ask_in_turn():
                break

    def _ask_in_turn(self):
        """Ask the one provider of these authorizations about one after the other.

        It is left in peace after some unclear answers in a row.

        :return: Whether there is time for more.
        :rtype: bool
        """
        unclear = 0
        for attempt in self:
            unclear = 0 if attempt._ask_about_authorization() else unclear + 1
            if not self.env["ir.cron"]._commit_progress():
                return False
            if unclear >= MAX_UNCLEAR:
                break
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

        :return: Whether the provider answered clearly, or was not asked.
        :rtype: bool
        """
        family = self._get_family()
        if not family.try_lock_for_update(allow_referencing=True):
            return True
        if self.outcome != "authorized" or any(
            part.state != "error" for part in family - self
        ):
            self.asked_on = fields.Datetime.now()  # The others have their turn.
            return True
        is_clear = self._take_word() is not None
        if self.outcome == "unknown":
            self._tell_captured_otherwise()
        return is_clear

    def _tell_captured_otherwise(self):
        """Give a person the task to resolve that another amount was captured."""
        self._schedule_payment_activity(
            self._get_attempt_invoices()[:1],
            self.env._("Another amount was captured"),
            self.env._(
                "%(reference)s was captured in the provider's pages. %(message)s "
                "Resolve it with the amount that moved.",
                reference=self._get_html_link(),
                message=self.state_message or "",
            ),
            self,
        )
