from odoo import api, models
from odoo.tools import SQL

from ..core.told_later import ToldLater
from .payment_provider import NOW
from .results import OPEN_STEPS

# Where the job queue is installed, so many lines are handed to it at once.
QUEUED_AT_ONCE = 100
# A line that no job has taken for so long is handed over again. Its identity key makes
# no second job of it while the first one waits.
QUEUED_FOR = "10 minutes"
JOB_METHOD = "_work_as_job"


class AccountChargeRunLine(models.Model):
    """The same units of work as jobs of OCA's `queue_job`, where that is installed.

    It is found at run time, and no dependency. Its function is declared so that a job
    may commit: our steps do.
    """

    _inherit = "account.charge.run.line"

    @api.model
    def _has_queue(self):
        """Tell if the job queue is installed.

        :rtype: bool
        """
        return "queue.job.function" in self.env

    @api.model
    def _hand_to_queue(self):
        """Make jobs of the lines that are ready, in batches. Commits."""
        # Committed before the first job: all workers keep the function's id in mind.
        self._in_short_step(self._declare_job)
        while self._in_short_step(self._make_jobs):
            self.env.invalidate_all()

    def _make_jobs(self):
        """Make jobs of the next lines and mark them, in one database transaction.

        So a killed server leaves no line that is marked and has no job.

        :return: Those lines.
        :rtype: account.charge.run.line
        """
        # pylint: disable-next=import-outside-toplevel
        from odoo.addons.queue_job.job import Job

        lines = self._take_for_queue()
        keys = {line: f"charge_run/{line.run_id.id}/{line.id}" for line in lines}
        # What `with_delay` asks for each job is asked once for all of them.
        waiting = self._find_waiting_jobs(list(keys.values()))
        for line in lines:
            if keys[line] in waiting:
                continue
            code = line.token_id.provider_id.code or "none"
            Job(
                line._work_as_job,
                channel=f"root.payments.{code}",
                identity_key=keys[line],
                description=f"{line.run_id.name}: {line.move_id.display_name}",
                max_retries=0,
            ).store()
        return lines

    def _find_waiting_jobs(self, keys):
        """Return those of these identity keys of which a job waits.

        :param list[str] keys: The identity keys.
        :rtype: set[str]
        """
        # pylint: disable-next=import-outside-toplevel
        from odoo.addons.queue_job.job import ENQUEUED, PENDING, WAIT_DEPENDENCIES

        states = [WAIT_DEPENDENCIES, PENDING, ENQUEUED]
        domain = [("identity_key", "in", keys), ("state", "in", states)]
        jobs = self.env["queue.job"].sudo().search_fetch(domain, ["identity_key"])
        return set(jobs.mapped("identity_key"))

    def _take_for_queue(self):
        """Mark the next lines as handed over.

        :return: Those lines.
        :rtype: account.charge.run.line
        """
        self.env.cr.execute(
            SQL(
                """
                WITH next AS (
                    SELECT line.id
                      FROM account_charge_run_line line
                      JOIN account_charge_run run ON run.id = line.run_id
                     WHERE run.state = 'running' AND line.state IN ('ready', 'working')
                       AND (line.queued_on IS NULL
                            OR line.queued_on < %(now)s - %(age)s::interval)
                  ORDER BY line.id
                     LIMIT %(count)s
                       FOR NO KEY UPDATE OF line SKIP LOCKED
                )
                UPDATE account_charge_run_line line
                   SET queued_on = %(now)s
                  FROM next
                 WHERE line.id = next.id
             RETURNING line.id
                """,
                now=NOW,
                age=QUEUED_FOR,
                count=QUEUED_AT_ONCE,
            ),
            log_exceptions=False,
        )
        return self.browse(sorted(line_id for [line_id] in self.env.cr.fetchall()))

    def _declare_job(self):
        """Declare that the job of a line commits; else the queue forbids it."""
        functions = self.env["queue.job.function"]
        name = functions.job_function_name(self._name, JOB_METHOD)
        function = functions.search([("name", "=", name)], limit=1)
        if not function:
            model = self.env["ir.model"]._get(self._name)
            # Of lanes that begin at once, one declares it, and the others try again.
            self.env.cr.execute(
                SQL(
                    "UPDATE ir_model SET write_date = write_date WHERE id = %s",
                    model.id,
                ),
                log_exceptions=False,
            )
            function = functions.create(
                {"model_id": model.id, "method": JOB_METHOD, "allow_commit": True}
            )
        if not function.allow_commit:
            function.allow_commit = True

    def _work_as_job(self):
        """Carry out this line as a job. Commits.

        :raise RetryableJobError: If it can be taken only later.
        """
        self.ensure_one()
        if not self.exists():
            return
        later = ToldLater()
        if line := self.with_context(forms_told_later=later)._take(self.id):
            line._work()
            self._tell(later)
        is_left, is_run_over = self._find_left()
        if is_left:
            self._retry_job()
        if is_run_over:
            self.run_id._end_finished()
        self._commit()

    def _find_left(self):
        """Tell what is left to do, once this line was worked on, in one statement.

        Of jobs that end at once, the last one sees that the others have ended: each has
        committed its line before it asks.

        :return: Whether this line can still be taken, and whether no line of its run is
                 left. Neither of a line that is not there any more.
        :rtype: tuple[bool, bool]
        """
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT line.state IN %(open)s,
                       NOT EXISTS (SELECT FROM account_charge_run_line other
                                    WHERE other.run_id = run.id
                                      AND other.state IN %(open)s)
                  FROM account_charge_run_line line
                  JOIN account_charge_run run ON run.id = line.run_id
                 WHERE line.id = %(id)s AND run.state = 'running'
                """,
                open=OPEN_STEPS,
                id=self.id,
            )
        )
        return rows[0] if rows else (False, False)

    def _retry_job(self):
        """Let the queue call this job again when the line can be taken.

        :raise RetryableJobError: Always.
        """
        # pylint: disable-next=import-outside-toplevel
        from odoo.addons.queue_job.exception import RetryableJobError

        self._commit()
        raise RetryableJobError("It waits for its turn", seconds=5, ignore_retry=True)
