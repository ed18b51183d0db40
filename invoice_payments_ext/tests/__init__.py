from . import (
    test_bus,
    test_charge,
    test_dialogs,
    test_external,
    test_http,
    test_issue_and_charge,
    test_receipt,
    test_refusals,
    test_retry,
    test_rows,
    test_seams,
    test_stock_flows,
)
