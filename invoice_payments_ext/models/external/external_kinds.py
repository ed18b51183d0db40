"""The kinds of external payments, as data: their words, icons and journals."""

from typing import NamedTuple

from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)


class ExternalKind(NamedTuple):
    """A way in which money comes outside any gateway.

    :param label: Its name.
    :param str icon: The icon beside it.
    :param str journal_type: The type of the journal that it is received in.
    """

    label: str
    icon: str
    journal_type: str


EXTERNAL_KINDS = {
    "cash": ExternalKind(_lt("Cash"), "fa-money", "cash"),
    "cheque": ExternalKind(_lt("Cheque"), "fa-pencil-square-o", "bank"),
    "transfer": ExternalKind(_lt("Bank transfer"), "fa-university", "bank"),
    "terminal": ExternalKind(_lt("Card terminal"), "fa-credit-card", "bank"),
    "other": ExternalKind(_lt("Other"), "fa-ellipsis-h", "bank"),
}
