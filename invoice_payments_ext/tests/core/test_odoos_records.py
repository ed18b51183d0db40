from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import Form, tagged

from ...models.core.payment_undo_mixin import KEPT_BY
from ...models.core.sealed_fields import SEALED_FIELDS, Rule
from ..common import InvoicePaymentsCommon

RECORD = "invoice_payments_ext.group_payment_record"


@tagged("post_install", "-at_install")
class TestOdoosRecords(InvoicePaymentsCommon):
    """Who may post, match and mark as paid by Odoo's own records and methods."""

    # === HELPERS === #

    def take_level(self):
        """Leave the accountant Odoo's own right to invoice, and no level."""
        group = self.env.ref("account.group_account_invoice")
        group.implied_ids = [Command.unlink(self.env.ref(RECORD).id)]
        self._keep()

    def make_payment(self, **values):
        values = {"amount": 100.0, "partner_id": self.partner.id, **values}
        return self.env["account.payment"].with_user(self.accountant).create(values)

    def make_entry(self, amount=100.0):
        """Return a posted entry of the accountant that says money came."""
        receivable = self.partner.property_account_receivable_id
        bank = self.company_data["default_journal_bank"].default_account_id
        entry = (
            self.env["account.move"]
            .with_user(self.accountant)
            .create(
                {
                    "move_type": "entry",
                    "line_ids": [
                        Command.create({"account_id": bank.id, "debit": amount}),
                        Command.create(
                            {
                                "account_id": receivable.id,
                                "partner_id": self.partner.id,
                                "credit": amount,
                            }
                        ),
                    ],
                }
            )
        )
        entry.action_post()
        return entry

    def get_terms(self, move):
        return move.line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        )

    # === PAYMENT METHODS OF JOURNALS === #

    def test_administrators_say_on_which_account_money_is_booked(self):
        """Odoo lets all who invoice lead a provider's money to another account."""
        journal = self.company_data["default_journal_bank"]
        line = journal.inbound_payment_method_line_ids[:1]
        lines = line.with_user(self.accountant)
        income = self.company_data["default_account_revenue"]
        account = line.payment_account_id
        values = {"payment_account_id": income.id}
        for change in (
            lambda: lines.write(values),
            lambda: lines.create(
                {
                    "journal_id": journal.id,
                    "payment_method_id": line.payment_method_id.id,
                    **values,
                }
            ),
            lines.unlink,
            lambda: lines.copy(values),
        ):
            with self.assertRaisesRegex(AccessError, "administrators of accounting"):
                change()
        self.assertEqual(line.payment_account_id, account)
        lines.sudo(False).with_user(self.env.ref("base.user_admin")).write(values)
        self.assertEqual(line.payment_account_id, income)

    # === PAYMENTS === #

    def test_a_payment_starts_as_a_draft(self):
        forged = {"invoice_ids": [Command.set(self.invoice.ids)]}
        for state in ("paid", "in_process", "canceled"):
            with self.subTest(state), self.assertRefused("use Confirm", AccessError):
                self.make_payment(state=state, **forged)
        payments = self.env["account.payment"].with_user(self.accountant)
        payments.env["ir.default"].set("account.payment", "state", "paid", user_id=True)
        by_context = payments.with_context(default_state="paid")
        payment = by_context.create({"amount": 5.0, "partner_id": self.partner.id})
        self.assertEqual(payment.state, "draft")
        self.assertEqual(self.make_payment(state="draft").state, "draft")
        self.assertEqual(self.invoice.payment_state, "not_paid")

    def test_a_posted_payment_stays_as_it_was_booked(self):
        """Odoo only hides these fields in its form: a client could write them.

        With 4,000 on a payment of 100, that much could be refunded.
        """
        other = self.env["res.partner"].create({"name": "Other"})
        charged = self.start_attempt("done", amount=100.0).sudo().payment_id
        recorded = self.invoice.record_external_payment(100)
        for payment in (charged.with_user(self.accountant), recorded):
            values = {
                "amount": 4000,
                "partner_id": other.id,
                "partner_type": "supplier",
                "payment_type": "outbound",
                "date": "2025-01-01",
                "currency_id": self.make_currency("EUR").id,
                "journal_id": self.company_data["default_journal_cash"].id,
                "destination_account_id": other.property_account_payable_id.id,
            }
            for name, value in values.items():
                with self.subTest(name), self.assertRefused("reset it to draft"):
                    payment.write({name: value})
            payment.write({"amount": 100, "memo": "Seen"})
            payment.action_draft()
            payment.write({"amount": 100, "date": "2026-01-02"})
            payment.action_post()
        self.assertEqual(self.invoice.amount_residual, 800)

    def test_a_method_that_was_not_charged(self):
        payment = self.make_payment(payment_token_id=self.token.id)
        for post in (
            lambda: payment.write({"state": "in_process"}),
            lambda: payment.write({"state": "paid"}),
            payment.action_validate,
        ):
            with self.assertRefused("use Confirm, which charges"):
                post()
        self.assertFalse(payment.move_id)
        self.assertFalse(self.gateway.requests)

    def test_items_of_a_posted_payment_stay(self):
        """As the payment does: its money would be on an account of anybody's choice."""
        other = self.env["res.partner"].create({"name": "Other"})
        charged = self.start_attempt("done", amount=100.0).sudo().payment_id
        recorded = self.invoice.record_external_payment(100)
        revenue = self.company_data["default_account_revenue"]
        for payment in (charged.with_user(self.accountant), recorded):
            for item in payment.move_id.line_ids:
                for values in ({"account_id": revenue.id}, {"partner_id": other.id}):
                    with (
                        self.subTest(f"{item.name} {values}"),
                        self.assertRefused("Reset it to draft", AccessError),
                    ):
                        item.write(values)
                item.write({"partner_id": item.partner_id.id, "name": "Seen"})
            items = self.env["account.move.line"].with_user(self.accountant)
            pair = {"move_id": payment.move_id.id, "account_id": revenue.id}
            with self.assertRefused("Reset it to draft", AccessError):
                items.create([{**pair, "balance": 5}, {**pair, "balance": -5}])
        self.assertEqual(self.invoice.amount_residual, 800)
        recorded.action_draft()
        recorded.move_id.line_ids.write({"name": "Changed"})
        recorded.action_post()
        self.assertEqual(self.invoice.amount_residual, 800)

    def test_items_follow_a_contact_to_another_parent(self):
        """Odoo gives a company all that was booked for the person."""
        self.accountant.group_ids |= self.env.ref("base.group_partner_manager")
        firm = self.env["res.partner"].create({"name": "Firm"})
        payment = self.invoice.record_external_payment(400.0)
        items = (self.invoice | payment.move_id).sudo().line_ids
        self.partner.with_user(self.accountant).parent_id = firm
        self.env.flush_all()
        self.assertEqual(items.partner_id, firm)
        self.assertEqual(self.invoice.amount_residual, 600.0)

    def test_items_of_other_entries_are_corrected(self):
        """Odoo's own list of journal items does so."""
        entry = self.make_entry()
        line = entry.line_ids - self.get_terms(entry)
        other = self.env["res.partner"].create({"name": "Other"})
        revenue = self.company_data["default_account_revenue"]
        line.write({"account_id": revenue.id, "partner_id": other.id})
        self.assertEqual(line.account_id, revenue)

    # === STATES AND FIGURES OF ENTRIES === #

    def make_documents(self):
        """Return posted documents of a customer, as the accountant sees them."""
        self.env.company.write_off_account_id = self.company_data[
            "default_account_expense"
        ]
        flying = self.make_invoice(200)
        self.gateway.answers = ["pending"]
        flying.charge(self.token.id)
        reduced = self.make_invoice(100)
        by_supervisor = reduced.with_user(self.supervisor)
        credit_note = by_supervisor.issue_credit_note(amount=20, reason="Less")
        written_off = by_supervisor.write_off(30, "Small")
        payment = reduced.record_external_payment(10)
        documents = flying | credit_note | written_off | payment.move_id
        return documents.with_user(self.accountant)

    def test_the_state_follows_the_buttons(self):
        """Else nobody asks what is in flight, or for the level that undoes it."""
        for document in self.make_documents():
            for state in ("draft", "cancel"):
                with (
                    self.subTest(f"{document.name} {state}"),
                    self.assertRefused("use Confirm, Reset to Draft", AccessError),
                ):
                    document.write({"state": state})
            document.write({"state": "posted", "posted_before": True})
            with self.assertRefused("use Confirm", AccessError):
                document.write({"posted_before": False})
            with self.assertRefused("cannot be entered or changed", AccessError):
                document.write({"move_type": "out_receipt"})
        draft = self.make_invoice(post=False).with_user(self.accountant)
        with self.assertRefused("use Confirm", AccessError):
            draft.write({"state": "posted"})
        draft.action_post()
        draft.button_draft()
        draft.button_cancel()
        self.assertEqual(draft.state, "cancel")

    def test_the_state_of_a_payment_follows_the_buttons(self):
        payment = self.invoice.record_external_payment(100)
        for state in ("draft", "canceled", "rejected"):
            with self.subTest(state), self.assertRefused("Reset to Draft", AccessError):
                payment.write({"state": state})
        payment.write({"state": payment.state})
        payment.action_draft()
        payment.action_post()
        payment.action_reject()
        self.assertEqual(payment.state, "rejected")
        other = self.invoice.record_external_payment(100)
        other.action_validate()
        self.assertEqual(other.state, "paid")
        other.action_cancel()
        self.assertEqual(self.invoice.amount_residual, 1000)

    def test_a_second_credit_note_is_not_posted_by_its_state(self):
        self.make_credit_note(self.invoice)
        second = self.invoice._reverse_moves()
        with self.assertRefused("cannot exceed their invoice"):
            second.action_post()
        with self.assertRefused("use Confirm", AccessError):
            second.write({"state": "posted"})

    def test_switches_of_odoo_change_nothing_that_is_posted(self):
        """Any client can send them in its context."""
        other = self.env["res.partner"].create({"name": "Other"})
        euro = self.make_currency("EUR")
        for document in self.make_documents().with_context(
            skip_readonly_check=True,
            check_move_validity=False,
            skip_invoice_sync=True,
            force_delete=True,
            dynamic_unlink=True,
        ):
            items = document.line_ids.filtered("balance")
            changed = [
                Command.update(item.id, {"balance": 9 * item.balance}) for item in items
            ]
            for values in (
                {"line_ids": changed},
                {"line_ids": [Command.update(items[0].id, {"debit": 9.0})]},
                {"line_ids": [Command.update(items[0].id, {"price_unit": 9.0})]},
                {"partner_id": other.id},
                {"currency_id": euro.id},
                {"date": "2026-01-02"},
            ):
                with (
                    self.subTest(f"{document.name} {values}"),
                    self.assertRefused("Reset it to draft", AccessError),
                ):
                    document.write(values)
            for gone in (items[0], document):
                with (
                    self.subTest(f"{gone} is deleted"),
                    self.assertRefused(
                        "before you delete|cannot be deleted|is about it"
                    ),
                ):
                    gone.unlink()

    def test_lines_of_statements_are_deleted_with_their_entries(self):
        group = self.env.ref("account.group_account_basic")
        self.accountant.sudo().group_ids += group
        line = self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.company_data["default_journal_bank"].id,
                "payment_ref": "Transfer",
                "amount": 100.0,
            }
        )
        self._keep()
        entry = line.move_id
        line.with_user(self.accountant).unlink()
        self.assertFalse(entry.exists())

    # === FIGURES === #

    def test_the_state_of_payment_is_blocked_by_its_button(self):
        invoice = self.invoice.with_user(self.accountant)
        invoice.action_toggle_block_payment()
        self.assertEqual(invoice.payment_state, "blocked")
        invoice.action_toggle_block_payment()
        self.assertEqual(invoice.payment_state, "not_paid")
        for values in ({"payment_state": "paid"}, {"amount_residual": 0.0}):
            with self.assertRefused("It follows the journal items", AccessError):
                invoice.write(values)

    def test_odoos_form_sends_the_state_of_payment(self):
        """Its view says so, and that is no change."""
        moves = self.env["account.move"].with_user(self.accountant)
        moves = moves.with_context(default_move_type="out_invoice")
        with Form(moves) as form:
            form.partner_id = self.partner
            with form.invoice_line_ids.new() as line:
                line.name = "Service"
                line.price_unit = 100.0
        invoice = form.record
        invoice.action_post()
        with Form(invoice) as form:
            form.narration = "Thank you"
        self.assertEqual(invoice.payment_state, "not_paid")
        values = {"move_type": "out_invoice", "partner_id": self.partner.id}
        moves.create({**values, "payment_state": "not_paid"})
        with self.assertRefused("It follows the journal items", AccessError):
            moves.create({**values, "payment_state": "paid"})

    def test_odoo_computes_a_draft_anew_when_it_is_posted(self):
        """Its own code writes the tax that a person enters on a bill."""
        draft = self.make_invoice(post=False)
        draft.write({"amount_total": 5.0, "payment_state": "paid"})
        draft.action_post()
        self.assertEqual(draft.payment_state, "not_paid")
        self.assertEqual((draft.amount_total, draft.amount_residual), (1000, 1000))

    def test_changes_leave_a_trace(self):
        """People see on the record who changed a value, the old and the new one."""
        # One is told in words, as it may be empty; the entry follows the state.
        noted = {"payment_approval_limit", "move_id"}
        for model, seals in SEALED_FIELDS.items():
            fields = self.env[model]._fields
            for name, seal in seals.items():
                if seal.rule not in (Rule.FREE, Rule.DRAFT, Rule.BUTTON):
                    continue
                with self.subTest(f"{model}.{name}"):
                    self.assertTrue(name in noted or fields[name].tracking)
        method = self._create_token(provider_ref="spare").sudo()
        method.active = False
        self.assertIn("was removed", self.partner.message_ids[:1].body)

    # === DELETING === #

    def test_a_kept_record_says_so(self):
        """A record with a request for approval is not deleted, and is told why."""
        company = self.company.with_env(self.env)
        company.payment_approval_limit = 5
        company.write_off_account_id = self.company_data["default_account_expense"]
        self._keep()
        invoice = self.invoice.with_user(self.supervisor)
        request = invoice.write_off(20, "Small")
        self.assertEqual(request._name, "account.payment.approval")
        request.withdraw()
        invoice.button_draft()
        with self.assertRefused(r"cannot be deleted: .* is about it"):
            invoice.unlink()
        invoice.button_cancel()
        listed = {
            (record, *keeper)
            for record, keepers in KEPT_BY.items()
            for keeper in keepers
        }
        restricting = {
            (field.comodel_name, name, field.name)
            for name, model in self.env.registry.items()
            for field in model._fields.values()
            if field.type == "many2one"
            and field.store
            and field.ondelete == "restrict"
            and field.comodel_name in KEPT_BY
            and field._modules == ("invoice_payments_ext",)
        }
        self.assertEqual(restricting, listed)

    # === MATCHING === #

    def test_matching_needs_the_level(self):
        """Entries are Odoo's own right. They pay no invoice without the level."""
        paid = self.make_invoice()
        matched = self.make_entry()
        (self.get_terms(matched) | self.get_terms(paid)).reconcile()
        self.take_level()
        line = self.get_terms(self.make_entry())
        terms = self.get_terms(self.invoice)
        invoice, paid = (
            move.with_user(self.accountant) for move in (self.invoice, paid)
        )
        partial = self.get_terms(paid).matched_credit_ids
        self.assertTrue(partial)
        for name, match in {
            "assign": lambda: invoice.js_assign_outstanding_line(line.id),
            "reconcile": (line | terms).with_user(self.accountant).reconcile,
            "unassign": lambda: paid.js_remove_outstanding_partial(partial.id),
            "unreconcile": self.get_terms(paid).remove_move_reconcile,
        }.items():
            with (
                self.subTest(name),
                self.assertRefused("level Record and charge", AccessError),
            ):
                match()
        self.assertEqual(invoice.amount_residual, 1000.0)
        self.assertEqual(paid.amount_residual, 900.0)
        self.accountant.group_ids |= self.env.ref(RECORD)
        invoice.js_assign_outstanding_line(line.id)
        self.assertEqual(invoice.amount_residual, 900.0)
        partial = terms.matched_credit_ids
        invoice.js_remove_outstanding_partial(partial.id)
        note = invoice.sudo().message_ids[:1]
        self.assertIn("100.00", note.body)
        self.assertIn(f"of {line.move_id.name} was unreconciled", note.body)
        self.assertEqual(note.author_id, self.accountant.partner_id)

    def test_matching_takes_no_amounts_of_a_client(self):
        line = self.get_terms(self.make_entry())
        partials = self.env["account.partial.reconcile"].with_user(self.accountant)
        with self.assertRefused("use Reconcile", AccessError):
            partials.with_context(reconciled_by_code=True).create(
                {
                    "debit_move_id": self.get_terms(self.invoice).id,
                    "credit_move_id": line.id,
                    "amount": 1000.0,
                    "debit_amount_currency": 1000.0,
                    "credit_amount_currency": 1000.0,
                }
            )
        self.assertEqual(self.invoice.amount_residual, 1000.0)
