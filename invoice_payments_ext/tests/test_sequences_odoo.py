"""Sequences that mix the doors with Odoo's own buttons."""

import os

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    invariant,
    precondition,
    rule,
)

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from .recount import recount, recount_credit
from .test_sequences import (
    GENERATED,
    SEED,
    Sequence,
    SequencesCommon,
    percent,
    which,
)

EXAMPLES = int(os.environ.get("SEQUENCES_EXAMPLES", "12"))
# The rules of the tie-out that the recount knows.
RECOUNTED = (
    "applied",
    "credited",
    "booked",
    "payment_entry",
    "payment_agrees",
    "unposted",
    "entry",
)
CREDIT = ("balance", "running", "ledger")


class OdooSequence(Sequence):
    """The doors, and the buttons that Odoo has beside them."""

    def press(self, button, *args, **values):
        """Press a button of Odoo, which may refuse for lack of rights as well."""
        try:
            self.do(button, *args, **values)
        except AccessError:
            self.test.env.cr.rollback()
            self.test.env.invalidate_all()

    def all_payments(self):
        return self.find("account.payment")

    @precondition(lambda self: self.all_payments())
    @rule(
        payment=which,
        way=st.sampled_from(
            ["action_draft", "action_cancel", "action_reject", "action_post", "unlink"]
        ),
    )
    def press_on_payment(self, payment, way):
        payment = self.choose(self.all_payments(), payment)
        self.press(getattr(payment, way))

    @precondition(lambda self: self.all_payments())
    @rule(
        payment=which,
        way=st.sampled_from(["button_draft", "button_cancel", "action_post"]),
    )
    def press_on_entry(self, payment, way):
        """Press a button of the journal entry, and not of its payment."""
        payment = self.choose(self.all_payments(), payment)
        self.press(getattr(payment.move_id, way))

    @precondition(lambda self: self.all_payments())
    @rule(
        payment=which,
        change=st.sampled_from(["partner_id", "currency_id", "journal_id", "amount"]),
    )
    def change_payment(self, payment, change):
        """Change a payment by its form, posted or not."""
        test = self.test
        value = {
            "partner_id": test.customers_by_name["person"],
            "currency_id": test.currencies["EUR"],
            "journal_id": test.journals["cash"],
            "amount": 7.0,
        }[change]
        payment = self.choose(self.all_payments(), payment)
        self.press(payment.write, {change: value})

    @precondition(lambda self: self.invoices())
    @rule(
        invoice=which,
        change=st.sampled_from(["partner_id", "currency_id", "journal_id"]),
    )
    def change_invoice(self, invoice, change):
        test = self.test
        value = {
            "partner_id": test.customers_by_name["person"],
            "currency_id": test.currencies["EUR"],
            "journal_id": test.company_data["default_journal_misc"].id,
        }[change]
        self.press(self.choose(self.invoices(), invoice).write, {change: value})

    @precondition(lambda self: self.drafts())
    @rule(invoice=which)
    def delete_draft(self, invoice):
        self.press(self.choose(self.drafts(), invoice).unlink)

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

        def match():
            line = (
                test.env["account.bank.statement.line"]
                .sudo()
                .create(
                    {
                        "journal_id": test.journals["bank"],
                        "payment_ref": invoice.name,
                        "partner_id": invoice.commercial_partner_id.id,
                        "amount": amount,
                    }
                )
            )
            terms = invoice.sudo().line_ids.filtered(
                lambda item: item.display_type == "payment_term" and not item.reconciled
            )
            suspense = line._seek_for_lines()[1]
            suspense.account_id = terms.account_id[:1]
            (suspense | terms).reconcile()

        self.press(match)

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

        self.press(reverse)

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

        self.press(register)

    @invariant()
    def books_agree(self):
        """Let the tie-out and the recount say the same."""
        test = self.test
        test.env.flush_all()
        found = test.env["account.payment.tie.out"].sudo().check(test.company.ids)
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
    def test_sequences(self):
        examples = settings(GENERATED, max_examples=EXAMPLES)
        self.run_machine(OdooSequence, ("USD", True), int(SEED or 0), examples)
