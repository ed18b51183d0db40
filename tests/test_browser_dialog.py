"""An accountant pays in the one dialog: the due amount, typed amounts, a cheque."""

import pytest
from playwright.sync_api import expect

pytest_plugins = ["lib.fixtures", "browser.fixtures"]

# A machine as slow as the test wants it: what Odoo waits for can be held back.
HOLD_BACK = """() => {
    window.held = {};
    for (const name of ["setTimeout", "requestAnimationFrame"]) {
        const original = window[name].bind(window);
        window[name] = (callback, delay, ...rest) => {
            const held = window.held[delay === 300 ? "typing" : name];
            return held ? held.push(callback) : original(callback, delay, ...rest);
        };
    }
    window.holdBack = (name) => (window.held[name] = []);
    window.letGo = (name) => {
        const callbacks = window.held[name];
        delete window.held[name];
        callbacks.forEach((callback) => callback(performance.now()));
    };
}"""


@pytest.fixture
def customer(world):
    return world.make_customer(name="Nora Northwind")


def test_clicks_from_the_open_invoice(accountant, world, customer):
    """Charge: 2, a part in cash: 3, retry: 2."""
    invoice_id = world.make_invoices([customer], 105)[0]
    token = world.make_token(customer, "tok_decline", details="1881")
    accountant.open_invoice(invoice_id)
    expect(accountant.create_button).to_be_visible()
    accountant.count_clicks()
    accountant.page.get_by_role("button", name="Pay", exact=True).click()
    button = accountant.page.locator(".modal footer .btn-primary")
    expect(button).to_have_text("Charge $\u00a0105.00")
    accountant.expect_preview("$ 105.00 is charged to", "is paid: nothing remains")
    button.click()
    accountant.expect_row("Declined", "1881")
    assert accountant.get_clicks() == 2
    accountant.expect_notification("Payment declined")
    accountant.count_clicks()
    accountant.rows.first.get_by_role("button", name="Retry").click()
    expect(accountant.dialog).to_contain_text("Declined last")
    accountant.keep_screen("dialog-retry")
    accountant.press("Charge")
    expect(accountant.rows).to_have_count(2)
    assert accountant.get_clicks() == 2
    accountant.expect_notification("Payment declined")
    world.admin.call("payment.token", "write", [token], vals={"active": False})
    accountant.count_clicks()
    accountant.press_create()
    # The amount is what a person types at once; it stays when Cash is chosen.
    expect(accountant.dialog.locator("[name=amount] input")).to_be_focused()
    accountant.page.keyboard.press("Control+A")
    accountant.page.keyboard.type("5")
    accountant.choose_method("Cash")
    expect(button).to_have_text("Record $\u00a05.00")
    accountant.expect_preview("Cash, in the journal Cash", "$ 100.00 of $ 105.00")
    accountant.keep_dialog("dialog-cash")
    button.click()
    accountant.expect_row("Succeeded", "Cash", "$ 5.00")
    assert accountant.get_clicks() == 3
    accountant.expect_notification("Payment recorded")


def test_amounts_are_read_as_the_language_writes_them(accountant, world, customer):
    """From the button to the outcome with the keyboard only."""
    world.make_token(customer, "tok_succeed", details="4242")
    [invoice_id] = world.make_invoices([customer], 2000)
    accountant.open_invoice(invoice_id)
    accountant.create_button.press("Enter")
    expect(accountant.dialog.locator("[name=amount] input")).to_be_focused()
    amount = accountant.dialog.locator("[name=amount] input")
    hint = accountant.dialog.get_by_role("alert")
    button = accountant.page.locator(".modal footer .btn-primary")
    label = button.locator("[name=button_label]")
    preview = accountant.page.locator(".modal [name=preview]")
    for typed in ("10,5", "1.234,56", "1.234", "1,23,4", "10.", "12a"):
        amount.fill(typed)
        if typed == "10.":  # Half a number, which is one.
            expect(button).to_have_text("Charge $\u00a010.00")
            continue
        amount.press("Tab")
        reason = "Too many decimals. " if typed == "1.234" else ""
        expect(hint).to_have_text(f"{reason}Write the amount as 1,234.56.")
        # Nothing says what would happen with the amount before.
        expect(preview).to_be_hidden()
        expect(label).to_have_css("text-decoration-line", "line-through")
        # Neither the mouse nor the keyboard moves any money now.
        button.click()
        accountant.page.keyboard.press("Alt+q")
        expect(accountant.page.locator(".o_notification").last).to_be_visible()
        expect(accountant.dialog).to_be_visible()
    accountant.keep_screen("dialog-wrong-amount")
    assert not world.get_attempts(invoice_id)
    assert not accountant.find_barriers(".modal-content")
    for typed, understood in (
        ("1,234.5", "1,234.50"),
        ("$ 12.5", "12.50"),
        ("=1,000*1.05", "1,050.00"),
        (".5", "0.50"),
    ):
        amount.fill(typed)
        expect(button).to_have_text(f"Charge $\u00a0{understood}")
        expect(hint).to_have_count(0)
        expect(preview).to_be_visible()
        expect(label).to_have_css("text-decoration-line", "none")
    amount.press("Alt+q")
    accountant.expect_notification("Payment succeeded", "$ 0.50")
    accountant.expect_remaining("$ 1,999.50")


def test_typed_amount_stays_on_a_slow_machine(accountant, world, customer):
    """The amount of before, shown while the server is asked, is not read as typed."""
    [invoice_id] = world.make_invoices([customer], 100)
    token_id = world.make_token(customer, "tok_succeed", details="4242")
    world.charge(invoice_id, token_id)
    page = accountant.page
    page.add_init_script(f"({HOLD_BACK})()")
    page.goto("/odoo")
    page.wait_for_selector(".o_web_client .o_main_navbar")
    accountant.open_invoice(invoice_id)
    accountant.open_refund()
    amount = page.locator(".modal [name=amount] input")
    expect(amount).to_have_value("100.00")
    accountant.expect_preview("$ 100.00 goes back to")

    asked = []
    onchange = "**/account.payment.refund/onchange*"
    page.route(onchange, lambda route: asked.append(route))
    page.evaluate("holdBack('typing')")
    # Nothing is drawn between the last digit and Tab, then the server is slow.
    page.evaluate("holdBack('requestAnimationFrame')")
    amount.focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("0.10")
    with page.expect_request(onchange):
        page.keyboard.press("Tab")
    page.evaluate("letGo('requestAnimationFrame')")
    page.wait_for_timeout(500)
    # Its answer is here, and not drawn yet, when the field follows what was typed.
    page.evaluate("holdBack('requestAnimationFrame')")
    with page.expect_response(onchange) as answer:
        asked.pop().continue_()
    answer.value.finished()
    page.unroute(onchange)
    page.wait_for_timeout(500)
    page.evaluate("letGo('typing')")
    page.evaluate("letGo('requestAnimationFrame')")
    accountant.expect_preview("$ 0.10 goes back to")
    accountant.press("Refund")
    accountant.expect_refund("Succeeded", "− $ 0.10")


def test_create_and_refund_by_keyboard(accountant, world, customer):
    """No mouse: opened, chosen and confirmed, and the focus is where it was before."""
    [invoice_id] = world.make_invoices([customer], 100)
    token_id = world.make_token(customer, "tok_succeed", details="4242")
    world.charge(invoice_id, token_id, amount=60)
    accountant.open_invoice(invoice_id)
    expect(accountant.rows).to_have_count(1)
    accountant.count_clicks()
    keyboard = accountant.page.keyboard
    footer = accountant.page.locator(".modal footer")
    # The jump spares a person the fields of Odoo's form.
    accountant.tab_to(accountant.page.locator(".o_payments_jump"))
    keyboard.press("Enter")
    expect(accountant.section.locator("h3")).to_be_focused()
    accountant.tab_to(accountant.create_button)
    keyboard.press("Enter")
    expect(accountant.dialog.locator("[name=amount] input")).to_be_focused()
    keyboard.press("Control+A")
    keyboard.type("25")
    accountant.tab_to(accountant.dialog.get_by_role("radio", name="4242"))
    keyboard.press("ArrowDown")
    expect(accountant.dialog.get_by_role("radio", name="Cash")).to_be_checked()
    expect(accountant.dialog.get_by_role("radio", name="Cash")).to_be_focused()
    # The button of this method takes the place of the other.
    expect(footer.locator(".btn-primary")).to_have_text("Record $\u00a025.00")
    accountant.tab_to(footer.locator(".btn-primary"))
    keyboard.press("Enter")
    accountant.expect_row("Succeeded", "Cash", "$ 25.00")
    accountant.expect_remaining("$ 15.00")
    expect(accountant.create_button).to_be_focused()

    menu = accountant.rows.nth(1).get_by_role("button", name="Actions for Card")
    accountant.tab_to(menu)
    keyboard.press("Enter")
    refund = accountant.page.get_by_role("menuitem", name="Refund", exact=True)
    accountant.arrow_to(refund)
    keyboard.press("Enter")
    dialog = accountant.page.locator(".modal .o_payment_refund")
    expect(dialog.locator("[name=amount] input")).to_be_focused()
    # Escape gives it up, and leads back.
    keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(menu).to_be_focused()
    keyboard.press("Enter")
    accountant.arrow_to(refund)
    keyboard.press("Enter")
    expect(dialog.locator("[name=amount] input")).to_be_focused()
    keyboard.press("Control+A")
    keyboard.type("5")
    accountant.tab_to(dialog.get_by_role("button", name="Goodwill"))
    keyboard.press("Enter")
    expect(dialog.locator("[name=reason] input")).to_have_value("Goodwill")
    accountant.expect_preview("$ 5.00 goes back to")
    accountant.tab_to(footer.locator(".btn-primary"))
    keyboard.press("Enter")
    accountant.expect_refund("Succeeded", "− $ 5.00", "Goodwill", row=1)
    accountant.expect_remaining("$ 20.00")
    expect(menu).to_be_focused()
    assert accountant.get_clicks() == 0


def test_one_cheque_for_several_invoices(accountant, world):
    # Not a name of another test: the rows are found by it.
    customer = world.make_customer(name="Three Invoices")
    world.make_invoices([customer] * 3, 100)
    accountant.page.evaluate(
        """() => odoo.__WOWL_DEBUG__.root.env.services.action.doAction(
            "account.action_move_out_invoice_type",
            {clearBreadcrumbs: true}
        )"""
    )
    rows = accountant.page.locator(".o_data_row", has_text="Three Invoices")
    rows.first.wait_for()
    for index in range(3):
        rows.nth(index).locator(".o_list_record_selector input").check()
    accountant.page.locator(".o_control_panel").get_by_role(
        "button", name="Pay", exact=True
    ).click()
    dialog = accountant.page.locator(".modal .o_payment_create_joint")
    expect(dialog).to_be_visible()
    button = accountant.page.locator(".modal footer .btn-primary")
    expect(button).to_have_text("Record $\u00a0300.00")
    dialog.locator(".o_field_widget[name=amount] input").first.fill("150")
    expect(button).to_have_text("Record $\u00a0150.00")
    accountant.expect_preview("1 of 3 invoices are paid in full, 1 in part")
    accountant.enter("reference", "CHQ of three")
    accountant.keep_dialog("joint")
    # The parts are changed by the keyboard, too.
    cell = dialog.locator("td[name=amount]").nth(1)
    accountant.tab_to(cell)
    accountant.page.keyboard.press("Enter")
    expect(cell.get_by_role("textbox", name="Paid now")).to_be_focused()
    accountant.page.keyboard.type("50")
    button.click()
    accountant.expect_notification("Payment recorded", "$ 150.00", "2 invoices")
    [row] = world.query(
        "SELECT count(*), max(external_kind) AS kind FROM account_payment "
        "WHERE payment_reference = 'CHQ of three'"
    )
    assert (row["count"], row["kind"]) == (1, "cheque")
