from dataclasses import dataclass, field


@dataclass
class Row:
    """A row of the Payments section, and the records that it was made of.

    :param dict values: The values shown; see `account.move.get_payment_rows`.
    :param tuple order: By which the rows are sorted, newest last.
    :param dict tx: The attempt, as it was read; empty if the row is of none.
    :param dict entry: The journal entry, as it was read; empty if the row is of none.
    :param bool is_outgoing: Whether money went to the customer.
    :param str unbooked: Why money that was received is not booked; empty if it is.
    :param str reversed_by: That an entry reverses the payment; empty if none does.
    """

    values: dict
    order: tuple
    tx: dict = field(default_factory=dict)
    entry: dict = field(default_factory=dict)
    is_outgoing: bool = False
    unbooked: str = ""
    reversed_by: str = ""
