"""The lines of a run as jobs of OCA's queue, with its own runner."""

import time

import pytest
from lib import settings
from lib.charge_runs import (
    assert_each_once,
    confirm_run,
    get_lanes,
    get_lines,
    run_lanes,
)
from lib.queue_world import STALE_DELAY, QueueWorld, wait_for_end, wait_for_jobs


@pytest.fixture(scope="module")
def queue_world():
    assert (settings.QUEUE / "odoo/addons/queue_job").is_dir(), "./setup/test gets it"
    # On two cores more of them are only slower.
    world = QueueWorld(jobs=2, clients=2)
    try:
        yield world.start()
    finally:
        world.close()


@pytest.mark.parametrize("point", ["after-prepared", "after-answer"])
def test_killed_job(queue_world, point):
    """The runner starts the jobs of the dead server again: nothing is sent twice."""
    world = queue_world
    world.ensure_running()
    invoice_ids = [invoice_id for invoice_id, _token_id in world.make_cases(4)]
    run_id = confirm_run(world, invoice_ids)
    world.kill_at(f"{point}:3")
    run_lanes(world)
    world.wait_for_death(60)
    time.sleep(STALE_DELAY + 1)
    world.run_resolver()
    wait_for_end(world, run_id, 120)
    world.run_resolver()
    outcomes = {line["move_id"]: line["outcome"] for line in get_lines(world, run_id)}
    # Of one that was to be sent and is not known, a person makes another run.
    assert set(outcomes.values()) <= {"succeeded", "failed"}
    if lost := [move for move, outcome in outcomes.items() if outcome != "succeeded"]:
        run_id = confirm_run(world, lost, kind="retry")
        run_lanes(world)
        wait_for_end(world, run_id, 120)
    assert_each_once(world, invoice_ids)


def test_run_of_200_as_jobs(queue_world):
    """Each line is one job, which commits, in the channel of its provider.

    It comes last: a server that is killed does not save which lines it reached.
    """
    world = queue_world
    world.ensure_running()
    invoice_ids = [invoice_id for invoice_id, _token_id in world.make_cases(200)]
    run_id = confirm_run(world, invoice_ids)
    run_lanes(world, *get_lanes(world)[:2])
    wait_for_end(world, run_id, 300)
    assert {line["outcome"] for line in get_lines(world, run_id)} == {"succeeded"}
    wait_for_jobs(world, 120)
    [job] = world.query(
        "SELECT state, channel, count(*) AS number, count(DISTINCT identity_key)"
        " AS keys FROM queue_job WHERE identity_key LIKE %s GROUP BY 1, 2",
        f"charge_run/{run_id}/%",
    )
    assert (job["state"], job["channel"]) == ("done", "root.payments.test_gateway")
    assert (job["number"], job["keys"]) == (200, 200)
    assert_each_once(world, invoice_ids)
