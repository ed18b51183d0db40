"""Webhooks that are late, early, doubled or against a person are booked once."""

import pytest
from lib.rpc import RpcError

pytest_plugins = ["lib.fixtures"]


def assert_paid(world, invoice_id, attempt_id):
    """Check that an attempt is booked and pays its invoice."""
    attempt = world.get_attempt(attempt_id)
    assert attempt["outcome"] == "succeeded"
    assert attempt["is_post_processed"]
    assert world.get_invoice(invoice_id)["amount_residual"] == 0
    assert world.get_invoice(invoice_id)["payment_state"] in ("paid", "in_payment")
    [payment] = world.query(
        "SELECT state FROM account_payment WHERE payment_transaction_id = %s",
        attempt_id,
    )
    assert payment["state"] in ("in_process", "paid")
    world.referee.assert_agree()


@pytest.mark.parametrize(
    "method, outcome",
    [
        ("tok_pending", "pending"),
        ("tok_decline", "declined"),
        ("tok_decline_in_body", "declined"),
        ("tok_insufficient_funds", "declined"),
        ("tok_cancel", "canceled"),
        ("tok_drop_before", "unknown"),
        ("tok_drop_after", "unknown"),
        ("tok_close_before", "unknown"),
        ("tok_close_after", "unknown"),
        ("tok_error_before", "unknown"),
        ("tok_error_after", "unknown"),
        ("tok_garbage_after", "unknown"),
        ("tok_truncate_after", "unknown"),
        ("tok_odd_after", "unknown"),
    ],
)
def test_confirmed_later(world, method, outcome):
    """A confirmation is booked and pays the invoice, after any first outcome."""
    invoice_id, token_id = world.make_case(method)
    attempt_id = world.charge(invoice_id, token_id)
    assert world.get_attempt(attempt_id)["outcome"] == outcome
    assert world.get_invoice(invoice_id)["amount_residual"] == 100
    world.confirm(attempt_id, amount=10000, currency="USD")
    assert_paid(world, invoice_id, attempt_id)


@pytest.mark.parametrize("charged", [True, False])
def test_confirmed_after_a_person_resolved(world, charged):
    """The gateway's word counts, before a person resolves and after."""
    invoice_id, token_id = world.make_case("tok_error_after")
    attempt_id = world.charge(invoice_id, token_id)
    world.act(attempt_id, "resolve", charged=charged, reason="The customer told us")
    assert_paid(world, invoice_id, attempt_id)
    world.confirm(attempt_id, times=2)
    assert_paid(world, invoice_id, attempt_id)


def test_confirmed_after_the_resolver_gave_up(world):
    """The gateway knew nothing of it at first; later it says that it was charged."""
    invoice_id, token_id = world.make_case("tok_drop_before")
    attempt_id = world.charge(invoice_id, token_id)
    world.run_resolver()
    assert world.get_attempt(attempt_id)["outcome"] == "failed"
    world.confirm(attempt_id, amount=10000, currency="USD")
    assert_paid(world, invoice_id, attempt_id)


@pytest.mark.parametrize("webhook", ["before", "after", "twice", "before twice"])
def test_around_the_answer(world, webhook):
    """The webhook comes before the answer, right after it, twice, or all of these."""
    invoice_id, token_id = world.make_case(f"tok_{webhook}-{webhook}")
    world.gateway.script({"webhook": webhook}, token=f"tok_{webhook}-{webhook}")
    attempt_id = world.charge(invoice_id, token_id)
    world.gateway.wait_for_webhooks(
        world.get_attempt(attempt_id)["reference"],
        {"before": 1, "after": 1, "twice": 2}.get(webhook, 3),
    )
    assert_paid(world, invoice_id, attempt_id)


def test_before_a_lost_answer(world):
    """The webhook comes first and the answer never: nothing is unknown."""
    token = "tok_webhook_only"
    invoice_id, token_id = world.make_case(token)
    world.gateway.script(
        {"webhook": "before after", "failure": "drop_after"}, token=token
    )
    attempt_id = world.charge(invoice_id, token_id)
    world.gateway.wait_for_webhooks(world.get_attempt(attempt_id)["reference"], 2)
    world.run_resolver()
    assert_paid(world, invoice_id, attempt_id)


def test_answer_after_odoo_stopped_waiting(world):
    """The answer takes longer than the time for which Odoo waits."""
    invoice_id, token_id = world.make_case("tok_late")
    with world.short_timeout():
        attempt_id = world.charge(invoice_id, token_id)
    assert world.get_attempt(attempt_id)["outcome"] == "unknown"
    with pytest.raises(RpcError, match=world.get_attempt(attempt_id)["reference"]):
        world.charge(invoice_id, token_id)
    world.run_resolver()
    assert_paid(world, invoice_id, attempt_id)


def test_still_processing_when_asked(world):
    """The gateway has the request and has not decided: it is not taken for lost."""
    token = "tok_held-undecided"
    invoice_id, token_id = world.make_case(token)
    with world.short_timeout():
        attempt_id = world.charge(invoice_id, token_id)
    world.run_resolver()
    assert world.get_attempt(attempt_id)["outcome"] == "unknown"
    world.gateway.release(token)
    world.run_resolver()
    assert_paid(world, invoice_id, attempt_id)


def test_pending_fails_later(world):
    """A pending payment that fails frees the invoice and keeps the reason."""
    invoice_id, token_id = world.make_case("tok_pending")
    attempt_id = world.charge(invoice_id, token_id)
    world.confirm(attempt_id, "declined", reason="Account closed")
    attempt = world.get_attempt(attempt_id)
    assert attempt["outcome"] == "declined"
    assert "Account closed" in attempt["state_message"]
    token_id = world.make_token(world.get_invoice(invoice_id)["partner_id"])
    second_id = world.act(attempt_id, "retry", token_id=token_id)
    assert_paid(world, invoice_id, second_id)


def test_gateway_out_of_reach(world):
    """Without a gateway at its address, the attempt was certainly not sent."""
    invoice_id, token_id = world.make_case()
    address = "UPDATE payment_provider SET test_gateway_url = %s WHERE id = %s"
    provider_id = world.facts["provider_id"]
    try:
        world.query(address, "http://127.0.0.1:9", provider_id)
        attempt_id = world.charge(invoice_id, token_id)
        assert world.get_attempt(attempt_id)["outcome"] == "failed"
        world.query(address, "http://gateway.invalid", provider_id)
        attempt_id = world.act(attempt_id, "retry")
        assert world.get_attempt(attempt_id)["outcome"] == "failed"
    finally:
        world.query(address, world.gateway.url, provider_id)
    attempt_id = world.act(attempt_id, "retry")
    assert_paid(world, invoice_id, attempt_id)


@pytest.mark.parametrize("failure", ["error_before", "garbage_before", "odd_before"])
def test_gateway_cannot_be_asked(world, failure):
    """An answer that does not fit the resolver's question leaves it to a person."""
    invoice_id, token_id = world.make_case("tok_drop_after")
    attempt_id = world.charge(invoice_id, token_id)
    reference = world.get_attempt(attempt_id)["reference"]
    world.gateway.script(
        {"failure": failure}, kind="query", reference=reference, times=None
    )
    world.run_resolver()
    assert world.get_attempt(attempt_id)["outcome"] == "unknown"
    world.act(attempt_id, "resolve", charged=True, reason="Seen at the gateway")
    assert_paid(world, invoice_id, attempt_id)


def test_first_confirmed_while_second_is_pending(world):
    """Both confirmations are booked, in either order."""
    invoice_id, token_id = world.make_case("tok_decline")
    first_id = world.charge(invoice_id, token_id)
    partner_id = world.get_invoice(invoice_id)["partner_id"]
    second_id = world.act(
        first_id, "retry", token_id=world.make_token(partner_id, "tok_pending")
    )
    world.confirm(first_id)
    assert_paid(world, invoice_id, first_id)
    world.confirm(second_id)
    assert world.get_attempt(second_id)["outcome"] == "succeeded"
    assert world.get_attempt(second_id)["is_post_processed"]


def test_both_attempts_succeed(world):
    """The first is confirmed after a second one paid: the excess is kept and told."""
    invoice_id, token_id = world.make_case("tok_decline")
    first_id = world.charge(invoice_id, token_id)
    partner_id = world.get_invoice(invoice_id)["partner_id"]
    second_id = world.act(first_id, "retry", token_id=world.make_token(partner_id))
    assert_paid(world, invoice_id, second_id)
    world.confirm(first_id)
    assert world.get_attempt(first_id)["outcome"] == "succeeded"
    world.referee.assert_agree()
    [credit] = world.query(
        """
        SELECT SUM(line.amount_residual) AS amount
          FROM account_move_line AS line
          JOIN account_account AS account ON account.id = line.account_id
         WHERE line.partner_id = %s AND account.account_type = 'asset_receivable'
           AND line.parent_state = 'posted'
        """,
        partner_id,
    )
    assert credit["amount"] == -100
    activities = world.query(
        "SELECT id FROM mail_activity WHERE res_model = 'account.move' AND res_id = %s",
        invoice_id,
    )
    assert len(activities) == 1
