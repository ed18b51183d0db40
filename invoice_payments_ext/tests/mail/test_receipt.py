from odoo.tests import tagged

from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestReceipt(InvoicePaymentsCommon):
    """Every receipt shows the amount paid, the method, the invoices and the rest."""

    REPORT = "account.action_report_payment_receipt"

    def _render(self, payment):
        html, _kind = self.env["ir.actions.report"]._render_qweb_html(
            self.REPORT, payment.ids
        )
        return " ".join(html.decode().replace("\xa0", " ").split())

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
        html = self._get_receipt(payment)
        for text in (
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
            self.assertIn(text, html)

    def test_receipt_of_a_charge(self):
        attempt = self.start_attempt("done", amount=400.0, memo="Deposit")
        payment = attempt.sudo().payment_id
        html = self._get_receipt(payment)
        for text in (
            payment.name,
            self.invoice.name,
            "400.00",
            "600.00",
            "Deposit",
            attempt.reference,
            f"{self.payment_method.name} •••• 1234",
        ):
            self.assertIn(text, html)

    def test_receipt_of_a_portal_payment(self):
        tx = self.make_portal_transaction("done")
        html = self._get_receipt(tx.payment_id)
        for text in (tx.payment_id.name, self.invoice.name, "100.00", "900.00"):
            self.assertIn(text, html)
        self.assertIn(self.payment_method.name, html)

    def test_receipt_in_a_foreign_currency(self):
        euro = self.make_currency("EUR")
        self.invoice = self.make_invoice(currency_id=euro.id)
        payment = self.invoice.record_external_payment(amount=250.0)
        html = self._get_receipt(payment)
        self.assertIn("250.00", html)
        self.assertIn("750.00", html)
        self.assertIn("€", html)

    def test_receipt_in_the_customer_s_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.partner.lang = "fr_FR"
        payment = self.invoice.record_external_payment(amount=250.5)
        self.assertIn("250,50", self._get_receipt(payment))

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
