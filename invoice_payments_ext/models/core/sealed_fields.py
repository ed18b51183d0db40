"""Who may write which field: one table of the fields that money depends on.

It names the fields that this addon or `account_payment` adds to models of Odoo, and
those of Odoo that the amounts given back, credited or charged are read from. A test
fails if one is missing. Superuser code and the doors write all of them.
"""

from enum import Enum
from typing import NamedTuple

from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)

# In the place of a field: all fields of the model, whichever module they are from.
ALL = "*"


class Rule(Enum):
    """When people may write a field, if they may write the record at all."""

    NEVER = "never"
    COMPUTED = "computed"  # On drafts, and to the value that it has: Odoo does so.
    ONCE = "once"  # As long as it is empty.
    NEW = "new"  # As long as the record was never posted.
    DRAFT = "draft"  # As long as the record is a draft.
    LESS = "less"  # To take it away: archived, and not restored.
    MORE = "more"  # To set it, and never to take it away.
    BUTTON = "button"  # By the buttons of Odoo, which check. Not on a new record.
    POSTED = "posted"  # As long as the entry is not posted. A statement's line may.
    PAYMENT = "payment"  # The same, for the entries of customers' payments only.
    MATCHING = "matching"  # By the code of Odoo that matches journal items.
    FREE = "free"


class Seal(NamedTuple):
    rule: Rule
    instead: str = ""  # The way that people take instead.


_ATTEMPT = _lt(
    "An attempt follows its provider: use Charge, Retry, Capture, Void, Refund or "
    "Resolve in the Payments section."
)
_REFUND = _lt("Use Refund on the payment.")
_CREDIT_NOTE = _lt("Use Credit note on the invoice.")
_WRITE_OFF = _lt("Use Write off on the invoice, or Undo on the write-off.")
_METHOD = _lt("The customer saves another payment method, and this one is archived.")
_RECONCILE = _lt("Unreconcile the entries, and reconcile them again.")
_RESET = _lt("Reset it to draft first.")
_MATCHING = _lt("It is kept when journal items are matched: use Reconcile on them.")
_TAKEN_BACK = _lt("Use Taken back on the payment.")
_MISTAKE = _lt("Use Recorded by mistake in the Payments section.")
_PROMISE = _lt("Use Promise to pay on the invoice.")
_LOCK = _lt("It counts the locks, and no one else's work.")
_RUN = _lt("A run follows its lines: use Confirm, Stop, Resume, Change or Drop.")
_CONFIRM = _lt("It starts as a draft: use Confirm, Reset to Draft, Cancel or Reject.")
_ENTRY_BUTTONS = _lt("It starts as a draft: use Confirm, Reset to Draft or Cancel.")
_COMPUTED = _lt("It follows the journal items and their reconciliation.")
_CONSENT = _lt("It is kept when the customer saves a payment method.")

_CHANNEL = _lt("It is kept when the payment is made.")
_COLLECTION = _lt("Start, pause, resume or stop the collection of the invoice.")

_FREE = Seal(Rule.FREE)

SEALED_FIELDS = {
    "account.charge.run": {ALL: Seal(Rule.NEVER, _RUN)},
    "account.charge.run.line": {ALL: Seal(Rule.NEVER, _RUN)},
    "payment.transaction": {ALL: Seal(Rule.NEVER, _ATTEMPT)},
    "payment.token": {
        "provider_id": Seal(Rule.ONCE, _METHOD),
        "payment_method_id": Seal(Rule.ONCE, _METHOD),
        "payment_details": Seal(Rule.ONCE, _METHOD),
        "provider_ref": Seal(Rule.ONCE, _METHOD),
        "partner_id": Seal(Rule.ONCE, _METHOD),
        "company_id": Seal(Rule.NEVER, _METHOD),
        "transaction_ids": Seal(Rule.NEVER, _ATTEMPT),
        "active": Seal(Rule.LESS, _METHOD),
        "refused_transaction_id": Seal(Rule.NEVER, _METHOD),
        "provider_mode": Seal(Rule.NEVER, _METHOD),
        "expires_on": Seal(Rule.NEVER, _METHOD),
        "expiry_told_days": Seal(Rule.NEVER, _METHOD),
        "renewed_on": Seal(Rule.NEVER, _METHOD),
        "payment_lock_count": Seal(Rule.NEVER, _LOCK),
        "consent_text": Seal(Rule.NEVER, _CONSENT),
        "consent_date": Seal(Rule.NEVER, _CONSENT),
        "consent_user_id": Seal(Rule.NEVER, _CONSENT),
    },
    "account.payment": {
        "attempt_ids": Seal(Rule.NEVER, _ATTEMPT),
        "payment_transaction_id": Seal(Rule.NEVER, _ATTEMPT),
        "announced_transaction_id": Seal(Rule.NEVER, _ATTEMPT),
        "closes_announced": Seal(Rule.NEVER, _ATTEMPT),
        "payment_token_id": Seal(Rule.DRAFT, _lt("Create another payment.")),
        "source_payment_id": Seal(Rule.NEVER, _REFUND),
        "refund_payment_ids": Seal(Rule.NEVER, _REFUND),
        "refund_allocation_ids": Seal(Rule.NEVER, _REFUND),
        "external_kind": Seal(Rule.DRAFT, _RESET),
        "is_taken_back": Seal(Rule.NEVER, _TAKEN_BACK),
        "payment_reversal_ids": Seal(Rule.NEVER, _TAKEN_BACK),
        "mistake_reason": Seal(Rule.NEVER, _MISTAKE),
        "entry_ids": Seal(Rule.NEVER, _RESET),
        "entry_line_ids": Seal(Rule.NEVER, _RESET),
        "payment_lock_count": Seal(Rule.NEVER, _LOCK),
        "payment_channel": Seal(Rule.NEVER, _CHANNEL),
        # Odoo's own.
        "move_id": Seal(Rule.BUTTON, _CONFIRM),
        "invoice_ids": Seal(Rule.NEW, _MATCHING),
        "state": Seal(Rule.BUTTON, _CONFIRM),
        **dict.fromkeys(
            (
                "amount_company_currency_signed",
                "is_matched",
                "is_reconciled",
            ),
            Seal(Rule.COMPUTED, _COMPUTED),
        ),
    },
    "account.move": {
        "transaction_ids": Seal(Rule.NEVER, _ATTEMPT),
        "written_off_invoice_id": Seal(Rule.NEVER, _WRITE_OFF),
        "write_off_entry_ids": Seal(Rule.NEVER, _WRITE_OFF),
        "credited_shares": Seal(Rule.NEVER, _CREDIT_NOTE),
        "refund_allocation_ids": Seal(Rule.NEVER, _REFUND),
        "payment_reversal_id": Seal(Rule.NEVER, _TAKEN_BACK),
        "is_return_told": Seal(Rule.NEVER, _TAKEN_BACK),
        "reversal_fee_reference": Seal(Rule.NEVER, _TAKEN_BACK),
        "taken_back_ids": Seal(Rule.NEVER, _TAKEN_BACK),
        "payment_promise_id": Seal(Rule.NEVER, _PROMISE),
        "payment_lock_count": Seal(Rule.NEVER, _LOCK),
        "auto_pay_excluded": _FREE,
        "collection_ids": Seal(Rule.NEVER, _COLLECTION),
        "has_collection": Seal(Rule.NEVER, _COLLECTION),
        "apply_credit": Seal(
            Rule.DRAFT, _lt("Use Apply credit in the Payments section.")
        ),
        # Odoo's own.
        "state": Seal(Rule.BUTTON, _ENTRY_BUTTONS),
        "posted_before": Seal(Rule.MORE, _ENTRY_BUTTONS),
        "move_type": Seal(Rule.NEW, _lt("Cancel it, and enter another one.")),
        "statement_line_id": Seal(Rule.NEW, _RESET),
        "reversed_entry_id": Seal(Rule.NEW, _CREDIT_NOTE),
        "origin_payment_id": Seal(Rule.NEW, _RESET),
        # An entry that is of a match goes with it.
        "exchange_diff_partial_ids": Seal(Rule.MATCHING, _MATCHING),
        "tax_cash_basis_created_move_ids": Seal(Rule.MATCHING, _MATCHING),
        "tax_cash_basis_origin_move_id": Seal(Rule.NEW, _MATCHING),
        "tax_cash_basis_rec_id": Seal(Rule.NEW, _MATCHING),
        # Odoo takes an invoice for paid by a payment of this list without an entry.
        "matched_payment_ids": Seal(Rule.MATCHING, _MATCHING),
        "payment_ids": Seal(Rule.NEVER, _RESET),
        "statement_line_ids": Seal(Rule.NEVER, _RESET),
        # Odoo lets who sends `skip_readonly_check` write them.
        "partner_id": Seal(Rule.POSTED, _RESET),
        "currency_id": Seal(Rule.POSTED, _RESET),
        "date": Seal(Rule.POSTED, _RESET),
        "invoice_date": Seal(Rule.POSTED, _RESET),
        "invoice_payment_term_id": Seal(Rule.POSTED, _RESET),
        "invoice_cash_rounding_id": Seal(Rule.POSTED, _RESET),
        "fiscal_position_id": Seal(Rule.POSTED, _RESET),
        **dict.fromkeys(
            (
                "amount_residual",
                "amount_residual_signed",
                "amount_tax",
                "amount_tax_signed",
                "amount_total",
                "amount_total_in_currency_signed",
                "amount_total_signed",
                "amount_untaxed",
                "amount_untaxed_in_currency_signed",
                "amount_untaxed_signed",
                "commercial_partner_id",
                "payment_state",
            ),
            Seal(Rule.COMPUTED, _COMPUTED),
        ),
    },
    "account.move.line": {
        "matching_number": Seal(Rule.MATCHING, _MATCHING),
        "credited_line_id": Seal(Rule.NEW, _CREDIT_NOTE),
        # Odoo's own. Those of other entries are corrected in its list of journal items.
        **dict.fromkeys(
            ("account_id", "currency_id", "partner_id"), Seal(Rule.PAYMENT, _RESET)
        ),
        **dict.fromkeys(
            (
                "amount_currency",
                "balance",
                "company_currency_id",
                "credit",
                "date",
                "debit",
                "discount",
                "discount_amount_currency",
                "discount_balance",
                "discount_date",
                "invoice_date",
                "journal_id",
                "move_id",
                "move_name",
                "parent_state",
                "price_subtotal",
                "price_total",
                "price_unit",
                "quantity",
                "statement_id",
                "statement_line_id",
            ),
            Seal(Rule.POSTED, _RESET),
        ),
        **dict.fromkeys(
            (
                "amount_residual",
                "amount_residual_currency",
                "full_reconcile_id",
                "matched_credit_ids",
                "matched_debit_ids",
                "payment_id",
                "reconciled",
            ),
            Seal(Rule.COMPUTED, _COMPUTED),
        ),
    },
    # Lines of statements are deleted with their entries.
    "account.bank.statement.line": {
        "move_id": Seal(Rule.NEVER, _lt("Odoo makes the entry of each line.")),
        "amount_residual": Seal(Rule.COMPUTED, _COMPUTED),
        "is_reconciled": Seal(Rule.COMPUTED, _COMPUTED),
    },
    "account.full.reconcile": {ALL: Seal(Rule.MATCHING, _RECONCILE)},
    "account.partial.reconcile": dict.fromkeys(
        (
            "amount",
            "company_id",
            "credit_amount_currency",
            "credit_currency_id",
            "credit_move_id",
            "debit_amount_currency",
            "debit_currency_id",
            "debit_move_id",
            "draft_caba_move_vals",
            "exchange_move_id",
            "full_reconcile_id",
            "max_date",
        ),
        Seal(Rule.MATCHING, _RECONCILE),
    ),
    "res.partner": {
        # These are for the staff of accounting; see the groups of the fields.
        "default_payment_token_id": _FREE,
        "credit_applied_at_issue": _FREE,
        "monthly_statement": _FREE,
        "has_credit_balance": Seal(Rule.NEVER, _lt("It follows the balances.")),
        "payment_lock_count": Seal(Rule.NEVER, _LOCK),
    },
    # Settings, which are for administrators.
    "res.company": dict.fromkeys(
        (
            "auto_pay",
            "auto_pay_consent_text",
            "charge_second_method",
            "collection_plan_id",
            "credit_accounts_confirmed",
            "credit_adjustment_account_id",
            "credit_applied_at_issue",
            "credit_balance_account_id",
            "credit_balance_journal_id",
            "dispute_handling",
            "disputed_payments_account_id",
            "monthly_statements",
            "payment_approval_limit",
            "payment_declined_mail_template_id",
            "payment_expiring_mail_template_id",
            "payment_pending_mail_template_id",
            "payment_receipt_mail_template_id",
            "payment_refund_failed_mail_template_id",
            "payment_refund_mail_template_id",
            "payment_returned_mail_template_id",
            "payment_tell_customer",
            "portal_address_attempts",
            "portal_amount_choice",
            "portal_attempt_wait",
            "portal_attempts",
            "portal_minimum_amount",
            "promise_by_members",
            "promise_max_days",
            "promise_max_open",
            "provider_fee_account_id",
            "token_consent_text",
            "write_off_account_id",
        ),
        _FREE,
    ),
}
