"""An accountant corrects mistakes on the rows of an invoice."""

from playwright.sync_api import expect

pytest_plugins = ["lib.fixtures", "browser.fixtures"]

AT_DESK = {"width": 1280, "height": 800}
LONG_MEMO = "Thank you for the lessons of Norbert and his sister. " * 4


def expect_focus(accountant, text):
    accountant.page.wait_for_function(
        """(text) => {
            const {activeElement} = document;
            const label = activeElement.getAttribute("aria-label");
            return (label || activeElement.innerText || "").includes(text);
        }""",
        arg=text,
    )


def test_recorded_by_mistake(accountant, world):
    invoice_id, _token_id = world.make_case()
    world.accountant.call(
        "account.move",
        "record_external_payment",
        [invoice_id],
        amount=60,
        memo=LONG_MEMO,
    )
    accountant.page.set_viewport_size(AT_DESK)
    accountant.open_invoice(invoice_id)
    # The amount that remains is seen at once, and leads to the section.
    jump = accountant.page.locator(".o_payments_jump")
    expect(jump).to_be_in_viewport(ratio=1)
    expect(jump).to_contain_text("40.00")
    accountant.keep_screen("section-jump-1280")
    jump.click()
    expect(accountant.section.locator("h3")).to_be_in_viewport()
    expect(accountant.section.locator("h3")).to_be_focused()
    expect(accountant.page.locator("[name=invoice_payments_widget]")).to_have_count(0)
    # A long memo is cut.
    memo = accountant.rows.locator(".o_payment_memo")
    expect(memo).to_contain_text("…")
    more = accountant.rows.get_by_role("button", name="more")
    more.click()
    expect(memo).to_contain_text(LONG_MEMO.strip()[-30:])
    assert not accountant.find_barriers(".o_payments_section")
    accountant.keep_section("section-mistake-1280")

    accountant.count_clicks()
    accountant.rows.get_by_role("button", name="Recorded by mistake").click()
    dialog = accountant.page.locator(".modal .o_payment_undo_recording")
    expect(dialog).to_contain_text("is open again by $ 60.00")
    expect(dialog).to_contain_text("No money moves")
    accountant.keep_dialog("mistake")
    # Back closes the dialog, and stays on the invoice.
    accountant.page.go_back()
    expect(dialog).to_have_count(0)
    expect(accountant.section).to_be_visible()
    expect_focus(accountant, "Recorded by mistake")

    accountant.count_clicks()
    accountant.rows.get_by_role("button", name="Recorded by mistake").click()
    accountant.press("Take it back")
    accountant.page.wait_for_selector(".o_notification")
    assert accountant.get_clicks() == 2
    expect_focus(accountant, "Actions for")
    accountant.expect_notification("Taken back")
    accountant.expect_remaining("$ 100.00")
    accountant.expect_row("Recorded by mistake")
    expect(
        accountant.section.locator(".o_payments_sum .o_payments_applied")
    ).to_have_text("$\u00a00.00")
    accountant.expect_sum()
    # The page behind is the one from before.
    assert accountant.page.url.rstrip("/").endswith(str(invoice_id))
    accountant.keep_section("section-mistaken-1280")
    accountant.narrow()
    accountant.keep_section("section-mistaken-360")


def test_many_rows_and_a_quick_reason(accountant, world):
    invoice_id, token_id = world.make_case()
    world.charge(invoice_id, token_id, amount=20)
    for _number in range(9):
        world.accountant.call(
            "account.move", "record_external_payment", [invoice_id], amount=1
        )
    accountant.page.set_viewport_size({"width": 1280, "height": 1200})
    accountant.open_invoice(invoice_id)
    expect(accountant.rows).to_have_count(8)
    accountant.section.get_by_role("button", name="Show 2 more").click()
    expect(accountant.rows).to_have_count(10)
    accountant.expect_sum()
    charged = accountant.rows.nth(9)
    expect(charged.locator(".o_payment_gateway_reference")).to_be_visible()
    expect(charged.get_by_role("button", name="Copy")).to_be_visible()
    assert not accountant.find_barriers(".o_payments_section")
    accountant.keep_section("section-many-1280")
    accountant.open_refund(9)
    accountant.keep_dialog("refund-picks")
    accountant.enter("amount", "5")
    accountant.press("Goodwill")
    expect(accountant.page.locator(".modal [name=reason] input")).to_have_value(
        "Goodwill"
    )
    accountant.press("Refund")
    accountant.expect_notification("Refund succeeded", "$ 5.00")
    expect_focus(accountant, "Actions for")
    accountant.narrow()
    accountant.keep_section("section-many-360")


def test_waiting_for_approval(accountant, world):
    world.make_user(
        "approver",
        "base.group_user",
        "account.group_account_invoice",
        "invoice_payments_ext.group_payment_refund",
    )
    company = [world.facts["company_id"]]
    world.admin.call(
        "res.company", "write", company, vals={"payment_approval_limit": 10}
    )
    try:
        invoice_id, token_id = world.make_case()
        world.charge(invoice_id, token_id)
        accountant.open_invoice(invoice_id)
        accountant.open_refund()
        accountant.enter("amount", "30")
        accountant.expect_preview("until a second person approves")
        accountant.press("Refund")
        accountant.expect_notification("Waits for a second person", "$ 30.00")
        accountant.expect_refund("Waits for approval", "− $ 30.00")
        assert not accountant.find_barriers(".o_payments_section")
        accountant.keep_section("section-waiting-1280")
        accountant.narrow()
        accountant.keep_section("section-waiting-360")
        accountant.page.set_viewport_size({"width": 1280, "height": 1200})
        part = accountant.rows.first.locator(".o_payment_refund")
        part.get_by_role("button", name="Withdraw").click()
        accountant.press("Withdraw")
        accountant.expect_notification("Withdrawn")
        expect(part).to_have_count(0)
    finally:
        world.admin.call(
            "res.company", "write", company, vals={"payment_approval_limit": False}
        )
