from contextlib import contextmanager
from datetime import timedelta

from odoo import api, fields, models
from odoo.sql_db import db_connect
from odoo.tools import SQL

from ..attempts.payment_provider import get_transport_error
from ..attempts.retry_after import is_overload, read_retry_after
from .payment_gateway_check import EDGE, KEPT_FOR

# Of PostgreSQL's advisory locks: one run at a time holds it, in the whole database.
TURN = "payment.gateway.check"
NEXT_TURN = timedelta(minutes=1)
# How far back the nightly run looks: late decisions of the gateway are seen as well.
NIGHTLY_PERIOD = timedelta(days=3)
MAX_TRIES = 5
# Each further try waits longer by this.
TRY_AGAIN_DELAY = timedelta(minutes=10)
# A provider that asks for more is asked again all the same.
LONGEST_PAUSE = timedelta(hours=12)


class PaymentGatewayCheck(models.Model):
    """Runs of the schedule: one at a time, and none that a provider does not want."""

    _inherit = "payment.gateway.check"

    not_before = fields.Datetime(
        help="The provider did not answer, or asked for a pause: it goes on then."
    )
    is_pause_asked = fields.Boolean(
        help="The provider asked for the pause: nothing else is asked of it either."
    )

    # === BUSINESS METHODS - SCHEDULE === #

    @api.model
    def _cron_check_gateways(self):
        """Begin the check of each night once, and go on with those that are open.

        The questions on authorizations leave each run the time for a page at least.
        """
        with self._take_turn() as is_free:
            if is_free:
                self._begin_night()
                resting = self.env["payment.provider"].union(*self._get_pauses())
                self.env["payment.transaction"]._ask_about_authorizations(resting)
                self._go_on()

    @api.model
    def _begin_night(self):
        """Begin the check of this night, unless it was begun before."""
        now = fields.Datetime.now()
        self.search([("create_date", "<", now - KEPT_FOR)]).unlink()
        tonight = [("is_nightly", "=", True), ("create_date", ">", now - EDGE * 20)]
        if not self.search_count(tonight, limit=1):
            companies = self.env["res.company"].search([])
            self._begin(companies, now - NIGHTLY_PERIOD, now, is_nightly=True)

    @api.model
    def _go_on(self):
        """Go on with the checks that are open, for as long as there is time.

        Those that wait are left out of what remains: else Odoo would come at once.
        """
        now = fields.Datetime.now()
        due = self.search(
            [
                ("state", "=", "running"),
                "|",
                ("not_before", "=", False),
                ("not_before", "<=", now),
            ],
            order="id",
        )
        progress = self.env["ir.cron"]._commit_progress
        progress(remaining=len(due))
        for check in due:
            if until := self._get_pauses().get(check.provider_id):
                self._come_again(until)
                has_time = progress(1)
            else:
                has_time = check._run()
            if not has_time:
                break

    @api.model
    @contextmanager
    def _take_turn(self):
        """Run alone; Odoo locks a schedule, and a copy of it would run beside it.

        The lock is of a database transaction of its own, as a run commits each page.

        :return: Whether this run may go on. If not, another one follows soon.
        """
        with db_connect(self.env.cr.dbname).cursor() as cursor:
            cursor.execute(
                SQL("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", TURN)
            )
            [is_free] = cursor.fetchone()
            if is_free:
                # The last run may have committed after this transaction began.
                self.env["ir.cron"]._commit_progress()
            else:
                self._come_again(fields.Datetime.now() + NEXT_TURN)
            yield is_free

    # === BUSINESS METHODS - PAUSES === #

    def _note_failure(self, error):
        """Note that the provider did not answer, and try again later.

        :param Exception error: The error that its code raised.
        """
        tries = self.tries + 1
        response = getattr(get_transport_error(error), "response", None)
        asked = read_retry_after(response, LONGEST_PAUSE.total_seconds())
        delay = max(tries * TRY_AGAIN_DELAY, timedelta(seconds=asked))
        until = fields.Datetime.now() + delay
        self.write(
            {
                "tries": tries,
                "message": str(error),
                "not_before": until,
                "is_pause_asked": response is not None
                and is_overload(response.status_code),
            }
        )
        if tries >= MAX_TRIES:
            self.state = "failed"
            self._tell(self.env._("The provider did not answer: %s", error))
            return
        self._come_again(until)

    @api.model
    def _get_pauses(self):
        """Return the providers that are not to be asked now.

        They asked for a pause, here or in a charge run.

        :return: By provider, the end of its pause.
        :rtype: dict[payment.provider, datetime.datetime]
        """
        now = fields.Datetime.now()
        asked = self.search([("not_before", ">", now), ("is_pause_asked", "=", True)])
        paces = self.env["payment.provider.pace"].search([("slowed_until", ">", now)])
        ends = [(each.provider_id, each.not_before) for each in asked]
        ends += [(each.provider_id, each.slowed_until) for each in paces]
        return {
            provider: max(end for other, end in ends if other == provider)
            for provider, _end in ends
        }

    @api.model
    def _come_again(self, moment):
        """Let the schedule run again at a moment.

        :param datetime.datetime moment: The earliest one.
        """
        cron = self.env.ref("invoice_payments_ext.ir_cron_check_gateways")
        cron._trigger(at=moment)
