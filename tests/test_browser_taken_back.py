"""An accountant reports and decides a dispute in a browser."""

import pytest
from playwright.sync_api import expect

pytest_plugins = ["lib.fixtures", "browser.fixtures"]


@pytest.fixture
def paid(world):
    """Return an invoice of 100 that was charged."""
    invoice_id, token_id = world.make_case()
    world.charge(invoice_id, token_id)
    return invoice_id


def press_and_confirm(accountant, name):
    """Press a button of the form, and confirm it."""
    page = accountant.page
    page.locator(".o_form_view .o_statusbar_buttons").get_by_role(
        "button", name=name, exact=True
    ).click()
    page.locator(".modal").get_by_role("button", name="Ok").click()
    expect(page.locator(".modal")).to_have_count(0)


def test_a_dispute_from_report_to_lost(accountant, paid):
    page = accountant.page
    accountant.open_invoice(paid)
    accountant.expect_remaining("$ 0.00")
    accountant.choose_action("Taken back")
    dialog = page.locator(".modal .o_payment_taken_back")
    expect(dialog).to_contain_text("The invoice is open again by this amount")
    accountant.pick("Dispute")
    expect(dialog).to_contain_text("The invoice stays paid")
    accountant.enter("amount", "60")
    accountant.enter("fee", "15")
    accountant.enter("reason_code", "10.4")
    accountant.keep_dialog("taken-back")
    accountant.press("Report")
    accountant.expect_notification("Taken back", "$ 60.00")
    expect(page.locator(".o_taken_back_notice")).to_contain_text("is disputed")
    accountant.expect_remaining("$ 0.00")
    accountant.expect_refund("Disputed", "Taken back", "− $ 60.00", "10.4")
    accountant.keep_screen("disputed-1280")
    accountant.narrow()
    accountant.section.scroll_into_view_if_needed()
    accountant.keep_section("disputed-360")
    page.set_viewport_size({"width": 1280, "height": 1200})

    accountant.rows.nth(0).locator(".o_payment_refund .o_payment_menu button").click()
    page.get_by_role("menuitem", name="Open", exact=True).click()
    state = page.locator(".o_form_view [name=state] .o_arrow_button_current")
    expect(state).to_have_text("Open")
    accountant.keep_screen("taken-back-form-1280")
    accountant.narrow()
    accountant.keep_screen("taken-back-form-360")
    page.set_viewport_size({"width": 1280, "height": 1200})
    press_and_confirm(accountant, "Lost")
    expect(state).to_have_text("Lost")
    accountant.open_invoice(paid)
    accountant.expect_remaining("$ 60.00")
    accountant.expect_refund("Lost", "− $ 60.00")
    expect(page.locator(".o_taken_back_notice")).to_have_count(0)
    accountant.expect_sum()
    accountant.keep_screen("lost-1280")


def test_the_list(accountant, world, paid):
    [payment] = world.query("SELECT id FROM account_payment ORDER BY id DESC LIMIT 1")
    world.report_taken_back(payment["id"], kind="returned_debit")
    accountant.open_list("account.payment.reversal", [["state", "=", "lost"]])
    expect(accountant.page.locator(".o_list_view .o_data_row").first).to_contain_text(
        "Returned debit"
    )
    accountant.keep_screen("taken-back-list-1280")
    accountant.narrow()
    accountant.keep_screen("taken-back-list-360")
