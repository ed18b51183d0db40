"""Users of the Point of Sale alone give nobody credit."""

import json
import os

import pytest
from lib import database, settings
from lib.odoo_server import run_odoo
from lib.template import get_template

SCRIPT = settings.TESTS / "lib/point_of_sale.py"


@pytest.fixture
def told():
    """Return how each way to give credit by a till ended."""
    name = f"{settings.PREFIX}_world_{os.getpid()}_till"
    database.clone(get_template(), name)
    try:
        run_odoo(
            "server",
            name,
            "--init=point_of_sale",
            "--stop-after-init",
            "--no-http",
            "--max-cron-threads=0",
        )
        output = run_odoo("shell", name, "--no-http", script=SCRIPT.read_text())
    finally:
        database.drop(name)
    [line] = [line for line in output.splitlines() if line.startswith("TOLD ")]
    return json.loads(line.split(" ", 1)[1])


def test_no_till_gives_credit(told):
    assert told.pop("ordinary till") == "done"
    assert "Choose another journal" in told.pop("created")
    assert "Choose another journal" in told.pop("changed")
    for name in ("journal of a till in the settings", "journal of an archived till"):
        assert "Shop's Cash" in told.pop(name)
    assert told.pop("journal of no till") == "done"
    assert "no bank or cash transaction" in told.pop("till on the credit journal")
    assert "no right to record" in told.pop("credit on the other side")
    assert not told
