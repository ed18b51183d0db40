import random
import time
from datetime import timedelta

from psycopg2.errors import UniqueViolation

from odoo import api, fields, models
from odoo.tools import SQL

from ...tools import TryAgainError
from ..core.payment_door_mixin import TRY_AGAIN
from ..core.told_later import ToldLater
from .overload import Overload
from .payment_provider import NOW, get_furthest_turn, is_ahead

# Lanes want the same rows often, and each conflict lets one of them go on.
MAX_CONFLICTS = 50
# A lane waits so many seconds for a turn, with a line in its hand.
LONGEST_WAIT = 10
# How many lines a lane carries out between two reports of its progress.
REPORTED_EACH = 10


class AccountChargeRunLine(models.Model):
    """The lanes: scheduled actions that take lines, each its own.

    Odoo runs one scheduled action on one worker at a time, so that several of them
    share the work, on as many machines as serve the database.
    """

    _inherit = "account.charge.run.line"

    # === THE LANES === #

    @api.model
    def _run_lane(self):
        """Carry out lines until none is left or the time is over. Commits."""
        cron = self.env["ir.cron"]
        self._end_left()
        self._make_due_lines()
        if self._has_queue():
            self._hand_to_queue()
            self.run_id._end_finished()
            cron._commit_progress(remaining=0)
            return
        cron._commit_progress(remaining=self.search_count(self._get_open_domain()))
        worked, run, later = 0, self.run_id, ToldLater()
        holding = self.with_context(
            forms_told_later=later, charge_run_overload=Overload()
        )
        while line := holding._take():
            before, run = run, line._work()
            worked += 1
            if before and before != run:
                before._end_finished()
            if later.is_due():
                self._tell(later)
            if not worked % REPORTED_EACH and not cron._commit_progress(REPORTED_EACH):
                # These may have been the last: then Odoo starts no lane again.
                run._end_finished()
                cron._commit_progress()
                self._tell(later)
                return
        run._end_finished()
        self._tell(later)
        self._wake_for_later()
        cron._commit_progress(worked % REPORTED_EACH, remaining=0)

    @api.model
    def _tell(self, later):
        """Tell the open forms of invoices, and schedules, what was held back. Commits.

        :param ToldLater later: What was held back.
        """
        attempts = self.env["payment.transaction"].sudo()
        move_ids, schedules = later.take()
        self.env["account.move"].browse(move_ids)._tell_open_forms()
        # Within a minute, without a call to all workers: lanes and jobs tell it often.
        soon = fields.Datetime.now() + timedelta(seconds=1)
        for xmlid in schedules:
            attempts._wake_schedule(xmlid, soon)
        if move_ids or schedules:
            attempts._commit_step("told")

    def _take(self, line_id=None):
        """Claim the next line, and wait for the turn of its provider. Commits.

        A claim is stored before anything else is done: the row's lock would be gone
        with the first commit. A claim that a killed lane left is taken over, and one of
        a clock that was ahead.

        :param int line_id: The id of the line that a job is for.
        :return: The line; none where no line can be taken now.
        :rtype: account.charge.run.line
        """
        line, paced_provider = self._in_short_step(lambda: self._claim_one(line_id))
        wait = paced_provider._take_turn() if paced_provider else 0.0
        if wait > LONGEST_WAIT:
            line._release(wait)
            return self.browse()
        if wait > 0:
            time.sleep(wait)
        return line

    def _claim_one(self, line_id=None):
        """Claim a line; see `_claim`.

        :raise TryAgainError: If another lane claimed a line of the same method.
        """
        try:
            return self._claim(line_id)
        except UniqueViolation as error:
            raise TryAgainError(TRY_AGAIN) from error

    def _claim(self, line_id=None):
        """Claim the next line, or the one with this id, if it can be taken now.

        A saved method is charged for one line at a time.

        :param int line_id: The id of the line that a job is for.
        :return: The line, none where none can be taken; and its provider, as superuser,
                 where the number of requests a second is limited.
        :rtype: tuple[account.charge.run.line, payment.provider]
        """
        providers_sudo = self.env["payment.provider"].sudo()
        self.env.flush_all()
        stale = self.env["payment.transaction"]._get_stale_delay().total_seconds()
        self.env.cr.execute(
            SQL(
                """
                WITH next AS (
                    SELECT line.id, pace.level,
                           CASE WHEN provider.charges_per_second > 0
                                THEN provider.id END AS provider_id
                      FROM account_charge_run_line line
                      JOIN account_charge_run run ON run.id = line.run_id
                 LEFT JOIN payment_token token ON token.id = line.token_id
                 LEFT JOIN payment_provider provider ON provider.id = token.provider_id
                 LEFT JOIN payment_provider_pace pace
                        ON pace.provider_id = token.provider_id
                     WHERE run.state = 'running'
                       AND (line.state = 'ready' OR line.state = 'working'
                            AND line.claimed_on
                                NOT BETWEEN %(now)s - %(stale)s AND %(now)s)
                       AND NOT (%(waits)s) AND NOT (%(is_busy)s)
                       AND %(only)s
                  ORDER BY line.id
                     LIMIT 1
                       FOR NO KEY UPDATE OF line SKIP LOCKED
                )
                UPDATE account_charge_run_line line
                   SET state = 'working', claimed_on = %(now)s, claimed_by = %(by)s
                  FROM next
                 WHERE line.id = next.id
             RETURNING line.id, next.level, next.provider_id
                """,
                now=NOW,
                stale=SQL("%s * interval '1 second'", stale),
                waits=self._get_waits_condition(),
                is_busy=self._get_busy_condition(),
                by=self._get_lane_name(),
                only=SQL("line.id = %s", line_id) if line_id else SQL("TRUE"),
            ),
            log_exceptions=False,
        )
        row = self.env.cr.fetchone()
        if not row:
            return self.browse(), providers_sudo
        line_id, level, provider_id = row
        line = self.browse(line_id).with_context(provider_pace_level=level or 0)
        line.invalidate_recordset()
        return line, providers_sudo.browse(provider_id or ())

    def _get_waits_condition(self):
        """Return the condition that a line, or its provider, waits for its time.

        :rtype: odoo.tools.SQL
        """
        step = SQL("interval '1 second' / nullif(provider.charges_per_second, 0)")
        wait = SQL("%s * interval '1 second'", LONGEST_WAIT)
        return SQL(" OR ").join(
            (
                is_ahead(SQL("line.not_before")),
                is_ahead(SQL("pace.slowed_until")),
                is_ahead(SQL("pace.next_at"), wait, get_furthest_turn(step)),
            )
        )

    def _get_busy_condition(self):
        """Return the condition that another line is charging the method of a line.

        :rtype: odoo.tools.SQL
        """
        return SQL(
            """
            EXISTS (SELECT FROM account_charge_run_line other
                     WHERE other.token_id = line.token_id AND other.state = 'working'
                       AND other.id != line.id)
            """
        )

    def _release(self, seconds):
        """Let another lane take this line later: nothing was done with it."""

        def release():
            later = fields.Datetime.now() + timedelta(seconds=seconds)
            self.write({"state": "ready", "not_before": later})
            self.env.flush_all()

        self._in_short_step(release)

    @api.model
    def _in_short_step(self, work):
        """Do the work of a short database transaction, and commit it.

        It is done again at once when another lane was faster: a line or a turn went to
        that one, so that each conflict brings the whole forward.

        :param function work: It may be called several times.
        :return: The result of the work.
        """
        return self.env["payment.transaction"]._in_step(
            "claimed",
            work,
            max_tries=MAX_CONFLICTS,
            pause=lambda _tries: time.sleep(random.uniform(0, 0.02)),
        )

    def _get_lane_name(self):
        """Return the name of the lane that runs now: of its scheduled action.

        :rtype: str
        """
        return f"lane {self.env.context.get('cron_id', 0)}"

    # === WAKING === #

    @api.model
    def _get_lanes(self):
        """Return the scheduled actions that are lanes: copies count too.

        :rtype: ir.cron
        """
        return (
            self.env["ir.cron"]
            .sudo()
            .search(
                [
                    ("model_id.model", "=", self._name),
                    ("code", "=", "model._run_lane()"),
                ]
            )
        )

    @api.model
    def _wake(self, at=None):
        """Let the lanes run as soon as they can, or at a time.

        :param datetime.datetime at: The time, in UTC.
        """
        for lane in self._get_lanes():
            lane._trigger(at)

    @api.model
    def _wake_for_later(self):
        """Let a lane run again when the next line that waits can be taken."""
        [[later]] = self.env.execute_query(
            SQL(
                """
                SELECT min(greatest(line.not_before, pace.slowed_until, pace.next_at))
                  FROM account_charge_run_line line
                  JOIN account_charge_run run ON run.id = line.run_id
             LEFT JOIN payment_token token ON token.id = line.token_id
             LEFT JOIN payment_provider_pace pace
                    ON pace.provider_id = token.provider_id
                 WHERE run.state = 'running' AND line.state = 'ready'
                """
            )
        )
        if later:
            self._wake(max(later.replace(microsecond=0), fields.Datetime.now()))
