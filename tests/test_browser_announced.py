"""A member announces a transfer in a browser, and the accountant sees it come."""

import pytest
from browser.member import Member
from browser.person import NARROW
from playwright.sync_api import expect

pytest_plugins = ["lib.fixtures", "browser.fixtures"]


@pytest.fixture
def transfer(world):
    """Let Odoo's own *Wire Transfer* be offered."""
    company = ("company_id", "=", world.facts["company_id"])
    [provider] = world.admin.search_read(
        "payment.provider", [("code", "=", "custom"), company], ["id"]
    )
    [method] = world.admin.search_read(
        "payment.method",
        [("code", "=", "wire_transfer"), ("active", "in", [True, False])],
        ["id"],
    )
    values = {"payment_method_ids": [[6, 0, [method["id"]]]]}
    values |= {"state": "enabled", "is_published": True}
    world.admin.call("payment.provider", "write", [provider["id"]], vals=values)
    world.admin.call("payment.method", "write", [method["id"]], vals={"active": True})
    yield
    values = {"state": "disabled", "is_published": False}
    world.admin.call("payment.provider", "write", [provider["id"]], vals=values)


@pytest.fixture
def member(chromium, world, artefacts):
    member = Member(chromium, world, artefacts, "Tara Transfer")
    yield member
    member.close()
    assert not member.get_errors()


def test_announced_then_the_money_came(member, accountant, world, transfer):
    [invoice_id] = world.make_invoices([member.partner_id], 300)
    member.page.set_viewport_size(NARROW)
    member.open_payment_form(invoice_id)
    member.choose_method("Wire Transfer")
    member.press_pay()
    member.page.wait_for_url("**/payment/status")

    # All other ways are open.
    form = member.open_payment_form(invoice_id)
    expect(form).to_contain_text("$ 300.00")
    member.page.goto(f"/my/invoices/{invoice_id}")
    section = member.page.get_by_role("region", name="Payments")
    expect(section).to_contain_text("Waiting for your transfer")
    assert not member.find_barriers("section[aria-labelledby='invoice_payments_title']")
    member.keep_screen("announced-360")

    pending = world.make_token(member.partner_id, "tok_pending")
    world.charge(invoice_id, pending, amount=60)
    accountant.open_invoice(invoice_id)
    accountant.expect_row("Pending", "$ 60.00")
    accountant.expect_row("Announced", "Wire Transfer", "$ 300.00", row=1)
    expect(accountant.create_button).to_be_enabled()
    accountant.open_menu(1)
    expect(accountant.page.get_by_role("menuitem", name="Money came")).to_be_visible()
    accountant.keep_screen("announced-1280")
    accountant.page.keyboard.press("Escape")
    accountant.choose_action("Resolve")
    modal = accountant.page.locator(".modal")
    expect(modal.get_by_role("button", name="Confirm charged")).to_be_visible()
    modal.get_by_role("button", name="Ask the provider again").click()
    expect(modal).to_contain_text("It has the request. Its outcome is: Pending.")
    accountant.keep_dialog("resolve-pending")
    modal.locator("footer").get_by_role("button", name="Close").click()
    expect(modal).to_have_count(0)
    accountant.choose_action("Money came", row=1)
    accountant.enter("amount", "240")
    accountant.keep_dialog("money-came")
    accountant.press("Record")
    accountant.expect_notification("Payment recorded", "$ 240.00")
    accountant.expect_remaining("$ 60.00")
    accountant.expect_row("Succeeded", "$ 240.00")
    accountant.expect_row("Canceled", "stands for it", row=2)
    accountant.expect_sum()
    accountant.keep_section("money-came-section")


def test_announced_is_canceled(member, accountant, world, transfer):
    [invoice_id] = world.make_invoices([member.partner_id], 50)
    member.open_payment_form(invoice_id)
    member.choose_method("Wire Transfer")
    member.press_pay()
    member.page.wait_for_url("**/payment/status")
    accountant.open_invoice(invoice_id)
    accountant.choose_action("Cancel")
    accountant.press("Keep it")
    accountant.expect_row("Announced")
    accountant.choose_action("Cancel")
    accountant.press("Not expected any more")
    accountant.expect_notification("Payment canceled", "$ 50.00")
    accountant.expect_row("Canceled", "Not expected any more")
