"""Receipts and statements, as both engines print them: patched Qt and Debian's."""

import platform
import re
import subprocess
import sys
import unittest
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import pypdfium2
from lxml import html

from odoo import fields
from odoo.tests import tagged

from odoo.addons.base.models import ir_actions_report
from odoo.addons.invoice_payments_ext.tests.common import InvoicePaymentsCommon

PATCHED = Path(sys.executable).with_name("wkhtmltopdf-pack")
RECEIPT = "account.action_report_payment_receipt"
STATEMENT = "invoice_payments_ext.action_report_customer_statement"
MM = 72 / 25.4  # Points.
SCALE = 100 / 72  # A picture of a page has 100 dots an inch.
TOP, BOTTOM = 52, 32  # The margins of Odoo's paper, in millimetres.
PARSER = html.HTMLParser(encoding="utf-8")
DOCTYPE = "<!DOCTYPE html>"
FONT_FACE = re.compile(r"@font-face\s*\{[^}]*\}")
# The heads and the end of a statement, and what stands with each on its page.
KEPT_TOGETHER = {
    "Open Items": r"Open Items .*Invoice INV",
    "Movements": r"Movements .*Opening balance",
    "Closing balance": r"(Invoice INV|Opening balance).*Closing balance",
}
TOUCHING = 1.5  # Points: the boxes of two letters may share as much.


@unittest.skipUnless(platform.machine() == "x86_64", "the patched engine is a binary")
@tagged("post_install", "-at_install")
class TestDocuments(InvoicePaymentsCommon):
    """No row is cut at the end of a page, and nothing is printed over anything."""

    styles = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["ir.config_parameter"].set_param("report.print_delay", "1")
        cls.company.write(
            {
                "company_details": "Pool of the tests",
                "paperformat_id": cls.env.ref("base.paperformat_us").id,
                "external_report_layout_id": cls.env.ref(
                    "web.external_layout_standard"
                ).id,
            }
        )

    # === HELPERS === #

    @classmethod
    def _get_styles(cls, name):
        """Return the styles of a bundle; a font that does not come leaves blanks."""
        if name not in cls.styles:
            bundle = cls.env["ir.qweb"]._get_asset_bundle(
                name, js=False, autoprefix=True
            )
            cls.styles[name] = FONT_FACE.sub("", bundle.css().raw.decode())
        return cls.styles[name]

    def _inline_styles(self, path):
        """Put the styles into a page: no server that could give them runs here."""
        page = html.fromstring(path.read_bytes(), parser=PARSER)
        for link in page.xpath("//link[@rel='stylesheet']"):
            style = html.Element("style")
            name = re.search(r"web\.report_assets_\w+", link.get("href"))[0]
            style.text = self._get_styles(name)
            link.getparent().replace(link, style)
        for base in page.xpath("//base"):
            base.drop_tree()
        path.write_bytes(html.tostring(page, encoding="utf-8", doctype=DOCTYPE))

    def print_document(self, engine, report, record):
        """Return a document as this engine prints it."""

        def run(args):
            for arg in args:
                if arg.endswith(".html"):
                    self._inline_styles(Path(arg))
            return subprocess.run(
                [engine, *args], capture_output=True, encoding="utf-8", check=False
            )

        with patch.object(ir_actions_report, "_run_wkhtmltopdf", run):
            data, kind = (
                self.env["ir.actions.report"]
                .with_user(self.accountant)
                .with_context(force_report_rendering=True)
                ._render_qweb_pdf(report, record.ids)
            )
        self.assertEqual(kind, "pdf")
        document = pypdfium2.PdfDocument(data)
        self.addCleanup(document.close)
        return document

    def make_receipt(self):
        """Return one payment for many invoices, whose receipt has several pages."""
        today = fields.Date.today()
        invoices = self.env["account.move"].with_user(self.accountant)
        for number in range(20):
            invoices |= self.make_invoice(40.0 + number, invoice_date=today)
        return invoices.record_joint_payment(
            external_kind="cheque", reference="CHQ 4711", memo="Thank you"
        )

    def get_words(self, page):
        """Return the words of a page, with plain blanks."""
        return " ".join(page.get_textpage().get_text_range().split())

    def get_boxes(self, page):
        """Return where each letter is printed: left, bottom, right and top."""
        text = page.get_textpage()
        return [
            (text.get_text_bounded(*box), box)
            for box in map(text.get_charbox, range(text.count_chars()))
            if box[0] < box[2] and box[1] < box[3]
        ]

    def assertNothingOverprinted(self, page):
        """Assert that no letter is printed over another one."""
        boxes = sorted(self.get_boxes(page), key=lambda each: each[1])
        for place, (letter, (left, bottom, right, top)) in enumerate(boxes):
            for other, box in boxes[place + 1 :]:
                if box[0] > right - TOUCHING:
                    break
                wide = min(right, box[2]) - max(left, box[0])
                high = min(top, box[3]) - max(bottom, box[1])
                self.assertFalse(
                    min(wide, high) > TOUCHING, f"{letter!r} is under {other!r}"
                )

    def assertNothingCut(self, page):
        """Assert that nothing is printed where the page's margins begin."""
        picture = page.render(scale=SCALE, grayscale=True).to_pil()
        for millimetres, side in ((TOP, 1), (page.get_height() / MM - BOTTOM, -1)):
            edge = round(millimetres * MM * SCALE)
            for row in (edge, edge + side):
                line = picture.crop((0, row, picture.width, row + 1))
                self.assertGreater(line.getextrema()[0], 200, "a row is cut")

    # === TESTS === #

    def test_rows_are_whole_in_debians_engine(self):
        for report, record in (
            (RECEIPT, self.make_receipt()),
            (STATEMENT, self.partner),
        ):
            with self.subTest(report):
                document = self.print_document("wkhtmltopdf", report, record)
                self.assertGreater(len(document), 1)
                for page in document:
                    self.assertNothingCut(page)

    def test_heads_and_ends_are_not_alone(self):
        """Each head has its first row below it, and each end has a row before it.

        However many movements there are: one more at a time moves the end of a page.
        """
        alone = []
        for count in range(1, 24):
            self.make_invoice(10.0 + count, invoice_date=fields.Date.today())
            for engine in ("wkhtmltopdf", str(PATCHED)):
                document = self.print_document(engine, STATEMENT, self.partner)
                for number, page in enumerate(document, 1):
                    words = self.get_words(page)
                    alone += [
                        (Path(engine).name, count, number, text)
                        for text, pattern in KEPT_TOGETHER.items()
                        if text in words and not re.search(pattern, words)
                    ]
        self.assertFalse(alone)

    def test_rows_and_heads_in_the_patched_engine(self):
        receipt = self.make_receipt()
        for report, record, head, row in (
            (RECEIPT, receipt, "Invoice Number", r"Due Amount for (\S+)"),
            (STATEMENT, self.partner, "Document", r"Invoice (\S+)"),
        ):
            with self.subTest(report):
                document = self.print_document(str(PATCHED), report, record)
                count = len(document)
                self.assertGreater(count, 1)
                rows = Counter()
                for number, page in enumerate(document, 1):
                    words = self.get_words(page)
                    for text in ("Pool of the tests", f"Page {number} / {count}", head):
                        self.assertIn(text, words)
                    rows.update(re.findall(row, words))
                    self.assertNothingOverprinted(page)
                for invoice in receipt.reconciled_invoice_ids:
                    self.assertEqual(rows[invoice.name], 1, invoice.name)

    def test_each_field_of_a_receipt_is_on_the_page(self):
        """The patched engine does not wrap a third column: it makes all smaller."""
        payment = self.start_attempt("done", amount=400.0, memo="Deposit").sudo()
        payment = payment.payment_id
        payment.with_user(self.supervisor).refund(41.0, reason="Why")
        refund = payment.refund_payment_ids
        joint = self.make_receipt()
        for record, words in (
            (joint, ("Reference: CHQ 4711", "Memo: Thank you")),
            (payment, ("Returned since then: $ 41.00", "Memo: Deposit")),
            (refund, (f"Refund of: {payment.name}",)),
        ):
            page = self.print_document(str(PATCHED), RECEIPT, record)[0]
            told = self.get_words(page)
            for text in words:
                self.assertIn(text, told)
            if record == joint:
                text = page.get_textpage()
                first, _count = text.search("CHQ 4711").get_next()
                self.assertLess(text.get_charbox(first)[0], page.get_width() / 2)
