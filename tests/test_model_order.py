"""The order in which the addon's model files are loaded decides nothing."""

import json
import os

import pytest
from lib import database, settings
from lib.odoo_server import run_odoo
from lib.template import get_template

SCRIPT = settings.TESTS / "lib/model_order.py"


@pytest.fixture
def books():
    """Return the books that the same work leaves: first in the order of the files."""
    name = f"{settings.PREFIX}_world_{os.getpid()}_order"
    database.clone(get_template(), name)
    try:
        output = run_odoo("shell", name, "--no-http", script=SCRIPT.read_text())
    finally:
        database.drop(name)
    return [
        json.loads(line.split(" ", 1)[1])
        for line in output.splitlines()
        if line.startswith("BOOKS ")
    ]


def test_any_order_of_model_files(books):
    usual, *permuted = books
    assert len(permuted) == 3
    # The credit note of 40 is back on the balance; the reset one paid nothing.
    assert usual["credit"] == [40.0]
    assert not usual["tie_out"]
    for other in permuted:
        assert other == usual
