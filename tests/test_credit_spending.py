"""Many real clients spend one credit balance at once: never more than it holds."""

import json

import pytest
from lib.at_once import CLIENTS, act_at_once, assert_clear
from lib.odoo_server import run_odoo
from lib.rpc import RpcError

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
    world.adjust_credit(partner_id, HELD)
    return invoices


def apply_credit(client, invoice_id, amount=PART, **values):
    return client.call(
        "account.move", "apply_credit_balance", [invoice_id], amount=amount, **values
    )


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
    assert world.get_spent(invoices, partner_id) == (
        HELD - PART * len(done),
        PART * len(done),
    )


def spend_the_rest(world, invoices):
    """Apply the rest, invoice by invoice: some were told to try again."""
    for invoice_id in invoices:
        try:
            apply_credit(world.accountant, invoice_id, None)
        except RpcError as error:
            assert "Nothing" in error.message


def test_all_of_it(world, clients, invoices, partner_id):
    """Sixteen clients spend as much as there is: spent is the balance."""
    _done, errors = act_at_once(
        [
            lambda client=client, invoice_id=invoice_id: apply_credit(
                client, invoice_id, None
            )
            for client, invoice_id in zip(clients, invoices, strict=True)
        ]
    )
    assert_clear(errors)
    spend_the_rest(world, invoices)
    assert world.get_spent(invoices, partner_id) == (0, HELD)


# Sixteen threads of one process, each with a database transaction of its own that is
# replayed as a request is.
DIRECT_CALLS = """
import json
import threading
from odoo import api
from odoo.exceptions import UserError
from odoo.service.model import retrying

barrier = threading.Barrier(len(INVOICES))
outcomes = []

def spend(invoice_id):
    barrier.wait()
    with env.registry.cursor() as cr:
        own = api.Environment(cr, USER, {})
        invoice = own["account.move"].browse(invoice_id)
        try:
            retrying(lambda: invoice.apply_credit_balance(AMOUNT), own)
            outcomes.append("spent")
        except UserError as error:
            outcomes.append(str(error))
        except Exception as error:
            outcomes.append(repr(error))

threads = [threading.Thread(target=spend, args=(number,)) for number in INVOICES]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("outcomes:" + json.dumps(outcomes))
"""


def test_direct_calls(world, invoices, partner_id):
    """Sixteen threads call the door themselves, without HTTP."""
    [user] = world.query("SELECT id FROM res_users WHERE login = 'accountant1'")
    output = run_odoo(
        "shell",
        world.database,
        "--no-http",
        script=DIRECT_CALLS.replace("INVOICES", str(list(invoices)))
        .replace("USER", str(user["id"]))
        .replace("AMOUNT", str(PART)),
    )
    outcomes = json.loads(output.partition("outcomes:")[2].splitlines()[0])
    assert len(outcomes) == CLIENTS
    spent = outcomes.count("spent")
    assert 1 <= spent <= 6
    for outcome in set(outcomes) - {"spent"}:
        assert "credit balance" in outcome or "Somebody else" in outcome, outcome
    assert world.get_spent(invoices, partner_id) == (HELD - PART * spent, PART * spent)
    spend_the_rest(world, invoices)
    assert world.get_spent(invoices, partner_id) == (0, HELD)


def test_all_ways_out(world, clients, invoices, partner_id):
    """Applying, paying out and deducting at once take no more than the balance."""
    balance_id = world.get_credit_balance(partner_id)["id"]
    ways = (
        lambda client, invoice_id: apply_credit(client, invoice_id),
        lambda client, _invoice_id: world.pay_out(
            balance_id, client=client, amount=PART
        ),
        lambda client, _invoice_id: world.adjust_credit(
            partner_id, -PART, client=client
        ),
    )
    done, errors = act_at_once(
        [
            lambda way=ways[number % 3], client=client, invoice_id=invoice_id: way(
                client, invoice_id
            )
            for number, (client, invoice_id) in enumerate(
                zip(clients, invoices, strict=True)
            )
        ]
    )
    assert_clear(errors)
    assert 1 <= len(done) <= 6
    history = world.get_credit_history(partner_id)
    assert [amount for _kind, amount in history] == [HELD] + [-PART] * len(done)
    left, paid = world.get_spent(invoices, partner_id)
    assert left == HELD - PART * len(done)
    assert paid == PART * sum(kind == "applied" for kind, _amount in history)


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
    assert world.get_spent(invoices, partner_id) == (0, HELD)


def test_same_idempotency_key(world, clients_of_one, invoices, partner_id):
    """Sixteen clients send the same request: it is done once."""
    values = {"idempotency_key": f"same-spending-{partner_id}"}
    _done, errors = act_at_once(
        [
            lambda client=client: apply_credit(client, invoices[0], **values)
            for client in clients_of_one
        ]
    )
    assert_clear(errors)
    for client in clients_of_one:
        apply_credit(client, invoices[0], **values)
    assert world.get_spent(invoices, partner_id) == (HELD - PART, PART)


def test_issued_at_once(world, clients, partner_id):
    """Sixteen invoices are issued at once: their customer's credit is spent once."""
    drafts = world.make_invoices([partner_id] * CLIENTS, post=False)
    world.adjust_credit(partner_id, HELD)

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
    assert world.get_spent(drafts, partner_id) == (0, HELD)
