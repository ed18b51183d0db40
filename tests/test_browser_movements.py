"""An accountant looks through all payments in a browser, and acts on one."""

import re

import pytest
from playwright.sync_api import expect

pytest_plugins = ["lib.fixtures", "browser.fixtures"]

LIST = ".o_list_view .o_list_renderer"
KANBAN = ".o_kanban_view .o_kanban_renderer"
# The ticks and the switch of columns are Odoo's own.
OURS_OF_LIST = {
    "include": [[LIST]],
    "exclude": [[".o_list_record_selector"], [".o_optional_columns_dropdown"]],
}


@pytest.fixture
def paid_and_declined(world):
    """Return an invoice that was paid, and one whose charge was declined."""
    paid_id, token_id = world.make_case()
    world.charge(paid_id, token_id)
    declined_id, token_id = world.make_case("tok_decline")
    world.charge(declined_id, token_id)
    return paid_id, declined_id


def get_name(world, invoice_id):
    [invoice] = world.query("SELECT name FROM account_move WHERE id = %s", invoice_id)
    return invoice["name"]


def test_all_failed_payments_in_two_clicks(world, accountant, paid_and_declined):
    """From an invoice that is open, then to the dialog that tries again."""
    page = accountant.page
    _paid_id, declined_id = paid_and_declined
    name = get_name(world, declined_id)
    page.goto(f"/odoo/customer-invoices/{declined_id}")
    expect(accountant.rows).to_have_count(1)
    clicks = 0

    def click(locator):
        nonlocal clicks
        locator.click()
        clicks += 1

    bar = page.locator(".o_main_navbar")
    click(bar.get_by_role("button", name="Customers", exact=True))
    click(page.get_by_role("menuitem", name="Failed Payments", exact=True))
    row = page.locator(f"{LIST} .o_data_row", has_text=name)
    expect(row).to_have_count(1)
    assert clicks == 2
    expect(row).to_contain_text("Declined")
    expect(page.locator(".o_searchview_facet")).to_have_text(re.compile("Failed"))
    expect(page.locator(f"{LIST} tfoot")).to_contain_text("$")
    assert not accountant.find_barriers(OURS_OF_LIST)
    accountant.keep_screen("failed-payments-1280")

    row.get_by_role("button", name="Retry", exact=True).click()
    expect(accountant.dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".modal")).to_have_count(0)

    # On a telephone they are cards.
    accountant.narrow()
    page.reload()
    card = page.locator(f"{KANBAN} .o_kanban_record", has_text=name)
    expect(card).to_have_count(1)
    expect(card).to_contain_text("Declined")
    expect(card.get_by_role("button", name="Retry", exact=True)).to_be_visible()
    assert not accountant.find_barriers(KANBAN)
    accountant.keep_screen("failed-payments-360")


def test_all_payments(world, accountant, paid_and_declined):
    """What moved apart from what was asked for, as a list, a pivot and a graph."""
    page = accountant.page
    page.goto("/odoo/all-payments")
    names = [get_name(world, invoice_id) for invoice_id in paid_and_declined]
    rows = [page.locator(f"{LIST} .o_data_row", has_text=name) for name in names]
    expect(rows[0]).to_contain_text("Succeeded")
    expect(rows[0].locator("[name=company_amount_moved]")).to_contain_text("100.00")
    expect(rows[1].locator("[name=company_amount_attempted]")).to_contain_text("100.00")
    # Nothing moved: no zero stands in the column of money.
    expect(rows[1].locator("[name=company_amount_moved]")).to_have_text("")
    expect(rows[0].get_by_role("button", name="Receipt", exact=True)).to_be_visible()
    expect(rows[0].get_by_role("button", name="Retry", exact=True)).to_have_count(0)
    assert not accountant.find_barriers(OURS_OF_LIST)
    accountant.keep_screen("all-payments-1280")
    # Credit is no money that moved: its filter has a column and a sum of its own.
    given = 12.34
    world.admin.call(
        "res.partner",
        "adjust_credit_balance",
        ids=[world.make_customer()],
        amount=given,
        reason="Goodwill",
    )
    page.locator(".o_searchview_dropdown_toggler").click()
    page.get_by_role("menuitemcheckbox", name="Customer credit", exact=True).click()
    page.keyboard.press("Escape")
    expect(page.locator(f"{LIST} [name=company_amount_credit]").first).to_contain_text(
        str(given)
    )
    expect(page.locator(f"{LIST} tfoot")).to_have_text(re.compile(r"\$.*\$.*\$"))
    page.locator(".o_searchview_facet .o_facet_remove").click()
    accountant.narrow()
    page.reload()
    expect(page.locator(f"{KANBAN} .o_kanban_record").first).to_be_visible()
    accountant.keep_screen("all-payments-360")
    page.set_viewport_size({"width": 1280, "height": 1200})
    page.goto("/odoo/all-payments")
    expect(rows[0]).to_be_visible()

    page.locator(".o_searchview_dropdown_toggler").click()
    page.get_by_role("menuitemcheckbox", name="Waits for approval").click()
    page.keyboard.press("Escape")
    head = page.locator(f"{LIST} thead")
    expect(head.locator("th[data-name=company_amount_waiting]")).to_have_count(1)
    page.locator(".o_searchview_facet .o_facet_remove").click()
    page.locator(".o_switch_view.o_pivot").click()
    expect(page.locator("div.o_pivot")).to_contain_text("Online payment")
    accountant.keep_screen("all-payments-pivot-1280")
    page.locator(".o_switch_view.o_graph").click()
    expect(page.locator(".o_graph_view canvas")).to_be_visible()
    accountant.keep_screen("all-payments-graph-1280")
    page.locator(".o_switch_view.o_list").click()
    rows[1].locator("[name=partner_id]").click()
    expect(accountant.rows).to_have_count(1)

    # The list of invoices has the columns, to be switched on.
    page.goto("/odoo/customer-invoices")
    page.locator(".o_optional_columns_dropdown button").click()
    for label in ("Last Attempt", "In Flight", "Waits for Approval"):
        page.locator(".o-dropdown--menu").get_by_text(label, exact=True).click()
    line = page.locator(".o_list_view .o_data_row", has_text=names[1])
    expect(line.locator("td[name=last_attempt_outcome]")).to_have_text("Declined")
    accountant.keep_screen("invoices-last-attempt-1280")
