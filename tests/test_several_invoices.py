"""One attempt for several invoices: killed, replayed, at once, webhook first.

Each invoice is as safe as one that is charged alone: it is paid once or not at all.
"""

import itertools

import pytest
from lib.at_once import act_at_once, assert_clear, is_clear
from lib.replay import NEVER_RECEIVED, ONE_OF_EACH_STEP
from lib.rpc import RpcError
from test_crash import BOUNDARIES, CAPTURED, NEVER_SENT, NOTHING

pytest_plugins = ["lib.fixtures"]

AMOUNT = 50.0
_logins = itertools.count(1)


class Case:
    """A company with overdue invoices, a saved method and contacts in the portal."""

    def __init__(self, world, count, provider_ref="tok_succeed", members=1):
        self.world = world
        self.partner_id = world.make_customer(is_company=True)
        self.invoices = world.make_invoices(
            [self.partner_id] * count, amount=AMOUNT, invoice_date_due="2026-02-01"
        )
        self.token_id = world.make_token(self.partner_id, provider_ref)
        self.members = [self.make_member() for _number in range(members)]

    def make_member(self):
        login = f"several-{next(_logins)}"
        [contact_id] = self.world.make_customers(1, parent_id=self.partner_id)
        self.world.make_user(login, "base.group_portal", partner_id=contact_id)
        return self.world.log_in(login)

    def pay(self, invoices=None, member=None, **values):
        """Pay invoices at once, as the page does; return the reference."""
        invoices = invoices or self.invoices
        lines = self.world.query(
            "SELECT id FROM account_move_line "
            "WHERE display_type = 'payment_term' AND move_id IN %s ORDER BY id",
            tuple(invoices),
        )
        result = (member or self.members[0])._call(
            "/invoice/transaction/owed",
            {
                "payment_reference": "Several",
                "owed_line_ids": [line["id"] for line in lines],
                "amount": AMOUNT * len(invoices),
                "provider_id": self.world.facts["provider_id"],
                "payment_method_id": None,
                "token_id": self.token_id,
                "flow": "token",
                "tokenization_requested": False,
                "landing_route": "/my/owe/paid",
                **values,
            },
        )
        return result["reference"]

    def residuals(self):
        return [
            self.world.get_invoice(each)["amount_residual"] for each in self.invoices
        ]

    def outcomes(self, invoice_id=None):
        attempts = self.world.get_attempts(invoice_id or self.invoices[0])
        return [attempt["outcome"] for attempt in attempts]

    def assert_charged(self, is_charged=True, requests=1):
        """Check that each invoice is paid, or none, and how often it was sent."""
        remaining = 0 if is_charged else AMOUNT
        assert self.residuals() == [remaining] * len(self.invoices)
        sent = 0
        for attempt in self.world.get_attempts(self.invoices[0]):
            sent += self.world.gateway.count_requests(attempt["reference"])
        assert sent == requests
        held = self.world.query(
            "SELECT id FROM payment_transaction_share "
            "WHERE holds_invoice AND invoice_id IN %s",
            tuple(self.invoices),
        )
        assert not held
        self.world.referee.assert_agree()


@pytest.mark.parametrize(
    ("count", "boundary"),
    [
        *((2, boundary) for boundary in ("before-prepared", *ONE_OF_EACH_STEP)),
        *((3, boundary) for boundary in ONE_OF_EACH_STEP),
    ],
)
def test_killed(world, boundary, count):
    """The server dies at each boundary, and the member asks again with the key."""
    case = Case(world, count)
    key = f"several-{case.partner_id}"
    world.kill_at(boundary)
    world.expect_death(case.pay, idempotency_key=key)
    expected = BOUNDARIES[boundary]
    if count == 3:  # The resolver comes first; else the member does.
        world.run_resolver()
        assert case.outcomes() == ([] if expected is NOTHING else [expected])
        is_paid = expected == CAPTURED
        case.assert_charged(is_paid, int(is_paid))
    case.pay(idempotency_key=key)  # An attempt that was never received stays.
    world.run_resolver()
    if expected in (CAPTURED, NOTHING) or (expected == NEVER_SENT and count == 2):
        case.assert_charged()
    else:
        case.assert_charged(False, 0)
        case.pay()
        case.assert_charged()


@pytest.mark.parametrize("point", ("before-prepared", *ONE_OF_EACH_STEP))
def test_serialization_failure(world, point):
    """Odoo runs the request again at any point: it is sent once."""
    case = Case(world, 2)
    world.fail_serialization_at(point)
    case.pay(idempotency_key=f"several-replay-{case.partner_id}")
    world.run_resolver()
    never = point in NEVER_RECEIVED
    assert case.outcomes() == ["failed" if never else CAPTURED]
    case.assert_charged(not never, 0 if never else 1)


def test_overlapping_sets_at_once(world):
    """Members and staff start at the same moment: each invoice is charged once."""
    case = Case(world, 3, members=3)
    first, second, third = case.invoices
    sets = ([first, second], [second, third], [first, third], case.invoices)
    calls = [
        lambda member=member, chosen=chosen: case.pay(chosen, member)
        for member, chosen in itertools.product(case.members, sets)
    ]
    calls += [
        lambda invoice_id=each: world.charge(
            invoice_id, case.token_id, client=world.log_in("accountant2")
        )
        for each in case.invoices
    ]
    done, errors = act_at_once(calls)
    assert done
    assert_clear(errors)
    world.run_resolver()
    for invoice_id in case.invoices:
        captured = [each for each in case.outcomes(invoice_id) if each == CAPTURED]
        assert len(captured) <= 1
        paid = world.get_invoice(invoice_id)["amount_residual"] == 0
        assert paid == bool(captured)
    world.referee.assert_agree()


def test_unknown_holds_all(world):
    """While the outcome is unknown nobody charges one of them, alone or with others."""
    case = Case(world, 2)
    world.kill_at("before-recorded")
    world.expect_death(case.pay)
    [reference] = [each["reference"] for each in world.get_attempts(case.invoices[0])]
    world.gateway.script("error_before", kind="query", reference=reference, times=None)
    world.run_resolver()
    assert case.outcomes() == ["unknown"]
    other = world.make_invoices(
        [case.partner_id], amount=AMOUNT, invoice_date_due="2026-02-01"
    )
    for call in (
        lambda: case.pay([case.invoices[1], *other]),
        lambda: case.pay([case.invoices[0]]),
        lambda: world.charge(case.invoices[1], case.token_id),
    ):
        with pytest.raises(RpcError) as refusal:
            call()
        assert is_clear(refusal.value)
    attempt = world.get_only_attempt(case.invoices[1])
    world.act(attempt["id"], "resolve", charged=True, reason="Seen at the gateway")
    case.assert_charged()


@pytest.mark.parametrize("webhook", ["before", "after", "twice", "before twice"])
def test_webhook_around_the_answer(world, webhook):
    """The webhook comes before the answer, or late, or twice: it is booked once."""
    token = f"tok_several-{webhook}"
    world.gateway.script({"webhook": webhook}, token=token)
    case = Case(world, 2, token)
    reference = case.pay()
    count = {"before": 1, "after": 1, "twice": 2}.get(webhook, 3)
    world.gateway.wait_for_webhooks(reference, count)
    world.run_resolver()
    assert case.outcomes() == [CAPTURED]
    case.assert_charged()


def test_webhook_and_no_answer(world):
    """The answer never comes, the webhook does."""
    token = "tok_several_webhook_only"
    world.gateway.script(
        {"webhook": "before after", "failure": "drop_after"}, token=token
    )
    case = Case(world, 3, token)
    reference = case.pay()
    world.gateway.wait_for_webhooks(reference, 2)
    world.run_resolver()
    case.assert_charged()
