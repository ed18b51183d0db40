"""The collection board in a browser: figures, pictures, and their lists."""

import re
from datetime import date, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.accountant import Accountant
from playwright.sync_api import expect

pytest_plugins = ["lib.fixtures", "browser.fixtures"]

BOARD = "/odoo/collection-board"
OVERFLOW = "element => element.scrollWidth - element.clientWidth"
WIDEST = """element => [...element.querySelectorAll("*")]
    .filter((each) => each.getBoundingClientRect().right > innerWidth)
    .map((each) => each.outerHTML.slice(0, 150))"""
# The pictures of which a name is longer than the place beside the bars.
CUT_NAMES = """() => [...document.querySelectorAll(".o_collection_board canvas")]
    .map((canvas) => Chart.getChart(canvas).scales.y)
    .filter((scale) => scale._getLabelSizes().widest.width > scale.width)
    .map((scale) => scale.ticks.map((tick) => tick.label))"""
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 800}


@pytest.fixture
def money(world):
    """Make invoices of several ages, payments, declines, a promise and a dispute."""
    today = date.today()
    for days, amount in ((-20, 900.0), (12, 400.0), (45, 250.0), (75, 90.0), (200, 60)):
        due = str(today - timedelta(days=days))
        world.make_invoices(
            [world.make_customer(name=f"Late by {days}")],
            amount=amount,
            invoice_date=min(due, str(today)),
            invoice_date_due=due,
        )
    for provider_ref, amount in (
        ("tok_succeed", 120.0),
        ("tok_succeed", 80.0),
        ("tok_insufficient_funds", 55.0),
    ):
        invoice_id, token_id = world.make_case(provider_ref, amount)
        world.charge(invoice_id, token_id)
    promised = world.make_case(amount=75.0)[0]
    world.accountant.call("account.move", "promise_to_pay", [promised], date=str(today))
    charged = world.make_charged(amount=33.0)
    world.accountant.call(
        "account.payment", "report_taken_back", [charged.payment_id], kind="dispute"
    )
    reversal = (
        "UPDATE account_payment_reversal SET respond_by = %s WHERE payment_id = %s"
    )
    world.query(reversal + " RETURNING id", today, charged.payment_id)


def find_barriers(page):
    """Return the serious and critical barriers that axe-core finds on the board."""
    results = Axe().run(page, context=".o_collection_board")
    return [
        (finding["id"], [node["html"] for node in finding["nodes"]])
        for finding in results.response["violations"]
        if finding["impact"] in ("serious", "critical")
    ]


def read_amount(text):
    return round(float(re.sub(r"[^\d.-]", "", text)), 2)


def test_the_board(accountant, world, money):
    page = accountant.page
    page.goto("/odoo")
    page.locator(".o_navbar_apps_menu button").click()
    page.get_by_role("menuitem", name="Invoicing").click()
    page.locator(".o_menu_sections").get_by_text("Customers", exact=True).click()
    page.get_by_role("menuitem", name="Collection board").click()
    board = page.locator(".o_collection_board")
    due = board.get_by_role("region", name="Open invoices")
    expect(due.locator("canvas")).to_be_visible()
    collected = board.get_by_role("region", name=re.compile("Collected in"))
    expect(collected.get_by_role("table")).to_have_count(1)
    collected.get_by_role("button", name="Show as a table").click()
    expect(collected.get_by_role("table")).to_have_count(2)
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        expect(due.locator("canvas")).to_be_visible()
        for part in (board, *board.locator("section").all()):
            assert part.evaluate(OVERFLOW) <= 0, part.evaluate(WIDEST)
        assert not page.evaluate(CUT_NAMES)
        assert not find_barriers(page)
        keep_whole(accountant, board, f"board-{size['width']}")
    page.set_viewport_size(WIDE)

    figures = board.locator(".o_board_figure")
    for name in (
        "Overdue",
        "1–30 days",
        "Payments",
        "Declined",
        "Taken back",
        "Promised",
    ):
        figure = board.get_by_role(
            "button", name=re.compile(rf"– {re.escape(name)}, open the list$")
        ).first
        amount = read_amount(figure.inner_text())
        assert amount, name
        is_count = "$" not in figure.inner_text()
        # By the keyboard alone: it is focused, and Enter opens it.
        figure.focus()
        expect(figure).to_be_focused()
        page.keyboard.press("Enter")
        rows = page.locator(".o_list_view .o_data_row")
        expect(rows.first).to_be_visible()
        expect(page.locator(".o_last_breadcrumb_item")).to_contain_text(name)
        show_all(page)
        if is_count:
            assert rows.count() == amount
        else:
            sums = page.locator(".o_list_footer .o_list_number").all_inner_texts()
            assert amount in [read_amount(text) for text in sums if text], name
        if name == "1–30 days":
            accountant.keep_screen("board-list-1280")
        page.get_by_role("link", name="Collection board").click()
        expect(figures.first).to_be_visible()

    # A bar opens its list by the mouse, also where it is low.
    expect(due.locator("canvas")).to_be_visible()
    box = due.locator("canvas").bounding_box()
    place = {"x": box["width"] * 0.2, "y": box["height"] * 0.2}
    due.locator("canvas").click(position=place)
    expect(page.locator(".o_last_breadcrumb_item")).to_contain_text("Not due")
    page.go_back()
    expect(due.locator("canvas")).to_be_visible()


def show_all(page):
    """Show all rows of a list: a page of it has 80, and other tests make payments."""
    limit = page.locator(".o_pager_limit")
    rows = page.locator(".o_list_view .o_data_row")
    if limit.count() and rows.count() < int(limit.inner_text()):
        page.locator("span.o_pager_value").click()
        page.locator("input.o_pager_value").fill(f"1-{limit.inner_text()}")
        page.keyboard.press("Enter")
        expect(rows).to_have_count(int(limit.inner_text()))


def keep_whole(accountant, board, name):
    """Keep all of the board, which scrolls within the page."""
    size = accountant.page.viewport_size
    height = board.evaluate("element => element.scrollHeight") + 200
    accountant.page.set_viewport_size({**size, "height": height})
    accountant.keep_screen(name)
    accountant.page.set_viewport_size(size)


def test_who_has_no_right_gets_no_board(chromium, world, artefacts):
    world.make_user("boardless", "base.group_user", "base.group_partner_manager")
    person = Accountant(chromium, world, artefacts)
    person.log_in("boardless")
    person.page.goto(BOARD)
    expect(person.page.locator(".modal, .o_notification").first).to_contain_text(
        re.compile("not have|not allowed|who work with invoices")
    )
    expect(person.page.locator(".o_board_figure")).to_have_count(0)
    person.close()
