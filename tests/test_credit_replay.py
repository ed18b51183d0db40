"""A serialization failure at any point never pays credit out twice."""

import pytest
from lib.replay import NEVER_RECEIVED, ONE_OF_EACH_STEP, POINTS
from lib.rpc import RpcError

pytest_plugins = ["lib.fixtures"]


@pytest.fixture
def charged(world):
    return world.make_charged()


@pytest.fixture
def partner_id(world, charged):
    """Return the customer, for whom 50 are held."""
    partner_id = world.get_invoice(charged.invoice_id)["partner_id"]
    world.adjust_credit(partner_id, 50.0)
    return partner_id


def assert_paid_out_once(world, charged, partner_id, moved):
    """Check the books after 40 of 50 were to be paid out."""
    paid_out = 40 if moved else 0
    assert world.gateway.get_refunded(charged.reference) == paid_out
    assert world.get_refundable(charged.payment_id) == 100 - paid_out
    assert world.get_credit_balance(partner_id)["amount"] == 50 - paid_out
    assert world.get_invoice(charged.invoice_id)["amount_residual"] == 0
    world.referee.assert_agree()


@pytest.mark.parametrize("point", POINTS)
def test_with_key(world, charged, partner_id, point):
    balance_id = world.get_credit_balance(partner_id)["id"]
    world.fail_serialization_at(point)
    world.pay_out(
        balance_id,
        amount=40.0,
        payment_id=charged.payment_id,
        idempotency_key=f"credit-replay-{charged.payment_id}",
    )
    refund = world.get_only_refund(charged.attempt_id)
    assert refund["outcome"] == POINTS[point]
    world.run_resolver()
    refund = world.get_only_refund(charged.attempt_id)
    never = point in NEVER_RECEIVED
    assert refund["outcome"] == ("failed" if never else "succeeded")
    sent = world.gateway.count_requests(refund["reference"], "refund")
    assert sent == (not never)
    assert_paid_out_once(world, charged, partner_id, not never)


@pytest.mark.parametrize("point", ONE_OF_EACH_STEP)
def test_without_key(world, charged, partner_id, point):
    """A replayed request of a client without a key is a new one, or the same."""
    balance_id = world.get_credit_balance(partner_id)["id"]
    values = {"amount": 40.0, "payment_id": charged.payment_id}
    world.fail_serialization_at(point)
    if point == "after-prepared":
        # Nothing tells the replayed request from a second one, which is too much.
        with pytest.raises(RpcError, match="above the credit balance"):
            world.pay_out(balance_id, **values)
    else:
        world.pay_out(balance_id, **values)
    world.run_resolver()
    refund = world.get_only_refund(charged.attempt_id)
    never = point in (*NEVER_RECEIVED, "after-prepared")
    sent = world.gateway.count_requests(refund["reference"], "refund")
    assert sent == (not never)
    assert_paid_out_once(world, charged, partner_id, not never)


@pytest.mark.parametrize(
    "point", ["before-resolved", "after-resolved", "before-settled"]
)
@pytest.mark.parametrize("moved", [True, False], ids=["paid", "declined"])
def test_resolver(world, charged, partner_id, point, moved):
    """The resolver meets a replay, and books the outcome once."""
    balance_id = world.get_credit_balance(partner_id)["id"]
    world.kill_at("after-answer" if moved else "during-send")
    world.expect_death(
        world.pay_out, balance_id, amount=40.0, payment_id=charged.payment_id
    )
    world.fail_serialization_at(point)
    world.run_resolver()
    world.run_resolver()
    assert_paid_out_once(world, charged, partner_id, moved)
