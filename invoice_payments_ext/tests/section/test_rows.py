import json

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from ..common import InvoicePaymentsCommon

ROW_KEYS = {
    "id",
    "is_test",
    "is_pending_too_long",
    "test_label",
    "late_label",
    "kind",
    "kind_label",
    "state",
    "state_label",
    "state_color",
    "is_closed",
    "reason",
    "date",
    "method",
    "provider_code",
    "journal_type",
    "own_method_name",
    "external_kind",
    "memo",
    "reference",
    "amount",
    "currency_id",
    "amount_applied",
    "amount_refunded",
    "amount_unallocated",
    "refunded_label",
    "refunds",
    "user",
    "channel",
    "time",
    "provider_reference",
    "payment_name",
    "transaction_name",
    "unapplied_label",
    "bank_entry",
    "partial_ids",
    "transaction_id",
    "payment_id",
    "move_id",
    "retry_of",
    "actions",
}
REFUND_KEYS = {
    "id",
    "is_test",
    "is_pending_too_long",
    "test_label",
    "late_label",
    "kind",
    "kind_label",
    "date",
    "amount",
    "state",
    "state_label",
    "state_color",
    "is_closed",
    "reason",
    "method",
    "journal_type",
    "own_method_name",
    "memo",
    "reference",
    "user",
    "time",
    "provider_reference",
    "payment_name",
    "transaction_name",
    "bank_entry",
    "is_allocated",
    "payment_id",
    "transaction_id",
    "actions",
}
ACTION_KEYS = {
    "name",
    "label",
    "model",
    "id",
    "method",
    "enabled",
    "is_quick",
    "reason",
}
MAX_QUERIES = 8


@tagged("post_install", "-at_install")
class TestRows(InvoicePaymentsCommon):
    """One row for each attempt, payment and entry; together they add up."""

    def setUp(self):
        super().setUp()
        self.bank = self.company_data["default_journal_bank"].with_env(self.env)
        self.receivable = self.company_data["default_account_receivable"]
        self.receivable = self.receivable.with_env(self.env)

    # === HELPERS === #

    def _get_only_row(self, invoice=None):
        rows = self.rows(invoice)
        self.assertEqual(len(rows), 1, f"Not one row, but {list(rows)}")
        (row,) = rows.values()
        return row

    def _assert_adds_up(self, invoice=None):
        """Assert that total − Σ applied = remaining, and return the section."""
        invoice = invoice or self.invoice
        self.rows(invoice)
        section = invoice.get_payment_section()
        applied = sum(row["amount_applied"] for row in section["rows"])
        self.assertAlmostEqual(
            section["amount_total"] - applied, section["amount_remaining"], places=6
        )
        self.assertEqual(section["amount_remaining"], invoice.amount_residual)
        return section

    def _action_names(self, row):
        return [action["name"] for action in row["actions"]]

    def _get_action(self, row, name):
        (action,) = (action for action in row["actions"] if action["name"] == name)
        return action

    def _make_entry(self, *amounts, account=None, **values):
        """Return a posted journal entry with these credits on the receivable."""
        lines = [
            Command.create(
                {
                    "account_id": self.receivable.id,
                    "partner_id": self.partner.id,
                    "credit": amount,
                    "name": "Credit",
                }
            )
            for amount in amounts
        ]
        other = account or self.company_data["default_account_expense"]
        lines.append(
            Command.create({"account_id": other.id, "debit": sum(amounts), "name": "D"})
        )
        entry = self.env["account.move"].create(
            {"move_type": "entry", "date": "2026-01-20", "line_ids": lines, **values}
        )
        entry.action_post()
        return entry

    def _match(self, *moves):
        """Reconcile the receivable lines of the invoice with those of other moves."""
        lines = self.invoice.sudo().line_ids
        for move in moves:
            lines |= move.sudo().line_ids
        lines.filtered(
            lambda line: line.account_id == self.receivable and not line.reconciled
        ).reconcile()

    def _make_statement_line(self, amount, **values):
        return self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.bank.id,
                "date": "2026-01-20",
                "payment_ref": "Transfer of Norbert",
                "partner_id": self.partner.id,
                "amount": amount,
                **values,
            }
        )

    def _match_statement_line(self, statement_line):
        """Match a bank transaction with the invoice, as reconciliation does."""
        suspense = statement_line.move_id.line_ids.filtered(
            lambda line: line.account_id == self.bank.suspense_account_id
        )
        suspense.account_id = self.receivable
        self._match(statement_line.move_id)

    # === SHAPE === #

    def test_keys_of_a_row(self):
        self.start_attempt("done", amount=100.0, memo="Memo")
        self.invoice.record_external_payment(amount=100.0, reference="R", memo="M")
        self._match(self._make_entry(100.0))
        rows = self.rows()
        self.assertEqual(len(rows), 3)
        for name, row in rows.items():
            self.assertEqual(ROW_KEYS - row.keys(), set(), name)
            self.assertEqual(name, row["id"])
            self.assertRegex(row["date"], r"^\d{4}-\d\d-\d\d$")
            for label in ("kind_label", "state_label", "method", "user", "channel"):
                self.assertTrue(row[label], f"{name}: {label}")
            self.assertEqual(row["amount"], 100.0)
            self.assertEqual(row["amount_applied"], 100.0)
            self.assertEqual(row["currency_id"], self.invoice.currency_id.id)
            self.assertEqual(row["amount_refunded"], 0.0)
            self.assertTrue(row["actions"])
            for action in row["actions"]:
                self.assertEqual(action.keys(), ACTION_KEYS)
                record = self.env[action["model"]].browse(action["id"])
                self.assertTrue(record.exists())
                self.assertTrue(hasattr(record, action["method"]))
                self.assertTrue(action["label"])

    def test_rows_can_be_sent_as_json(self):
        self.start_attempt("done", amount=100.0)
        self.invoice.record_external_payment(amount=100.0)
        section = self.invoice.get_payment_section()
        self.assertEqual(json.loads(json.dumps(section)), section)

    def test_newest_row_comes_first(self):
        first = self.invoice.record_external_payment(amount=1.0)
        second = self.start_attempt("error")
        third = self.invoice.record_external_payment(amount=1.0)
        for number, record in enumerate((first, second, third)):
            self.env.cr.execute(
                f"UPDATE {record._table} SET create_date = %s WHERE id = %s",
                [f"2026-01-2{number} 10:00:00", record.id],
            )
        self.assertEqual(
            list(self.rows()), [f"pay-{third.id}", f"tx-{second.id}", f"pay-{first.id}"]
        )

    def test_an_invoice_without_payments(self):
        section = self._assert_adds_up()
        self.assertEqual(section["rows"], [])
        self.assertEqual(section["amount_chargeable"], 1000.0)
        self.assertEqual(section["amount_in_flight"], 0.0)
        self.assertEqual(section["currency_id"], self.invoice.currency_id.id)
        self.assertTrue(section["can_create"])
        self.assertEqual(section["create_blocked_reason"], "")
        self.assertFalse(section["needs_resolving"])

    # === KINDS === #

    def test_backend_attempt(self):
        attempt = self.start_attempt("done", amount=400.0, memo="Deposit")
        row = self._get_only_row()
        self.assertEqual(row["id"], f"tx-{attempt.id}")
        self.assertEqual((row["kind"], row["state"]), ("attempt", "succeeded"))
        self.assertEqual(row["state_label"], "Succeeded")
        self.assertEqual(row["method"], f"{self.payment_method.name} •••• 1234")
        self.assertEqual(row["reference"], attempt.reference)
        self.assertEqual(row["user"], self.accountant.name)
        self.assertEqual(row["transaction_id"], attempt.id)
        self.assertEqual(row["payment_id"], attempt.sudo().payment_id.id)
        self.assertEqual(row["move_id"], attempt.sudo().payment_id.move_id.id)
        self.assertEqual(
            self._action_names(row),
            [
                "refund",
                "taken_back",
                "unmatch",
                "receipt",
                "open_payment",
                "open_transaction",
            ],
        )
        self._assert_adds_up()

    def test_portal_transactions(self):
        for number, (state, word, applied) in enumerate(
            (
                ("pending", "pending", 0.0),
                ("done", "succeeded", 100.0),
                ("error", "declined", 0.0),
                ("cancel", "canceled", 0.0),
            )
        ):
            with self.subTest(state):
                self.invoice = self.make_invoice()
                tx = self.make_portal_transaction(
                    state, f"Because {state}", reference=f"PORTAL-{number}"
                )
                row = self._get_only_row()
                self.assertEqual((row["kind"], row["state"]), ("attempt", word))
                self.assertEqual(row["amount"], 100.0)
                self.assertEqual(row["amount_applied"], applied)
                self.assertEqual(row["reference"], f"PORTAL-{number}")
                self.assertEqual(row["transaction_id"], tx.id)
                self.assertEqual(row["channel"], "Portal")
                self.assertEqual(row["user"], self.partner.name)
                if state != "done":
                    self.assertEqual(row["reason"], f"Because {state}")
                self._assert_adds_up()

    def test_authorized_portal_transaction(self):
        self.make_portal_transaction("authorized")
        row = self._get_only_row()
        self.assertEqual(row["state"], "authorized")
        self.assertEqual(self._action_names(row)[:2], ["capture", "void"])
        self.assertEqual(self._assert_adds_up()["amount_in_flight"], 100.0)

    def test_portal_form_that_was_opened_and_left_is_no_row(self):
        self.make_portal_transaction()
        self.assertEqual(self.rows(), {})
        self.assertEqual(self._assert_adds_up()["amount_in_flight"], 0.0)

    def test_validation_of_a_method_is_no_row(self):
        self.make_portal_transaction("done", operation="validation", amount=0.0)
        self.assertEqual(self.rows(), {})

    def test_portal_token_transaction(self):
        tx = self.make_portal_transaction(
            "done", operation="online_token", token_id=self.token.id
        )
        row = self._get_only_row()
        self.assertEqual(row["id"], f"tx-{tx.id}")
        self.assertEqual(row["channel"], "Portal")
        self.assertIn("1234", row["method"])

    def test_transaction_for_several_invoices(self):
        other = self.make_invoice(50.0)
        tx = self.make_portal_transaction(
            "done",
            amount=1050.0,
            invoice_ids=[Command.set((self.invoice | other).ids)],
        )
        self.assertEqual(tx.payment_id.amount, 1050.0)
        self.assertEqual(self._get_only_row()["amount_applied"], 1000.0)
        self.assertEqual(self._get_only_row(other)["amount_applied"], 50.0)
        self._assert_adds_up()
        self._assert_adds_up(other)

    def test_failed_transaction_for_several_invoices_is_not_retried(self):
        other = self.make_invoice(50.0)
        self.make_portal_transaction(
            "error", invoice_ids=[Command.set((self.invoice | other).ids)]
        )
        action = self._get_action(self._get_only_row(), "retry")
        self.assertFalse(action["enabled"])
        self.assertEqual(action["reason"], "It was for several invoices.")

    def test_external_payment(self):
        payment = self.invoice.record_external_payment(
            amount=250.0, reference="Cheque 12", memo="Note", date="2026-02-01"
        )
        row = self._get_only_row()
        self.assertEqual(row["id"], f"pay-{payment.id}")
        self.assertEqual((row["kind"], row["state"]), ("external", "succeeded"))
        self.assertEqual(row["reference"], "Cheque 12")
        self.assertEqual(row["memo"], "Note")
        self.assertEqual(row["date"], "2026-02-01")
        self.assertIn(self.bank.name, row["method"])
        self.assertEqual(row["user"], self.accountant.name)
        self.assertEqual(row["payment_id"], payment.id)
        self.assertFalse(row["transaction_id"])
        self.assertEqual(
            self._action_names(row),
            ["refund", "taken_back", "mistake", "unmatch", "receipt", "open_payment"],
        )
        self._assert_adds_up()

    def test_cancelled_external_payment(self):
        payment = self.invoice.record_external_payment(amount=250.0)
        payment.action_cancel()
        row = self._get_only_row()
        self.assertEqual((row["state"], row["amount_applied"]), ("canceled", 0.0))
        self.assertNotIn("receipt", self._action_names(row))
        self._assert_adds_up()

    def test_rejected_external_payment(self):
        payment = self.invoice.record_external_payment(amount=250.0)
        payment.action_reject()
        row = self._get_only_row()
        self.assertEqual(row["state"], "rejected")
        self.assertEqual(row["state_label"], "Rejected")
        self.assertEqual(
            (row["amount_applied"], self.invoice.amount_residual), (0, 1000)
        )
        self.assertEqual(payment.move_id.state, "cancel")
        self._assert_adds_up()

    def test_draft_that_is_matched(self):
        """Odoo deducts it, the ledger does not: the section and the tie-out say so."""
        payment = self.invoice.record_external_payment(amount=250.0).sudo()
        payment.move_id.line_ids.remove_move_reconcile()
        payment.action_draft()
        lines = payment._get_receivable_lines() | self.invoice.sudo().line_ids.filtered(
            lambda line: line.display_type == "payment_term"
        )
        lines.reconcile()
        row = self._get_only_row()
        self.assertEqual((row["state"], row["amount_applied"]), ("draft", 250))
        self.assertIn("not posted", row["reason"])
        found = self.env["account.payment.tie.out"].check(self.company.ids)
        self.assertEqual([each["invariant"] for each in found], ["unposted"])
        self.assertEqual(found[0]["found"], 250)
        payment.action_post()

    def test_unmatched_payment_no_longer_counts(self):
        payment = self.invoice.record_external_payment(amount=250.0)
        payment.move_id.line_ids.remove_move_reconcile()
        for row in self.rows().values():
            self.assertEqual(row["amount_applied"], 0.0)
        self.assertEqual(self._assert_adds_up()["amount_remaining"], 1000.0)

    def test_payment_of_odoo_s_own_dialog(self):
        payment = self.register_payment(
            self.invoice, amount=300.0, payment_date="2026-02-01"
        )
        row = self._get_only_row()
        self.assertEqual(row["id"], f"pay-{payment.id}")
        self.assertEqual((row["kind"], row["amount_applied"]), ("external", 300.0))
        self._assert_adds_up()

    def test_payment_matched_by_hand(self):
        payment = self.env["account.payment"].create(
            {
                "amount": 1500.0,
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.partner.id,
                "journal_id": self.bank.id,
            }
        )
        payment.action_post()
        self._match(payment.move_id)
        row = self._get_only_row()
        self.assertEqual((row["amount"], row["amount_applied"]), (1500.0, 1000.0))
        self._assert_adds_up()

    def test_bank_match(self):
        statement_line = self._make_statement_line(700.0)
        self._match_statement_line(statement_line)
        row = self._get_only_row()
        self.assertEqual(row["id"], f"move-{statement_line.move_id.id}")
        self.assertEqual((row["kind"], row["state"]), ("bank", "succeeded"))
        self.assertEqual((row["amount"], row["amount_applied"]), (700.0, 700.0))
        self.assertEqual(row["date"], "2026-01-20")
        self.assertTrue(row["time"])
        self.assertIn(self.bank.name, row["method"])
        self.assertIn("Transfer of Norbert", row["memo"])
        self._assert_adds_up()

    def test_payment_that_the_bank_confirmed_is_one_row(self):
        payment = self.invoice.record_external_payment()
        statement_line = self._make_statement_line(1000.0)
        outstanding = payment.move_id.line_ids.filtered(
            lambda line: line.account_id != self.receivable
        )
        suspense = statement_line.move_id.line_ids.filtered(
            lambda line: line.account_id == self.bank.suspense_account_id
        )
        suspense.account_id = outstanding.account_id
        (suspense | outstanding).reconcile()
        self.assertEqual(self._get_only_row()["id"], f"pay-{payment.id}")
        self.assertEqual(self.invoice.payment_state, "paid")

    def test_credit_note(self):
        credit_note = self.make_credit_note(self.invoice, 200.0)
        self._match(credit_note)
        row = self._get_only_row()
        self.assertEqual(row["id"], f"move-{credit_note.id}")
        self.assertEqual((row["kind"], row["amount_applied"]), ("credit_note", 200.0))
        self.assertEqual(row["amount"], 200.0)
        self.assertEqual(row["reference"], credit_note.name)
        self.assertEqual(row["kind_label"], "Credit note")
        # It is told by what it is, and not by its journal; and when, as each row.
        self.assertEqual(row["method"], "Credit note")
        self.assertTrue(row["time"])
        self.assertIn("open_entry", self._action_names(row))
        self._assert_adds_up()

    def test_credit_note_s_own_section(self):
        credit_note = self.make_credit_note(self.invoice)
        self._match(credit_note)
        credit_note = credit_note.with_user(self.accountant)
        row = self._get_only_row(credit_note)
        self.assertEqual((row["kind"], row["amount_applied"]), ("invoice", 1000.0))
        self.assertEqual(row["reference"], self.invoice.name)
        section = self._assert_adds_up(credit_note)
        self.assertFalse(section["can_create"])
        self.assertTrue(section["create_blocked_reason"])

    def test_credit_note_that_was_paid_out(self):
        credit_note = self.make_credit_note(self.make_invoice())
        credit_note.line_ids.remove_move_reconcile()
        payment = self.register_payment(credit_note, amount=400.0)
        credit_note = credit_note.with_user(self.accountant)
        row = self._get_only_row(credit_note)
        self.assertEqual(row["id"], f"pay-{payment.id}")
        self.assertEqual(row["amount_applied"], 400.0)
        self._assert_adds_up(credit_note)

    def test_other_entry(self):
        entry = self._make_entry(60.0, ref="Bad debt")
        self._match(entry)
        row = self._get_only_row()
        self.assertEqual(row["id"], f"move-{entry.id}")
        self.assertEqual((row["kind"], row["amount_applied"]), ("entry", 60.0))
        self.assertEqual(row["memo"], "Bad debt")
        self._assert_adds_up()

    def test_entry_with_two_lines(self):
        self._match(self._make_entry(60.0, 40.0))
        row = self._get_only_row()
        self.assertEqual((row["amount"], row["amount_applied"]), (100.0, 100.0))
        self._assert_adds_up()

    def test_entry_on_two_instalments_is_shown_with_its_amount_once(self):
        self.invoice = self.make_invoice_with_instalments()
        self._match(self._make_entry(800.0))
        row = self._get_only_row()
        self.assertEqual(row["amount_applied"], 800.0)
        self.assertEqual(row["amount"], 800.0)
        self._assert_adds_up()

    def test_credit_note_on_two_instalments_is_shown_with_its_amount_once(self):
        self.invoice = self.make_invoice_with_instalments()
        credit_note = self.make_credit_note(self.make_invoice(800.0))
        credit_note.line_ids.remove_move_reconcile()
        self._match(credit_note)
        row = self._get_only_row()
        self.assertEqual((row["amount"], row["amount_applied"]), (800.0, 800.0))
        self._assert_adds_up()

    def test_entry_with_lines_in_two_currencies(self):
        euro = self.make_currency("EUR")
        entry = self.env["account.move"].create(
            {
                "move_type": "entry",
                "date": "2026-01-20",
                "line_ids": [
                    Command.create({"account_id": self.receivable.id, "credit": 60.0}),
                    Command.create(
                        {
                            "account_id": self.receivable.id,
                            "credit": 40.0,
                            "currency_id": euro.id,
                            "amount_currency": -80.0,
                        }
                    ),
                    Command.create(
                        {
                            "account_id": self.company_data[
                                "default_account_expense"
                            ].id,
                            "debit": 100.0,
                        }
                    ),
                ],
            }
        )
        entry.action_post()
        self._match(entry)
        self.assertEqual(self.invoice.amount_residual, 900.0)
        self._assert_adds_up()

    def test_declined_payment_of_odoo_s_own_dialog_is_one_row(self):
        self.gateway.answers = ["error"]
        self.gateway.reason = "Card expired"
        self.register_with_token()
        row = self._get_only_row()
        self.assertEqual((row["kind"], row["state"]), ("attempt", "declined"))
        self.assertEqual(row["reason"], "Card expired")
        self.assertEqual(row["amount_applied"], 0.0)
        self._assert_adds_up()

    def test_payment_with_a_token_of_odoo_s_own_dialog_is_one_row(self):
        self.register_with_token()
        row = self._get_only_row()
        self.assertEqual((row["kind"], row["state"]), ("attempt", "succeeded"))
        self.assertEqual(row["amount_applied"], 1000.0)
        self._assert_adds_up()

    # === ADDING UP === #

    def test_everything_on_one_invoice_adds_up(self):
        self.start_attempt("done", amount=100.0)
        self.start_attempt("error", amount=100.0)
        self.make_portal_transaction("done")
        self.invoice.record_external_payment(amount=50.55)
        self._match_statement_line(self._make_statement_line(200.0))
        self._match(self._make_entry(60.0))
        self.start_attempt("pending", amount=99.99)
        section = self._assert_adds_up()
        self.assertEqual(len(section["rows"]), 7)
        self.assertEqual(section["amount_in_flight"], 99.99)
        self.assertAlmostEqual(section["amount_remaining"], 489.45)
        self.assertAlmostEqual(section["amount_chargeable"], 389.46)

    def test_foreign_currency_adds_up(self):
        euro = self.make_currency("EUR", 3.0)
        self.invoice = self.make_invoice(1000.01, currency_id=euro.id)
        self.set_rate(euro, "2026-01-18", 3.7)
        self.start_attempt("done", amount=333.33)
        self.invoice.record_external_payment(amount=111.11, date="2026-01-20")
        dollars = self.register_payment(
            self.invoice,
            payment_date="2026-01-20",
            currency_id=self.company.currency_id.id,
            amount=100.0,
        )
        rows = self.rows()
        row = rows[f"pay-{dollars.id}"]
        self.assertEqual(row["currency_id"], self.company.currency_id.id)
        self.assertEqual(row["amount"], 100.0)
        self.assertAlmostEqual(row["amount_applied"], 370.0)
        self.assertEqual(len(rows), 3, "Exchange differences are not rows.")
        self._assert_adds_up()
        self.invoice.record_external_payment(date="2026-01-20")
        self.assertEqual(self._assert_adds_up()["amount_remaining"], 0.0)

    def test_exchange_difference_adds_up(self):
        journal = self.make_currency_journal()
        self.invoice.record_external_payment(amount=333.33, journal_id=journal.id)
        self.invoice.record_external_payment(journal_id=journal.id)
        section = self._assert_adds_up()
        self.assertEqual(section["amount_remaining"], 0.0)
        self.assertEqual(
            {row["currency_id"] for row in section["rows"]}, {journal.currency_id.id}
        )

    def test_foreign_invoice_matched_with_a_bank_line_adds_up(self):
        euro = self.make_currency("EUR", 3.0)
        self.invoice = self.make_invoice(1000.0, currency_id=euro.id)
        self.set_rate(euro, "2026-01-18", 4.0)
        self._match_statement_line(self._make_statement_line(100.0))
        row = self._get_only_row()
        self.assertEqual(row["kind"], "bank")
        self._assert_adds_up()

    def test_cash_rounding_adds_up(self):
        for rounding in (self.cash_rounding_a, self.cash_rounding_b):
            with self.subTest(rounding.name):
                self.invoice = self.make_invoice(
                    invoice_cash_rounding_id=rounding.id,
                    invoice_line_ids=[
                        Command.create(
                            {
                                "name": "Service",
                                "price_unit": 99.97,
                                "tax_ids": [Command.set(self.tax_sale_a.ids)],
                            }
                        )
                    ],
                )
                self.start_attempt("done", amount=10.0)
                self._assert_adds_up()
                self.invoice.record_external_payment()
                self.assertEqual(self._assert_adds_up()["amount_remaining"], 0.0)

    def test_early_payment_discount_adds_up(self):
        terms = self.make_discount_terms(10, due_in=30)
        self.invoice = self.make_invoice(invoice_payment_term_id=terms.id)
        self.invoice.record_external_payment(date="2026-01-20")
        row = self._get_only_row()
        self.assertEqual((row["amount"], row["amount_applied"]), (900.0, 1000.0))
        self.assertEqual(self._assert_adds_up()["amount_remaining"], 0.0)

    def test_charge_with_an_early_payment_discount_adds_up(self):
        terms = self.make_discount_terms(10, days=10000, due_in=30)
        self.invoice = self.make_invoice(invoice_payment_term_id=terms.id)
        attempt = self.start_attempt("done")
        self.assertEqual(attempt.amount, 900.0)
        row = self._get_only_row()
        self.assertEqual((row["amount"], row["amount_applied"]), (900.0, 1000.0))
        self.assertEqual(self._assert_adds_up()["amount_remaining"], 0.0)

    # === REFUNDS === #

    def _refund(self, payment, amount):
        """Refund a payment in Odoo's own dialog."""
        self.patch(
            self.env.registry["payment.transaction"],
            "_send_refund_request",
            lambda tx: self.gateway.receive(tx),
        )
        self.payment_method.with_env(self.env).support_refund = "partial"
        self.env.invalidate_all()
        dialog = self.env["payment.refund.wizard"].create(
            {"payment_id": payment.id, "amount_to_refund": amount}
        )
        dialog.action_refund()
        refund = self.env["payment.transaction"].search(
            [("operation", "=", "refund")], order="id desc", limit=1
        )
        if refund.state == "done":
            refund.sudo()._post_process()
        self._keep()
        return refund

    def test_refund_is_listed_beneath_its_payment(self):
        attempt = self.start_attempt("done")
        self.gateway.answers = ["done"]
        refund = self._refund(attempt.sudo().payment_id, 300.0)
        row = self._get_only_row()
        self.assertEqual(row["amount_refunded"], 300.0)
        (listed,) = row["refunds"]
        self.assertEqual(listed.keys(), REFUND_KEYS)
        self.assertEqual((listed["amount"], listed["state"]), (300.0, "succeeded"))
        self.assertEqual(listed["transaction_id"], refund.id)
        self.assertEqual(listed["payment_id"], refund.payment_id.id)
        self._assert_adds_up()

    def test_refund_in_flight_does_not_count_as_refunded(self):
        attempt = self.start_attempt("done")
        self.gateway.answers = ["pending"]
        self._refund(attempt.sudo().payment_id, 300.0)
        row = self._get_only_row()
        self.assertEqual(row["amount_refunded"], 0.0)
        self.assertEqual(row["refunds"][0]["state"], "pending")
        self.assertEqual(row["refunds"][0]["state_label"], "Pending")

    def test_two_refunds(self):
        attempt = self.start_attempt("done")
        self.gateway.answers = ["done"]
        self._refund(attempt.sudo().payment_id, 300.0)
        self._refund(attempt.sudo().payment_id, 200.0)
        row = self._get_only_row()
        self.assertEqual(row["amount_refunded"], 500.0)
        self.assertEqual(len(row["refunds"]), 2)

    def test_refund_of_a_captured_amount(self):
        attempt = self.start_attempt("authorized")
        self.gateway.answers = ["done"]
        capture = attempt.capture(amount=600.0)
        self._refund(capture.sudo().payment_id, 100.0)
        row = self.rows()[f"tx-{capture.id}"]
        self.assertEqual(row["amount_refunded"], 100.0)
        self.gateway.answers = ["pending"]
        self._refund(capture.sudo().payment_id, 50.0)
        row = self.rows()[f"tx-{capture.id}"]
        self.assertEqual(
            sorted(refund["state"] for refund in row["refunds"]),
            ["pending", "succeeded"],
        )
        self._assert_adds_up()

    # === CAPTURES === #

    def test_partial_capture_and_void(self):
        attempt = self.start_attempt("authorized")
        self.gateway.answers = ["done"]
        capture = attempt.capture(amount=600.0)
        section = self._assert_adds_up()
        self.assertEqual(section["amount_in_flight"], 400.0)
        rows = self.rows()
        self.assertEqual(rows[f"tx-{capture.id}"]["amount_applied"], 600.0)
        self.assertEqual(rows[f"tx-{attempt.id}"]["state"], "authorized")
        self.gateway.answers = ["cancel"]
        attempt.void()
        rows = self.rows()
        self.assertEqual(list(rows), [f"tx-{capture.id}"])
        self._assert_adds_up()

    def test_void_of_everything_leaves_the_cancelled_attempt(self):
        attempt = self.start_attempt("authorized")
        self.gateway.answers = ["cancel"]
        attempt.void()
        row = self._get_only_row()
        self.assertEqual((row["id"], row["state"]), (f"tx-{attempt.id}", "canceled"))
        self._assert_adds_up()

    # === QUERIES === #

    def _count_queries(self, invoice):
        self.env.flush_all()
        self.env.invalidate_all()
        invoice.env.user.has_group("account.group_account_invoice")
        before = self.env.cr.sql_log_count
        rows = invoice.get_payment_section()["rows"]
        return len(rows), self.env.cr.sql_log_count - before

    def test_queries_do_not_grow_with_the_rows(self):
        self.invoice.record_external_payment(amount=1.0)
        count, queries = self._count_queries(self.invoice)
        self.assertEqual(count, 1)
        self.assertLessEqual(queries, MAX_QUERIES)
        self.start_attempt("done", amount=1.0)
        self.start_attempt("error", amount=1.0)
        self._match(self._make_entry(1.0))
        many = self.env["account.move"].create(
            [
                {
                    "move_type": "entry",
                    "date": "2026-01-20",
                    "line_ids": [
                        Command.create(
                            {"account_id": self.receivable.id, "credit": 1.0}
                        ),
                        Command.create(
                            {
                                "account_id": self.company_data[
                                    "default_account_expense"
                                ].id,
                                "debit": 1.0,
                            }
                        ),
                    ],
                }
                for _number in range(196)
            ]
        )
        many.action_post()
        self._match(many)
        count, queries = self._count_queries(self.invoice)
        self.assertEqual(count, 200)
        self.assertLessEqual(queries, MAX_QUERIES)

    # === ACTIONS === #

    def test_failed_attempt_can_be_retried(self):
        attempt = self.start_attempt("error")
        action = self._get_action(self._get_only_row(), "retry")
        self.assertTrue(action["enabled"])
        self.assertEqual((action["model"], action["id"]), (attempt._name, attempt.id))
        dialog = getattr(attempt, action["method"])()
        self.assertEqual(
            dialog["context"]["default_retried_transaction_id"], attempt.id
        )

    def test_retry_names_the_attempt_in_flight(self):
        self.start_attempt("error", amount=100.0)
        pending = self.start_attempt("pending", amount=100.0)
        rows = self.rows()
        (failed,) = (row for row in rows.values() if row["state"] == "declined")
        action = self._get_action(failed, "retry")
        self.assertFalse(action["enabled"])
        self.assertIn(pending.reference, action["reason"])

    def test_retry_says_that_nothing_is_left(self):
        self.start_attempt("error", amount=100.0)
        self.invoice.record_external_payment()
        (failed,) = (row for row in self.rows().values() if row["state"] == "declined")
        action = self._get_action(failed, "retry")
        self.assertFalse(action["enabled"])
        self.assertEqual(action["reason"], "Nothing is left to charge.")

    def test_unknown_attempt_can_be_resolved(self):
        attempt = self.start_attempt(RuntimeError("cut"))
        row = self._get_only_row()
        self.assertIn("no clear answer", row["reason"])
        self.assertNotIn("retry", self._action_names(row))
        action = self._get_action(row, "resolve")
        self.assertEqual(
            getattr(attempt, action["method"])()["context"],
            {"default_transaction_id": attempt.id},
        )
        section = self._assert_adds_up()
        self.assertTrue(section["needs_resolving"])
        self.assertFalse(section["can_create"])
        self.assertIn(attempt.reference, section["create_blocked_reason"])
        self.assertEqual(section["amount_in_flight"], 1000.0)

    def test_create_is_blocked_with_the_reason(self):
        pending = self.start_attempt("pending", amount=1000.0)
        section = self.invoice.get_payment_section()
        self.assertFalse(section["can_create"])
        self.assertIn(pending.reference, section["create_blocked_reason"])
        self.gateway.notify(pending, "error")
        self.assertTrue(self.invoice.get_payment_section()["can_create"])
        self.invoice.record_external_payment()
        section = self.invoice.get_payment_section()
        self.assertFalse(section["can_create"])
        self.assertIn("paid", section["create_blocked_reason"])

    def test_row_names_the_attempt_it_repeats(self):
        failed = self.start_attempt("error")
        self.gateway.answers = ["done"]
        retried = failed.retry()
        self.assertEqual(self.rows()[f"tx-{retried.id}"]["retry_of"], failed.reference)

    # === RIGHTS === #

    def test_auditor_reads_but_cannot_move_money(self):
        self.start_attempt("error")
        self.invoice.record_external_payment(amount=10.0)
        self.start_attempt("authorized", amount=10.0)
        auditor = self.make_user(
            "ip_auditor", "base.group_user,account.group_account_readonly"
        )
        section = self.invoice.with_user(auditor).get_payment_section()
        self.assertEqual(len(section["rows"]), 3)
        self.assertFalse(section["can_create"])
        self.assertIn("no right", section["create_blocked_reason"])
        money = {"retry", "resolve", "capture", "void"}
        for row in section["rows"]:
            self.assertFalse(money & set(self._action_names(row)), row)

    def test_accountant_reads_with_no_other_rights(self):
        self.start_attempt("done", amount=10.0)
        self._match(self._make_entry(1.0))
        for row in self.rows().values():
            for action in row["actions"]:
                record = self.env[action["model"]].browse(action["id"])
                result = getattr(record.with_user(self.accountant), action["method"])()
                self.assertTrue(result, action)

    def test_customers_cannot_read_the_section(self):
        self.invoice.record_external_payment(amount=10.0)
        member = self.make_user(
            "ip_member", "base.group_portal", partner_id=self.partner.id
        )
        self.invoice.with_user(member).check_access("read")
        for method in ("get_payment_rows", "get_payment_section"):
            with self.subTest(method), self.assertRefused("", AccessError):
                getattr(self.invoice.with_user(member), method)()

    def test_employee_cannot_read_the_section(self):
        employee = self.make_user("ip_employee", "base.group_user")
        with self.assertRefused("", AccessError):
            self.invoice.with_user(employee).get_payment_section()
