import logging
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_date

from ..attempts.payment_mode_mixin import MODES
from ..states import POSTED_STATES

_logger = logging.getLogger(__name__)

# The clocks differ, and a transaction is older than its payment at the gateway.
EDGE = timedelta(hours=1)
KEPT_FOR = timedelta(days=30)

# The amounts of the books by the gateway's id: charges, less refunds under the same id,
# and less charges that failed after they succeeded (there is one such record at most).
# A capture that the gateway only told of on its payment has no id of its own. What a
# person resolved has our reference only.
REFERENCE = SQL(
    "COALESCE(tx.provider_reference, payment_of.provider_reference, tx.reference)"
)
BOOKED = """
    SELECT %(reference)s AS reference, min(tx.id) AS id,
           max(tx.currency_id) AS currency_id, min(tx.create_date) AS date,
           bool_or(tx.state = 'done') AS is_done,
           COALESCE(sum(CASE payment.payment_type WHEN 'outbound' THEN -payment.amount
                                                  ELSE payment.amount END), 0)
         - COALESCE(sum(failed.amount), 0) AS amount
      FROM payment_transaction tx
 LEFT JOIN payment_transaction payment_of
        ON payment_of.id = tx.source_transaction_id AND tx.operation != 'refund'
 LEFT JOIN account_payment payment
        ON payment.id = tx.payment_id AND payment.state IN %(posted)s
 LEFT JOIN account_payment_reversal failed
        ON failed.payment_id = payment.id AND failed.kind = 'late_failure'
       AND failed.state = 'lost'
     WHERE tx.provider_id = %(provider_id)s AND tx.operation != 'validation'
       AND COALESCE(tx.provider_mode, %(mode)s) = %(mode)s
       AND (%(condition)s)
  GROUP BY 1
"""


class PaymentGatewayCheck(models.Model):
    """A period of a provider, whose own list is held against the books.

    The list is read in pages. Each page is stored with the place where it ended, so
    that the next run goes on from there.
    """

    _name = "payment.gateway.check"
    _description = "Tie-out with a Provider"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "id desc"

    provider_id = fields.Many2one(
        string="Payment Provider",
        comodel_name="payment.provider",
        required=True,
        ondelete="cascade",
        index=True,
    )
    provider_name = fields.Char(
        string="Provider", related="provider_id.name", related_sudo=True
    )
    company_id = fields.Many2one(related="provider_id.company_id", store=True)
    date_from = fields.Datetime(string="From", required=True)
    date_to = fields.Datetime(string="To", required=True)
    is_nightly = fields.Boolean(string="Nightly")
    state = fields.Selection(
        selection=[
            ("running", "Running"),
            ("done", "Done"),
            ("failed", "Interrupted"),
            ("impossible", "Cannot be asked"),
        ],
        required=True,
        default="running",
    )
    cursor = fields.Json(help="Where the last page ended.")
    page_count = fields.Integer(string="Pages")
    tries = fields.Integer(help="How often the provider failed to answer in a row.")
    message = fields.Text(help="What hinders the tie-out, or is not in it.")
    movement_ids = fields.One2many("payment.gateway.movement", "check_id")
    finding_ids = fields.One2many("payment.gateway.finding", "check_id")
    finding_count = fields.Integer(string="Differences")

    @api.depends("provider_id", "date_from", "date_to")
    def _compute_display_name(self):
        for check in self:
            check.display_name = self.env._(
                "%(provider)s, %(since)s to %(until)s",
                provider=check.provider_name,
                since=format_date(self.env, check.date_from),
                until=format_date(self.env, check.date_to),
            )

    # === BUSINESS METHODS === #

    @api.model
    def _begin(self, companies, date_from, date_to, is_nightly=False):
        """Begin to check the providers of companies; the schedule does the work.

        :param res.company companies: The companies, with the right to read their books
                                      checked.
        :return: The checks.
        :rtype: payment.gateway.check
        """
        if date_from >= date_to:
            raise UserError(self.env._("The period ends before it begins."))
        providers_sudo = (
            self.env["payment.provider"]
            .sudo()
            .search(
                [
                    ("company_id", "in", companies.ids),
                    ("state", "in", ("enabled", "test")),
                    ("code", "not in", ("custom", "credit_balance", "demo")),
                ]
            )
        )
        checks_sudo = self.sudo().create(
            [
                {
                    "provider_id": provider.id,
                    "date_from": self.sudo()._get_nightly_start(
                        provider, date_from, date_to
                    )
                    if is_nightly
                    else date_from,
                    "date_to": date_to,
                    "is_nightly": is_nightly,
                }
                for provider in providers_sudo
            ]
        )
        self.env.ref("invoice_payments_ext.ir_cron_check_gateways").sudo()._trigger()
        return checks_sudo.sudo(False)

    @api.model
    def _get_nightly_start(self, provider, date_from, date_to):
        """Return the beginning of a night's period, with the nights that were missed.

        A provider may have been out of reach for days, or nobody ran the schedule.

        :rtype: datetime.datetime
        """
        nights = self.search(
            [
                ("provider_id", "=", provider.id),
                ("is_nightly", "=", True),
                ("state", "in", ("done", "failed")),
            ],
            order="date_to DESC",
        )
        done = nights.filtered(lambda night: night.state == "done")[:1]
        missed = done.mapped("date_to") or nights.mapped("date_from")
        return max(min([date_from, *missed]), date_to - KEPT_FOR)

    def _run(self):
        """Read page after page, each in its own database transaction.

        :return: Whether there is time for another check.
        :rtype: bool
        """
        self.ensure_one()
        while self.state == "running":
            try:
                with self.env.cr.savepoint():
                    self._read_page()
            except psycopg2.Error:
                raise
            except Exception as error:  # noqa: BLE001, pylint: disable=broad-except
                _logger.warning(
                    "%s could not be read", self.display_name, exc_info=True
                )
                self._note_failure(error)
                return bool(self.env["ir.cron"]._commit_progress(1))
            if not self.env["ir.cron"]._commit_progress(self.state != "running"):
                return False
        return True

    # === COMPARING === #

    def _compare(self):
        """Hold all movements against the books, and keep the differences."""
        self.env.flush_all()
        payments = self.movement_ids.filtered(lambda row: row.kind == "payment")
        names = {
            name
            for field in ("reference", "own_reference", "payment_reference")
            for name in payments.mapped(field)
            if name
        }
        booked = self._query_booked(SQL("%s IN %s", REFERENCE, tuple(names) or ("",)))
        own = self._find_by_own_reference(payments, booked)
        known = set(payments.mapped("reference"))
        findings = []
        for reference, movements in self._group_by_booking(payments, booked).items():
            known.add(reference)
            row = booked.get(reference)
            our_name = movements[:1].own_reference
            if not row and (row := booked.pop(our_name, None)):
                known.add(our_name)  # Once: another one is not booked.
            if self._is_undecided(movements):
                continue
            if finding := self._judge(movements, row, own.get(our_name)):
                findings.append({**finding, "reference": reference})
        findings += self._find_missing_there(known)
        findings += self._compare_taken_back(self.movement_ids - payments)
        self.finding_ids.unlink()
        self.finding_ids.create([{"check_id": self.id, **row} for row in findings])
        self._sum_up_days()
        self.state = "done"
        self._apply_acceptances()
        if self.finding_count:
            self._tell(self.env._("%s differences were found.", self.finding_count))

    def _query_booked(self, condition):
        """Return the amounts of the books, by the id at the gateway."""
        rows = self.env.execute_query_dict(
            SQL(
                BOOKED,
                reference=REFERENCE,
                mode=MODES.get(self.provider_id.state, "live"),
                posted=POSTED_STATES,
                provider_id=self.provider_id.id,
                condition=condition,
            )
        )
        return {row["reference"]: row for row in rows}

    def _find_by_own_reference(self, movements, booked):
        """Return attempts that lack the id of their movement, by reference."""
        names = [
            row.own_reference
            for row in movements
            if row.own_reference and row.reference not in booked
        ]
        attempts = self.env["payment.transaction"].search(
            [("provider_id", "=", self.provider_id.id), ("reference", "in", names)]
        )
        return {attempt.reference: attempt for attempt in attempts}

    @staticmethod
    def _group_by_booking(payments, booked):
        """Return the movements by the id under which the books have their sum.

        Of captures, the books may only know the payment.

        :param payment.gateway.movement payments: Charges, captures and refunds.
        :param dict booked: The records of the books, by their id.
        :rtype: dict[str, payment.gateway.movement]
        """
        return payments.grouped(
            lambda row: (
                row.reference
                if row.reference in booked or not row.payment_reference
                else row.payment_reference
            )
        )

    def _judge(self, movement, booked, attempt):
        """Return the difference of a movement to the books, if there is one.

        :param payment.gateway.movement movement: The gateway's movement, or several
                                                  that are one record of the books.
        :param dict booked: The record of the books under its id, if they know it.
        :param payment.transaction attempt: The one with our reference, if any.
        :return: The values of a finding.
        :rtype: dict or None
        """
        if not booked and (not attempt or attempt.payment_id):
            kind = "missing_here"
        elif not any(movement.mapped("amount")) or not (booked and booked["is_done"]):
            kind = "state"
        else:
            kind = "amount" if booked["amount"] else "missing_here"
        transaction_id = booked["id"] if booked else attempt and attempt.id
        return movement._hold_against(booked, kind, transaction_id)

    def _find_missing_there(self, known):
        """Return the bookings of the period that the gateway does not list.

        It lists a payment under its first day, with all that came of it under that id:
        one of an earlier day that was captured or voided later is not looked for.

        :param set known: The ids that it lists.
        """
        missing = []
        for since, until in self._get_compared_periods():
            moved = self._query_booked(
                SQL(
                    "tx.payment_id IS NOT NULL AND tx.create_date >= %s "
                    "AND tx.last_state_change <= %s",
                    since,
                    until,
                )
            )
            unlisted = tuple(moved.keys() - known) or ("",)
            booked = self._query_booked(SQL("%s IN %s", REFERENCE, unlisted))
            currencies = self.env["res.currency"]
            missing += [
                self._prepare_missing_there(row)
                for row in booked.values()
                if row["date"] >= since
                and not currencies.browse(row["currency_id"]).is_zero(row["amount"])
            ]
        return missing

    @staticmethod
    def _prepare_missing_there(row):
        """Return the values of a finding: a booking that the provider does not list."""
        names = ("reference", "date", "currency_id")
        return {
            "kind": "missing_there",
            "transaction_id": row["id"],
            "booked": row["amount"],
            **{name: row[name] for name in names},
        }

    # === TELLING PEOPLE === #

    def _tell(self, note):
        """Give the person in charge one task; an older one of the provider goes."""
        others = self.search([("provider_id", "=", self.provider_id.id)])
        others.activity_unlink(["mail.mail_activity_data_todo"])
        managers = self.env.ref("account.group_account_manager").all_user_ids
        responsible = managers.filtered(
            lambda user: self.company_id in user.company_ids and not user.share
        )
        if not self.is_nightly and self.create_uid in managers:
            responsible = self.create_uid
        user = responsible[:1] or self.env.ref("base.user_admin")
        self.activity_schedule(
            "mail.mail_activity_data_todo",
            summary=self.env._("Tie-out with %s", self.provider_name),
            note=note,
            user_id=user.id,
        )
