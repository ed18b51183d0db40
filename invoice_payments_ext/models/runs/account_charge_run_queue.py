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
        lines = self._take_for_queue()
        for line in lines:
            code = line.token_id.provider_id.code or "none"
            line.with_delay(
                channel=f"root.payments.{code}",
                identity_key=f"charge_run/{line.run_id.id}/{line.id}",
                description=f"{line.run_id.name}: {line.move_id.display_name}",
                max_retries=0,
            )._work_as_job()
        return lines

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
        self.env.invalidate_all()
        if self.state in OPEN_STEPS and self.run_id.state == "running":
            self._retry_job()
        self.env["account.charge.run"]._end_finished()
        self._commit()

    def _retry_job(self):
        """Let the queue call this job again when the line can be taken.

        :raise RetryableJobError: Always.
        """
        # pylint: disable-next=import-outside-toplevel
        from odoo.addons.queue_job.exception import RetryableJobError

        self._commit()
        raise RetryableJobError("It waits for its turn", seconds=5, ignore_retry=True)
