"""The labels of the history of credit: texts for customers, each in any language.

An entry keeps which of them it has, and what it is about. They are put into words where
they are read. The texts of people, such as a reason, are kept as they are.
"""

from typing import NamedTuple

from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)

LABELS = {
    "applied": _lt("Applied to %s"),
    "application_undone": _lt("Application undone: %s"),
    "credit_note": _lt("Credit note %s"),
    "kept": _lt("Kept as credit: %s"),
    "merged": _lt("Contact merged: %s"),
    "not_paid_out": _lt("Not paid out"),
    "paid_out": _lt("Paid out"),
    "refund": _lt("Refund of %s"),
    "taken_back": _lt("Taken back: %s"),
    "undone": _lt("Undone: %s"),
}


class Label(NamedTuple):
    """A label that is put into words where it is read."""

    name: str  # Of `LABELS`.
    about: object = ""  # A number, or the words of another label.


def put_into_words(env, words):
    """Return a label in the language of an environment.

    :param words: A text; or a :class:`Label`, as it is or as JSON keeps it.
    :return: None if a later version of this addon made the label.
    :rtype: str or None
    """
    if not isinstance(words, tuple | list):
        return words
    name, about = words
    if name not in LABELS:
        return None
    text = env._(LABELS[name])
    about = put_into_words(env, about)
    return text.replace("%s", str(about), 1) if about is not None else None
