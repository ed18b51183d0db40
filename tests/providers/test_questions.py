"""Gateways are asked what became of a request, and say why one was declined.

No webhook comes, and nobody resolves anything.
"""

import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import requests
from lxml.html import fromstring

from .api import Refused
from .apis import APIS

pytest_plugins = ["providers.fixtures"]

ASKED = ("authorize", "flutterwave", "mercado_pago", "razorpay", "stripe")
ASKED_OF_PARTS = ("authorize", "razorpay", "stripe")
# They know the key of a charge, and answer the second request as the first.
KEYED = ("adyen", "worldline")


def _age(cell, attempt, period="30 minutes"):
    """Let time pass: if nothing is said, so much that a request has surely arrived."""
    cell.shop.query(
        """
        UPDATE payment_transaction
           SET request_sent_on = request_sent_on - %s::interval
         WHERE id = %s
        """,
        period,
        attempt["id"],
    )


def _expect_never_received(cell, attempt):
    """A gateway that does not know a request is believed after a while only."""
    cell.shop.run_resolver()
    word = cell.expect("unknown", attempt)["provider_word"]
    assert "does not know the request" in word, word
    _age(cell, attempt)
    cell.shop.run_resolver()
    cell.expect("failed", attempt)


@pytest.mark.parametrize(
    "code, failure", [*((code, "reset") for code in ASKED), ("stripe", "junk")]
)
def test_charge_whose_answer_was_lost(make_cell, code, failure):
    cell = make_cell(code)
    cell.api.wish(failure=failure)
    cell.charge()
    cell.expect("unknown")
    cell.shop.run_resolver()
    cell.expect("succeeded")
    cell.expect_paid(100)
    cell.expect_moved("charge", 100)
    cell.expect_agreement()


def _start_again(cell):
    """Follow the link to finish, as a customer without an account, and press *Pay now*.

    :return: The address where that leads.
    """
    rows = cell.shop.admin.call("account.move", "get_payment_rows", [cell.invoice_id])
    [url] = filter(None, [row["finish_url"] for row in rows])
    address = urlsplit(url)
    visitor = requests.Session()
    page = visitor.get(f"{cell.shop.server.url}{address.path}?{address.query}")
    [form] = fromstring(page.text).xpath("//form[@id='o_payment_start_again']")
    data = {field.get("name"): field.get("value") for field in form.xpath("input")}
    answer = visitor.post(
        f"{cell.shop.server.url}{form.get('action')}",
        data=data,
        allow_redirects=False,
    )
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def test_card_that_the_customer_has_to_confirm_in_a_form(make_cell):
    cell = make_cell("stripe")
    cell.api.wish(outcome="waiting")
    cell.charge()
    cell.expect("unknown")
    assert f"/my/invoices/{cell.invoice_id}?" in _start_again(cell)
    cell.expect("canceled")
    assert cell.operation.status == "canceled"  # Nobody can confirm it any more.
    cell.expect_paid(0)
    cell.expect_agreement()


def test_card_that_the_customer_failed_to_confirm(make_cell):
    """The form may be open elsewhere: the declined payment ends before a new one."""
    cell = make_cell("stripe")
    cell.api.wish(outcome="waiting")
    cell.charge()
    cell.api.settle(cell.operation, "action")
    cell.api.wish(kind="void", failure="reset", when="before")
    assert "asked=1" in _start_again(cell)
    cell.expect("declined")
    assert cell.operation.status == "action"
    cell.shop.query(
        "UPDATE payment_transaction SET asked_on = asked_on - INTERVAL '1 minute'"
        " WHERE id = %s",
        cell.attempt["id"],
    )
    assert f"/my/invoices/{cell.invoice_id}?" in _start_again(cell)
    cell.expect("declined")
    assert cell.operation.status == "canceled"  # Nobody can confirm it any more.
    cell.expect_paid(0)
    cell.expect_agreement()


def test_card_that_was_confirmed_in_the_meantime(make_cell):
    cell = make_cell("stripe")
    cell.api.wish(outcome="waiting")
    cell.charge()
    cell.api.settle(cell.operation, "succeeded")
    assert "asked=1" in _start_again(cell)
    cell.expect("succeeded")
    cell.expect_paid(100)
    cell.expect_moved("charge", 100)
    cell.expect_agreement()


@pytest.mark.parametrize("code", ASKED)
def test_charge_that_never_arrived(make_cell, code):
    cell = make_cell(code)
    cell.api.wish(failure="reset", when="before")
    _expect_never_received(cell, cell.charge())
    cell.retry()
    cell.expect_paid(100)
    cell.expect_moved("charge", 100)
    cell.expect_agreement()


@pytest.mark.parametrize("code", ASKED)
def test_charge_that_is_still_under_way(make_cell, code):
    """The gateway does not know it yet: nothing is charged again meanwhile."""
    cell = make_cell(code)
    held = threading.Event()
    cell.api.wish(held=held)
    try:
        with cell.shop.short_timeout():
            cell.charge()
        for _twice in range(2):
            cell.shop.run_resolver()
            word = cell.expect("unknown")["provider_word"]
            assert "does not know the request" in word, word
        cell.expect_moved("charge")
    finally:
        held.set()
    cell.wait_for_operation("charge")
    cell.shop.run_resolver()
    cell.expect("succeeded")
    cell.expect_moved("charge", 100)
    cell.expect_paid(100)
    cell.expect_agreement()


@pytest.mark.parametrize("code", ASKED)
def test_declined_charge_whose_answer_was_lost(make_cell, code):
    cell = make_cell(code)
    cell.api.wish(failure="reset", outcome="declined")
    cell.charge()
    cell.shop.run_resolver()
    if cell.attempt["outcome"] == "unknown":
        # The gateway keeps no payment of it: nothing was received that counts.
        _expect_never_received(cell, cell.attempt)
    cell.expect_one_of("declined", "failed")
    cell.expect_paid(0)
    cell.expect_agreement()


@pytest.mark.parametrize("code", ("authorize", "stripe"))
def test_gateway_that_cannot_be_reached_tells_nothing(make_cell, code):
    cell = make_cell(code)
    cell.api.wish(failure="reset")
    attempt = cell.charge()
    _age(cell, attempt)
    for failure in ("503", "junk", "reset"):
        cell.api.wish(kind="read", failure=failure, when="before")
        cell.shop.run_resolver()
        word = cell.expect("unknown")["provider_word"]
        assert "could not be asked" in word, word
    cell.shop.run_resolver()
    cell.expect("succeeded")
    cell.expect_agreement()


@pytest.mark.parametrize("code", ASKED_OF_PARTS)
def test_capture_whose_answer_was_lost(make_cell, code):
    cell = make_cell(code)
    cell.authorize()
    cell.api.wish(kind="capture", failure="reset", when="before")
    cell.act("capture")
    _expect_never_received(cell, cell.children[-1])
    cell.expect("authorized")
    cell.api.wish(kind="capture", failure="reset")
    cell.act("capture")
    cell.expect("unknown", cell.children[-1])
    cell.shop.run_resolver()
    cell.expect("succeeded", cell.children[-1])
    cell.expect_paid(100)
    cell.expect_moved("capture", 100)
    cell.expect_agreement()


@pytest.mark.parametrize("code", ("authorize", "stripe"))
def test_void_whose_answer_was_lost(make_cell, code):
    cell = make_cell(code)
    cell.authorize()
    cell.api.wish(kind="void", failure="reset", when="before")
    cell.act("void")
    _expect_never_received(cell, cell.children[-1])
    cell.api.wish(kind="void", failure="reset")
    cell.act("void")
    cell.shop.run_resolver()
    cell.expect("canceled", cell.children[-1])
    cell.expect("canceled")
    cell.expect_paid(0)
    cell.expect_agreement()


@pytest.mark.parametrize(
    "code, same_day", [*((code, False) for code in ASKED_OF_PARTS), ("authorize", True)]
)
def test_refund_whose_answer_was_lost(make_cell, code, same_day):
    cell = make_cell(code)
    cell.charge()
    if not same_day:
        cell.api.end_day()
    kind = "void" if code == "authorize" and same_day else "refund"
    cell.api.wish(kind=kind, failure="reset", when="before")
    _expect_never_received(cell, cell.refund(100.0))
    cell.api.wish(kind=kind, failure="reset")
    refund = cell.refund(100.0)
    cell.expect("unknown", refund)
    cell.shop.run_resolver()
    cell.expect("succeeded", refund)
    cell.expect_paid(0)
    cell.expect_moved("refund", 100)
    cell.expect_agreement()


def test_refund_of_another_one_is_not_taken(make_cell):
    """A refund at the gateway belongs to one of ours only."""
    cell = make_cell("stripe")
    cell.charge()
    cell.refund_and_expect(30.0)
    cell.api.wish(kind="refund", failure="reset", when="before")
    _expect_never_received(cell, cell.refund(30.0))
    cell.expect_moved("refund", 30)
    cell.expect_agreement()


@pytest.mark.parametrize("code", KEYED)
@pytest.mark.parametrize("when", ["before", "after"])
def test_charge_is_sent_again_with_its_key(make_cell, code, when):
    cell = make_cell(code)
    cell.api.wish(failure="reset", when=when)
    cell.charge()
    cell.expect("unknown")
    cell.api.wish(failure="401", when="before")  # It says nothing about the first.
    cell.shop.run_resolver()
    cell.expect("unknown")
    cell.shop.run_resolver()
    if cell.is_later("charge"):
        cell.learn(cell.operation)
    cell.expect("succeeded")
    cell.expect_paid(100)
    cell.expect_moved("charge", 100)
    cell.expect_agreement()


@pytest.mark.parametrize("code", KEYED)
def test_charge_is_not_sent_again_when_its_key_may_be_forgotten(make_cell, code):
    cell = make_cell(code)
    cell.api.wish(failure="reset", when="before")
    attempt = cell.charge()
    _age(cell, attempt, "7 days")
    cell.shop.run_resolver()
    cell.expect("unknown")
    cell.expect_moved("charge")
    cell.resolve(False)
    cell.expect_agreement()


@pytest.mark.parametrize("code", KEYED)
def test_declined_charge_is_sent_again(make_cell, code):
    cell = make_cell(code)
    cell.api.wish(failure="reset", outcome="declined")
    cell.charge()
    cell.expect("unknown")
    cell.shop.run_resolver()
    cell.expect("declined")
    cell.expect_reason(cell.api.decline_reason)
    cell.expect_agreement()


@pytest.mark.parametrize(
    "code, decline_code, decline_class",
    [
        ("adyen", None, None),
        ("authorize", "2", "other"),
        ("flutterwave", None, "other"),
        ("razorpay", "payment_failed", "other"),
        ("stripe", "insufficient_funds", "try_later"),
        ("worldline", None, "other"),
    ],
)
def test_codes_of_a_decline(make_cell, code, decline_code, decline_class):
    cell = make_cell(code)
    cell.api.wish(outcome="declined")
    cell.charge()
    row = cell.expect("declined")
    assert cell.api.decline_reason in (row["decline_reason"] or "")
    if decline_class:
        assert row["decline_class"] == decline_class
    if decline_code:
        assert row["decline_code"] == decline_code
    if decline_class == "try_later":
        assert row["decline_not_before"]
    cell.expect_agreement()


def _run_night(cell, attempt_id=None):
    """Let the night come at which open authorizations are asked about."""
    cell.shop.query(
        """
        UPDATE payment_transaction
           SET asked_on = asked_on - INTERVAL '1 day',
               create_date = create_date - INTERVAL '10 days'
         WHERE id = %s
        """,
        attempt_id or cell.attempt_id,
    )
    cell.shop.run_gateway_checks()


@pytest.mark.parametrize(
    "code, kind, outcome",
    [
        *((code, "capture", "succeeded") for code in ASKED_OF_PARTS),
        *((code, "void", "canceled") for code in ("authorize", "stripe")),
    ],
)
def test_authorization_that_ended_at_the_provider_unheard(
    make_cell, code, kind, outcome
):
    """Days later, and no message came; an answer that is not clear changes nothing."""
    cell = make_cell(code)
    cell.shop.run_gateway_checks()  # It asks about those of other cells.
    cell.authorize()
    _run_night(cell)
    cell.expect("authorized")
    cell.api.make_in_dashboard(kind, cell.operation)
    for failure in ("503", "junk"):
        cell.api.wish(kind="read", failure=failure, when="before")
        _run_night(cell)
        cell.expect("authorized")
    _run_night(cell)
    cell.expect(outcome)
    cell.expect_paid(100 if kind == "capture" else 0)
    _run_night(cell)
    cell.expect_paid(100 if kind == "capture" else 0)
    cell.expect_agreement()


@pytest.mark.parametrize("is_told", (True, False), ids=("told", "asked"))
def test_authorization_that_razorpay_gave_back(make_cell, is_told):
    """Nobody captured it in time: its refund is one of money that never came."""
    cell = make_cell("razorpay")
    cell.authorize()
    refund = cell.api.make_in_dashboard("void", cell.operation)
    if is_told:
        cell.tell(refund, times=2)
    else:
        _run_night(cell)
    cell.expect("canceled")
    cell.expect_paid(0)
    assert _tie_out(cell) == ("done", set())
    cell.expect_agreement()


def test_capture_of_an_authorization_that_razorpay_gave_back(make_cell):
    """The answer to the capture was lost: nothing came."""
    cell = make_cell("razorpay")
    cell.authorize()
    cell.api.wish(kind="capture", failure="reset", when="before")
    cell.act("capture")
    cell.tell(cell.api.make_in_dashboard("void", cell.operation))
    _expect_never_received(cell, cell.children[-1])
    cell.expect("canceled")
    cell.expect_paid(0)
    cell.expect_agreement()


@pytest.mark.parametrize("code", ("authorize", "stripe"))
def test_authorization_of_which_a_part_was_captured_at_the_provider(make_cell, code):
    """It is never booked as the whole: a person is told, and books what moved."""
    cell = make_cell(code)
    cell.authorize()
    cell.api.make_in_dashboard("capture", cell.operation, 6000)
    _run_night(cell)
    row = cell.expect("unknown")
    assert float(row["reported_amount"]) == 60
    cell.expect_paid(0)
    for is_open in (True, False):
        [task] = cell.shop.get_activities("account.move", cell.invoice_id)
        assert task["summary"] == "Another amount was captured"
        assert "60.00 moved" in task["note"], task["note"]
        assert task["active"] == is_open
        _run_night(cell)
        if cell.attempt["outcome"] == "unknown":
            cell.resolve(True, amount=60.0)
    cell.expect_paid(60)
    assert _tie_out(cell) == ("done", set())


def test_capture_whose_answer_was_lost_while_another_amount_was_captured(make_cell):
    """The gateway never had ours: somebody captured a part in its pages instead."""
    cell = make_cell("authorize")
    cell.authorize()
    cell.api.wish(kind="capture", failure="reset", when="before")
    cell.act("capture")
    cell.api.make_in_dashboard("capture", cell.operation, 6000)
    cell.shop.run_resolver()
    row = cell.expect("unknown", cell.children[-1])
    assert float(row["reported_amount"]) == 60
    cell.expect_paid(0)
    cell.resolve(True, cell.children[-1], amount=60.0)
    cell.expect_paid(60)
    assert _tie_out(cell) == ("done", set())


# === THE TIE-OUT WITH A PROVIDER === #


def _tie_out(cell, days=0):
    """Hold the provider's list against the books.

    :param int days: How many days more than the last hours.
    :return: The state of the check, and its findings about the cell: pairs of the kind
             and the gateway's id.
    """
    provider_id = cell.shop.facts["providers"][cell.api.code]["provider_id"]
    state, findings = cell.shop.tie_out_with_provider(provider_id, days)
    own = set(cell.api.operations) - set(cell.mark["operations"])
    return state, {
        (row["kind"], row["reference"]) for row in findings if row["reference"] in own
    }


@pytest.mark.parametrize("code", ASKED_OF_PARTS)
def test_tie_out_with_a_provider(make_cell, code):
    cell = make_cell(code)
    cell.authorize()
    cell.capture()
    cell.api.end_day()
    cell.refund_and_expect(100.0)
    charge, refund = cell.operation, cell.get_last("refund")
    assert _tie_out(cell) == ("done", set())
    cell.api.settle(refund, "declined")
    unheard = cell.api.add(
        "charge", 5000, None, currency=charge.currency, data={"order": "", "charge": ""}
    )
    assert _tie_out(cell) == (
        "done",
        {("state", refund.id), ("missing_here", unheard.id)},
    )
    cell.api.settle(refund, "succeeded")
    del cell.api.operations[unheard.id]
    assert _tie_out(cell) == ("done", set())


@pytest.mark.parametrize("code", ASKED_OF_PARTS)
def test_tie_out_with_what_was_captured_days_later(make_cell, code):
    """A provider lists the payment under the day on which it was authorized."""
    cell = make_cell(code)
    cell.authorize()
    cell.operation.made_at -= 5 * 86400
    cell.shop.query(
        "UPDATE payment_transaction SET create_date = create_date - INTERVAL '5 days'"
        " WHERE id = %s",
        cell.attempt_id,
    )
    cell.capture()
    _age_changes(cell)
    assert _tie_out(cell) == ("done", set())
    cell.expect_agreement()


def _age_changes(cell):
    """Let an hour pass: what happens at the end of a period is not looked for."""
    cell.shop.query(
        """
        UPDATE payment_transaction
           SET last_state_change = last_state_change - INTERVAL '2 hours'
         WHERE id IN %s
        """,
        tuple(row["id"] for row in cell.rows),
    )


def test_tie_out_while_a_day_is_settled(make_cell, monkeypatch):
    """A payment goes from the list of unsettled ones to that of a batch meanwhile."""
    cell = make_cell("authorize")
    cell.charge()
    _age_changes(cell)
    cell.api.batch = "2"
    answer, asked = cell.api.answer, []

    def settle_after_the_first(request, wish):
        """Let the day end after one of the two lists was read."""
        content = answer(request, wish)
        asked.extend(request.data)
        if len(asked) == 1:
            cell.api.end_day()
        return content

    monkeypatch.setattr(cell.api, "answer", settle_after_the_first)
    try:
        assert _tie_out(cell) == ("done", set())
    finally:
        del cell.api.batch
    assert cell.operation.data["settled"] == "2"


@pytest.mark.parametrize("code", ("razorpay", "stripe"))
def test_tie_out_of_disputes_with_a_provider(make_cell, code):
    """Also those that began and were decided without a word to us."""
    cell = make_cell(code)
    cell.charge()
    told = cell.api.dispute(cell.operation, 3000)
    cell.tell(told)
    assert _tie_out(cell) == ("done", set())
    cell.api.close_dispute(told, "won")
    unheard = cell.api.dispute(cell.operation, 2000)
    found = {("state", told.id), ("taken_back", unheard.id)}
    assert _tie_out(cell) == ("done", found)
    for operation in (told, unheard):
        cell.tell(operation)
    assert _tie_out(cell) == ("done", set())
    cell.tell(cell.api.close_dispute(unheard, "lost"))
    assert _tie_out(cell) == ("done", set())
    cell.expect_agreement()


def test_tie_out_of_chargebacks_with_authorize(make_cell):
    """It sends no word of them: the tie-out finds them, and a person reports them."""
    cell = make_cell("authorize")
    cell.charge()
    cell.api.end_day()
    taken = cell.api.dispute(cell.operation, 3000)
    assert _tie_out(cell) == ("done", {("taken_back", taken.id)})
    [task] = cell.shop.query(
        """
        SELECT activity.summary FROM mail_activity AS activity
          JOIN payment_gateway_check AS checked ON checked.id = activity.res_id
         WHERE activity.res_model = 'payment.gateway.check'
           AND checked.provider_id = %s
        """,
        cell.shop.facts["providers"]["authorize"]["provider_id"],
    )
    assert task["summary"]
    reversal_id = cell.shop.report_taken_back(
        cell.payment_id, kind="dispute", amount=30.0, provider_reference=taken.id
    )
    assert _tie_out(cell) == ("done", set())
    cell.api.close_dispute(taken, "won")
    assert _tie_out(cell) == ("done", {("state", taken.id)})
    cell.shop.accountant.call("account.payment.reversal", "win", [reversal_id])
    assert _tie_out(cell) == ("done", set())
    cell.expect_agreement()


def test_lost_answer_of_a_charge_that_was_charged_back(make_cell):
    """The chargeback has our reference, too, and is no second charge."""
    cell = make_cell("authorize")
    cell.api.wish(failure="reset")
    cell.charge()
    cell.expect("unknown")
    cell.api.end_day()
    cell.api.dispute(cell.operation)
    cell.run_resolver()
    cell.expect("succeeded")
    cell.shop.report_taken_back(cell.payment_id, kind="returned_debit")
    cell.expect_paid(0)
    cell.expect_agreement()


@pytest.mark.parametrize("cls", APIS, ids=lambda cls: cls.code)
def test_which_providers_can_be_asked_for_a_list(make_cell, cls):
    """As the tables of the README and CONFIGURE say."""
    cell = make_cell(cls.code)
    assert _tie_out(cell) == ("done" if cls.gives_list else "impossible", set())


# === ADYEN'S REPORTS ===


@pytest.fixture
def reported(make_cell):
    """Return a method that makes a cell whose payment is in Adyen's report of a day."""
    cells = []

    def make(is_captured_later=False):
        cell = make_cell("adyen")
        cells.append(cell)
        if is_captured_later:
            cell.authorize()
            cell.capture()
        else:
            cell.charge()
        return cell

    yield make
    for cell in cells:
        for name in ("report_key", "report_columns", "no_reports_of"):
            cell.api.__dict__.pop(name, None)


def _let_days_pass(cell, days=3, operations=None):
    """Let all of a cell have happened so many days ago, at Adyen and here.

    It ends at noon, so that the day is the same one in all time zones at work.
    """
    keys = cell.api.operations.keys() - cell.mark["operations"]
    moved = [cell.api.operations[key] for key in keys]
    moved = moved if operations is None else operations
    ids = {operation.id for operation in moved}
    last = max(moment for moment, key, _status in cell.api.steps if key in ids)
    noon = datetime.fromtimestamp(last, UTC).replace(
        hour=12, minute=0, second=0, microsecond=0
    )
    seconds = last - noon.timestamp() + days * 86400
    cell.api.move_steps(moved, seconds)
    if operations is None:
        cell.shop.query(
            """
            UPDATE payment_transaction
               SET create_date = create_date - %s * INTERVAL '1 second',
                   last_state_change = last_state_change - %s * INTERVAL '1 second'
             WHERE id IN %s
            """,
            seconds,
            seconds,
            tuple(row["id"] for row in cell.rows),
        )


def _get_check(cell):
    """Return the last check of the cell's provider."""
    [check] = cell.shop.query(
        "SELECT * FROM payment_gateway_check WHERE provider_id = %s"
        " ORDER BY id DESC LIMIT 1",
        cell.shop.facts["providers"][cell.api.code]["provider_id"],
    )
    return check


@pytest.mark.parametrize("is_captured_later", (False, True), ids=("charge", "capture"))
def test_reports_that_agree(reported, is_captured_later):
    """A charge, a capture with an id of its own, a refund and a refund that failed."""
    cell = reported(is_captured_later)
    cell.refund_and_expect(30.0)
    cell.refund_and_expect(20.0)
    failed = cell.get_last("refund")
    _let_days_pass(cell)
    cell.learn(failed, "declined")
    _let_days_pass(cell, 1, [failed])
    assert _tie_out(cell, 5) == ("done", set())
    [paid] = cell.shop.query(
        "SELECT sum(amount) AS moved, sum(booked) AS booked"
        "  FROM payment_gateway_movement"
        " WHERE check_id = %s AND (own_reference LIKE %s OR reference IN %s)",
        _get_check(cell)["id"],
        f"{cell.attempt['reference']}%",
        tuple(cell.api.operations.keys() - cell.mark["operations"]),
    )
    assert (float(paid["moved"]), float(paid["booked"])) == (70, 70)
    cell.expect_agreement()


def _plant_charge(cell):
    """Captured there, missing here."""
    unheard = cell.api.add("charge", 5000, "Another till", currency="USD")
    return {("missing_here", unheard.id)}


def _plant_refund(cell):
    """A refund that was begun there."""
    refund = cell.api.make_in_dashboard("refund", cell.operation, 3000)
    return {("missing_here", refund.id)}


def _plant_chargeback(cell):
    return {("taken_back", cell.api.dispute(cell.operation, 2000).id)}


def _plant_amount(cell):
    cell.operation.amount = 6000
    return {("amount", cell.operation.id)}


def _plant_declined(cell):
    """The books have money of a charge that was refused."""
    cell.api.steps = [
        (moment, key, "declined" if key == cell.operation.id else status)
        for moment, key, status in cell.api.steps
    ]
    return {("state", cell.operation.id)}


def _plant_never_captured(cell):
    """The books have money of an authorization that nobody captured."""
    cell.api.steps = [
        (moment, key, "authorized" if key == cell.operation.id else status)
        for moment, key, status in cell.api.steps
    ]
    return {("state", cell.operation.id)}


@pytest.mark.parametrize(
    "plant",
    [
        _plant_charge,
        _plant_refund,
        _plant_chargeback,
        _plant_amount,
        _plant_declined,
        _plant_never_captured,
    ],
)
def test_fault_planted_at_adyen(reported, plant):
    cell = reported()
    found = plant(cell)
    _let_days_pass(cell)
    assert _tie_out(cell, 5) == ("done", found)


def test_payment_that_adyen_does_not_have(reported):
    """It is missing there only if there is a report of its day."""
    cell = reported()
    _let_days_pass(cell)
    cell.api.move_steps([cell.operation], 100 * 86400)
    name = cell.operation.id
    missing = ("done", {("missing_there", name)})
    assert _tie_out(cell, 5) == missing
    days = [str(datetime.now(UTC).date() - timedelta(days=days)) for days in range(8)]
    cell.api.no_reports_of = days[2:5]
    assert _tie_out(cell, 5) == ("done", set())
    message = _get_check(cell)["message"]
    assert "switch on the Payment accounting report" in message, message
    assert message.count("There is no report of") == 3
    cell.api.no_reports_of = days
    assert _tie_out(cell, 5) == ("impossible", set())
    cell.api.no_reports_of = ()
    assert _tie_out(cell, 5) == missing


def test_capture_of_the_last_day_that_is_reported(reported):
    """Adyen may capture in the next hours: the report of that is not there yet."""
    cell = reported()
    charge = cell.operation
    cell.api.steps = [
        (moment, key, "authorized" if key == charge.id else status)
        for moment, key, status in cell.api.steps
    ]
    _let_days_pass(cell, 1)
    assert _tie_out(cell, 5) == ("done", set())
    _let_days_pass(cell, 2)
    assert _tie_out(cell, 5) == ("done", {("state", charge.id)})
    capture = cell.api.add("capture", 10000, "<auto>", parent=charge)
    _let_days_pass(cell, 1, [capture])
    assert _tie_out(cell, 5) == ("done", set())


def test_chargeback_that_adyen_told_of_and_reversed(reported):
    cell = reported()
    told = cell.api.dispute(cell.operation, 3000)
    cell.tell(told)
    _let_days_pass(cell)
    assert _tie_out(cell, 5) == ("done", set())
    cell.api.close_dispute(told, "won")
    _let_days_pass(cell, 1, [told])
    assert _tie_out(cell, 5) == ("done", {("state", told.id)})
    cell.tell(told)
    assert _tie_out(cell, 5) == ("done", set())


def test_days_without_a_payment_at_adyen(reported):
    """The reports do not even name the time zone: nothing is looked for in them."""
    cell = reported()
    _let_days_pass(cell)
    cell.api.move_steps(list(cell.api.operations.values()), 100 * 86400)
    assert _tie_out(cell, 5) == ("done", set())
    assert "time zone" in _get_check(cell)["message"]
    cell.api.move_steps(list(cell.api.operations.values()), -100 * 86400)
    assert _tie_out(cell, 5) == ("done", set())


def test_key_that_may_not_read_reports(reported):
    cell = reported()
    cell.api.report_key = "key for reports"
    assert _tie_out(cell, 5) == ("impossible", set())
    assert "Merchant Report Download" in _get_check(cell)["message"]
    cell.shop.write_provider("adyen", adyen_report_key="key for reports")
    try:
        assert _tie_out(cell, 5) == ("done", set())
    finally:
        cell.shop.write_provider("adyen", adyen_report_key=False)


def test_report_without_the_column_that_names_captures(reported):
    cell = reported()
    cell.api.report_columns = cell.api.report_columns[:-1]
    assert _tie_out(cell, 5) == ("impossible", set())
    assert "Modification Psp Reference" in _get_check(cell)["message"]


def test_reports_while_adyen_does_not_answer(reported, monkeypatch):
    """A run that was cut off goes on with the day at which it was."""
    cell = reported()
    _let_days_pass(cell)
    download, asked = cell.api.download_report, []

    def fail_once(request, wish, merchant, name):
        asked.append(name)
        if len(asked) == 3:
            raise Refused(503, b"Try again later")
        return download(request, wish, merchant, name)

    monkeypatch.setattr(cell.api, "download_report", fail_once)
    assert _tie_out(cell, 5)[0] == "running"
    check = _get_check(cell)
    assert (check["page_count"], len(asked)) == (2, 3)
    cell.shop.query(
        "UPDATE payment_gateway_check SET not_before = create_date WHERE id = %s",
        check["id"],
    )
    cell.shop.run_gateway_checks()
    ended = _get_check(cell)
    assert (ended["id"], ended["state"]) == (check["id"], "done")
    assert asked[2:4] == [asked[2]] * 2
    assert asked[:2] + asked[3:] == sorted(set(asked))


def test_message_that_a_report_is_ready(reported):
    """It is about no payment: nothing is made of it."""
    cell = reported()
    before = cell.shop.referee.read_all(cell.mark)
    cell.send([cell.api.build_report_message("payments_accounting_report_x.csv")])
    assert cell.shop.referee.read_all(cell.mark) == before
