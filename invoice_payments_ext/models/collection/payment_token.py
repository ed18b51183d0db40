from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..states import UNRESOLVED_OUTCOMES
from .decision import Verdict

# How often a saved method may be tried, over all invoices.
# Visa: 20 tries in 30 days, since 2025-05-25
# (https://docs.cielo.com.br/ecommerce-cielo-en/changelog/new-limit-for-visa-retries-starting-may-25-2025).
# Mastercard: 10 declines a day
# (https://developers.tabapay.com/docs/excessive-retry-rules).
BUDGET = ((timedelta(days=1), 10), (timedelta(days=30), 20))
# An attempt that was declined counts, and one that may be.
COUNTED_OUTCOMES = (*UNRESOLVED_OUTCOMES, "pending", "declined")
ANSWERED_OUTCOMES = ("succeeded", "authorized", "declined")


class PaymentToken(models.Model):
    """How often a saved method was tried, and what the bank said last."""

    _inherit = "payment.token"

    renewed_on = fields.Datetime(
        readonly=True,
        copy=False,
        help="When the provider told of new data of this method, such as another date "
        "of expiry. What the bank said before does not count any more.",
    )

    # === BUSINESS METHODS === #

    @api.model
    def _filter_charged_automatically(self, invoices, company):
        charged = super()._filter_charged_automatically(invoices, company)
        collections = self.env["account.move"]._get_collections(invoices)
        collected = collections.filtered(lambda row: row.state == "running").move_id
        if company.sudo().collection_plan_id:
            collected |= invoices.filtered(lambda invoice: invoice.state == "draft")
        permissions = self.env["account.auto.pay"]._get_permissions(
            invoices.partner_id, company
        )
        return charged | (collected & invoices).filtered(
            lambda invoice: permissions[invoice.commercial_partner_id].is_on
        )

    def _get_trial_verdicts(self):
        """Say which of these methods are not to be tried now, on any invoice.

        To be called in superuser mode. Two queries for all.

        :return: For the ids of those methods, why.
        :rtype: dict[int, Verdict]
        """
        verdicts = {}
        now = fields.Datetime.now()
        last = self._get_last_answers()
        for token_id, times, not_before in self._get_tries(now):
            if not_before and not_before > now:
                verdicts[token_id] = Verdict("not_before", not_before=not_before)
            elif free_from := self._get_free_from(times, now):
                verdicts[token_id] = Verdict("budget", not_before=free_from)
        for token in self:
            outcome, decline_class, answered_on = last.get(token.id, (None,) * 3)
            if token.renewed_on and answered_on and token.renewed_on > answered_on:
                continue
            if reason := token._get_refused_reason():
                verdicts[token.id] = Verdict("never", reason)
            elif outcome == "declined" and decline_class in ("never", "ask_customer"):
                verdicts[token.id] = Verdict(decline_class)
        return verdicts

    def _get_last_answers(self):
        """Return the last answer of the bank to a charge of each of these methods.

        :return: For each id that has one, its outcome, class of decline and time.
        :rtype: dict[int, tuple]
        """
        self.env["payment.transaction"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT ON (token_id)
                       token_id, outcome, decline_class, last_state_change
                  FROM payment_transaction
                 WHERE token_id = ANY(%s)
                   AND outcome = ANY(%s)
                   AND operation IN ('offline', 'online_token')
                   AND source_transaction_id IS NULL
                 ORDER BY token_id, id DESC
                """,
                self.ids,
                list(ANSWERED_OUTCOMES),
            )
        )
        return {token_id: tuple(values) for token_id, *values in rows}

    def _get_tries(self, now):
        """Return when each of these methods was tried, the latest first.

        :param datetime.datetime now: The end of the time that counts, in UTC.
        :return: For each that was, its id, the times, and the latest time before which
                 the bank wants no other.
        :rtype: list[tuple]
        """
        return self.env.execute_query(
            SQL(
                """
                SELECT token_id,
                       array_agg(create_date ORDER BY create_date DESC),
                       max(decline_not_before)
                  FROM payment_transaction
                 WHERE token_id = ANY(%s)
                   AND outcome = ANY(%s)
                   AND operation IN ('offline', 'online_token')
                   AND source_transaction_id IS NULL
                   AND create_date > %s
                 GROUP BY token_id
                """,
                self.ids,
                list(COUNTED_OUTCOMES),
                now - max(period for period, _count in BUDGET),
            )
        )

    def _get_free_from(self, times, now):
        """Return from when a method may be tried again by the rules of the schemes.

        :param list[datetime.datetime] times: When it was tried, the latest first.
        :param datetime.datetime now: The present time, in UTC.
        :return: None if it may be tried now.
        :rtype: datetime.datetime or None
        """
        free = [
            times[count - 1] + period for period, count in BUDGET if len(times) >= count
        ]
        latest = max(free, default=now)
        return latest if latest > now else None
