"""The scenarios of notifications that all come again, and again in reversed order.

A provider sends a notification until it is accepted, and promises no order.
"""

from .scenarios import scenario
from .scenarios_taken_back import dispute


def refund_and_tell(cell, amount):
    """Refund an amount here, and the same at the provider, where it is offered."""
    cell.api.end_day()
    if not {"refunds", "partial refunds"} & cell.api.not_offered.keys():
        cell.refund_and_expect(amount)
        cell.tell(cell.get_last("refund"))
    if "refund made at the provider" not in cell.api.defects:
        minor = int(amount * cell.api.minor_units)
        cell.tell(cell.api.make_in_dashboard("refund", cell.operation, minor))


@scenario("charge and refunds, all told again", "webhooks")
def charge_told_again(cell):
    """The charge is pending first, where it may be."""
    if "pending" not in cell.api.not_offered:
        cell.api.wish(outcome="pending")
    cell.charge()
    cell.tell(cell.operation)
    cell.learn(cell.operation)
    refund_and_tell(cell, 30.0)
    cell.tell_all_again()


@scenario("decline and new charge, all told again", "webhooks")
def decline_told_again(cell):
    """The decline comes once more after the charge that succeeded."""
    cell.api.wish(outcome="declined")
    cell.charge()
    declined = cell.attempt
    cell.tell(cell.operation)
    cell.retry()
    cell.tell(cell.get_last("charge"))
    cell.tell_all_again()
    cell.expect("declined", declined)
    cell.expect_paid(100)


@scenario("captures and refunds, all told again", "captures", "webhooks")
def capture_told_again(cell):
    """A part is captured, where parts are offered."""
    cell.authorize()
    cell.tell(cell.operation)
    in_parts = "partial captures" not in cell.api.not_offered
    cell.capture(**({"amount": 60.0} if in_parts else {}))
    cell.tell(cell.get_last("capture"))
    refund_and_tell(cell, 20.0)
    cell.tell_all_again()
    cell.expect_paid(20 if in_parts else 60)


@scenario("void, all told again", "captures", "webhooks", "voids")
def void_told_again(cell):
    """The authorization comes once more after its void."""
    cell.authorize()
    cell.tell(cell.operation)
    cell.act("void")
    cell.learn(cell.get_last("void"))
    cell.tell_all_again()
    cell.expect("canceled")
    cell.expect_paid(0)


@scenario("dispute won, all told again", "disputes")
def dispute_won_told_again(cell):
    """Its beginning comes once more after its end."""
    dispute(cell, "won")
    cell.tell_all_again()
    cell.expect_paid(100)


@scenario("dispute lost, all told again", "disputes")
def dispute_lost_told_again(cell):
    dispute(cell, "lost")
    cell.tell_all_again()
    cell.expect_paid(0)
    cell.expect_reversals(("lost", 100))


@scenario("refund done, then failed, all told again", "refunds", "late failures")
def failed_refund_told_again(cell):
    """The success of the refund comes once more after its failure."""
    cell.charge()
    cell.tell(cell.operation)
    cell.api.end_day()
    cell.refund_and_expect(100.0)
    cell.tell(cell.get_last("refund"))
    cell.tell(cell.api.settle(cell.get_last("refund"), "declined"))
    cell.tell_all_again()
    cell.expect_paid(100)
