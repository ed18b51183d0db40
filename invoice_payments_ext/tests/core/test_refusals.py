from decimal import Decimal

import psycopg2.errors

from odoo.exceptions import AccessError, LockError, UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestRefusals(InvoicePaymentsCommon):
    """A refusal names its reason and changes nothing."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_company_data = cls.setup_other_company(name="Other Company")
        cls.other_company = cls.other_company_data["company"]

    def setUp(self):
        super().setUp()
        self.cash = self.company_data["default_journal_cash"].with_env(self.env)
        self.bank = self.company_data["default_journal_bank"].with_env(self.env)

    # === AMOUNTS === #

    NOT_NUMBERS = ("100", "", "abc", True, False, float("nan"), float("inf"), [], {})

    def test_amount_that_is_no_number(self):
        for amount in (*self.NOT_NUMBERS, Decimal("100"), -float("inf")):
            with self.subTest(amount=amount):
                with self.assertRefused("amount must be a number"):
                    self.invoice.charge(self.token.id, amount=amount)
                with self.assertRefused("amount must be a number"):
                    self.invoice.record_external_payment(amount=amount)

    def test_amount_that_is_no_number_where_the_register_dialog_is_used(self):
        journal = self.make_currency_journal()
        for amount in self.NOT_NUMBERS:
            with self.subTest(amount=amount):
                with self.assertRefused("amount must be a number"):
                    self.invoice.record_external_payment(
                        amount=amount, journal_id=journal.id
                    )

    def test_amount_zero_or_negative(self):
        for amount in (0, 0.0, -0.01, -1000):
            with self.subTest(amount=amount):
                with self.assertRefused("amount must be above zero"):
                    self.invoice.charge(self.token.id, amount=amount)
                with self.assertRefused("amount must be above zero"):
                    self.invoice.record_external_payment(amount=amount)

    def test_amount_above_the_remaining_one(self):
        message = r"amount \$.1,000\.01 is above the remaining amount of \$.1,000\.00"
        with self.assertRefused(message):
            self.invoice.charge(self.token.id, amount=1000.01)
        with self.assertRefused(message):
            self.invoice.record_external_payment(amount=1000.01)
        with self.assertRefused(message):
            self.invoice.record_external_payment(
                amount=1000.01, journal_id=self.make_currency_journal().id
            )

    def test_amount_above_the_chargeable_one_beside_one_in_flight(self):
        self.make_portal_transaction("pending", amount=300.0)
        self.assertEqual(self.invoice._get_chargeable_amount(), 700.0)
        message = (
            "above the chargeable amount .*1,000.00 remain, .*300.00 are in flight"
        )
        with self.assertRefused(message):
            self.invoice.charge(self.token.id, amount=700.01)
        with self.assertRefused(message):
            self.invoice.record_external_payment(amount=700.01)
        attempt = self.invoice.charge(self.token.id)
        self.assertEqual(attempt.amount, 700.0)

    def test_nothing_is_chargeable_while_all_is_in_flight(self):
        self.make_portal_transaction("pending", amount=1000.0)
        with self.assertRefused("amount|in flight"):
            self.invoice.charge(self.token.id)
        with self.assertRefused("amount|in flight"):
            self.invoice.record_external_payment()
        section = self.invoice.get_payment_section()
        self.assertFalse(section["can_create"])
        self.assertIn("in flight", section["create_blocked_reason"])

    def test_amount_finer_than_the_smallest_unit(self):
        for code, too_fine, fits, unit in (
            (None, 10.005, 10.01, "0.01"),
            ("JPY", 100.5, 101, "1"),
            ("KWD", 1.2345, 1.234, "0.001"),
        ):
            with self.subTest(currency=code):
                invoice = self.invoice
                if code:
                    currency = self.make_currency(code)
                    invoice = self.make_invoice(currency_id=currency.id)
                message = f"{too_fine} is finer than the smallest unit of .*{unit}"
                with self.assertRefused(message):
                    invoice.charge(self.token.id, amount=too_fine)
                with self.assertRefused(message):
                    invoice.record_external_payment(amount=too_fine)
                attempt = invoice.charge(self.token.id, amount=fits)
                self.assertEqual(attempt.amount, fits)

    def test_amount_to_capture(self):
        attempt = self.start_attempt("authorized")
        for amount in (*self.NOT_NUMBERS, Decimal("1")):
            with self.subTest(amount=amount):
                with self.assertRefused("amount must be a number"):
                    attempt.capture(amount=amount)
        for amount in (0, -1):
            with self.assertRefused("amount must be above zero"):
                attempt.capture(amount=amount)
        with self.assertRefused("amount 1.005 is finer than"):
            attempt.capture(amount=1.005)
        with self.assertRefused(r"above the authorized amount of \$.1,000\.00"):
            attempt.capture(amount=1000.01)

    def test_capture_of_an_attempt_that_is_not_authorized(self):
        attempt = self.start_attempt("done", amount=100.0)
        for door in (attempt.capture, attempt.void):
            with self.assertRefused(f"{attempt.reference} has no authorized amount"):
                door()

    def test_an_amount_for_several_invoices(self):
        with self.assertRefused("amount can be given for a single invoice"):
            (self.invoice | self.make_invoice()).record_external_payment(amount=10.0)

    # === INVOICES === #

    def _assert_not_collectable(self, invoice, message, issue_message):
        with self.assertRefused(message):
            invoice.charge(self.token.id)
        with self.assertRefused(message):
            invoice.charge(self.token.id, amount=1.0)
        with self.assertRefused(message):
            invoice.record_external_payment()
        with self.assertRefused(message):
            (invoice | self.invoice).record_external_payment()
        with self.assertRefused(issue_message):
            invoice.issue_and_charge(self.token.id)

    def test_draft_invoice(self):
        draft = self.make_invoice(post=False)
        with self.assertRefused("is a draft: confirm it first"):
            draft.charge(self.token.id)
        with self.assertRefused("is a draft: confirm it first"):
            draft.record_external_payment()

    def test_cancelled_invoice(self):
        invoice = self.make_invoice(post=False)
        invoice.sudo().button_cancel()
        self._assert_not_collectable(invoice, "is cancelled", "is cancelled|is issued")

    def test_paid_invoice(self):
        invoice = self.make_invoice()
        invoice.record_external_payment()
        self._assert_not_collectable(
            invoice,
            f"Nothing remains to be paid on {invoice.name}",
            f"{invoice.name}.* is issued already",
        )

    def test_documents_that_are_not_customer_invoices(self):
        for move_type, journal in (
            ("in_invoice", "default_journal_purchase"),
            ("out_refund", "default_journal_sale"),
            ("out_receipt", "default_journal_sale"),
        ):
            with self.subTest(move_type=move_type):
                move = self.make_invoice(
                    move_type=move_type, journal_id=self.company_data[journal].id
                )
                self._assert_not_collectable(
                    move,
                    f"{move.name}.* is not a customer invoice",
                    "not a customer invoice",
                )

    def test_journal_entry(self):
        entry = self.env["account.move"].create({"move_type": "entry"})
        entry = entry.with_user(self.accountant)
        self._assert_not_collectable(
            entry, "is not a customer invoice", "not a customer invoice"
        )

    def test_credit_note_draft_is_not_issued_by_issue_and_charge(self):
        draft = self.make_invoice(move_type="out_refund", post=False)
        with self.assertRefused("is not a customer invoice"):
            draft.issue_and_charge(self.token.id)

    def test_invoice_of_another_company(self):
        invoice = self._make_other_companys_invoice()
        self._assert_not_collectable(
            invoice.with_user(self.accountant), "Journal Entry", "Journal Entry"
        )

    def test_invoice_of_a_company_that_is_not_selected(self):
        self.accountant.sudo().with_env(self.env).company_ids |= self.other_company
        invoice = self._make_other_companys_invoice().with_user(self.accountant)
        invoice = invoice.with_context(allowed_company_ids=self.company.ids)
        message = "Other Company|not allowed to|have 'read' access|have 'write' access"
        with self.assertRefused(message):
            invoice.charge(self.token.id)
        with self.assertRefused(message):
            invoice.record_external_payment()
        # Nor where an administrator turned Odoo's rule off.
        self.env.ref("account.account_move_comp_rule").sudo().active = False
        message = "belongs to .*, which is not among your selected companies"
        with self.assertRefused(message, UserError):
            invoice.charge(self.token.id)

    def test_invoices_of_two_companies_in_one_call(self):
        self.accountant.sudo().with_env(self.env).company_ids |= self.other_company
        companies = self.company | self.other_company
        invoices = self.invoice | self._make_other_companys_invoice()
        invoices = invoices.with_user(self.accountant)
        invoices = invoices.with_context(allowed_company_ids=companies.ids)
        with self.assertRefused("one company at a time"):
            invoices.record_external_payment()

    def test_no_invoice_at_all(self):
        with self.assertRefused("no invoice to record a payment on"):
            self.env["account.move"].with_user(
                self.accountant
            ).record_external_payment()

    # === SAVED METHODS === #

    def _assert_method_refused(self, token, message):
        """Assert that no door takes this method, for the reason given."""
        token_id = getattr(token, "id", token)
        with self.assertRefused(message):
            self.invoice.charge(token_id)
        draft = self.make_invoice(post=False)
        name = draft.name
        with self.assertRefused(message):
            draft.issue_and_charge(token_id)
        self.assertEqual((draft.state, draft.name), ("draft", name))
        failed = self.invoice.sudo().transaction_ids[:1]
        with self.assertRefused(message):
            failed.with_user(self.accountant).retry(token_id)

    def test_methods_that_cannot_be_charged(self):
        self.start_attempt("error")
        stranger = self.env["res.partner"].create({"name": "Stranger"})
        archived = self._create_token()
        archived.active = False
        foreign_provider = self.provider.copy(
            {
                "name": "Foreign",
                "company_id": self.other_company.id,
                "journal_id": self.other_company_data["default_journal_bank"].id,
                "state": "test",
            }
        )
        method = self.payment_method.with_env(self.env)
        for name, token, reason in (
            ("archived", archived, "is archived"),
            (
                "of another customer",
                self._create_token(partner_id=stranger.id),
                "belongs to another customer",
            ),
            (
                "of another company",
                self._create_token(provider_id=foreign_provider.id),
                "belongs to another company",
            ),
        ):
            with self.subTest(name):
                self._assert_method_refused(
                    token,
                    rf"payment method {method.name} .*1234 cannot be charged for "
                    rf".*: .*{reason}",
                )

    def test_method_of_a_disabled_provider(self):
        self.start_attempt("error")
        provider = self.provider.copy({"state": "test"})
        token = self._create_token(provider_id=provider.id)
        # As Odoo does it, the saved methods are archived too; not for this one.
        self.env.cr.execute(
            "UPDATE payment_provider SET state = 'disabled' WHERE id = %s",
            [provider.id],
        )
        self.env.invalidate_all()
        self._assert_method_refused(token, f"{provider.name}.* is disabled")

    def test_method_that_was_switched_off(self):
        self.start_attempt("error")
        method = self.payment_method.with_env(self.env)
        self.env.cr.execute(
            "UPDATE payment_method SET active = false WHERE id = %s", [method.id]
        )
        self.env.invalidate_all()
        self._assert_method_refused(self.token, "is switched off")

    def test_provider_or_method_not_for_the_currency(self):
        self.start_attempt("error")
        euro = self.currency_euro.with_env(self.env)
        self.provider.available_currency_ids = euro
        message = "cannot be charged in USD"
        self._assert_method_refused(self.token, message)
        self.provider.available_currency_ids = False
        self.payment_method.with_env(self.env).supported_currency_ids = euro
        self._assert_method_refused(self.token, message)

    def test_amount_above_the_provider_s_maximum(self):
        self.start_attempt("error")
        self.provider.maximum_amount = 999.0
        self._assert_method_refused(self.token, "[Mm]aximum amount")
        attempt = self.invoice.charge(self.token.id, amount=999.0)
        self.assertEqual(attempt.amount, 999.0)

    def test_provider_not_for_the_customer_s_country(self):
        self.start_attempt("error")
        self.provider.available_country_ids = self.country_france
        self._assert_method_refused(self.token, "[Cc]ountry")

    def test_method_that_does_not_exist(self):
        self.start_attempt("error")
        for token_id in (2**30, 2**30 + 1):
            with self.subTest(token_id=token_id):
                self._assert_method_refused(token_id, "no saved payment method")

    def test_no_method(self):
        self.token.active = False
        for door in (
            self.invoice.charge,
            self.make_invoice(post=False).issue_and_charge,
        ):
            with self.assertRefused("Norbert Buyer has no saved payment method"):
                door(None)

    # === IDEMPOTENCY KEYS, SECOND CLICKS === #

    def test_same_key_with_other_values(self):
        refusal = "key K was used already with other values"
        second = self._create_token()
        invoice = self.make_invoice()
        self.gateway.answers = ["error"]
        attempt = invoice.charge(self.token.id, 100.0, "Memo", idempotency_key="K")
        for name, door in (
            ("amount", lambda: invoice.charge(self.token.id, 99.0, "Memo", "K")),
            ("no amount", lambda: invoice.charge(self.token.id, None, "Memo", "K")),
            ("method", lambda: invoice.charge(second.id, 100.0, "Memo", "K")),
            ("memo", lambda: invoice.charge(self.token.id, 100.0, "Other", "K")),
            ("invoice", lambda: self.invoice.charge(self.token.id, 100.0, "Memo", "K")),
            (
                "door",
                lambda: invoice.record_external_payment(100.0, idempotency_key="K"),
            ),
            ("retry", lambda: attempt.retry(idempotency_key="K")),
        ):
            with self.subTest(name), self.assertRefused(refusal):
                door()

    def test_same_key_with_other_values_for_external_payments(self):
        invoice = self.make_invoice()
        values = {
            "amount": 10.0,
            "journal_id": self.cash.id,
            "date": "2026-02-01",
            "reference": "Cheque 1",
            "memo": "Memo",
            "idempotency_key": "E",
        }
        payment = invoice.record_external_payment(**values)
        self.assertEqual(invoice.record_external_payment(**values), payment)
        for change in (
            {"amount": 11.0},
            {"journal_id": self.bank.id},
            {"date": "2026-02-02"},
            {"reference": "Cheque 2"},
            {"memo": False},
            {"notify": True},
            {"payment_method_line_id": self.cash.inbound_payment_method_line_ids[0].id},
        ):
            with self.subTest(change), self.assertRefused("key E was used already"):
                invoice.record_external_payment(**{**values, **change})
        with self.assertRefused("key E was used already"):
            self.invoice.record_external_payment(**values)

    def test_same_key_with_other_values_for_captures(self):
        attempt = self.start_attempt("authorized")
        self.gateway.answers = ["done"]
        attempt.capture(amount=100.0, idempotency_key="C")
        with self.assertRefused("key C was used already"):
            attempt.capture(amount=101.0, idempotency_key="C")
        with self.assertRefused("key C was used already"):
            attempt.void(idempotency_key="C")

    def test_refused_request_leaves_its_key_free(self):
        with self.assertRefused("above the remaining amount"):
            self.invoice.charge(self.token.id, amount=2000.0, idempotency_key="F")
        attempt = self.invoice.charge(self.token.id, amount=20.0, idempotency_key="F")
        self.assertEqual(attempt.amount, 20.0)

    def test_key_is_the_caller_s_own(self):
        """Another user, or a request for another company, may use the same text."""
        self.invoice.charge(self.token.id, 10.0, idempotency_key="K")
        mine = self.invoice.with_user(self.supervisor)
        attempt = mine.charge(self.token.id, 20.0, idempotency_key="K")
        self.assertEqual(attempt.amount, 20.0)
        self.accountant.sudo().with_env(self.env).company_ids |= self.other_company
        other = self._make_other_companys_invoice().with_user(self.accountant)
        companies = (self.company | self.other_company).ids
        # Whichever company is the first of the selected ones, it is the same request.
        for company_ids in (companies, companies[::-1]):
            other = other.with_context(allowed_company_ids=company_ids)
            payment = other.record_external_payment(30.0, idempotency_key="K")
            self.assertEqual(payment.amount, 30.0)
        self.assertEqual(len(other.matched_payment_ids), 1)
        keys = self.env["account.idempotency.key"].search([("key", "=", "K")])
        self.assertEqual(
            keys.mapped(lambda key: (key.user_id, key.company_id)),
            [
                (self.accountant, self.company),
                (self.supervisor, self.company),
                (self.accountant, self.other_company),
            ],
        )

    def test_second_click_without_a_key(self):
        self.invoice.charge(self.token.id)
        with self.assertRefused("Nothing remains to be paid"):
            self.invoice.charge(self.token.id)
        with self.assertRefused("Nothing remains to be paid"):
            self.invoice.record_external_payment()
        self.assertEqual(len(self.gateway.requests), 1)

    def test_second_click_while_the_first_is_in_flight(self):
        self.start_attempt("pending", amount=1.0)
        with self.assertRefused("is in flight: Pending"):
            self.invoice.charge(self.token.id, amount=1.0)
        self.assertEqual(len(self.gateway.requests), 1)

    def test_invoice_that_another_accountant_works_on(self):
        def held(records):
            raise LockError("held")

        self.patch(self.env.registry["account.move"], "_lock_rows", held)
        message = f"Somebody else is working on the payments of {self.invoice.name}"
        with self.assertRefused(message):
            self.invoice.charge(self.token.id)
        with self.assertRefused(message):
            self.invoice.record_external_payment()

    def test_database_allows_one_attempt_in_flight_on_an_invoice(self):
        attempt = self.start_attempt("pending", amount=1.0).sudo()
        self.assertTrue(attempt.holds_invoice)
        second = attempt.copy({"reference": "SECOND"})
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(psycopg2.errors.UniqueViolation),
            self.env.cr.savepoint(),
        ):
            second.write({"charge_invoice_id": self.invoice.id, "holds_invoice": True})
            self.env.flush_all()
        self.env.invalidate_all()

    # === EXTERNAL PAYMENTS === #

    def test_journal_of_the_wrong_type(self):
        for key in ("sale", "purchase", "misc"):
            journal = self.company_data[f"default_journal_{key}"]
            with (
                self.subTest(key),
                self.assertRefused(f"journal {journal.name} takes no payments"),
            ):
                self.invoice.record_external_payment(journal_id=journal.id)

    def test_journal_of_another_company(self):
        journal = self.other_company_data["default_journal_bank"]
        with self.assertRefused("journal|Journal|Other Company"):
            self.invoice.record_external_payment(journal_id=journal.id)
        self.accountant.sudo().with_env(self.env).company_ids |= self.other_company
        companies = self.company | self.other_company
        invoice = self.invoice.with_context(allowed_company_ids=companies.ids)
        with self.assertRefused(f"journal {journal.name} belongs to another company"):
            invoice.record_external_payment(journal_id=journal.id)

    def test_journal_that_does_not_exist(self):
        with self.assertRefused("no journal"):
            self.invoice.record_external_payment(journal_id=2**30)

    def test_journals_without_a_method_or_none_at_all(self):
        self.cash.inbound_payment_method_line_ids.unlink()
        with self.assertRefused(
            f"journal {self.cash.name} has no incoming payment method"
        ):
            self.invoice.record_external_payment(journal_id=self.cash.id)
        journals = self.env["account.journal"].search(
            [("company_id", "=", self.company.id), ("type", "in", ("bank", "cash"))]
        )
        journals.active = False
        with self.assertRefused(f"{self.company.name} has no bank or cash journal"):
            self.invoice.record_external_payment()

    def test_method_line_that_does_not_fit(self):
        provider_line = self.bank.inbound_payment_method_line_ids.filtered(
            lambda line: line.payment_provider_id == self.provider
        )
        self.assertTrue(provider_line)
        for name, line in (
            ("another journal's", self.cash.inbound_payment_method_line_ids[0]),
            ("a provider's", provider_line),
            ("outgoing", self.bank.outbound_payment_method_line_ids[0]),
        ):
            with (
                self.subTest(name),
                self.assertRefused(
                    f"{line.name} is not an incoming payment method of the journal "
                    f"{self.bank.name}"
                ),
            ):
                self.invoice.record_external_payment(
                    journal_id=self.bank.id, payment_method_line_id=line.id
                )

    def test_method_line_that_does_not_exist(self):
        with self.assertRefused("not an incoming payment method"):
            self.invoice.record_external_payment(payment_method_line_id=2**30)

    def test_date_in_a_locked_period(self):
        # Odoo locks no period for good that has drafts.
        self.env["account.move"].search(
            [("company_id", "=", self.company.id), ("state", "=", "draft")]
        ).unlink()
        for field in ("fiscalyear_lock_date", "hard_lock_date"):
            with self.subTest(field):
                self.company.with_env(self.env)[field] = "2026-03-31"
                with self.assertRefused("date 03/31/2026 lies in a locked period"):
                    self.invoice.record_external_payment(date="2026-03-31")
        payment = self.invoice.record_external_payment(date="2026-04-01")
        self.assertEqual(str(payment.date), "2026-04-01")

    def test_date_ahead(self):
        with self.assertRefused("date 01/01/2999 is in the future"):
            self.invoice.record_external_payment(date="2999-01-01")

    def test_values_that_are_not_dates(self):
        for date in ("2026-13-01", "yesterday", "31.12.2026", 20260101, True, ["x"]):
            with self.subTest(date), self.assertRefused("is not a date"):
                self.invoice.record_external_payment(date=date)

    # === RIGHTS === #

    def _assert_all_doors_closed(self, user):
        """Assert that a user cannot call any of the doors."""
        attempt = self.invoice.sudo().transaction_ids[0].with_user(user)
        invoice = self.invoice.with_user(user)
        draft = self.make_invoice(post=False).with_user(user)
        for name, door in (
            ("charge", lambda: invoice.charge(self.token.id)),
            ("external", lambda: invoice.record_external_payment()),
            ("issue", lambda: draft.issue_and_charge(self.token.id)),
            ("resolve attempts", lambda: invoice.resolve_payment_attempts()),
            ("retry", lambda: attempt.retry()),
            ("resolve", lambda: attempt.resolve(True, "Because")),
            ("capture", lambda: attempt.capture()),
            ("void", lambda: attempt.void()),
            ("capture button", lambda: attempt.action_capture_attempt()),
            ("void button", lambda: attempt.action_void_attempt()),
        ):
            with self.subTest(name), self.assertRefused("", AccessError):
                door()

    def test_users_without_the_rights(self):
        self.start_attempt("error")
        for login, groups in (
            ("ip_employee", "base.group_user"),
            ("ip_reader", "base.group_user,account.group_account_readonly"),
            ("ip_portal", "base.group_portal"),
        ):
            with self.subTest(login):
                self._assert_all_doors_closed(self.make_user(login, groups))
        self._assert_all_doors_closed(self.public_user.with_env(self.env))

    def test_portal_user_on_an_invoice_of_theirs(self):
        self.start_attempt("error")
        user = self.make_user(
            "ip_member", "base.group_portal", partner_id=self.partner.id
        )
        self.invoice.with_user(user).check_access("read")
        self._assert_all_doors_closed(user)

    def test_key_of_a_charge_gives_nothing_to_users_without_the_rights(self):
        self.invoice.charge(self.token.id, idempotency_key="Mine")
        user = self.make_user("ip_employee", "base.group_user")
        with self.assertRefused("", AccessError):
            self.invoice.with_user(user).charge(self.token.id, idempotency_key="Mine")
        with self.assertRefused("", AccessError):
            self.env["account.idempotency.key"].with_user(user).search([]).mapped("key")

    def test_dialogs_are_for_the_staff(self):
        attempt = self.start_attempt("error")
        user = self.make_user("ip_employee", "base.group_user")
        for model, values in (
            ("account.payment.create", {"move_id": self.invoice.id}),
            (
                "payment.attempt.resolve",
                {"transaction_id": attempt.id, "reason": "Because"},
            ),
        ):
            with self.subTest(model), self.assertRefused("", AccessError):
                self.env[model].with_user(user).create(values)

    # === RESETTING AND CANCELLING === #

    def _assert_cannot_be_undone(self, attempt):
        for user in (self.accountant, self.env.user):
            invoice = self.invoice.with_user(user)
            for undo in (invoice.button_draft, invoice.button_cancel):
                with self.assertRefused(attempt.reference):
                    undo()

    def test_invoice_with_something_in_flight_cannot_be_undone(self):
        for answer in ("pending", "authorized", RuntimeError("cut")):
            with self.subTest(answer):
                self.invoice = self.make_invoice()
                attempt = self.start_attempt(answer, amount=10.0)
                self.assertIn(attempt.outcome, ("pending", "authorized", "unknown"))
                self._assert_cannot_be_undone(attempt)

    def test_invoice_with_an_attempt_on_its_way_cannot_be_undone(self):
        for request_state in ("ready", "sent"):
            with self.subTest(request_state):
                self.invoice = self.make_invoice()
                attempt = self.make_stuck_attempt(request_state, amount=10.0)
                self.assertEqual(attempt.outcome, request_state)
                self._assert_cannot_be_undone(attempt)

    def test_invoice_with_a_portal_payment_in_flight_cannot_be_undone(self):
        self._assert_cannot_be_undone(self.make_portal_transaction("pending"))

    def test_invoice_with_a_capture_in_flight_cannot_be_undone(self):
        attempt = self.start_attempt("authorized")
        self.gateway.answers = [RuntimeError("cut")]
        capture = attempt.capture(amount=1000.0)
        self.assertEqual(capture.outcome, "unknown")
        self._assert_cannot_be_undone(attempt)

    def test_invoice_after_a_failed_attempt_can_be_reset(self):
        self.start_attempt("error")
        self.invoice.sudo().button_draft()
        self.assertEqual(self.invoice.state, "draft")

    # === HELPERS === #

    def _make_other_companys_invoice(self):
        invoice = self.env["account.move"].with_company(self.other_company)
        invoice = invoice.create(
            {
                "move_type": "out_invoice",
                "company_id": self.other_company.id,
                "partner_id": self.partner.id,
                "invoice_date": "2026-01-15",
                "journal_id": self.other_company_data["default_journal_sale"].id,
                "invoice_line_ids": [
                    Command.create(
                        {"name": "Service", "price_unit": 50.0, "tax_ids": False}
                    )
                ],
            }
        )
        invoice.action_post()
        self.env.flush_all()
        # Without the companies that were selected for making it.
        return self.env["account.move"].browse(invoice.id)
