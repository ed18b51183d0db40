import requests

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged

from .common_credit_note import CreditNoteCommon


@tagged("post_install", "-at_install")
class TestCreditNote(CreditNoteCommon):
    """The credit note of an invoice that is to be paid."""

    def test_an_amount(self):
        credit_note = self.credit(120, note="Asked by phone")
        self.assertEqual(credit_note.state, "posted")
        self.assertEqual(credit_note.move_type, "out_refund")
        self.assertEqual(credit_note.reversed_entry_id, self.invoice)
        self.assertEqual(credit_note.amount_untaxed, 100)
        self.assertEqual(credit_note.amount_tax, 20)
        self.assertEqual(credit_note.journal_id, self.invoice.journal_id)
        self.assertEqual(credit_note.invoice_date, fields.Date.today())
        self.assertIn("Goodwill", credit_note.ref)
        self.assertEqual(
            credit_note.invoice_line_ids.mapped("price_subtotal"), [60.0, 40.0]
        )
        self.assertEqual(
            credit_note.invoice_line_ids.credited_line_id, self.invoice.invoice_line_ids
        )
        self.assertEqual(credit_note.amount_residual, 0)
        self.assertEqual(self.invoice.amount_residual, 880)
        self.assertEqual(self.invoice._get_creditable_amount(), 880)
        notes = credit_note.message_ids.filtered(lambda m: "by phone" in m.body)
        self.assertTrue(notes.subtype_id.internal)
        self.assertNotIn("by phone", credit_note.narration or "")
        row = self.rows()[f"move-{credit_note.id}"]
        self.assertEqual((row["kind"], row["amount_applied"]), ("credit_note", 120))

    def test_the_customer_gets_it_by_odoos_own_mail(self):
        """It is mailed once, after the commit, where no refund's mail brings it."""
        self.partner.email = "norbert@example.com"
        self.assertFalse(self.credit(10).sudo().sending_data)
        values = {"notify": True, "idempotency_key": "told-once"}
        note, again = (self.credit(120, note="Secret", **values) for _ in range(2))
        self.assertEqual(note, again)
        self.assertEqual(note.sudo().sending_data["sending_methods"], ["email"])
        self.env["account.move"].sudo()._cron_account_move_send()
        self.assertFalse(note.sudo().sending_data)
        self.assertTrue(note.is_move_sent)
        [message] = note.sudo().message_ids.filtered("partner_ids")
        self.assertEqual(message.partner_ids, self.partner)
        self.assertIn("Credit Note", message.subject)
        self.assertEqual(len(message.attachment_ids), 1)
        self.assertNotIn("Secret", message.body)
        payment = self.charge()
        returned = {"to": "original", "payment_id": payment.id, "amount": 60}
        self.gateway.answers = ["done"]
        note = self.credit(60, destinations=[returned], notify=True)
        self.assertFalse(note.sudo().sending_data)
        self.partner.email = False  # There is nowhere to mail it to.
        outside = [{"to": "outside", "amount": 10}]
        note = self.credit(10, destinations=outside, notify=True)
        self.assertEqual(note.state, "posted")
        self.assertFalse(note.sudo().sending_data)

    def test_amount_that_remains(self):
        self.record(700)
        credit_note = self.credit()
        self.assertEqual(credit_note.amount_total, 300)
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertEqual(self.invoice.payment_state, "paid")

    def test_all_of_it_is_as_invoiced(self):
        self.invoice = self.make_taxed_invoice(
            invoice_line_ids=[
                Command.create(
                    {
                        "name": "Hours",
                        "price_unit": 33.33,
                        "quantity": 3,
                        "discount": 10,
                        "tax_ids": [Command.set(self.tax.ids)],
                    }
                )
            ]
        )
        line = self.credit().invoice_line_ids
        self.assertEqual(
            (line.quantity, line.price_unit, line.discount), (3, 33.33, 10)
        )
        self.assertEqual(self.invoice.payment_state, "reversed")

    def test_by_amounts_of_lines(self):
        line = self.invoice.invoice_line_ids[1]
        credit_note = self.credit(lines=[{"line_id": line, "amount": 60}])
        self.assertEqual(credit_note.amount_total, 60)
        self.assertEqual(credit_note.amount_tax, 10)
        self.assertEqual(credit_note.invoice_line_ids.credited_line_id, line)
        with self.assertRefused(
            r"340.01 is above the creditable amount of the line Line 1 of.*340.00"
        ):
            self.credit(lines=[{"line_id": line.id, "amount": 340.01}])
        both = [
            {"line_id": line.id, "amount": 340}
            for line in self.invoice.invoice_line_ids
        ]
        self.assertEqual(self.credit(lines=both).amount_total, 680)

    def test_by_quantities(self):
        self.invoice = self.make_taxed_invoice(
            invoice_line_ids=[
                Command.create(
                    {
                        "name": "Hours",
                        "price_unit": 33.33,
                        "quantity": 3,
                        "discount": 5,
                        "tax_ids": [Command.set(self.tax.ids)],
                    }
                )
            ]
        )
        line = self.invoice.invoice_line_ids
        credit_note = self.credit(lines=[{"line_id": line.id, "quantity": 1}])
        credited = credit_note.invoice_line_ids
        self.assertEqual(
            (credited.quantity, credited.price_unit, credited.discount), (1, 33.33, 5)
        )
        self.assertEqual(credit_note.amount_untaxed, 31.66)
        with self.assertRefused(r"quantity 2.5 is above .* 2\.0"):
            self.credit(lines=[{"line_id": line.id, "quantity": 2.5}])
        self.credit(lines=[{"line_id": line.id, "quantity": 2}])
        self.assertEqual(self.invoice._get_creditable_amount(), 0)

    def test_follows_the_lines_of_the_invoice(self):
        plan = self.env["account.analytic.plan"].create({"name": "Plan"})
        analytic = self.env["account.analytic.account"].create(
            {"name": "Project", "plan_id": plan.id}
        )
        product = self.env["product.product"].create({"name": "Support"})
        income = self.company_data["default_account_revenue"].copy()
        position = self.env["account.fiscal.position"].create({"name": "Abroad"})
        self.invoice = self.make_taxed_invoice(
            fiscal_position_id=position.id,
            invoice_line_ids=[
                Command.create(
                    {
                        "product_id": product.id,
                        "account_id": income.id,
                        "price_unit": 100,
                        "tax_ids": [Command.set(self.tax.ids)],
                        "analytic_distribution": {str(analytic.id): 100},
                    }
                )
            ],
        )
        credit_note = self.credit(60)
        line = credit_note.invoice_line_ids
        self.assertEqual(line.product_id, product)
        self.assertEqual(line.account_id, income)
        self.assertEqual(line.analytic_distribution, {str(analytic.id): 100})
        self.assertEqual(line.analytic_line_ids.amount, -50)
        self.assertEqual(credit_note.fiscal_position_id, position)

    def test_own_receivable_account(self):
        account = self.company_data["default_account_receivable"].copy()
        self.partner.property_account_receivable_id = account
        self.invoice = self.make_taxed_invoice()
        self.partner.property_account_receivable_id = self.company_data[
            "default_account_receivable"
        ]
        credit_note = self.credit(100)
        self.assertEqual(credit_note.amount_residual, 0)
        self.assertEqual(self.invoice.amount_residual, 900)

    def test_installments(self):
        term = self.env["account.payment.term"].create(
            {
                "name": "30 % now, 70 % later",
                "line_ids": [
                    Command.create(
                        {"value": "percent", "value_amount": share, "nb_days": days}
                    )
                    for share, days in ((30, 0), (70, 60))
                ],
            }
        )
        self.invoice = self.make_taxed_invoice(invoice_payment_term_id=term.id)
        self.credit(400)
        lines = self.invoice.line_ids.filtered(
            lambda line: line.display_type == "payment_term"
        ).sorted("date_maturity")
        self.assertEqual(lines.mapped("amount_residual"), [0, 600])

    def test_to_draft_and_back(self):
        credit_note = self.credit(100.01).sudo()
        before = [
            (line.account_id, line.amount_currency, line.tax_tag_ids)
            for line in credit_note.line_ids
        ]
        credit_note.button_draft()
        credit_note.action_post()
        self.env.flush_all()
        self.assertEqual(
            before,
            [
                (line.account_id, line.amount_currency, line.tax_tag_ids)
                for line in credit_note.line_ids
            ],
        )
        self.assertEqual(self.invoice.amount_residual, 899.99)

    def test_reversed_again(self):
        credit_note = self.credit(100)
        reversal = credit_note.sudo()._reverse_moves(cancel=False)
        reversal.action_post()
        self.assertEqual(reversal.amount_total, 100)
        self.assertEqual(reversal.amount_tax, credit_note.amount_tax)

    def test_printed(self):
        credit_note = self.credit(100.01)
        html = self.env["ir.actions.report"]._render_qweb_html(
            "account.report_invoice_with_payments", credit_note.ids
        )[0]
        self.assertIn(b"100.01", html)
        self.assertIn(b"16.67", html)

    def test_after_an_ordinary_credit_note(self):
        self.make_credit_note(self.invoice.sudo().with_user(self.env.user), 100)
        left = self.invoice._get_creditable_amount()
        self.assertEqual(left, 760)
        self.credit(760)
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertEqual(self.invoice.payment_state, "reversed")

    def test_after_an_unlike_credit_note(self):
        """Amounts that were credited on other accounts and taxes count as well."""
        other = self.env["account.move"].create(
            {
                "move_type": "out_refund",
                "partner_id": self.partner.id,
                "reversed_entry_id": self.invoice.id,
                "invoice_date": "2026-02-01",
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": "Other",
                            "price_unit": 450,
                            "account_id": self.company_data[
                                "default_account_expense"
                            ].id,
                            "tax_ids": False,
                        }
                    ),
                ],
            }
        )
        other.action_post()
        self.assertEqual(self.credit().amount_total, 550)
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_after_a_credit_note_in_another_currency(self):
        currency = self.make_currency("EUR", 2.0)
        line = {"name": "Other", "price_unit": 450, "tax_ids": False}
        other = self.env["account.move"].create(
            {
                "move_type": "out_refund",
                "partner_id": self.partner.id,
                "currency_id": currency.id,
                "reversed_entry_id": self.invoice.id,
                "invoice_date": "2026-02-01",
                "invoice_line_ids": [Command.create(line)],
            }
        )
        other.action_post()
        self.assertEqual(self.invoice._get_creditable_amount(), 775)
        with self.assertRefused(r"775\.00"):
            self.credit(775.01)
        self.assertEqual(self.credit(500).amount_total, 500)
        rest = self.credit()
        self.assertEqual(rest.amount_total, 275)
        self.assertEqual(self.invoice._get_creditable_amount(), 0)
        self.assertEqual(other._get_creditable_amount(), 0)
        draft = self.make_invoice(post=False)
        self.assertEqual(draft._get_creditable_amount(), 0)

    def test_tax_that_the_customer_owes(self):
        """Reverse charge: what is owed and what is deducted are credited as well."""

        def split():
            return [
                Command.create({"repartition_type": "base"}),
                Command.create({"factor_percent": 100}),
                Command.create({"factor_percent": -100}),
            ]

        self.tax = self.env["account.tax"].create(
            {
                "name": "Reverse charge",
                "amount": 20,
                "invoice_repartition_line_ids": split(),
                "refund_repartition_line_ids": split(),
            }
        )
        self.invoice = self.make_taxed_invoice(100.01)
        self.assertEqual(self.invoice.amount_total, 100.01)
        notes = self.credit(40) | self.credit()
        self.assertEqual(notes.mapped("amount_total"), [40, 60.01])
        self.assertEqual(notes.mapped("amount_untaxed"), [40, 60.01])
        for move, tax in ((self.invoice, 20), (notes[0], 8), (notes[1], 12)):
            lines = move.sudo().line_ids.filtered("tax_repartition_line_id")
            self.assertEqual(sorted(lines.mapped("balance")), [-tax, tax])

    def test_journal_that_is_archived(self):
        journal = self.invoice.sudo().journal_id.with_env(self.env)
        other = journal.copy({"code": "INV2"})
        journal.active = False
        self._keep()
        credit_note = self.credit(120)
        self.assertEqual(credit_note.journal_id, other)
        self.assertEqual(self.invoice.amount_residual, 880)

    def test_total_that_would_be_another_one(self):
        """Nothing is posted that is not the amount which was asked for."""

        def spoil(credit_note, _credit):
            credit_note.invoice_line_ids[0].price_unit += 10

        self.patch(self.env.registry["account.move"], "_fit_tax_lines", spoil)
        words = r"would come to \$\s132.00 instead of \$\s120.00"
        with self.assertRefused(words):
            self.credit(120)

    def test_edited_by_hand(self):
        """The posted amounts count, not the amounts that the door proposed."""
        credit_note = self.credit(120).sudo()
        credit_note.button_draft()
        credit_note.invoice_line_ids[0].price_unit = 160
        credit_note.action_post()
        self.env.flush_all()
        self.assertEqual(credit_note.amount_total, 240)
        self.assertEqual(self.invoice._get_creditable_amount(), 760)
        self.assertEqual(self.credit().amount_total, 760)

    def test_cancelled_ones_do_not_count(self):
        credit_note = self.credit(120).sudo()
        credit_note.button_draft()
        self.assertEqual(self.invoice._get_creditable_amount(), 1000)
        credit_note.button_cancel()
        self.credit(1000)

    def test_idempotency_key(self):
        credit_note = self.credit(100, idempotency_key="once")
        again = self.credit(100, idempotency_key="once")
        self.assertEqual(credit_note, again)
        self.assertEqual(self.invoice._get_creditable_amount(), 900)
        with self.assertRefused("used already with other values"):
            self.credit(200, idempotency_key="once")

    def test_foreign_currency(self):
        currency = self.make_currency("EUR", 0.5)
        self.invoice = self.make_taxed_invoice(currency_id=currency.id)
        credit_note = self.credit(100, date="2026-01-20")
        self.assertEqual(credit_note.currency_id, currency)
        self.assertEqual(credit_note.amount_total_signed, -200)
        self.set_rate(currency, "2026-02-01", 0.4)
        later = self.credit(100, date="2026-02-02")
        self.assertEqual(later.amount_total_signed, -250)
        self.assertEqual(later.amount_residual, 0)
        self.assertEqual(self.invoice.amount_residual, 800)
        self.assertEqual(self.credit(date="2026-02-02").amount_total, 800)

    def make_due_accounts(self, count):
        """Let taxes be due when they are paid, and return accounts for those due."""
        self.company.tax_exigibility = True
        names = ["transition", *(f"due{number}" for number in range(count))]
        self.transition, *due = self.env["account.account"].create(
            [
                {
                    "name": name,
                    "code": name.upper(),
                    "account_type": "liability_current",
                    "reconcile": name == "transition",
                }
                for name in names
            ]
        )
        return self.env["account.account"].union(*due)

    def make_tax_when_paid(self, amount, due):
        """Return a tax that is due on an account when it is paid."""
        lines = [
            Command.create({"repartition_type": "base"}),
            Command.create({"repartition_type": "tax", "account_id": due.id}),
        ]
        return self.env["account.tax"].create(
            {
                "name": f"When paid {amount}",
                "amount": amount,
                "tax_exigibility": "on_payment",
                "cash_basis_transition_account_id": self.transition.id,
                "invoice_repartition_line_ids": lines,
                "refund_repartition_line_ids": lines,
            }
        )

    def get_due(self, accounts):
        """Return the tax that is due, by account."""
        lines = self.env["account.move.line"].search(
            [("account_id", "in", accounts.ids), ("parent_state", "=", "posted")]
        )
        by_account = lines.grouped("account_id")
        return [
            self.company.currency_id.round(
                -sum(by_account.get(account, lines.browse()).mapped("balance"))
            )
            for account in accounts
        ]

    def test_cash_basis(self):
        """Tax that is due when paid is taken back as far as the credit note pays."""
        due = self.make_due_accounts(1)
        self.tax = self.make_tax_when_paid(20, due)
        self.invoice = self.make_taxed_invoice()
        self.record(600)
        self.make_portal_transaction("pending", amount=100.0)
        credit_note = self.credit(600, destinations=[{"to": "outside", "amount": 300}])
        self.assertEqual(credit_note.amount_tax, 100)
        # 600 was paid, 300 of it was given back; 300 of the bill was never owed.
        self.assertEqual(self.get_due(due), [50])

    def test_cash_basis_of_an_unpaid_invoice(self):
        """Nothing is due by a credit note, and the right tax when the rest is paid."""
        due = self.make_due_accounts(2)
        taxes = [
            self.make_tax_when_paid(15, due[0]),
            self.make_tax_when_paid(10, due[1]),
        ]
        lines = [
            Command.create(
                {
                    "name": "Service",
                    "price_unit": 100,
                    "tax_ids": [Command.set(tax.ids)],
                }
            )
            for tax in taxes
        ]
        euro = self.make_currency("EUR", 0.9)
        self.set_rate(euro, "2026-01-20", 0.7)
        self.invoice = self.make_invoice(
            currency_id=euro.id, invoice_line_ids=lines
        ).with_user(self.supervisor)
        self.credit(date="2026-02-01")
        self.assertEqual(self.get_due(due), [0, 0])
        left = self.env["account.move.line"].search(
            [("account_id", "=", self.transition.id)]
        )
        self.assertFalse(any(left.mapped("reconciled")))

        self.invoice = self.make_invoice(invoice_line_ids=lines)
        self.invoice = self.invoice.with_user(self.supervisor)
        self.credit(
            lines=[{"line_id": self.invoice.invoice_line_ids[0].id, "quantity": 1}]
        )
        self.assertEqual(self.get_due(due), [0, 0])
        self.record(110)
        self.assertEqual(self.get_due(due), [0, 10])

        self.invoice = self.make_invoice(invoice_line_ids=lines)
        self.invoice = self.invoice.with_user(self.supervisor)
        credit_note = self.credit()
        self.assertEqual(self.get_due(due), [0, 10])
        waiting = (
            (self.invoice | credit_note)
            .sudo()
            .line_ids.filtered(lambda line: line.account_id == self.transition)
        )
        self.assertEqual(len(waiting), 4)
        self.assertTrue(all(waiting.mapped("reconciled")))

    def test_early_payment_discount_of_the_tax_too(self):
        """Such an invoice has lines of its own for the tax that may be discounted."""
        term = self.make_discount_terms(early_pay_discount_computation="mixed")
        self.invoice = self.make_taxed_invoice(100, invoice_payment_term_id=term.id)
        self.assertEqual(self.invoice.amount_total, 119.6)
        line = self.invoice.invoice_line_ids
        with self.assertRefused("credit an amount instead of lines"):
            self.credit(lines=[{"line_id": line.id, "amount": 10}])
        self.credit(50)
        self.credit(0.01)
        credit_note = self.credit()
        self.assertEqual(credit_note.amount_total, 69.59)
        self.assertEqual(self.invoice.payment_state, "reversed")


@tagged("post_install", "-at_install")
class TestCreditNoteDestinations(CreditNoteCommon):
    """The amount that was paid already goes to destinations."""

    def test_original(self):
        payment = self.charge()
        credit_note = self.credit(300, destinations=[{"to": "original", "amount": 300}])
        refund = self.refunds(credit_note)
        self.assertEqual(self.gateway.requests[-1][1:], ("refund", -300))
        self.assertEqual(refund.payment_id.source_payment_id, payment.sudo())
        self.assertEqual(self.open_amount(credit_note), 0)
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertEqual(payment._get_refundable_amount(), 700)
        self.assertIn(self.invoice.payment_state, ("paid", "in_payment"))

    def test_the_remaining_amount_first(self):
        self.charge(600)
        credit_note = self.credit(700, destinations=[{"to": "original", "amount": 300}])
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertEqual(self.open_amount(credit_note), 0)
        self.assertEqual(self.gateway.requests[-1][2], -300)

    def test_terms_that_offset_each_other(self):
        """Of a paid invoice nothing remains: its terms take no money of a refund."""
        terms = self.env["account.payment.term"].create(
            {
                "name": "More at once than the total",
                "line_ids": [
                    Command.create(values)
                    for values in (
                        {"value": "fixed", "value_amount": 1500, "nb_days": 0},
                        {"value": "percent", "value_amount": 100, "nb_days": 3650},
                    )
                ],
            }
        )
        self.invoice = self.make_taxed_invoice(invoice_payment_term_id=terms.id)
        owed = self.invoice.sudo()._get_open_receivable_lines()
        self.assertEqual(sorted(owed.mapped("balance")), [-500, 1500])
        payment = self.env["account.payment"].create(
            {"amount": 1000, "partner_id": self.partner.id}
        )
        payment.action_post()
        owed = owed.filtered(lambda line: line.balance > 0)
        (owed | payment._get_receivable_lines()).reconcile()
        self.assertEqual(self.invoice.amount_residual, 0)
        credit_note = self.credit(
            1000, destinations=[{"to": "outside", "amount": 1000}]
        )
        self.assertEqual(self.open_amount(credit_note), 0)
        [refund] = payment.refund_payment_ids
        self.assertEqual((refund.amount, self.open_amount(refund)), (1000, 0))

    def test_original_newest_first(self):
        first = self.charge(400)
        second = self.charge(600)
        credit_note = self.credit(800, destinations=[{"to": "original", "amount": 800}])
        refunds = self.refunds(credit_note)
        self.assertEqual(refunds.mapped("amount"), [-600, -200])
        self.assertEqual(refunds.payment_id.source_payment_id, (first | second).sudo())
        self.assertEqual(self.open_amount(credit_note), 0)

    def test_original_chosen(self):
        first = self.charge(400)
        second = self.charge(600)
        self.credit(
            500,
            destinations=[
                {"to": "original", "amount": 300},
                {"to": "original", "amount": 200, "payment_id": second},
            ],
        )
        self.assertEqual(second._get_refundable_amount(), 100)
        self.assertEqual(first._get_refundable_amount(), 400)

    def test_declined(self):
        payment = self.charge()
        self.gateway.answers = ["error"]
        credit_note = self.credit(300, destinations=[{"to": "original", "amount": 300}])
        self.assertEqual(credit_note.state, "posted")
        self.assertEqual(self.open_amount(credit_note), -300)
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertEqual(payment._get_refundable_amount(), 1000)

    def test_pending(self):
        payment = self.charge()
        self.gateway.answers = ["pending"]
        credit_note = self.credit(300, destinations=[{"to": "original", "amount": 300}])
        self.assertEqual(payment._get_refundable_amount(), 700)
        self.assertEqual(self.open_amount(credit_note), -300)
        for button in ("button_draft", "button_cancel"):
            with self.assertRefused("is in flight"):
                getattr(credit_note.sudo(), button)()
        self.gateway.notify(self.refunds(credit_note), "done")
        self.run_resolver()
        self.assertEqual(self.open_amount(credit_note), 0)

    def test_unknown_is_not_sent_again(self):
        self.charge()
        self.gateway.answers = [self.transport_error(requests.ReadTimeout())]
        values = {
            "destinations": [{"to": "original", "amount": 300}],
            "idempotency_key": "once",
        }
        credit_note = self.credit(300, **values)
        sent = len(self.gateway.requests)
        self.assertEqual(self.refunds(credit_note).outcome, "unknown")
        self.assertEqual(self.credit(300, **values), credit_note)
        self.assertEqual(len(self.gateway.requests), sent)
        self.late_confirmation = True  # Its refund is held by a person's verdict.
        self.refunds(credit_note).with_user(self.supervisor).resolve(
            True, reason="Seen at the gateway"
        )
        self.assertEqual(self.open_amount(credit_note), 0)

    def test_stopped_before_the_gateway(self):
        self.charge()
        values = {
            "destinations": [{"to": "original", "amount": 300}],
            "idempotency_key": "once",
        }
        sent = len(self.gateway.requests)
        with self.stopped_before_sending():
            credit_note = self.credit(300, **values)
        self.assertEqual(self.refunds(credit_note).outcome, "ready")
        self.assertEqual(self.credit(300, **values), credit_note)
        self.assertEqual(len(self.gateway.requests), sent + 1)
        self.assertEqual(self.open_amount(credit_note), 0)

    def test_outside(self):
        payment = self.charge()
        journal = self.company_data["default_journal_cash"]
        credit_note = self.credit(
            300,
            destinations=[
                {
                    "to": "outside",
                    "amount": 300,
                    "journal_id": journal,
                    "date": fields.Date.today(),
                    "reference": "CASH-1",
                }
            ],
        )
        refund = payment.refund_payment_ids
        self.assertEqual((refund.amount, refund.journal_id), (300, journal))
        self.assertEqual(refund.payment_reference, "CASH-1")
        self.assertEqual(self.open_amount(credit_note), 0)
        self.assertEqual(self.open_amount(refund), 0)
        self.assertEqual(payment._get_refundable_amount(), 700)

    def test_outside_without_a_payment(self):
        self.bank_match(400)
        payment = self.record(600)
        credit_note = self.credit(
            1000, destinations=[{"to": "outside", "amount": 1000}]
        )
        refunds = self.env["account.payment"].search(
            [("payment_type", "=", "outbound"), ("partner_id", "=", self.partner.id)]
        )
        self.assertEqual(sorted(refunds.mapped("amount")), [400, 600])
        self.assertEqual(refunds.source_payment_id, payment)
        self.assertEqual(self.open_amount(credit_note), 0)
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_money_is_not_given_back_twice(self):
        payment = self.charge(500)
        self.record(500)
        payment.refund(500, reason="Mistake", reduce_bill=True)
        self.assertEqual(self.invoice._get_creditable_amount(), 500)
        with self.assertRefused("cannot go back to the original method"):
            self.credit(200, destinations=[{"to": "original", "amount": 200}])
        self.credit(500, destinations=[{"to": "outside", "amount": 500}])
        self.assertEqual(self.invoice._get_creditable_amount(), 0)

    def test_bank_money_is_not_given_back_twice(self):
        self.bank_match(1000)
        self.credit(600, destinations=[{"to": "outside", "amount": 600}])
        self.credit(400, destinations=[{"to": "outside", "amount": 400}])
        self.assertEqual(self.invoice._get_returnable_amounts().popitem()[1], 0)

    def test_an_earlier_refund(self):
        self.record()
        earlier = self.make_earlier_refund(250).with_user(self.supervisor)
        self.assertEqual(self.invoice._get_earlier_refunds(), earlier)
        with self.assertRefused("300.00 is above the open amount"):
            self.credit(
                300,
                destinations=[{"to": "refund", "amount": 300, "payment_id": earlier}],
            )
        credit_note = self.credit(
            200, destinations=[{"to": "refund", "amount": 200, "payment_id": earlier}]
        )
        self.assertEqual(self.open_amount(credit_note), 0)
        self.assertEqual(self.open_amount(earlier), 50)
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_several_kinds(self):
        self.charge(700)
        self.bank_match(300)
        credit_note = self.credit(
            900,
            destinations=[
                {"to": "outside", "amount": 250},
                {"to": "original", "amount": 650},
            ],
        )
        self.assertEqual(self.open_amount(credit_note), 0)

    def test_money_in_flight_is_not_credited_away(self):
        self.record(400)
        self.make_portal_transaction("pending", amount=200.0)
        self.assertEqual(self.invoice._get_chargeable_amount(), 400)
        credit_note = self.credit(500, destinations=[{"to": "outside", "amount": 100}])
        self.assertEqual(self.invoice.amount_residual, 200)
        self.assertEqual(self.open_amount(credit_note), 0)

    def test_money_in_flight_with_a_refund_that_waits(self):
        self.charge(400)
        self.make_portal_transaction("pending", amount=200.0)
        self.gateway.answers = ["pending"]
        credit_note = self.credit(500, destinations=[{"to": "original", "amount": 100}])
        self.assertEqual(self.invoice.amount_residual, 200)
        self.assertEqual(self.open_amount(credit_note), -100)
        self.assertEqual(self.invoice._get_creditable_amount(), 500)

    def test_payment_in_another_currency(self):
        currency = self.make_currency("EUR", 0.5)
        journal = self.company_data["default_journal_bank"].copy(
            {"currency_id": currency.id}
        )
        self.record(journal_id=journal.id)
        credit_note = self.credit(300, destinations=[{"to": "outside", "amount": 300}])
        refund = self.invoice.sudo().refund_allocation_ids.payment_id
        self.assertEqual((refund.amount, refund.currency_id), (150, currency))
        self.assertEqual(self.open_amount(credit_note), 0)

    def test_money_without_a_payment_is_kept_as_credit(self):
        """The bank matched it by itself: it is the customer's all the same."""
        self.bank_match(1000)
        credit_note = self.credit(300, destinations=[{"to": "credit", "amount": 300}])
        self.assertEqual(self.open_amount(credit_note), 0)
        balance = self.env["account.credit.balance"]._find_balance(
            self.partner, self.company, self.company.currency_id
        )
        self.assertEqual(balance.amount, 300)
        [entry] = balance.entry_ids
        self.assertEqual(
            (entry.entry_type, entry.invoice_id), ("credit_note", self.invoice)
        )

    def test_money_on_its_way_back_is_not_given_back_twice(self):
        payment = self.charge()
        self.gateway.answers = ["pending"]
        self.credit(300, destinations=[{"to": "original", "amount": 300}])
        self.assertEqual(self.invoice._get_money_returned(), {payment: 300})
        self.assertEqual(self.invoice._get_returnable_amounts(), {payment: 700})
        returned = {"to": "original", "payment_id": payment.id}
        self.gateway.answers = ["done"]
        self.credit(700, destinations=[{**returned, "amount": 700}])
        self.assertEqual(self.invoice._get_returnable_amounts(), {payment: 0})


@tagged("post_install", "-at_install")
class TestCreditNoteRefusals(CreditNoteCommon):
    """A credit note that is not possible is refused in words and changes nothing."""

    def test_documents(self):
        draft = self.make_taxed_invoice(post=False)
        with self.assertRefused("is a draft"):
            self.credit(100, draft)
        draft.sudo().button_cancel()
        with self.assertRefused("is cancelled"):
            self.credit(100, draft)
        credit_note = self.credit(100)
        with self.assertRefused("is a credit note itself"):
            self.credit(50, credit_note)
        bill = self.make_taxed_invoice(move_type="in_invoice")
        with self.assertRefused("is not a customer invoice"):
            self.credit(100, bill)

    def test_amounts(self):
        for amount, message in (
            (0, "above zero"),
            (-1, "above zero"),
            (1000.01, r"above the creditable amount of \$.1,000.00"),
            (10.001, "finer than the smallest unit"),
            ("100", "must be a number"),
            (float("nan"), "must be a number"),
            (True, "must be a number"),
        ):
            with self.subTest(amount=amount), self.assertRefused(message):
                self.credit(amount)

    def test_nothing_remains(self):
        self.record()
        with self.assertRefused("Nothing remains to be paid.* give the amount"):
            self.credit()
        self.credit(1000, destinations=[{"to": "outside", "amount": 1000}])
        with self.assertRefused(r"above the creditable amount of \$.0.00"):
            self.credit(0.01)

    def test_nothing_remains_beside_an_attempt(self):
        self.make_portal_transaction("pending", amount=1000.0)
        with self.assertRefused("PORTAL-1.* is in flight"):
            self.credit()
        # Nothing was paid that could be given back.
        with self.assertRefused("PORTAL-1.* is in flight"):
            self.credit(100, destinations=[{"to": "outside", "amount": 100}])
        self.assertFalse(self.invoice.reversal_move_ids)

    def test_reasons(self):
        for reason in (None, "", "  "):
            with self.subTest(reason=reason), self.assertRefused("reason is required"):
                self.credit(100, reason=reason)

    def test_dates(self):
        for date, message in (
            ("2026-01-14", "lies before that of the invoice"),
            (fields.Date.add(fields.Date.today(), days=1), "is in the future"),
            ("yesterday", "is not a date"),
        ):
            with self.subTest(date=date), self.assertRefused(message):
                self.credit(100, date=date)
        self.company.sale_lock_date = "2026-02-28"
        with self.assertRefused("locked period"):
            self.credit(100, date="2026-02-01")
        self.company.sale_lock_date = False
        self.company.tax_lock_date = "2026-02-28"
        with self.assertRefused("locked period"):
            self.credit(100, date="2026-02-01")
        self.credit(100, date="2026-03-01")

    def test_lines(self):
        line = self.invoice.invoice_line_ids[0].id
        other = self.make_taxed_invoice().invoice_line_ids[0].id
        for lines, message in (
            ([{"line_id": line}], "either an amount or a quantity"),
            ([{"line_id": line, "amount": 1, "quantity": 1}], "either an amount or"),
            ([{"line_id": line, "amount": 1, "price": 1}], "either an amount or"),
            ([{"line_id": other, "amount": 1}], "has no line"),
            ([{"line_id": None, "amount": 1}], "has no line"),
            ([{"line_id": line, "amount": 600.01}], "above the creditable amount"),
            ([{"line_id": line, "amount": 0}], "above zero"),
            ([{"line_id": line, "amount": "1"}], "must be a number"),
            ([{"line_id": line, "amount": 1}] * 2, "given twice"),
            ([{"line_id": line, "quantity": 2}], "above the quantity that is left"),
            ([{"line_id": line, "quantity": 0}], "above zero"),
            ([{"line_id": line, "quantity": 1e-320}], "above zero"),
            ([{"line_id": line, "quantity": 0.009}], "decimals"),
        ):
            with self.subTest(lines=lines), self.assertRefused(message):
                self.credit(lines=lines)
        with self.assertRefused("not both"):
            self.credit(100, lines=[{"line_id": line, "amount": 1}])

    def test_destinations(self):
        with self.assertRefused("nothing is given back"):
            self.credit(100, destinations=[{"to": "outside", "amount": 100}])
        payment = self.charge()
        other = self.make_taxed_invoice()
        foreign = other.record_external_payment()
        strange = self.make_earlier_refund(
            300, partner_id=self.env["res.partner"].create({"name": "Stranger"}).id
        )
        for destinations, message in (
            (None, r"300.00 of the credit note are above.*say where they go"),
            ([{"to": "outside", "amount": 200}], r"100.00 are missing"),
            ([{"to": "gift", "amount": 300}], "'gift' is not a destination"),
            ([{"amount": 300}], "None is not a destination"),
            (
                [{"to": "original", "amount": 300, "date": "2026-02-01"}],
                "takes no date",
            ),
            (
                [{"to": "outside", "amount": 300, "payment_id": 1}],
                "takes no payment_id",
            ),
            ([{"to": "original", "amount": "300"}], "must be a number"),
            ([{"to": "original", "amount": -300}], "above zero"),
            (
                [{"to": "original", "amount": 300, "payment_id": foreign}],
                "does not pay",
            ),
            ([{"to": "refund", "amount": 300}], "There is no refund"),
            ([{"to": "refund", "amount": 300, "payment_id": payment}], "not a posted"),
            (
                [{"to": "refund", "amount": 300, "payment_id": strange}],
                f"is a refund to another customer than {self.partner.display_name}",
            ),
            ([{"to": "outside", "amount": 300, "journal_id": 99999}], "no journal"),
            (
                [{"to": "outside", "amount": 300, "date": "2099-01-01"}],
                "is in the future",
            ),
        ):
            with self.subTest(to=destinations), self.assertRefused(message):
                self.credit(300, destinations=destinations)
        with self.assertRefused(r"they are \$.50.00 too much"):
            self.credit(
                300,
                destinations=[
                    {"to": "outside", "amount": 300},
                    {"to": "original", "amount": 50},
                ],
            )

    def test_outside_payment_to_the_original_method(self):
        self.record()
        with self.assertRefused("was not charged through a gateway"):
            self.credit(300, destinations=[{"to": "original", "amount": 300}])

    def test_a_write_off_is_no_money(self):
        self.record(400)
        self.invoice.write_off(reason="Bankrupt", account_id=self.bad_debt().id)
        with self.assertRefused("was not paid in money"):
            self.credit(600, destinations=[{"to": "outside", "amount": 600}])
        self.credit(400, destinations=[{"to": "outside", "amount": 400}])

    def bad_debt(self):
        return self.env["account.account"].create(
            {"name": "Bad debt", "code": "BADDEBT", "account_type": "expense"}
        )

    def test_in_flight(self):
        self.gateway.answers = ["pending"]
        self.invoice.charge(self.token.id, amount=100)
        with self.assertRefused("is in flight"):
            self.credit(100)

    def test_unknown(self):
        self.gateway.answers = [self.transport_error(requests.ReadTimeout())]
        self.invoice.charge(self.token.id, amount=100)
        with self.assertRefused("is unknown"):
            self.credit(100)

    def test_reserved_by_a_refund_in_flight(self):
        payment = self.charge()
        self.gateway.answers = ["pending"]
        payment.refund(300, reason="Mistake", reduce_bill=True)
        self.assertEqual(self.invoice._get_creditable_amount(), 700)
        with self.assertRefused(r"above the creditable amount of \$.700.00"):
            self.credit(701, destinations=[{"to": "outside", "amount": 701}])

    def test_levels(self):
        with self.assertRefused("no right to refund"):
            self.credit(100, self.invoice.with_user(self.accountant))
        portal = self.make_user("credit_note_portal", "base.group_portal")
        with self.assertRefused("no right to refund"):
            self.credit(100, self.invoice.with_user(portal))

    def test_another_company(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.supervisor.company_ids |= other
        invoice = self.invoice.with_context(allowed_company_ids=other.ids)
        with self.assertRefused("."):
            self.credit(100, invoice)

    def test_note(self):
        with self.assertRefused("must be a text"):
            self.credit(100, note=["a"])
