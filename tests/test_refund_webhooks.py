"""Webhooks of refunds are booked once, also if late, early, doubled or unasked."""

import itertools

import pytest
from lib.rpc import RpcError

pytest_plugins = ["lib.fixtures"]

OUTSIDE_TASK = "Refund made outside the Payments section"

_numbers = itertools.count(1)


def make_charged(world, refund_behaviour):
    """Return a charge of 100 whose refunds meet this behaviour at the gateway."""
    token = f"tok_succeed-webhooks-{next(_numbers)}"
    charged = world.make_charged(token)
    world.gateway.script(refund_behaviour, kind="refund", token=token)
    return charged


def start_refund(world, refund_behaviour, outcome=None, **values):
    """Refund 60 of a charge of 100.

    :return: The charge, and the attempt to refund.
    """
    charged = make_charged(world, refund_behaviour)
    world.refund(charged.payment_id, **{"amount": 60.0, **values})
    refund = world.get_only_refund(charged.attempt_id)
    assert outcome is None or refund["outcome"] == outcome
    return charged, refund


def assert_refunded(world, charged, amount=60, reduce_bill=False, number=1):
    """Check that so much is given back, and booked once.

    :param int number: In how many refunds.
    """
    refunds = world.get_refunds(charged.attempt_id)
    booked = [refund for refund in refunds if refund["payment_id"]]
    assert len(booked) == number
    assert all(refund["outcome"] == "succeeded" for refund in booked)
    assert all(refund["is_post_processed"] for refund in booked)
    assert world.gateway.get_refunded(charged.reference) == amount
    assert world.get_refundable(charged.payment_id) == 100 - amount
    remaining = world.get_invoice(charged.invoice_id)["amount_residual"]
    assert remaining == (0 if reduce_bill else amount)
    notes = world.get_credit_notes(charged.invoice_id)
    assert sum(note["amount_total"] for note in notes) == (amount if reduce_bill else 0)
    world.referee.assert_agree()


def assert_nothing_refunded(world, charged):
    assert world.gateway.get_refunded(charged.reference) == 0
    assert world.get_refundable(charged.payment_id) == 100
    assert world.get_invoice(charged.invoice_id)["amount_residual"] == 0
    assert not world.get_credit_notes(charged.invoice_id)
    world.referee.assert_agree()


@pytest.mark.parametrize(
    "behaviour, outcome, reduce_bill",
    [
        ("pending", "pending", False),
        ("pending", "pending", True),
        ("decline", "declined", False),
        ("decline_in_body", "declined", True),
        ("drop_after", "unknown", False),
        ("error_after", "unknown", True),
        ("odd_after", "unknown", False),
    ],
)
def test_confirmed_later(world, behaviour, outcome, reduce_bill):
    """A confirmation is booked once, after any first outcome."""
    charged, refund = start_refund(world, behaviour, outcome, reduce_bill=reduce_bill)
    reserved = 0 if outcome == "declined" else 60
    assert world.get_refundable(charged.payment_id) == 100 - reserved
    assert world.get_invoice(charged.invoice_id)["amount_residual"] == 0
    assert not world.get_credit_notes(charged.invoice_id)
    world.confirm(refund["id"], times=2)
    assert_refunded(world, charged, reduce_bill=reduce_bill)


def test_confirmed_and_booked_by_the_schedule_of_odoo(world):
    """Odoo's own schedule comes before ours, and ours then has nothing to do."""
    charged, refund = start_refund(world, "pending", "pending", reduce_bill=True)
    world.gateway.send_webhook(refund["reference"], "succeeded")
    world.run_cron(world.facts["post_process_cron_id"])
    world.run_resolver()
    assert_refunded(world, charged, reduce_bill=True)


def test_pending_fails_later(world):
    """A pending refund that fails frees its amount and keeps the reason."""
    charged, refund = start_refund(world, "pending", "pending", reduce_bill=True)
    with pytest.raises(RpcError, match="40"):
        world.refund(charged.payment_id, amount=60.0)
    world.confirm(refund["id"], "declined", reason="Account closed")
    refund = world.get_attempt(refund["id"])
    assert refund["outcome"] == "declined"
    assert "Account closed" in refund["state_message"]
    assert_nothing_refunded(world, charged)
    world.refund(charged.payment_id, reduce_bill=True)
    assert_refunded(world, charged, 100, reduce_bill=True)


@pytest.mark.parametrize(
    "refunded, of", [(True, "refund"), (True, "charge"), (False, "refund")]
)
def test_confirmed_after_a_person_resolved(world, refunded, of):
    """The gateway's word counts, before a person resolves and after."""
    charged, refund = start_refund(world, "error_after", "unknown", reduce_bill=True)
    world.act(refund["id"], "resolve", charged=refunded, reason="They told us")
    assert len(world.get_credit_notes(charged.invoice_id)) == 1
    world.confirm(refund["id"], times=2, of=of)
    assert_refunded(world, charged, reduce_bill=True)


def test_confirmed_after_the_resolver_gave_up(world):
    """The gateway knew nothing of it at first; later it says that it was refunded."""
    charged, refund = start_refund(world, "drop_before", "unknown")
    world.run_resolver()
    assert world.get_attempt(refund["id"])["outcome"] == "failed"
    assert_nothing_refunded(world, charged)
    world.confirm(refund["id"], charge=charged.reference, amount=6000)
    assert_refunded(world, charged)


def test_confirmed_late_beside_another_refund(world):
    """A refund was declined and the rest refunded; then the first did succeed."""
    charged, refund = start_refund(world, "decline", "declined")
    world.refund(charged.payment_id, amount=40.0, reduce_bill=True)
    world.confirm(refund["id"])
    assert world.gateway.get_refunded(charged.reference) == 100
    assert world.get_refundable(charged.payment_id) == 0
    assert world.get_invoice(charged.invoice_id)["amount_residual"] == 60
    with pytest.raises(RpcError, match="refunded already"):
        world.refund(charged.payment_id, amount=1.0)


@pytest.mark.parametrize("of", ["refund", "charge"])
@pytest.mark.parametrize("webhook", ["before", "twice", "before twice"])
def test_around_the_answer(world, webhook, of):
    """The webhook comes before the answer, twice right after it, or both.

    Also where it tells of the charge, and nothing in it names our refund.
    """
    charged, refund = start_refund(
        world, {"webhook": webhook, "webhook_of": of}, reduce_bill=True
    )
    number = {"before": 1, "twice": 2}.get(webhook, 3)
    world.gateway.wait_for_webhooks(refund["reference"], number)
    world.run_resolver()
    assert len(world.get_refunds(charged.attempt_id)) == 1
    assert_refunded(world, charged, reduce_bill=True)


@pytest.mark.parametrize("of", ["refund", "charge"])
@pytest.mark.parametrize("webhook", ["before", "later"])
def test_answer_lost(world, webhook, of):
    """The answer never comes: the refund in the gateway's report is the one we sent."""
    charged, refund = start_refund(
        world,
        {"webhook": webhook, "webhook_of": of, "failure": "drop_after"},
        reduce_bill=True,
    )
    if webhook == "later":
        world.gateway.send_webhook(refund["reference"], times=2, of=of)
    world.run_resolver()
    [adopted] = world.get_refunds(charged.attempt_id)
    assert adopted["id"] == refund["id"]
    assert adopted["refund_credits_planned"]
    assert_refunded(world, charged, reduce_bill=True)


def test_answer_lost_and_another_refund_reported(world):
    """Two refunds of the same amount, ours unanswered: both are booked, each once.

    Ours may have been taken for the other one before the gateway speaks of ours.
    """
    charged, refund = start_refund(world, "drop_after", "unknown", amount=30.0)
    world.gateway.refund_in_dashboard(charged.reference, 30, times=2)
    world.run_resolver()
    world.confirm(refund["id"], times=2)
    world.gateway.refund_in_dashboard(charged.reference, 10)
    world.run_resolver()
    assert len(world.get_refunds(charged.attempt_id)) == 3
    assert_refunded(world, charged, 70, number=3)


@pytest.mark.parametrize("amount", [100, 60])
def test_made_at_the_gateway(world, amount):
    """A refund from the gateway's own pages, told twice: imported once, and told."""
    charged = world.make_charged()
    answer = world.gateway.refund_in_dashboard(charged.reference, amount, times=2)
    assert answer["answers"] == ["200", "200"]
    world.run_resolver()
    assert len(world.get_refunds(charged.attempt_id)) == 1
    assert_refunded(world, charged, amount)
    told = world.get_activities("account.move", charged.invoice_id)
    assert [activity["summary"] for activity in told] == [OUTSIDE_TASK]


def test_several_made_at_the_gateway(world):
    """Each notification names all refunds of the charge, ours too."""
    charged = world.make_charged()
    for amount in (10, 10, 20):
        world.gateway.refund_in_dashboard(charged.reference, amount, times=2)
    world.refund(charged.payment_id, amount=50.0)
    world.gateway.refund_in_dashboard(charged.reference, 10, times=2)
    world.run_resolver()
    assert len(world.get_refunds(charged.attempt_id)) == 5
    assert_refunded(world, charged, 100, number=5)


@pytest.mark.parametrize("status", ["succeeded", "declined"])
def test_made_at_the_gateway_and_pending(world, status):
    """The refund reserves its amount until the gateway tells its outcome."""
    charged = world.make_charged()
    operation = world.gateway.refund_in_dashboard(
        charged.reference, 60, status="pending", times=2
    )["operation"]
    assert world.get_refundable(charged.payment_id) == 40
    refund = world.get_only_refund(charged.attempt_id)
    assert refund["outcome"] == "pending"
    assert refund["provider_reference"] == operation["id"]
    world.gateway.send_webhook(operation["id"], status, times=2)
    world.run_resolver()
    assert world.get_only_refund(charged.attempt_id)["outcome"] == status
    if status == "succeeded":
        assert_refunded(world, charged)
    else:
        assert_nothing_refunded(world, charged)


def test_made_at_the_gateway_and_not_told(world):
    """The gateway refuses ours, as it alone knows of its own; then it tells of it."""
    charged = world.make_charged()
    world.gateway.refund_in_dashboard(charged.reference, 60, times=0)
    world.refund(charged.payment_id, reduce_bill=True)
    refund = world.get_only_refund(charged.attempt_id)
    assert refund["outcome"] == "declined"
    assert "greater than the rest" in refund["state_message"]
    world.referee.expected_over_refunds.add(refund["reference"])
    assert world.get_invoice(charged.invoice_id)["amount_residual"] == 0
    assert not world.get_credit_notes(charged.invoice_id)
    # The earlier refund is booked with the next one, or when its webhook is sent.
    world.gateway.refund_in_dashboard(charged.reference, 10)
    world.run_resolver()
    assert_refunded(world, charged, 70, number=2)


def test_made_at_the_gateway_before_the_charge_was_booked(world):
    """The notification on the refund comes before the one on the charge was booked."""
    invoice_id, token_id = world.make_case("tok_drop_after")
    attempt_id = world.charge(invoice_id, token_id)
    reference = world.get_attempt(attempt_id)["reference"]
    world.gateway.send_webhook(reference)
    world.gateway.refund_in_dashboard(reference, 60, times=2)
    world.run_resolver()
    charged = world.get_charged(attempt_id, invoice_id)
    assert_refunded(world, charged)


def test_credit_note_declined_later(world):
    """The money of a credit note does not go back in the end: a person is told."""
    charged = make_charged(world, "pending")
    world.issue_credit_note(
        charged.invoice_id,
        amount=60.0,
        destinations=[{"to": "original", "amount": 60.0}],
    )
    refund = world.get_only_refund(charged.attempt_id)
    assert refund["outcome"] == "pending"
    world.confirm(refund["id"], "declined", reason="Account closed", times=2)
    [note] = world.get_credit_notes(charged.invoice_id)
    assert note["amount_residual"] == 60
    told = world.get_activities("account.move", charged.invoice_id)
    assert [activity["summary"] for activity in told] == [
        "Credit note issued, but not paid out"
    ]
    # And when it did go after all, it pays the credit note out.
    world.confirm(refund["id"])
    assert_refunded(world, charged, reduce_bill=True)
    assert world.get_credit_notes(charged.invoice_id)[0]["amount_residual"] == 0
