"""Charges that nobody waits for: killed anywhere, at once, and beside a person."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

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
from lib.rpc import ConnectionLost

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
    # One that never left, or that the gateway never received, is made again.
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


@pytest.fixture
def patient_lanes(world):
    """Let no lane take over a line that another one is working on."""
    world.server.kill()
    world.start_server(IPX_STALE_DELAY=60)
    yield world
    world.server.kill()
    world.start_server()


def test_stolen_card_is_tried_once(patient_lanes):
    """Four lanes are at the invoices of one customer: each waits for the answer."""
    world = patient_lanes
    card = "tok_decline-stolen"
    behaviour = {"name": "decline_in_body", "code": "stolen", "delay": 0.5}
    world.gateway.script(behaviour, token=card, times=None)
    world.admin.call(
        "payment.decline.rule",
        "create",
        vals_list=[{"code": "stolen", "decline_class": "never"}],
    )
    partner_id = world.make_customer()
    world.make_token(partner_id, card)
    invoice_ids = world.make_invoices([partner_id] * 12)
    run_id = confirm_run(world, invoice_ids)
    run_lanes(world, *get_lanes(world))
    finish(world, run_id)
    lines = get_lines(world, run_id)
    assert [line["outcome"] for line in lines if line["outcome"]] == ["declined"]
    assert [line["reason_code"] for line in lines].count("never") == 11
    assert len([each for each in invoice_ids if world.get_attempts(each)]) == 1


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


@pytest.fixture
def noon(world):
    """Let the company be where it is noon, and return the day there."""
    hours = 12 - datetime.now(UTC).hour
    [company] = world.query("SELECT partner_id FROM res_company ORDER BY id LIMIT 1")

    def move(zone):
        partner_ids = [company["partner_id"]]
        world.admin.call("res.partner", "write", partner_ids, vals={"tz": zone})

    move(f"Etc/GMT{-hours:+}")  # The sign of these names is the other way round.
    yield (datetime.now(UTC) + timedelta(hours=hours)).date()
    world.ensure_running()
    move(False)


@pytest.mark.parametrize(
    "point", ["after-prepared", "after-prepared and resolved", "after-answer"]
)
def test_killed_promise(world, noon, point):
    """The charge goes on after its server died, or is made again if it never left."""
    [(invoice_id, token_id)] = world.make_cases(1)
    world.accountant.call(
        "account.move",
        "promise_to_pay",
        [invoice_id],
        date=str(noon),
        token_id=token_id,
        consent="On the phone",
    )
    [cron] = world.query(
        "SELECT res_id FROM ir_model_data WHERE name = 'ir_cron_charge_promised'"
    )
    world.kill_at(point.split()[0])
    with suppress(ConnectionLost):
        world.run_cron(cron["res_id"])
    world.wait_for_death()
    if point.endswith("resolved"):
        world.run_resolver()
        [attempt] = world.get_attempts(invoice_id)
        assert attempt["outcome"] == "canceled"
    for _time in range(2):
        world.run_cron(cron["res_id"])
        world.run_resolver()
    assert_each_once(world, [invoice_id])
