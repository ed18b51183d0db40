import math
import re
from http import HTTPStatus
from numbers import Real

from markupsafe import Markup

from odoo.exceptions import ConcurrencyError, MissingError, UserError
from odoo.tools import SQL
from odoo.tools.misc import clean_context, formatLang, get_lang

# The value of the context keys by which this addon's methods tell each other something.
# Any client can send a context, but none can send this.
OURS = object()

# The prefetch group of stored fields that few requests need: Odoo reads them together
# when one of them is asked for, and not with every company or journal entry.
SELDOM_READ = "invoice_payments_ext"

# Where PostgreSQL expects many rows, it would compile dozens of short conditions to
# machine code: that takes seconds, and the query itself a part of one.
NO_JIT = SQL("SET LOCAL jit = off")

# No amount that a person types is longer, and no more of it is shown again.
LONGEST_TYPED = 30
# It shows how a language writes amounts.
EXAMPLE = 1234.56

# With these, Odoo's accounting leaves out a part of its booking or checks.
ODOO_SWITCHES = {
    "check_move_validity",
    "move_reverse_cancel",
    "no_cash_basis",
    "no_exchange_difference",
    "skip_invoice_sync",
}


class TryAgainError(ConcurrencyError):
    """Another one was at the same records, and the request can be sent again.

    Odoo replays the request, as on the error of PostgreSQL. When it gives up, the
    sentence is the answer, in the place of PostgreSQL's words.
    """


class TooManyAttemptsError(UserError):
    """Too many payments were tried, and none is taken for a while.

    :param str message: The sentence for the person.
    :param int seconds: How long it takes.
    """

    http_status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, message, seconds=0):
        super().__init__(message)
        self.seconds = seconds


def without_defaults(records):
    """Return the records without the context keys that a door must not get.

    The `default_…` keys are meant for a dialog, not for the records that a door
    creates: `default_move_id` would make an invoice the entry of its own payment.
    """
    context = clean_context(records.env.context)
    context = {key: context[key] for key in context.keys() - ODOO_SWITCHES}
    # Keys are to be removed, which keyword arguments cannot do.
    # pylint: disable-next=context-overridden
    return records.with_context(context)


def is_there(record):
    """Tell if a record exists, and read it: the cache has it for all that comes.

    Odoo's `exists` asks the database each time, and reads nothing.

    :param record: A record of a company, that the user may read.
    :rtype: bool
    """
    try:
        record.mapped("company_id")
    except MissingError:
        return False
    return True


def is_number(value):
    """Tell if a value from outside is a finite number; a truth value is none.

    :rtype: bool
    """
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # A whole number of hundreds of digits.
        return False


def read_amount(currency, text, label):
    """Read an amount that a person typed into a form, as the language writes it.

    The rules are those of `readAmount` in the portal's payment form: thousands are
    grouped or not at all, and the other sign before one or two digits is a decimal
    point. A minus is read, too: the door says that the amount must be above zero.

    :param res.currency currency: The currency, in the language of the form.
    :param str text: What the form sent; none if the field was left empty.
    :param str label: The name of the field, at the beginning of a sentence.
    :return: The amount, which the door still checks; none if the field is empty.
    :rtype: float or None
    :raise UserError: If it is not an amount. It is not taken for an empty field.
    """
    typed = "" if text is None else str(text)
    # All blanks are alike: nobody types the one that does not break.
    written = re.sub(r"\s", " ", typed.strip())
    if not written:
        return None
    language = get_lang(currency.env)
    signs = {" ", "'", "’", re.sub(r"\s", " ", language.thousands_sep or "")} - {""}
    separator = f"(?:{'|'.join(map(re.escape, sorted(signs)))})"
    grouped = f"[0-9]{{1,3}}(?:{separator}[0-9]{{2,3}})*{separator}[0-9]{{3}}"
    point = re.escape(language.decimal_point)
    found = len(written) <= LONGEST_TYPED and (
        re.fullmatch(rf"(-?)([0-9]+|{grouped})(?:{point}([0-9]+))?", written)
        or re.fullmatch(r"(-?)([0-9]+)[.,]([0-9]{1,2})", written)
    )
    # Three zeros are the thousands of another language: `1.000` is not one dollar.
    is_thousands = found and found[3] == "000" and currency.decimal_places < 3
    if not found or is_thousands:
        raise UserError(
            currency.env._(
                "%(field)s: %(value)s is not an amount such as %(example)s.",
                field=label,
                value=typed[:LONGEST_TYPED],
                example=write_amount(currency, EXAMPLE),
            )
        )
    minus, whole, fraction = found.groups()
    whole = re.sub(r"[^0-9]", "", whole)
    return float(f"{minus}{whole}.{fraction or 0}")


def write_amount(currency, amount):
    """Return an amount as the language writes it, without the symbol, for a field.

    :param res.currency currency: The currency, in the language of the form.
    :rtype: str
    """
    return formatLang(currency.env, amount, digits=currency.decimal_places)


def is_text(value):
    """Tell if a value from outside is a text that PostgreSQL can hold.

    :rtype: bool
    """
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # Half of a pair, as JSON can hold it.
        return False
    return True


def prepare_filename(*parts):
    """Return the name of a file that says its content, without its ending.

    :param parts: The words, which may hold numbers such as `INV/2026/00001`.
    :rtype: str
    """
    name = " ".join(str(part) for part in parts if part)
    name = "".join("-" if sign in '/\\:*?"<>|' else sign for sign in name)
    return " ".join(name.split())


def prepare_dialog(res_model, name, **defaults):
    """Return the client action that opens a dialog.

    :param str res_model: The model of the dialog.
    :param str name: Its title.
    :param defaults: The first values of its fields.
    :rtype: dict
    """
    return {
        "type": "ir.actions.act_window",
        "res_model": res_model,
        "views": [(False, "form")],
        "target": "new",
        "name": name,
        "context": {f"default_{field}": value for field, value in defaults.items()},
    }


def prepare_form(record, name):
    """Return the client action that opens the form of a record.

    :param recordset record: The record.
    :param str name: The title.
    :rtype: dict
    """
    return {
        "type": "ir.actions.act_window",
        "res_model": record._name,
        "res_id": record.id,
        "views": [(False, "form")],
        "name": name,
    }


def prepare_notification(title, message, kind="success"):
    """Return the client action that tells a person something and closes the dialog.

    :param str title: The event, in a word or two.
    :param str message: A sentence.
    :param str kind: `success`, `info`, `warning` or `danger`
    :rtype: dict
    """
    return {
        "type": "ir.actions.client",
        "tag": "display_notification",
        "params": {
            "title": title,
            "message": message,
            "type": kind,
            # A warning stays until it was read.
            "sticky": kind in ("danger", "warning"),
            "next": {"type": "ir.actions.act_window_close"},
        },
    }


def format_preview(lines):
    """Return the sentences of a dialog's preview as a list in HTML.

    :rtype: markupsafe.Markup
    """
    items = Markup().join(Markup("<li>%s</li>") % line for line in lines)
    return Markup("<ul class='mb-0 ps-3'>%s</ul>") % items
