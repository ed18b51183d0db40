"""Servers are killed while they give money back; books and gateway agree afterwards."""

import pytest
from lib.replay import ONE_OF_EACH_STEP
from lib.rpc import ConnectionLost, RpcError

pytest_plugins = ["lib.fixtures"]

# The points at which the process dies, and the outcome after the resolver has run.
# Nothing is left of an attempt that was not stored.
NOTHING, NOT_SENT, REFUNDED = None, "failed", "succeeded"
BOUNDARIES = {
    "before-prepared": NOTHING,
    "after-prepared": NOT_SENT,
    "before-sent": NOT_SENT,
    "after-sent": NOT_SENT,
    "during-send": NOT_SENT,
    "after-answer": REFUNDED,
    "before-recorded": REFUNDED,
    "after-recorded": REFUNDED,
    "before-settled": REFUNDED,
    "after-settled": REFUNDED,
}
# A repeated request can send an attempt that was never marked as sent.
STILL_TO_SEND = ("before-prepared", "after-prepared", "before-sent")


def assert_refunded(world, charged, amount, reduce_bill=False):
    """Check the refunds and the bill, at the gateway and in the books.

    :param float amount: The amount to be refunded of the 100 that were charged.
    """
    assert world.gateway.get_refunded(charged.reference) == amount
    assert world.get_refundable(charged.payment_id) == 100 - amount
    credit_notes = world.get_credit_notes(charged.invoice_id)
    invoice = world.get_invoice(charged.invoice_id)
    if reduce_bill and amount:
        assert [float(note["amount_total"]) for note in credit_notes] == [amount]
        assert credit_notes[0]["amount_residual"] == 0
        assert invoice["amount_residual"] == 0
    else:
        assert not credit_notes
        assert invoice["amount_residual"] == amount
    world.referee.assert_agree()


def assert_resolved(world, charged, expected, amount, reduce_bill=False):
    """Check the one attempt to refund, and that it was sent at most once."""
    refunds = world.get_refunds(charged.attempt_id)
    assert [refund["outcome"] for refund in refunds] == (
        [] if expected is NOTHING else [expected]
    )
    is_refunded = expected == REFUNDED
    for refund in refunds:
        sent = world.gateway.count_requests(refund["reference"], "refund")
        assert sent == (1 if is_refunded else 0)
    assert_refunded(world, charged, amount if is_refunded else 0, reduce_bill)


@pytest.mark.parametrize(
    "boundary, reduce_bill",
    [
        *((boundary, True) for boundary in BOUNDARIES),
        *((boundary, False) for boundary in ONE_OF_EACH_STEP),
    ],
)
def test_resolver_finds_out(world, boundary, reduce_bill):
    """The resolver comes first after the restart, then somebody refunds the rest."""
    charged = world.make_charged()
    world.kill_at(boundary)
    world.expect_death(
        world.refund, charged.payment_id, amount=60.0, reduce_bill=reduce_bill
    )
    expected = BOUNDARIES[boundary]
    if expected is not NOTHING:
        # Its amount is not there for another refund, with any outcome.
        assert world.get_refundable(charged.payment_id) == 40
        with pytest.raises(RpcError, match="40"):
            world.refund(charged.payment_id, amount=60.0)
    world.run_resolver()
    assert_resolved(world, charged, expected, 60, reduce_bill)
    world.refund(charged.payment_id, reduce_bill=reduce_bill)
    assert world.gateway.get_refunded(charged.reference) == 100
    assert world.get_refundable(charged.payment_id) == 0


@pytest.mark.parametrize(
    "boundary", ["before-prepared", "before-sent", "after-answer", "before-settled"]
)
def test_client_repeats_its_request(world, boundary):
    """The client asks again, with its key: the same attempt goes on, no second one."""
    charged = world.make_charged()
    values = {
        "amount": 60.0,
        "reduce_bill": True,
        "idempotency_key": f"refund-{charged.payment_id}",
        "client": world.get_api_client(),
    }
    world.kill_at(boundary)
    world.expect_death(world.refund, charged.payment_id, **values)
    world.refund(charged.payment_id, **values)
    world.run_resolver()
    assert boundary in STILL_TO_SEND or BOUNDARIES[boundary] == REFUNDED
    assert_resolved(world, charged, REFUNDED, 60, reduce_bill=True)


def test_resolver_dies_as_well(world):
    """A resolver that is killed leaves everything to the next one."""
    charged = world.make_charged()
    world.kill_at("after-answer")
    world.expect_death(world.refund, charged.payment_id, amount=60.0, reduce_bill=True)
    for point in ("after-resolved", "before-settled"):
        world.kill_at(point)
        world.expect_death(world.run_resolver)
    world.run_resolver()
    assert_resolved(world, charged, REFUNDED, 60, reduce_bill=True)


@pytest.mark.parametrize("refunded", [True, False])
def test_unknown_stays_reserved(world, refunded):
    """While the gateway cannot tell, nothing is sent again and the amount is kept."""
    charged = world.make_charged()
    values = {"amount": 60.0, "idempotency_key": f"unknown-{charged.payment_id}"}
    world.kill_at("before-recorded" if refunded else "during-send")
    world.expect_death(world.refund, charged.payment_id, **values)
    refund = world.get_only_refund(charged.attempt_id)
    reference = refund["reference"]
    world.gateway.script("error_before", kind="query", reference=reference, times=None)
    for _ in range(2):
        world.run_resolver()
        assert world.get_attempt(refund["id"])["outcome"] == "unknown"
    # The same request again is the same attempt; another one gets the rest.
    assert world.refund(charged.payment_id, **values) == refund["id"]
    assert world.get_refundable(charged.payment_id) == 40
    with pytest.raises(RpcError, match="40"):
        world.refund(charged.payment_id, amount=60.0)
    with pytest.raises(RpcError, match=reference):
        world.accountant.call("account.payment", "action_draft", [charged.payment_id])
    assert world.gateway.count_requests(reference, "refund") == (1 if refunded else 0)
    world.act(refund["id"], "resolve", charged=refunded, reason="Seen at the gateway")
    assert_resolved(world, charged, REFUNDED if refunded else NOT_SENT, 60)


@pytest.mark.parametrize(
    "boundary", ["before-prepared", "after-prepared", "during-send", "after-answer"]
)
def test_credit_note(world, boundary):
    """A credit note whose money goes back: both, or the credit note stays open."""
    charged = world.make_charged()
    destinations = [{"to": "original", "amount": 60.0}]
    world.kill_at(boundary)
    world.expect_death(
        world.issue_credit_note,
        charged.invoice_id,
        amount=60.0,
        destinations=destinations,
    )
    world.run_resolver()
    expected = BOUNDARIES[boundary]
    refunded = 60 if expected == REFUNDED else 0
    notes = world.get_credit_notes(charged.invoice_id)
    assert world.get_invoice(charged.invoice_id)["amount_residual"] == 0
    assert world.gateway.get_refunded(charged.reference) == refunded
    assert world.get_refundable(charged.payment_id) == 100 - refunded
    world.referee.assert_agree()
    if expected is NOTHING:
        assert not notes
        assert not world.get_refunds(charged.attempt_id)
        return
    [note] = notes
    assert note["amount_residual"] == 60 - refunded
    assert world.get_only_refund(charged.attempt_id)["outcome"] == expected
    if expected == NOT_SENT:
        assert_told_of_unpaid(world, charged.invoice_id)
        world.refund(charged.payment_id, amount=60.0, credit_note_id=note["id"])
        [note] = world.get_credit_notes(charged.invoice_id)
        assert note["amount_residual"] == 0


def assert_told_of_unpaid(world, invoice_id):
    """Check that somebody is told, once, of a credit note that was not paid out."""
    told = [
        activity["summary"]
        for activity in world.get_activities("account.move", invoice_id)
    ]
    assert told == ["Credit note issued, but not paid out"]


def test_told_of_unpaid_credit_note_all_the_same(world):
    """The resolver dies before it told that the money of a credit note did not go."""
    charged = world.make_charged()
    world.kill_at("during-send")
    world.expect_death(
        world.issue_credit_note,
        charged.invoice_id,
        amount=60.0,
        destinations=[{"to": "original", "amount": 60.0}],
    )
    world.kill_at("before-settled")
    world.expect_death(world.run_resolver)
    for _ in range(2):
        world.run_resolver()
    assert_told_of_unpaid(world, charged.invoice_id)


@pytest.mark.parametrize("repeated", [True, False], ids=["repeated", "resolved"])
def test_between_the_refunds_of_a_credit_note(world, repeated):
    """The server dies between the two refunds of a credit note."""
    first = world.make_charged(charged=40.0)
    token_id = world.make_token(world.get_invoice(first.invoice_id)["partner_id"])
    attempt_id = world.charge(first.invoice_id, token_id)
    second = world.get_charged(attempt_id, first.invoice_id)
    values = {
        "amount": 100.0,
        "destinations": [{"to": "original", "amount": 100.0}],
        "idempotency_key": f"credit-{first.invoice_id}",
    }
    world.kill_at("after-settled")
    world.expect_death(world.issue_credit_note, first.invoice_id, **values)
    refunded = sum(
        world.gateway.get_refunded(charged.reference) for charged in (first, second)
    )
    assert 0 < refunded < 100
    if repeated:
        world.issue_credit_note(first.invoice_id, **values)
        refunded = 100
    world.run_resolver()
    [note] = world.get_credit_notes(first.invoice_id)
    assert note["amount_residual"] == 100 - refunded
    if not repeated:
        assert_told_of_unpaid(world, first.invoice_id)
    left = 0
    for charged in (first, second):
        refund = world.get_only_refund(charged.attempt_id)
        assert world.gateway.count_requests(refund["reference"], "refund") == (
            1 if refund["outcome"] == REFUNDED else 0
        )
        left += world.get_refundable(charged.payment_id)
    assert left == 100 - refunded
    world.referee.assert_agree()


def test_killed_from_outside_while_waiting(world):
    """The process is killed while it waits for the gateway."""
    token = "tok_succeed-killed_refund"
    charged = world.make_charged(token)
    world.gateway.script("held", kind="refund", token=token)
    with world.while_held(token, world.refund, charged.payment_id) as refund:
        world.server.kill()
        with pytest.raises(ConnectionLost):
            refund.result()
        world.gateway.release(token)
    world.start_server()
    world.run_resolver()
    assert_resolved(world, charged, REFUNDED, 100)


def test_database_connection_lost_while_waiting(world):
    """PostgreSQL ends the sender's connection while it waits for the gateway."""
    token = "tok_succeed-lost_refund"
    charged = world.make_charged(token)
    world.gateway.script("held", kind="refund", token=token)
    with world.while_held(
        token, world.refund, charged.payment_id, reduce_bill=True
    ) as refund:
        world.end_connections()
        world.gateway.release(token)
        with pytest.raises(RpcError):
            refund.result()
    world.run_resolver()
    assert_resolved(world, charged, REFUNDED, 100, reduce_bill=True)
