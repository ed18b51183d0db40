"""Servers are killed while credit moves; gateway, books and balance agree then."""

import pytest
from lib.replay import ONE_OF_EACH_STEP
from lib.rpc import RpcError

pytest_plugins = ["lib.fixtures"]

# The points at which the process dies, and the outcome after the resolver has run.
# Nothing is left of an attempt that was not stored.
NOTHING, NOT_SENT, MOVED = None, "not sent", "succeeded"
BOUNDARIES = {
    "before-prepared": NOTHING,
    "after-prepared": NOT_SENT,
    "before-sent": NOT_SENT,
    "after-sent": NOT_SENT,
    "during-send": NOT_SENT,
    "after-answer": MOVED,
    "before-recorded": MOVED,
    "after-recorded": MOVED,
    "before-settled": MOVED,
    "after-settled": MOVED,
}
# A repeated request can send an attempt that was never marked as sent.
STILL_TO_SEND = ("before-prepared", "after-prepared", "before-sent")
HELD, PAID_OUT = 50.0, 40.0


# === PAID OUT TO A CARD === #


@pytest.fixture
def charged(world):
    """Return an invoice that a card paid."""
    return world.make_charged()


@pytest.fixture
def partner_id(world, charged):
    """Return its customer, for whom 50 are held."""
    partner_id = world.get_invoice(charged.invoice_id)["partner_id"]
    world.adjust_credit(partner_id, HELD)
    return partner_id


@pytest.fixture
def pay_out(world, charged, partner_id):
    """Return the call that pays 40 of the balance out to the card."""

    def pay_out(**values):
        return world.pay_out(
            world.get_credit_balance(partner_id)["id"],
            **{"amount": PAID_OUT, "payment_id": charged.payment_id, **values},
        )

    return pay_out


def assert_paid_out(world, charged, partner_id, expected):
    """Check that the one attempt was sent at most once, and the money it moved."""
    is_moved = expected == MOVED
    refunds = world.get_refunds(charged.attempt_id)
    outcomes = {NOTHING: [], NOT_SENT: ["failed"], MOVED: ["succeeded"]}
    assert [refund["outcome"] for refund in refunds] == outcomes[expected]
    for refund in refunds:
        sent = world.gateway.count_requests(refund["reference"], "refund")
        assert sent == is_moved
    paid_out = PAID_OUT if is_moved else 0
    assert world.gateway.get_refunded(charged.reference) == paid_out
    assert world.get_refundable(charged.payment_id) == 100 - paid_out
    # The invoice that the card had paid stays paid.
    assert world.get_invoice(charged.invoice_id)["amount_residual"] == 0
    assert world.get_credit_balance(partner_id)["amount"] == HELD - paid_out
    history = [("adjustment", HELD)]
    if expected is not NOTHING:
        history.append(("paid_out", -PAID_OUT))
    assert world.get_credit_history(partner_id)[:2] == history
    world.referee.assert_agree()


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_pay_out_resolver_finds_out(world, charged, partner_id, pay_out, boundary):
    """The resolver comes first after the restart."""
    expected = BOUNDARIES[boundary]
    world.kill_at(boundary)
    world.expect_death(pay_out)
    if expected is not NOTHING:
        # The amount can neither be spent nor refunded, with any outcome.
        assert world.get_credit_balance(partner_id)["amount"] == HELD - PAID_OUT
        with pytest.raises(RpcError, match="above the credit balance"):
            pay_out()
        assert world.get_refundable(charged.payment_id) == 100 - PAID_OUT
    world.run_resolver()
    assert_paid_out(world, charged, partner_id, expected)
    # The credit that is held in the end can be paid out.
    left = world.get_credit_balance(partner_id)["amount"]
    pay_out(amount=left)
    assert world.get_credit_balance(partner_id)["amount"] == 0
    assert world.gateway.get_refunded(charged.reference) == HELD


@pytest.mark.parametrize("boundary", ("before-prepared", *ONE_OF_EACH_STEP))
def test_pay_out_is_repeated(world, charged, partner_id, pay_out, boundary):
    """The client asks again, with its key: the same attempt goes on, no second one."""
    values = {
        "idempotency_key": f"pay-out-{charged.payment_id}",
        "client": world.get_api_client(),
    }
    world.kill_at(boundary)
    world.expect_death(pay_out, **values)
    pay_out(**values)
    world.run_resolver()
    expected = MOVED if boundary in STILL_TO_SEND else BOUNDARIES[boundary]
    assert_paid_out(world, charged, partner_id, expected)


def test_pay_out_resolver_dies_as_well(world, charged, partner_id, pay_out):
    """A resolver that is killed leaves everything to the next one."""
    world.kill_at("after-answer")
    world.expect_death(pay_out)
    for point in ("after-resolved", "before-settled"):
        world.kill_at(point)
        world.expect_death(world.run_resolver)
    world.run_resolver()
    assert_paid_out(world, charged, partner_id, MOVED)


@pytest.mark.parametrize("point", ["before-resolved", "before-settled"])
def test_pay_out_comes_back_once(world, charged, partner_id, pay_out, point):
    """The resolver dies while it gives back an amount that did not go out."""
    world.kill_at("during-send")
    world.expect_death(pay_out)
    world.kill_at(point)
    world.expect_death(world.run_resolver)
    for _ in range(2):
        world.run_resolver()
    assert_paid_out(world, charged, partner_id, NOT_SENT)


# === ISSUED, PAID FROM CREDIT AND CHARGED === #


@pytest.mark.parametrize("boundary", ("before-prepared", *ONE_OF_EACH_STEP))
def test_issue_and_charge_the_rest(world, boundary):
    """The draft stays one, or credit paid a part and one attempt is for the rest."""
    invoice_id, token_id = world.make_draft_case()
    partner_id = world.get_invoice(invoice_id)["partner_id"]
    world.adjust_credit(partner_id, 30.0)
    values = {"token_id": token_id, "idempotency_key": f"issue-{invoice_id}"}
    world.kill_at(boundary)
    world.expect_death(
        world.accountant.call,
        "account.move",
        "issue_and_charge",
        [invoice_id],
        **values,
    )
    world.run_resolver()
    expected = BOUNDARIES[boundary]
    invoice = world.get_invoice(invoice_id)
    if expected is NOTHING:
        assert invoice["state"] == "draft"
        assert not world.get_attempts(invoice_id)
        assert world.get_credit_history(partner_id) == [("adjustment", 30)]
        world.accountant.call(
            "account.move", "issue_and_charge", [invoice_id], **values
        )
        expected = MOVED
    assert world.get_invoice(invoice_id)["state"] == "posted"
    remaining = world.get_invoice(invoice_id)["amount_residual"]
    assert remaining == (0 if expected == MOVED else 70)
    attempt = world.get_only_attempt(invoice_id)
    assert attempt["amount"] == 70
    sent = world.gateway.count_requests(attempt["reference"])
    assert sent == (expected == MOVED)
    assert world.get_credit_history(partner_id) == [
        ("adjustment", 30),
        ("applied", -30),
    ]
    world.referee.assert_agree()
    if expected == NOT_SENT:
        world.charge(invoice_id, token_id)
        assert world.get_invoice(invoice_id)["amount_residual"] == 0


# === KEPT AS CREDIT === #


@pytest.mark.parametrize("reduce_bill", [False, True], ids=["reopen", "reduce"])
@pytest.mark.parametrize("boundary", ["before-booked", "after-booked"])
def test_refund_to_credit(world, charged, boundary, reduce_bill):
    """The money is kept as credit once or not at all, with a repeated request too."""
    partner_id = world.get_invoice(charged.invoice_id)["partner_id"]
    values = {
        "amount": 60.0,
        "to": "credit",
        "reduce_bill": reduce_bill,
        "idempotency_key": f"keep-{charged.payment_id}",
        "client": world.get_api_client(),
    }
    world.kill_at(boundary)
    world.expect_death(world.refund, charged.payment_id, **values)
    is_kept = boundary == "after-booked"
    assert world.get_refundable(charged.payment_id) == (40 if is_kept else 100)
    assert world.get_credit_history(partner_id) == ([("refund", 60)] if is_kept else [])
    world.referee.assert_agree()
    for _ in range(2):
        world.refund(charged.payment_id, **values)
    assert world.get_refundable(charged.payment_id) == 40
    assert world.get_credit_history(partner_id) == [("refund", 60)]
    assert world.get_credit_balance(partner_id)["amount"] == 60
    remaining = world.get_invoice(charged.invoice_id)["amount_residual"]
    assert remaining == (0 if reduce_bill else 60)
    assert len(world.get_credit_notes(charged.invoice_id)) == reduce_bill
    assert world.gateway.get_refunded(charged.reference) == 0


@pytest.mark.parametrize("boundary", ["before-booked", "after-booked"])
def test_credit_applied_by_hand(world, boundary):
    """Credit is spent on an open invoice, or not at all."""
    partner_id = world.make_customer()
    [invoice_id] = world.make_invoices([partner_id])
    world.adjust_credit(partner_id, 30.0)
    client = world.get_api_client()
    values = {"amount": 20.0, "idempotency_key": f"apply-{invoice_id}"}
    world.kill_at(boundary)
    world.expect_death(
        client.call, "account.move", "apply_credit_balance", [invoice_id], **values
    )
    is_spent = boundary == "after-booked"
    assert world.get_credit_balance(partner_id)["amount"] == (10 if is_spent else 30)
    for _ in range(2):
        client.call("account.move", "apply_credit_balance", [invoice_id], **values)
    assert world.get_credit_balance(partner_id)["amount"] == 10
    assert world.get_invoice(invoice_id)["amount_residual"] == 80
