"""An accountant corrects payments in a browser, with a real gateway."""

import pytest
from browser.accountant import Accountant
from playwright.sync_api import expect

pytest_plugins = ["lib.fixtures", "browser.fixtures"]


@pytest.fixture
def paid(world):
    """Return an invoice of 100 that was charged, and its attempt."""
    invoice_id, token_id = world.make_case()
    world.charge(invoice_id, token_id)
    return invoice_id


def test_refund_a_part_to_the_card(accountant, world, paid):
    accountant.open_invoice(paid)
    accountant.expect_remaining("$ 0.00")
    accountant.count_clicks()
    accountant.open_refund()
    accountant.page.locator(".modal [name=amount] input").click()
    accountant.enter("amount", "30")
    accountant.enter("reason", "One lesson was cancelled")
    accountant.expect_preview(
        "$ 30.00 goes back to", "reopens by $ 30.00: $ 30.00 remain to be paid"
    )
    accountant.keep_dialog("refund")
    accountant.press("Refund")
    assert accountant.get_clicks() == 4
    accountant.expect_notification("Refund succeeded", "$ 30.00")
    accountant.expect_remaining("$ 30.00")
    accountant.expect_row("Succeeded", "$ 30.00 refunded", "$ 70.00")
    accountant.expect_refund("Succeeded", "− $ 30.00", "One lesson was cancelled")
    expect(accountant.page.locator(".o_refund_status")).to_have_text(
        "Partially Refunded"
    )
    accountant.expect_sum()
    accountant.keep_screen("refunded-1280")
    accountant.narrow()
    accountant.section.scroll_into_view_if_needed()
    accountant.keep_section("refunded-360")
    charge = world.get_only_attempt(paid)
    [refund] = world.query(
        "SELECT reference FROM payment_transaction WHERE source_transaction_id = %s",
        charge["id"],
    )
    assert world.gateway.count_requests(refund["reference"], "refund") == 1


def test_refund_that_reduces_the_bill(accountant, world, paid):
    accountant.open_invoice(paid)
    accountant.open_refund()
    accountant.enter("reason", "Never delivered")
    accountant.pick("Reduce the bill too")
    accountant.expect_preview("a credit note of $ 100.00 is issued")
    accountant.press("Refund")
    accountant.expect_notification("Refund succeeded", "$ 100.00")
    accountant.expect_remaining("$ 0.00")
    expect(accountant.page.locator(".o_refund_status")).to_have_text("Refunded")
    expect(accountant.rows).to_have_count(2)
    expect(accountant.section).to_contain_text("Credit note")


def test_refund_an_external_payment_outside(accountant, world):
    invoice_id, _token_id = world.make_case()
    world.accountant.call("account.move", "record_external_payment", [invoice_id])
    accountant.open_invoice(invoice_id)
    accountant.open_refund()
    blocked = accountant.page.locator(".o_payment_refund_blocked")
    expect(blocked).to_contain_text("was not charged through a gateway")
    accountant.enter("reason", "Recorded twice")
    accountant.enter("reference", "CHQ 7")
    accountant.expect_preview("No gateway is asked")
    accountant.keep_dialog("refund-outside")
    accountant.press("Refund")
    accountant.expect_notification("Refund recorded", "$ 100.00")
    accountant.expect_remaining("$ 100.00")
    accountant.expect_refund("Succeeded", "CHQ 7", "Recorded twice")


def test_more_than_is_refundable(accountant, world, paid):
    accountant.open_invoice(paid)
    accountant.open_refund()
    accountant.enter("amount", "100.01")
    accountant.expect_preview("Only $ 100.00 can be refunded")
    accountant.enter("reason", "A mistake")
    accountant.press("Refund")
    error = accountant.page.locator(".modal", has_text="above the refundable amount")
    expect(error).to_be_visible()
    error.get_by_role("button", name="Close").last.click()
    accountant.press("Cancel")
    accountant.expect_remaining("$ 0.00")
    accountant.get_errors()


def test_level_is_said_in_the_menu(chromium, world, artefacts, paid):
    world.make_user("bookkeeper", "base.group_user", "account.group_account_invoice")
    bookkeeper = Accountant(chromium, world, artefacts)
    try:
        bookkeeper.log_in("bookkeeper")
        bookkeeper.open_invoice(paid)
        bookkeeper.open_menu()
        item = bookkeeper.page.locator(".o_payment_action_refund")
        expect(item).to_have_attribute("aria-disabled", "true")
        expect(item).to_contain_text("no right to refund")
        bookkeeper.keep_screen("refund-no-right")
        assert not bookkeeper.get_errors()
    finally:
        bookkeeper.close()


def test_write_off_and_undo(accountant, world):
    [account] = world.admin.search_read(
        "account.account", [("account_type", "=", "expense")], ["id"], limit=1
    )
    world.admin.call(
        "res.company",
        "write",
        [world.facts["company_id"]],
        vals={"write_off_account_id": account["id"]},
    )
    invoice_id, _token_id = world.make_case()
    accountant.open_invoice(invoice_id)
    accountant.page.get_by_role("button", name="Write off", exact=True).click()
    dialog = accountant.page.locator(".modal .o_write_off_create")
    expect(dialog).to_contain_text("issue a credit note")
    accountant.enter("amount", "40")
    accountant.enter("reason", "Insolvent")
    accountant.keep_dialog("write-off")
    accountant.page.locator(".modal footer").get_by_role(
        "button", name="Write off"
    ).click()
    accountant.expect_notification("Written off", "$ 40.00")
    accountant.expect_remaining("$ 60.00")
    accountant.expect_row("Written off", "Insolvent", "$ 40.00")
    accountant.expect_sum()
    accountant.keep_screen("written-off")
    accountant.choose_action("Undo write-off")
    accountant.page.locator(".modal").get_by_role(
        "button", name="Undo write-off"
    ).click()
    accountant.expect_notification("Write-off undone", "$ 100.00")
    accountant.expect_remaining("$ 100.00")
    accountant.expect_sum()


def test_refund_above_the_limit_waits_for_a_second_person(accountant, world, paid):
    company_id = world.facts["company_id"]

    def set_limit(limit):
        values = {"payment_approval_limit": limit}
        world.admin.call("res.company", "write", [company_id], vals=values)

    set_limit(50)
    try:
        accountant.open_invoice(paid)
        accountant.open_refund()
        accountant.enter("reason", "Never delivered")
        accountant.expect_preview("waits until a second person approves it")
        accountant.press("Refund")
        accountant.expect_notification("Waits for a second person", "$ 100.00")
        accountant.expect_remaining("$ 0.00")
        second = world.get_client(world.facts["accountants"][1]["login"])
        payment_id = world.get_only_attempt(paid)["payment_id"]
        [request] = second.search_read(
            "account.payment.approval",
            [("state", "=", "waiting"), ("payment_id", "=", payment_id)],
            ["id"],
        )
        second.call("account.payment.approval", "approve", [request["id"]])
        # The open form is updated automatically.
        accountant.expect_remaining("$ 100.00")
        accountant.expect_refund("Succeeded", "Never delivered", "− $ 100.00")
    finally:
        set_limit(False)


def test_limit_of_zero_is_not_an_empty_one(chromium, world, artefacts):
    """Tab follows at once: Odoo takes an empty field for zero when it is pressed."""
    admin = Accountant(chromium, world, artefacts)
    admin.log_in("admin")
    admin.page.goto("/odoo/action-account.action_account_config")
    limit = admin.page.locator("[name=payment_approval_limit] input")
    for typed, shown in (("0", "0.00"), ("", ""), ("0", "0.00")):
        limit.fill(typed)
        limit.press("Tab")
        admin.wait_for_answers()
        expect(limit).to_have_value(shown)
    assert not admin.get_errors()
    admin.close()


def test_credit_note_for_an_amount(accountant, world):
    invoice_id, _token_id = world.make_case()
    accountant.open_invoice(invoice_id)
    accountant.open_credit_note()
    accountant.enter("amount", "100.01")
    accountant.expect_preview("above the creditable amount of $ 100.00")
    accountant.enter("amount", "30")
    accountant.enter("reason", "One lesson was cancelled")
    accountant.expect_preview(
        "A credit note of $ 30.00", "$ 70.00 remain to be paid, instead of $ 100.00"
    )
    accountant.keep_dialog("credit-note")
    accountant.press("Issue credit note")
    accountant.expect_notification("Credit note issued", "$ 30.00")
    accountant.expect_remaining("$ 70.00")
    expect(accountant.section).to_contain_text("Credit note")
    accountant.expect_sum()


def test_credit_note_of_lines_back_to_the_card(accountant, world, paid):
    accountant.open_invoice(paid)
    accountant.open_credit_note()
    accountant.pick("Lines of the invoice")
    line = accountant.page.locator(".modal [name=line_ids] .o_data_row").first
    line.locator("td[name=amount]").click()
    expect(line.locator("td[name=amount] input")).to_be_focused()
    line.locator("td[name=amount] input").fill("40")
    # The list takes the focus for a moment: leave it before the next field.
    accountant.page.locator(".modal .modal-title").click()
    expect(line.locator("input")).to_have_count(0)
    accountant.enter("reason", "Never delivered")
    accountant.expect_preview(
        "A credit note of $ 40.00", "is paid, and stays so", "$ 40.00 goes back to"
    )
    accountant.keep_dialog("credit-note-lines")
    accountant.press("Issue credit note")
    accountant.expect_notification("Credit note issued", "$ 40.00")
    accountant.expect_remaining("$ 0.00")
    charge = world.get_only_attempt(paid)
    [refund] = world.query(
        "SELECT amount, outcome FROM payment_transaction "
        "WHERE source_transaction_id = %s",
        charge["id"],
    )
    assert (refund["amount"], refund["outcome"]) == (-40, "succeeded")
