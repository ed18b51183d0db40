"""Invoices that are issued by sale, and by OCA's contract and subscription_oca."""

import json
import os

import pytest
from lib import database, settings
from lib.odoo_server import run_odoo
from lib.template import get_template

SCRIPT = settings.TESTS / "lib/posted_by_others.py"
ADDONS = ("sale_management", "contract", "subscription_oca")
MAX_QUERIES = 2


@pytest.fixture(scope="module")
def told():
    """Return what each way of issuing an invoice led to."""
    assert (settings.QUEUE / "odoo/addons/contract").is_dir(), "./setup/test gets it"
    name = f"{settings.PREFIX}_world_{os.getpid()}_issued"
    database.clone(get_template(), name)
    try:
        run_odoo(
            "server",
            name,
            f"--init={','.join(ADDONS)}",
            "--stop-after-init",
            "--no-http",
            "--max-cron-threads=0",
        )
        output = run_odoo("shell", name, "--no-http", script=SCRIPT.read_text())
    finally:
        database.drop(name)
    [line] = [line for line in output.splitlines() if line.startswith("TOLD ")]
    return json.loads(line.split(" ", 1)[1])


def test_each_way_of_issuing_starts_the_collection(told):
    """In the same database transaction, with two queries, and without the gateway."""
    assert told.pop("requests") == 0
    assert set(told) == {
        *("button", "import", "auto-post", "sale", "contract"),
        *("subscription", "subscription by a sale"),
    }
    for way, figures in told.items():
        assert figures.pop("more_queries") <= MAX_QUERIES, (way, figures)
        assert figures == {
            "state": "running",
            "plan": True,
            "is_due": True,
            "attempts": 0,
            "is_woken": True,
        }, way
