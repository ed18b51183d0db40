"""Many real clients give the same money back at once: it goes back once."""

import pytest
from lib.at_once import CLIENTS, act_at_once, assert_clear
from lib.rpc import RpcError

pytest_plugins = ["lib.fixtures"]


@pytest.fixture(params=["quick", "slow"])
def refund_token(request, world):
    """Return a method whose refunds take the gateway no time, or a while."""
    token = f"tok_succeed-{request.param}_refund"
    if request.param == "slow":
        world.gateway.script({"delay": 1}, kind="refund", token=token, times=None)
    return token


def refund_at_once(world, clients, payment_id, **values):
    """Let all clients refund a payment at the same moment."""
    return act_at_once(
        [
            lambda client=client: world.refund(payment_id, client=client, **values)
            for client in clients
        ]
    )


def assert_refunded(world, charged, amount, reduce_bill=False):
    """Check that so much of 100 went back, in one request."""
    world.run_resolver()
    refund = world.get_only_refund(charged.attempt_id)
    assert refund["outcome"] == "succeeded"
    assert world.gateway.count_requests(refund["reference"], "refund") == 1
    assert world.gateway.get_refunded(charged.reference) == amount
    assert world.get_refundable(charged.payment_id) == 100 - amount
    remaining = world.get_invoice(charged.invoice_id)["amount_residual"]
    assert remaining == (0 if reduce_bill else amount)
    notes = world.get_credit_notes(charged.invoice_id)
    assert len(notes) == (1 if reduce_bill else 0)
    world.referee.assert_agree()


def test_same_payment(world, clients, refund_token):
    """Sixteen clients refund all of a payment: one refund, the others are told why."""
    reduce_bill = "slow" in refund_token
    charged = world.make_charged(refund_token)
    done, errors = refund_at_once(
        world, clients, charged.payment_id, reduce_bill=reduce_bill
    )
    assert len(done) == 1
    assert_clear(errors)
    assert_refunded(world, charged, 100, reduce_bill)


def test_same_idempotency_key(world, clients_of_one, refund_token):
    """Sixteen clients send the same request: one attempt, which all are told of.

    There is room for a second one.
    """
    charged = world.make_charged(refund_token)
    values = {"amount": 30.0, "idempotency_key": f"same-{charged.payment_id}"}
    done, errors = refund_at_once(world, clients_of_one, charged.payment_id, **values)
    assert done
    assert_clear(errors)
    refund = world.get_only_refund(charged.attempt_id)
    # The attempt while it was not booked, then the refund that it became.
    assert set(done) <= {refund["id"], refund["payment_id"]}
    # A refused client asks again, and is told of the same refund.
    for client in clients_of_one:
        again = world.refund(charged.payment_id, client=client, **values)
        assert again == refund["payment_id"]
    assert_refunded(world, charged, 30)


def test_parts(world, clients):
    """Sixteen clients refund a part each: never more than there is, and all of it."""
    charged = world.make_charged()
    done, errors = refund_at_once(world, clients, charged.payment_id, amount=15.0)
    assert_clear(errors)
    assert 1 <= len(done) <= 6
    assert world.gateway.get_refunded(charged.reference) == 15 * len(done)
    for _ in range(6 - len(done)):
        world.refund(charged.payment_id, amount=15.0)
    done, errors = refund_at_once(world, clients, charged.payment_id, amount=15.0)
    assert not done
    assert_clear(errors)
    assert world.get_refundable(charged.payment_id) == 10
    world.refund(charged.payment_id)
    assert world.gateway.get_refunded(charged.reference) == 100
    assert world.get_invoice(charged.invoice_id)["amount_residual"] == 100
    assert len(world.get_refunds(charged.attempt_id)) == 7
    world.referee.assert_agree()


def test_gateway_and_outside(world, clients):
    """Half of the clients refund through the gateway, half hand out cash."""
    charged = world.make_charged()
    done, errors = act_at_once(
        [
            lambda client=client, to=to: world.refund(
                charged.payment_id, client=client, to=to
            )
            for client, to in zip(
                clients, ["original", "outside"] * (CLIENTS // 2), strict=True
            )
        ]
    )
    assert len(done) == 1
    assert_clear(errors)
    world.run_resolver()
    assert world.get_refundable(charged.payment_id) == 0
    assert world.get_invoice(charged.invoice_id)["amount_residual"] == 100
    [refund] = world.query(
        "SELECT amount FROM account_payment WHERE source_payment_id = %s",
        charged.payment_id,
    )
    assert refund["amount"] == 100


def test_beside_charges_and_credit_notes(world, clients):
    """A part-paid invoice: its payment goes back while the rest is charged or credited.

    In any order, every part of the bill is paid, credited or open once.
    """
    charged = world.make_charged(charged=60.0)
    invoice_id = charged.invoice_id
    token_id = world.make_token(world.get_invoice(invoice_id)["partner_id"])
    calls = []
    for number, client in enumerate(clients):
        calls.append(
            (
                lambda client=client: world.refund(
                    charged.payment_id, client=client, reduce_bill=False
                ),
                lambda client=client: world.charge(
                    invoice_id, token_id, client=client, amount=40.0
                ),
                lambda client=client: world.issue_credit_note(
                    invoice_id, client=client, amount=40.0
                ),
                lambda client=client: world.refund(
                    charged.payment_id, client=client, amount=60.0, reduce_bill=True
                ),
            )[number % 4]
        )
    done, errors = act_at_once(calls)
    assert done
    assert_clear(errors)
    world.run_resolver()
    world.referee.assert_agree()
    refunded = world.gateway.get_refunded(charged.reference)
    assert refunded in (0, 60)
    assert world.get_refundable(charged.payment_id) == 60 - refunded
    charges = [
        attempt["amount"]
        for attempt in world.get_attempts(invoice_id)
        if attempt["operation"] != "refund" and attempt["outcome"] == "succeeded"
    ]
    credited = sum(note["amount_total"] for note in world.get_credit_notes(invoice_id))
    remaining = world.get_invoice(invoice_id)["amount_residual"]
    assert sum(charges) - refunded + credited + remaining == 100
    assert remaining >= 0


def test_refund_and_credit_note_of_the_same_money(world, clients):
    """Half refund the payment and reduce the bill, half credit it and pay that out."""
    charged = world.make_charged()
    calls = []
    for number, client in enumerate(clients):
        if number % 2:
            calls.append(
                lambda client=client: world.refund(
                    charged.payment_id, client=client, reduce_bill=True
                )
            )
        else:
            calls.append(
                lambda client=client: world.issue_credit_note(
                    charged.invoice_id,
                    client=client,
                    amount=100.0,
                    destinations=[{"to": "original", "amount": 100.0}],
                )
            )
    done, errors = act_at_once(calls)
    assert len(done) == 1
    assert_clear(errors)
    assert_refunded(world, charged, 100, reduce_bill=True)


@pytest.mark.parametrize("amount", [100.0, 60.0])
def test_two_dialogs(world, amount):
    """Two people have the dialog open and press its button, eight times each."""
    charged = world.make_charged()
    calls = []
    for login in ("accountant1", "accountant2"):
        tabs = [world.open_tab(login) for _ in range(CLIENTS // 2)]
        dialog_id = tabs[0].call(
            "account.payment.refund",
            "create",
            vals_list=[
                {
                    "payment_id": charged.payment_id,
                    "amount": amount,
                    "to": "original",
                    "reason": "Broken",
                }
            ],
        )
        [dialog] = tabs[0].read(
            "account.payment.refund", dialog_id, ["refundable_amount"]
        )
        assert dialog["refundable_amount"] == 100
        calls += [
            lambda tab=tab, dialog_id=dialog_id: tab.call(
                "account.payment.refund", "action_refund", dialog_id
            )
            for tab in tabs
        ]
    done, errors = act_at_once(calls)
    assert done  # Every click of the one who came first.
    assert_clear(errors)
    assert_refunded(world, charged, amount)


def test_json2(world):
    """The external API alone: one refund, and a refusal says why in its answer."""
    charged = world.make_charged()
    clients = [world.get_api_client() for _number in range(CLIENTS)]
    values = {"amount": 60.0, "idempotency_key": f"json2-{charged.payment_id}"}
    done, errors = refund_at_once(world, clients, charged.payment_id, **values)
    assert done
    assert_clear(errors)
    for client in clients[:4]:
        world.refund(charged.payment_id, client=client, **values)
    assert_refunded(world, charged, 60)
    with pytest.raises(RpcError, match="used already with other values") as refusal:
        world.refund(
            charged.payment_id, client=clients[0], **{**values, "amount": 20.0}
        )
    assert_clear([refusal.value])
    with pytest.raises(RpcError, match="40"):
        world.refund(charged.payment_id, client=clients[0], amount=60.0)


def test_webhooks_resolvers_and_refunds(world, clients):
    """The gateway reports a refund, repeatedly, while others refund and resolve."""
    charged = world.make_charged("tok_succeed-lost_among_many")
    world.gateway.script(
        "drop_after", kind="refund", token="tok_succeed-lost_among_many"
    )
    world.refund(charged.payment_id, amount=60.0)
    reference = world.get_only_refund(charged.attempt_id)["reference"]
    calls = [
        lambda of=of: world.gateway.send_webhook(reference, times=2, of=of)
        for of in ("refund", "charge", "refund", "charge")
    ]
    calls += [
        lambda client=client: world.refund(
            charged.payment_id, client=client, amount=60.0
        )
        for client in clients[:8]
    ]
    calls += [
        lambda client=client: client.call(
            "account.move", "resolve_payment_attempts", [charged.invoice_id]
        )
        for client in clients[8:12]
    ]
    _done, errors = act_at_once(calls)
    assert_clear(errors)
    assert_refunded(world, charged, 60)


def test_refunds_made_at_the_gateway_at_once(world, clients):
    """Refunds are made in the gateway's own pages while clients refund the rest."""
    charged = world.make_charged()
    calls = [
        lambda: world.gateway.refund_in_dashboard(charged.reference, 5, times=2)
        for _ in range(8)
    ]
    calls += [
        lambda client=client: world.refund(
            charged.payment_id, client=client, amount=60.0
        )
        for client in clients[:8]
    ]
    _done, errors = act_at_once(calls)
    assert_clear(errors)
    world.run_resolver()
    if world.get_refundable(charged.payment_id):
        # Each of them was told that somebody else is at it.
        world.refund(charged.payment_id, amount=60.0)
    refunds = world.get_refunds(charged.attempt_id)
    succeeded = [-tx["amount"] for tx in refunds if tx["outcome"] == "succeeded"]
    assert sorted(succeeded) == [5] * 8 + [60]
    assert world.gateway.get_refunded(charged.reference) == 100
    assert world.get_refundable(charged.payment_id) == 0
    assert world.get_invoice(charged.invoice_id)["amount_residual"] == 100
    world.referee.assert_agree()


def test_different_payments(world, clients):
    """Refunds of different payments do not stand in each other's way."""
    cases = world.make_cases(CLIENTS)
    attempt_ids, errors = act_at_once(
        [
            lambda client=client, case=case: world.charge(*case, client=client)
            for client, case in zip(clients, cases, strict=True)
        ]
    )
    assert not errors
    cases = [
        world.get_charged(attempt_id, invoice_id)
        for attempt_id, (invoice_id, _token_id) in zip(attempt_ids, cases, strict=True)
    ]
    done, errors = act_at_once(
        [
            lambda client=client, charged=charged: world.refund(
                charged.payment_id, client=client
            )
            for client, charged in zip(clients, cases, strict=True)
        ]
    )
    assert not errors
    assert len(set(done)) == CLIENTS
    for charged in cases:
        assert world.get_invoice(charged.invoice_id)["amount_residual"] == 100
