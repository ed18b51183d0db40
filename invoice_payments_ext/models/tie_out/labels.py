"""The invariants of the tie-out, each in a sentence."""

from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)

LABELS = {
    "applied": _lt("The applied and the remaining amount make the total"),
    "unposted": _lt("Only posted entries pay invoices"),
    "fingerprint": _lt(
        "Only its steps change the amount, the currency, the provider, the "
        "customer, the method and the state of a transaction"
    ),
    "booked": _lt("Each amount that a provider confirmed is booked once, in full"),
    "unsettled": _lt("Each amount that a provider confirmed is booked within minutes"),
    "payment_entry": _lt("A payment counts as long as its entry is posted"),
    "payment_agrees": _lt(
        "A payment and its entry agree: amount, currency, account, journal, "
        "company, date and customer"
    ),
    "provider_agrees": _lt(
        "A payment and its transaction agree: company, currency, provider and "
        "customer, and each names the other"
    ),
    "refunded": _lt("A payment is not given back above its amount"),
    "refund_matched": _lt("A refund is matched with the entries that it gives back"),
    "refund_of": _lt(
        "A refund names its payment, and so do its transaction and the report "
        "of money taken back"
    ),
    "allocated": _lt("No more of a refund is allocated than its amount"),
    "taken_back": _lt(
        "Money taken back left the receipts, and money that came back is there"
    ),
    "credited": _lt("Credit notes do not exceed their invoice"),
    "credited_tax": _lt("The last credit note leaves nothing of a tax"),
    "credited_lines": _lt("A credit note is of the invoice that it credits"),
    "written_off": _lt("A write-off pays the invoice that is written off"),
    "in_flight": _lt(
        "The applied amount and the amount in flight are not above the total"
    ),
    "in_flight_together": _lt(
        "Invoices that are paid together are not paid above their open amount"
    ),
    "attempts": _lt("One attempt holds an invoice at a time"),
    "stuck": _lt("Each attempt that is not ended has a way out"),
    "balance": _lt("A credit balance is the sum of its history"),
    "running": _lt("A credit balance agrees with its last entry"),
    "marked": _lt("Customers with a credit balance are marked so"),
    "ledger": _lt("The history of credit is the ledger"),
    "reversed": _lt("An entry that changed credit is reversed at most once"),
    "holder": _lt("Credit is on the balance of its customer"),
    "branch": _lt("Credit and the invoice that it pays are of one company"),
    "elsewhere": _lt("No other account keeps credit of customers"),
    "entry": _lt("Every entry balances"),
    "items": _lt("The items of an entry say the same as the entry"),
    "total": _lt(
        "The total, the remaining amount and the state of payment are those of "
        "the customer's items"
    ),
    "remaining": _lt("What remains of an item is what nothing is matched with"),
    "matched": _lt(
        "Items that are matched are on one account, and fully reconciled "
        "together, or none of them is"
    ),
}
