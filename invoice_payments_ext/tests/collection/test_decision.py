from datetime import timedelta

import requests

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged

from ...models.collection import reasons
from ...models.collection.payment_token import BUDGET
from ..credit.common_credit import CreditCommon


@tagged("post_install", "-at_install")
class TestDecision(CreditCommon):
    """The decision whether an invoice is charged now, and what it leads to."""

    def _decide(self, invoices=None, **question):
        invoices = self.invoice if invoices is None else invoices
        invoices.invalidate_recordset()
        return invoices._decide_charges(**question)

    def _assert_reason(self, reason, invoice=None, **question):
        decision = self._decide(invoice, **question)[invoice or self.invoice]
        self.assertEqual(decision.reason, reason)
        self.assertEqual(
            decision.action,
            reasons.REASONS[reason].action if reason else reasons.CHARGE,
        )
        return decision

    def _decline(self, decline_class=False, invoice=None, token=None, **values):
        """Make an attempt that was declined, as the gateway answered it."""
        invoice = invoice or self.invoice
        self.gateway.answers = ["error"]
        attempt = invoice.charge((token or self.token).id).sudo()
        attempt.write({"decline_class": decline_class, **values})
        self._keep()
        return attempt

    def _make_second_token(self):
        token = self._create_token(provider_ref="second")
        self.partner.with_company(self.company).default_payment_token_id = self.token
        self._keep()
        return token

    def _make_open_invoice(self, amount, **values):
        """Return an issued invoice that credit may pay, and did not."""
        invoice = self.make_invoice(amount, post=False, apply_credit=False, **values)
        invoice.sudo().action_post()
        invoice.sudo().apply_credit = True
        self._keep()
        return invoice

    # === THE INVOICE === #

    def test_charge(self):
        decision = self._assert_reason("")
        self.assertEqual(decision.token, self.token)
        self.assertEqual((decision.amount, decision.credit), (700, 300))

    def test_states(self):
        draft = self.make_invoice(post=False)
        self._assert_reason("not_posted", draft)
        self._assert_reason("", draft, kind="issue")
        self._assert_reason("not_draft", kind="issue")
        self._assert_reason("paid", self.make_invoice(0, post=False), kind="issue")
        bill = self.make_invoice(move_type="out_refund", post=False)
        self._assert_reason("not_invoice", bill)
        draft.button_cancel()
        self._assert_reason("cancelled", draft)
        self.invoice.record_external_payment(1000)
        self._assert_reason("paid")

    def test_what_is_on_the_way(self):
        self.start_attempt("pending", amount=400)
        decision = self._assert_reason("in_flight")
        self.assertIn("in flight", decision.words)
        self._assert_reason("in_flight", kind="external")
        self.invoice = self.make_invoice()
        self.start_attempt(requests.ReadTimeout())
        self._assert_reason("unknown")
        self.invoice = self.make_invoice()
        announced = self.announce(invoices=self.invoice)
        self._assert_reason("announced")
        self._assert_reason("", kind="external")
        announced.last_state_change = fields.Datetime.now() - timedelta(days=90)
        self._keep()
        self._assert_reason("")

    def test_disputed(self):
        self.start_attempt("done", amount=400).payment_id.report_taken_back("dispute")
        self._assert_reason("disputed")
        self._assert_reason("", kind="external")

    # === AMOUNTS === #

    def test_credit_goes_to_the_first_due(self):
        late = self._make_open_invoice(250, invoice_date="2026-02-15")
        early = self._make_open_invoice(200, invoice_date="2025-12-15")
        decisions = self._decide(late | early)
        self.assertEqual(decisions[early].action, reasons.CREDIT)
        self.assertEqual(decisions[early].credit, 200)
        self.assertEqual((decisions[late].credit, decisions[late].amount), (100, 150))

    def test_credit_of_those_who_keep_it(self):
        self.invoice.sudo().apply_credit = False
        self._keep()
        decision = self._assert_reason("")
        self.assertEqual((decision.amount, decision.credit), (1000, 0))

    def test_discount_is_not_lost_for_a_part_of_credit(self):
        """It is for one payment: credit that does not pay all of it is left."""
        large = self._make_open_invoice(**self._get_discounted(1000))
        small = self._make_open_invoice(**self._get_discounted(250))
        decision = self._assert_reason("", large)
        self.assertEqual((decision.amount, decision.credit), (980, 0))
        decision = self._assert_reason("covered_by_credit", small)
        self.assertEqual((decision.amount, decision.credit), (0, 245))
        decisions = self._decide(large | small)
        self.assertEqual(
            [
                (decisions[each].amount, decisions[each].credit)
                for each in large | small
            ],
            [(980, 0), (0, 245)],
        )
        for invoice in (large, small):
            invoice._collect(f"once {invoice.id}", is_run=True)
            self.assertTrue(self.currency.is_zero(invoice.amount_residual))
        self.assertEqual([amount for *_tx, amount in self.gateway.requests], [980])
        self.assertEqual(self._balance().amount, 55)

    def _get_discounted(self, amount):
        """Return the values of an invoice of today that 98 % pay in time."""
        terms = self.make_discount_terms()
        return {
            "amount": amount,
            "invoice_date": False,
            "invoice_payment_term_id": terms.id,
        }

    def test_only_due_instalments_without_a_person(self):
        today = fields.Date.today()
        self.company.auto_pay = True
        self.customer.adjust_credit_balance(-300, reason="Goodwill")
        invoice = self.make_invoice_with_instalments()
        first, second = invoice.line_ids.filtered("date_maturity").sorted(
            "date_maturity"
        )
        first.sudo().date_maturity = today
        second.sudo().date_maturity = today + timedelta(days=1)
        self._keep()
        self.assertEqual(self._assert_reason("", invoice).amount, 1000)
        self.assertEqual(
            self._assert_reason("", invoice, is_automatic=True).amount, 500
        )
        first.sudo().date_maturity = today + timedelta(days=1)
        self._keep()
        self._assert_reason("not_due", invoice, is_automatic=True)

    # === THE METHOD === #

    def test_no_method(self):
        self.token.sudo().active = False
        self._keep()
        self._assert_reason("no_method")
        self._assert_reason("", kind="external")

    def test_unfit_method(self):
        self.provider.sudo().maximum_amount = 500
        self._keep()
        decision = self._assert_reason("method_unfit")
        self.assertTrue(decision.words)
        self.assertEqual(decision.token, self.token)
        small = self.make_invoice(500)
        decisions = self._decide(self.invoice | small)
        self.assertEqual(decisions[self.invoice].reason, "method_unfit")
        self.assertEqual(decisions[small].reason, "")

    def test_methods_of_several_providers(self):
        """What one of them serves says nothing of another one's limits."""
        limited, french = (
            self.provider.copy({"state": "test", **values})
            for values in (
                {"maximum_amount": 50},
                {"available_country_ids": [Command.set(self.env.ref("base.fr").ids)]},
            )
        )
        self.partner.country_id = self.env.ref("base.us")
        small, anywhere = (
            self.make_invoice(
                30,
                partner_id=self._create_token(
                    provider_id=provider.id,
                    partner_id=self.env["res.partner"].create({"name": "Other"}).id,
                ).partner_id.id,
            )
            for provider in (limited, french)
        )
        self._keep()
        for invoices in (small | anywhere, self.invoice | small | anywhere):
            with self.subTest(invoices=len(invoices)):
                decisions = self._decide(invoices)
                self.assertEqual({each.reason for each in decisions.values()}, {""})

    def test_declined_methods_of_other_invoices(self):
        self._decline("ask_customer", self.make_invoice())
        self._assert_reason("ask_customer")
        self.token.sudo().renewed_on = fields.Datetime.now() + timedelta(seconds=1)
        self._keep()
        self._assert_reason("")
        self._decline("needs_customer", self.make_invoice())
        self._assert_reason("")
        self._decline("needs_customer")
        self._assert_reason("needs_customer")
        self.start_attempt("done", amount=100)
        self._assert_reason("")

    def test_never_again(self):
        attempt = self._decline("never", self.make_invoice())
        self.token.sudo().refused_transaction_id = attempt
        self._keep()
        self._assert_reason("never")

    def test_second_method_once(self):
        second = self._make_second_token()
        self._decline("ask_customer")
        self._assert_reason("ask_customer")
        self.company.charge_second_method = True
        self._keep()
        self.assertEqual(self._assert_reason("").token, second)
        self._decline("try_later", token=second)
        self._assert_reason("ask_customer")

    def test_bank_asks_to_wait(self):
        until = fields.Datetime.now() + timedelta(hours=5)
        self._decline("try_later", self.make_invoice(), decline_not_before=until)
        self.assertEqual(self._assert_reason("not_before").not_before, until)

    def test_budget_over_all_invoices(self):
        (day, per_day), (month, per_month) = BUDGET
        attempt = self._decline("try_later", self.make_invoice())
        now = fields.Datetime.now()
        self.assertLess(per_day, per_month)
        copies = self.env["payment.transaction"].browse()
        for number in range(per_day - 1):
            self._assert_reason("")
            copies += self._copy_try(attempt, f"TRY-{number}")
            self._keep()
        decision = self._assert_reason("budget")
        self.assertAlmostEqual(
            decision.not_before, now + day, delta=timedelta(minutes=1)
        )
        self._age(attempt | copies, days=2)
        self._assert_reason("")
        for number in range(per_month - per_day):
            copies += self._copy_try(attempt, f"OLD-{number}")
        self._age(copies, days=3)
        decision = self._assert_reason("budget")
        self.assertGreater(decision.not_before, now + month - timedelta(days=4))

    def _copy_try(self, attempt, reference):
        values = {"reference": reference, "invoice_ids": False, "state": "error"}
        return attempt.copy(values).sudo()

    def _age(self, attempts, days):
        attempts.flush_recordset()
        self.env.cr.execute(
            "UPDATE payment_transaction SET create_date = now() at time zone 'utc' "
            "- make_interval(days => %s) WHERE id = ANY(%s)",
            (days, attempts.ids),
        )
        attempts.invalidate_recordset(["create_date"])
        self._keep()

    # === CARRYING IT OUT === #

    def test_collect_spends_credit_first(self):
        decision, attempt = self.invoice._collect("once")
        self.assertEqual(decision.action, reasons.CHARGE)
        self.assertEqual((attempt.outcome, attempt.amount), ("succeeded", 700))
        self.assertTrue(self.currency.is_zero(self.invoice.amount_residual))
        again, same = self.invoice._collect("once")
        self.assertEqual((same, again.amount), (attempt, 700))
        self.assertEqual(len(self.gateway.requests), 1)

    def test_collect_goes_on_after_a_crash(self):
        with self.stopped_before_sending():
            _decision, attempt = self.invoice._collect("once")
        self.assertEqual(attempt.outcome, "ready")
        self._assert_reason("in_flight")
        _decision, same = self.invoice._collect("once")
        self.assertEqual((same, same.outcome), (attempt, "succeeded"))

    def test_collect_nothing_more_than_proposed(self):
        decision, attempt = self.invoice._collect("once", most=999.99)
        self.assertEqual((decision.reason, len(attempt)), ("amount_changed", 0))
        self.assertFalse(self.gateway.requests)
        self.assertEqual(self._balance().amount, 300)

    def test_collect_from_credit_alone(self):
        invoice = self._make_open_invoice(200)
        decision, attempt = invoice._collect("credit")
        self.assertEqual((decision.action, len(attempt)), (reasons.CREDIT, 0))
        self.assertTrue(self.currency.is_zero(invoice.amount_residual))
        self.assertEqual(self._balance().amount, 100)

    def test_collect_draft(self):
        draft = self.make_invoice(500, post=False)
        _decision, attempt = draft._collect("issue", kind="issue")
        self.assertEqual((attempt.outcome, attempt.amount), ("succeeded", 200))
        self.assertEqual(draft.state, "posted")

    # === FIGURES === #

    def test_queries_do_not_grow(self):
        """As many queries for forty customers with declined attempts as for four.

        The largest amount of a provider is compared with each, and asked for once.
        """
        self.provider.maximum_amount = 1000
        partners = self.env["res.partner"].create(
            [{"name": f"Customer {number}"} for number in range(40)]
        )
        tokens = self.token.browse().union(
            *(
                self._create_token(partner_id=partner.id, provider_ref=partner.name)
                for partner in partners
            )
        )
        invoices = self.invoice.browse().union(
            *(
                self.make_invoice(100 + number, partner_id=partner.id)
                for number, partner in enumerate(partners)
            )
        )
        for invoice, token in zip(invoices[::2], tokens[::2], strict=True):
            self._decline("try_later", invoice, token)
        counts = []
        # The first time, Odoo also reads the settings that it keeps.
        for some in (invoices[:4], invoices[:4], invoices):
            self.env.flush_all()
            self.env.invalidate_all()
            some = some.with_env(self.env).with_user(self.accountant)
            before = self.env.cr.sql_log_count
            decisions = some._decide_charges()
            counts.append(self.env.cr.sql_log_count - before)
            self.assertEqual({each.action for each in decisions.values()}, {"charge"})
        self.assertEqual(counts[1], counts[2])
        self.assertLessEqual(counts[2], 31)
