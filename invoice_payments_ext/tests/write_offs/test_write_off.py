from odoo import fields
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import Form, tagged

from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestWriteOff(InvoicePaymentsCommon):
    """An amount that will never be paid is written off without tax, and undone."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bad_debt = cls.env["account.account"].create(
            {"name": "Bad debt", "code": "BADDEBT", "account_type": "expense"}
        )
        cls.company.write_off_account_id = cls.bad_debt
        cls.other_company_data = cls.setup_other_company(name="Other Company")

    def setUp(self):
        super().setUp()
        self.bad_debt = self.bad_debt.with_env(self.env)
        self.company = self.company.with_env(self.env)
        self.invoice = self.invoice.with_user(self.supervisor)

    # === HELPERS === #

    def _make_invoice(self, *args, **values):
        return self.make_invoice(*args, **values).with_user(self.supervisor)

    def _make_installments(self, **values):
        """Return an invoice of 1000 in two installments of 30 and 70 percent."""
        term = self.env["account.payment.term"].create(
            {
                "name": "30 % now, 70 % in 60 days",
                "line_ids": [
                    Command.create(
                        {"value": "percent", "value_amount": share, "nb_days": days}
                    )
                    for share, days in ((30, 0), (70, 60))
                ],
            }
        )
        return self._make_invoice(invoice_payment_term_id=term.id, **values)

    def _lines(self, entry):
        """Return the amounts of the lines of an entry, the credits first."""
        return [
            (
                line.account_id,
                line.partner_id,
                line.currency_id.name,
                line.amount_currency,
                line.balance,
            )
            for line in entry.sudo().line_ids.sorted("id")
        ]

    def _residuals(self, invoice):
        """Return the open amounts of the installments, the oldest due first."""
        lines = invoice.sudo().line_ids.filtered(
            lambda line: line.display_type == "payment_term"
        )
        return [
            (line.amount_residual_currency, line.amount_residual)
            for line in lines.sorted("date_maturity")
        ]

    def _write_off_row(self, entry):
        return self.rows()[f"move-{entry.id}"]

    def _make_cash_basis_invoice(self):
        """Return an invoice of 1100, of which 100 are tax that is due when paid."""
        self.transition = self.bad_debt.copy(
            {"code": "TRANS", "reconcile": True, "account_type": "liability_current"}
        )
        self.company.tax_exigibility = True
        tax = self.company_data["default_tax_sale"].copy(
            {
                "name": "On payment",
                "amount": 10,
                "tax_exigibility": "on_payment",
                "cash_basis_transition_account_id": self.transition.id,
            }
        )
        return self._make_invoice(
            invoice_line_ids=[
                Command.create(
                    {"name": "Taxed", "price_unit": 1000.0, "tax_ids": tax.ids}
                )
            ]
        )

    def _get_tax_due(self, invoice):
        """Return how much of the invoice's tax became due."""
        moves = self.env["account.move"].search(
            [("tax_cash_basis_origin_move_id", "=", invoice.id)]
        )
        lines = moves.line_ids.filtered(lambda line: line.account_id == self.transition)
        return sum(lines.mapped("balance"))

    # === WRITING OFF === #

    def test_all_that_remains_is_written_off(self):
        entry = self.invoice.write_off(reason="  Insolvent ")
        receivable = self.company_data["default_account_receivable"]
        self.assertEqual(
            self._lines(entry),
            [
                (receivable, self.partner, "USD", -1000.0, -1000.0),
                (self.bad_debt, self.partner, "USD", 1000.0, 1000.0),
            ],
        )
        self.assertEqual(entry.state, "posted")
        self.assertEqual(entry.move_type, "entry")
        self.assertEqual(entry.journal_id, self.company_data["default_journal_misc"])
        self.assertEqual(entry.date, fields.Date.context_today(self.invoice))
        self.assertEqual(entry.ref, "Insolvent")
        self.assertEqual(entry.written_off_invoice_id, self.invoice)
        self.assertFalse(entry.line_ids.tax_ids)
        self.assertEqual(self.invoice.amount_residual, 0.0)
        self.assertEqual(self.invoice.payment_state, "paid")
        # Odoo calls it paid; the section does not.
        self.assertEqual(
            self.invoice.get_payment_section()["create_blocked_reason"],
            "Nothing remains to be paid.",
        )
        self.assertFalse(self.gateway.requests)

    def test_part_is_written_off_on_a_day_of_the_past(self):
        other = self.bad_debt.copy({"code": "OTHER"})
        entry = self.invoice.write_off(
            250.5, "Below the cost", account_id=other.id, date="2026-02-01"
        )
        self.assertEqual(self.invoice.amount_residual, 749.5)
        self.assertEqual(self.invoice.payment_state, "partial")
        self.assertEqual(str(entry.date), "2026-02-01")
        self.assertIn(other, entry.line_ids.account_id)

    def test_tax_stays_as_it_was_billed(self):
        tax = self.company_data["default_tax_sale"]
        invoice = self._make_invoice(
            invoice_line_ids=[
                Command.create(
                    {"name": "Taxed", "price_unit": 100.0, "tax_ids": tax.ids}
                )
            ]
        )
        self.bad_debt.tax_ids = tax
        entry = invoice.write_off(reason="Insolvent")
        self.assertEqual(len(entry.line_ids), 2)
        self.assertFalse(entry.line_ids.tax_ids)
        self.assertFalse(entry.line_ids.tax_line_id)
        self.assertFalse(entry.line_ids.tax_tag_ids)
        self.assertEqual(invoice.amount_residual, 0.0)

    def test_tax_that_is_due_when_paid_does_not_become_due(self):
        invoice = self._make_cash_basis_invoice()
        invoice.write_off(440.0, "Insolvent")
        self.assertEqual(self._get_tax_due(invoice), 0.0)
        invoice.with_user(self.accountant).record_external_payment()
        self.assertEqual(invoice.amount_residual, 0.0)
        self.assertEqual(self._get_tax_due(invoice), 60.0, "Of the 660 that were paid.")

    def test_tax_that_is_due_when_paid_becomes_due_after_it_was_undone(self):
        invoice = self._make_cash_basis_invoice()
        entry = invoice.write_off(440.0, "Insolvent")
        invoice.with_user(self.accountant).record_external_payment()
        entry.undo_write_off()
        self.assertEqual(self._get_tax_due(invoice), 60.0)
        invoice.with_user(self.accountant).record_external_payment()
        self.assertEqual(self._get_tax_due(invoice), 100.0)

    def test_part_paid_invoice(self):
        self.invoice.with_user(self.accountant).record_external_payment(600.0)
        with self.assertRefused("above the remaining amount of .*400.00"):
            self.invoice.write_off(400.01, "Insolvent")
        entry = self.invoice.write_off(reason="Insolvent")
        self.assertEqual(entry.amount_total, 400.0)
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_installments_the_oldest_due_first(self):
        invoice = self._make_installments()
        entry = invoice.write_off(350.0, "Insolvent")
        self.assertEqual(self._residuals(invoice), [(0.0, 0.0), (650.0, 650.0)])
        self.assertEqual(len(entry.line_ids), 3)
        invoice.write_off(reason="Insolvent")
        self.assertEqual(invoice.amount_residual, 0.0)

    def test_installments_on_accounts_of_their_own(self):
        invoice = self._make_installments()
        second = self.company_data["default_account_receivable"].copy()
        line = invoice.sudo().line_ids.filtered("date_maturity").sorted("date_maturity")
        self.env.cr.execute(
            "UPDATE account_move_line SET account_id = %s WHERE id = %s",
            [second.id, line[-1].id],
        )
        self.env.invalidate_all()
        entry = invoice.write_off(500.0, "Insolvent")
        self.assertEqual(self._residuals(invoice), [(0.0, 0.0), (500.0, 500.0)])
        credited = entry.line_ids.filtered("credit")
        self.assertEqual(
            [(line.account_id.id, line.credit) for line in credited.sorted("id")],
            [(line[0].account_id.id, 300.0), (second.id, 200.0)],
        )

    def test_foreign_currency_at_the_value_in_the_books(self):
        currency = self.make_currency("GBP", 3.0)
        invoice = self._make_installments(currency_id=currency.id)
        self.set_rate(currency, "2026-02-01", 5.0)
        before = self.env["account.move"].search_count([])
        entry = invoice.write_off(400.0, "Insolvent")
        self.assertEqual(entry.currency_id, currency)
        self.assertEqual(
            [(amount, balance) for *_rest, amount, balance in self._lines(entry)],
            [(-300.0, -100.0), (-100.0, -33.33), (400.0, 133.33)],
        )
        self.assertEqual(self._residuals(invoice), [(0.0, 0.0), (600.0, 200.0)])
        invoice.write_off(reason="Insolvent")
        self.assertEqual(self._residuals(invoice), [(0.0, 0.0), (0.0, 0.0)])
        self.assertEqual(
            self.env["account.move"].search_count([]),
            before + 2,
            "No exchange difference is made: no money moved.",
        )

    def test_request_with_a_key_is_done_once(self):
        first = self.invoice.write_off(100.0, "Insolvent", idempotency_key="W")
        again = self.invoice.write_off(100.0, "Insolvent", idempotency_key="W")
        self.assertEqual(first, again)
        self.assertEqual(self.invoice.amount_residual, 900.0)
        for values in (
            {"amount": 101.0},
            {"reason": "Other"},
            {"date": "2026-02-01"},
            {"account_id": self.bad_debt.id},
        ):
            with self.subTest(values), self.assertRefused("key W was used already"):
                self.invoice.write_off(
                    **{
                        "amount": 100.0,
                        "reason": "Insolvent",
                        "idempotency_key": "W",
                        **values,
                    }
                )

    def test_defaults_of_a_dialog_do_not_reach_the_entry(self):
        invoice = self.invoice.with_context(
            default_move_id=self.invoice.id, default_move_type="out_invoice"
        )
        self.assertEqual(invoice.write_off(reason="Insolvent").move_type, "entry")

    # === REFUSALS === #

    def test_amounts_that_are_none(self):
        for amount in ("1", True, float("nan"), float("inf"), [], {}):
            with self.subTest(amount), self.assertRefused("amount must be a number"):
                self.invoice.write_off(amount, "Insolvent")
        for amount in (0, -1):
            with self.subTest(amount), self.assertRefused("must be above zero"):
                self.invoice.write_off(amount, "Insolvent")
        with self.assertRefused("finer than the smallest unit"):
            self.invoice.write_off(1.005, "Insolvent")
        with self.assertRefused("above the remaining amount of .*1,000.00"):
            self.invoice.write_off(1000.01, "Insolvent")

    def test_reason_that_says_nothing(self):
        for reason in (None, "", "  \n"):
            with self.subTest(reason), self.assertRefused("reason is required"):
                self.invoice.write_off(reason=reason)

    def test_accounts_that_do_not_fit(self):
        archived = self.bad_debt.copy({"code": "ARCH", "active": False})
        foreign = self.bad_debt.copy(
            {"code": "FRGN", "currency_id": self.make_currency("GBP").id}
        )
        bank_like = self.bad_debt.copy(
            {"code": "BNKL", "account_type": "asset_current"}
        )
        self.company_data["default_journal_cash"].with_env(
            self.env
        ).default_account_id = bank_like
        off_balance = self.bad_debt.copy(
            {"code": "OFFB", "account_type": "off_balance"}
        )
        for account, message in (
            (archived.id, "is archived"),
            (foreign.id, "takes GBP only"),
            (bank_like.id, "choose an expense account"),
            (off_balance.id, "choose an expense account"),
            (
                self.company_data["default_account_receivable"].id,
                "choose an expense account",
            ),
            (
                self.company_data["default_account_payable"].id,
                "choose an expense account",
            ),
            (
                self.company_data["default_journal_bank"].default_account_id.id,
                "choose an expense account",
            ),
            (
                self.other_company_data["default_account_expense"].id,
                "belongs to another company",
            ),
            (2**30, "There is no account"),
        ):
            with self.subTest(account), self.assertRefused(message):
                self.invoice.write_off(reason="Insolvent", account_id=account)

    def test_no_account_is_set(self):
        self.company.write_off_account_id = False
        with self.assertRefused("has no write-off account: .* settings of Invoicing"):
            self.invoice.write_off(reason="Insolvent")
        entry = self.invoice.write_off(reason="Insolvent", account_id=self.bad_debt.id)
        self.assertIn(self.bad_debt, entry.line_ids.account_id)

    def test_account_of_the_settings_was_archived(self):
        self.bad_debt.active = False
        with self.assertRefused("is archived"):
            self.invoice.write_off(reason="Insolvent")

    def test_dates_that_do_not_fit(self):
        self.company.fiscalyear_lock_date = "2026-01-31"
        for date, message in (
            ("2999-01-01", "is in the future"),
            ("2026-01-14", "before that of the invoice"),
            ("2026-01-31", "locked period: .*01/31/2026"),
        ):
            with self.subTest(date), self.assertRefused(message):
                self.invoice.write_off(reason="Insolvent", date=date)

    def test_today_lies_in_a_locked_period(self):
        self.company.fiscalyear_lock_date = fields.Date.context_today(self.company)
        with self.assertRefused("locked period"):
            self.invoice.write_off(reason="Insolvent")

    def test_no_miscellaneous_journal(self):
        automatic = self.company.currency_exchange_journal_id
        self.env.cr.execute(
            "UPDATE account_journal SET active = false "
            "WHERE type = 'general' AND company_id = %s AND id != %s",
            [self.company.id, automatic.id],
        )
        self.env.invalidate_all()
        with self.assertRefused("has no miscellaneous journal"):
            self.invoice.write_off(reason="Insolvent")

    def test_only_open_customer_invoices(self):
        paid = self._make_invoice()
        paid.with_user(self.accountant).record_external_payment()
        cancelled = self._make_invoice(post=False)
        cancelled.sudo().button_cancel()
        purchase = self.company_data["default_journal_purchase"]
        for invoice, message in (
            (self._make_invoice(move_type="out_refund"), "is not a customer invoice"),
            (
                self._make_invoice(move_type="in_invoice", journal_id=purchase.id),
                "is not a customer invoice",
            ),
            (self._make_invoice(post=False), "is not posted"),
            (cancelled, "is not posted"),
            (paid, "Nothing remains to be paid"),
            (self._make_invoice(0.0), "Nothing remains to be paid"),
        ):
            with self.subTest(invoice.name), self.assertRefused(message):
                invoice.write_off(reason="Insolvent")

    def test_amount_that_may_still_be_paid(self):
        self.make_portal_transaction("pending", amount=300.0)
        with self.assertRefused("chargeable amount .*300.00 are in flight"):
            self.invoice.write_off(701.0, "Insolvent")
        entry = self.invoice.write_off(reason="Insolvent")
        self.assertEqual(entry.amount_total, 700.0)
        with self.assertRefused("PORTAL-1 .* is in flight"):
            self.invoice.write_off(reason="Insolvent")

    def test_while_a_charge_is_under_way(self):
        self.invoice = self.invoice.with_user(self.accountant)
        attempt = self.start_attempt(TimeoutError("cut"), amount=10.0)
        with self.assertRefused(f"outcome of {attempt.reference}.* is unknown"):
            self.invoice.with_user(self.supervisor).write_off(10.0, "Insolvent")

    # === UNDOING === #

    def test_undone_the_invoice_is_open_again(self):
        invoice = self._make_installments()
        entry = invoice.write_off(800.0, "Insolvent")
        undone_by = entry.undo_write_off("  Paid after all ")
        self.assertEqual(invoice.amount_residual, 1000.0)
        self.assertEqual(invoice.payment_state, "not_paid")
        self.assertEqual(undone_by.state, "posted")
        self.assertEqual(undone_by.reversed_entry_id, entry)
        self.assertEqual(undone_by.date, fields.Date.context_today(self.invoice))
        self.assertEqual(
            undone_by.ref, f"Write-off {entry.name} undone: Paid after all"
        )
        self.assertFalse(undone_by.written_off_invoice_id)
        self.assertEqual(
            [(account, -balance) for account, *_rest, balance in self._lines(entry)],
            [(account, balance) for account, *_rest, balance in self._lines(undone_by)],
        )
        both = entry.line_ids | undone_by.line_ids
        receivable = both.filtered(lambda line: line.account_id.reconcile)
        self.assertTrue(all(line.reconciled for line in receivable))
        invoice.write_off(reason="Never mind")
        self.assertEqual(invoice.amount_residual, 0.0)

    def test_undone_in_a_foreign_currency(self):
        currency = self.make_currency("GBP", 3.0)
        invoice = self._make_invoice(currency_id=currency.id)
        before = self._residuals(invoice)
        entry = invoice.write_off(400.0, "Insolvent")
        self.set_rate(currency, "2026-02-01", 5.0)
        entry.undo_write_off()
        self.assertEqual(self._residuals(invoice), before)

    def test_undone_once(self):
        entry = self.invoice.write_off(reason="Insolvent")
        undone_by = entry.undo_write_off()
        with self.assertRefused(f"was undone already, by {undone_by.name}"):
            entry.undo_write_off()
        with self.assertRefused("is not a write-off"):
            undone_by.undo_write_off()
        with self.assertRefused("is not a write-off"):
            self.invoice.undo_write_off()

    def test_undo_that_does_not_fit(self):
        entry = self.invoice.write_off(reason="Insolvent")
        with self.assertRefused("reason must be a text"):
            entry.undo_write_off(reason=5)
        self.company.fiscalyear_lock_date = fields.Date.context_today(self.company)
        with self.assertRefused("locked period"):
            entry.undo_write_off()

    def test_entry_that_was_reset_by_hand(self):
        entry = self.invoice.write_off(300.0, "Insolvent")
        entry.sudo().button_draft()
        with self.assertRefused("is not posted, it is draft"):
            entry.undo_write_off()
        self.assertEqual(self._write_off_row(entry)["state"], "draft")
        entry.sudo().button_cancel()
        self.assertEqual(self.invoice.amount_residual, 1000.0)
        row = self._write_off_row(entry)
        self.assertEqual((row["state"], row["amount_applied"]), ("canceled", 0.0))
        with self.assertRefused("is not posted, it is cancelled"):
            entry.undo_write_off()

    def test_entry_that_was_reversed_by_hand(self):
        entry = self.invoice.write_off(300.0, "Insolvent")
        reversal = entry.sudo()._reverse_moves(cancel=True)
        with self.assertRefused(f"was undone already, by {reversal.name}"):
            entry.undo_write_off()
        self.assertEqual(self._write_off_row(entry)["state"], "undone")

    def test_entry_whose_reversal_was_withdrawn_by_hand(self):
        entry = self.invoice.write_off(300.0, "Insolvent")
        entry.undo_write_off().sudo().button_draft()
        row = self._write_off_row(entry)
        self.assertEqual(row["state"], "written_off")
        self.assertIn("not applied", row["reason"])
        entry.undo_write_off()
        self.assertEqual(self._write_off_row(entry)["state"], "undone")

    # === THE SECTION === #

    def test_row(self):
        entry = self.invoice.write_off(300.0, "Insolvent")
        row = self._write_off_row(entry)
        self.assertEqual(
            {
                name: row[name]
                for name in ("kind", "kind_label", "state", "state_label")
            },
            {
                "kind": "write_off",
                "kind_label": "Write-off",
                "state": "written_off",
                "state_label": "Written off",
            },
        )
        self.assertEqual((row["amount"], row["amount_applied"]), (300.0, 300.0))
        self.assertEqual(row["method"], "Write-off")
        self.assertEqual((row["reference"], row["memo"]), (entry.name, "Insolvent"))
        self.assertEqual(row["user"], self.supervisor.name)
        actions = {action["name"]: action for action in row["actions"]}
        self.assertEqual(list(actions), ["undo_write_off", "open_entry"])
        undo = actions["undo_write_off"]
        self.assertTrue(undo["enabled"])
        result = getattr(
            self.env[undo["model"]].with_user(self.supervisor).browse(undo["id"]),
            undo["method"],
        )()
        self.assertIn("1,000.00 remain", result["params"]["message"])

    def test_it_is_not_called_paid(self):
        entry = self.invoice.write_off(300.0, "Insolvent")
        self.invoice.with_user(self.accountant).record_external_payment(100.0)
        self.env.invalidate_all()
        widget = self.invoice.sudo().invoice_payments_widget
        self.assertEqual(
            {
                content["move_id"] == entry.id: content["is_write_off"]
                for content in widget["content"]
            },
            {True: True, False: False},
        )
        html = self.env["ir.actions.report"]._render_qweb_html(
            "account.report_invoice_with_payments", self.invoice.ids
        )[0]
        text = " ".join(html.decode().split())
        self.assertIn("Written off on", text)
        self.assertIn("Paid on", text)
        self.assertNotIn("Reversed on", text)

    def test_only_expense_accounts(self):
        for kind in ("income", "income_other", "asset_current", "asset_cash"):
            account = self.bad_debt.copy({"account_type": kind})
            with self.subTest(kind), self.assertRefused("choose an expense account"):
                self.invoice.write_off(reason="Insolvent", account_id=account.id)

    def test_row_of_a_user_of_the_lower_level(self):
        entry = self.invoice.write_off(300.0, "Insolvent")
        rows = self.rows(self.invoice.with_user(self.accountant))
        undo = rows[f"move-{entry.id}"]["actions"][0]
        self.assertEqual((undo["name"], undo["enabled"]), ("undo_write_off", False))
        self.assertIn("no right", undo["reason"])

    def test_row_after_it_was_undone(self):
        entry = self.invoice.write_off(300.0, "Insolvent")
        undone_by = entry.undo_write_off()
        rows = self.rows()
        self.assertEqual(list(rows), [f"move-{entry.id}"])
        row = rows[f"move-{entry.id}"]
        self.assertEqual((row["state"], row["amount_applied"]), ("undone", 0.0))
        self.assertEqual(row["amount"], 300.0)
        self.assertEqual(row["reason"], f"Undone by {undone_by.name}.")
        self.assertEqual([action["name"] for action in row["actions"]], ["open_entry"])

    def test_row_that_was_reversed_without_giving_it_back(self):
        entry = self.invoice.write_off(300.0, "Insolvent")
        reversal = entry.sudo()._reverse_moves()
        reversal.action_post()
        row = self._write_off_row(entry)
        undo = row["actions"][0]
        self.assertEqual((row["state"], undo["enabled"]), ("written_off", False))
        self.assertEqual(undo["reason"], f"Reversed by {reversal.name}.")

    # === THE DIALOG === #

    def _open(self, invoice=None):
        action = (invoice or self.invoice).action_write_off()
        model = self.env[action["res_model"]].with_user(self.supervisor)
        return Form(model.with_context(**action["context"]))

    def test_dialog(self):
        self.make_portal_transaction("pending", amount=300.0)
        dialog = self._open()
        self.assertEqual(dialog.amount, 700.0)
        self.assertEqual(dialog.amount_in_flight, 300.0)
        self.assertEqual(dialog.account_id, self.bad_debt)
        dialog.amount = 200.0
        dialog.reason = "Insolvent"
        record = dialog.save()
        result = record.action_write_off()
        self.assertEqual(result["params"]["type"], "success")
        self.assertEqual(self.invoice.amount_residual, 800.0)
        record.action_write_off()
        self.assertEqual(self.invoice.amount_residual, 800.0, "A second click.")

    def test_dialog_says_what_remains(self):
        dialog = self._open()
        self.assertIn("nothing remains to be paid.", dialog.preview)
        dialog.amount = 200.0
        self.assertIn("800.00 remain to be paid.", dialog.preview)

    def test_dialog_says_which_amounts_cannot_be(self):
        dialog = self._open()
        for amount, words in (
            (0, "Enter an amount above zero."),
            (-1, "Enter an amount above zero."),
            (1000.01, "Only $ 1,000.00 can be written off."),
        ):
            dialog.amount = amount
            self.assertIn(words, dialog.preview.replace("\xa0", " "))

    def test_dialog_names_the_attempt_in_flight(self):
        self.make_portal_transaction("pending", amount=1000.0)
        dialog = self._open()
        for amount in (0, 10):
            dialog.amount = amount
            self.assertIn("PORTAL-1", dialog.preview)
            self.assertIn("is in flight: Pending.", dialog.preview)

    def test_dialog_without_an_account(self):
        self.company.write_off_account_id = False
        dialog = self._open()
        self.assertFalse(dialog.account_id)
        dialog.reason = "Insolvent"
        with self.assertRaisesRegex((AssertionError, UserError), "account_id"):
            dialog.save()
