"""What is collected next, in a browser: the staff's banner, the member's switch."""

import re
from datetime import date, timedelta

import pytest
from browser.member import Member
from playwright.sync_api import expect

pytest_plugins = ["lib.fixtures", "browser.fixtures"]

ONE_DAY = timedelta(days=1)


@pytest.fixture
def plan(world):
    """Let invoices be collected by a plan of four charges, all of them to come."""
    [plan_id] = world.admin.call(
        "account.collection.plan",
        "create",
        vals_list=[
            {
                "name": "Browser",
                "end_days": 60,
                "step_ids": [
                    [
                        0,
                        0,
                        {"kind": "charge", "anchor": "issue", "days": days, "hour": 9},
                    ]
                    for days in (0, 3, 5, 7)
                ],
            }
        ],
    )
    company_id = [world.facts["company_id"]]
    vals = {"collection_plan_id": plan_id, "promise_by_members": True}
    world.admin.call("res.company", "write", company_id, vals=vals)
    yield plan_id
    vals = {"collection_plan_id": False, "promise_by_members": False}
    world.admin.call("res.company", "write", company_id, vals=vals)


@pytest.fixture
def member(chromium, world, artefacts, plan):
    member = Member(chromium, world, artefacts, "Mia Member")
    yield member
    member.close()
    assert not member.get_errors()


def collect(world):
    """Let the schedule collect what is due now."""
    [cron] = world.query(
        "SELECT res_id FROM ir_model_data WHERE name = 'ir_cron_collect'"
    )
    world.run_cron(cron["res_id"])


def test_the_banner(accountant, world, plan):
    page = accountant.page
    partner_id = world.make_customer(name="Banner")
    world.accountant.call(
        "res.partner", "set_auto_pay", [partner_id], on=True, note="On the phone"
    )
    token_id = world.make_token(partner_id, "tok_insufficient_funds")
    [invoice_id] = world.make_invoices(
        [partner_id], invoice_date=str(date.today() - ONE_DAY)
    )
    collect(world)
    accountant.open_invoice(invoice_id)
    banner = accountant.section.locator(".o_payments_collection")
    expect(banner).to_contain_text(
        re.compile(r"Auto-pay: next try \w+ \d+ \w+ 09:00 with .*4242 \(2 of 4\)\. \w")
    )
    keep(accountant, banner, "banner-next")

    banner.get_by_role("button", name="Pause").click()
    accountant.enter("reason", "On holiday")
    accountant.keep_dialog("banner-pause")
    accountant.press("Pause")
    expect(banner).to_contain_text("until somebody resumes it. On holiday.")
    keep(accountant, banner, "banner-paused")
    banner.get_by_role("button", name="Resume").click()
    expect(banner.get_by_role("button", name="Pause")).to_be_visible()

    page.get_by_role("button", name="Promise to pay", exact=True).click()
    accountant.enter("date", (date.today() + 5 * ONE_DAY).strftime("%m/%d/%Y"))
    accountant.keep_dialog("promise-dialog")
    accountant.press("Record")
    accountant.expect_notification("Promise to pay", "The customer promised")
    expect(banner).to_contain_text(re.compile(r"The customer promised \$.100.00 by"))
    keep(accountant, banner, "banner-promised")
    banner.get_by_role("button", name="Promise").click()
    expect(page.locator(".o_form_view [name=date_ids] .o_data_row")).to_have_count(1)
    accountant.keep_screen("promise-form-1280")
    page.get_by_role("button", name="Withdraw", exact=True).click()
    page.locator(".modal").get_by_role("button", name="Ok").click()
    state = page.locator(".o_form_view [name=state] .o_arrow_button_current")
    expect(state).to_have_text("Withdrawn")

    accountant.open_invoice(invoice_id)
    world.admin.call("payment.token", "write", [token_id], vals={"active": False})
    world.make_token(partner_id, details="5555")
    banner.get_by_role("button", name="Try now").click()
    page.locator(".modal").get_by_role("button", name="Try now").click()
    accountant.expect_remaining("$ 0.00")
    expect(banner).to_have_count(0)


def keep(accountant, banner, name):
    """Keep the banner on a desktop and on a telephone, where all of it is seen."""
    accountant.keep_section(f"{name}-1280")
    accountant.narrow()
    banner.scroll_into_view_if_needed()
    assert banner.evaluate("el => el.scrollWidth - el.clientWidth") <= 0
    accountant.keep_section(f"{name}-360")
    accountant.page.set_viewport_size({"width": 1280, "height": 1200})


@pytest.fixture
def before(world):
    """Return invoices that were open before there was a plan."""
    partner_ids = world.make_customers(2)
    world.make_token(partner_ids[0])
    return world.make_invoices(partner_ids, 80)


def start_collection(accountant, world, invoice_ids):
    """Put the invoices of a list into collection."""
    page = accountant.page
    accountant.open_list("account.move", [["id", "in", invoice_ids]])
    page.locator(".o_list_view thead .o_list_record_selector input").click()
    page.locator(".o_cp_action_menus").get_by_role("button", name="Actions").click()
    page.get_by_role("menuitem", name="Start collection…", exact=True).click()
    dialog = page.locator(".modal .o_collection_start")
    expect(dialog).to_contain_text("2 invoices are put into collection")
    accountant.keep_dialog("collection-start")
    accountant.press("Start collection")
    accountant.expect_notification("Collection started", "2 are in collection now")
    rows = world.query(
        "SELECT state FROM account_collection WHERE move_id = ANY(%s)", invoice_ids
    )
    assert [row["state"] for row in rows] == ["running"] * 2


def see_on_a_telephone(accountant, plan):
    """See the collections and the steps of a plan as cards, as wide as the screen."""
    page = accountant.page
    accountant.narrow()
    cards = page.locator(".o_kanban_record:not(.o_kanban_ghost)")
    for name, address, text in (
        ("collection", "account_collection_action", "Listed"),
        ("plan", f"account_collection_plan_action/{plan}", "Charge"),
    ):
        page.goto(f"/odoo/action-invoice_payments_ext.{address}")
        expect(cards.filter(has_text=text).first).to_be_visible()
        accountant.keep_screen(f"collection-{name}-360")
        wide = page.locator(".o_action_manager *").evaluate_all(
            """elements => elements
                .filter((el) => el.scrollWidth > el.clientWidth + 1)
                .filter((el) => /auto|scroll/.test(getComputedStyle(el).overflowX))
                .map((el) => el.className)"""
        )
        assert not wide
    page.set_viewport_size({"width": 1280, "height": 1200})


def test_the_lists(accountant, world, before, plan):
    start_collection(accountant, world, before)
    [invoice_id] = world.make_invoices([world.make_customer(name="Listed")])
    accountant.page.goto("/odoo/action-account.action_move_out_invoice_type")
    accountant.page.locator(".o_searchview_dropdown_toggler").click()
    menu = accountant.page.locator(".o_search_bar_menu")
    for name in ("In collection", "Waiting for a new card", "Collection exhausted"):
        expect(menu.get_by_role("menuitemcheckbox", name=name)).to_be_visible()
    menu.get_by_role("menuitemcheckbox", name="In collection").click()
    accountant.keep_screen("collection-filters-1280")
    expect(accountant.page.locator(".o_data_row", has_text="Listed")).to_have_count(1)
    accountant.page.goto("/odoo/action-invoice_payments_ext.account_collection_action")
    group = accountant.page.locator(".o_group_header", has_text="Running")
    expect(group).to_contain_text(re.compile(r"Running \(\d+\)"))
    accountant.keep_screen("collection-list-1280")
    see_on_a_telephone(accountant, plan)
    accountant.page.goto("/odoo/action-account.open_account_journal_dashboard_kanban")
    counter = accountant.page.get_by_text(
        re.compile(r"^\s*\d+ In collection\s*$")
    ).first
    expect(counter).to_be_visible()
    accountant.keep_screen("collection-dashboard-1280")
    counter.click()
    facets = accountant.page.locator(".o_searchview_facet", has_text="In collection")
    expect(facets).to_be_visible()
    expect(accountant.page.locator(".o_data_row", has_text="Listed")).to_have_count(1)


def test_the_members_switch_and_words(member, world):
    world.make_token(member.partner_id)
    [invoice_id] = world.make_invoices(
        [member.partner_id], invoice_date=str(date.today() + 3 * ONE_DAY)
    )
    page = member.page
    page.goto("/my/payment_method")
    switch = page.get_by_role("region", name="Auto-pay")
    expect(switch).to_contain_text("I agree that")
    limit = switch.get_by_label("Largest automatic charge")
    limit.press_sequentially("12,34.50")
    limit.press("Enter")
    alert = switch.get_by_role("alert")
    expect(alert).to_contain_text("12,34.50 is not an amount such as 1,234.56.")
    expect(limit).to_have_value("12,34.50")
    member.keep_screens("auto-pay-refused", switch)
    limit.fill("500")
    assert not member.find_barriers("#auto_pay")
    member.keep_screens("auto-pay-off", switch)
    switch.get_by_role("button", name="Agree and switch on").click()
    expect(switch).to_contain_text(re.compile(r"Largest automatic charge:\s+\$.500.00"))
    member.keep_screens("auto-pay-on", switch)

    page.goto(f"/my/invoices/{invoice_id}")
    words = page.locator(".o_portal_collection")
    expect(words).to_contain_text(re.compile(r"We will charge .*4242 on \d+ \w+\."))
    assert not member.find_barriers(".o_portal_collection")
    member.keep_screens("we-will-charge", words)
    words.get_by_role("link", name="Change method").click()
    expect(page.get_by_role("link", name="Back to INV")).to_be_visible()
    assert not member.find_barriers(".o_method_invoice")
    page.get_by_role("button", name="Keep it as the default").click()
    expect(words).to_contain_text("We will charge")
    # Before the scripts of the page are there, the link opens no dialog.
    page.wait_for_load_state()
    words.get_by_role("link", name="Pay now").click()
    expect(member.form).to_be_visible()
    page.goto(f"/my/invoices/{invoice_id}")

    promise = page.get_by_role("region", name="Promise to pay")
    promise.get_by_text("Say by which day").click()
    promise.get_by_label("Day").fill(str(date.today() + 5 * ONE_DAY))
    promise.get_by_label("Charge").check()
    amount = promise.get_by_label("Amount")
    expect(amount).to_have_value("100.00")
    amount.clear()
    amount.press_sequentially("20,5")
    amount.hover()
    page.mouse.wheel(0, 100)
    expect(amount).to_have_value("20,5")
    assert not member.find_barriers("#promise_to_pay")
    member.keep_screens("promise-make", promise)
    promise.get_by_role("button", name="Promise").click()
    expect(promise).to_contain_text(re.compile(r"You promised to pay\s+\$.20.50\s+by"))
    assert not member.find_barriers("#promise_to_pay")
    member.keep_screens("promise-made", promise)
    expect(words).to_have_count(0)

    page.goto("/my/payment_method")
    switch.get_by_role("button", name="Switch off").click()
    expect(switch).to_contain_text("I agree that")
