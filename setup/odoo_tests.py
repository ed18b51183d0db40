"""Run Odoo's own test suites and compare the passed tests with the expected ones.

Called by `setup/odoo-tests`. A test that is skipped is silent, and so is one that is no
longer collected: the passed tests are counted, for each of the paths below.
"""

import argparse
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

# How many tests pass on stock Odoo (19.0.0+dfsg-1 of Debian), and with this addon too.
# Of `account`, those on payments, the register dialog, reconciliation, invoices,
# credit notes, early payment, terms and statements: 355 functions named test_…, of
# which one is a helper inside of a test and one skips itself.
EXPECTED = {
    "payment": 108,  # One skips itself, because account_payment is installed.
    "account_payment": 27,
    "payment_demo": 9,
    "payment_stripe": 18,
    "payment_custom": 2,  # One skips itself, because sale is not installed.
    "portal": 24,
    # Skipped without a browser.
    "portal/tests/test_tours.py": 3,
    "account/tests/test_account_payment.py": 24,  # One is for Odoo Enterprise.
    "account/tests/test_account_payment_duplicate.py": 5,
    "account/tests/test_account_payment_items.py": 2,
    "account/tests/test_account_payment_method_line.py": 3,
    "account/tests/test_account_payment_register.py": 41,
    "account/tests/test_account_move_payments_widget.py": 4,
    "account/tests/test_account_move_reconcile.py": 93,
    "account/tests/test_account_move_out_invoice.py": 90,
    "account/tests/test_account_move_out_refund.py": 11,
    "account/tests/test_account_move_in_refund.py": 12,
    "account/tests/test_early_payment_discount.py": 27,
    "account/tests/test_payment_term.py": 19,
    "account/tests/test_account_bank_statement.py": 22,
}

# Tests that fail with this addon because it behaves otherwise on purpose, by their
# names as printed, each with the reason. Nothing else may fail, and each of these must.
CHANGED_ON_PURPOSE = {
    "payment/tests/test_payment_transaction.py::TestPaymentTransaction"
    "::test_refund_allowed_for_authorized_users": (
        "Billing alone does not allow refunds: they need the level Refund and credit."
    ),
    "account_payment/tests/test_payment_flows.py::TestFlows"
    "::test_invoice_payment_flow": (
        "Members pay issued invoices only, and offered amounts only; the test pays "
        "1,111.11 of a draft entry of 200."
    ),
    "account_payment/tests/test_payment_flows.py::TestFlows"
    "::test_invoice_overdue_payment_flow": (
        "The page of overdue invoices leads to What you owe, whose form names the "
        "instalments that the member chose; the test names none."
    ),
    "account_payment/tests/test_account_payment.py::TestAccountPayment"
    "::test_full_amount_available_for_refund_when_refunds_are_pending": (
        "A refund in flight reserves its amount, so that never more than was paid is "
        "given back."
    ),
    "account_payment/tests/test_account_payment.py::TestAccountPayment"
    "::test_post_process_does_not_fail_on_cancelled_invoice": (
        "An invoice cannot be cancelled while a payment of it is in flight."
    ),
    **dict.fromkeys(
        (
            f"account/tests/test_account_move_reconcile.py::TestAccountMoveReconcile::{name}"
            for name in (
                "test_migration_to_new_reconciliation_multiple_currencies_"
                "fix_residual_with_writeoff",
                "test_migration_to_new_reconciliation_same_foreign_currency",
            )
        ),
        "A person gives no amounts of a match: the tests make data of an old version.",
    ),
    "account/tests/test_account_payment.py::TestAccountPayment"
    "::test_payment_state_computation": (
        "The state of payment of a posted invoice follows the ledger. The test writes "
        "it."
    ),
    "account/tests/test_account_payment_register.py::TestAccountPaymentRegister"
    "::test_register_payment_doesnt_send_email": (
        "A saved method pays only for its owner; the test charges that of another "
        "customer."
    ),
}

TIMEOUT = 2400  # Seconds; a quiet machine with two cores takes a tenth of it.


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", required=True, help="nobody may connect to it")
    parser.add_argument("--addons", required=True, type=Path, help="Odoo's addons")
    parser.add_argument("--report", required=True, type=Path, help="file to write")
    parser.add_argument("--without-addon", action="store_true")
    options, pytest_arguments = parser.parse_known_args()
    options.report.unlink(missing_ok=True)
    status = run_pytest(options, pytest_arguments)
    if pytest_arguments or status not in (0, 1):
        return status  # A part of the tests, of which nothing is expected, or no tests.
    results = read_report(options.report)
    changed = {} if options.without_addon else CHANGED_ON_PURPOSE
    print_table(results, changed)
    problems = find_problems(results, changed)
    print("\n".join(problems) or "All as expected.")
    return bool(problems)


def run_pytest(options, arguments):
    """Run all of the tests, or those that pytest's own arguments choose.

    :return: Pytest's exit status, or 124 after too long a time.
    """
    # Below this folder all names are as in EXPECTED. Pytest must not run inside of an
    # addon: Python's own modules would be looked for there.
    addons = options.addons
    command = [
        *(sys.executable, "-m", "pytest"),
        *("-c", "/dev/null", "--rootdir", addons, "-p", "no:cacheprovider"),
        *("-ra", "-q", "--tb=short", "--no-header", "--disable-warnings"),
        # Each class loads a chart of accounts: keep its tests together.
        *("-n", "2", "--dist", "loadscope"),
        *(f"--odoo-database={options.database}", "--odoo-http"),
        *("-o", "junit_family=xunit1", f"--junit-xml={options.report}"),
        *arguments,
    ]
    # A folder of an addon contains more than tests, which pytest would try to import.
    command += [
        addons / (name if name.endswith(".py") else f"{name}/tests")
        for name in EXPECTED
        if not name.startswith("portal/")
    ]
    try:
        return subprocess.run(command, cwd="/", timeout=TIMEOUT, check=False).returncode
    except subprocess.TimeoutExpired:
        print(f"Not done after {TIMEOUT} s.")
        return 124


def read_report(path):
    """Return the tests of a report by their names, each as 'passed', 'failed', …"""
    results = {}
    for case in ElementTree.parse(path).iter("testcase"):
        file, name = case.get("file"), case.get("name")
        # The rest of it is the file's name with dots.
        class_name = case.get("classname").rpartition(".")[2]
        if file:
            name = f"{file}::{class_name}::{name}"
        results[name] = "passed"
        for result in ("skipped", "failure", "error"):
            if case.find(result) is not None:
                results[name] = "skipped" if result == "skipped" else "failed"
    return results


def get_path(name):
    """Return the key of EXPECTED that a test counts for."""
    return max(
        (path for path in EXPECTED if name.startswith(path)), key=len, default=""
    )


def count(results, result):
    return Counter(get_path(name) for name, value in results.items() if value == result)


def print_table(results, changed):
    passed = count(results, "passed")
    wanted = count_wanted(changed)
    print(f"\n{'':52}passed  expected")
    for path in EXPECTED:
        print(f"{path:52}{passed[path]:6}{wanted[path]:10}")
    for addon in ("portal", "account"):
        total = [
            sum(number[path] for path in EXPECTED if path.split("/")[0] == addon)
            for number in (passed, wanted)
        ]
        print(f"{addon + ', all of these':52}{total[0]:6}{total[1]:10}")
    print(f"{'all':52}{passed.total():6}{wanted.total():10}\n")
    if changed:
        print("Fail because the addon behaves otherwise on purpose:")
        for name, reason in changed.items():
            print(f"  {name}\n    {reason}")
        print()


def count_wanted(changed):
    return Counter(EXPECTED) - Counter(get_path(name) for name in changed)


def find_problems(results, changed):
    """Return the differences from the expected results in words."""
    problems = [
        f"{name} failed"
        for name, result in results.items()
        if result == "failed" and name not in changed
    ]
    problems += [
        f"{name} was expected to fail, but: {results.get(name, 'it was not run')}"
        for name in changed
        if results.get(name) != "failed"
    ]
    passed = count(results, "passed")
    problems += [
        f"{path}: {passed[path]} passed, expected were {number}"
        for path, number in count_wanted(changed).items()
        if passed[path] < number
    ]
    return problems


if __name__ == "__main__":
    sys.exit(main())
