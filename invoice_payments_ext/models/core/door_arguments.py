"""The arguments of doors, as data: the kind of each, and its name in a message."""

import reprlib
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from odoo import fields, models
from odoo.tools import LazyTranslate

from ...tools import is_number, is_text

_lt = LazyTranslate(__name__)

# The greatest number that PostgreSQL takes for an id.
MAX_ID = 2**31 - 1


class Kind(NamedTuple):
    """The values that an argument may have.

    :param read: Returns a value as JSON can hold it, given the argument and the value.
                 It raises a `ValueError` if the value is of another kind.
    :param refusal: The sentence that says so.
    """

    read: Callable
    refusal: str


class Argument(NamedTuple):
    """An argument of one or several doors.

    :param Kind kind: The values that it may have.
    :param label: Its name in a message, at the beginning of a sentence.
    :param str model: The model of the record that it names.
    """

    kind: Kind
    label: str
    model: str | None = None


def read_number(_argument, value):
    if value is None or (is_number(value) and isinstance(value, int)):
        return value
    if not is_number(value):
        raise ValueError
    return float(value)


def read_truth(_argument, value):
    if not isinstance(value, bool):
        raise ValueError
    return value


def read_choice(argument, value):
    return None if value is None else read_truth(argument, value)


def read_text(_argument, value):
    if value is None or value is False:
        return None
    if not is_text(value):
        raise ValueError
    return value or None


def read_date(_argument, value):
    if value is None or value is False or value == "":
        return None
    if isinstance(value, str) and len(value) > len("2026-12-31"):
        value = fields.Datetime.to_datetime(value)
    elif isinstance(value, str):
        value = datetime.strptime(value, "%Y-%m-%d")
    elif not hasattr(value, "isoformat"):
        raise ValueError
    return str(fields.Date.to_date(value))


def read_id(argument, value):
    if isinstance(value, models.BaseModel):
        if value._name != argument.model or len(value) > 1:
            raise ValueError
        value = value.id
    if value is None or value is False:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError
    if not 0 < value <= MAX_ID:
        raise ValueError
    return value


def read_rows(_argument, value):
    if value is None or value is False:
        return None
    if not isinstance(value, list | tuple):
        raise ValueError
    if not all(isinstance(row, dict) for row in value):
        raise ValueError
    return [dict(row) for row in value] or None


NUMBER = Kind(read_number, _lt("%(field)s must be a number, not %(value)s."))
TRUTH = Kind(read_truth, _lt("%(field)s must be true or false, not %(value)s."))
CHOICE = Kind(read_choice, TRUTH.refusal)
TEXT = Kind(read_text, _lt("%(field)s must be a text of characters, not %(value)s."))
DATE = Kind(read_date, _lt("%(field)s: %(value)s is not a date such as 2026-12-31."))
ID = Kind(read_id, _lt("%(field)s must be given by its id, not as %(value)s."))
ROWS = Kind(read_rows, _lt("%(field)s must be a list of values, not %(value)s."))

# All arguments of doors, and of the rows that are given to them. Whoever takes a value
# from outside reads it by this table.
ARGUMENTS = {
    "account_id": Argument(ID, _lt("The account"), "account.account"),
    "amount": Argument(NUMBER, _lt("The amount")),
    "channel": Argument(TEXT, _lt("The way of the promise")),
    "charged": Argument(TRUTH, _lt("Whether it was charged")),
    "company_id": Argument(ID, _lt("The company"), "res.company"),
    "consent": Argument(TEXT, _lt("The consent")),
    "credit_note_id": Argument(ID, _lt("The credit note"), "account.move"),
    "currency_id": Argument(ID, _lt("The currency"), "res.currency"),
    "date": Argument(DATE, _lt("The date")),
    "date_from": Argument(DATE, _lt("The first day")),
    "date_to": Argument(DATE, _lt("The last day")),
    "destinations": Argument(ROWS, _lt("The destinations")),
    "excess": Argument(TEXT, _lt("The use of the excess")),
    "external_kind": Argument(TEXT, _lt("The kind of external payment")),
    "fee": Argument(NUMBER, _lt("The fee")),
    "invoice_id": Argument(ID, _lt("The invoice"), "account.move"),
    "is_rest_expected": Argument(TRUTH, _lt("Whether the rest is expected")),
    "journal_id": Argument(ID, _lt("The journal"), "account.journal"),
    "kind": Argument(TEXT, _lt("The kind")),
    "line_id": Argument(ID, _lt("The line"), "account.move.line"),
    "limit": Argument(NUMBER, _lt("The largest automatic charge")),
    "lines": Argument(ROWS, _lt("The lines")),
    "memo": Argument(TEXT, _lt("The memo")),
    "note": Argument(TEXT, _lt("The internal note")),
    "notice_days": Argument(NUMBER, _lt("The days of notice")),
    "notify": Argument(CHOICE, _lt("Whether the customer is told")),
    "on": Argument(TRUTH, _lt("Whether it is on")),
    "plan_id": Argument(ID, _lt("The plan"), "account.collection.plan"),
    "parts": Argument(ROWS, _lt("The parts")),
    "payment_id": Argument(ID, _lt("The payment"), "account.payment"),
    "payment_method_id": Argument(ID, _lt("The payment method"), "payment.method"),
    "payment_method_line_id": Argument(
        ID, _lt("The payment method"), "account.payment.method.line"
    ),
    "provider_id": Argument(ID, _lt("The payment provider"), "payment.provider"),
    "provider_reference": Argument(TEXT, _lt("The reference of the provider")),
    "quantity": Argument(NUMBER, _lt("The quantity")),
    "reason": Argument(TEXT, _lt("The reason")),
    "reason_code": Argument(TEXT, _lt("The code of the reason")),
    "reduce_bill": Argument(TRUTH, _lt("Whether the bill is reduced")),
    "reference": Argument(TEXT, _lt("The reference")),
    "tab": Argument(TEXT, _lt("The browser tab")),
    "to": Argument(TEXT, _lt("The destination")),
    "token_id": Argument(ID, _lt("The saved payment method"), "payment.token"),
    "until": Argument(DATE, _lt("The day on which it goes on")),
    "use_credit": Argument(TRUTH, _lt("Whether credit is used")),
    "words": Argument(TEXT, _lt("The totals in words")),
}


def show(value):
    """Return a value from outside for a message: short, and in visible characters."""
    return reprlib.repr(value)
