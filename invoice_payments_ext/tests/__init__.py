from . import test_sequences, test_sequences_odoo
from .approvals import test_approval, test_same_money
from .attempts import (
    test_accepted_amounts,
    test_answers,
    test_asked_authorizations,
    test_booked_lean,
    test_branches,
    test_modes,
    test_pending,
    test_seams,
    test_states,
    test_stock_flows,
)
from .bills import test_credit_note_taxes, test_reversals_by_odoo
from .board import test_board
from .charging import (
    test_charge,
    test_dialogs,
    test_http,
    test_issue_and_charge,
    test_odoos_doors,
    test_retry,
)
from .collection import (
    test_auto_pay,
    test_collection,
    test_decision,
    test_new_method,
    test_notice,
    test_plan_steps,
    test_promised,
    test_right_at_once,
    test_start,
)
from .core import (
    test_amount_fields,
    test_door,
    test_door_arguments,
    test_labels,
    test_matches,
    test_odoos_records,
    test_posting_cost,
    test_read_amount,
    test_refusals,
    test_rights,
    test_rooms,
    test_tasks,
    test_who_may_write,
)
from .credit import (
    test_chart_accounts,
    test_credit_at_issue,
    test_credit_balance,
    test_credit_books,
    test_credit_by_hand,
    test_credit_portal,
    test_credit_report,
    test_credit_statement,
    test_credit_strangers,
    test_money_to_credit,
    test_pay_out,
)
from .credit_notes import test_by_hand as test_credit_notes_by_hand
from .credit_notes import test_credit_note, test_credit_note_dialog
from .external import (
    test_announced,
    test_beside_attempts,
    test_external,
    test_joint,
    test_joint_discount,
)
from .gateways import (
    test_adyen_report,
    test_asked,
    test_declines,
    test_ended_before,
    test_expiry,
    test_told,
)
from .mail import test_mail, test_mail_links, test_receipt
from .mistakes import test_dead_end, test_mistakes
from .movements import test_movements
from .portal import (
    test_owe,
    test_portal_collection,
    test_portal_form,
    test_portal_payment,
    test_portal_payments,
    test_portal_section,
    test_portal_strangers,
    test_portal_transfer,
)
from .promises import test_promise, test_promise_portal
from .refunds import (
    test_called_off,
    test_entry_buttons,
    test_refund,
    test_refund_dialog,
)
from .runs import (
    test_automatic,
    test_charge_run,
    test_lanes,
    test_mixed_selection,
    test_read_ahead,
)
from .saved_methods import test_portal_tokens
from .section import (
    test_bus,
    test_collection_banner,
    test_payment_state,
    test_plans,
    test_rows,
    test_waiting,
)
from .statement import test_merged_contacts, test_statement, test_statement_portal
from .taken_back import (
    test_by_the_bank,
    test_captured_in_parts,
    test_fee_taxes,
    test_hard_cases,
    test_joint_currency,
    test_late_failures,
    test_locked_periods,
    test_messages,
    test_orders,
    test_other_amounts,
    test_reported_by_hand,
    test_several_invoices,
    test_taken_back,
)
from .tie_out import test_gateway_check, test_planted_faults, test_tie_out
from .write_offs import test_odoos_dialog, test_write_off
