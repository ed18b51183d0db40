"""The words on an attempt for staff: a title, a sentence, a kind of notification.

The key is the outcome, or more exact: `unbooked` for an attempt that succeeded, but is
not booked yet, and `voided` for one that was canceled by a void.
"""

from typing import NamedTuple

from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)


class Words(NamedTuple):
    title: str
    sentence: str  # With %(amount)s, %(reference)s, %(provider)s and %(reason)s.
    kind: str


_CHARGE_IN_PROGRESS = Words(
    _lt("Payment in progress"),
    _lt(
        "%(amount)s is being processed (%(reference)s). The row is updated "
        "automatically."
    ),
    "info",
)
_CHARGE_UNKNOWN = Words(
    _lt("Outcome unknown"),
    _lt(
        "%(provider)s gave no clear answer on %(amount)s (%(reference)s): the customer "
        "may have been charged. Nothing is charged again until this is resolved: the "
        "provider is asked again automatically, or you resolve it on the row."
    ),
    "warning",
)
CHARGE_WORDS = {
    "draft": _CHARGE_UNKNOWN,
    "ready": _CHARGE_IN_PROGRESS,
    "sent": _CHARGE_IN_PROGRESS,
    "unknown": _CHARGE_UNKNOWN,
    "pending": Words(
        _lt("Payment pending"),
        _lt(
            "%(amount)s waits for the confirmation of %(provider)s (%(reference)s). It "
            "is booked automatically when it comes. %(reason)s"
        ),
        "info",
    ),
    "announced": Words(
        _lt("Payment announced"),
        _lt(
            "The customer announced %(amount)s (%(reference)s). Nothing is on the way "
            "yet: record the money when it comes."
        ),
        "info",
    ),
    "authorized": Words(
        _lt("Payment authorized"),
        _lt(
            "%(amount)s is reserved on the customer's payment method (%(reference)s). "
            "Capture it to receive the money, or void it."
        ),
        "info",
    ),
    "succeeded": Words(
        _lt("Payment succeeded"),
        _lt("%(amount)s was received and booked (%(reference)s)."),
        "success",
    ),
    "unbooked": Words(
        _lt("Payment received"),
        _lt(
            "%(amount)s was received (%(reference)s), but is not booked yet. Booking "
            "is tried again automatically."
        ),
        "warning",
    ),
    "declined": Words(
        _lt("Payment declined"),
        _lt("%(provider)s declined %(amount)s (%(reference)s): %(reason)s"),
        "danger",
    ),
    "failed": Words(
        _lt("Payment not sent"),
        _lt(
            "%(amount)s was not charged, %(provider)s could not be reached "
            "(%(reference)s). It can be retried at once. %(reason)s"
        ),
        "danger",
    ),
    "canceled": Words(
        _lt("Payment canceled"),
        _lt("%(amount)s was not charged (%(reference)s). %(reason)s"),
        "warning",
    ),
    "voided": Words(
        _lt("Authorization voided"),
        _lt("%(amount)s was released (%(reference)s)."),
        "success",
    ),
}

_REFUND_IN_PROGRESS = Words(
    _lt("Refund in progress"),
    _lt(
        "%(amount)s is being refunded (%(reference)s). The row is updated "
        "automatically."
    ),
    "info",
)
_REFUND_UNKNOWN = Words(
    _lt("Outcome unknown"),
    _lt(
        "%(provider)s gave no clear answer on the refund of %(amount)s "
        "(%(reference)s): the customer may have got it. It is not sent again; the "
        "provider is asked automatically, or you resolve it on the row."
    ),
    "warning",
)
_REFUND_PENDING = Words(
    _lt("Refund pending"),
    CHARGE_WORDS["pending"].sentence,
    "info",
)
_REFUND_DECLINED = Words(
    _lt("Refund declined"),
    _lt(
        "%(provider)s declined to refund %(amount)s (%(reference)s), nothing was "
        "changed: %(reason)s"
    ),
    "danger",
)
REFUND_WORDS = {
    "draft": _REFUND_UNKNOWN,
    "ready": _REFUND_IN_PROGRESS,
    "sent": _REFUND_IN_PROGRESS,
    "unknown": _REFUND_UNKNOWN,
    "pending": _REFUND_PENDING,
    "announced": _REFUND_PENDING,
    "authorized": _REFUND_PENDING,
    "succeeded": Words(
        _lt("Refund succeeded"),
        _lt("%(amount)s was refunded and booked (%(reference)s)."),
        "success",
    ),
    "unbooked": Words(
        _lt("Refunded, not booked"),
        _lt(
            "%(amount)s was refunded (%(reference)s), but is not booked yet. Booking "
            "is tried again automatically."
        ),
        "warning",
    ),
    "declined": _REFUND_DECLINED,
    "failed": Words(
        _lt("Refund not carried out"),
        _lt(
            "%(amount)s was not refunded (%(reference)s), nothing was changed. "
            "%(reason)s"
        ),
        "danger",
    ),
    "canceled": _REFUND_DECLINED,
}
