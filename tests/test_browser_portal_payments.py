"""A member looks at payments: on the invoice page and in the list of payments."""

import io
from pathlib import Path

import pytest
from browser.member import Member
from browser.person import NARROW, WIDE
from playwright.sync_api import expect
from PyPDF2 import PdfFileReader

pytest_plugins = ["lib.fixtures", "browser.fixtures"]


@pytest.fixture
def member(chromium, world, artefacts):
    member = Member(chromium, world, artefacts, "Nora Northwind")
    yield member
    member.close()
    assert not member.get_errors()


@pytest.fixture
def invoice_id(world, member):
    """Return an invoice on which much happened."""
    [invoice_id] = world.make_invoices([member.partner_id], 600)
    tokens = {
        name: world.make_token(member.partner_id, f"tok_{name}")
        for name in ("succeed", "insufficient_funds", "pending")
    }
    charged = world.get_charged(
        world.charge(invoice_id, tokens["succeed"], amount=200), invoice_id
    )
    world.refund(charged.payment_id, amount=50)
    world.accountant.call(
        "account.move",
        "record_external_payment",
        [invoice_id],
        amount=50,
        reference="Cheque 10077",
        memo="Handed over at the desk",
    )
    world.charge(invoice_id, tokens["insufficient_funds"], amount=150)
    return invoice_id


def test_invoice_page(member, world, invoice_id):
    member.page.goto(f"/my/invoices/{invoice_id}")
    section = member.page.get_by_role("region", name="Payments")
    rows = section.locator(".o_payment_row")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text("4242")
    expect(rows.nth(0).locator(".o_payment_refund")).to_contain_text("50.00")
    expect(rows.nth(1)).to_contain_text("Cheque 10077")
    expect(rows.nth(2)).to_contain_text("Please pay again")
    expect(section).not_to_contain_text("Handed over")
    expect(section.locator(".o_payments_remaining")).to_contain_text("400.00")
    member.keep_screens("portal-invoice", section)
    with member.page.expect_download() as download:
        section.get_by_role("link", name="Receipt of").first.click()
    assert download.value.suggested_filename.endswith(".pdf")


def test_pending_payment(member, world):
    [invoice_id] = world.make_invoices([member.partner_id], 100)
    world.charge(invoice_id, world.make_token(member.partner_id, "tok_pending"))
    member.page.goto(f"/my/invoices/{invoice_id}")
    section = member.page.get_by_role("region", name="Payments")
    expect(section).to_contain_text("There is nothing for you to do.")
    expect(section.locator(".o_payments_processing")).to_contain_text("100.00")
    member.keep_screens("portal-invoice-pending", section)


def test_my_payments(member, world, invoice_id):
    [other_id] = world.make_invoices([member.partner_id], 100)
    world.charge(other_id, world.make_token(member.partner_id, "tok_pending"))
    member.page.goto("/my/home")
    card = member.page.locator("a[href='/my/payments']")
    expect(card).to_be_visible()
    member.keep_screens("portal-home", member.page.locator(".o_portal_docs"))
    card.click()
    rows = member.page.locator(".o_payment_row")
    expect(rows).to_have_count(4)
    expect(rows.nth(0)).to_contain_text("Being processed")
    member.keep_screens("portal-payments", member.page.locator(".o_portal_my_payments"))
    for link in rows.locator(".o_target").all():
        box = link.bounding_box()
        assert min(box["width"], box["height"]) >= 24, box
    with member.page.expect_download() as download:
        member.page.get_by_role("link", name="Download as CSV").click()
    text = Path(download.value.path()).read_text("utf-8-sig")
    assert len(text.splitlines()) == 5
    assert download.value.suggested_filename == "Payments.csv"
    with member.page.expect_download() as download:
        member.page.get_by_role("link", name="All receipts of").click()
    content = Path(download.value.path()).read_bytes()
    (member.artefacts / "receipts-of-a-year.pdf").write_bytes(content)
    assert len(PdfFileReader(io.BytesIO(content)).pages) == 3
    member.page.get_by_role("searchbox").fill("200")
    member.page.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    member.page.goto("/my/payments")
    member.page.get_by_role("button", name="All").click()
    member.page.get_by_role("link", name="Refunds").click()
    expect(rows).to_have_count(1)
    member.page.get_by_role("searchbox").fill("nothing such")
    member.page.keyboard.press("Enter")
    expect(member.page.get_by_text("No payments match")).to_be_visible()


def test_invoices_on_a_telephone(member, world):
    """Each is a card: its due date, status and button are on the screen."""
    world.make_invoices([member.partner_id] * 2, 100)
    member.page.goto("/my/invoices")
    table = member.page.locator(".o_portal_my_invoices")
    member.keep_screens("portal-invoices", table)
    for size, is_card in ((WIDE, False), (NARROW, True)):
        member.page.set_viewport_size(size)
        row = table.locator("tbody tr").first
        expect(row.get_by_text("Due", exact=True)).to_be_visible(visible=is_card)
        button = row.get_by_role("button", name="Pay now")
        for part in (button, row.get_by_text("Waiting for Payment")):
            expect(part).to_be_visible()
            box = part.bounding_box()
            assert box["x"] + box["width"] <= size["width"], (size, box)
        assert button.bounding_box()["height"] >= 24


def test_nothing_keeps_people_out(member, world, invoice_id):
    """None of the member's pages has a barrier that axe-core calls serious."""
    [paid_id] = world.make_invoices([member.partner_id], 10)
    world.charge(paid_id, world.make_token(member.partner_id))
    barriers = {}
    for path in (
        "/my/home",
        "/my/invoices",
        "/my/payments",
        "/my/credit",
        "/my/owe",
        "/my/statement",
        "/my/payment_method",
        f"/my/invoices/{invoice_id}",
        f"/my/invoices/{paid_id}",
    ):
        member.page.goto(path)
        for size in (WIDE, NARROW):
            member.page.set_viewport_size(size)
            if found := member.find_barriers("html"):
                barriers[path, size["width"]] = found
    assert not barriers
