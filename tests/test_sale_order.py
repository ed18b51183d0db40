"""A prepaid order of Odoo's `sale`, invoiced in parts, is paid once."""

import json
import os

import pytest
from lib import database, settings
from lib.odoo_server import run_odoo
from lib.template import get_template

SCRIPT = settings.TESTS / "lib/sale_order.py"


@pytest.fixture(scope="module")
def told():
    """Return what became of the orders."""
    name = f"{settings.PREFIX}_world_{os.getpid()}_sale"
    database.clone(get_template(), name)
    try:
        run_odoo(
            "server",
            name,
            "--init=sale,payment_demo",
            "--stop-after-init",
            "--no-http",
            "--max-cron-threads=0",
        )
        output = run_odoo("shell", name, "--no-http", script=SCRIPT.read_text())
    finally:
        database.drop(name)
    [line] = [line for line in output.splitlines() if line.startswith("TOLD ")]
    return json.loads(line.split(" ", 1)[1])


def test_prepayment_is_taken_by_each_next_invoice(told):
    # Of each: prepaid, proposed, charged, and still due.
    assert told["parts"] == [[100, 0, 0, 0], [100, 0, 0, 0], [50, 50, 50, 0]]
    assert told["final"] == [0, 100, 100, 0]
    # Nothing of the prepayment is open, nothing is due, and 400 were paid.
    assert told["in parts"] == [0, 0, 400]


def test_what_a_cancelled_invoice_held_is_taken_by_the_next(told):
    assert told["first"] == [100, 0, 0, 0]
    assert told["posted by Odoo"] == 0
    assert told["again"] == [[100, 0, 0, 0], [50, 50, 50, 0]]
    assert told["last"] == [0, 100, 100, 0]
    assert told["cancelled"] == [0, 0, 400]
    assert told["tie-out"] == 0


def test_seller_of_no_level_captures_and_voids_nothing(told):
    buttons = told["buttons"]
    for button in ("capture", "void"):
        error, states = buttons[f"{button} by the seller"]
        assert "Record and charge" in error
        assert states == ["authorized"]
        error, states = buttons[f"{button} by the cashier"]
        assert error == ""
        # Demo captures a part at a time: the person is asked for the amount first.
        assert set(states) == {"authorized" if button == "capture" else "cancel"}
