"""Print the tests of the rooms whose files differ from a revision.

A change of a room runs the tests of that room. A file that all rooms share runs all
tests of the addon, and a file that the tests with real servers share runs all of these.
Rooms above the one that changed are left to the whole run.
"""

import subprocess
import sys
from pathlib import Path

ADDON = Path("invoice_payments_ext")
ROOMS = ADDON / "tests"
SERVERS = Path("tests")
# Which room a dialog, a route, a view or a template belongs to, by a word of its name.
WORDS = {
    "adjust": "credit",
    "approval": "approvals",
    "board": "board",
    "bus": "section",
    "credit_balance": "credit",
    "credit_note": "credit_notes",
    "mail": "mail",
    "payment_create": "charging",
    "payments_section": "section",
    "portal": "portal",
    "receipt": "mail",
    "refund": "refunds",
    "resolve": "attempts",
    "statement": "credit",
    "tie_out": "tie_out",
    "token": "saved_methods",
    "write_off": "write_offs",
}


def list_changed(base):
    """Return the files that differ from a revision, in the working tree as well."""
    lists = (
        ["git", "diff", "--name-only", "--merge-base", base],
        ["git", "ls-files", "--others", "--exclude-standard"],
    )
    for command in lists:
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        yield from map(Path, result.stdout.splitlines())


def find_tests(path):
    """Return the files and folders with the tests of a file."""
    parts = path.parts
    if parts[:2] == ("tests", path.name) and path.name.startswith("test_"):
        return {path} if path.exists() else set()
    if parts[:2] == ("tests", "providers"):
        return {SERVERS / "providers"}
    if parts[0] == "tests":
        return {SERVERS}
    if parts[0] != ADDON.name or parts[1] in ("readme", "i18n"):
        return set()
    if parts[1] == "tests" and path.name.startswith("test_") and path.exists():
        return {path}
    if parts[1] in ("models", "tests") and len(parts) > 3:
        return {ROOMS / parts[2], ROOMS / "core/test_rooms.py"}
    found = {ROOMS / room for word, room in WORDS.items() if word in str(path)}
    return found or {ROOMS}


def main(base):
    found = set().union(*map(find_tests, list_changed(base)))
    found = {path for path in found if path.exists()}
    # A folder brings its files.
    for path in sorted(found):
        if not found.intersection(path.parents):
            print(path)


if __name__ == "__main__":
    main(sys.argv[1])
