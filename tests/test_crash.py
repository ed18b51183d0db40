"""Servers are killed while they move money; books and gateway agree afterwards."""

import pytest
from lib.rpc import ConnectionLost, RpcError

pytest_plugins = ["lib.fixtures"]

# The points at which the process dies, and the outcome after the resolver has run.
# Nothing is left of an attempt that was not stored.
NOTHING, NEVER_SENT, NEVER_RECEIVED, CAPTURED = None, "canceled", "failed", "succeeded"
BOUNDARIES = {
    "before-prepared": NOTHING,
    "after-prepared": NEVER_SENT,
    "before-sent": NEVER_SENT,
    "after-sent": NEVER_RECEIVED,
    "during-send": NEVER_RECEIVED,
    "after-answer": CAPTURED,
    "before-recorded": CAPTURED,
    "after-recorded": CAPTURED,
    "before-settled": CAPTURED,
    "after-settled": CAPTURED,
}


def assert_resolved(world, invoice_id, expected):
    """Check the one attempt on an invoice, and that it was sent at most once."""
    outcomes = [attempt["outcome"] for attempt in world.get_attempts(invoice_id)]
    assert outcomes == ([] if expected is NOTHING else [expected])
    for attempt in world.get_attempts(invoice_id):
        sent = world.gateway.count_requests(attempt["reference"])
        assert sent == (1 if expected == CAPTURED else 0)
    paid = world.get_invoice(invoice_id)["amount_residual"] == 0
    assert paid == (expected == CAPTURED)
    world.referee.assert_agree()


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_resolver_finds_out(world, boundary):
    """The first kill at each boundary: the resolver comes first after the restart."""
    invoice_id, token_id = world.make_case()
    world.kill_at(boundary)
    world.expect_death(world.charge, invoice_id, token_id)
    world.run_resolver()
    assert_resolved(world, invoice_id, BOUNDARIES[boundary])


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_client_repeats_its_request(world, boundary):
    """The second kill: the client asks again, with its idempotency key.

    The request goes on from where the attempt stands, and starts no second one.
    """
    invoice_id, token_id = world.make_case()
    key = f"repeat-{boundary}-{invoice_id}"
    client = world.get_api_client()
    world.kill_at(boundary)
    world.expect_death(
        world.charge, invoice_id, token_id, client=client, idempotency_key=key
    )
    attempt_id = world.charge(invoice_id, token_id, client=client, idempotency_key=key)
    assert world.get_only_attempt(invoice_id)["id"] == attempt_id
    world.run_resolver()
    expected = BOUNDARIES[boundary]
    if expected in (NOTHING, NEVER_SENT):
        expected = CAPTURED  # The repeated request sends the unsent attempt.
    assert_resolved(world, invoice_id, expected)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_another_accountant_charges(world, boundary):
    """The third kill: somebody charges the invoice before the resolver was there.

    Either it is refused with a reason, or the first attempt surely took no money.
    """
    invoice_id, token_id = world.make_case()
    world.kill_at(boundary)
    world.expect_death(world.charge, invoice_id, token_id)
    other = world.get_client("accountant2")
    try:
        world.charge(invoice_id, token_id, client=other)
    except RpcError as error:
        assert BOUNDARIES[boundary] is not NOTHING
        assert "UserError" in error.name or "ValidationError" in error.name
        assert error.message
    world.run_resolver()
    captures = [
        attempt
        for attempt in world.get_attempts(invoice_id)
        if attempt["outcome"] == CAPTURED
    ]
    assert len(captures) <= 1
    world.referee.assert_agree()
    if not captures:  # And now it can be charged.
        world.charge(invoice_id, token_id, client=other)
        assert world.get_invoice(invoice_id)["amount_residual"] == 0


@pytest.mark.parametrize("boundary", ["before-resolved", "after-resolved"])
def test_resolver_dies_as_well(world, boundary):
    """A resolver that is killed leaves everything to the next one."""
    invoice_id, token_id = world.make_case()
    world.kill_at("after-answer")
    world.expect_death(world.charge, invoice_id, token_id)
    for point in (boundary, "before-settled"):
        world.kill_at(point)
        world.expect_death(world.run_resolver)
    world.run_resolver()
    assert_resolved(world, invoice_id, CAPTURED)


def test_unknown_is_never_sent_again(world):
    """While the gateway cannot tell, nobody and nothing sends the request again."""
    invoice_id, token_id = world.make_case()
    key = f"unknown-{invoice_id}"
    world.kill_at("before-recorded")
    world.expect_death(world.charge, invoice_id, token_id, idempotency_key=key)
    reference = world.get_only_attempt(invoice_id)["reference"]
    world.gateway.script("error_before", kind="query", reference=reference, times=None)
    for _ in range(3):
        world.run_resolver()
    attempt = world.get_only_attempt(invoice_id)
    assert attempt["outcome"] == "unknown"
    with pytest.raises(RpcError, match=reference):
        world.charge(invoice_id, token_id)
    with pytest.raises(RpcError, match=reference):
        world.act(attempt["id"], "retry")
    # The same request again: the same attempt, as it stands.
    assert world.charge(invoice_id, token_id, idempotency_key=key) == attempt["id"]
    for method in ("button_draft", "button_cancel"):
        with pytest.raises(RpcError, match=reference):
            world.accountant.call("account.move", method, [invoice_id])
    assert world.gateway.count_requests(reference) == 1
    world.act(attempt["id"], "resolve", charged=True, reason="Seen at the gateway")
    assert_resolved(world, invoice_id, CAPTURED)
    messages = world.query(
        "SELECT body FROM mail_message WHERE model = 'account.move' AND res_id = %s",
        invoice_id,
    )
    assert any("Seen at the gateway" in message["body"] for message in messages)


@pytest.mark.parametrize("failure", ["garbage_before", "odd_before"])
def test_gateway_that_talks_nonsense_after_a_crash(world, failure):
    """A person can resolve it, with any answer to the question about the outcome."""
    invoice_id, token_id = world.make_case()
    world.kill_at("after-answer")
    world.expect_death(world.charge, invoice_id, token_id)
    attempt = world.get_only_attempt(invoice_id)
    world.gateway.script(
        {"failure": failure}, kind="query", reference=attempt["reference"], times=None
    )
    world.run_resolver()
    assert world.get_attempt(attempt["id"])["outcome"] == "unknown"
    world.act(attempt["id"], "resolve", charged=True, reason="Seen at the gateway")
    assert_resolved(world, invoice_id, CAPTURED)


@pytest.mark.parametrize(
    "boundary", ["before-prepared", "after-prepared", "during-send", "after-answer"]
)
def test_issue_and_charge(world, boundary):
    """Issuing and charging: the draft stays one, or is issued with one attempt."""
    invoice_id, token_id = world.make_draft_case()
    world.kill_at(boundary)
    world.expect_death(
        world.accountant.call,
        "account.move",
        "issue_and_charge",
        [invoice_id],
        token_id=token_id,
    )
    world.run_resolver()
    invoice = world.get_invoice(invoice_id)
    if boundary == "before-prepared":
        assert invoice["state"] == "draft"
        assert not world.get_attempts(invoice_id)
    else:
        assert invoice["state"] == "posted"
        assert_resolved(world, invoice_id, BOUNDARIES[boundary])


@pytest.mark.parametrize("boundary", ["during-send", "after-answer", "after-recorded"])
def test_capture_of_an_authorization(world, boundary):
    """A capture is a request like a charge: it takes the same steps."""
    invoice_id, token_id = world.make_case("tok_authorize")
    attempt_id = world.charge(invoice_id, token_id)
    assert world.get_attempt(attempt_id)["outcome"] == "authorized"
    world.kill_at(boundary)
    world.expect_death(world.act, attempt_id, "capture")
    world.run_resolver()
    if boundary == "during-send":
        assert world.get_invoice(invoice_id)["amount_residual"] == 100
        world.act(attempt_id, "capture")
    assert world.get_invoice(invoice_id)["amount_residual"] == 0
    assert world.get_attempt(attempt_id)["outcome"] == CAPTURED


def test_void_of_an_authorization(world):
    """A void whose answer was lost has taken place, and the invoice is free again."""
    invoice_id, token_id = world.make_case("tok_authorize")
    attempt_id = world.charge(invoice_id, token_id)
    world.kill_at("after-answer")
    world.expect_death(world.act, attempt_id, "void")
    world.run_resolver()
    assert world.get_attempt(attempt_id)["outcome"] == "canceled"
    assert world.get_invoice(invoice_id)["amount_residual"] == 100
    token_id = world.make_token(world.get_invoice(invoice_id)["partner_id"])
    world.charge(invoice_id, token_id)
    assert world.get_invoice(invoice_id)["amount_residual"] == 0


def test_killed_from_outside_while_waiting(world):
    """The process is killed while it waits for the gateway."""
    token = "tok_held-killed"
    case = world.make_case(token)
    with world.while_held(token, world.charge, *case) as charge:
        world.server.kill()
        with pytest.raises(ConnectionLost):
            charge.result()
        world.gateway.release(token)
    world.start_server()
    world.run_resolver()
    assert_resolved(world, case[0], CAPTURED)


def test_database_connection_lost_while_waiting(world):
    """PostgreSQL ends the sender's connection while it waits for the gateway."""
    token = "tok_held-lost"
    case = world.make_case(token)
    with world.while_held(token, world.charge, *case) as charge:
        world.end_connections()
        world.gateway.release(token)
        with pytest.raises(RpcError):
            charge.result()
    world.run_resolver()
    assert_resolved(world, case[0], CAPTURED)
