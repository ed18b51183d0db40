"""Statements of account, as a member and an accountant see them."""

import pytest
from browser.member import Member
from playwright.sync_api import expect

pytest_plugins = ["lib.fixtures", "browser.fixtures"]


@pytest.fixture
def member(chromium, world, artefacts):
    member = Member(chromium, world, artefacts, "Olga Ostrow")
    yield member
    member.close()
    assert not member.get_errors()


@pytest.fixture
def invoice_ids(world, member):
    """Return invoices of which one was paid in part."""
    invoice_ids = world.make_invoices([member.partner_id] * 3, 600)
    token = world.make_token(member.partner_id, "tok_succeed")
    charged = world.get_charged(
        world.charge(invoice_ids[0], token, amount=200), invoice_ids[0]
    )
    world.refund(charged.payment_id, amount=50)
    return invoice_ids


def test_statement(member, accountant, world, artefacts, invoice_ids):
    page = member.page
    page.goto("/my/home")
    page.get_by_role("link", name="Statement of account").first.click()
    heading = page.get_by_role("heading", name="Statement of account", level=1)
    expect(heading).to_be_visible()
    expect(page.locator(".o_statement_balance")).to_contain_text("1,650.00")
    expect(page.get_by_role("link", name="Pay", exact=False)).not_to_have_count(0)
    member.keep_screens("portal-statement", page.locator("#wrap"))
    assert not member.find_barriers("#wrap")
    for name in ("PDF", "CSV"):
        with page.expect_download() as download:
            page.get_by_role("button", name=name).click()
        assert download.value.suggested_filename.startswith("Statement of account")
        path = artefacts / f"statement.{name.lower()}"
        download.value.save_as(path)
    assert (artefacts / "statement.pdf").read_bytes().startswith(b"%PDF-")
    assert "Closing balance" in (artefacts / "statement.csv").read_text()

    page = accountant.page
    page.goto(f"/odoo/res.partner/{member.partner_id}")
    button = page.get_by_role("button", name="Statement", exact=False).first
    expect(button).to_be_visible()
    button.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Download")).to_be_visible()
    accountant.keep_dialog("statement-dialog")
    dialog.get_by_role("button", name="Send by e-mail").click()
    expect(page.locator(".o_notification")).to_contain_text("on their way: 1")
