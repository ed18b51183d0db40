"""Invoices of Odoo's `sale`, and of OCA's `contract` and `subscription_oca`."""

import pytest
from lib import other_addons, settings

ADDONS = ("sale_management", "contract", "subscription_oca", "payment_demo")
MAX_QUERIES = 2


@pytest.fixture(scope="module")
def told():
    """Return what the scripts told of the invoices of other addons."""
    assert (settings.QUEUE / "odoo/addons/contract").is_dir(), "./setup/test gets it"
    with other_addons.install(*ADDONS) as name:
        return other_addons.run_scripts(name, "posted_by_others.py", "sale_order.py")


@pytest.fixture
def issued(told):
    """Return what each way of issuing an invoice led to."""
    return told[0]


@pytest.fixture
def orders(told):
    """Return what became of prepaid orders that are invoiced in parts."""
    return told[1]


def test_each_way_of_issuing_starts_the_collection(issued):
    """In the same database transaction, with two queries, and without the gateway."""
    assert issued.pop("requests") == 0
    assert set(issued) == {
        *("button", "import", "auto-post", "sale", "contract"),
        *("subscription", "subscription by a sale"),
    }
    for way, figures in issued.items():
        assert figures.pop("more_queries") <= MAX_QUERIES, (way, figures)
        assert figures == {
            "state": "running",
            "plan": True,
            "is_due": True,
            "attempts": 0,
            "is_woken": True,
        }, way


def test_prepayment_is_taken_by_each_next_invoice(orders):
    # Of each: prepaid, proposed, charged, and still due.
    assert orders["parts"] == [[100, 0, 0, 0], [100, 0, 0, 0], [50, 50, 50, 0]]
    assert orders["final"] == [0, 100, 100, 0]
    # Nothing of the prepayment is open, nothing is due, and 400 were paid.
    assert orders["in parts"] == [0, 0, 400]


def test_what_a_cancelled_invoice_held_is_taken_by_the_next(orders):
    assert orders["first"] == [100, 0, 0, 0]
    assert orders["posted by Odoo"] == 0
    assert orders["again"] == [[100, 0, 0, 0], [50, 50, 50, 0]]
    assert orders["last"] == [0, 100, 100, 0]
    assert orders["cancelled"] == [0, 0, 400]
    assert orders["tie-out"] == 0


def test_seller_of_no_level_captures_and_voids_nothing(orders):
    buttons = orders["buttons"]
    for button in ("capture", "void"):
        error, states = buttons[f"{button} by the seller"]
        assert "Record and charge" in error
        assert states == ["authorized"]
        error, states = buttons[f"{button} by the cashier"]
        assert error == ""
        # Demo captures a part at a time: the person is asked for the amount first.
        assert set(states) == {"authorized" if button == "capture" else "cancel"}


def test_money_of_others_is_taken_by_no_order(orders):
    """A seller may link any attempt with an order: its invoices leave it alone."""
    strange = orders["strange"]
    # The customer's own 50 are taken, and nothing of the 400 of the stranger.
    assert strange["proposed"] == [50, 350]
    assert strange["posted"] == [350, 400, False]
    # An invoice of the stranger is linked, until it is somebody else's.
    assert strange["linked"]
    assert strange["of a changed customer"] == [0, 400]
    assert strange["changed"] == [400, 400]
    # Odoo issues an invoice by itself for its own money only.
    assert strange["automatic"] == ["draft", 400, 400, False]
    assert not strange["of another company"]


def test_credit_of_one_company_pays_no_order_of_another(orders):
    words = "Credit pays only amounts of the same company and currency."
    # Of 80; the second order is of the company that holds them.
    assert orders["by credit"] == [[words, 80], ["", 30]]
