"""The decision on one invoice: charge it now, or why not."""

from dataclasses import dataclass, field
from datetime import date, datetime

from odoo.models import BaseModel

from .reasons import CHARGE, REASONS


@dataclass(frozen=True)
class Verdict:
    """The answer of one question that keeps an invoice from being charged now.

    :param str reason: A code of `REASONS`.
    :param str words: The details, in words for the staff; empty where the reason says
                      it all.
    :param datetime not_before: Until when, in UTC, where a time ends it.
    """

    reason: str
    words: str = ""
    not_before: datetime | None = None


@dataclass(frozen=True)
class ChargeDecision:
    """What to do about an invoice now.

    :param str action: One of the actions of the room's table of reasons.
    :param str reason: The code of the reason where it is not charged.
    :param payment.token token: The saved method to charge, or that is in question.
    :param float amount: The amount to charge to it, in the invoice's currency.
    :param float credit: The part that the credit balance pays before.
    :param str words: See `Verdict`.
    :param datetime not_before: See `Verdict`.
    :param bool is_known: Whether it was carried out before, with the same key.
    """

    action: str = CHARGE
    reason: str = ""
    token: BaseModel | None = None
    amount: float = 0.0
    credit: float = 0.0
    words: str = ""
    not_before: datetime | None = None
    is_known: bool = False


@dataclass
class Question:
    """A question about a set of invoices, and all that was found on the way.

    :param str kind: `charge` an issued invoice, `issue` a draft and charge it, or
                     record an `external` payment.
    :param bool is_automatic: Whether nobody stands behind it but the customer's
                              permission.
    :param bool is_run: Whether a person charges many at once, and not this one.
    :param dict tokens: The saved method chosen for an invoice; by default the
                        customer's.
    :param dict most_credits: The credit that pays an invoice at most, where another one
                              is to get the rest.
    :param date day: Of external payments, the day on which the money came; today if
                     not given.
    :param bool as_permitted: Whether to suppose that the customer permits automatic
                              charges now, without a limit.
    :param dict amounts: By invoice, the amount that is wanted from now on, before
                         credit, in its currency.
    :param dict credits: By invoice, the part of it that the credit balance pays.
    :param dict methods: By invoice, the saved method.
    """

    kind: str = "charge"
    is_automatic: bool = False
    is_run: bool = False
    tokens: dict = field(default_factory=dict)
    most_credits: dict = field(default_factory=dict)
    day: date | None = None
    as_permitted: bool = False
    amounts: dict = field(default_factory=dict)
    credits: dict = field(default_factory=dict)
    methods: dict = field(default_factory=dict)

    def get_rest(self, invoice):
        """Return the amount that is left to be charged after credit.

        :param account.move invoice: One of the invoices, in its currency.
        :rtype: float
        """
        rest = self.amounts.get(invoice, 0.0) - self.credits.get(invoice, 0.0)
        return invoice.currency_id.round(rest)

    def get_values(self, invoice):
        """Return the findings about an invoice, as values of its decision.

        :param account.move invoice: One of the invoices.
        :rtype: dict
        """
        return {
            "token": self.methods.get(invoice),
            "amount": self.get_rest(invoice),
            "credit": self.credits.get(invoice, 0.0),
        }


def decide(verdict, **values):
    """Return the decision that follows from a verdict.

    :param Verdict verdict: Why it is not charged now.
    :param values: Further values of the decision.
    :rtype: ChargeDecision
    """
    return ChargeDecision(
        action=REASONS[verdict.reason].action,
        reason=verdict.reason,
        words=verdict.words,
        not_before=verdict.not_before,
        **values,
    )
