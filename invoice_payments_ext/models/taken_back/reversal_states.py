"""What became of money that was taken back, and where it stands in the books.

Odoo translates the labels as those of the fields `kind` and `state`.
"""

from typing import NamedTuple

KINDS = {
    "dispute": "Dispute",
    "returned_debit": "Returned debit",
    "late_failure": "Late failure",
}

# Where the money stands.
HELD = "held"  # At the company, as the payment booked it.
PARKED = "parked"  # Withdrawn, on the account of disputed payments.
TAKEN = "taken"  # Withdrawn, and owed by the customer again.


class ReversalState(NamedTuple):
    """A state, and where the money stands in it.

    :param label: Its word.
    :param str money: `HELD` or `TAKEN`; while nothing is decided, the company says
                      whether it is `PARKED`.
    :param int rank: A message of a lower rank comes late, and changes nothing.
    :param tuple sources: The states from which people may bring it here.
    """

    label: str
    money: str
    rank: int
    sources: tuple = ()


STATES = {
    "inquiry": ReversalState("Inquiry", HELD, 0),
    "open": ReversalState("Open", PARKED, 1),
    "won": ReversalState("Won", HELD, 2, ("inquiry", "open", "lost")),
    "lost": ReversalState("Lost", TAKEN, 2, ("inquiry", "open", "won")),
    "cancelled": ReversalState("Cancelled", HELD, 2, ("inquiry", "open", "lost")),
}
UNDECIDED = tuple(name for name, state in STATES.items() if state.rank < 2)
# In these, the money is not at the company.
WITHDRAWN = tuple(name for name, state in STATES.items() if state.money != HELD)
