from odoo import fields
from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import Form, tagged

from ...models.external.external_kinds import EXTERNAL_KINDS
from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestExternal(InvoicePaymentsCommon):
    """Money received outside any gateway is booked as Odoo's own dialog books it."""

    def setUp(self):
        super().setUp()
        self.cash = self.company_data["default_journal_cash"].with_env(self.env)
        self.bank = self.company_data["default_journal_bank"].with_env(self.env)

    # === VALUES === #

    def test_defaults(self):
        payment = self.invoice.record_external_payment()
        self.assertEqual(payment.amount, 1000.0)
        self.assertEqual(payment.date, fields.Date.context_today(payment))
        self.assertEqual(payment.journal_id, self.bank)
        self.assertEqual(payment.payment_type, "inbound")
        self.assertFalse(payment.payment_method_line_id.payment_provider_id)
        self.assertEqual(
            payment.payment_method_line_id, self.bank.inbound_payment_method_line_ids[0]
        )
        self.assertEqual(payment.memo, self.invoice.payment_reference)
        self.assertFalse(payment.payment_reference)
        self.assertEqual(payment.partner_id, self.partner)
        self.assertEqual(payment.create_uid, self.accountant)
        self.assertEqual(payment.move_id.state, "posted")
        self.assertEqual(self.invoice.amount_residual, 0.0)
        self.assertFalse(self.gateway.requests)
        self.assertFalse(payment.payment_transaction_id)

    def test_everything_given(self):
        line = self.cash.inbound_payment_method_line_ids[0]
        payment = self.invoice.record_external_payment(
            amount=250.0,
            journal_id=self.cash.id,
            payment_method_line_id=line.id,
            date="2026-02-03",
            reference="Cheque 0001234",
            memo="First instalment",
        )
        self.assertEqual(payment.amount, 250.0)
        self.assertEqual(payment.journal_id, self.cash)
        self.assertEqual(payment.payment_method_line_id, line)
        self.assertEqual(str(payment.date), "2026-02-03")
        self.assertEqual(str(payment.move_id.date), "2026-02-03")
        self.assertEqual(payment.payment_reference, "Cheque 0001234")
        self.assertEqual(payment.memo, "First instalment")
        self.assertEqual(self.invoice.amount_residual, 750.0)

    def test_records_are_taken_in_the_place_of_ids(self):
        payment = self.invoice.record_external_payment(
            journal_id=self.cash, date=fields.Date.to_date("2026-02-03")
        )
        self.assertEqual(payment.journal_id, self.cash)
        self.assertEqual(str(payment.date), "2026-02-03")

    def test_credit_card_journal(self):
        journal = self.company_data["default_journal_credit"].with_env(self.env)
        payment = self.invoice.record_external_payment(journal_id=journal.id)
        self.assertEqual(payment.journal_id, journal)
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_reference_and_memo_through_the_register_dialog(self):
        journal = self.make_currency_journal()
        payment = self.invoice.record_external_payment(
            journal_id=journal.id,
            reference="Cheque 7",
            memo="In euro",
            date="2026-02-03",
        )
        self.assertEqual(payment.payment_reference, "Cheque 7")
        self.assertEqual(payment.memo, "In euro")
        self.assertEqual(str(payment.date), "2026-02-03")

    def test_rest_is_paid_in_steps(self):
        self.invoice.record_external_payment(amount=0.01)
        self.assertEqual(self.invoice.amount_residual, 999.99)
        self.assertEqual(self.invoice.payment_state, "partial")
        self.invoice.record_external_payment(amount=999.98)
        payment = self.invoice.record_external_payment()
        self.assertEqual(payment.amount, 0.01)
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_chargeable_amount_by_default_beside_one_in_flight(self):
        self.make_portal_transaction("pending", amount=300.0)
        payment = self.invoice.record_external_payment()
        self.assertEqual(payment.amount, 700.0)

    def test_commercial_partner_s_contact(self):
        company = self.env["res.partner"].create({"name": "Firm", "is_company": True})
        self.partner.parent_id = company
        invoice = self.make_invoice()
        payment = invoice.record_external_payment()
        twin = self.make_invoice()
        self.assertEqual(payment.partner_id, self._register(twin).partner_id)
        self.assertEqual(invoice.amount_residual, 0.0)

    # === KIND === #

    def test_kind_of_each_way_to_record(self):
        """It chooses the journal, and is on the payment, the row and the receipt."""
        euro = self.make_currency("EUR")
        for invoice, kind, journal in (
            (self.make_invoice(), "cash", self.cash),
            (self.make_invoice(), "cheque", self.bank),
            (self.make_invoice(currency_id=euro.id), "terminal", self.bank),
            (self._make_discounted_invoice(), "other", self.bank),
        ):
            payment = invoice.record_external_payment(
                external_kind=kind, date="2026-01-16"
            )
            with self.subTest(kind):
                self.assertEqual(payment.external_kind, kind)
                self.assertEqual(payment.journal_id, journal)
                (row,) = invoice.get_payment_rows()
                label = EXTERNAL_KINDS[kind].label._source
                self.assertEqual(row["external_kind"], kind)
                self.assertEqual(
                    row["method"],
                    "Cash" if kind == "cash" else f"{label} · {journal.name}",
                )
                is_named = kind != "other"
                words = label if is_named else "Bank (Manual Payment)"
                self.assertEqual(payment._get_receipt_method(), words)
                words = label if is_named else "Bank payment"
                self.assertEqual(invoice._get_portal_method(row), words)

    def test_kind_is_a_fact_of_the_posted_payment(self):
        payment = self.invoice.record_external_payment(external_kind="cheque")
        with self.assertRefused("Reset it to draft first", AccessError):
            payment.external_kind = "cash"
        with self.assertRefused("is one of cash, cheque"):
            self.make_invoice().record_external_payment(external_kind="gold")
        payment.action_draft()
        payment.external_kind = "cash"
        self.assertEqual(payment.copy().external_kind, False)

    # === RECEIPT === #

    def test_customer_is_not_notified_unless_asked(self):
        payment = self.invoice.record_external_payment()
        self.assertFalse(self._receipts(payment))

    def test_one_receipt_in_the_customer_s_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.partner.lang = "fr_FR"
        template = self.env.ref("invoice_payments_ext.mail_template_payment_receipt")
        template.with_context(
            lang="fr_FR"
        ).body_html = "<p>Merci pour votre paiement</p>"
        payment = self.invoice.record_external_payment(notify=True)
        mail = self._receipts(payment)
        self.assertEqual(len(mail), 1)
        self.assertEqual(mail.recipient_ids, self.partner)
        self.assertIn("Merci pour votre paiement", mail.body_html)
        self.assertEqual(len(mail.attachment_ids), 1)
        self.assertEqual(mail.state, "outgoing", "It is sent after the commit only.")

    def test_one_receipt_for_each_payment(self):
        invoices = self.invoice | self.make_invoice(5.0)
        payments = invoices.record_external_payment(notify=True, idempotency_key="K")
        invoices.record_external_payment(notify=True, idempotency_key="K")
        for payment in payments:
            self.assertEqual(len(self._receipts(payment)), 1)

    def test_receipt_of_a_payment_that_is_refused(self):
        with self.assertRefused("above the remaining amount"):
            self.invoice.record_external_payment(amount=2000.0, notify=True)
        self.assertFalse(
            self.env["mail.mail"].search([("model", "=", "account.payment")])
        )

    def _receipts(self, payment):
        self.env.flush_all()
        return self.env["mail.mail"].search(
            [("model", "=", "account.payment"), ("res_id", "=", payment.id)]
        )

    # === SEVERAL INVOICES === #

    def test_several_invoices_in_one_call(self):
        euro = self.make_currency("EUR")
        plain = self.make_invoice(10.0)
        foreign = self.make_invoice(20.0, currency_id=euro.id)
        discounted = self._make_discounted_invoice(30.0)
        instalments = self.make_invoice_with_instalments(40.0)
        invoices = discounted | foreign | instalments | plain
        payments = invoices.record_external_payment(
            date="2026-01-16", reference="Batch", memo="Together"
        )
        self.assertEqual(len(payments), 4)
        self.assertEqual(payments.mapped("amount"), [27.0, 20.0, 40.0, 10.0])
        self.assertEqual(payments[1].currency_id, euro)
        for invoice, payment in zip(invoices, payments, strict=True):
            self.assertEqual(invoice.amount_residual, 0.0)
            self.assertEqual(invoice.matched_payment_ids, payment)
            self.assertEqual(payment.payment_reference, "Batch")
            self.assertEqual(payment.memo, "Together")
            self.assertEqual(payment.move_id.state, "posted")

    def test_excess_of_several_invoices_in_one_call(self):
        """Each gets the amount that it owes: nothing is above it."""

        def count_credit():
            balances = self.env["account.credit.balance"].sudo().search([])
            return sum(balances.mapped("amount"))

        invoices, before = self.make_invoice(30) | self.make_invoice(20), count_credit()
        payments = invoices.with_user(self.accountant).record_external_payment(
            excess="credit"
        )
        self.assertEqual(payments.mapped("amount"), [30, 20])
        self.assertEqual(invoices.mapped("amount_residual"), [0, 0])
        self.assertEqual(count_credit(), before)

    def test_order_of_the_payments_is_the_order_of_the_invoices(self):
        first, second = self.make_invoice(1.0), self.make_invoice(2.0)
        payments = (second | first).record_external_payment()
        self.assertEqual(payments.mapped("amount"), [2.0, 1.0])

    def test_key_for_several_invoices(self):
        invoices = self.make_invoice(1.0) | self.make_invoice(2.0)
        payments = invoices.record_external_payment(idempotency_key="Batch")
        again = invoices.record_external_payment(idempotency_key="Batch")
        self.assertEqual(payments.ids, again.ids)
        with self.assertRefused("key Batch was used already"):
            invoices[0].record_external_payment(idempotency_key="Batch")
        with self.assertRefused("key Batch was used already"):
            (invoices | self.invoice).record_external_payment(idempotency_key="Batch")

    def test_one_bad_invoice_stops_the_whole_call(self):
        paid = self.make_invoice(2.0)
        paid.record_external_payment()
        with self.assertRefused(f"Nothing remains to be paid on {paid.name}"):
            (self.invoice | paid).record_external_payment()

    def test_invoices_of_several_customers(self):
        other = self.make_invoice(2.0, partner_id=self.partner_a.id)
        payments = (self.invoice | other).record_external_payment()
        self.assertEqual(payments.partner_id, self.partner | self.partner_a)
        self.assertEqual(other.amount_residual, 0.0)

    def test_one_more_invoice_takes_few_queries(self):
        few = self._count_queries(5)
        many = self._count_queries(20)
        self.assertLessEqual((many - few) / 15, 30)

    def _count_queries(self, number):
        """Return how many queries the payments of so many invoices take."""
        draft = self.make_invoice(10.0, post=False)
        invoices = draft.union(*(draft.copy() for _number in range(number - 1))).sudo()
        invoices.invoice_date = "2026-01-15"
        invoices.action_post()
        self._keep()
        before = self.env.cr.sql_log_count
        invoices.with_user(self.accountant).record_external_payment()
        self.env.flush_all()
        return self.env.cr.sql_log_count - before

    # === AS ODOO'S OWN DIALOG === #

    def _assert_same_as_dialog(
        self, make, amount=None, date="2026-01-20", journal=None
    ):
        """Assert that a payment is booked as Odoo's own dialog books it on a twin.

        :param function make: Makes an invoice.
        :return: The invoice that was paid through the door, and its payment.
        """
        journal = journal or self.bank
        invoice, twin = make(), make()
        dialog_payment = self._register(twin, amount, date, journal)
        payment = invoice.record_external_payment(
            amount=amount, date=date, journal_id=journal.id
        )
        self._assert_linked(invoice, payment)
        self.assertEqual(self.ledger(payment), self.ledger(dialog_payment))
        self._assert_linked(invoice, payment)
        for name in (
            "amount",
            "currency_id",
            "journal_id",
            "payment_method_line_id",
            "destination_account_id",
            "partner_id",
            "partner_bank_id",
            "state",
        ):
            self.assertEqual(payment[name], dialog_payment[name], name)
        self.assertEqual(invoice.amount_residual, twin.amount_residual)
        self.assertEqual(invoice.payment_state, twin.payment_state)
        self.assertEqual(
            self._open_instalments(invoice),
            self._open_instalments(twin),
        )
        return invoice, payment

    def _assert_linked(self, invoice, payment):
        """Assert that payment and invoice know each other, in the cache and after."""
        self.assertEqual(payment.reconciled_invoice_ids, invoice)
        self.assertEqual(payment.reconciled_invoices_count, 1)
        self.assertEqual(payment.invoice_ids, invoice)
        self.assertEqual(invoice.reconciled_payment_ids, payment)
        self.assertEqual(invoice.matched_payment_ids, payment)
        self.assertTrue(payment.is_reconciled)

    @staticmethod
    def _open_instalments(invoice):
        lines = invoice.line_ids.filtered(
            lambda line: line.display_type == "payment_term"
        )
        return [
            (
                str(line.date_maturity),
                line.amount_residual_currency,
                line.amount_residual,
            )
            for line in lines.sorted("date_maturity")
        ]

    def _register(self, invoice, amount=None, date="2026-01-20", journal=None):
        """Register a payment in Odoo's own dialog, as a person does."""
        dialog = Form(
            self.env["account.payment.register"]
            .with_user(self.accountant)
            .with_context(active_model="account.move", active_ids=invoice.ids)
        )
        dialog.journal_id = journal or self.bank
        dialog.payment_date = fields.Date.to_date(date)
        if amount is not None:
            dialog.amount = invoice.currency_id._convert(
                amount, dialog.currency_id, invoice.company_id, dialog.payment_date
            )
        elif dialog.installments_mode != "full":
            dialog.amount = dialog.installments_switch_amount
        return dialog.save()._create_payments()

    def test_plain_invoice_as_the_dialog(self):
        self._assert_same_as_dialog(self.make_invoice)
        self._assert_same_as_dialog(self.make_invoice, 333.33)
        self._assert_same_as_dialog(self.make_invoice, journal=self.cash)

    def test_instalments_as_the_dialog(self):
        invoice, _payment = self._assert_same_as_dialog(
            self.make_invoice_with_instalments, 500.0
        )
        self.assertEqual(
            [residual for _date, residual, _balance in self._open_instalments(invoice)],
            [0.0, 500.0],
            "The earliest instalment is paid first.",
        )
        self._assert_same_as_dialog(self.make_invoice_with_instalments)

    def test_early_payment_discount_as_the_dialog(self):
        invoice, payment = self._assert_same_as_dialog(self._make_discounted_invoice)
        self.assertEqual(payment.amount, 900.0)
        self.assertEqual(invoice.amount_residual, 0.0)

    def test_early_payment_discount_with_tax_as_the_dialog(self):
        for computation in ("included", "excluded", "mixed"):
            with self.subTest(computation):
                invoice, payment = self._assert_same_as_dialog(
                    lambda mode=computation: self._make_discounted_invoice(
                        tax=self.tax_sale_a, computation=mode
                    )
                )
                self.assertLess(payment.amount, invoice.amount_total)
                self.assertEqual(invoice.amount_residual, 0.0)

    def test_discounted_amount_given_as_the_dialog(self):
        invoice, payment = self._assert_same_as_dialog(
            self._make_discounted_invoice, amount=900.0
        )
        self.assertEqual(payment.amount, 900.0)
        self.assertEqual(invoice.amount_residual, 0.0)

    def test_other_amounts_while_a_discount_is_offered_as_the_dialog(self):
        for amount, remaining in ((400.0, 600.0), (950.0, 50.0), (1000.0, 0.0)):
            with self.subTest(amount):
                invoice, payment = self._assert_same_as_dialog(
                    self._make_discounted_invoice, amount=amount
                )
                self.assertEqual(payment.amount, amount)
                self.assertEqual(invoice.amount_residual, remaining)

    def test_no_discount_after_its_last_day_as_the_dialog(self):
        invoice, payment = self._assert_same_as_dialog(
            self._make_discounted_invoice, date="2026-01-26"
        )
        self.assertEqual(payment.amount, 1000.0)
        self.assertEqual(invoice.amount_residual, 0.0)

    def test_discount_on_its_last_day_as_the_dialog(self):
        _invoice, payment = self._assert_same_as_dialog(
            self._make_discounted_invoice, date="2026-01-25"
        )
        self.assertEqual(payment.amount, 900.0)

    def test_discount_beside_one_in_flight_is_not_taken(self):
        invoice = self.invoice = self._make_discounted_invoice()
        self.make_portal_transaction("pending", amount=100.0)
        with self.assertRefused("are in flight"):
            invoice.record_external_payment(date="2026-01-20")
        payment = invoice.record_external_payment(amount=50.0, date="2026-01-20")
        self.assertEqual(payment.amount, 50.0)
        self.assertEqual(invoice.amount_residual, 950.0)

    def test_foreign_invoice_as_the_dialog(self):
        euro = self.make_currency("EUR")
        self.set_rate(euro, "2026-01-18", 4.0)

        def make():
            return self.make_invoice(currency_id=euro.id)

        for amount in (None, 400.0):
            with self.subTest(amount):
                invoice, payment = self._assert_same_as_dialog(make, amount)
                self.assertEqual(payment.currency_id, euro)
                self.assertEqual(payment.amount, amount or 1000.0)
        exchange = payment.move_id.line_ids.matched_debit_ids.exchange_move_id
        self.assertTrue(exchange, "The exchange difference is booked.")

    def test_discount_in_a_foreign_currency_as_the_dialog(self):
        euro = self.make_currency("EUR")
        self.set_rate(euro, "2026-01-18", 4.0)
        invoice, payment = self._assert_same_as_dialog(
            lambda: self._make_discounted_invoice(currency_id=euro.id)
        )
        self.assertEqual((payment.amount, payment.currency_id), (900.0, euro))
        self.assertEqual(invoice.amount_residual, 0.0)

    def test_bank_journal_in_another_currency_as_the_dialog(self):
        journal = self.make_currency_journal()
        for amount, paid in ((None, 3000.0), (1000.0, 3000.0), (333.33, 999.99)):
            with self.subTest(amount):
                invoice, payment = self._assert_same_as_dialog(
                    self.make_invoice, amount, journal=journal
                )
                self.assertEqual(payment.currency_id, journal.currency_id)
                self.assertEqual(payment.amount, paid)
                self.assertAlmostEqual(
                    invoice.amount_residual, 1000.0 - (amount or 1000.0), places=9
                )

    def test_foreign_invoice_through_a_journal_in_a_third_currency(self):
        journal = self.make_currency_journal()
        yen = self.make_currency("JPY", 100.0)
        self.set_rate(yen, "2026-01-18", 150.0)

        def make():
            return self.make_invoice(90000, currency_id=yen.id)

        invoice, payment = self._assert_same_as_dialog(make, journal=journal)
        self.assertEqual(payment.currency_id, journal.currency_id)
        self.assertEqual(invoice.amount_residual, 0.0)

    def test_part_in_a_third_currency_takes_off_the_recorded_amount(self):
        """Also where the rate has changed, and the smallest unit is a large one."""
        journal = self.make_currency_journal()
        for code, amount in (("JPY", 90001), ("GBP", 100.0)):
            foreign = self.make_currency(code, 100.0 if code == "JPY" else 0.7)
            self.set_rate(foreign, "2026-01-18", 151.0 if code == "JPY" else 0.9)
            invoice = self.make_invoice(amount, currency_id=foreign.id)
            for part, left in ((50, amount - 50), (7, amount - 57)):
                with self.subTest(code=code, part=part):
                    payment = invoice.record_external_payment(
                        part, journal_id=journal.id, date="2026-02-01"
                    )
                    self.assertEqual(payment.currency_id, journal.currency_id)
                    self.assertEqual(invoice.amount_residual, left)
                    self.assertTrue(
                        all(payment.sudo()._get_receivable_lines().mapped("reconciled"))
                    )
            row = self.rows(invoice)[f"pay-{payment.id}"]
            self.assertEqual(row["amount_applied"], 7)
            refund = payment.with_user(self.supervisor).refund(
                to="outside", reason="Wrong", journal_id=journal.id
            )
            self.assertEqual(refund.currency_id, journal.currency_id)
            self.assertEqual(invoice.amount_residual, amount - 50)
            invoice.record_external_payment(journal_id=journal.id, date="2026-02-01")
            self.assertEqual(invoice.amount_residual, 0)
            self.assertFalse(sum(invoice.sudo().line_ids.mapped("amount_residual")))

    def make_instalments_in(self, currency):
        """Return an invoice of 100 in a currency, in instalments."""
        invoice = self.make_invoice_with_instalments(100)
        invoice = invoice.sudo().copy(
            {"currency_id": currency.id, "invoice_date": "2026-01-15"}
        )
        invoice.action_post()
        return invoice.with_user(self.accountant)

    def test_third_currency_and_instalments(self):
        euro = self.make_currency("EUR", 0.5)
        self.set_rate(euro, "2026-01-18", 0.75)
        journal = self.make_currency_journal(self.make_currency("GBP", 0.8))
        invoice = self.make_instalments_in(euro)
        invoice.record_external_payment(70, journal_id=journal.id, date="2026-02-01")
        lines = invoice.sudo()._get_open_receivable_lines()
        self.assertEqual(lines.mapped("amount_residual_currency"), [30])
        self.assertEqual(lines.mapped("amount_residual"), [60])

    def test_third_currency_and_a_part_of_an_instalment(self):
        euro = self.make_currency("EUR", 0.5)
        journal = self.make_currency_journal(self.make_currency("GBP", 0.8))
        invoice = self.make_instalments_in(euro)
        invoice.record_external_payment(20, journal_id=journal.id, date="2026-02-01")
        lines = invoice.sudo()._get_open_receivable_lines().sorted("date_maturity")
        self.assertEqual(lines.mapped("amount_residual_currency"), [30, 50])

    def test_who_works_in_a_branch_only(self):
        """Money comes, and goes back, by a journal without an account of its own."""
        branch = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.company.id}
        )
        self.env.user.company_ids |= branch
        self.partner.with_company(
            branch
        ).property_account_receivable_id = self.partner.property_account_receivable_id
        self.supervisor.write(
            {"company_id": branch.id, "company_ids": [Command.set(branch.ids)]}
        )
        journal = self.env["account.journal"].create(
            {"name": "Till", "type": "cash", "company_id": self.company.id}
        )
        self.assertFalse(journal.inbound_payment_method_line_ids.payment_account_id)
        invoice = self.make_invoice(70, company_id=branch.id)
        invoice = invoice.with_user(self.supervisor).with_context(
            allowed_company_ids=branch.ids
        )
        payment = invoice.record_external_payment(journal_id=journal.id)
        self.assertEqual((payment.company_id, invoice.amount_residual), (branch, 0))
        wizards = self.env["account.payment.refund"].with_env(invoice.env)
        dialog = wizards.new({"payment_id": payment.id, "to": "outside", "amount": 20})
        self.assertIn("Entry of", dialog.preview)
        refund = payment.refund(20, to="outside", journal_id=journal.id)
        self.assertEqual((refund.amount, invoice.amount_residual), (20, 20))
        # Its section can be read before it has an account of its own for discounts.
        self.assertFalse(branch.account_journal_early_pay_discount_loss_account_id)
        [row] = invoice.get_payment_rows()
        self.assertEqual(row["amount_applied"], 50)

    def test_third_currency_at_the_rate_of_that_day(self):
        """The amount is converted at the rate of the day, as the bank did."""
        euro = self.make_currency("EUR", 0.5)
        self.set_rate(euro, "2026-01-18", 0.8)
        journal = self.make_currency_journal(self.make_currency("GBP", 0.4))
        invoice = self.make_invoice(100, currency_id=euro.id)
        payment = invoice.record_external_payment(
            50, journal_id=journal.id, date="2026-02-01"
        )
        self.assertEqual((payment.amount, invoice.amount_residual), (25, 50))

    def test_company_currency_journal_set_explicitly(self):
        euro = self.make_currency("EUR")
        journal = self.make_currency_journal(
            self.company.currency_id.with_env(self.env)
        )

        def make():
            return self.make_invoice(currency_id=euro.id)

        invoice, payment = self._assert_same_as_dialog(make, journal=journal)
        self.assertEqual(payment.currency_id, self.company.currency_id)
        self.assertEqual(payment.amount, 500.0)
        self.assertEqual(invoice.amount_residual, 0.0)

    def test_cash_rounding_as_the_dialog(self):
        def make():
            return self.make_invoice(
                99.98, invoice_cash_rounding_id=self.cash_rounding_a.id
            )

        invoice, payment = self._assert_same_as_dialog(make, journal=self.cash)
        self.assertEqual(payment.amount, 100.0)
        self.assertEqual(invoice.amount_residual, 0.0)

    def test_journal_without_outstanding_account_as_the_dialog(self):
        line = self.cash.inbound_payment_method_line_ids[0]
        line.payment_account_id = self.cash.default_account_id
        invoice, payment = self._assert_same_as_dialog(
            self.make_invoice, journal=self.cash
        )
        self.assertEqual(payment.state, "paid")
        self.assertEqual(invoice.payment_state, "paid")

    # === HELPERS === #

    def _make_discounted_invoice(
        self, amount=1000.0, tax=None, computation="included", **values
    ):
        """Return an invoice with 10 % off if it is paid within 10 days."""
        terms = self.make_discount_terms(
            10, due_in=30, early_pay_discount_computation=computation
        )
        line = {"name": "Service", "price_unit": amount, "tax_ids": False}
        if tax:
            line["tax_ids"] = [Command.set(tax.ids)]
        return self.make_invoice(
            invoice_payment_term_id=terms.id,
            invoice_line_ids=[Command.create(line)],
            **values,
        )
