"""A world in which OCA's job queue carries the lines of runs out."""

from .charge_runs import get_lines
from .odoo_server import run_odoo
from .template import get_template
from .waiting import wait_until
from .world import World

# Claims of jobs that died are taken over after so many seconds.
STALE_DELAY = 3


class QueueWorld(World):
    """A world whose server has the job queue installed, and runs its runner."""

    channels = "root:4"  # How many jobs are carried out at the same time.

    def __init__(self):
        super().__init__(get_template(), options=("--load=base,rpc,web,queue_job",))

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
            ODOO_QUEUE_JOB_CHANNELS=self.channels,
            **{**environment, "IPX_STALE_DELAY": STALE_DELAY},
        )


def wait_for_end(world, run_id, seconds):
    """Wait until jobs have ended the run: no lane carries lines out here.

    Where nothing happens, the runner sleeps for a minute before it looks for jobs that
    died. A notification wakes it.
    """

    def is_done():
        world.query("NOTIFY queue_job")
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
