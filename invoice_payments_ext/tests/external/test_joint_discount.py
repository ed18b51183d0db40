from lxml import html

from odoo import Command, fields
from odoo.tests import Form, tagged

from ..credit.common_credit import CreditCommon

DAY = "2026-01-20"  # In the period of the discount: it ends on the 25th.
COMPUTATIONS = ("included", "excluded", "mixed")


@tagged("post_install", "-at_install")
class TestJointDiscount(CreditCommon):
    """One payment of several invoices, some of them with an early-payment discount."""

    @classmethod
    def give_first_credit(cls):
        """Hold no credit: it would pay the invoices when they are issued."""

    def setUp(self):
        super().setUp()
        self.early = self._make_discounted_invoice(invoice_date="2026-01-15")
        self.plain = self.make_invoice(300.0, invoice_date_due="2026-03-01")
        self.invoices = self.early | self.plain
        self._keep()

    def _make_taxed(self, computation, taxes, amount=83.33, invoice_date="2026-01-15"):
        line = {"name": "Service", "price_unit": amount}
        return self._make_discounted_invoice(
            computation,
            invoice_date=invoice_date,
            invoice_line_ids=[
                Command.create({**line, "tax_ids": [Command.set(tax.ids)]})
                for tax in taxes
            ],
        )

    def _record(self, amount=None, date=DAY, invoices=None, **arguments):
        payment = (invoices or self.invoices).record_joint_payment(
            amount, date=date, external_kind="cheque", **arguments
        )
        self.env.invalidate_all()
        return payment

    def _left(self):
        self.env.invalidate_all()
        return self.invoices.mapped("amount_residual")

    def _read_booked(self, payment):
        """Return what a payment books besides the money and the debt."""
        others = payment.move_id.line_ids - payment._get_receivable_lines()
        others -= others.filtered(
            lambda line: line.account_id == payment.outstanding_account_id
        )
        return sorted(
            (
                line.account_id.code,
                line.amount_currency,
                line.balance,
                line.tax_line_id.name or "",
                line.tax_ids.mapped("name"),
                line.tax_tag_ids.ids,
            )
            for line in others
        )

    # === BOOKING === #

    def test_discount_of_the_invoice_that_gets_its_discounted_amount(self):
        payment = self._record()
        self.assertEqual(payment.amount, 496.0)
        self.assertEqual(self._left(), [0.0, 0.0])
        self.assertEqual(payment._get_early_discount(), 4.0)
        self.assertTrue(payment.is_reconciled)
        [row] = self.early.get_payment_rows()
        self.assertEqual((row["amount"], row["amount_applied"]), (496.0, 200.0))
        self.assertIn(
            "Early-payment discount of $ 4.00", row["memo"].replace("\xa0", " ")
        )
        [row] = self.plain.get_payment_rows()
        self.assertEqual((row["amount"], row["amount_applied"]), (496.0, 300.0))
        self.assertNotIn("discount", row["memo"] or "")
        self.assertEqual(
            self._read_portal(self.early),
            [
                "$ 200.00 of $ 496.00 are deducted here.",
                "The whole payment has an early-payment discount of $ 4.00.",
            ],
        )
        self.assertEqual(
            self._read_portal(self.plain), ["$ 300.00 of $ 496.00 are deducted here."]
        )

    def test_portal_names_the_discount_of_one_invoice(self):
        self.early.record_external_payment(196.0, date=DAY)
        self.env.invalidate_all()
        self.assertEqual(self.early.amount_residual, 0.0)
        told = ["It includes an early-payment discount of $ 4.00."]
        self.assertEqual(self._read_portal(self.early), told)
        [payment] = self.early.matched_payment_ids
        payment.with_user(self.supervisor).refund(50.0, "outside", reason="Half")
        self.assertEqual(self._read_portal(self.early), told)

    def test_only_the_exact_part_gets_it(self):
        for part, left in ((100.0, 100.0), (195.99, 4.01), (196.01, 3.99), (200, 0)):
            with self.subTest(part):
                invoice = self._make_discounted_invoice(invoice_date="2026-01-15")
                parts = [
                    {"invoice_id": invoice.id, "amount": part},
                    {"invoice_id": self.plain.id, "amount": 1.0},
                ]
                payment = self._record(
                    invoices=invoice | self.plain, parts=parts, amount=part + 1.0
                )
                self.assertEqual(invoice.amount_residual, left)
                self.assertEqual(payment._get_early_discount(), 0.0)

    def test_period_and_earlier_payments(self):
        self.assertEqual(self._record(1.0).reconciled_invoice_ids, self.early)
        # Something was paid: there is no discount any more.
        self.assertEqual(self._record().amount, 499.0)
        late = self._make_discounted_invoice(invoice_date="2026-01-15")
        plain = self.make_invoice(10.0)
        payment = self._record(date="2026-01-26", invoices=late | plain)
        self.assertEqual(payment.amount, 210.0)
        last_day = self._make_discounted_invoice(invoice_date="2026-01-15")
        plain = self.make_invoice(10.0)
        payment = self._record(date="2026-01-25", invoices=last_day | plain)
        self.assertEqual(payment.amount, 206.0)

    def test_more_than_all_is_no_silent_gift(self):
        with self.assertRefused("4.00 of the amount pay no invoice"):
            self._record(500.0)
        payment = self._record(500.0, excess="credit")
        self.assertEqual(self._left(), [0.0, 0.0])
        self.assertEqual(self._balance().amount, 4.0)
        self.assertTrue(payment.is_reconciled)

    def test_books_what_single_payments_book(self):
        """In each tax mode, to the cent, also with two taxes."""
        for taxes in (self.tax_sale_a, self.tax_sale_a | self.tax_sale_b):
            for computation in COMPUTATIONS:
                with self.subTest(f"{computation}, {len(taxes)} taxes"):
                    single = self._make_taxed(computation, taxes)
                    alone = single.record_external_payment(date=DAY)
                    joint = self._make_taxed(computation, taxes)
                    payment = self._record(invoices=joint | self.make_invoice(10.0))
                    currency = joint.currency_id
                    self.assertEqual(
                        currency.round(payment.amount),
                        currency.round(alone.amount + 10),
                    )
                    self.assertEqual(
                        self._read_booked(payment), self._read_booked(alone)
                    )
                    self.assertEqual(joint.amount_residual, 0.0)
                    self.assertTrue(payment.is_reconciled)

    def test_charge_books_what_an_external_payment_books(self):
        """Odoo's own booking of a payment online keeps one line of each kind."""
        for computation in COMPUTATIONS:
            for amount in (83.33, 0.29):
                with self.subTest(f"{computation}, {amount}"):
                    taxed = (computation, self.tax_sale_a | self.tax_sale_b, amount)
                    alone = self._make_taxed(*taxed, False).record_external_payment()
                    charged = self._make_taxed(*taxed, False)
                    self.gateway.answers = ["done"]
                    tx = charged.charge(self.token.id).sudo()
                    self.assertEqual(tx.amount, alone.amount)
                    self.assertEqual(
                        self._read_booked(tx.payment_id), self._read_booked(alone)
                    )
                    self.assertEqual(charged.amount_residual, 0.0)
                    self.assertTrue(tx.payment_id.is_reconciled)

    def test_two_discounts_and_a_foreign_currency(self):
        euro = self.make_currency("EUR")
        self.set_rate(euro, "2026-01-18", 4.0)
        make = self._make_discounted_invoice
        values = {"invoice_date": "2026-01-15", "currency_id": euro.id}
        alone = make(**values).record_external_payment(date=DAY)
        self.invoices = make(**values) | make(**values)
        payment = self._record()
        self.assertEqual((payment.amount, payment.currency_id), (392.0, euro))
        self.assertEqual(self._left(), [0.0, 0.0])
        self.assertEqual(
            self._read_booked(payment), sorted(self._read_booked(alone) * 2)
        )
        self.assertEqual(sum(self.invoices.line_ids.mapped("amount_residual")), 0.0)

    def test_no_discount_beside_one_in_flight(self):
        self.invoice = self.early
        self.make_portal_transaction("pending", amount=4.0)
        payment = self._record()
        self.assertEqual(payment.amount, 496.0)
        self.assertEqual(payment._get_early_discount(), 0.0)
        self.assertEqual(self._left(), [4.0, 0.0])

    # === WORDS === #

    def test_dialog_and_receipt(self):
        action = self.invoices.action_record_joint_payment()
        dialog = Form(self.env[action["res_model"]].with_context(**action["context"]))
        self.assertEqual(dialog.amount, 500.0)  # Today the period is over.
        dialog.date = fields.Date.to_date(DAY)
        self.assertIn("4.00 pay no invoice", dialog.preview.replace("\xa0", " "))
        dialog.amount = 496.0
        self.assertIn("2 of 2 invoices are paid in full", dialog.preview)
        self.assertIn("4.00 on", dialog.preview.replace("\xa0", " "))
        with dialog.line_ids.edit(0) as line:
            self.assertEqual((line.amount, line.discount, line.left), (196, 4, 0))
            line.amount = 195.0
            self.assertEqual((line.discount, line.left), (0, 5))
        dialog.keep_rest = True
        self.assertIn("exactly $ 196.00", dialog.preview.replace("\xa0", " "))
        with dialog.line_ids.edit(0) as line:
            line.amount = 196.0
        dialog.save().action_record()
        self.assertEqual(self._left(), [0.0, 0.0])
        payment = self.early.reconciled_payment_ids
        self.assertToldInFull(payment)

    def test_day_keeps_a_part_that_somebody_chose(self):
        action = self.invoices.action_record_joint_payment()
        dialog = Form(self.env[action["res_model"]].with_context(**action["context"]))
        with dialog.line_ids.edit(0) as line:
            line.amount = 150.0
        dialog.date = fields.Date.to_date(DAY)
        with dialog.line_ids.edit(0) as line:
            self.assertEqual((line.amount, line.discount, line.left), (150, 0, 50))

    def assertToldInFull(self, payment):
        """Assert that the receipt and its mail say what was paid and taken off."""
        report = self.env["ir.actions.report"]
        page = report._render_qweb_html(
            "account.action_report_payment_receipt", payment.ids
        )[0]
        receipt = self._read(page)
        for words in (
            "Payment Amount: $ 496.00",
            "Early-payment discount: $ 4.00",
            "Taken off what was owed: $ 500.00",
        ):
            self.assertIn(words, receipt)
        template = self.env.ref("invoice_payments_ext.mail_template_payment_receipt")
        mail = self._read(
            template._render_field("body_html", payment.ids)[payment.id].encode()
        )
        self.assertIn("Thank you for your payment of $ 496.00", mail)
        self.assertIn(
            "With the early-payment discount of $ 4.00, it takes $ 500.00 off", mail
        )
        for text in (receipt, mail):
            for invoice in self.invoices:
                self.assertIn(invoice.name, text)

    def test_nothing_is_told_of_a_discount_without_one(self):
        payment = self.plain.record_external_payment(date=DAY)
        template = self.env.ref("invoice_payments_ext.mail_template_payment_receipt")
        mail = template._render_field("body_html", payment.ids)[payment.id]
        self.assertNotIn("discount", mail)

    def _read_portal(self, invoice):
        """Return what the portal says about the amount of the only payment."""
        self.env.invalidate_all()
        [row] = invoice._get_portal_payment_rows()
        return [message.replace("\xa0", " ") for message in row["messages"]]

    def _read(self, page):
        """Return the text of a page, with plain blanks."""
        text = html.fromstring(page.decode()).text_content()
        return " ".join(text.replace("\xa0", " ").split())
