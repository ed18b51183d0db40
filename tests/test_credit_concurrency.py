"""Many real clients change a credit balance at once: never more than it holds."""

import pytest
from lib.at_once import CLIENTS, act_at_once, assert_clear

pytest_plugins = ["lib.fixtures"]


@pytest.fixture
def partner_id(world):
    """Return a customer for whom 100 are held."""
    partner_id = world.make_customer()
    adjust(world.accountant, partner_id, 100.0)
    return partner_id


def adjust(client, partner_id, amount, **values):
    return client.call(
        "res.partner",
        "adjust_credit_balance",
        [partner_id],
        **{"amount": amount, "reason": "Correction", **values},
    )


def adjust_at_once(clients, partner_id, amount, **values):
    return act_at_once(
        [
            lambda client=client: adjust(client, partner_id, amount, **values)
            for client in clients
        ]
    )


def get_balance(world, partner_id):
    """Return the balance, and the amounts of its history."""
    (balance,) = world.query(
        "SELECT id, amount FROM account_credit_balance WHERE partner_id = %s",
        partner_id,
    )
    history = world.query(
        "SELECT amount FROM account_credit_balance_entry WHERE balance_id = %s",
        balance["id"],
    )
    return balance["amount"], [entry["amount"] for entry in history]


def test_same_balance(world, clients, partner_id):
    """Sixteen clients deduct 15 of 100: six of them can, at the most."""
    done, errors = adjust_at_once(clients, partner_id, -15.0)
    assert_clear(errors)
    assert 1 <= len(done) <= 6
    assert len(done) + len(errors) == CLIENTS
    for _ in range(6 - len(done)):
        adjust(world.accountant, partner_id, -15.0)
    assert get_balance(world, partner_id)[0] == 10
    done, errors = adjust_at_once(clients, partner_id, -15.0)
    assert not done
    assert_clear(errors)
    amount, history = get_balance(world, partner_id)
    assert amount == 10
    assert sorted(history) == [-15] * 6 + [100]


def test_first_credit_of_a_customer(world, clients):
    """Sixteen clients give the first credit: all that were told so are counted."""
    partner_id = world.make_customer()
    done, errors = adjust_at_once(clients, partner_id, 5.0)
    assert done
    assert_clear(errors)
    amount, history = get_balance(world, partner_id)
    assert amount == 5 * len(done)
    assert history == [5] * len(done)


def test_same_idempotency_key(world, clients_of_one, partner_id):
    """Sixteen clients send the same request: it is done once."""
    values = {"idempotency_key": f"same-credit-{partner_id}"}
    done, errors = adjust_at_once(clients_of_one, partner_id, 7.0, **values)
    assert done
    assert_clear(errors)
    for client in clients_of_one:
        adjust(client, partner_id, 7.0, **values)
    amount, history = get_balance(world, partner_id)
    assert amount == 107
    assert sorted(history) == [7, 100]
