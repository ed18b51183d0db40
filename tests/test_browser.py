"""An accountant collects invoices in a browser, with a real server and gateway."""

import pytest
from playwright.sync_api import expect

pytest_plugins = ["lib.fixtures", "browser.fixtures"]


@pytest.fixture
def customer(world):
    return world.make_customer(name="Nora Northwind")


def make_invoice(world, customer, amount=100.0, post=True):
    return world.make_invoices([customer], amount, post=post)[0]


def make_tokens(world, customer, **behaviours):
    """Create saved methods by their last digits: `_1881="decline"`."""
    return {
        digits[1:]: world.make_token(customer, f"tok_{behaviour}", details=digits[1:])
        for digits, behaviour in behaviours.items()
    }


def test_section_shows_payments_and_refunds(accountant, world, customer):
    invoice_id = make_invoice(world, customer, 600)
    tokens = make_tokens(world, customer, _1881="insufficient_funds", _4242="succeed")
    attempt_id = world.charge(invoice_id, tokens["4242"], amount=250, memo="First half")
    charged = world.get_charged(attempt_id, invoice_id)
    world.charge(invoice_id, tokens["1881"], amount=150)
    world.refund(charged.payment_id, amount=50)
    world.accountant.call(
        "account.move",
        "record_external_payment",
        [invoice_id],
        amount=50,
        reference="CHQ 10077",
        memo="Handed over at the desk",
    )
    accountant.open_invoice(invoice_id)
    expect(accountant.rows).to_have_count(3)
    accountant.expect_remaining("$ 350.00")
    accountant.expect_row(
        "Succeeded", "CHQ 10077", "Handed over at the desk", "$ 50.00"
    )
    accountant.expect_row("Declined", "1881", "insufficient funds", row=1)
    accountant.expect_row("Succeeded", "4242", "First half", "$ 250.00", row=2)
    accountant.expect_refund("Succeeded", "$ 50.00", row=2)
    # Each row says when, and so does the refund.
    times = accountant.section.locator(".o_payment_date .o_payment_time")
    expect(times).to_have_count(4)
    accountant.expect_sum()
    accountant.keep_screen("section-1280")
    accountant.narrow()
    accountant.section.scroll_into_view_if_needed()
    expect(accountant.section.locator(".o_payment_stacked_label").first).to_be_visible()
    overflow = "section => section.scrollWidth - section.clientWidth"
    assert accountant.section.evaluate(overflow) <= 0
    accountant.expect_sum()
    accountant.keep_section("section-360")


def test_invoice_without_payments(accountant, world, customer):
    accountant.open_invoice(make_invoice(world, customer))
    expect(accountant.section.locator(".o_payments_empty")).to_contain_text(
        "No payment yet"
    )
    accountant.expect_remaining("$ 100.00")
    accountant.press_create()
    # Five kinds of external payments.
    expect(accountant.dialog.get_by_role("radio")).to_have_count(5)
    expect(accountant.dialog.get_by_role("status").first).to_contain_text(
        "no saved payment method"
    )
    # It needs no login.
    expect(accountant.dialog.get_by_role("link")).to_contain_text("access_token=")
    expect(accountant.dialog.get_by_role("button", name="Copy link")).to_be_visible()
    accountant.keep_screen("create-without-saved-method")
    accountant.press("Cancel")


def test_charge_a_part(accountant, world, customer):
    invoice_id = make_invoice(world, customer)
    [disabled] = world.admin.search_read(
        "payment.provider",
        [("state", "=", "disabled"), ("company_id", "=", world.facts["company_id"])],
        ["name"],
        limit=1,
    )
    world.make_token(customer, details="0005", provider_id=disabled["id"])
    make_tokens(world, customer, _4242="succeed")
    accountant.open_invoice(invoice_id)
    accountant.press_create()
    expect(accountant.dialog.get_by_role("radio", name="4242")).to_be_checked()
    unusable = accountant.dialog.get_by_role("radio", name="0005")
    expect(unusable).to_be_disabled()
    expect(unusable).to_have_accessible_description(f"{disabled['name']} is disabled.")
    accountant.keep_screen("create")
    accountant.enter("amount", "40")
    accountant.press("Charge")
    accountant.expect_notification("Payment succeeded", "$ 40.00")
    accountant.expect_row("Succeeded", "4242", "$ 40.00")
    accountant.expect_remaining("$ 60.00")
    accountant.expect_sum()
    # The rest of the form follows.
    expect(accountant.page.locator("[name=amount_residual]")).to_contain_text("60.00")
    expect(accountant.create_button).to_be_enabled()


def test_amount_above_the_remaining_one(accountant, world, customer):
    make_tokens(world, customer, _4242="succeed")
    accountant.open_invoice(make_invoice(world, customer))
    accountant.press_create()
    accountant.enter("amount", "100.01")
    accountant.press("Charge")
    error = accountant.page.locator(".modal", has_text="above the remaining amount")
    expect(error).to_be_visible()
    error.get_by_role("button", name="Close").last.click()
    # The entered values are still there, to be put right.
    accountant.enter("amount", "100")
    accountant.press("Charge")
    accountant.expect_notification("Payment succeeded")
    accountant.expect_remaining("$ 0.00")
    expect(accountant.create_button).to_be_disabled()
    expect(accountant.section).to_contain_text("Nothing remains to be paid.")


def test_declined_then_another_method(accountant, world, customer):
    make_tokens(world, customer, _4242="succeed", _1881="decline")
    accountant.open_invoice(make_invoice(world, customer))
    accountant.press_create()
    accountant.choose_method("1881")
    accountant.press("Charge")
    accountant.expect_notification("Payment declined", "Your card was declined.")
    accountant.expect_row("Declined", "1881", "Your card was declined.")
    accountant.expect_remaining("$ 100.00")
    accountant.keep_screen("declined")
    accountant.choose_action("Retry")
    accountant.choose_method("4242")
    accountant.press("Charge")
    accountant.expect_notification("Payment succeeded")
    expect(accountant.rows).to_have_count(2)
    accountant.expect_row("Succeeded", "4242", "Retry of")
    accountant.expect_row("Declined", "1881", row=1)
    accountant.expect_sum()
    # Nothing is left to retry, and the menu says so.
    accountant.open_menu(row=1)
    retry = accountant.page.get_by_role("menuitem", name="Retry")
    expect(retry).to_have_attribute("aria-disabled", "true")
    expect(retry).to_contain_text("Nothing is left to charge.")
    retry.click(force=True)
    expect(retry).to_be_visible()
    accountant.page.keyboard.press("Escape")


def test_pending_is_confirmed_later(accountant, world, customer):
    invoice_id = make_invoice(world, customer)
    make_tokens(world, customer, _4242="pending")
    accountant.open_invoice(invoice_id)
    accountant.press_create()
    accountant.press("Charge")
    accountant.expect_notification("Payment pending", "Waiting for the bank.")
    accountant.expect_row("Pending", "Waiting for the bank.")
    in_flight = accountant.section.locator(".o_payments_in_flight")
    expect(in_flight).to_contain_text("100.00")
    expect(accountant.create_button).to_be_disabled()
    expect(accountant.section.locator(".o_payments_blocked")).not_to_be_empty()
    accountant.keep_screen("pending")
    accountant.page.evaluate("window.isTheSamePage = true")
    world.gateway.send_webhook(
        world.get_only_attempt(invoice_id)["reference"], "succeeded"
    )
    world.run_resolver()
    accountant.expect_row("Succeeded")
    accountant.expect_remaining("$ 0.00")
    accountant.expect_sum()
    expect(in_flight).to_have_count(0)
    expect(accountant.page.locator(".ribbon")).to_be_visible()
    assert accountant.page.evaluate("window.isTheSamePage")


@pytest.mark.parametrize("button", ["Confirm charged", "Ask the provider again"])
def test_unknown_is_resolved_by_a_person(accountant, world, customer, button):
    make_tokens(world, customer, _4242="error_after")
    accountant.open_invoice(make_invoice(world, customer))
    accountant.press_create()
    accountant.press("Charge")
    accountant.expect_notification("Outcome unknown", "may have been charged")
    accountant.expect_row("Unknown")
    expect(accountant.create_button).to_be_disabled()
    expect(accountant.section.locator(".o_payments_blocked")).to_contain_text("unknown")
    accountant.keep_screen("unknown")
    accountant.choose_action("Resolve")
    word = accountant.page.locator(".modal [name=provider_word]")
    expect(word).to_have_count(0)
    # Nobody answers the first question, whose words stay in the dialog.
    world.gateway.script("error_before", kind="query")
    accountant.narrow()
    accountant.press("Ask the provider again")
    expect(word).to_contain_text("It could not be asked, or could not tell.")
    expect(accountant.page.locator(".modal [name=asked_on]")).to_contain_text(":")
    accountant.enter("reason", "Seen in the gateway's dashboard")
    accountant.keep_dialog("resolve")
    accountant.narrow()
    accountant.press(button)
    accountant.expect_notification("Payment succeeded")
    # The gateway was asked first: its word counts.
    accountant.page.set_viewport_size({"width": 1280, "height": 1200})
    accountant.expect_row("Succeeded")
    accountant.expect_remaining("$ 0.00")


def test_unknown_is_resolved_by_opening(accountant, world, customer):
    invoice_id = make_invoice(world, customer)
    tokens = make_tokens(world, customer, _4242="error_after")
    world.charge(invoice_id, tokens["4242"])
    assert world.get_only_attempt(invoice_id)["outcome"] == "unknown"
    accountant.open_invoice(invoice_id)
    accountant.expect_row("Succeeded")
    accountant.expect_remaining("$ 0.00")


def test_external_payment_and_receipt(accountant, world, customer):
    make_tokens(world, customer, _4242="succeed")
    accountant.open_invoice(make_invoice(world, customer))
    accountant.press_create()
    expect(accountant.dialog.locator("[name=reference]")).to_have_count(0)
    # As with the keyboard: the arrows choose within the methods.
    accountant.dialog.get_by_role("radio", name="4242").press("ArrowDown")
    expect(accountant.dialog.get_by_role("radio", name="Cash")).to_be_checked()
    accountant.enter("amount", "30")
    expect(accountant.dialog.locator("[name=journal_id] input")).to_have_value("Cash")
    accountant.enter("reference", "CHQ 4711")
    accountant.keep_screen("create-external")
    accountant.press("Record")
    accountant.expect_notification("Payment recorded", "$ 30.00")
    accountant.expect_row("Succeeded", "Cash", "CHQ 4711", "$ 30.00")
    accountant.expect_remaining("$ 70.00")
    accountant.expect_sum()
    with accountant.page.expect_download() as download:
        accountant.choose_action("Receipt")
    path = download.value.path()
    assert download.value.suggested_filename.endswith(".pdf")
    assert path.read_bytes().startswith(b"%PDF")
    download.value.save_as(accountant.artefacts / "receipt.pdf")


def test_issue_and_charge(accountant, world, customer):
    make_tokens(world, customer, _4242="succeed")
    accountant.open_invoice(make_invoice(world, customer, post=False))
    expect(accountant.section).to_have_count(0)
    button = accountant.page.get_by_role("button", name="Issue and charge")
    expect(button).to_be_enabled()
    accountant.keep_screen("draft")
    button.click()
    expect(accountant.dialog).to_be_visible()
    accountant.keep_screen("issue-and-charge")
    accountant.press("Issue and charge")
    accountant.expect_notification("Payment succeeded", "$ 100.00")
    accountant.expect_row("Succeeded", "4242", "$ 100.00")
    accountant.expect_remaining("$ 0.00")
    expect(accountant.page.locator(".o_form_sheet")).to_contain_text("INV/")


def test_issue_and_charge_without_saved_method(accountant, world, customer):
    other = world.make_customer(name="Sam Saved")
    make_tokens(world, other, _4242="succeed")
    accountant.open_invoice(make_invoice(world, customer, post=False))
    button = accountant.page.get_by_role("button", name="Issue and charge")
    expect(button).to_have_attribute("aria-disabled", "true")
    reason = accountant.page.locator(".o_popover", has_text="no saved payment method")
    accountant.page.get_by_role("button", name="Confirm").focus()
    accountant.page.keyboard.press("Tab")
    expect(button).to_be_focused()
    expect(reason).to_be_visible()
    accountant.keep_screen("issue-and-charge-disabled")
    accountant.page.keyboard.press("Tab")
    expect(reason).to_have_count(0)
    button.hover(force=True)
    expect(reason).to_be_visible()
    # Another customer, before anything is saved.
    field = accountant.page.locator("[name=partner_id] input").first
    field.fill("Sam Saved")
    accountant.page.get_by_role("option", name="Sam Saved").first.click()
    expect(button).not_to_have_attribute("aria-disabled", "true")
    expect(reason).to_have_count(0)
    accountant.page.locator(".o_form_button_cancel").click()
    expect(button).to_have_attribute("aria-disabled", "true")


def test_capture_is_confirmed_first(accountant, world, customer):
    invoice_id = make_invoice(world, customer)
    tokens = make_tokens(world, customer, _4242="authorize")
    world.charge(invoice_id, tokens["4242"])
    accountant.open_invoice(invoice_id)
    accountant.expect_row("Authorized")
    accountant.choose_action("Void")
    accountant.press("Cancel")
    accountant.expect_row("Authorized")
    accountant.choose_action("Capture")
    expect(accountant.page.locator(".modal")).to_contain_text("4242")
    accountant.keep_dialog("capture")
    accountant.press("Capture")
    accountant.expect_notification("Payment succeeded")
    accountant.expect_row("Succeeded")
    accountant.expect_remaining("$ 0.00")


def test_row_menu_with_the_keyboard(accountant, world, customer):
    invoice_id = make_invoice(world, customer)
    tokens = make_tokens(world, customer, _1881="decline")
    world.charge(invoice_id, tokens["1881"])
    accountant.open_invoice(invoice_id)
    accountant.expect_row("Declined")
    keyboard = accountant.page.keyboard
    toggle = accountant.rows.first.get_by_role("button", name="Actions for")
    items = accountant.page.locator(".o-dropdown--menu").get_by_role("menuitem")
    accountant.create_button.focus()
    # The links of the row and its next action come before.
    for _place in range(6):
        keyboard.press("Tab")
        if toggle.evaluate("button => button === document.activeElement"):
            break
    expect(toggle).to_be_focused()
    assert "1881" in toggle.get_attribute("aria-label")
    keyboard.press("Enter")
    expect(items.first).to_be_visible()
    keyboard.press("ArrowDown")
    expect(items.first).to_be_focused()
    accountant.keep_screen("row-menu")
    keyboard.press("Escape")
    expect(items).to_have_count(0)
    expect(toggle).to_be_focused()
    keyboard.press("Enter")
    expect(items.first).to_be_visible()
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    expect(accountant.dialog).to_be_visible()
    keyboard.press("Escape")
    expect(accountant.dialog).to_have_count(0)
    expect(toggle).to_be_focused()


def test_section_follows_the_form(accountant, world, customer):
    """The pager, and Odoo's own dialog."""
    first, second = world.make_invoices([customer, customer], 100)
    tokens = make_tokens(world, customer, _4242="succeed")
    world.charge(second, tokens["4242"], amount=25)
    accountant.open_invoice(first, among=[first, second])
    accountant.expect_remaining("$ 100.00")
    accountant.page.locator(".o_pager_next").click()
    accountant.expect_remaining("$ 75.00")
    accountant.expect_row("Succeeded", "$ 25.00")
    pay = accountant.page.get_by_role("button", name="Pay", exact=True)
    pay.click()
    expect(accountant.dialog).to_be_visible()
    accountant.press("Cancel")
    # Odoo's own dialog stays in the menu Actions, under the same guards.
    accountant.page.locator(".o_cp_action_menus button").first.click()
    accountant.page.get_by_role("menuitem", name="Pay", exact=True).click()
    accountant.press("Create Payment")
    expect(accountant.page.get_by_role("heading", level=1)).to_contain_text("PBNK")
    accountant.open_invoice(second, among=[first, second])
    accountant.expect_remaining("$ 0.00")
    expect(accountant.rows).to_have_count(2)
    accountant.expect_sum()
    # Nobody listens any more to the invoice that was left.
    accountant.page.locator(".o_pager_previous").click()
    accountant.expect_remaining("$ 100.00")
    expect(accountant.section.locator(".o_payments_empty")).to_be_visible()
