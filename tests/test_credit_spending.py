"""Many real clients spend one credit balance at once: never more than it holds."""

import pytest
from lib.at_once import CLIENTS, act_at_once, assert_clear

pytest_plugins = ["lib.fixtures"]

HELD = 100.0
PART = 15.0


@pytest.fixture
def partner_id(world):
    return world.make_customer()


@pytest.fixture
def invoices(world, partner_id):
    """Return open invoices of a customer for whom 100 are held."""
    invoices = world.make_invoices([partner_id] * CLIENTS)
    world.accountant.call(
        "res.partner",
        "adjust_credit_balance",
        [partner_id],
        amount=HELD,
        reason="Goodwill",
    )
    return invoices


def apply_credit(client, invoice_id, amount=PART, **values):
    return client.call(
        "account.move", "apply_credit_balance", [invoice_id], amount=amount, **values
    )


def get_spent(world, invoices, partner_id):
    """Return what is left of the balance, and what of it paid the invoices."""
    (balance,) = world.query(
        "SELECT amount FROM account_credit_balance WHERE partner_id = %s", partner_id
    )
    (paid,) = world.query(
        "SELECT sum(amount_total - amount_residual) AS paid FROM account_move "
        "WHERE id IN %s",
        tuple(invoices),
    )
    return balance["amount"], paid["paid"]


def test_different_invoices(world, clients, invoices, partner_id):
    """Sixteen clients spend 15 of 100 on sixteen invoices: spent is the balance."""
    done, errors = act_at_once(
        [
            lambda client=client, invoice_id=invoice_id: apply_credit(
                client, invoice_id
            )
            for client, invoice_id in zip(clients, invoices, strict=True)
        ]
    )
    assert_clear(errors)
    assert 1 <= len(done) <= 6
    assert get_spent(world, invoices, partner_id) == (
        HELD - PART * len(done),
        PART * len(done),
    )


def test_one_invoice(world, clients, invoices, partner_id):
    """Sixteen clients apply all of it to one invoice: one of them does."""
    done, errors = act_at_once(
        [
            lambda client=client: apply_credit(client, invoices[0], HELD)
            for client in clients
        ]
    )
    assert_clear(errors)
    assert len(done) <= 1
    if not done:
        apply_credit(world.accountant, invoices[0], HELD)
    assert get_spent(world, invoices, partner_id) == (0, HELD)


def test_same_idempotency_key(world, clients, invoices, partner_id):
    """Sixteen clients send the same request: it is done once."""
    values = {"idempotency_key": f"same-spending-{partner_id}"}
    _done, errors = act_at_once(
        [
            lambda client=client: apply_credit(client, invoices[0], **values)
            for client in clients
        ]
    )
    assert_clear(errors)
    for client in clients:
        apply_credit(client, invoices[0], **values)
    assert get_spent(world, invoices, partner_id) == (HELD - PART, PART)


def test_issued_at_once(world, clients, partner_id):
    """Sixteen invoices are issued at once: their customer's credit is spent once."""
    drafts = world.make_invoices([partner_id] * CLIENTS, post=False)
    world.accountant.call(
        "res.partner",
        "adjust_credit_balance",
        [partner_id],
        amount=HELD,
        reason="Goodwill",
    )

    def issue(client, invoice_id):
        client.call("account.move", "action_post", [invoice_id])
        return True

    _done, errors = act_at_once(
        [
            lambda client=client, invoice_id=invoice_id: issue(client, invoice_id)
            for client, invoice_id in zip(clients, drafts, strict=True)
        ]
    )
    assert_clear(errors)
    for draft in drafts:
        state = world.query("SELECT state FROM account_move WHERE id = %s", draft)
        if state[0]["state"] == "draft":
            issue(world.accountant, draft)
    assert get_spent(world, drafts, partner_id) == (0, HELD)
