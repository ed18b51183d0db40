"""The kinds, channels and outcomes of movements, with the columns of their query."""

from ..states import OTHER_STATES, OUTCOMES

KINDS = [
    ("attempt", "Online payment"),
    ("external", "External payment"),
    ("bank", "Bank match"),
    ("refund", "Refund"),
    ("paid_out", "Credit paid out"),
    ("taken_back", "Taken back"),
    ("write_off", "Write-off"),
    ("credit", "Customer credit"),
    # Only as a request that waits: once it is issued, it is an invoice, no movement.
    ("credit_note", "Credit note"),
]
CHANNELS = [
    ("staff", "Staff"),
    ("portal", "Portal"),
    ("automatic", "Automatic"),
    ("run", "Charge run"),
    ("api", "API"),
    ("bank", "Bank"),
    ("gateway", "Gateway"),
]
# A correction above the limit that no second person decided on yet.
WAITING_FOR_APPROVAL = "waiting"
MOVEMENT_OUTCOMES = [
    *((name, state.label) for name, state in OUTCOMES.items()),
    *((name, state.label._source) for name, state in OTHER_STATES.items()),
    (WAITING_FOR_APPROVAL, "Waits for approval"),
]

# The table that a row is of, by a number: its id is that of the record, times
# `NUMBERS`, plus this number.
NUMBERS = 8
(
    TRANSACTION,
    PAYMENT,
    BANK_LINE,
    REVERSAL,
    WRITE_OFF,
    CREDIT_ENTRY,
    APPROVAL,
) = range(7)

# The columns of the query and their types: the same in each of its parts, or
# PostgreSQL would not push a condition into the parts.
COLUMNS = {
    "source": "integer",
    "source_id": "integer",
    "date": "date",
    "moved_on": "timestamp",
    "company_id": "integer",
    "company_currency_id": "integer",
    "currency_id": "integer",
    "partner_id": "integer",
    "invoice_id": "integer",
    "invoice_user_id": "integer",
    "kind": "varchar",
    "credit_type": "varchar",
    "channel": "varchar",
    "provider_id": "integer",
    "method": "varchar",
    "external_kind": "varchar",
    "journal_id": "integer",
    "outcome": "varchar",
    "decline_class": "varchar",
    "reason": "varchar",
    "reference": "varchar",
    "attempt_number": "integer",
    "is_recovered": "boolean",
    "is_pending_too_long": "boolean",
    "is_in_transit": "boolean",
    "is_test": "boolean",
    "days_after_due": "integer",
    "amount_attempted": "numeric",
    "amount_moved": "numeric",
    "amount_credit": "numeric",
    "amount_written_off": "numeric",
    "amount_waiting": "numeric",
    "company_amount_attempted": "numeric",
    "company_amount_moved": "numeric",
    "company_amount_credit": "numeric",
    "company_amount_written_off": "numeric",
    "company_amount_waiting": "numeric",
    "transaction_id": "integer",
    "payment_id": "integer",
    "move_id": "integer",
    "reversal_id": "integer",
    "approval_id": "integer",
}
# Where a part says nothing.
NOTHING = {"boolean": "false", "numeric": "0"}
