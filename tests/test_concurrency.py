"""Many real clients act on the same invoice at once: the money moves once."""

import pytest
from lib.at_once import CLIENTS, act_at_once, assert_clear

pytest_plugins = ["lib.fixtures"]


def assert_captured_once(world, invoice_id):
    world.run_resolver()
    captured = [
        attempt
        for attempt in world.get_attempts(invoice_id)
        if world.gateway.get_ledger(attempt["reference"])["captures"]
    ]
    assert len(captured) == 1
    assert world.get_invoice(invoice_id)["amount_residual"] == 0
    world.referee.assert_agree()


@pytest.mark.parametrize("method", ["tok_succeed", "tok_slow"])
def test_charge_same_invoice(world, clients, method):
    """Sixteen clients charge: one capture, and the others are told why not."""
    invoice_id, token_id = world.make_case(method)
    done, errors = act_at_once(
        [
            lambda client=client: world.charge(invoice_id, token_id, client=client)
            for client in clients
        ]
    )
    assert len(done) == 1
    assert_clear(errors)
    assert len(world.get_attempts(invoice_id)) == 1
    assert_captured_once(world, invoice_id)


@pytest.mark.parametrize("method", ["tok_succeed", "tok_slow"])
def test_same_idempotency_key(world, clients_of_one, method):
    """Sixteen clients send the same request: one attempt, which all are told of."""
    invoice_id, token_id = world.make_case(method)
    key = f"same-{invoice_id}"
    done, errors = act_at_once(
        [
            lambda client=client: world.charge(
                invoice_id, token_id, client=client, idempotency_key=key
            )
            for client in clients_of_one
        ]
    )
    assert_clear(errors)
    attempt = world.get_only_attempt(invoice_id)
    assert set(done) == {attempt["id"]}
    # A refused client asks again, and is told of the same attempt.
    for client in clients_of_one:
        again = world.charge(invoice_id, token_id, client=client, idempotency_key=key)
        assert again == attempt["id"]
    assert_captured_once(world, invoice_id)


def test_retry_same_attempt(world, clients):
    """Sixteen clients retry the same declined attempt."""
    invoice_id, token_id = world.make_case("tok_decline")
    attempt_id = world.charge(invoice_id, token_id)
    token_id = world.make_token(world.get_invoice(invoice_id)["partner_id"])
    done, errors = act_at_once(
        [
            lambda client=client: world.act(
                attempt_id, "retry", client=client, token_id=token_id
            )
            for client in clients
        ]
    )
    assert len(done) == 1
    assert_clear(errors)
    assert_captured_once(world, invoice_id)


def test_capture_same_authorization(world, clients):
    """Sixteen clients capture the same authorization."""
    invoice_id, token_id = world.make_case("tok_authorize")
    attempt_id = world.charge(invoice_id, token_id)
    done, errors = act_at_once(
        [
            lambda client=client: world.act(attempt_id, "capture", client=client)
            for client in clients
        ]
    )
    assert len(done) == 1
    assert_clear(errors)
    world.run_resolver()
    assert (
        len(
            world.gateway.get_ledger(world.get_attempt(attempt_id)["reference"])[
                "captures"
            ]
        )
        == 1
    )
    assert world.get_invoice(invoice_id)["amount_residual"] == 0


@pytest.fixture
def approval_limit(world):
    """Let refunds above 50 wait for a second person."""
    company_id = world.facts["company_id"]
    world.admin.call(
        "res.company", "write", [company_id], vals={"payment_approval_limit": 50.0}
    )
    yield
    world.admin.call(
        "res.company", "write", [company_id], vals={"payment_approval_limit": False}
    )


def test_approve_same_refund(world, clients, approval_limit):
    """Sixteen clients approve or reject the same refund: it goes out once, or not."""
    invoice_id, token_id = world.make_case()
    attempt_id = world.charge(invoice_id, token_id)
    payment_id = world.get_attempt(attempt_id)["payment_id"]
    [request_id] = world.admin.call(
        "account.payment", "refund", [payment_id], amount=60.0, reason="Broken"
    )
    [before] = world.query(
        "SELECT state FROM account_payment_approval WHERE id = %s", request_id
    )
    assert before["state"] == "waiting"
    calls = [
        lambda client=client, number=number: (
            client.call("account.payment.approval", "reject", [request_id], reason="No")
            if number % 4 == 3
            else client.call("account.payment.approval", "approve", [request_id])
        )
        for number, client in enumerate(clients)
    ]
    done, errors = act_at_once(calls)
    assert len(done) == 1
    assert_clear(errors)
    [after] = world.query(
        "SELECT state FROM account_payment_approval WHERE id = %s", request_id
    )
    is_approved = after["state"] == "approved"
    assert is_approved or after["state"] == "rejected"
    world.run_resolver()
    refunded = 60.0 if is_approved else 0.0
    assert world.get_invoice(invoice_id)["amount_residual"] == refunded
    world.referee.assert_agree()


def test_corrections_for_one_customer(world, clients, approval_limit):
    """Four accountants, each with four requests: nobody gives more than the limit."""
    partner_id = world.make_customer()
    invoice_ids = world.make_invoices([partner_id] * CLIENTS)
    calls = [
        lambda client=client, invoice_id=invoice_id: client.call(
            "account.move",
            "issue_credit_note",
            [invoice_id],
            amount=30.0,
            reason="Less",
        )
        for client, invoice_id in zip(clients, invoice_ids, strict=True)
    ]
    _done, errors = act_at_once(calls)
    assert_clear(errors)
    given = world.query(
        "SELECT create_uid, sum(amount_total) AS amount FROM account_move "
        "WHERE move_type = 'out_refund' AND state = 'posted' AND partner_id = %s "
        "GROUP BY create_uid",
        partner_id,
    )
    assert given
    assert [row for row in given if row["amount"] > 50] == []


def test_charge_and_record_at_once(world, clients):
    """Half of the clients charge, half record cash: the invoice is paid once."""
    invoice_id, token_id = world.make_case()
    calls = []
    for number, client in enumerate(clients):
        if number % 2:
            calls.append(
                lambda client=client: world.charge(invoice_id, token_id, client=client)
            )
        else:
            calls.append(
                lambda client=client: client.call(
                    "account.move",
                    "record_external_payment",
                    [invoice_id],
                    journal_id=world.facts["cash_journal_id"],
                )
            )
    done, errors = act_at_once(calls)
    assert len(done) == 1
    assert_clear(errors)
    assert world.get_invoice(invoice_id)["amount_residual"] == 0
    payments = world.query(
        """
        SELECT payment.id FROM account_payment AS payment
          JOIN account_move__account_payment AS link ON link.payment_id = payment.id
         WHERE link.invoice_id = %s AND payment.state IN ('in_process', 'paid')
        """,
        invoice_id,
    )
    assert len(payments) == 1


def test_record_with_same_idempotency_key(world, clients):
    """Sixteen clients record the same cash: one payment."""
    invoice_id, _token_id = world.make_case()
    done, errors = act_at_once(
        [
            lambda client=client: client.call(
                "account.move",
                "record_external_payment",
                [invoice_id],
                amount=40.0,
                journal_id=world.facts["cash_journal_id"],
                idempotency_key=f"cash-{invoice_id}",
            )
            for client in clients
        ]
    )
    assert_clear(errors)
    assert len({str(payment_ids) for payment_ids in done}) == 1
    assert world.get_invoice(invoice_id)["amount_residual"] == 60


def test_cheque_for_same_invoices(world, clients):
    """Eight clients record one cheque for three invoices, and eight pay one of them."""
    customer = world.make_customer()
    invoice_ids = world.make_invoices([customer] * 3, 100)
    done, errors = act_at_once(
        [
            lambda client=client, ids=ids, amount=amount: client.call(
                "account.move",
                "record_joint_payment",
                ids,
                amount=amount,
                external_kind="cheque",
            )
            for clients_of_one, ids, amount in (
                (clients[::2], invoice_ids, 250.0),
                (clients[1::2], invoice_ids[-1:], 100.0),
            )
            for client in clients_of_one
        ]
    )
    assert_clear(errors)
    left = [world.get_invoice(each)["amount_residual"] for each in invoice_ids]
    # Either the cheque, or the payment of the last one: after it, 200 are open.
    assert (left, len(done)) in (([0, 0, 50], 1), ([100, 100, 0], 1))
    world.referee.assert_agree()


def test_issue_and_charge_same_draft(world, clients):
    """Sixteen clients issue and charge the same draft."""
    invoice_id, token_id = world.make_draft_case("tok_slow")
    done, errors = act_at_once(
        [
            lambda client=client: client.call(
                "account.move", "issue_and_charge", [invoice_id], token_id=token_id
            )
            for client in clients
        ]
    )
    assert len(done) == 1
    assert_clear(errors)
    assert len(world.get_attempts(invoice_id)) == 1
    assert_captured_once(world, invoice_id)


@pytest.mark.parametrize("method", ["button_draft", "button_cancel"])
def test_charge_and_withdraw_at_once(world, clients, method):
    """Half of the clients charge, half take the invoice back: no money is lost.

    Odoo lets a paid invoice be taken back; a replayed request may do that after the
    charge succeeded, and the payment stays posted. It cannot while the charge is in
    flight.
    """
    invoice_id, token_id = world.make_case("tok_slow")
    calls = []
    for number, client in enumerate(clients):
        if number % 2:
            calls.append(
                lambda client=client: world.charge(invoice_id, token_id, client=client)
            )
        else:
            calls.append(
                lambda client=client: client.call("account.move", method, [invoice_id])
            )
    _done, errors = act_at_once(calls)
    assert_clear(errors)
    world.run_resolver()
    attempts = world.get_attempts(invoice_id)
    invoice = world.get_invoice(invoice_id)
    world.referee.assert_agree()
    if not attempts:
        assert invoice["state"] != "posted"
    elif invoice["state"] == "posted":
        assert_captured_once(world, invoice_id)
    else:
        assert [attempt["outcome"] for attempt in attempts] == ["succeeded"]


def test_webhook_resolver_and_charge_at_once(world, clients):
    """The confirmation comes, repeatedly, while others charge and resolvers run."""
    invoice_id, token_id = world.make_case("tok_drop_after")
    attempt_id = world.charge(invoice_id, token_id)
    reference = world.get_attempt(attempt_id)["reference"]
    calls = [lambda: world.gateway.send_webhook(reference, times=3) for _ in range(4)]
    calls += [
        lambda client=client: world.charge(invoice_id, token_id, client=client)
        for client in clients[:8]
    ]
    calls += [
        lambda client=client: client.call(
            "account.move", "resolve_payment_attempts", [invoice_id]
        )
        for client in clients[8:12]
    ]
    _done, errors = act_at_once(calls)
    assert_clear(errors)
    assert len(world.get_attempts(invoice_id)) == 1
    assert_captured_once(world, invoice_id)


def test_different_invoices(world, clients):
    """Charges of different invoices do not stand in each other's way."""
    cases = world.make_cases(CLIENTS, "tok_slow")
    done, errors = act_at_once(
        [
            lambda client=client, case=case: world.charge(*case, client=client)
            for client, case in zip(clients, cases, strict=True)
        ]
    )
    assert not errors
    assert len(set(done)) == CLIENTS
    for invoice_id, _token_id in cases:
        assert world.get_invoice(invoice_id)["amount_residual"] == 0
