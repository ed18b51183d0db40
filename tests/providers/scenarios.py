"""The scenarios of the table, each played with every provider.

A scenario leaves nothing unknown; afterwards record, transactions, payments and ledger
are compared.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from lib.rpc import RpcError

SCENARIOS = {}
# The features that a scenario may need, beside saved methods.
FEATURES = (
    "webhooks",
    "reads",  # The module reads the charge after it.
    "actions",  # A charge may need the customer.
    "pending",  # The outcome of a charge may come later.
    "captures",
    "partial captures",
    "failed captures",  # A capture may fail after it succeeded.
    "voids",
    "refunds",
    "partial refunds",
    "pending refunds",
    "late failures",  # A refund may fail after it succeeded.
    "disputes",  # The provider tells of money that the customer's bank takes back.
    "partial disputes",  # It tells the amount.
    "second disputes",  # Money that was won can be taken once more, of any amount.
)
# Errors that have nothing to do with the customer's card.
REFUSALS = ("401", "403", "404", "409", "429")
# Answers that leave open whether the request was carried out.
UNCLEAR = ("reset", "503", "junk")


def scenario(title, *needs):
    """Add a function to the table.

    :param str needs: The features of the provider that it needs.
    """

    def add(function):
        SCENARIOS[title] = function
        function.needs = needs
        return function

    return add


def get_gap(api, title):
    """Return the reason for which a provider does not have a scenario, if it has none.

    :param type api: The class of the fake.
    :rtype: str or None
    """
    names = (title, *SCENARIOS[title].needs)
    return next(
        (api.not_offered[name] for name in names if name in api.not_offered), None
    )


# === CHARGES === #


@scenario("charge in full")
def charge_in_full(cell):
    cell.charge()
    cell.expect("succeeded")
    cell.expect_paid(100)
    cell.expect_moved("charge", 100)


@scenario("charge a part")
def charge_a_part(cell):
    """An amount with cents is taken as it is, or refused before anything is sent."""
    if cell.api.minor_units > 1:
        cell.charge(amount=60.5)
        cell.expect("succeeded")
        cell.expect_paid(60.5)
        cell.expect_moved("charge", 60.5)
    else:
        with pytest.raises(RpcError, match="would take"):
            cell.charge(amount=60.5)
        cell.charge(amount=60.0)
        cell.expect("succeeded")
        cell.expect_paid(60)
        cell.expect_moved("charge", 60)


@scenario("charge declined")
def charge_declined(cell):
    """The customer's bank says no: its reason is kept, and the provider's id."""
    cell.api.wish(outcome="declined")
    cell.charge()
    cell.expect("declined")
    cell.expect_paid(0)
    cell.expect_reason(cell.api.decline_reason)
    reference = cell.attempt["provider_reference"]
    expected = cell.operation.id if cell.api.names_declined else None
    assert reference == expected, f"the provider's id is not {reference}"
    cell.expect_told("declined")


@scenario("charge refused for another reason than the card")
def charge_refused(cell):
    """A wrong key, too many requests and the like are no decline, and not mailed."""
    for status in REFUSALS:
        cell.api.wish(failure=status, when="before")
        cell.charge()
        cell.expect("failed")
        cell.expect_told("")
    cell.expect_moved("charge")


@scenario("charge pending, then succeeded", "pending")
def charge_pending(cell):
    cell.api.wish(outcome="pending")
    cell.charge()
    cell.expect("pending")
    cell.expect_paid(0)
    cell.learn(cell.operation)
    cell.expect("succeeded")
    cell.expect_paid(100)


@scenario("charge pending, then declined", "pending")
def charge_pending_declined(cell):
    cell.api.wish(outcome="pending")
    cell.charge()
    cell.expect("pending")
    cell.learn(cell.operation, "declined")
    cell.expect_one_of("declined", "failed", "canceled")
    cell.expect_paid(0)


@scenario("charge with a state that the module does not know")
def charge_of_strange_state(cell):
    """It is not declined: the money may have moved, and nobody is to charge again."""
    cell.api.wish(outcome="strange")
    cell.charge()
    cell.expect("unknown")
    cell.expect_told("")
    cell.expect_paid(0)
    cell.run_resolver()
    cell.expect("unknown")
    cell.learn(cell.operation)
    cell.expect("succeeded")
    cell.expect_paid(100)
    cell.expect_moved("charge", 100)


@scenario("charge needs the customer", "actions")
def charge_needs_customer(cell):
    """Nothing is charged without the customer, who is asked, or may still finish it."""
    cell.api.wish(outcome="action")
    cell.charge()
    cell.expect_one_of("declined", "pending")
    cell.expect_paid(0)
    if cell.attempt["outcome"] == "pending":
        cell.learn(cell.operation)
        cell.expect_paid(100)


@scenario("charge, answer lost")
def charge_answer_lost(cell):
    cell.api.wish(failure="reset")
    cell.charge()
    cell.expect("unknown")
    cell.expect_told("")
    cell.learn(cell.operation)
    cell.expect("succeeded")
    cell.expect_paid(100)
    cell.expect_moved("charge", 100)


@scenario("charge, request lost")
def charge_request_lost(cell):
    """The provider never had it: a person says so, and charges again."""
    cell.api.wish(failure="reset", when="before")
    cell.charge()
    cell.expect("unknown")
    cell.resolve(False)
    cell.expect_one_of("canceled", "failed")
    cell.retry()
    cell.expect_paid(100)
    cell.expect_moved("charge", 100)


@scenario("charge, error 503 after it was carried out")
def charge_error_after(cell):
    cell.api.wish(failure="503")
    cell.charge()
    cell.expect("unknown")
    cell.learn(cell.operation)
    cell.expect("succeeded")
    cell.expect_paid(100)


@scenario("charge, answer later than the time-out")
def charge_answer_late(cell):
    """The provider carries it out after nobody waits any more: found by asking."""
    held = threading.Event()
    cell.api.wish(held=held)
    try:
        with cell.shop.short_timeout():
            cell.charge()
        cell.expect("unknown")
        cell.expect_told("")
        cell.expect_moved("charge")
    finally:
        held.set()
    cell.wait_for_operation("charge")
    if cell.api.answers_questions:
        cell.shop.run_resolver()
    else:
        cell.learn(cell.operation)
    cell.expect("succeeded")
    cell.expect_paid(100)
    cell.expect_moved("charge", 100)
    if "webhooks" not in cell.api.not_offered:
        cell.tell(cell.operation, times=2)
        cell.expect_paid(100)


@scenario("charge, junk for an answer")
def charge_junk(cell):
    cell.api.wish(failure="junk")
    cell.charge()
    cell.expect("unknown")
    cell.expect_reason(None)
    cell.learn(cell.operation)
    cell.expect("succeeded")
    cell.expect_paid(100)


@scenario("charge, the reading after it lost", "reads")
def charge_read_lost(cell):
    """The module reads the payment after the charge; an error there is no decline."""
    cell.api.wish(kind="read", failure="reset", when="before")
    cell.charge()
    cell.expect_one_of("unknown", "succeeded")
    cell.learn(cell.operation)
    cell.expect("succeeded")
    cell.expect_paid(100)
    cell.expect_moved("charge", 100)


@scenario("charge, another amount than asked for")
def charge_other_amount(cell):
    """60 of 100 is unknown until a person books 60; webhooks do not end it."""
    cell.api.wish(amount=60 * cell.api.minor_units)
    cell.charge()
    cell.expect("unknown")
    if "webhooks" not in cell.api.not_offered:
        cell.tell(cell.operation, times=2)
        cell.expect("unknown")
        cell.expect_paid(0)
    cell.resolve(True, amount=60.0)
    cell.expect_paid(60)


# === WEBHOOKS OF CHARGES === #


@scenario("charge, webhook before the answer", "webhooks")
def charge_webhook_first(cell):
    cell.api.wish(webhook="first")
    cell.charge()
    cell.expect_one_of("succeeded")
    cell.tell(cell.operation)
    cell.expect_paid(100)


@scenario("charge, webhook after the answer and twice", "webhooks")
def charge_webhook_twice(cell):
    cell.charge()
    with ThreadPoolExecutor(2) as pool:  # Two at once, then one more.
        list(pool.map(cell.api.deliver, [cell.operation] * 2))
    cell.tell(cell.operation)
    cell.expect("succeeded")
    cell.expect_paid(100)


@scenario("charge, webhook and lost answer", "webhooks")
def charge_webhook_and_lost_answer(cell):
    """The only word of a charge comes while its request waits."""
    cell.api.wish(webhook="first", failure="reset")
    cell.charge()
    cell.learn(cell.operation)
    cell.expect("succeeded")
    cell.expect_paid(100)
    cell.expect_moved("charge", 100)


# === CAPTURES === #


@scenario("capture in full", "captures")
def capture_in_full(cell):
    cell.authorize()
    cell.capture()
    cell.expect_paid(100)
    cell.expect_moved("capture", 100)
    cell.tell_if_offered(cell.get_last("capture"))
    cell.expect_paid(100)


@scenario("capture a part", "captures", "partial captures")
def capture_a_part(cell):
    cell.authorize()
    cell.capture(amount=60.0)
    cell.expect_paid(60)
    cell.expect_moved("capture", 60)


@scenario("void an authorization", "captures", "voids")
def void(cell):
    """The authorization is told once more after its void."""
    cell.authorize()
    cell.tell(cell.operation)
    cell.act("void")
    if cell.is_later("void"):
        cell.learn(cell.get_last("void"))
    cell.expect("canceled")
    cell.tell_if_offered(cell.get_last("void"))
    cell.expect("canceled")
    cell.expect_paid(0)


@scenario("capture declined", "captures")
def capture_declined(cell):
    """The authorization stays, and is captured by the next request."""
    cell.authorize()
    if not cell.is_later("capture"):
        cell.api.wish(kind="capture", outcome="declined")
    cell.act("capture")
    if cell.is_later("capture"):
        cell.learn(cell.get_last("capture"), "declined")
    cell.expect_paid(0)
    assert cell.children[-1]["outcome"] in ("declined", "failed", "canceled")
    cell.capture()
    cell.expect_paid(100)


@scenario("capture, answer lost", "captures")
def capture_answer_lost(cell):
    """Told by a webhook or a person, it is booked once."""
    cell.authorize()
    cell.api.wish(kind="capture", failure="reset")
    cell.act("capture")
    assert cell.children[-1]["outcome"] == "unknown"
    cell.learn(cell.get_last("capture"))
    cell.tell(cell.get_last("capture"))
    cell.expect_paid(100)
    cell.expect_moved("capture", 100)


@scenario("capture refused for another reason", "captures")
def capture_refused(cell):
    """A wrong key and the like: nothing moved, and the authorization stays."""
    cell.authorize()
    for status in REFUSALS[::2]:
        cell.api.wish(kind="capture", failure=status, when="before")
        cell.act("capture")
        cell.expect("failed", cell.children[-1])
    cell.expect("authorized")
    cell.expect_moved("capture")
    cell.capture()
    cell.expect_paid(100)


@scenario("capture, unclear answer and not carried out", "captures")
def capture_not_carried_out(cell):
    """A person says so, and the next request captures it."""
    cell.authorize()
    for failure in UNCLEAR[:2]:
        cell.api.wish(kind="capture", failure=failure, when="before")
        cell.act("capture")
        cell.expect("unknown", cell.children[-1])
        cell.resolve(False, cell.children[-1])
    cell.expect("authorized")
    cell.capture()
    cell.expect_paid(100)
    cell.expect_moved("capture", 100)


@scenario("capture, unclear answer after it was carried out", "captures")
def capture_carried_out(cell):
    for failure in UNCLEAR[1:]:
        cell.authorize()
        cell.api.wish(kind="capture", failure=failure)
        cell.act("capture")
        cell.expect("unknown", cell.children[-1])
        cell.learn(cell.get_last("capture"))
        cell.expect_paid(100)
    cell.expect_moved("capture", 100, 100)


@scenario("capture, answer later than the time-out", "captures")
def capture_answer_late(cell):
    cell.authorize()
    _act_late(cell, "capture", lambda: cell.act("capture"))
    assert cell.children[-1]["outcome"] == "unknown"
    cell.learn(cell.get_last("capture"))
    cell.expect_paid(100)
    cell.expect_moved("capture", 100)


def _act_late(cell, kind, act):
    """Let a request be carried out after nobody waits for its answer any more."""
    held = threading.Event()
    cell.api.wish(kind=kind, held=held)
    try:
        with cell.shop.short_timeout():
            act()
        cell.expect_moved(kind)
    finally:
        held.set()
    cell.wait_for_operation(kind)


@scenario("void, unclear answer", "captures", "voids")
def void_unclear(cell):
    """Not carried out at first, and then carried out."""
    cell.authorize()
    for when in ("before", "after"):
        cell.api.wish(kind="void", failure="reset", when=when)
        cell.act("void")
        cell.expect("unknown", cell.children[-1])
        if when == "before":
            cell.resolve(False, cell.children[-1])
            cell.expect("authorized")
    cell.learn(cell.get_last("void"))
    cell.expect("canceled")
    cell.expect_paid(0)


@scenario("capture, webhook before the answer", "captures", "webhooks")
def capture_webhook_first(cell):
    cell.authorize()
    cell.api.wish(kind="capture", webhook="first")
    cell.capture()
    cell.tell(cell.get_last("capture"))
    cell.expect_paid(100)


# === REFUNDS === #


@scenario("refund in full", "refunds")
def refund_in_full(cell):
    """The charge is told once more after its refund."""
    cell.charge()
    cell.tell(cell.operation)
    cell.api.end_day()
    cell.refund_and_expect(100.0)
    cell.expect_paid(0)
    cell.tell_if_offered(cell.get_last("refund"))
    cell.expect_paid(0)


@scenario("refund a part", "refunds", "partial refunds")
def refund_a_part(cell):
    cell.charge()
    cell.api.end_day()
    cell.refund_and_expect(60.0)
    cell.expect_paid(40)


@scenario("refund on the same day", "refunds")
def refund_same_day(cell):
    cell.charge()
    cell.refund_and_expect(100.0)
    cell.expect_paid(0)


@scenario("refund pending, then succeeded", "refunds", "pending refunds")
def refund_pending(cell):
    cell.charge()
    cell.api.end_day()
    if not cell.is_later("refund"):
        cell.api.wish(kind="refund", outcome="pending")
    refund = cell.refund(100.0)
    cell.expect("pending", refund)
    cell.expect_paid(100)
    cell.learn(cell.get_last("refund"))
    cell.expect("succeeded", refund)
    cell.expect_paid(0)


@scenario("refund declined", "refunds")
def refund_declined(cell):
    """It frees its amount, and the next refund of all of it succeeds."""
    cell.charge()
    cell.api.end_day()
    if not cell.is_later("refund"):
        cell.api.wish(kind="refund", outcome="declined")
    refund = cell.refund(100.0)
    if cell.is_later("refund"):
        cell.learn(cell.get_last("refund"), "declined")
    cell.expect("declined", refund)
    cell.expect_paid(100)
    cell.refund_and_expect(100.0)
    cell.expect_paid(0)


@scenario("refund done, then failed", "refunds", "late failures")
def refund_done_then_failed(cell):
    """Days later the money is back with the provider: the refund is undone.

    Its success is told once more after its failure.
    """
    cell.charge()
    cell.tell(cell.operation)
    cell.api.end_day()
    cell.refund_and_expect(100.0)
    cell.tell(cell.get_last("refund"))
    cell.tell(cell.api.settle(cell.get_last("refund"), "declined"))
    cell.expect_paid(100)
    cell.tell_all_again()
    cell.expect_paid(100)


@scenario("refund, answer lost", "refunds")
def refund_answer_lost(cell):
    cell.charge()
    cell.api.end_day()
    cell.api.wish(kind="refund", failure="reset")
    refund = cell.refund(100.0)
    cell.expect("unknown", refund)
    cell.learn(cell.get_last("refund"))
    cell.tell(cell.get_last("refund"))
    cell.expect("succeeded", refund)
    cell.expect_paid(0)
    cell.expect_moved("refund", 100)


@scenario("refund refused for another reason", "refunds")
def refund_refused(cell):
    """A wrong key and the like: nothing moved, and the customer is told nothing."""
    cell.charge()
    cell.api.end_day()
    for status in REFUSALS[::2]:
        cell.api.wish(kind="refund", failure=status, when="before")
        refund = cell.expect("failed", cell.refund(100.0))
        assert not refund["customer_mail"]
    cell.expect_paid(100)
    cell.refund_and_expect(100.0)
    cell.expect_moved("refund", 100)


@scenario("refund, unclear answer and not carried out", "refunds")
def refund_not_carried_out(cell):
    """A person says so, and the next request gives the money back."""
    cell.charge()
    cell.api.end_day()
    for failure in UNCLEAR[:2]:
        cell.api.wish(kind="refund", failure=failure, when="before")
        refund = cell.expect("unknown", cell.refund(100.0))
        cell.resolve(False, refund)
    cell.expect_paid(100)
    cell.refund_and_expect(100.0)
    cell.expect_paid(0)
    cell.expect_moved("refund", 100)


@scenario("refund, unclear answer after it was carried out", "refunds")
def refund_carried_out(cell):
    for failure in UNCLEAR[1:]:
        cell.charge()
        cell.api.end_day()
        cell.api.wish(kind="refund", failure=failure)
        refund = cell.expect("unknown", cell.refund(100.0))
        cell.learn(cell.get_last("refund"))
        cell.expect("succeeded", refund)
        cell.expect_paid(0)
    cell.expect_moved("refund", 100, 100)


@scenario("refund, answer later than the time-out", "refunds")
def refund_answer_late(cell):
    cell.charge()
    cell.api.end_day()
    _act_late(cell, "refund", lambda: cell.refund(100.0))
    cell.expect("unknown", cell.refunds[-1])
    cell.learn(cell.get_last("refund"))
    cell.expect("succeeded", cell.refunds[-1])
    cell.expect_paid(0)
    cell.expect_moved("refund", 100)


@scenario("refund, webhook before the answer", "refunds", "webhooks")
def refund_webhook_first(cell):
    cell.charge()
    cell.api.end_day()
    cell.api.wish(kind="refund", webhook="first")
    cell.refund_and_expect(100.0)
    cell.tell(cell.get_last("refund"))
    cell.expect_paid(0)


@scenario("refund of a capture, then its webhook", "captures", "refunds")
def refund_of_capture(cell):
    cell.authorize()
    cell.capture()
    cell.api.end_day()
    amount = 100.0 if "partial refunds" in cell.api.not_offered else 30.0
    cell.refund_and_expect(amount)
    cell.tell(cell.get_last("refund"))
    cell.expect_paid(100 - amount)


# === BEGUN AT THE PROVIDER === #


@scenario("refund made at the provider", "webhooks")
def refund_in_dashboard(cell):
    cell.charge()
    cell.api.end_day()
    operation = cell.api.make_in_dashboard("refund", cell.operation)
    cell.tell(operation, times=2)
    cell.expect_paid(0)


@scenario("two partial refunds made at the provider", "webhooks")
def refunds_in_dashboard(cell):
    cell.charge()
    cell.api.end_day()
    for _ in range(2):
        amount = 30 * cell.api.minor_units
        cell.tell(cell.api.make_in_dashboard("refund", cell.operation, amount))
    cell.expect_paid(40)


@scenario("refund made at the provider, told before the charge", "webhooks")
def refund_in_dashboard_told_first(cell):
    """Its notification comes twice at once, and that of the charge after it."""
    webhooks = cell.charge_and_keep_webhooks()
    cell.api.end_day()
    amount = 30 * cell.api.minor_units
    operation = cell.api.make_in_dashboard("refund", cell.operation, amount)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(cell.api.deliver, [operation] * 2))
    cell.run_resolver()
    cell.expect_paid(70)
    cell.send(webhooks)
    cell.tell(operation)
    cell.expect_paid(70)


@scenario("refund of a capture, made at the provider", "captures", "webhooks")
def refund_of_capture_in_dashboard(cell):
    """Two of them, of which the first is told once more after the second."""
    cell.authorize()
    cell.capture()
    cell.tell(cell.get_last("capture"))
    cell.api.end_day()
    amount = 30 * cell.api.minor_units
    first = cell.api.make_in_dashboard("refund", cell.operation, amount)
    cell.tell(first, times=2)
    cell.expect_paid(70)
    cell.tell(cell.api.make_in_dashboard("refund", cell.operation, amount))
    cell.tell(first)
    cell.expect_paid(40)


@scenario("capture made at the provider", "captures", "webhooks")
def capture_in_dashboard(cell):
    cell.authorize()
    operation = cell.api.make_in_dashboard("capture", cell.operation)
    cell.tell(operation, times=2)
    cell.expect_paid(100)


@scenario("void made at the provider", "captures", "webhooks", "voids")
def void_in_dashboard(cell):
    cell.authorize()
    cell.tell(cell.api.make_in_dashboard("void", cell.operation))
    cell.expect("canceled")
    cell.expect_paid(0)


# === REPLAYED STEPS === #


@scenario("charge, record step replayed")
def charge_replayed(cell):
    cell.shop.fail_serialization_at("before-recorded")
    cell.charge()
    cell.expect("succeeded")
    cell.expect_paid(100)
    cell.expect_moved("charge", 100)


@scenario("capture, record step replayed", "captures")
def capture_replayed(cell):
    cell.authorize()
    cell.shop.fail_serialization_at("before-recorded")
    cell.capture()
    cell.expect_paid(100)
    cell.expect_moved("capture", 100)


@scenario("refund, record step replayed", "refunds")
def refund_replayed(cell):
    """Fields that the module wrote while sending are kept, such as an id."""
    cell.charge()
    cell.api.end_day()
    cell.shop.fail_serialization_at("before-recorded")
    refund = cell.refund_and_expect(100.0)
    reference = cell.shop.get_attempt(refund["id"])["provider_reference"]
    assert reference == cell.get_last("refund").id
    cell.expect_paid(0)
    cell.expect_moved("refund", 100)
