"""A serialization failure at any point never sends a second refund.

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


def assert_sent_once(world, charged, point, reduce_bill=False):
    """Check a refund of 60 of the 100 that were charged."""
    refund = world.get_only_refund(charged.attempt_id)
    never = point in NEVER_RECEIVED
    sent = world.gateway.count_requests(refund["reference"], "refund")
    assert sent == (0 if never else 1)
    assert refund["outcome"] == ("failed" if never else "succeeded")
    refunded = 0 if never else 60
    assert world.gateway.get_refunded(charged.reference) == refunded
    assert world.get_refundable(charged.payment_id) == 100 - refunded
    remaining = world.get_invoice(charged.invoice_id)["amount_residual"]
    assert remaining == (0 if reduce_bill else refunded)
    assert len(world.get_credit_notes(charged.invoice_id)) == (
        1 if reduce_bill and refunded else 0
    )
    world.referee.assert_agree()


@pytest.mark.parametrize("point", POINTS)
def test_with_key(world, point):
    """A refund that reduces the bill, with an idempotency key."""
    charged = world.make_charged()
    world.fail_serialization_at(point)
    world.refund(
        charged.payment_id,
        amount=60.0,
        reduce_bill=True,
        idempotency_key=f"refund-replay-{charged.payment_id}",
    )
    refund = world.get_only_refund(charged.attempt_id)
    assert refund["outcome"] == POINTS[point]
    world.run_resolver()
    assert_sent_once(world, charged, point, reduce_bill=True)


@pytest.mark.parametrize("point", ONE_OF_EACH_STEP)
def test_without_key(world, point):
    """A client without a key refunds, which reopens the invoice."""
    charged = world.make_charged()
    world.fail_serialization_at(point)
    if point == "after-prepared":
        # Nothing tells the replayed request from a second one, which is too much.
        with pytest.raises(RpcError, match="40"):
            world.refund(charged.payment_id, amount=60.0)
        world.run_resolver()
        refund = world.get_only_refund(charged.attempt_id)
        assert refund["outcome"] == "failed"
        assert not world.gateway.count_requests(refund["reference"], "refund")
        return
    world.refund(charged.payment_id, amount=60.0)
    assert world.get_only_refund(charged.attempt_id)["outcome"] == POINTS[point]
    world.run_resolver()
    assert_sent_once(world, charged, point)


def test_without_key_and_room_for_two(world):
    """The replayed request prepares it again: one of the two goes out."""
    charged = world.make_charged()
    world.fail_serialization_at("after-prepared")
    world.refund(charged.payment_id, amount=30.0)
    world.run_resolver()
    refunds = world.get_refunds(charged.attempt_id)
    assert [refund["outcome"] for refund in refunds] == ["failed", "succeeded"]
    assert world.gateway.get_refunded(charged.reference) == 30
    assert world.get_refundable(charged.payment_id) == 70


@pytest.mark.parametrize(
    "point", ["before-prepared", "after-prepared", "after-answer", "before-settled"]
)
def test_credit_note(world, point):
    """A credit note whose money goes back: issued once, paid out once."""
    charged = world.make_charged()
    world.fail_serialization_at(point)
    world.issue_credit_note(
        charged.invoice_id,
        amount=60.0,
        destinations=[{"to": "original", "amount": 60.0}],
        idempotency_key=f"refund-replay-of-{charged.invoice_id}",
    )
    world.run_resolver()
    assert_sent_once(world, charged, point, reduce_bill=True)


@pytest.mark.parametrize(
    "point", ["before-resolved", "after-resolved", "before-settled"]
)
def test_resolver(world, point):
    """The resolver meets a replay, and still books the gateway's refund once."""
    charged = world.make_charged("tok_succeed-dropped_refund")
    world.gateway.script(
        "drop_after", kind="refund", token="tok_succeed-dropped_refund"
    )
    world.refund(charged.payment_id, amount=60.0, reduce_bill=True)
    assert world.get_only_refund(charged.attempt_id)["outcome"] == "unknown"
    world.fail_serialization_at(point)
    world.run_resolver()
    world.run_resolver()
    assert_sent_once(world, charged, point, reduce_bill=True)


@pytest.mark.parametrize("point", ["during-send", "after-answer"])
def test_refund_form_of_odoo(world, point):
    """Odoo's own form, which knows nothing of steps, sends once as well."""
    charged = world.make_charged()
    dialog_id = world.admin.call(
        "payment.refund.wizard",
        "create",
        vals_list=[{"payment_id": charged.payment_id, "amount_to_refund": 60.0}],
    )
    world.fail_serialization_at(point)
    world.admin.call("payment.refund.wizard", "action_refund", dialog_id)
    world.run_resolver()
    assert_sent_once(world, charged, point)


def test_invoice_edited_meanwhile(world):
    """Somebody edits the invoice while the gateway thinks: nothing lost or repeated.

    A genuine conflict: the refund's database transaction is older than the edit.
    """
    token = "tok_succeed-edited_refund"
    charged = world.make_charged(token)
    world.gateway.script("held", kind="refund", token=token)
    with world.while_held(token, world.refund, charged.payment_id, amount=60.0):
        edit_repeatedly(world, charged.invoice_id)
        world.gateway.release(token)
    assert_sent_once(world, charged, None)
    assert_edited(world, charged.invoice_id)
