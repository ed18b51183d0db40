"""The results of the lines of charge runs, and which step each is at, in one table."""

from typing import NamedTuple

from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)

# A line is in one of these groups, by its result.
PROPOSED = "proposed"  # Nothing was confirmed yet.
LEFT = "left"  # A lane takes it, or works on it.
SUCCEEDED = "succeeded"
PENDING = "pending"
DECLINED = "declined"
UNKNOWN = "unknown"
SKIPPED = "skipped"  # Nothing was asked for, and nothing moved.


class Result(NamedTuple):
    """The result of a line so far.

    :param str group: The group in which it is counted.
    :param label: The words for people.
    :param str color: Of Bootstrap.
    """

    group: str
    label: str
    color: str


# The steps of a line, which are stored. An attempted line has its attempt's result.
STEPS = ("proposed", "ready", "working", "attempted", "done", "skipped")
OPEN_STEPS = ("ready", "working")

RESULTS = {
    "proposed": Result(PROPOSED, _lt("Proposed"), "info"),
    "ready": Result(LEFT, _lt("Left"), "secondary"),
    "working": Result(LEFT, _lt("Working"), "info"),
    "succeeded": Result(SUCCEEDED, _lt("Succeeded"), "success"),
    "done": Result(SUCCEEDED, _lt("Done"), "success"),
    "pending": Result(PENDING, _lt("Pending"), "info"),
    "declined": Result(DECLINED, _lt("Declined"), "danger"),
    "failed": Result(DECLINED, _lt("Failed"), "danger"),
    "unknown": Result(UNKNOWN, _lt("Unknown"), "warning"),
    "skipped": Result(SKIPPED, _lt("Skipped"), "secondary"),
}
# The result of an attempted line, by the outcome of its attempt.
RESULT_BY_OUTCOME = {
    "draft": "working",
    "ready": "working",
    "sent": "working",
    "unknown": "unknown",
    "pending": "pending",
    "announced": "pending",
    "authorized": "pending",
    "succeeded": "succeeded",
    "declined": "declined",
    "failed": "failed",
    "canceled": "failed",
}
# The groups, in the order in which people see them.
GROUPS = (SUCCEEDED, PENDING, DECLINED, UNKNOWN, SKIPPED, LEFT, PROPOSED)

KINDS = [
    ("charge", "Charge"),
    ("retry", "Retry the declined"),
    ("issue", "Issue and charge"),
    ("external", "Record external payments"),
    ("automatic", "Automatic collection"),
]
# The result whose words a group has.
RESULT_OF_GROUP = {group: group for group in GROUPS} | {LEFT: "ready"}


def get_result(step, outcome=None):
    """Return the result of a line at a step, given the outcome of its attempt.

    :param str step: One of `STEPS`.
    :param str outcome: One of the outcomes of attempts.
    :rtype: str
    """
    return RESULT_BY_OUTCOME[outcome] if step == "attempted" else step
