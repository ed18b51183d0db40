"""Lanes carry out a run: killed anywhere, at once, and beside a person."""

import pytest
from lib.at_once import act_at_once, assert_clear
from lib.charge_runs import (
    assert_each_once,
    confirm_run,
    finish,
    get_lanes,
    get_lines,
    run_lanes,
    run_lanes_to_death,
)

pytest_plugins = ["lib.fixtures"]

# Between all steps of a line: claimed, the four steps of its charge, and its end. What
# a kill before a commit leaves is what the kill after the commit before leaves.
POINTS = [
    "before-claimed",
    "after-claimed",
    "after-prepared",
    "after-sent",
    "during-send",
    "after-answer",
    "after-recorded",
    "after-settled",
    "after-worked",
]


@pytest.mark.parametrize("point", POINTS)
def test_killed_lane(world, point):
    """The second line is left anywhere: the next lane takes it over, nothing twice."""
    cases = world.make_cases(3)
    invoice_ids = [invoice_id for invoice_id, _token_id in cases]
    run_id = confirm_run(world, invoice_ids)
    world.kill_at(f"{point}:2")
    run_lanes_to_death(world)
    world.run_resolver()
    finish(world, run_id)
    world.run_resolver()
    outcomes = [
        line["outcome"] or line["reason_code"] for line in get_lines(world, run_id)
    ]
    if point in ("after-sent", "during-send"):
        # It was to be sent, and the gateway knows of none: a person charges again.
        assert outcomes == ["succeeded", "failed", "succeeded"]
        run_id = confirm_run(world, invoice_ids[1:2], kind="retry")
        finish(world, run_id)
    elif point == "after-prepared":
        assert outcomes in (["succeeded"] * 3, ["succeeded", "canceled", "succeeded"])
        if "canceled" in outcomes:
            finish(world, confirm_run(world, invoice_ids[1:2], kind="retry"))
    else:
        assert outcomes == ["succeeded"] * 3
    assert_each_once(world, invoice_ids)


def test_lanes_and_a_person_at_once(world, clients):
    """Four lanes take over each other's lines, and two persons charge the same."""
    cases = world.make_cases(16)
    invoice_ids = [invoice_id for invoice_id, _token_id in cases]
    run_id = confirm_run(world, invoice_ids)
    lanes = get_lanes(world)
    tabs = [world.open_tab("admin") for _lane in lanes]
    _done, errors = act_at_once(
        [
            *(
                lambda lane=lane, tab=tab: tab.call(
                    "ir.cron", "method_direct_trigger", [lane]
                )
                for lane, tab in zip(lanes, tabs, strict=True)
            ),
            *(
                lambda client=client, case=case: world.charge(*case, client=client)
                for client, case in zip(clients[:8], cases[4:12], strict=True)
            ),
        ]
    )
    assert_clear(errors)
    finish(world, run_id, lanes)
    world.run_resolver()
    reasons = {line["reason_code"] for line in get_lines(world, run_id)}
    assert reasons <= {None, "paid", "in_flight", "refused"}
    for invoice_id in invoice_ids:
        assert len(world.get_attempts(invoice_id)) == 1
    assert_each_once(world, invoice_ids)


def test_provider_that_is_too_busy(world):
    """429 gives the line back, after which nothing is lost; 503 leaves it unknown."""
    cases = world.make_cases(3)
    invoice_ids = [invoice_id for invoice_id, _token_id in cases]
    world.gateway.script({"failure": "error_before", "status": 429}, kind="charge")
    run_id = confirm_run(world, invoice_ids)
    run_lanes(world)
    lines = get_lines(world, run_id)
    assert [line["state"] for line in lines] == ["ready"] * 3
    assert lines[0]["try_number"] == 2
    finish(world, run_id)
    assert [line["outcome"] for line in get_lines(world, run_id)] == ["succeeded"] * 3
    assert_each_once(world, invoice_ids)
