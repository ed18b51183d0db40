"""The scenarios of money that is taken back, or that comes back, after it moved."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from .scenarios import scenario


def dispute(cell, state, amount=100):
    """Let a charge be disputed and the dispute be decided; all webhooks come twice."""
    cell.charge()
    operation = cell.api.dispute(cell.operation, amount * cell.api.minor_units)
    cell.tell(operation, times=2)
    cell.expect_paid(100)  # It is parked, until it is decided.
    cell.tell(cell.api.close_dispute(operation, state), times=2)


@scenario("charge disputed, and won", "disputes")
def dispute_won(cell):
    """Its beginning is told once more after its end."""
    dispute(cell, "won")
    cell.expect_paid(100)
    cell.tell_all_again()
    cell.expect_paid(100)


@scenario("charge disputed, and lost", "disputes")
def dispute_lost(cell):
    dispute(cell, "lost")
    cell.expect_paid(0)
    cell.tell_all_again()
    cell.expect_paid(0)
    cell.expect_reversals(("lost", 100))


@scenario("a part disputed, and won", "disputes", "partial disputes")
def part_disputed_won(cell):
    dispute(cell, "won", 30)
    cell.expect_paid(100)
    cell.expect_reversals(("won", 30))


@scenario("two parts disputed, and lost", "disputes", "partial disputes")
def parts_disputed_lost(cell):
    """Each is a record of its own, with its fee."""
    cell.charge()
    for paid, amount in ((100, 30), (70, 50)):
        operation = cell.api.dispute(cell.operation, amount * cell.api.minor_units)
        cell.tell(operation, times=2)
        cell.expect_paid(paid)
        cell.tell(cell.api.close_dispute(operation, "lost"), times=2)
    cell.expect_paid(20)
    cell.expect_reversals(("lost", 30), ("lost", 50))


@scenario("charge disputed, told out of order", "disputes")
def dispute_out_of_order(cell):
    """The result comes first; the beginning, and the charge itself, come after it."""
    old = cell.charge_and_keep_webhooks()
    operation = cell.api.dispute(cell.operation)
    old += cell.api.build_webhooks(operation)
    cell.api.close_dispute(operation, "lost")
    cell.tell(operation, times=2)
    cell.expect_paid(0)
    cell.send(old * 2)
    cell.expect_paid(0)
    cell.expect_reversals(("lost", 100))


@scenario("charge disputed before its success was told", "disputes", "pending")
def disputed_before_it_came(cell):
    """The provider is asked, or sends the message again: nothing is dropped."""
    cell.api.wish(outcome="pending")
    cell.charge()
    cell.expect("pending")
    cell.api.settle(cell.operation, "succeeded")
    operation = cell.api.dispute(cell.operation)
    answers = cell.api.deliver(operation)
    if set(answers) != {200}:
        cell.tell(cell.operation)
        cell.tell(operation)
    cell.run_resolver()
    cell.expect("succeeded")
    cell.expect_reversals(("open", 100))
    cell.tell(cell.api.close_dispute(operation, "lost"), times=2)
    cell.expect_paid(0)


@scenario("charge disputed, told twice at once", "disputes")
def dispute_told_at_once(cell):
    """Two notifications of the beginning come at once, and two of the result."""
    cell.charge()
    operation = cell.api.dispute(cell.operation)
    with ThreadPoolExecutor(4) as pool:
        for state in ("open", "lost"):
            if state != "open":
                cell.api.close_dispute(operation, state)
            list(pool.map(cell.api.deliver, [operation] * 4))
    cell.tell(operation)
    cell.expect_paid(0)
    cell.expect_reversals(("lost", 100))


@scenario("charge disputed, server killed while it is told", "disputes")
def dispute_killed(cell):
    """The server dies around the commit of the entry; the provider tells it again."""
    cell.charge()
    operation = cell.api.close_dispute(cell.api.dispute(cell.operation), "lost")
    for point in ("before-booked", "after-booked"):
        cell.shop.kill_at(point)
        with pytest.raises(requests.ConnectionError):
            cell.api.deliver(operation)
        cell.shop.wait_for_death()
        if point == "before-booked":
            cell.expect_paid(100)
            cell.expect_reversals()
    cell.tell(operation, times=2)
    cell.expect_paid(0)
    cell.expect_reversals(("lost", 100))


@scenario("refund done, then failed, told out of order", "refunds", "late failures")
def failed_refund_out_of_order(cell):
    """A part comes back; its success is told once more after that, and counts not."""
    cell.charge()
    cell.api.end_day()
    cell.refund_and_expect(60.0)
    old = list(cell.api.build_webhooks(cell.get_last("refund")))
    cell.tell(cell.api.settle(cell.get_last("refund"), "declined"))
    cell.expect_paid(100)
    cell.send(old)
    cell.expect_paid(100)


@scenario("capture disputed, and lost", "captures", "disputes")
def disputed_capture(cell):
    """The dispute names the authorization, and is about what was captured of it."""
    cell.authorize()
    cell.capture()
    cell.api.end_day()
    operation = cell.api.dispute(cell.operation)
    cell.tell(operation, times=2)
    cell.expect_paid(100)
    cell.tell(cell.api.close_dispute(operation, "lost"), times=2)
    cell.expect_paid(0)
    cell.expect_reversals(("lost", 100))


@scenario("charge disputed, won, and lost over another amount", "second disputes")
def disputed_again(cell):
    """The bank takes the money once more, another amount, with another fee."""
    cell.charge()
    operation = cell.api.dispute(cell.operation, 80 * cell.api.minor_units)
    old = list(cell.api.build_webhooks(operation))
    cell.tell(operation, times=2)
    cell.tell(cell.api.close_dispute(operation, "won"), times=2)
    cell.expect_paid(100)
    again = cell.api.dispute_again(operation, 6_050 * cell.api.minor_units // 100)
    cell.tell(again, times=2)
    cell.expect_paid(39.5)
    cell.send(old)
    cell.expect_paid(39.5)


@scenario("capture done, then failed, and captured again", "failed captures")
def capture_failed_and_made_again(cell):
    """It is captured again in the provider's pages; the first success is told late."""
    cell.authorize()
    cell.capture()
    first = cell.get_last("capture")
    old = list(cell.api.build_webhooks(first))
    cell.tell(cell.api.settle(first, "declined"), times=2)
    cell.expect_paid(0)
    cell.expect_reversals(("lost", 100))
    cell.send(old)
    cell.expect_paid(0)
    again = cell.api.make_in_dashboard("capture", cell.operation)
    cell.tell(again, times=2)
    cell.expect_paid(100)
    cell.tell(first)
    cell.send(old)
    cell.expect_paid(100)
    cell.expect_reversals(("lost", 100))


@scenario("capture told as failed before it was told as done", "failed captures")
def capture_failure_first(cell):
    cell.authorize()
    cell.act("capture")
    capture = cell.api.settle(cell.get_last("capture"), "succeeded")
    old = list(cell.api.build_webhooks(capture))
    capture.data["came_back"] = False
    capture.status = "declined"
    cell.tell(capture, times=2)
    cell.send(old)
    cell.expect_paid(0)
    cell.expect_reversals()
    cell.capture()
    cell.expect_paid(100)


@scenario("capture of a part done, then failed, and captured again", "failed captures")
def part_failed_and_made_again(cell):
    cell.authorize()
    cell.capture(amount=60.0)
    first = cell.get_last("capture")
    old = list(cell.api.build_webhooks(first))
    cell.tell(cell.api.settle(first, "declined"), times=2)
    cell.expect_paid(0)
    amount = 60 * cell.api.minor_units
    cell.tell(cell.api.make_in_dashboard("capture", cell.operation, amount), times=2)
    cell.send(old)
    cell.expect_paid(60)
    cell.expect_reversals(("lost", 60))
