from lxml import etree, html

from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import is_html_empty

from ...controllers.portal_documents import PortalDocuments
from ..common import InvoicePaymentsCommon

# Expressions that may have a sample text: they give a text in any case.
NEVER_EMPTY = (" or ''", "format_amount(", "format_date(", "', '.join(")


def find_samples(arch):
    """Return the elements with a field whose own text is printed if it is empty."""
    return [
        (element.get("t-field") or element.get("t-out"), element.text.strip())
        for element in etree.fromstring(arch).iter(etree.Element)
        if (element.get("t-field") or element.get("t-out"))
        and (element.text or "").strip()
    ]


@tagged("post_install", "-at_install")
class TestReceipt(InvoicePaymentsCommon):
    """Every receipt shows the amount paid, the method, the invoices and the rest."""

    REPORT = "account.action_report_payment_receipt"

    def _render(self, payment):
        page, _kind = self.env["ir.actions.report"]._render_qweb_html(
            self.REPORT, payment.ids
        )
        return " ".join(page.decode().replace("\xa0", " ").split())

    def _get_receipt(self, payment):
        return self._render(payment.sudo())

    def test_receipt_of_an_external_payment(self):
        cash = self.company_data["default_journal_cash"].with_env(self.env)
        payment = self.invoice.record_external_payment(
            amount=250.5,
            journal_id=cash.id,
            reference="Cheque 0001234",
            memo="Thank you",
        )
        receipt = self._get_receipt(payment)
        for text in (
            f"Receipt for invoice {self.invoice.name}",
            payment.name,
            self.invoice.name,
            "250.50",
            "1,000.00",
            "749.50",
            "Cheque 0001234",
            "Thank you",
            cash.name,
            payment.payment_method_line_id.name,
            "Norbert Buyer",
        ):
            self.assertIn(text, receipt)

    def test_receipt_of_a_charge(self):
        attempt = self.start_attempt("done", amount=400.0, memo="Deposit")
        payment = attempt.sudo().payment_id
        receipt = self._get_receipt(payment)
        for text in (
            payment.name,
            self.invoice.name,
            "400.00",
            "600.00",
            "Deposit",
            attempt.reference,
            f"{self.payment_method.name} •••• 1234",
        ):
            self.assertIn(text, receipt)

    def test_receipt_of_a_portal_payment(self):
        tx = self.make_portal_transaction("done")
        receipt = self._get_receipt(tx.payment_id)
        for text in (tx.payment_id.name, self.invoice.name, "100.00", "900.00"):
            self.assertIn(text, receipt)
        self.assertIn(self.payment_method.name, receipt)

    # === WITHOUT ITS OPTIONAL PARTS === #

    def test_no_template_prints_a_sample(self):
        """An empty field stays empty, in pages and reports as in mails."""
        records = self.env["ir.model.data"].search(
            [
                ("module", "=", "invoice_payments_ext"),
                ("model", "in", ("ir.ui.view", "mail.template")),
            ]
        )
        found = []
        for record in records:
            template = self.env[record.model].browse(record.res_id)
            if record.model == "ir.ui.view":
                found += find_samples(template.arch) if template.type == "qweb" else []
            elif not is_html_empty(template.body_html):
                found += [
                    sample
                    for sample in find_samples(f"<div>{template.body_html}</div>")
                    if not any(words in sample[0] for words in NEVER_EMPTY)
                ]
        self.assertGreater(len(records), 20)
        self.assertFalse(found)

    def test_receipts_without_their_optional_parts(self):
        """Nothing of a sample is printed, in the addon's parts or in Odoo's own."""
        view = self.env.ref("account.report_payment_receipt_document")
        samples = {text for _field, text in find_samples(view.get_combined_arch())}
        samples -= {"Payment Receipt"}  # The title itself.
        plain = self.invoice.record_external_payment(amount=10.0)
        draft = self.env["account.payment"].create(
            {"amount": 3.0, "payment_type": "inbound", "memo": "A draft"}
        )
        self.assertFalse(draft.name)
        payment = self.start_attempt("done", amount=400.0).sudo().payment_id
        refunds = []
        for wishes in ({}, {"reduce_bill": True}):
            self.gateway.answers = ["done"]
            payment.with_user(self.supervisor).refund(41.0, reason="Why", **wishes)
            refunds.append(
                payment.payment_transaction_id.child_transaction_ids.sorted()[
                    :1
                ].payment_id
            )
        for record in (plain, draft, *refunds):
            told = html.fromstring(self._get_receipt(record)).text_content()
            self.assertFalse([text for text in samples if text in told])
        self.assertNotIn("Credit note", self._get_receipt(refunds[0]))
        note = refunds[1].refund_allocation_ids.credit_note_id
        self.assertIn(note.name, self._get_receipt(refunds[1]))
        heading = f"Refund receipt for invoice {self.invoice.name}"
        self.assertIn(heading, self._get_receipt(refunds[0]))
        self.assertNotIn("GW-", self._get_receipt(payment))
        # The provider's reference is no memo of a person.
        self.assertNotIn("Memo:", self._get_receipt(payment))

    def test_invoices_and_credit_notes_without_their_optional_parts(self):
        """Nothing of a sample is printed in the documents that mails bring."""
        view = self.env.ref("account.report_invoice_document")
        samples = {text for _field, text in find_samples(view.get_combined_arch())}
        # Shorter ones, such as 1.00, may be the true values.
        samples = {text for text in samples if len(text) > 4}
        self.assertTrue(samples)
        invoice = self.invoice.sudo()
        for record in (invoice, self.make_credit_note(invoice, 100.0)):
            page, _kind = self.env["ir.actions.report"]._render_qweb_html(
                "account.account_invoices", record.ids
            )
            told = html.fromstring(page).text_content()
            self.assertIn(record.name, told)
            self.assertFalse([text for text in samples if text in told])

    def test_a_paid_invoice_is_no_proforma(self):
        """Where it is shown, downloaded or mailed, it is the same document."""
        invoice = self.invoice.sudo()

        def get_title(**context):
            reports = self.env["ir.actions.report"].with_context(**context)
            page, _kind = reports._render_qweb_html(
                "account.account_invoices", invoice.ids
            )
            return " ".join(html.fromstring(page).text_content().split())

        self.assertIn("Proforma", get_title(proforma_invoice=True))
        name = invoice._get_invoice_proforma_pdf_report_filename()
        self.assertIn("proforma", name)
        self.invoice.record_external_payment(amount=1.0)
        self.assertNotIn("Proforma", get_title(proforma_invoice=True))
        self.assertEqual(
            invoice._get_invoice_proforma_pdf_report_filename(),
            invoice._get_invoice_report_filename(),
        )
        document = invoice.with_context(force_report_rendering=True)
        (data,) = document._get_invoice_legal_documents_all(allow_fallback=True)
        self.assertEqual(data["filename"], invoice._get_invoice_report_filename())
        # A credit note that waits for its use was never sent, too.
        note = self.make_invoice(20, move_type="out_refund").sudo()
        self.assertEqual(note.payment_state, "not_paid")
        self.assertEqual(
            note._get_invoice_proforma_pdf_report_filename(),
            note._get_invoice_report_filename(),
        )

    def test_receipt_in_a_foreign_currency(self):
        euro = self.make_currency("EUR")
        self.invoice = self.make_invoice(currency_id=euro.id)
        payment = self.invoice.record_external_payment(amount=250.0)
        receipt = self._get_receipt(payment)
        self.assertIn("250.00", receipt)
        self.assertIn("750.00", receipt)
        self.assertIn("€", receipt)

    def test_receipt_in_the_customer_s_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.partner.lang = "fr_FR"
        payment = self.invoice.record_external_payment(amount=250.5)
        self.assertIn("250,50", self._get_receipt(payment))

    def test_receipt_of_a_refund_for_several_invoices(self):
        invoices = self.invoice | self.make_invoice(50.0)
        tx = self.make_portal_transaction(
            "done", amount=1050.0, invoice_ids=[Command.set(invoices.ids)]
        )
        self.gateway.answers = ["done"]
        payment = tx.payment_id.with_user(self.supervisor).refund(20.0, reason="Why")
        numbers = invoices.sorted("id", reverse=True).mapped("name")
        heading = f"Refund receipt for invoices {', '.join(numbers)}"
        self.assertEqual(payment._get_receipt_heading(), heading)
        self.assertIn(heading, self._get_receipt(payment))

    def test_names_of_files(self):
        """At most three invoices are named; a bill of a vendor has Odoo's own title."""
        invoices = self.env["account.move"].union(
            *(self.make_invoice(10.0) for _number in range(4))
        )
        names = invoices.mapped("name")
        joint = invoices[:3].record_joint_payment()
        self.assertEqual(joint._get_receipt_numbers(), names[:3])
        tx = self.make_portal_transaction(
            "done", amount=10.0, invoice_ids=[Command.set(invoices[3:].ids)]
        )
        many = self.invoice | self.make_invoice(5.0)
        for _number in range(2):
            many |= self.make_invoice(5.0)
        payment = many.record_joint_payment()
        numbers = many.mapped("name")
        self.assertEqual(payment._get_receipt_numbers(), [*numbers[:3], "…"])
        name = payment._get_report_base_filename()
        self.assertTrue(name.startswith("Receipt "), name)
        self.assertIn("… 1015.00 USD", name)
        self.assertNotIn(numbers[3].replace("/", "-"), name)
        self.assertEqual(tx.payment_id._get_receipt_numbers(), names[3:])
        bill = self.env["account.payment"].create(
            {
                "payment_type": "outbound",
                "partner_type": "supplier",
                "partner_id": self.partner.id,
                "amount": 10.0,
            }
        )
        self.assertEqual(bill._get_receipt_title(), bill.payment_receipt_title)
        # A document of another addon keeps the name that Odoo gives it.
        portal = PortalDocuments()
        self.assertEqual(
            portal._get_document_name(joint), f"{joint._get_report_base_filename()}.pdf"
        )
        self.assertEqual(portal._get_document_name(self.env["res.users"]), "")

    def test_accountant_prints_the_receipt(self):
        payment = self.invoice.record_external_payment(amount=1.0)
        action = payment.with_user(self.accountant).action_print_payment_receipt()
        self.assertEqual(action["report_name"], "account.report_payment_receipt")
        self.assertEqual(action["context"]["active_ids"], payment.ids)

    def test_customer_cannot_print_by_the_action(self):
        payment = self.invoice.record_external_payment(amount=1.0)
        user = self.make_user("ip_member", "base.group_portal")
        with self.assertRefused(""):
            payment.with_user(user).action_print_payment_receipt()
