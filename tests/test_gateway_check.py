"""The gateway's list is held against the books, over its own protocol."""

import time
from functools import partial

import pytest
from lib.at_once import act_at_once

pytest_plugins = ["lib.fixtures"]


def find_differences(world, provider_id, known=()):
    """Check the provider, and return the differences that were not known before.

    Other tests of this world may have left attempts for a person to resolve.
    """
    state, findings = world.tie_out_with_provider(provider_id)
    assert state == "done"
    return [row for row in findings if row["reference"] not in known]


def test_difference_is_found_until_it_is_resolved(world):
    """Charged at the gateway, unknown here; a refund there that was told."""
    provider_id = world.facts["provider_id"]
    known = {row["reference"] for row in find_differences(world, provider_id)}
    paid_id = world.charge(*world.make_case())
    refund = world.get_attempt(paid_id)["reference"]
    world.gateway.refund_in_dashboard(refund, 30)
    world.run_resolver()
    assert not find_differences(world, provider_id, known)
    attempt_id = world.charge(*world.make_case("tok_error_after"))
    assert world.get_attempt(attempt_id)["outcome"] == "unknown"
    [finding] = find_differences(world, provider_id, known)
    assert finding["kind"] == "state"
    assert finding["transaction_id"] == attempt_id
    assert (float(finding["moved"]), float(finding["booked"])) == (100, 0)
    world.run_resolver()
    assert not find_differences(world, provider_id, known)


@pytest.fixture
def three_pages(world):
    """Let the gateway's list have three pages, or a fourth one with the rest.

    :return: The number of its operations, without those that are not decided.
    """
    for _ in range(3):
        world.charge(*world.make_case())
    world.gateway.post("settings", page=10_000)
    operations = world.gateway.get("operations", since=0)["data"]
    world.gateway.post("settings", page=len(operations) // 3)
    # Other tests of this world may have left pending ones.
    yield sum(row["status"] not in ("processing", "pending") for row in operations)
    world.gateway.post("settings", page=50)


class Night:
    """A night before which a charge succeeded at the gateway, unknown here."""

    def __init__(self, world, provider_id, operations):
        self.world = world
        self.operations = operations + 1
        self.known = {row["reference"] for row in find_differences(world, provider_id)}
        self.attempt_id = world.charge(*world.make_case("tok_error_after"))
        # This night no comparison was made yet.
        world.query("DELETE FROM payment_gateway_check")
        time.sleep(1.1)  # The period of a night ends with a whole second.

    def assert_told_once(self, check):
        """Check that a comparison has each operation once, and finds that charge."""
        listed = self.world.query(
            "SELECT reference FROM payment_gateway_movement WHERE check_id = %s",
            check["id"],
        )
        references = [row["reference"] for row in listed]
        assert len(references) == len(set(references)) == self.operations
        [finding] = [
            row
            for row in self.world.query(
                "SELECT * FROM payment_gateway_finding WHERE check_id = %s", check["id"]
            )
            if row["reference"] not in self.known
        ]
        assert finding["transaction_id"] == self.attempt_id


@pytest.mark.parametrize(
    "point, page",
    [("during-list", 2), ("before-page", 2), ("after-page", 2), ("before-page", 3)],
)
def test_nightly_run_is_killed(world, three_pages, point, page):
    """The next one goes on from the last page that was stored, and ends the same."""
    provider_id = world.facts["provider_id"]
    night = Night(world, provider_id, three_pages)
    world.kill_at(f"{point}:{page}")
    world.expect_death(world.run_gateway_checks)
    [check] = world.query(
        "SELECT * FROM payment_gateway_check WHERE provider_id = %s", provider_id
    )
    stored = page if point == "after-page" else page - 1
    assert (check["page_count"] or 0, check["is_nightly"]) == (stored, True)
    for _twice in range(2):
        world.run_gateway_checks()
        [ended] = world.query(
            "SELECT * FROM payment_gateway_check WHERE provider_id = %s", provider_id
        )
        assert (ended["id"], ended["state"]) == (check["id"], "done")
        night.assert_told_once(check)
    world.run_resolver()


def test_two_runs_at_once(world, three_pages):
    """The schedule, its copy, and a person's button: each finding is made once."""
    provider_id = world.facts["provider_id"]
    night = Night(world, provider_id, three_pages)
    [cron] = world.query(
        "SELECT res_id AS id FROM ir_model_data WHERE name = 'ir_cron_check_gateways'"
    )
    # A copy of the schedule runs beside it: Odoo locks each for itself.
    [copy_id] = world.admin.call(
        "ir.cron", "copy", [cron["id"]], default={"active": False}
    )
    runs = [
        partial(
            world.log_in("admin").call, "ir.cron", "method_direct_trigger", [cron_id]
        )
        for cron_id in (cron["id"], copy_id) * 2
    ]
    button = partial(world.tie_out_with_provider, provider_id)
    _done, errors = act_at_once([*runs, button])
    for error in errors:
        assert "already executing" in error.message, error.details
    world.run_gateway_checks()
    checks = world.query(
        "SELECT * FROM payment_gateway_check WHERE provider_id = %s", provider_id
    )
    # Each of the two has its own page; the person in charge has one task.
    assert sorted(bool(check["is_nightly"]) for check in checks) == [False, True]
    tasks = []
    for check in checks:
        assert (check["state"], check["tries"]) == ("done", 0)
        night.assert_told_once(check)
        tasks += world.get_activities("payment.gateway.check", check["id"])
    assert len(tasks) == 1
    world.run_resolver()
