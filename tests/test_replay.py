"""A serialization failure at any point never sends a second request.

Odoo runs a whole request again when PostgreSQL reports one; stock Odoo calls the
gateway again with it.
"""

import pytest
from lib.replay import (
    NEVER_RECEIVED,
    ONE_OF_EACH_STEP,
    POINTS,
    assert_edited,
    edit_repeatedly,
)
from lib.rpc import RpcError

pytest_plugins = ["lib.fixtures"]


def assert_sent_once(world, invoice_id, point):
    attempt = world.get_only_attempt(invoice_id)
    never = point in NEVER_RECEIVED
    assert world.gateway.count_requests(attempt["reference"]) == (0 if never else 1)
    assert attempt["outcome"] == ("failed" if never else "succeeded")
    assert (world.get_invoice(invoice_id)["amount_residual"] == 0) != never
    world.referee.assert_agree()


@pytest.mark.parametrize(
    "point, with_key",
    [
        *((point, True) for point in POINTS),
        *((point, False) for point in ONE_OF_EACH_STEP),
    ],
)
def test_charge(world, point, with_key):
    """A charge: with an idempotency key, as the dialog and the API, and without."""
    invoice_id, token_id = world.make_case()
    key = f"charge-replay-{invoice_id}" if with_key else None
    world.fail_serialization_at(point)
    if point == "after-prepared" and not with_key:
        # Nothing tells the replayed request from a second one, so it is refused.
        with pytest.raises(RpcError, match="in flight"):
            world.charge(invoice_id, token_id)
        world.run_resolver()
        attempt = world.get_only_attempt(invoice_id)
        assert attempt["outcome"] == "canceled"
        assert not world.gateway.count_requests(attempt["reference"])
        return
    attempt_id = world.charge(invoice_id, token_id, idempotency_key=key)
    attempt = world.get_only_attempt(invoice_id)
    assert attempt["id"] == attempt_id
    assert attempt["outcome"] == POINTS[point]
    world.run_resolver()
    assert_sent_once(world, invoice_id, point)


@pytest.mark.parametrize("point", ["before-sent", "after-answer", "before-recorded"])
def test_retry(world, point):
    """A retry of a declined attempt."""
    invoice_id, token_id = world.make_case("tok_decline")
    first_id = world.charge(invoice_id, token_id)
    token_id = world.make_token(world.get_invoice(invoice_id)["partner_id"])
    world.fail_serialization_at(point)
    world.act(first_id, "retry", token_id=token_id, idempotency_key=f"retry-{first_id}")
    world.run_resolver()
    attempts = world.get_attempts(invoice_id)
    assert [attempt["outcome"] for attempt in attempts] == ["declined", "succeeded"]
    for attempt in attempts:
        assert world.gateway.count_requests(attempt["reference"]) == 1


@pytest.mark.parametrize("point", ["before-sent", "after-answer", "before-recorded"])
@pytest.mark.parametrize("kind", ["capture", "void"])
def test_capture_and_void(world, kind, point):
    """A capture or a void of an authorization."""
    invoice_id, token_id = world.make_case("tok_authorize")
    attempt_id = world.charge(invoice_id, token_id)
    world.fail_serialization_at(point)
    child_id = world.act(attempt_id, kind)
    world.run_resolver()
    child = world.get_attempt(child_id)
    assert child["outcome"] == ("succeeded" if kind == "capture" else "canceled")
    assert world.gateway.count_requests(child["reference"], kind) == 1
    remaining = world.get_invoice(invoice_id)["amount_residual"]
    assert remaining == (0 if kind == "capture" else 100)


@pytest.mark.parametrize("point", ["during-send", "after-answer"])
def test_register_dialog(world, point):
    """Odoo's own dialog, which knows nothing of steps, sends once as well."""
    invoice_id, token_id = world.make_case()
    context = {"active_model": "account.move", "active_ids": [invoice_id]}
    dialog_id = world.accountant.call(
        "account.payment.register",
        "create",
        vals_list=[
            {"payment_token_id": token_id, "journal_id": world.facts["journal_id"]}
        ],
        context=context,
    )
    world.fail_serialization_at(point)
    world.accountant.call(
        "account.payment.register", "action_create_payments", dialog_id, context=context
    )
    world.run_resolver()
    world.referee.assert_agree()
    [attempt] = world.get_attempts(invoice_id)
    assert world.gateway.count_requests(attempt["reference"]) <= 1
    paid = world.get_invoice(invoice_id)["amount_residual"] == 0
    assert paid == (attempt["outcome"] == "succeeded")
    assert paid == bool(world.gateway.get_ledger(attempt["reference"])["captures"])


@pytest.mark.parametrize(
    "point", ["before-resolved", "after-resolved", "before-settled"]
)
def test_resolver(world, point):
    """The resolver meets a replay, and still books the gateway's capture once."""
    invoice_id, token_id = world.make_case("tok_drop_after")
    world.charge(invoice_id, token_id)
    assert world.get_only_attempt(invoice_id)["outcome"] == "unknown"
    world.fail_serialization_at(point)
    world.run_resolver()
    world.run_resolver()
    assert_sent_once(world, invoice_id, point)


def test_invoice_edited_meanwhile(world):
    """Somebody edits the invoice while the gateway thinks: nothing lost or repeated.

    A genuine conflict: the charge's database transaction is older than the edit.
    """
    token = "tok_held-edited"
    invoice_id, token_id = world.make_case(token)
    with world.while_held(token, world.charge, invoice_id, token_id):
        edit_repeatedly(world, invoice_id)
        world.gateway.release(token)
    assert_sent_once(world, invoice_id, None)
    assert_edited(world, invoice_id)
