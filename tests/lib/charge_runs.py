"""Charge runs in a world: proposed and confirmed by a person, carried out by lanes."""

from contextlib import suppress

from .at_once import act_at_once
from .rpc import ConnectionLost


def get_lanes(world):
    """Return the ids of the scheduled actions that are lanes.

    :rtype: list[int]
    """
    rows = world.query(
        "SELECT res_id FROM ir_model_data WHERE model = 'ir.cron'"
        " AND name LIKE 'ir_cron_collect%%' ORDER BY name"
    )
    return [row["res_id"] for row in rows]


def confirm_run(world, invoice_ids, client=None, kind="charge"):
    """Propose and confirm a run of invoices.

    :return: The id of the run.
    """
    client = client or world.accountant
    run = client.call("account.move", "propose_charge_run", invoice_ids, kind=kind)
    run_id = run[0] if isinstance(run, list) else run
    client.call("account.charge.run", "confirm", [run_id])
    return run_id


def run_lanes(world, *lanes):
    """Run lanes at the same moment, until each finds nothing that it can take."""
    lanes = lanes or get_lanes(world)[:1]
    world.forget_kills(*lanes)
    tabs = [world.open_tab("admin") for _lane in lanes]
    calls = [
        lambda lane=lane, tab=tab: tab.call("ir.cron", "method_direct_trigger", [lane])
        for lane, tab in zip(lanes, tabs, strict=True)
    ]
    _done, errors = act_at_once(calls)
    assert not errors, errors


def run_lanes_to_death(world, *lanes):
    """Run lanes, of which one kills the server, and start it again."""
    with suppress(ConnectionLost):
        run_lanes(world, *lanes)
    world.wait_for_death()


def finish(world, run_id, lanes=()):
    """Let lanes go on until the run has ended."""
    for _round in range(20):
        world.query(
            "UPDATE account_charge_run_line SET not_before = NULL WHERE run_id = %s",
            run_id,
        )
        world.query("UPDATE payment_provider_pace SET slowed_until = NULL")
        run_lanes(world, *lanes)
        [run] = world.query(
            "SELECT state FROM account_charge_run WHERE id = %s", run_id
        )
        if run["state"] == "done":
            return
    raise AssertionError(f"The run did not end: {get_lines(world, run_id)}")


def get_lines(world, run_id):
    """Return the lines of a run with the outcomes of their attempts."""
    return world.query(
        """
        SELECT line.move_id, line.state, line.reason_code, line.note, line.try_number,
               tx.outcome, tx.reference
          FROM account_charge_run_line line
     LEFT JOIN payment_transaction tx ON tx.id = line.transaction_id
         WHERE line.run_id = %s ORDER BY line.id
        """,
        run_id,
    )


def assert_each_once(world, invoice_ids):
    """Check that each invoice was charged once, and paid by it."""
    for invoice_id in invoice_ids:
        captured = [
            attempt
            for attempt in world.get_attempts(invoice_id)
            if world.gateway.get_ledger(attempt["reference"])["captures"]
        ]
        assert len(captured) == 1
        assert world.gateway.count_requests(captured[0]["reference"]) == 1
        assert world.get_invoice(invoice_id)["amount_residual"] == 0
    world.referee.assert_agree()
