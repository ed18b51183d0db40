"""The outcomes of an attempt and the states of rows, with their effects, in one table.

Nothing here needs a record. Odoo translates the label of an outcome as that of the
field `outcome`; other words are translated where they are used: `env._(state.label)`.
"""

from typing import NamedTuple

from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)

# The phases of a state, from which follows nearly all that it implies.
DRAFT = "draft"  # Nothing was asked for yet.
UNRESOLVED = "unresolved"  # The request was not answered yet, or not clearly.
WAITING = "waiting"  # The gateway accepted it: the money may come.
EXPECTED = "expected"  # The customer said that money will come; none is on the way.
SUCCEEDED = "succeeded"  # The money moved.
UNSUCCESSFUL = "unsuccessful"  # No money moved; it may all the same, later.
WAIVED = "waived"  # No money moved, and none is expected.


class State(NamedTuple):
    """A state, its words and its effects."""

    phase: str
    label: str
    color: str  # Of Bootstrap: `text-bg-{color}` is the badge.
    # The state told to a customer, see `CUSTOMER_STATES`; empty where it is hidden.
    customer_state: str = ""
    # The outcomes that may follow. Only attempts change from one to the next.
    next: tuple = ()

    @property
    def is_in_flight(self):
        """Tell if the money may come, so that it must not be asked for again."""
        return self.phase in (UNRESOLVED, WAITING)

    @property
    def is_final(self):
        """Tell if nothing more is awaited: an attempt lets go of its invoice."""
        return self.phase in (SUCCEEDED, UNSUCCESSFUL, WAIVED)

    @property
    def may_hold_invoice(self):
        """Tell if no other attempt may be startable on the invoice."""
        return self.phase == DRAFT or self.is_in_flight

    @property
    def money_moved(self):
        """Tell if the money is with its receiver, booked or not."""
        return self.phase == SUCCEEDED

    @property
    def is_unsuccessful(self):
        """Tell if it came to nothing.

        A charge can be retried then; a refund does not count as given back.
        """
        return self.phase == UNSUCCESSFUL


# The outcomes that a notification of the gateway may report, also before the answer to
# the request. If it names another amount or currency, that is `unknown`, for a person.
_ANSWERS = (
    "pending",
    "announced",
    "authorized",
    "succeeded",
    "declined",
    "canceled",
    "unknown",
)
# The gateway's late confirmation is always true, and a void that was called failed may
# turn out to be carried out. If it names another amount, a person says which one moved.
_OVERRULED = ("succeeded", "canceled", "unknown")

OUTCOMES = {
    "draft": State(DRAFT, "Not Submitted", "secondary", next=("sent", *_ANSWERS)),
    "ready": State(
        UNRESOLVED, "Ready", "info", "processing", ("sent", "failed", *_ANSWERS)
    ),
    "sent": State(UNRESOLVED, "Sent", "info", "processing", ("failed", *_ANSWERS)),
    "unknown": State(
        UNRESOLVED, "Unknown", "warning", "processing", ("failed", *_ANSWERS[:-1])
    ),
    "pending": State(WAITING, "Pending", "info", "processing", _ANSWERS[2:]),
    # Pending at a provider that only announces; see `payment.provider`.
    "announced": State(
        EXPECTED, "Announced", "secondary", "awaiting_transfer", _ANSWERS[2:]
    ),
    "authorized": State(WAITING, "Authorized", "primary", "processing", _ANSWERS[3:]),
    # A refund may come back days later.
    "succeeded": State(
        SUCCEEDED, "Succeeded", "success", "succeeded", ("declined", "canceled")
    ),
    "declined": State(UNSUCCESSFUL, "Declined", "danger", "declined", _OVERRULED),
    "failed": State(UNSUCCESSFUL, "Failed", "danger", "declined", _OVERRULED),
    # Where a person said so, the gateway's word that it is on its way counts too.
    "canceled": State(
        UNSUCCESSFUL,
        "Canceled",
        "secondary",
        next=("pending", "announced", "authorized", "succeeded", "unknown"),
    ),
}
INITIAL_OUTCOMES = ("draft", "ready")

# Further states of rows of the Payments section: payments, and write-offs.
OTHER_STATES = {
    "rejected": State(UNSUCCESSFUL, _lt("Rejected"), "danger", "declined"),
    "written_off": State(WAIVED, _lt("Written off"), "dark", "succeeded"),
    "undone": State(UNSUCCESSFUL, _lt("Undone"), "secondary"),
    # Of a correction that a second person has not approved yet.
    "waiting": State(DRAFT, _lt("Waits for approval"), "warning"),
    # Of a record that was taken back: no money moved.
    "mistaken": State(UNSUCCESSFUL, _lt("Recorded by mistake"), "secondary"),
    # Of money that was taken back.
    "inquiry": State(WAIVED, _lt("Inquiry"), "info"),
    "disputed": State(WAITING, _lt("Disputed"), "warning", "processing"),
    "lost": State(SUCCEEDED, _lt("Lost"), "danger", "returned"),
    "won": State(UNSUCCESSFUL, _lt("Won"), "secondary"),
    "called_off": State(UNSUCCESSFUL, _lt("Cancelled"), "secondary"),
}
STATES = {**OUTCOMES, **OTHER_STATES}


class CustomerState(NamedTuple):
    """A state in words for the customer."""

    label: str
    color: str  # Of Bootstrap: `text-bg-{color}` is the badge.


CUSTOMER_STATES = {
    "succeeded": CustomerState(_lt("Done"), "success"),
    "processing": CustomerState(_lt("Being processed"), "primary"),
    "awaiting_transfer": CustomerState(_lt("Waiting for your transfer"), "primary"),
    "declined": CustomerState(_lt("Declined"), "danger"),
    "returned": CustomerState(_lt("Returned"), "warning"),
}

# === FROM ODOO'S OWN STATES === #

# Where the words differ.
OUTCOME_BY_STATE = {
    "done": "succeeded",
    "cancel": "canceled",
    "error": "declined",
}
# Where the way of the request says more than Odoo's own state.
OUTCOME_BY_REQUEST = {
    ("draft", "ready"): "ready",
    ("draft", "sent"): "sent",
    ("draft", "unknown"): "unknown",
    ("error", "not_sent"): "failed",
    ("error", "unknown"): "unknown",
}
# The state of a row by that of its payment, or of its journal entry.
STATE_BY_PAYMENT = {
    "draft": "draft",
    "in_process": "succeeded",
    "paid": "succeeded",
    "canceled": "canceled",
    "rejected": "rejected",
}
STATE_BY_ENTRY = {"draft": "draft", "cancel": "canceled"}
# Further states of a payment: recorded by mistake, and money that was taken back.
PAYMENT_STATES = (*dict.fromkeys(STATE_BY_PAYMENT.values()), "mistaken", "lost")


def get_outcome(state, request_state, is_announcement=False):
    """Return the known state of an attempt.

    :param str state: Odoo's own state of the transaction.
    :param str request_state: How far its request came, if this addon sent it.
    :param bool is_announcement: Whether its provider only announces payments.
    :return: A key of `OUTCOMES`.
    :rtype: str
    """
    if state == "pending" and is_announcement:
        return "announced"
    return OUTCOME_BY_REQUEST.get(
        (state, request_state), OUTCOME_BY_STATE.get(state, state)
    )


# === LISTS FOR DOMAINS AND QUERIES === #


def _select(implies):
    return tuple(name for name, state in OUTCOMES.items() if implies(state))


UNRESOLVED_OUTCOMES = _select(lambda state: state.phase == UNRESOLVED)
IN_FLIGHT_OUTCOMES = _select(lambda state: state.is_in_flight)
EXPECTED_OUTCOMES = _select(lambda state: state.phase == EXPECTED)
# Pending as Odoo sees it: the provider, or the customer, has the next word.
PENDING_OUTCOMES = ("pending", *EXPECTED_OUTCOMES)
# A person may say its outcome.
RESOLVABLE_OUTCOMES = ("unknown", "pending")
FINAL_OUTCOMES = _select(lambda state: state.is_final)
UNSUCCESSFUL_OUTCOMES = _select(lambda state: state.is_unsuccessful)
POSTED_STATES = tuple(
    name for name, state in STATE_BY_PAYMENT.items() if STATES[state].money_moved
)
UNPOSTED_STATES = tuple(name for name in STATE_BY_PAYMENT if name not in POSTED_STATES)


# === THE DIAGRAM === #


def get_diagram():
    """Return the outcomes and their transitions as a Mermaid state diagram.

    :rtype: str
    """
    lines = ["stateDiagram-v2"]
    lines += [f"    [*] --> {name}" for name in INITIAL_OUTCOMES]
    lines += [
        f"    {name} --> {following}"
        for name, state in OUTCOMES.items()
        for following in state.next
    ]
    return "\n".join(lines)
