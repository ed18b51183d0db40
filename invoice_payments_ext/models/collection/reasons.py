"""Why an invoice is not charged now, as coded reasons, in one table."""

from typing import NamedTuple

from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)

# The actions of a decision.
CHARGE = "charge"  # Charge the amount to the method, after the credit is spent.
CREDIT = "credit"  # The credit balance pays all of it.
WAIT = "wait"  # Something else has to end first, or a time has to come.
REMIND = "remind"  # The customer has to act.
SKIP = "skip"  # It is not to be charged.
DONE = "done"  # Nothing remains to be charged.


class Reason(NamedTuple):
    """A reason why an invoice is not charged.

    :param str action: The action that follows from it.
    :param label: In words for the staff.
    :param bool is_timed: Whether a time ends it: the charge comes then. Of the others
                          nobody knows that.
    """

    action: str
    label: str
    is_timed: bool = False


REASONS = {
    # The invoice itself.
    "not_posted": Reason(SKIP, _lt("It is not issued")),
    "not_draft": Reason(SKIP, _lt("It is issued already")),
    "not_invoice": Reason(SKIP, _lt("It is not a customer invoice")),
    "cancelled": Reason(SKIP, _lt("It is cancelled")),
    "paid": Reason(DONE, _lt("Nothing remains to be paid")),
    "covered_by_credit": Reason(CREDIT, _lt("The credit balance pays it")),
    "not_due": Reason(WAIT, _lt("No instalment is due yet"), True),
    "other_company": Reason(SKIP, _lt("It belongs to another company")),
    "no_right": Reason(SKIP, _lt("You have no right to charge it")),
    # Money is on the way.
    "unknown": Reason(WAIT, _lt("The outcome of an attempt is unknown")),
    "in_flight": Reason(WAIT, _lt("A payment is in flight")),
    "announced": Reason(WAIT, _lt("The customer announced a payment")),
    "disputed": Reason(WAIT, _lt("A payment of it is disputed")),
    "in_run": Reason(WAIT, _lt("It stands in another run")),
    # The permission.
    "permission_off": Reason(SKIP, _lt("Auto-pay is off")),
    "excluded": Reason(SKIP, _lt("It is excluded from auto-pay")),
    "stopped": Reason(SKIP, _lt("Its collection was stopped")),
    "paused": Reason(WAIT, _lt("Its collection is paused")),
    "promised": Reason(WAIT, _lt("The customer promised to pay")),
    "above_permitted": Reason(SKIP, _lt("It is above the largest automatic charge")),
    "notice_missing": Reason(
        WAIT, _lt("The notice of the debit was not sent in time"), True
    ),
    # The method.
    "no_method": Reason(REMIND, _lt("The customer has no saved payment method")),
    "never": Reason(REMIND, _lt("The payment method must not be charged again")),
    "ask_customer": Reason(
        REMIND, _lt("The customer has to change the payment method, or call the bank")
    ),
    "needs_customer": Reason(REMIND, _lt("The customer has to confirm the payment")),
    "method_unfit": Reason(REMIND, _lt("The payment method cannot be charged for it")),
    "not_before": Reason(WAIT, _lt("The bank asked to wait"), True),
    "method_busy": Reason(
        WAIT, _lt("Another charge of the method is being prepared"), True
    ),
    "budget": Reason(
        WAIT, _lt("The method was tried as often as the schemes allow"), True
    ),
    "provider_slow": Reason(WAIT, _lt("The provider asked to slow down"), True),
    # It changed since it was proposed.
    "not_declined": Reason(SKIP, _lt("Its latest attempt was not declined")),
    "refused": Reason(SKIP, _lt("It was refused")),
    "amount_changed": Reason(SKIP, _lt("Its amount changed since the proposal")),
}
