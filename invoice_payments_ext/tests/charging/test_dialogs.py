from odoo import fields
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import Form, freeze_time, tagged

from ...models.external.external_kinds import EXTERNAL_KINDS
from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestDialogs(InvoicePaymentsCommon):
    """The dialogs propose fitting values and call the doors."""

    def setUp(self):
        super().setUp()
        self.cash = self.company_data["default_journal_cash"].with_env(self.env)
        self.bank = self.company_data["default_journal_bank"].with_env(self.env)

    def _open(self, action):
        """Open the dialog of an action, as the accountant."""
        model = self.env[action["res_model"]].with_user(self.accountant)
        return Form(model.with_context(**action["context"]))

    def _open_create(self):
        return self._open(self.invoice.action_create_payment())

    def _options(self, dialog):
        return {option["value"]: option for option in dialog.method_options}

    def _assert_notified(self, action, kind, text):
        """Assert that a person is told, and that the dialog closes."""
        self.assertEqual(action["tag"], "display_notification")
        params = action["params"]
        self.assertEqual(params["type"], kind)
        self.assertTrue(params["title"])
        self.assertIn(text, params["message"])
        self.assertEqual(params["next"]["type"], "ir.actions.act_window_close")
        self.assertEqual(bool(params.get("sticky")), kind in ("danger", "warning"))

    # === CREATE === #

    def test_proposed_values(self):
        dialog = self._open_create()
        self.assertEqual(dialog.amount, 1000.0)
        self.assertEqual(dialog.method, str(self.token.id))
        self.assertEqual(dialog.memo, self.invoice.payment_reference)
        self.assertFalse(dialog.is_external)
        self.assertTrue(dialog.has_saved_method)
        self.assertTrue(dialog.idempotency_key)
        self.assertFalse(dialog.notify)
        option = self._options(dialog)[str(self.token.id)]
        self.assertIn("1234", option["label"])
        self.assertIn(self.payment_method.name, option["label"])
        self.assertFalse(option["disabled"])
        self.assertLessEqual(set(EXTERNAL_KINDS), set(self._options(dialog)))

    def test_chargeable_amount_is_proposed_beside_one_in_flight(self):
        self.make_portal_transaction("pending", amount=300.0)
        dialog = self._open_create()
        self.assertEqual(dialog.amount, 700.0)
        self.assertEqual(dialog.chargeable_amount, 700.0)
        self.assertEqual(dialog.amount_in_flight, 300.0)

    def test_dialog_without_an_invoice(self):
        """Odoo opens any dialog by its address."""
        dialog = Form(self.env["account.payment.create"].with_user(self.accountant))
        dialog.method = "cash"
        self.assertEqual((dialog.amount, dialog.excess_amount), (0, 0))
        self.assertEqual(set(self._options(dialog)), set(EXTERNAL_KINDS))

    def test_each_dialog_has_a_key_of_its_own(self):
        keys = {self._open_create().idempotency_key for _number in range(3)}
        self.assertEqual(len(keys), 3)

    def test_methods_of_the_customer_and_of_its_commercial_partner(self):
        firm = self.env["res.partner"].create({"name": "Firm", "is_company": True})
        self.partner.parent_id = firm
        firm_token = self._create_token(partner_id=firm.id, payment_details="7777")
        stranger = self.env["res.partner"].create({"name": "Stranger"})
        foreign_token = self._create_token(partner_id=stranger.id)
        self.invoice = self.make_invoice()
        self._keep()
        options = self._options(self._open_create())
        self.assertEqual(
            set(options) - set(EXTERNAL_KINDS),
            {str(self.token.id), str(firm_token.id)},
        )
        self.assertNotIn(str(foreign_token.id), options)

    def test_methods_that_cannot_be_used_are_listed_with_the_reason(self):
        euro_provider = self.provider.copy(
            {
                "name": "Euro only",
                "state": "test",
                "available_currency_ids": [(6, 0, self.currency_euro.ids)],
            }
        )
        token = self._create_token(provider_id=euro_provider.id)
        self._keep()
        dialog = self._open_create()
        option = self._options(dialog)[str(token.id)]
        self.assertTrue(option["disabled"])
        self.assertIn("USD", option["reason"])
        self.assertEqual(dialog.method, str(self.token.id))
        self.assertFalse(self._options(dialog)[str(self.token.id)]["disabled"])

    def test_customer_s_default_method_is_chosen(self):
        self._create_token(payment_details="9999")
        self.partner.default_payment_token_id = self.token
        self._keep()
        self.assertEqual(self._open_create().method, str(self.token.id))

    def test_without_a_saved_method_only_external_is_offered(self):
        self.token.active = False
        self._keep()
        dialog = self._open_create()
        self.assertEqual(list(self._options(dialog)), list(EXTERNAL_KINDS))
        self.assertEqual(dialog.method, "transfer")
        self.assertTrue(dialog.is_external)
        self.assertFalse(dialog.has_saved_method)
        self.assertIn("access_token=", dialog.save_method_url)
        self.assertTrue(dialog.save_method_url.startswith("http"))

    def test_credit_is_proposed_where_no_saved_method_can_be_charged(self):
        """No money came from outside, but the customer has credit here."""
        self.partner.with_user(self.supervisor).adjust_credit_balance(
            300, company_id=self.company.id, reason="Goodwill"
        )
        self._keep()
        self.assertEqual(self._open_create().method, str(self.token.id))
        self.provider.available_currency_ids = self.currency_euro
        self._keep()
        dialog = self._open_create()
        self.assertEqual((dialog.method, dialog.amount), ("credit", 300))
        dialog.method = "transfer"
        self.assertEqual(dialog.amount, 1000)
        dialog.method = "credit"
        self.assertEqual(dialog.amount, 300)
        dialog.save().action_apply_credit()
        self.assertEqual(self.invoice.amount_residual, 700)
        # Nothing is held any more.
        self.assertEqual(self._open_create().method, "transfer")

    def test_charge(self):
        dialog = self._open_create()
        dialog.amount = 400.0
        dialog.memo = "Deposit"
        result = dialog.save().action_charge()
        self._assert_notified(result, "success", "400.00 was received and booked")
        self.assertEqual(self.invoice.amount_residual, 600.0)
        (row,) = self.rows().values()
        self.assertEqual((row["memo"], row["amount"]), ("Deposit", 400.0))

    def test_charge_another_method(self):
        other = self._create_token(payment_details="9999")
        self._keep()
        dialog = self._open_create()
        dialog.method = str(self.token.id)
        dialog.save().action_charge()
        self.assertEqual(self.invoice.transaction_ids.token_id, self.token)
        self.assertNotEqual(self.invoice.transaction_ids.token_id, other)

    def test_second_click_of_the_same_dialog_charges_once(self):
        dialog = self._open_create()
        dialog.amount = 400.0
        dialog = dialog.save()
        first, second = dialog.action_charge(), dialog.action_charge()
        self.assertEqual(first, second)
        self.assertEqual(len(self.gateway.requests), 1)
        self.assertEqual(self.invoice.amount_residual, 600.0)

    def test_second_click_of_an_external_payment_records_once(self):
        dialog = self._open_create()
        dialog.method = "transfer"
        dialog.amount = 400.0
        dialog = dialog.save()
        dialog.action_record()
        dialog.action_record()
        self.assertEqual(self.invoice.amount_residual, 600.0)

    def test_words_of_each_outcome(self):
        for answer, kind, texts in (
            ("done", "success", ("was received and booked",)),
            ("pending", "info", ("waits for the confirmation", self.provider.name)),
            ("authorized", "info", ("is reserved", "Capture it")),
            ("error", "danger", ("declined", "Do not honour")),
            ("cancel", "warning", ("was not charged",)),
            (RuntimeError("cut"), "warning", ("may have been charged", "resolve")),
        ):
            with self.subTest(answer):
                self.invoice = self.make_invoice()
                self._keep()
                self.gateway.answers = [answer]
                self.gateway.reason = "Do not honour"
                result = self._open_create().save().action_charge()
                for text in texts:
                    self._assert_notified(result, kind, text)

    def test_booking_that_fails_is_told(self):
        with self.force_error_once(
            "payment.transaction", "_settle", UserError("No journal")
        ):
            result = self._open_create().save().action_charge()
        self._assert_notified(result, "warning", "is not booked yet")
        self.run_resolver()

    def test_refusal_keeps_the_dialog_open(self):
        dialog = self._open_create()
        dialog.amount = 2000.0
        dialog = dialog.save()
        with self.assertRefused("above the remaining amount"):
            dialog.action_charge()
        dialog.amount = 1000.0
        dialog.action_charge()
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_charge_without_a_method(self):
        dialog = self._open_create()
        dialog.method = "transfer"
        dialog = dialog.save()
        with self.assertRefused("Choose a saved payment method"):
            dialog.action_charge()

    # === EXTERNAL === #

    def test_external_payment(self):
        dialog = self._open_create()
        dialog.method = "transfer"
        self.assertTrue(dialog.is_external)
        self.assertEqual(dialog.journal_id, self.bank)
        self.assertEqual(dialog.date, fields.Date.context_today(self.invoice))
        dialog.journal_id = self.cash
        self.assertEqual(
            dialog.payment_method_line_id, self.cash.inbound_payment_method_line_ids[0]
        )
        dialog.amount = 250.0
        dialog.date = fields.Date.to_date("2026-02-03")
        dialog.reference = "Cheque 12"
        dialog.memo = "Thanks"
        result = dialog.save().action_record()
        (row,) = self.rows().values()
        payment = self.env["account.payment"].browse(row["payment_id"])
        self._assert_notified(result, "success", payment.name)
        self.assertEqual(payment.journal_id, self.cash)
        self.assertEqual(str(payment.date), "2026-02-03")
        self.assertEqual(payment.payment_reference, "Cheque 12")
        self.assertEqual(payment.external_kind, "transfer")
        self.assertEqual(payment.memo, "Thanks")
        self.assertEqual(payment.amount, 250.0)
        self.assertEqual(payment.move_id.move_type, "entry")
        self.assertEqual(self.invoice.amount_residual, 750.0)

    def test_kind_chooses_the_journal_and_the_method(self):
        second = self.bank.copy({"sequence": 99})
        second.name = "Second bank"
        line = second.inbound_payment_method_line_ids[:1].copy({"name": "Terminal 7"})
        self._keep()
        dialog = self._open_create()
        dialog.method = "cash"
        self.assertEqual(dialog.journal_id, self.cash)
        dialog.method = "terminal"
        self.assertEqual(dialog.journal_id, self.bank)
        dialog.journal_id = second
        dialog.payment_method_line_id = line
        dialog.amount = 100.0
        dialog.save().action_record()
        # The last choice is proposed again, for this kind only.
        dialog = self._open_create()
        dialog.method = "terminal"
        self.assertEqual(dialog.journal_id, second)
        self.assertEqual(dialog.payment_method_line_id, line)
        dialog.method = "cheque"
        self.assertEqual(dialog.journal_id, self.bank)
        # Without a saved method, so is the kind.
        self.token.active = False
        self._keep()
        self.assertEqual(self._open_create().method, "terminal")
        (row,) = self.rows().values()
        self.assertEqual(row["external_kind"], "terminal")
        self.assertEqual(row["method"], "Card terminal · Second bank · Terminal 7")

    def test_cash_without_a_cash_journal(self):
        self.env["account.journal"].search([("type", "=", "cash")]).active = False
        self._keep()
        dialog = self._open_create()
        dialog.method = "cash"
        self.assertFalse(dialog.journal_id)
        self.assertIn("has no cash journal", dialog.no_journal_reason)
        self.assertIn("has no cash journal", dialog.preview)
        self.assertEqual(dialog.new_journal_type, "cash")
        with self.assertRefused("has no cash journal"):
            self.invoice.record_external_payment(external_kind="cash")
        dialog.journal_id = self.bank
        self.assertFalse(dialog.no_journal_reason)
        dialog.save().action_record()
        self.assertEqual(self.invoice.amount_residual, 0.0)

    # === WHAT IS DUE === #

    def test_due_amount_is_proposed(self):
        """Of 30, 30 and 40 percent: the next one, or all that is overdue."""
        self.invoice = self.make_invoice(
            900.0, invoice_payment_term_id=self._make_terms().id
        )
        self._keep()
        for today, proposed, choices in (
            ("2026-01-15", 270.0, {"next": 270.0, "all": 900.0}),
            ("2026-01-31", 270.0, {"overdue": 270.0, "all": 900.0}),
            ("2026-03-01", 540.0, {"overdue": 540.0, "next": 270.0, "all": 900.0}),
            ("2027-01-01", 900.0, {"next": 270.0, "all": 900.0}),
        ):
            with self.subTest(today), freeze_time(today):
                dialog = self._open_create()
                offered = {
                    choice["value"]: choice.get("amount")
                    for choice in dialog.amount_choices
                }
                self.assertEqual(offered.pop("other", "none"), None)
                self.assertEqual(offered, choices)
                self.assertEqual(dialog.amount, self._get_amount_of_odoo(today))
                self.assertEqual(dialog.amount, proposed)
        with freeze_time("2026-03-01"):
            dialog = self._open_create()
            for choice, amount in (("next", 270.0), ("all", 900.0), ("overdue", 540.0)):
                dialog.amount_choice = choice
                self.assertEqual(dialog.amount, amount)
                self.assertIn(f"{amount:.2f}", dialog.button_label)
            dialog.amount = 10.0
            self.assertEqual(dialog.amount_choice, "other")
            dialog.amount = 900.0
            self.assertEqual(dialog.amount_choice, "all")
        # Never more than is chargeable.
        self.make_portal_transaction("pending", amount=700.0)
        with freeze_time("2026-03-01"):
            dialog = self._open_create()
            self.assertEqual(dialog.amount, 200.0)
            self.assertFalse(dialog.amount_choices)

    def _make_terms(self):
        """Return terms of 30, 30 and 40 percent, a month between them."""
        return self.env["account.payment.term"].create(
            {
                "name": "30, 30, 40",
                "line_ids": [
                    Command.create(
                        {"value": "percent", "value_amount": part, "nb_days": days}
                    )
                    for part, days in ((30.0, 15), (30.0, 44), (40.0, 75))
                ],
            }
        )

    def _get_amount_of_odoo(self, today):
        """Return the amount that Odoo's own dialog proposes."""
        dialog = self._open(self.invoice.action_register_payment())
        dialog.payment_date = fields.Date.to_date(today)
        return dialog.amount

    def test_effects_are_told_before(self):
        dialog = self._open_create()
        dialog.amount = 400.0
        for text in ("400.00 is charged to", "succeeds: INV", "600.00 of", "debit"):
            self.assertIn(text, dialog.preview.replace("\u00a0", " "))
        self.assertIn("400.00", dialog.button_label)
        dialog.amount = 1200.0
        self.assertIn("1,000.00 can be paid now", dialog.preview)
        dialog.method = "cheque"
        self.assertIn("keep it as credit, or enter less", dialog.preview)
        dialog.keep_excess = True
        receivable = self.invoice._get_receivable_account().display_name
        for text in (
            "1,200.00 is recorded as received: Cheque, in the journal Bank",
            "200.00 of it is kept on the credit balance",
            "is paid: nothing remains",
            f"credit {receivable}",
        ):
            self.assertIn(text, dialog.preview.replace("\u00a0", " "))
        self.start_attempt("pending", amount=1000.0)
        dialog = self._open_create()
        self.assertIn("is in flight: Pending", dialog.preview)
        # The method is there, and says why it waits: no link to save one.
        self.assertTrue(self._options(dialog)[str(self.token.id)]["disabled"])
        self.assertTrue(dialog.has_saved_method)

    def test_effects_in_the_currency_of_the_journal(self):
        """Who has 90 pounds sees before that 88.89 would be recorded."""
        euro = self.make_currency("EUR", 0.9)
        journal = self.make_currency_journal(self.make_currency("GBP", 0.8))
        self.invoice = self.make_invoice(180, currency_id=euro.id)
        dialog = self._open_create()
        dialog.method = "transfer"
        dialog.journal_id = journal
        dialog.amount = 100.0
        preview = dialog.preview.replace("\u00a0", " ")
        for text in ("100.00 €, which is £ 88.89, is recorded", "80.00 € of 180.00 €"):
            self.assertIn(text, preview)
        self.assertRegex(preview, r"Entry of .*, £ 88.89\.")
        dialog.journal_id = self.bank
        self.assertNotIn("£", dialog.preview)
        self.assertIn("100.00", dialog.preview)

    def test_default_method_and_the_one_declined_last_are_marked(self):
        other = self._create_token(payment_details="9999")
        self.partner.default_payment_token_id = self.token
        self._keep()
        self.gateway.answers = ["error"]
        self.invoice.charge(other.id, amount=10.0)
        self._keep()
        options = self._options(self._open_create())
        marks = {
            value: [mark["text"] for mark in option.get("marks", [])]
            for value, option in options.items()
        }
        self.assertEqual(marks.pop(str(self.token.id)), ["Default"])
        self.assertEqual(marks.pop(str(other.id)), ["Declined last"])
        self.assertFalse(any(marks.values()))

    def test_defaults_in_the_context_do_not_reach_the_books(self):
        defaults = {
            "default_move_id": self.invoice.id,
            "default_state": "paid",
            "default_payment_type": "outbound",
            "default_date": "2020-01-01",
            "default_name": "Default",
            "default_currency_id": self.currency_euro.id,
            "default_journal_id": self.cash.id,
            "default_move_type": "in_invoice",
            "default_amount": 5.0,
            "default_partner_id": self.partner_a.id,
        }
        self.gateway.answers = ["done"]
        invoice = self.invoice.with_context(**defaults)
        paid = invoice.record_external_payment(amount=100.0)
        charged = invoice.charge(self.token.id, amount=200.0).sudo().payment_id
        self.assertEqual(self.invoice.amount_residual, 700.0)
        for payment, amount in ((paid, 100.0), (charged, 200.0)):
            self.assertEqual(payment.amount, amount)
            self.assertEqual(payment.payment_type, "inbound")
            self.assertEqual(payment.partner_id, self.partner)
            self.assertEqual(payment.journal_id, self.bank)
            self.assertEqual(payment.currency_id, self.company.currency_id)
            self.assertEqual(payment.date, fields.Date.context_today(payment))
            self.assertEqual(payment.move_id.move_type, "entry")
            self.assertNotEqual(payment.name, "Default")

    def test_no_provider_s_method_line_is_offered(self):
        dialog = self._open_create()
        dialog.method = "transfer"
        lines = dialog.available_method_line_ids
        self.assertTrue(len(lines))
        for line in self.bank.inbound_payment_method_line_ids:
            self.assertEqual(
                line.id in lines.ids, not line.payment_provider_id, line.name
            )

    # === ISSUE AND CHARGE === #

    def test_issue_and_charge(self):
        draft = self.make_invoice(250.0, post=False)
        self._keep()
        dialog = self._open(draft.action_issue_and_charge())
        self.assertEqual(dialog.amount, 250.0)
        self.assertEqual(dialog.method, str(self.token.id))
        self.assertFalse(set(EXTERNAL_KINDS) & set(self._options(dialog)))
        dialog = dialog.save()
        result = dialog.action_charge()
        self._assert_notified(result, "success", "250.00 was received")
        self.assertEqual(draft.state, "posted")
        dialog.action_charge()
        self.assertEqual(len(self.gateway.requests), 1)

    def test_issue_and_charge_without_a_method(self):
        """Nothing is chosen in its place: no external payment, and no other method."""
        self.token.sudo().active = False
        draft = self.make_invoice(post=False)
        dialog = self._open(draft.action_issue_and_charge())
        self.assertFalse(dialog.method)
        self.assertIn("Choose a payment method.", dialog.preview)
        with self.assertRaisesRegex(AssertionError, "method is a required field"):
            dialog.save()
        self.assertEqual(draft.state, "draft")

    def test_amount_that_is_none(self):
        dialog = self._open_create()
        dialog.amount = 0
        self.assertIn("Enter an amount above zero.", dialog.preview)

    # === RETRY === #

    def test_retry(self):
        other = self._create_token(payment_details="9999")
        failed = self.start_attempt("error", amount=400.0)
        self.gateway.answers = ["done"]
        dialog = self._open(failed.action_retry())
        self.assertEqual(dialog.amount, 400.0)
        self.assertEqual(
            dialog.method, str(self.token.id), "The attempt's method, not the newest."
        )
        self.assertFalse(set(EXTERNAL_KINDS) & set(self._options(dialog)))
        dialog.method = str(other.id)
        dialog = dialog.save()
        dialog.action_charge()
        dialog.action_charge()
        self.assertEqual(len(self.gateway.requests), 2)
        retried = self.invoice.transaction_ids - failed
        self.assertEqual(retried.retried_transaction_id, failed)
        self.assertEqual(retried.token_id, other)
        self.assertEqual(self.invoice.amount_residual, 600.0)

    def test_retry_is_limited_to_the_chargeable_amount(self):
        failed = self.start_attempt("error", amount=400.0)
        self.invoice.record_external_payment(amount=900.0)
        dialog = self._open(failed.action_retry())
        self.assertEqual(dialog.amount, 100.0)

    # === RESOLVE === #

    def test_resolve(self):
        for method, outcome, kind in (
            ("action_confirm_charged", "succeeded", "success"),
            ("action_confirm_not_charged", "canceled", "warning"),
        ):
            with self.subTest(method):
                self.invoice = self.make_invoice()
                attempt = self.start_attempt(RuntimeError("cut"))
                dialog = self._open(attempt.action_resolve())
                self.assertEqual(dialog.amount, 1000.0)
                self.assertIn("no clear answer", dialog.state_message)
                dialog.reason = "Seen in the dashboard"
                result = getattr(dialog.save(), method)()
                self._assert_notified(result, kind, attempt.reference)
                self.assertEqual(attempt.outcome, outcome)

    def test_resolve_needs_a_reason(self):
        attempt = self.start_attempt(RuntimeError("cut"))
        dialog = self._open(attempt.action_resolve()).save()
        for method in ("action_confirm_charged", "action_confirm_not_charged"):
            with self.assertRefused("A reason is required"):
                getattr(dialog, method)()
        self.assertEqual(dialog.action_ask()["res_id"], dialog.id)

    # === CAPTURE AND VOID === #

    def test_capture_and_void_buttons_tell_the_outcome(self):
        attempt = self.start_attempt("authorized")
        self.gateway.answers = ["done"]
        self._assert_notified(
            attempt.action_capture_attempt(), "success", "was received and booked"
        )
        self.invoice = self.make_invoice()
        attempt = self.start_attempt("authorized")
        self.gateway.answers = ["cancel"]
        self._assert_notified(attempt.action_void_attempt(), "success", "was released")
