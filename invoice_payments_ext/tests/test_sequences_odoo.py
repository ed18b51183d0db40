"""Sequences that mix the doors with Odoo's own buttons."""

import os
from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from .invariants import find_with_kept_plans
from .recount import recount, recount_credit
from .test_sequences import (
    GENERATED,
    SEED,
    Sequence,
    SequencesCommon,
    percent,
    remembered,
    which,
)

# One for each button; `setup/sequences --odoo` asks for more.
EXAMPLES = int(os.environ.get("SEQUENCES_EXAMPLES", "16"))
# The rules of the tie-out that the recount knows.
RECOUNTED = (
    "applied",
    "credited",
    "booked",
    "payment_entry",
    "payment_agrees",
    "unposted",
    "entry",
    "total",
    "remaining",
)
CREDIT = ("balance", "running", "ledger")


# The buttons of Odoo that the sequences press, and the fields that its forms change.
PAYMENT_BUTTONS = (
    "action_draft",
    "action_cancel",
    "action_reject",
    "action_validate",
    "action_post",
)
ENTRY_BUTTONS = ("button_draft", "button_cancel", "action_post")
PAYMENT_CHANGES = ("partner_id", "currency_id", "journal_id", "amount")
INVOICE_CHANGES = ("partner_id", "currency_id", "journal_id")
# What each does is counted under one of these names. Two more are mostly refused:
# another journal of a payment, and the confirmation of a draft entry beside it.
PRESSED = (
    *PAYMENT_BUTTONS,
    "entry button_draft",
    "entry button_cancel",
    "payment partner_id",
    "payment currency_id",
    "payment amount",
    *(f"invoice {change}" for change in INVOICE_CHANGES),
    "delete payment",
    "js_remove_outstanding_partial",
    "match_items",
    "reverse",
    "modify",
    "reverse_entries",
    "register",
    "charge",
)
# Each with the arguments of its rule, after the number of the record.
BUTTONS = (
    *(("press_on_payment", way) for way in PAYMENT_BUTTONS),
    *(("press_on_entry", way) for way in ENTRY_BUTTONS),
    *(("change_payment", change) for change in PAYMENT_CHANGES),
    *(("change_invoice", change) for change in INVOICE_CHANGES),
    ("delete_payment",),
    ("unreconcile", 0),
    ("match_on_statement", 50),
    ("match_payment_on_statement",),
    ("reverse", False, None),
    ("reverse", True, None),
    ("reverse_entry", True),
    ("register", None, False),
    ("register", 50, True),
)
# The records that each is pressed on.
RECORDS = {
    "press_on_payment": "all_payments",
    "press_on_entry": "all_payments",
    "change_payment": "all_payments",
    "change_invoice": "invoices",
    "delete_payment": "all_payments",
    "unreconcile": "issued",
    "match_on_statement": "open_invoices",
    "match_payment_on_statement": "in_process",
    "reverse": "issued",
    "reverse_entry": "in_process",
    "register": "open_invoices",
}


class OdooSequence(Sequence):
    """The doors, and the buttons that Odoo has beside them."""

    def prepare(self, currency, taxed):
        """Let there be money of each kind that the buttons change."""
        prepared = super().prepare(currency, taxed)
        self.record(1, 33, None, "bank")
        self.register(1, 33, False)
        self.match_on_statement(1, 33)
        return prepared

    @initialize(number=which)
    def press_first(self, number):
        """Press the button of this share, first on the newest record."""
        name, *arguments = self.test.first
        if records := getattr(self, RECORDS[name])():
            newest = len(records) - 1 - number % len(records)
            getattr(self, name)(newest, *arguments)

    def press(self, button, *args, told=None, **values):
        """Press a button of Odoo, which may refuse for lack of rights as well.

        :param told: As which button of `BUTTONS` it counts, if not as one of its own.
        """
        test = self.test
        name = button.__name__
        before = test.doors.get(name, 0)
        try:
            self.do(button, *args, **values)
        except AccessError:
            test.env.cr.rollback()
            test.env.invalidate_all()
        is_done = test.doors[name] > before
        test.pressed[told or name] += is_done
        return is_done

    @remembered
    def all_payments(self):
        return self.find("account.payment")

    @precondition(lambda self: self.all_payments())
    @rule(payment=which, way=st.sampled_from(PAYMENT_BUTTONS))
    def press_on_payment(self, payment, way):
        payment = self.choose(self.all_payments(), payment)
        self.press(getattr(payment, way))

    @precondition(lambda self: self.all_payments())
    @rule(payment=which, way=st.sampled_from(ENTRY_BUTTONS))
    def press_on_entry(self, payment, way):
        """Press a button of the journal entry, and not of its payment."""
        payment = self.choose(self.all_payments(), payment)
        self.press(getattr(payment.move_id, way), told=f"entry {way}")

    @precondition(lambda self: self.all_payments())
    @rule(payment=which)
    def delete_payment(self, payment):
        payment = self.choose(self.all_payments(), payment)
        if payment.state != "draft":
            self.press(payment.action_draft)
        self.press(payment.unlink, told="delete payment")

    @precondition(lambda self: self.all_payments())
    @rule(
        payment=which, change=st.sampled_from(PAYMENT_CHANGES), is_reset=st.booleans()
    )
    def change_payment(self, payment, change, is_reset=True):
        """Change a payment by its form: as it is, or reset and confirmed again."""
        test = self.test
        value = {
            "partner_id": test.customers_by_name["person"],
            "currency_id": test.currencies["EUR"],
            "journal_id": test.journals["cash"],
            "amount": 7.0,
        }[change]
        payment = self.choose(self.all_payments(), payment)
        is_reset = is_reset and self.press(payment.action_draft)
        self.press(payment.write, {change: value}, told=f"payment {change}")
        if is_reset:
            self.press(payment.action_post)

    @precondition(lambda self: self.invoices())
    @rule(
        invoice=which, change=st.sampled_from(INVOICE_CHANGES), is_reset=st.booleans()
    )
    def change_invoice(self, invoice, change, is_reset=True):
        """Change an invoice by its form: as it is, or reset and issued again."""
        test = self.test
        value = {
            "partner_id": test.customers_by_name["person"],
            "currency_id": test.currencies["EUR"],
            "journal_id": test.other_sales_journal,
        }[change]
        values = {change: value}
        if change == "journal_id":
            values["name"] = False  # Odoo asks for a number of the other journal.
        invoice = self.choose(self.invoices(), invoice)
        is_reset = is_reset and self.press(invoice.button_draft)
        self.press(invoice.write, values, told=f"invoice {change}")
        if is_reset:
            self.press(invoice.action_post)

    @precondition(lambda self: self.drafts())
    @rule(invoice=which)
    def delete_draft(self, invoice):
        draft = self.choose(self.drafts(), invoice)
        self.press(draft.unlink, told="delete invoice")

    @precondition(lambda self: self.issued())
    @rule(invoice=which, number=which)
    def unreconcile(self, invoice, number):
        """Take a match off by the *Unreconcile* of the payments below the total."""
        invoice = self.choose(self.issued(), invoice)
        lines = invoice.line_ids
        partials = (lines.matched_debit_ids | lines.matched_credit_ids).sorted("id")
        if partials:
            partial = self.choose(partials, number)
            self.press(invoice.js_remove_outstanding_partial, partial.id)

    @precondition(lambda self: self.open_invoices())
    @rule(invoice=which, share=percent)
    def match_on_statement(self, invoice, share):
        """Match a line of the bank's statement with an invoice."""
        test = self.test
        invoice = self.choose(self.open_invoices(), invoice)
        amount = self.part(invoice.amount_residual, share, invoice.currency_id) or 10.0
        if invoice.currency_id != test.company.currency_id:
            return

        terms = invoice.sudo().line_ids.filtered(
            lambda item: item.display_type == "payment_term" and not item.reconciled
        )
        self.match(terms, amount, invoice.commercial_partner_id)

    def match(self, items, amount, partner):
        """Match a new line of the bank's statement with open journal items."""
        test = self.test

        def match_items():
            lines = test.env["account.bank.statement.line"].sudo()
            line = lines.create(
                {
                    "journal_id": test.journals["bank"],
                    "payment_ref": items.move_id[:1].name,
                    "partner_id": partner.id,
                    "amount": amount,
                }
            )
            suspense = line._seek_for_lines()[1]
            suspense.account_id = items.account_id[:1]
            (suspense | items).reconcile()

        self.press(match_items)

    @remembered
    def in_process(self):
        """Return the payments whose money is not on the bank's statement yet."""
        return self.all_payments().filtered(
            lambda payment: (
                payment.state == "in_process"
                and payment.currency_id == self.test.company.currency_id
            )
        )

    @precondition(lambda self: self.in_process())
    @rule(payment=which)
    def match_payment_on_statement(self, payment):
        """Match a line of the bank's statement with the receipts of a payment."""
        payment = self.choose(self.in_process(), payment)
        items = payment.sudo().move_id.line_ids.filtered(
            lambda item: item.account_id == payment.sudo().outstanding_account_id
        )
        amount = sum(items.mapped("amount_residual"))
        if amount:
            self.match(items, amount, payment.partner_id)

    @precondition(lambda self: self.in_process())
    @rule(payment=which, is_cancelled=st.booleans())
    def reverse_entry(self, payment, is_cancelled):
        """Reverse the entry of a payment by Odoo's dialog."""
        entry = self.choose(self.in_process(), payment).move_id

        def reverse_entries():
            entry._reverse_moves(cancel=is_cancelled)

        self.press(reverse_entries)

    @precondition(lambda self: self.issued())
    @rule(invoice=which, is_modified=st.booleans(), amount=st.sampled_from([None, 5]))
    def reverse(self, invoice, is_modified, amount):
        """Reverse an invoice by Odoo's dialog, and post the draft that it makes."""
        test = self.test
        invoice = self.choose(self.issued(), invoice)

        def reverse():
            wizard = (
                test.env["account.move.reversal"]
                .with_user(test.supervisor)
                .with_context(active_model="account.move", active_ids=invoice.ids)
                .create({"journal_id": invoice.journal_id.id})
            )
            action = wizard.modify_moves() if is_modified else wizard.reverse_moves()
            made = invoice.browse(action.get("res_id"))
            if amount and made:
                made.invoice_line_ids = [
                    Command.clear(),
                    Command.create({"name": "Less", "price_unit": amount}),
                ]
            made.action_post()

        self.press(reverse, told="modify" if is_modified else None)

    @precondition(lambda self: self.open_invoices())
    @rule(invoice=which, share=percent, is_charged=st.booleans())
    def register(self, invoice, share, is_charged):
        """Pay by Odoo's own dialog, by hand or with a saved method."""
        test = self.test
        invoice = self.choose(self.open_invoices(), invoice)
        amount = self.part(invoice.amount_residual, share, invoice.currency_id)

        def register():
            test.gateway.answers = ["done"]
            values = {"amount": amount} if amount else {}
            wizard = (
                test.env["account.payment.register"]
                .with_user(test.supervisor)
                .with_context(active_model="account.move", active_ids=invoice.ids)
                .create(values)
            )
            if is_charged:
                lines = test.provider.sudo().journal_id.inbound_payment_method_line_ids
                own = lines.filtered(
                    lambda line: line.payment_provider_id == test.provider
                )
                wizard.journal_id = test.provider.sudo().journal_id
                wizard.payment_method_line_id = own[:1]
                wizard.payment_token_id = self.token(invoice)
            wizard.action_create_payments()

        self.press(register, told="charge" if is_charged else None)

    @invariant()
    def books_agree(self):
        """Let the tie-out and the recount say the same."""
        test = self.test
        test.env.flush_all()
        found = find_with_kept_plans(test.env, test.company.ids)
        told = {
            (row["invariant"], row["res_id"])
            for row in found
            if row["invariant"] in RECOUNTED
        }
        cr = test.env.cr
        test.assertEqual(told, recount(cr, test.company.id))
        ledger, balances = recount_credit(cr, test.company.id)
        is_told = any(row["invariant"] in CREDIT for row in found)
        test.assertEqual(ledger == balances, not is_told)


@tagged("post_install", "-at_install")
class TestSequencesWithOdoo(SequencesCommon):
    """Each button begins its share of the sequences, and works in some of a long run.

    Else they would prove nothing: drawn at random, most buttons met a refusal or none.
    """

    # How often each button did its work.
    pressed = Counter()

    def setUp(self):
        super().setUp()
        journal = self.company_data["default_journal_sale"]
        copy = self.env["account.journal"].browse(journal.id).copy({"code": "OTHER"})
        self.other_sales_journal = copy.id
        self._keep()

    def test_sequences(self):
        share = settings(GENERATED, max_examples=-(-EXAMPLES // len(BUTTONS)))
        self.prepare_machine(OdooSequence, ("USD", True))
        for index, self.first in enumerate(BUTTONS):
            number = int(SEED or 0) * len(BUTTONS) + index
            self.run_machine(OdooSequence, number, share)
        if EXAMPLES >= 50:
            self.assertFalse([name for name in PRESSED if not self.pressed[name]])
