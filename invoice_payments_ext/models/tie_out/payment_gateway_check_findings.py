from collections import defaultdict
from datetime import timedelta

from odoo import fields, models
from odoo.tools import SQL

from ..attempts.payment_mode_mixin import MODES
from ..taken_back.reversal_states import WITHDRAWN
from .payment_gateway_check_pages import get_day

# Disputes have a day, and no time: the days at both ends are left out.
DAY = timedelta(days=1)

# Money taken back by the provider's id, in the currency in which the provider named it.
TAKEN_BACK = """
    SELECT reversal.provider_reference AS reference,
           min(reversal.transaction_id) AS id, min(reversal.opened_on) AS date,
           max(COALESCE(named.id, reversal.currency_id)) AS currency_id,
           sum(CASE WHEN reversal.state NOT IN %(withdrawn)s THEN 0
                    WHEN named.id IS NULL THEN -reversal.amount
                    ELSE -reversal.gateway_amount END) AS amount
      FROM account_payment_reversal reversal
      JOIN payment_transaction tx ON tx.id = reversal.transaction_id
 LEFT JOIN res_currency named
        ON named.name = reversal.gateway_currency AND reversal.gateway_amount != 0
     WHERE reversal.provider_id = %(provider_id)s
       AND reversal.provider_reference IS NOT NULL
       AND reversal.kind != 'late_failure'
       AND COALESCE(tx.provider_mode, %(mode)s) = %(mode)s
       AND (%(condition)s)
  GROUP BY reversal.provider_reference
"""


class PaymentGatewayCheck(models.Model):
    """Money taken back, the sums of the days, and differences that are accepted."""

    _inherit = "payment.gateway.check"

    day_ids = fields.One2many("payment.gateway.day", "check_id")

    # === TAKEN BACK === #

    def _compare_taken_back(self, movements):
        """Hold the money that the provider took back against the books.

        :param payment.gateway.movement movements: The provider's.
        :return: The values of findings.
        :rtype: list[dict]
        """
        references = tuple(movements.mapped("reference")) or ("",)
        booked = self._query_taken_back(
            SQL("reversal.provider_reference IN %s", references)
        )
        findings = [self._judge_taken_back(row, booked) for row in movements]
        if self.provider_id._lists_taken_back():
            inside = self._query_taken_back(
                SQL(
                    "reversal.opened_on BETWEEN %s AND %s",
                    self.date_from.date() + DAY,
                    self.date_to.date() - DAY,
                )
            )
            findings += [
                self._prepare_missing_there(row)
                for reference, row in inside.items()
                if reference not in references and row["amount"]
            ]
        return list(filter(None, findings))

    def _query_taken_back(self, condition):
        """Return the money taken back in the books, by the id at the provider."""
        rows = self.env.execute_query_dict(
            SQL(
                TAKEN_BACK,
                withdrawn=WITHDRAWN,
                provider_id=self.provider_id.id,
                mode=MODES.get(self.provider_id.state, "live"),
                condition=condition,
            )
        )
        return {row["reference"]: row for row in rows}

    def _judge_taken_back(self, movement, booked):
        """Return the difference of money taken back to the books, if there is one.

        :param payment.gateway.movement movement: The provider's movement.
        :param dict booked: The records of the books, by the provider's id.
        :return: The values of a finding.
        :rtype: dict or None
        """
        row = booked.get(movement.reference)
        if not row:
            return movement._hold_against(None, "taken_back", None)
        kind = "amount" if movement.amount and row["amount"] else "state"
        return movement._hold_against(row, kind, row["id"])

    # === DAYS === #

    def _sum_up_days(self):
        """Sum the provider's movements and their bookings up, by day and currency."""
        zone = self.company_id._get_own_zone()
        sums = defaultdict(lambda: [0.0, 0.0])
        for row in self.movement_ids:
            day = sums[row.day or get_day(row.date, zone), row.currency_id]
            day[0] += row.amount
            day[1] += row.booked
        for row in self.finding_ids.filtered(
            lambda finding: finding.kind == "missing_there"
        ):
            sums[get_day(row.date, zone), row.currency_id][1] += row.booked
        self.day_ids.unlink()
        self.day_ids.create(
            [
                {
                    "check_id": self.id,
                    "date": date,
                    "currency_id": currency.id,
                    "moved": currency.round(moved),
                    "booked": currency.round(booked),
                    "difference": currency.round(moved - booked),
                }
                for (date, currency), (moved, booked) in sums.items()
            ]
        )

    # === ACCEPTING === #

    def _apply_acceptances(self):
        """Let differences that somebody accepted with these amounts count no more."""
        self.ensure_one()
        findings = self.finding_ids
        accepted = self.env["account.payment.tie.out.acceptance"].search(
            [
                ("res_model", "=", "payment.provider"),
                ("res_id", "=", self.provider_id.id),
                ("name", "in", findings.mapped("reference")),
            ]
        )
        for finding in findings.filtered(lambda finding: not finding.acceptance_id):
            finding.acceptance_id = accepted.filtered(finding._is_accepted_by)[:1]
        self.finding_count = len(
            findings.filtered(lambda finding: not finding.acceptance_id)
        )
        if not self.finding_count:
            self.activity_unlink(["mail.mail_activity_data_todo"])
