"""The scenarios of notifications that all come again, and again in reversed order.

A provider sends a notification until it is accepted, and promises no order. Shorter
flows do the same in their own scenario.
"""

from .scenarios import scenario


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
