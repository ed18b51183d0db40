"""A member pays several invoices in one go, on the page *What you owe*."""

import re
from datetime import date, timedelta

import pytest
from browser.member import Member
from browser.person import NARROW, WIDE
from playwright.sync_api import expect

pytest_plugins = ["lib.fixtures", "browser.fixtures"]


@pytest.fixture
def member(chromium, world, artefacts):
    member = Member(chromium, world, artefacts, "Olga Owner")
    yield member
    member.close()
    assert not member.get_errors()


def make_owed(world, partner_id):
    """Return two overdue invoices of 50 and one of 20 that is not due."""
    overdue = world.make_invoices([partner_id] * 2, 50, invoice_date_due="2026-02-01")
    soon = str(date.today() + timedelta(days=30))
    return overdue + world.make_invoices([partner_id], 20, invoice_date_due=soon)


def test_several_in_one_go(member, world):
    invoices = make_owed(world, member.partner_id)
    world.make_token(member.partner_id)
    page = member.page
    # The home leads to it, and Odoo's page of the overdue does.
    page.goto("/my")
    page.get_by_role("link", name="What you owe").first.click()
    expect(page.get_by_role("heading", name="What you owe", level=1)).to_be_visible()
    page.goto("/my/invoices/overdue")
    page.wait_for_url("**/my/owe**")
    assert "What you owe" in page.title()
    expect(page.locator(".o_owe_total")).to_contain_text("120.00")
    expect(page.locator(".o_owe_overdue")).to_contain_text("100.00")
    lines = page.get_by_role("checkbox", name="INV/")
    expect(lines).to_have_count(3)
    for number, is_due in enumerate((True, True, False)):
        expect(lines.nth(number)).to_be_checked(checked=is_due)
    expect(member.pay_button).to_have_text("Pay $ 100.00")
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        assert not member.find_barriers("#wrap")
        member.keep_screen(f"owe-{size['width']}")
    # On a telephone the button stays in sight, above all of the list.
    page.set_viewport_size({**NARROW, "height": 480})
    lines.nth(0).scroll_into_view_if_needed()
    expect(member.pay_button).to_be_in_viewport(ratio=1)
    for number in range(3):
        lines.nth(number).uncheck()
    expect(page.get_by_text("Choose at least one invoice.")).to_be_visible()
    expect(member.pay_button).to_be_disabled()
    lines.nth(0).check()
    lines.nth(2).check()
    expect(member.pay_button).to_have_text("Pay $ 70.00")
    member.press_pay()
    page.wait_for_url("**/my/owe/paid")
    expect(page.get_by_role("heading", level=1)).to_have_text("Paid. Thank you!")
    expect(page.locator(".o_owe_paid li")).to_have_count(2)
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        assert not member.find_barriers("#wrap")
        member.keep_screen(f"owe-paid-{size['width']}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Receipt").click()
    assert download.value.suggested_filename.endswith(".pdf")
    page.get_by_role("link", name="See what is still open").click()
    expect(page.locator(".o_owe_total")).to_contain_text("50.00")
    residuals = [world.get_invoice(each)["amount_residual"] for each in invoices]
    assert residuals == [0, 50, 0]
    [attempt] = world.get_attempts(invoices[0])
    assert attempt["amount"] == 70


def test_credit_first_and_nothing_left(member, world):
    invoices = make_owed(world, member.partner_id)
    world.make_token(member.partner_id)
    world.adjust_credit(member.partner_id, 65)
    page = member.page
    page.goto("/my/owe")
    member.form.get_by_label("Use my credit").check()
    expect(member.form).to_contain_text("$ 65.00 from your credit, $ 35.00 by")
    page.get_by_role("checkbox", name="INV/").nth(2).check()
    expect(member.form).to_contain_text("$ 65.00 from your credit, $ 55.00 by")
    member.press_pay()
    page.wait_for_url("**/my/owe/paid")
    expect(page.get_by_text("From your credit: $ 65.00")).to_be_visible()
    # One of the card, and one of each invoice that the credit paid.
    expect(page.get_by_role("link", name="Receipt")).to_have_count(3)
    expect(page.get_by_role("link", name="Your credit")).to_have_count(2)
    expect(page.locator(".o_portal_submenu")).not_to_contain_text("INV/")
    member.keep_screen("owe-paid-credit")
    for invoice_id in invoices:
        assert world.get_invoice(invoice_id)["amount_residual"] == 0
    page.goto("/my/owe")
    expect(page.get_by_text("Nothing is open.")).to_be_visible()
    # The rest of the page is there all the same.
    for name in ("Agree and switch on", "All receipts of", "account as PDF", "as CSV"):
        expect(page.locator("#wrap").get_by_text(name)).to_have_count(1)
    assert not member.find_barriers("#wrap")


def test_why_credit_is_not_offered(member, world):
    """Beside a payment on its way, and where it would lose a discount."""
    pending, due, _later = make_owed(world, member.partner_id)
    world.charge(pending, world.make_token(member.partner_id, "tok_pending"), amount=30)
    world.make_token(member.partner_id)
    term_id = world.admin.call(
        "account.payment.term",
        "create",
        vals_list=[
            {
                "name": "10 % in 10 days",
                "early_discount": True,
                "discount_percentage": 10,
                "discount_days": 10,
                "line_ids": [[0, 0, {"value_amount": 100, "nb_days": 30}]],
            }
        ],
    )[0]
    today = str(date.today())
    [early] = world.make_invoices(
        [member.partner_id], 40, invoice_payment_term_id=term_id, invoice_date=today
    )
    world.adjust_credit(member.partner_id, 15)
    page = member.page
    page.goto("/my/owe")
    use = member.form.get_by_label("Use my credit")
    held_back = page.locator(".o_member_credit_held_back")
    kept = page.locator(".o_member_credit_kept")
    by_credit = page.locator("input[data-provider-code='credit_balance']")

    def tick(*invoice_ids):
        for box in page.locator("[name='o_owed_line']").all():
            box.set_checked(int(box.get_attribute("data-invoice")) in invoice_ids)

    expect(held_back).to_be_visible()
    expect(use).to_be_hidden()
    assert not member.find_barriers("#wrap")
    page.set_viewport_size(NARROW)
    member.keep_screen("owe-credit-held-back-360")
    tick(due)
    expect(use).to_be_visible()
    expect(held_back).to_be_hidden()
    tick(early)
    expect(kept).to_be_visible()
    expect(use).to_be_hidden()
    # Credit pays the others.
    tick(due, early)
    expect(use).to_be_visible()
    expect(kept).to_be_hidden()
    # The credit is enough, but for the payment on its way.
    world.adjust_credit(member.partner_id, 85)
    page.reload()
    tick(due)
    expect(by_credit).to_be_visible()
    tick(pending)
    expect(held_back).to_be_visible()
    expect(by_credit).to_be_hidden()


@pytest.fixture
def limited(world):
    """Let no method take more than 60 at once, and members promise."""
    company_id = world.facts["company_id"]
    providers = world.query(
        "SELECT id FROM payment_provider WHERE company_id = %s "
        "AND state != 'disabled' AND code != 'credit_balance'",
        company_id,
    )

    def write(maximum, promises):
        world.admin.call(
            "payment.provider",
            "write",
            [provider["id"] for provider in providers],
            vals={"maximum_amount": maximum},
        )
        world.admin.call(
            "res.company", "write", [company_id], vals={"promise_by_members": promises}
        )

    write(60, True)
    yield
    write(0, False)


def test_by_keyboard_less_than_all_and_a_promise(member, world, limited):
    """The page says why no method is there. One is paid, and the other is promised."""
    invoices = make_owed(world, member.partner_id)
    token_id = world.make_token(member.partner_id)
    world.query(
        "UPDATE payment_token SET expires_on = %s WHERE id = %s RETURNING id",
        date.today() + timedelta(days=5),
        token_id,
    )
    world.admin.call(
        "res.partner", "set_auto_pay", [member.partner_id], on=True, note="On the phone"
    )
    page = member.page
    page.goto("/my/owe")
    notice = page.locator(".o_owe_expiring")
    expect(notice).to_contain_text("4242 expires on")
    expect(notice.get_by_role("link", name="Replace")).to_have_attribute(
        "href", re.compile(r"^/my/payment_method\?company_id=\d+$")
    )
    why = page.locator(".o_member_no_method")
    expect(why).to_have_text(
        "No payment method takes $ 100.00 at once: $ 60.00 is the most. Choose fewer "
        "invoices, and pay the others after them."
    )
    expect(member.pay_button).to_be_disabled()
    member.keep_screens("owe-no-method", page.locator("#wrap"))
    for size in (NARROW, WIDE):
        page.set_viewport_size(size)
        assert not member.find_barriers("#wrap")
    lines = page.get_by_role("checkbox", name="INV/")
    member.tab_to(lines.nth(1))
    page.keyboard.press("Space")
    expect(why).to_be_hidden()
    member.tab_to(page.locator("[name='o_payment_radio']").first)
    page.keyboard.press("Space")
    expect(member.pay_button).to_have_text("Pay $ 50.00")
    member.tab_to(member.pay_button)
    page.keyboard.press("Enter")
    page.wait_for_url("**/my/owe/paid")
    expect(page.get_by_role("heading", level=1)).to_have_text("Paid. Thank you!")
    member.tab_to(page.get_by_role("link", name="See what is still open"))
    page.keyboard.press("Enter")
    expect(page.locator(".o_owe_total")).to_contain_text("70.00")
    day = date.today() + timedelta(days=3)
    member.tab_to(page.get_by_label("Say by which day you pay"))
    page.keyboard.type(day.strftime("%m%d%Y"))
    member.tab_to(page.get_by_role("button", name="Promise", exact=True))
    page.keyboard.press("Enter")
    promised = page.locator(".o_owe_promise")
    expect(promised).to_contain_text("You promised to pay $ 50.00 by")
    expect(page.locator(".o_owe_promised")).to_have_count(1)
    member.keep_screens("owe-promised", page.locator("#wrap"))
    assert not member.find_barriers("#wrap")
    assert [world.get_invoice(each)["amount_residual"] for each in invoices] == [
        0,
        50,
        20,
    ]
