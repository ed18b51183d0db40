from datetime import datetime, timedelta
from typing import NamedTuple

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


class Trial(NamedTuple):
    """How a saved method was tried, on whichever invoice.

    :param list times: When it was tried, of the time that counts, the latest first.
    :param datetime not_before: The latest time before which the bank wants no other.
    :param str outcome: That of the last charge which the bank answered.
    :param str decline_class: The class of its decline.
    :param datetime answered_on: When that was.
    """

    times: list | None = None
    not_before: datetime | None = None
    outcome: str | None = None
    decline_class: str | None = None
    answered_on: datetime | None = None


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

        To be called in superuser mode. One query for all.

        :return: For the ids of those methods, why.
        :rtype: dict[int, Verdict]
        """
        verdicts = {}
        now = fields.Datetime.now()
        trials = self._get_trials(now)
        for token in self:
            trial = trials.get(token.id, Trial())
            if trial.not_before and trial.not_before > now:
                verdicts[token.id] = Verdict("not_before", not_before=trial.not_before)
            elif free_from := self._get_free_from(trial.times or [], now):
                verdicts[token.id] = Verdict("budget", not_before=free_from)
            answered_on = trial.answered_on
            if token.renewed_on and answered_on and token.renewed_on > answered_on:
                continue
            if reason := token._get_refused_reason():
                verdicts[token.id] = Verdict("never", reason)
            elif trial.outcome == "declined" and (
                trial.decline_class in ("never", "ask_customer")
            ):
                verdicts[token.id] = Verdict(trial.decline_class)
        return verdicts

    def _get_trials(self, now):
        """Return how these methods were tried lately, and the bank's last answer.

        :param datetime.datetime now: The end of the time that counts, in UTC.
        :return: By the id of each method.
        :rtype: dict[int, Trial]
        """
        if not self:
            return {}
        self.env["payment.transaction"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT token.id, tried.times, tried.not_before,
                       answer.outcome, answer.decline_class, answer.last_state_change
                  FROM unnest(%(ids)s::int[]) AS token (id)
            CROSS JOIN LATERAL (
                       SELECT array_agg(create_date ORDER BY create_date DESC) AS times,
                              max(decline_not_before) AS not_before
                         FROM payment_transaction
                        WHERE token_id = token.id AND outcome = ANY(%(counted)s)
                          AND create_date > %(since)s AND %(is_charge)s) AS tried
             LEFT JOIN LATERAL (
                       SELECT outcome, decline_class, last_state_change
                         FROM payment_transaction
                        WHERE token_id = token.id AND outcome = ANY(%(answered)s)
                          AND %(is_charge)s
                     ORDER BY id DESC LIMIT 1) AS answer ON TRUE
                """,
                ids=self.ids,
                counted=list(COUNTED_OUTCOMES),
                answered=list(ANSWERED_OUTCOMES),
                since=now - max(period for period, _count in BUDGET),
                is_charge=SQL(
                    "operation IN ('offline', 'online_token')"
                    " AND source_transaction_id IS NULL"
                ),
            )
        )
        return {token_id: Trial(*values) for token_id, *values in rows}

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
