"""A world in which OCA's job queue carries the lines of runs out."""

from .charge_runs import get_lines
from .odoo_server import run_odoo
from .template import get_template
from .waiting import wait_until
from .world import World

# Claims of jobs that died are taken over after so many seconds.
STALE_DELAY = 3


# The runner holds this lock on its database (`PG_ADVISORY_LOCK_ID`).
RUNNER_LOCK = 2293787760715711918


class QueueWorld(World):
    """A world whose server has the job queue installed, and runs its runner.

    As in an installation: the runner is a process of its own, and asks others to carry
    the jobs out, each one at a time.
    """

    def __init__(self, jobs=4, clients=4):
        """:param int jobs: How many are carried out at the same time.
        :param int clients: How many others ask for something at the same time.
        """
        self.jobs = jobs
        super().__init__(
            get_template(),
            options=("--load=base,rpc,web,queue_job",),
            workers=jobs + clients,
        )

    def start_server(self, **environment):
        if not self.query(
            "SELECT 1 FROM ir_module_module WHERE name = %s AND state = %s",
            "queue_job",
            "installed",
        ):
            run_odoo(
                "server",
                self.database,
                "--init=queue_job",
                "--stop-after-init",
                "--no-http",
                "--max-cron-threads=0",
            )
        super().start_server(
            ODOO_QUEUE_JOB_HOST="127.0.0.1",
            ODOO_QUEUE_JOB_PORT=self.server.port,
            ODOO_QUEUE_JOB_CHANNELS=f"root:{self.jobs}",
            **{**environment, "IPX_STALE_DELAY": STALE_DELAY},
        )

    def wait_for_runner(self):
        """Wait until the runner looks after the jobs of this database."""
        wait_until(
            lambda: self.query(
                """
                SELECT 1 FROM pg_locks
                 WHERE locktype = 'advisory' AND granted
                   AND database = (SELECT oid FROM pg_database
                                    WHERE datname = current_database())
                   AND classid::bigint << 32 | objid::bigint = %s
                """,
                RUNNER_LOCK,
            ),
            "the runner",
        )


def wait_for_end(world, run_id, seconds):
    """Wait until jobs have ended the run: no lane carries lines out here."""

    def is_done():
        wake_runner(world)
        [run] = world.query(
            "SELECT state FROM account_charge_run WHERE id = %s", run_id
        )
        return run["state"] == "done"

    wait_until(
        is_done,
        lambda: (
            f"the end of the run {get_lines(world, run_id)} "
            f"{world.query('SELECT state, result, exc_info FROM queue_job')[:5]}"
        ),
        seconds,
    )


def wake_runner(world):
    """Let the runner look for jobs that died: it sleeps a minute if nothing happens."""
    world.query("NOTIFY queue_job")


def wait_for_jobs(world, seconds):
    """Wait until no job is left to do: the last one ends a moment after its run."""

    def are_done():
        return not get_jobs_left(world)

    wait_until(are_done, lambda: f"done: {get_jobs_left(world)}", seconds)


def get_jobs_left(world):
    return world.query(
        "SELECT state, exc_info FROM queue_job"
        " WHERE state NOT IN ('done', 'cancelled', 'failed')"
    )
