"""Many real clients report the same money taken back at once: it is booked once."""

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
