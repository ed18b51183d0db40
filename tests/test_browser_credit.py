"""An accountant looks at the credit of customers in a browser."""

import re

import pytest
from playwright.sync_api import expect

pytest_plugins = ["lib.fixtures", "browser.fixtures"]


@pytest.fixture
def invoice_id(world):
    """Return an invoice of 100, of which credit paid 30; 20 are held besides."""
    invoice_id, _token_id = world.make_case()
    [invoice] = world.query(
        "SELECT commercial_partner_id FROM account_move WHERE id = %s", invoice_id
    )
    world.adjust_credit(
        invoice["commercial_partner_id"], 50.0, reason="Goodwill for the delay"
    )
    world.accountant.call(
        "account.move", "apply_credit_balance", [invoice_id], amount=30.0
    )
    return invoice_id


def test_invoice_paid_from_credit(accountant, invoice_id):
    accountant.open_invoice(invoice_id)
    accountant.expect_remaining("$ 70.00")
    accountant.expect_row("Succeeded", "Customer credit", "$ 30.00")
    # The rows say it, and Odoo's own list does not say it again.
    expect(accountant.page.locator("[name=invoice_payments_widget]")).to_have_count(0)
    accountant.press_create()
    accountant.choose_method("Credit balance")
    expect(accountant.dialog.locator("[name=amount] input")).to_have_value("20.00")
    accountant.keep_dialog("credit-apply")
    accountant.press("Apply credit")
    accountant.expect_notification("Credit applied", "$ 20.00")
    accountant.expect_remaining("$ 50.00")
    accountant.expect_sum()


def test_pages(accountant, invoice_id):
    for name, text in (
        ("account_credit_balance_action", "$ 20.00"),
        ("account_credit_balance_entry_action", "Goodwill for the delay"),
    ):
        accountant.page.goto(f"/odoo/action-invoice_payments_ext.{name}")
        view = accountant.page.locator(".o_list_view")
        expect(view.get_by_text(text).first).to_be_visible()
        accountant.keep_screen(name)
    accountant.page.goto(
        "/odoo/action-invoice_payments_ext.account_credit_balance_action"
    )
    accountant.page.locator(".o_data_cell", has_text="$ 20.00").first.click()
    history = accountant.page.locator("[name=latest_entry_ids]")
    expect(history).to_contain_text("Goodwill for the delay")
    expect(history.locator("th[data-name=partner_id]")).to_have_count(0)
    accountant.page.get_by_role("button", name="Adjust", exact=True).click()
    expect(accountant.page.locator(".modal .o_credit_balance_adjust")).to_be_visible()
    accountant.keep_dialog("credit-adjust")
    accountant.press("Cancel")
    accountant.page.get_by_role("button", name="All Entries").click()
    entries = accountant.page.locator(".o_list_view .o_data_row")
    expect(entries).to_have_count(2)


def test_credit_of_no_invoice(accountant, world):
    """Money without an invoice is moved on a payment or in a list of journal items."""
    partner_id = world.make_customer()
    values = {
        "payment_type": "inbound",
        "partner_type": "customer",
        "partner_id": partner_id,
        "journal_id": world.facts["cash_journal_id"],
    }
    payment_ids = world.admin.call(
        "account.payment",
        "create",
        vals_list=[{**values, "amount": 80.0}, {**values, "amount": 30.0}],
    )
    world.admin.call("account.payment", "action_post", payment_ids)

    accountant.page.goto(
        f"/odoo/action-account.action_account_payments/{payment_ids[0]}"
    )
    button = accountant.page.get_by_role("button", name="Move to credit balance")
    button.click()
    confirmation = accountant.page.locator(".modal")
    expect(confirmation).to_contain_text("kept as credit of the customer")
    confirmation.get_by_role("button", name="Ok").click()
    accountant.expect_notification("Moved to the credit balance", "$ 80.00")
    expect(button).to_have_count(0)

    # It can be moved back, as the question said: on the payment that keeps it.
    kept = world.get_credit_balance(partner_id)
    assert kept["amount"] == 80
    accountant.page.locator(".o-mail-Message").get_by_role(
        "link", name=re.compile("^PCRED")
    ).first.click()
    back = accountant.page.get_by_role(
        "button", name="Move back from the credit balance"
    )
    back.click()
    accountant.expect_preview("$ 80.00 is taken off the credit balance again")
    accountant.press("Take it back")
    expect(back).to_have_count(0)
    expect(accountant.page.locator(".modal")).to_have_count(0)
    assert world.get_credit_balance(partner_id)["amount"] == 0
    accountant.page.goto(
        f"/odoo/action-account.action_account_payments/{payment_ids[0]}"
    )
    button.click()
    confirmation.get_by_role("button", name="Ok").click()
    accountant.expect_notification("Moved to the credit balance", "$ 80.00")

    accountant.open_list(
        "account.move.line",
        [["partner_id", "=", partner_id], ["account_type", "=", "asset_receivable"]],
    )
    row = accountant.page.locator(".o_data_row", has_text="$ 30.00")
    row.get_by_role("checkbox").check()
    accountant.page.get_by_role("button", name="Actions").click()
    accountant.page.get_by_role("menuitem", name="Move to credit balance").click()
    expect(confirmation).to_contain_text("$ 30.00")
    confirmation.get_by_role("button", name="Move to credit balance").click()
    accountant.expect_notification("Moved to the credit balance", "$ 30.00")
    assert world.get_credit_balance(partner_id)["amount"] == 110
