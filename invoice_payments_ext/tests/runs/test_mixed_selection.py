from unittest.mock import patch

import requests

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged

from .common_runs import READ_AHEAD, ChargeRunCommon
from .test_charge_run import MAX_QUERIES

# How many invoices there are of each kind.
COUNT = 2
# What a proposal to charge says of each kind.
EXPECTED = {
    "plain": "",
    "draft": "not_posted",
    "paid": "paid",
    "in_flight": "in_flight",
    "unknown": "unknown",
    "announced": "announced",
    "disputed": "disputed",
    "promised": "promised",
    "no_method": "no_method",
    "never": "never",
    "declined": "",
    "above_permitted": "above_permitted",
    "below_permitted": "",
    "in_run": "in_run",
    "other_company": "other_company",
    "credit": "",
    "credit_alone": "covered_by_credit",
    "instalments": "",
    "discount": "",
    "other_currency": "",
    "second_method": "",
    "unfit_method": "method_unfit",
    "method_of_company": "",
    "shared": "in_flight",
    "captured_in_part": "in_flight",
}


@tagged("post_install", "-at_install")
class TestMixedSelection(ChargeRunCommon):
    """A proposal for invoices of all kinds takes no more queries than for one kind."""

    def setUp(self):
        super().setUp()
        self.kinds = {name: getattr(self, f"make_{name}")() for name in EXPECTED}
        self.selection = self.invoices.browse().union(*self.kinds.values())
        self.env.flush_all()
        self._keep()

    # === THE KINDS === #

    def make_usual(self, amount=100.0, with_method=True, customer=None, **values):
        customers = self.make_customers(COUNT, with_method, **(customer or {}))
        return self.make_invoices(customers, amount, **values)

    def make_plain(self):
        return self.make_usual()

    def make_draft(self):
        return self.make_usual(post=False)

    def make_paid(self):
        invoices = self.make_usual()
        for invoice in invoices:
            invoice.record_external_payment()
        return invoices

    def make_charged(self, answer, amount=None, invoices=None):
        invoices = invoices or self.make_usual()
        self.gateway.answers = [answer]
        arguments = {"amount": amount} if amount else {}
        for invoice in invoices:
            invoice.charge(invoice._get_default_token().id, **arguments)
        return invoices

    def make_in_flight(self):
        return self.make_charged("pending")

    def make_unknown(self):
        return self.make_charged(requests.ReadTimeout())

    def make_announced(self):
        invoices = self.make_usual()
        for invoice in invoices:
            self.announce(100.0, invoices=invoice)
        return invoices

    def make_disputed(self):
        invoices = self.make_charged("done", 40)
        for invoice in invoices:
            payment = invoice.sudo().transaction_ids.payment_id
            payment.with_user(self.supervisor).report_taken_back("dispute")
        return invoices

    def make_promised(self):
        invoices = self.make_usual()
        for invoice in invoices:
            invoice.promise_to_pay(date=fields.Date.today())
        return invoices

    def make_no_method(self):
        return self.make_usual(with_method=False)

    def make_declined_as(self, decline_class):
        rules = self.env["payment.decline.rule"].sudo()
        rules.create({"code": decline_class, "decline_class": decline_class})
        providers = self.env.registry["payment.provider"]
        details = {"code": decline_class}
        with patch.object(providers, "_get_decline_details", lambda *_args: details):
            return self.make_charged("error")

    def make_never(self):
        return self.make_declined_as("never")

    def make_declined(self):
        return self.make_declined_as("try_later")

    def make_permitted(self, limit):
        invoices = self.make_usual()
        for invoice in invoices:
            invoice.partner_id.with_user(self.accountant).set_auto_pay(
                True, note="By phone", limit=limit
            )
        return invoices

    def make_above_permitted(self):
        return self.make_permitted(99.99)

    def make_below_permitted(self):
        return self.make_permitted(100)

    def make_in_run(self):
        invoices = self.make_usual()
        self.start(invoices)
        return invoices

    def make_other_company(self):
        other = super().make_other_company()
        self.accountant.company_ids |= other["company"]
        customers = self.make_customers(COUNT).with_company(other["company"])
        customers.property_account_receivable_id = other["default_account_receivable"]
        return self.make_invoices(
            customers,
            company_id=other["company"].id,
            currency_id=other["currency"].id,
            journal_id=other["default_journal_sale"].id,
        )

    def make_with_credit(self, amount):
        self.company.credit_applied_at_issue = False
        invoices = self.make_usual()
        for partner in invoices.partner_id.with_user(self.supervisor):
            partner.adjust_credit_balance(amount=amount, reason="Goodwill")
        invoices.sudo().apply_credit = True
        return invoices

    def make_credit(self):
        return self.make_with_credit(30.0)

    def make_credit_alone(self):
        return self.make_with_credit(100.0)

    def make_instalments(self):
        terms = self.make_invoice_with_instalments().invoice_payment_term_id
        return self.make_usual(invoice_payment_term_id=terms.id)

    def make_discount(self):
        terms = self.make_discount_terms(days=10000, due_in=10000)
        return self.make_usual(invoice_payment_term_id=terms.id)

    def make_other_currency(self):
        self.euro = self.make_currency("EUR", 3.0)
        return self.make_usual(currency_id=self.euro.id)

    def make_second_method(self):
        self.company.charge_second_method = True
        invoices = self.make_declined_as("ask_customer")
        for token in invoices.sudo().transaction_ids.token_id:
            token.copy({"provider_ref": f"second {token.id}"})
        return invoices

    def make_unfit_method(self):
        """Their method is of a provider that takes small amounts only."""
        usual, self.provider = (
            self.provider,
            self.provider.copy({"state": "test", "maximum_amount": 50}),
        )
        invoices = self.make_usual()
        self.provider = usual
        return invoices

    def make_method_of_company(self):
        companies = self.make_customers(COUNT, is_company=True)
        contacts = companies.browse().union(
            *(
                self.make_customers(1, with_method=False, parent_id=company.id)
                for company in companies
            )
        )
        for company in companies:
            company.default_payment_token_id = company.payment_token_ids
        return self.make_invoices(contacts)

    def make_shared(self):
        """One attempt for all of them, which is pending."""
        [customer] = self.make_customers(1)
        invoices = self.make_invoices(customer.browse(customer.ids * COUNT))
        tx = self.env["payment.transaction"].sudo()
        tx = tx.create(
            {
                "provider_id": self.provider.id,
                "payment_method_id": self.payment_method_id,
                "reference": "For several",
                "amount": 100.0 * COUNT,
                "currency_id": self.company.currency_id.id,
                "partner_id": customer.id,
                "invoice_ids": [Command.set(invoices.ids)],
                "share_ids": tx._prepare_shares(dict.fromkeys(invoices, 100.0)),
            }
        )
        tx._set_pending()
        return invoices

    def make_captured_in_part(self):
        self.provider.capture_manually = True
        invoices = self.make_charged("authorized")
        self.gateway.answers = ["done"]
        for invoice in invoices:
            invoice.transaction_ids.capture(40)
        self.provider.capture_manually = False
        return invoices

    # === THE QUERIES === #

    def test_ten_queries_for_all_kinds_together(self):
        """However many there are of each, and whatever is asked about them."""
        self._check_kinds()
        one_each = self.invoices.browse().union(
            *(invoices[0] for invoices in self.kinds.values())
        )
        for kind in ("charge", "retry", "issue", "external"):
            for invoices in (one_each, self.selection):
                with self.subTest(kind, invoices=len(invoices)):
                    queries = self.list_queries(invoices, kind)
                    self.assertLessEqual(len(queries), MAX_QUERIES, "\n".join(queries))
        self._check_door()
        self._check_decisions()
        filled = {
            field.model_name for field in self.check_cache(self.kinds_to_decide())
        }
        self.assertEqual(filled, set(READ_AHEAD))

    def kinds_to_decide(self):
        """Return the invoices that a proposal decides on: of this company, and free."""
        kinds = {**self.kinds}
        del kinds["other_company"], kinds["in_run"]
        return self.invoices.browse().union(*kinds.values())

    def _check_door(self):
        """Check that the door reads no more than the decision."""
        self.selection.propose_charge_run()  # Fills Odoo's own caches.
        self.env.flush_all()
        self.env.invalidate_all()
        with self.assertLogs("odoo.sql_db", "DEBUG") as logs:
            self.selection.with_prefetch().propose_charge_run()
        queries = self.get_queries(logs)
        names = [each for each in queries if "ir_sequence" in each.split("WHERE")[0]]
        end = queries.index(names[0])  # Then the run is written.
        self.assertLessEqual(end, MAX_QUERIES, "\n".join(queries[:end]))

    def _check_kinds(self):
        """Check that each kind is what it is meant to be."""
        proposed, decisions = self.decide()
        reasons = {
            name: {
                proposed[move][0] if move in proposed else decisions[move].reason
                for move in invoices
            }
            for name, invoices in self.kinds.items()
        }
        self.assertEqual(reasons, {name: {code} for name, code in EXPECTED.items()})

    def _check_decisions(self):
        """Check that they are the same as without reading ahead."""
        _proposed, decisions = self.decide()
        moves = self.selection.browse().union(*decisions)
        self.env.invalidate_all()
        plain = moves.with_company(self.company)
        self.assertEqual(decisions, plain._decide_charges(is_run=True))

    def decide(self, invoices=None, kind="charge"):
        """Decide as a proposal does, on an empty cache."""
        self.env.flush_all()
        self.env.invalidate_all()
        run = self.env["account.charge.run"].with_user(self.accountant)
        invoices = (invoices or self.selection).with_env(run.env).with_prefetch()
        return run._decide_lines(kind, invoices, self.company)

    def list_queries(self, invoices, kind):
        with self.assertLogs("odoo.sql_db", "DEBUG") as logs:
            self.decide(invoices, kind)
        return self.get_queries(logs)

    def get_queries(self, logs):
        return [
            " ".join(message.split("query:", 1)[1].split())[:300]
            for message in map(str, logs.output)
            if "query:" in message
        ]
