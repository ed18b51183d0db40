"""A member pays in a browser: a part by a saved method, the rest by credit and card."""

import pytest
from browser.member import Member
from browser.person import NARROW, WIDE, Person
from playwright.sync_api import expect

pytest_plugins = ["lib.fixtures", "browser.fixtures"]

SIZES = (WIDE, NARROW)


@pytest.fixture
def company(world):
    """Let members choose the amount, from 20 on."""
    company_id = [world.facts["company_id"]]
    world.admin.call(
        "res.company",
        "write",
        company_id,
        vals={"portal_amount_choice": True, "portal_minimum_amount": 20},
    )
    yield
    world.admin.call(
        "res.company", "write", company_id, vals={"portal_amount_choice": False}
    )


@pytest.fixture
def member(chromium, world, artefacts, company):
    member = Member(chromium, world, artefacts, "Paula Payer")
    yield member
    member.close()
    assert not member.get_errors()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size["width"]))
def test_a_part_then_credit_and_card(member, world, size):
    [invoice_id] = world.make_invoices([member.partner_id], 300)
    world.make_token(member.partner_id)
    world.adjust_credit(member.partner_id, 65)
    member.page.set_viewport_size(size)

    form = member.open_payment_form(invoice_id)
    form.get_by_role("textbox", name="Other amount").fill("120")
    expect(form.get_by_role("radio", name="Other amount")).to_be_checked()
    assert not member.find_barriers(".o_member_payment")
    member.keep_screen(f"pay-a-part-{size['width']}")
    member.press_pay()
    section = member.page.get_by_role("region", name="Payments")
    expect(section.locator(".o_payments_remaining")).to_contain_text("180.00")

    form = member.open_payment_form(invoice_id)
    form.get_by_label("Use my credit").check()
    expect(form).to_contain_text("$ 65.00 from your credit, $ 115.00 by the method")
    expect(form.get_by_text("Your credit", exact=True)).to_be_hidden()
    member.keep_screen(f"pay-credit-first-{size['width']}")
    member.press_pay()
    expect(section.locator(".o_payments_remaining")).to_contain_text("0.00")
    rows = section.locator(".o_payment_row")
    expect(rows).to_have_count(3)
    expect(section).to_contain_text("Credit applied")
    assert not member.find_barriers("section[aria-labelledby='invoice_payments_title']")
    member.keep_screen(f"paid-{size['width']}")
    with member.page.expect_download() as download:
        section.get_by_role("link", name="Receipt of").first.click()
    assert download.value.suggested_filename.endswith(".pdf")
    assert world.get_invoice(invoice_id)["amount_residual"] == 0


def test_all_that_is_overdue_by_credit_and_card(member, world):
    invoice_ids = world.make_invoices([member.partner_id] * 2, 50)
    world.admin.call(
        "account.move",
        "write",
        invoice_ids,
        vals={"invoice_date_due": "2026-02-01"},
    )
    world.make_token(member.partner_id)
    world.adjust_credit(member.partner_id, 65)
    for size in SIZES:
        member.page.set_viewport_size(size)
        member.page.goto("/my/invoices/overdue")
        member.form.get_by_label("Use my credit").check()
        expect(member.form).to_contain_text("$ 65.00 from your credit, $ 35.00 by")
        member.keep_screen(f"pay-overdue-{size['width']}")
    assert not member.find_barriers(".o_member_payment")
    member.press_pay()
    member.page.wait_for_url("**/my/**")
    expect(member.page.locator(".o_member_payment")).to_have_count(0)
    for invoice_id in invoice_ids:
        assert world.get_invoice(invoice_id)["amount_residual"] == 0
    assert world.get_credit_balance(member.partner_id)["amount"] == 0


def test_all_by_credit(member, world):
    [invoice_id] = world.make_invoices([member.partner_id], 50)
    world.make_token(member.partner_id)
    world.adjust_credit(member.partner_id, 65)
    form = member.open_payment_form(invoice_id)
    expect(form.get_by_label("Use my credit")).to_be_hidden()
    expect(form.locator(".o_member_credit")).to_contain_text("65.00")
    member.choose_method("Your credit")
    member.press_pay()
    section = member.page.get_by_role("region", name="Payments")
    expect(section).to_contain_text("Credit applied")
    assert world.get_invoice(invoice_id)["amount_residual"] == 0


def test_declined(member, world):
    """Our sentence stays in sight, and another method is chosen and has the focus."""
    [invoice_id] = world.make_invoices([member.partner_id], 50)
    world.make_token(member.partner_id)
    world.make_token(member.partner_id, "tok_insufficient_funds")
    form = member.open_payment_form(invoice_id)
    declined = form.locator("[name='o_payment_radio']:checked")
    declined_id = declined.get_attribute("id")
    member.press_pay()
    alert = form.locator(".o_member_payment_error")
    expect(alert).to_contain_text("was declined. Nothing was charged. Please choose")
    chosen = form.locator("[name='o_payment_radio']:checked")
    expect(chosen).to_be_focused()
    assert chosen.get_attribute("id") != declined_id
    expect(member.pay_button).to_be_enabled()
    member.keep_screens("pay-declined", form)
    assert not member.find_barriers("#pay_with")
    assert world.get_invoice(invoice_id)["amount_residual"] == 50
    member.press_pay()
    section = member.page.get_by_role("region", name="Payments")
    expect(section.locator(".o_payments_remaining")).to_contain_text("0.00")
    assert world.get_invoice(invoice_id)["amount_residual"] == 0


def test_by_keyboard(member, world):
    """From the invoice to the payment of another amount, without a mouse."""
    [invoice_id] = world.make_invoices([member.partner_id], 100)
    world.make_token(member.partner_id)
    page = member.page
    page.goto(f"/my/invoices/{invoice_id}")
    member.tab_to(page.get_by_role("link", name="Pay Now").locator("visible=true"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Pay")).to_be_visible()
    member.tab_to(member.form.get_by_role("radio", name="Remaining amount"))
    page.keyboard.press("ArrowDown")
    expect(member.form.get_by_role("radio", name="Other amount")).to_be_checked()
    member.tab_to(member.form.get_by_role("textbox", name="Other amount"))
    page.keyboard.type("20,5")
    expect(member.pay_button).to_have_text("Pay $ 20.50")
    member.tab_to(member.pay_button)
    page.keyboard.press("Enter")
    section = page.get_by_role("region", name="Payments")
    expect(section.locator(".o_payments_remaining")).to_contain_text("79.50")


def test_amounts_as_people_write_them(member, world):
    """They are read in the person's language; a text that is not one cannot be paid."""
    [invoice_id] = world.make_invoices([member.partner_id], 1500)
    world.make_token(member.partner_id)
    form = member.open_payment_form(invoice_id)
    amount = form.get_by_role("textbox", name="Other amount")
    alert = form.locator("#o_member_amount_error[role='alert']")
    assert amount.get_attribute("inputmode") == "decimal"
    for entered, is_paid in (
        ("20,5", "$ 20.50"),
        ("20.5", "$ 20.50"),
        ("1,234.50", "$ 1,234.50"),
        (" 1 234.50", "$ 1,234.50"),
        ("1234,50", "$ 1,234.50"),
    ):
        amount.fill(entered)
        expect(member.pay_button).to_have_text(f"Pay {is_paid}")
        expect(member.pay_button).to_be_enabled()
    amount.hover()
    member.page.mouse.wheel(0, 100)
    expect(amount).to_have_value("1234,50")
    limits = "Enter an amount from $ 20.00 to $ 1,500.00."
    decimals = "Too many decimals. The smallest unit is $ 0.01."
    for entered, refusal in (
        ("19.99", limits),
        ("1500.01", limits),
        ("20.555", decimals),
        ("1,234.5678", decimals),
        ("0.001", decimals),
        ("20,555", limits),  # In English, these are thousands.
        ("1e2", limits),
        ("12,34.50", limits),
        ("20 5", limits),
        ("-20", limits),
        ("0x20", limits),
        ("NaN", limits),
    ):
        amount.fill(entered)
        expect(member.pay_button).to_be_disabled()
        expect(alert).to_have_text(refusal)
        amount.fill("20")
        expect(alert).to_be_empty()
    amount.fill("")
    amount.press("Tab")
    expect(alert).to_contain_text("Enter an amount")
    member.keep_screens("pay-no-amount", form)
    expect(member.pay_button).to_be_disabled()
    assert not member.find_barriers(".o_member_payment")
    form.get_by_role("radio", name="Remaining amount").check()
    expect(alert).to_be_empty()
    expect(member.pay_button).to_have_text("Pay $ 1,500.00")


def test_stranger_with_the_link(chromium, member, world, artefacts):
    """Nothing of the customer's methods and credit is seen, and a part can be paid."""
    [invoice_id] = world.make_invoices([member.partner_id], 300)
    world.make_token(member.partner_id)
    world.adjust_credit(member.partner_id, 65)
    address = world.admin.call("account.move", "get_portal_url", [invoice_id])
    stranger = Person(chromium, world, artefacts)
    stranger.page.goto(address)
    stranger.page.get_by_role("link", name="Pay Now").locator("visible=true").click()
    form = stranger.page.locator(".o_member_payment")
    for size in SIZES:
        stranger.page.set_viewport_size(size)
        expect(form).to_be_visible()
        expect(form).to_contain_text("Payment method")
        expect(form).not_to_contain_text("4242")
        expect(form).not_to_contain_text("credit")
        stranger.page.screenshot(path=artefacts / f"stranger-{size['width']}.png")
    stranger.close()
    assert not stranger.get_errors()
