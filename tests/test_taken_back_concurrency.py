"""Money taken back is booked once: reported at once, cut off, and played again."""

import pytest
from lib.at_once import act_at_once, assert_clear

pytest_plugins = ["lib.fixtures"]


def get_reversals(world, payment_id):
    return world.query(
        "SELECT id, amount, state FROM account_payment_reversal WHERE payment_id = %s",
        payment_id,
    )


@pytest.mark.parametrize("kind", ["dispute", "returned_debit"])
def test_same_reference(world, clients, kind):
    """Sixteen clients send the same reference: one record, one entry."""
    charged = world.make_charged()
    values = {"kind": kind, "amount": 40.0, "provider_reference": f"chb-{kind}"}
    done, errors = act_at_once(
        [
            lambda client=client: world.report_taken_back(
                charged.payment_id, client=client, **values
            )
            for client in clients
        ]
    )
    assert_clear(errors)
    [reversal] = get_reversals(world, charged.payment_id)
    assert set(done) == {reversal["id"]}
    entries = world.query(
        "SELECT id FROM account_move WHERE payment_reversal_id = %s", reversal["id"]
    )
    assert len(entries) == 1
    assert not world.get_tie_out()


def test_beside_refunds(world, clients):
    """Refunds and reports at once never take more than was paid."""
    charged = world.make_charged()
    actions = [
        (
            lambda client=client: world.refund(
                charged.payment_id, client=client, amount=15.0
            )
        )
        if number % 2
        else (
            lambda client=client: world.report_taken_back(
                charged.payment_id, client, kind="returned_debit", amount=15.0
            )
        )
        for number, client in enumerate(clients)
    ]
    _done, errors = act_at_once(actions)
    assert_clear(errors)
    world.run_resolver()
    taken = sum(row["amount"] for row in get_reversals(world, charged.payment_id))
    refunded = world.gateway.get_refunded(charged.reference)
    assert taken + refunded <= 100
    assert world.get_refundable(charged.payment_id) == 100 - taken - refunded
    remaining = world.get_invoice(charged.invoice_id)["amount_residual"]
    assert remaining == taken + refunded
    assert not world.get_tie_out()


def assert_taken_once(world, charged, amount):
    """Check that an amount was taken back once, and is owed again."""
    [reversal] = get_reversals(world, charged.payment_id)
    assert (reversal["amount"], reversal["state"]) == (amount, "lost")
    assert world.get_invoice(charged.invoice_id)["amount_residual"] == amount
    entries = world.query(
        "SELECT id FROM account_move WHERE payment_reversal_id = %s", reversal["id"]
    )
    assert len(entries) == 1
    assert not world.get_tie_out()


@pytest.mark.parametrize("point", ["before-booked", "after-booked"])
def test_killed_while_it_is_reported(world, point):
    """The server dies around the commit; the client asks again, with its key."""
    charged = world.make_charged()
    client = world.get_api_client()
    values = {"kind": "returned_debit", "amount": 40.0}
    values["idempotency_key"] = f"{point}-{charged.payment_id}"
    world.kill_at(point)
    world.expect_death(world.report_taken_back, charged.payment_id, client, **values)
    stored = get_reversals(world, charged.payment_id)
    assert len(stored) == (point == "after-booked")
    reversal_id = world.report_taken_back(charged.payment_id, client, **values)
    assert {row["id"] for row in stored} <= {reversal_id}
    assert_taken_once(world, charged, 40)


@pytest.mark.parametrize("kind", ["returned_debit", "dispute"])
def test_request_is_played_again(world, kind):
    """PostgreSQL refuses the commit once: Odoo plays the request again."""
    charged = world.make_charged()
    if kind == "dispute":
        reversal_id = world.report_taken_back(charged.payment_id, kind=kind)
        world.fail_serialization_at("before-booked")
        world.accountant.call("account.payment.reversal", "lose", [reversal_id])
        entries = world.query(
            "SELECT id FROM account_move WHERE payment_reversal_id = %s", reversal_id
        )
        assert len(entries) == 2  # It was parked before it was lost.
        assert world.get_invoice(charged.invoice_id)["amount_residual"] == 100
        assert not world.get_tie_out()
    else:
        world.fail_serialization_at("before-booked")
        world.report_taken_back(charged.payment_id, kind=kind, amount=40.0)
        assert_taken_once(world, charged, 40)


def test_decided_in_both_ways_at_once(world, clients):
    """One decision counts at a time, and the books follow the last one."""
    charged = world.make_charged()
    reversal_id = world.report_taken_back(charged.payment_id, kind="dispute")
    actions = [
        lambda client=client, name=("win", "lose")[number % 2]: client.call(
            "account.payment.reversal", name, [reversal_id]
        )
        for number, client in enumerate(clients)
    ]
    _done, errors = act_at_once(actions)
    assert_clear(errors)
    [reversal] = get_reversals(world, charged.payment_id)
    assert reversal["state"] in ("won", "lost")
    owed = 100 if reversal["state"] == "lost" else 0
    assert world.get_invoice(charged.invoice_id)["amount_residual"] == owed
    assert not world.get_tie_out()
