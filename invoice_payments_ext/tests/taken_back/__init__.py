from . import (
    test_by_the_bank,
    test_captured_in_parts,
    test_fee_taxes,
    test_hard_cases,
    test_joint_currency,
    test_late_failures,
    test_locked_periods,
    test_messages,
    test_other_amounts,
    test_reported_by_hand,
    test_several_invoices,
    test_taken_back,
)
