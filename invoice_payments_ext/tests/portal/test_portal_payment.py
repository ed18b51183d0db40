import re
import uuid
from datetime import timedelta
from unittest.mock import patch

from lxml.html import fromstring
from psycopg2.errors import SerializationFailure

from odoo import fields
from odoo.exceptions import LockError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.payment import utils as payment_utils

from ...models.credit.payment_transaction import PaymentTransaction
from .common_portal import PortalPaymentCommon


@tagged("post_install", "-at_install")
class TestCreditProvider(PortalPaymentCommon):
    """Members pay from their credit balance, in the portal's payment form."""

    def test_all_of_it(self):
        self.give_credit(1500)
        tx = self.pay_by_credit(1000)
        self.assertEqual((tx.state, tx.is_post_processed), ("done", True))
        self.assertEqual(self.held(), 500)
        self.assertEqual(self.invoice.amount_residual, 0)
        payment = tx.payment_id
        self.assertEqual(payment.journal_id, self.company.credit_balance_journal_id)
        self.assertEqual(
            payment.move_id.line_ids.account_id,
            self.company.credit_balance_account_id
            | self.partner.property_account_receivable_id,
        )
        entry = self.env["account.credit.balance.entry"].search([], limit=1)
        self.assertEqual(
            (entry.entry_type, entry.amount, entry.invoice_id, entry.user_id),
            ("applied", -1000, self.invoice.sudo(), self.member),
        )
        [row] = self.invoice.get_payment_rows()
        self.assertEqual(row["kind"], "credit")
        self.assertEqual(row["amount_applied"], 1000)
        self.assertEqual(row["channel"], "Portal")
        self.assertFalse(self.gateway.requests)

    def test_refund_in_odoos_own_form_goes_back_to_the_balance(self):
        """No gateway is asked: what was paid by credit is credit again."""
        self.give_credit(1500)
        tx = self.pay_by_credit(1000)
        self.assertEqual((self.held(), self.invoice.amount_residual), (500, 0))
        transactions = self.env.registry["payment.transaction"]
        self.patch(
            transactions,
            "_send_refund_request",
            PaymentTransaction._send_refund_request,
        )
        tx.with_user(self.supervisor).action_refund(100)
        refund = tx.child_transaction_ids.sudo()
        self.assertEqual(refund.outcome, "succeeded")
        refund._post_process()
        self.assertEqual((self.held(), self.invoice.amount_residual), (600, 100))
        self.assertFalse(self.gateway.requests)

    def test_a_part(self):
        self.company.portal_amount_choice = True
        self.give_credit(300)
        self.pay_by_credit(120.5)
        self.assertEqual(self.invoice.amount_residual, 879.5)
        self.assertEqual(self.held(), 179.5)

    def test_forged_amounts(self):
        self.company.portal_amount_choice = True
        self.give_credit(300)
        for amount, message in (
            (300.01, "cannot be used for"),
            (1000, "cannot be used for"),
            (1000.01, "above the amount to be paid"),
            (0, "above zero"),
            (-10, "above zero"),
            (0.001, "finer than"),
            ("12", "must be a number"),
            (None, "must be a number"),
            (True, "must be a number"),
        ):
            with self.subTest(amount=amount):
                self.assert_refused(message, self.pay_by_credit, amount)
        self.assertEqual(self.held(), 300)

    def test_forged_validation(self):
        """A request that only saves a method moves no money and no credit."""
        self.give_credit(1000)
        for pay in (self.pay_by_credit, self.charge):
            with self.subTest(pay=pay.__name__):
                self.assert_refused("pays invoices", pay, 1000, is_validation=True)
        before = self._take_facts()
        result = self.url_open(
            "/payment/transaction",
            json={
                "params": self._prepare_values(
                    1000,
                    self.credit_provider,
                    currency_id=self.company.currency_id.id,
                    partner_id=self.member.partner_id.id,
                    is_validation=True,
                )
            },
        ).json()
        self.assertIn("error", result)
        self.assertEqual(self._take_facts(), before)
        self.assertEqual(self.invoice._get_chargeable_amount(), 1000)

    def test_provider_that_is_switched_off(self):
        self.give_credit(1000)
        self.credit_provider.is_published = False
        self.assert_refused("cannot be used", self.pay_by_credit, 1000)
        self.assert_refused(
            "cannot be used", self._pay_without_document, self.member, 20
        )
        self.assertEqual(self.held(), 1000)

    def test_provider_whose_money_could_not_be_booked(self):
        """The member is told to take another method, and not why; nothing is sent."""
        account = self.invoice.sudo().line_ids.filtered("date_maturity").account_id
        account.active = False
        words = f"{self.provider.name} cannot be used right now: choose another"
        self.assert_refused(words, self.charge, 1000)
        self.assertFalse(self.gateway.requests)
        account.active = True
        self.charge(1000)
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_contact_of_a_contact_that_got_a_parent(self):
        """Members pay from the credit that their page offers."""
        self.partner.is_company = False
        invoice = self.make_invoice(100.0, partner_id=self.member.partner_id.id)
        parent = self.env["res.partner"].create({"name": "P", "is_company": True})
        self.partner.parent_id = parent
        self.give_credit(150, parent)
        self.pay_by_credit(100, invoice=invoice)
        self.assertEqual(invoice.amount_residual, 0)
        self.assertEqual(self.held(parent), 50)

    def test_the_public_gets_nothing(self):
        self.give_credit(1000)
        self.authenticate(None, None)
        self.assert_refused("cannot be used for", self.pay_by_credit, 1000)

    def test_not_while_other_money_may_come(self):
        self.give_credit(300)
        self.company.portal_amount_choice = True
        other = self.make_portal_transaction("pending", amount=100)
        self.assert_refused("payment of .* is being processed", self.pay_by_credit, 300)
        self.gateway.notify(other, "cancel")
        self.pay_by_credit(300)
        self.assertEqual((self.invoice.amount_residual, self.held()), (700, 0))

    def test_another_customer_gets_nothing(self):
        """Another customer cannot pay by credit, even with the access token."""
        self.give_credit(1000)
        self.authenticate("ip_stranger", "ip_stranger")
        self.assert_refused("cannot be used for", self.pay_by_credit, 1000)

    def test_credit_pays_no_invoice_of_another_customer(self):
        """A member may pay it by card, but the credit is for the member's own."""
        self.give_credit(1000, self.stranger.partner_id)
        self.authenticate("ip_stranger", "ip_stranger")
        self.assert_refused("Only the customer", self.pay_by_credit, 1000)
        self.assertEqual(self.held(self.stranger.partner_id), 1000)

    def test_the_generic_route_trusts_no_amount(self):
        """Only the member pays by credit, up to the balance, for any signed amount."""
        self.give_credit(50)
        self._pay_without_document(self.member, 20)
        self.assertEqual(self.held(), 30)
        self.assert_refused(
            "above the credit balance", self._pay_without_document, self.member, 40
        )
        self.authenticate("ip_stranger", "ip_stranger")
        self.assert_refused(
            "Only the customer", self._pay_without_document, self.member, 20
        )
        self.authenticate(None, None)
        self.assert_refused(
            "Only the customer", self._pay_without_document, self.member, 20
        )
        self.assertEqual(self.held(), 30)

    def test_page_after_credit_that_paid_no_invoice(self):
        """It has no receipt on the page of an invoice."""
        self.give_credit(50)
        self._pay_without_document(self.member, 20)
        self._keep()
        page = self.url_open("/my/owe/paid").text
        self.assertIn("Paid. Thank you!", page)
        self.assertIn("o_owe_from_credit", page)
        self.assertNotIn("/receipt", page)

    def _pay_without_document(self, user, amount):
        currency = self.company.currency_id
        partner = user.partner_id
        access_token = payment_utils.generate_access_token(
            partner.id, float(amount), currency.id, env=self.env
        )
        self.request(
            "/payment/transaction",
            **self._prepare_values(
                amount,
                self.credit_provider,
                currency_id=currency.id,
                partner_id=partner.id,
                access_token=access_token,
            ),
        )

    def test_offered_to_who_holds_enough(self):
        def offered(user, amount, **values):
            return self.credit_provider in (
                self.env["payment.provider"]
                .with_user(user)
                .sudo()
                ._get_compatible_providers(
                    self.company.id,
                    self.member.partner_id.id,
                    amount,
                    **{"currency_id": self.company.currency_id.id, **values},
                )
            )

        self.assertFalse(offered(self.member, 0.01))
        self.give_credit(100)
        self.assertTrue(offered(self.member, 100))
        self.assertTrue(offered(self.colleague, 100))
        self.assertFalse(offered(self.member, 100.01))
        self.assertFalse(offered(self.stranger, 100))
        self.assertFalse(offered(self.env.ref("base.public_user"), 100))
        self.assertFalse(offered(self.member, 0, is_validation=True))
        other = self.make_currency("CHF")
        self.assertFalse(offered(self.member, 1, currency_id=other.id))
        self.credit_provider.is_published = False
        self.assertFalse(offered(self.member, 100))

    def test_each_company_has_one(self):
        company = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.company.id}
        )
        provider = self.env["payment.provider"].search(
            [("code", "=", "credit_balance"), ("company_id", "=", company.id)]
        )
        self.assertTrue(provider.is_published)
        self.assertEqual(provider.journal_id, self.company.credit_balance_journal_id)
        company._create_credit_balance_providers()
        self.assertEqual(
            self.env["payment.provider"].search(
                [("code", "=", "credit_balance"), ("company_id", "=", company.id)]
            ),
            provider,
        )

    def test_the_credit_of_a_branch_pays_its_invoices(self):
        branch = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.company.id}
        )
        self.env.user.company_ids |= branch
        self.accountant.company_ids |= branch
        self.credit_provider = self.env["payment.provider"].search(
            [("code", "=", "credit_balance"), ("company_id", "=", branch.id)]
        )
        self.partner.with_company(
            branch
        ).property_account_receivable_id = self.partner.property_account_receivable_id
        invoice = self.make_invoice(70, company_id=branch.id)
        self.give_credit(100)
        self.assert_refused(
            "cannot be used for", self.pay_by_credit, 70, invoice=invoice
        )
        self.partner.with_context(
            allowed_company_ids=[branch.id, self.company.id]
        ).adjust_credit_balance(80, company_id=branch.id, reason="Goodwill")
        self.pay_by_credit(70, invoice=invoice)
        self.assertEqual(invoice.amount_residual, 0)
        self.assertEqual(self.held(), 100)

    def test_refunded_to_the_balance(self):
        """A refund to the balance works by the door and by Odoo's own form."""
        self.give_credit(1000)
        tx = self.pay_by_credit(1000)
        refund = tx.payment_id.with_user(self.supervisor).refund(
            amount=400, reason="Wrong"
        )
        self.assertEqual(self.held(), 400)
        self.assertEqual(self.invoice.amount_residual, 400)
        self.assertEqual(refund.source_payment_id, tx.payment_id)
        tx.with_user(self.supervisor).action_refund(amount_to_refund=100)
        tx.child_transaction_ids.sudo()._post_process()
        self.assertEqual(self.held(), 500)
        self.assertEqual(self.invoice.amount_residual, 500)
        [row] = self.invoice.get_payment_rows()
        self.assertEqual(row["amount_refunded"], 500)
        self.assertEqual({line["kind"] for line in row["refunds"]}, {"undone"})
        self.assertEqual(
            self.env["account.credit.balance.entry"]
            .search([("entry_type", "=", "unapplied")])
            .mapped("amount"),
            [100, 400],
        )
        undone = tx.payment_id.with_user(self.supervisor).undo_credit_application()
        self.assertEqual(undone.amount, 500)
        self.assertEqual(self.held(), 1000)

    def test_reversed_payment_is_not_refunded(self):
        self.give_credit(1000)
        tx = self.pay_by_credit(1000)
        tx.payment_id.move_id._reverse_moves(cancel=True)
        self.assertEqual(self.held(), 1000)
        with self.assertRaisesRegex(UserError, "was reversed by"):
            tx.with_user(self.supervisor).action_refund(amount_to_refund=100)
        self.assertEqual(self.held(), 1000)

    def test_all_that_is_overdue(self):
        other = self.make_overdue()
        self.give_credit(2000)

        def pay_overdue(amount):
            self.request(
                "/invoice/transaction/overdue",
                payment_reference="BATCH",
                **self._prepare_values(amount, self.credit_provider),
            )

        self.assert_refused("has changed", pay_overdue, 1)
        pay_overdue(1500)
        self.assert_refused("Nothing is overdue", pay_overdue, 1500)
        self._keep()
        self.assertEqual((self.invoice.amount_residual, other.amount_residual), (0, 0))
        self.assertEqual(self.held(), 500)

    def test_overdue_are_instalments_and_each_currency_for_itself(self):
        """A member owes with the company, and pays each currency with one payment."""
        parts = self.make_invoice_with_instalments(80).sudo()
        parts.line_ids.filtered("date_maturity").sorted("date_maturity")[
            1
        ].date_maturity = fields.Date.today() + timedelta(days=20)
        due = "2026-02-01"
        own = self.make_invoice(
            10, partner_id=self.member.partner_id.id, invoice_date_due=due
        )
        euro = self.make_currency("EUR")
        foreign = self.make_invoice(5, currency_id=euro.id, invoice_date_due=due)
        self._keep()

        forms, url = [], "/my/invoices/overdue"
        for _each in range(2):
            page = self.url_open(url)
            self.assertEqual(page.status_code, 200)
            root = fromstring(page.text)
            form = root.get_element_by_id("o_payment_form")
            ticked = root.xpath("//input[@name='o_owed_line'][@checked]")
            names = root.xpath("//input[@checked]/following::label[1]/span[1]/text()")
            forms.append((form, [int(each.get("value")) for each in ticked], names))
            [other] = root.find_class("o_owe_other")
            [url] = other.xpath(".//a/@href")
        named = {name for _form, _ids, names in forms for name in names}
        # What is due today is ticked too: that is the first invoice.
        for invoice in (own, foreign, self.invoice):
            self.assertIn(invoice.name, named)
        amounts = [float(form.get("data-amount")) for form, _ids, _names in forms]
        self.assertEqual(sorted(amounts), [5, 1050])
        for (form, line_ids, _names), amount in zip(forms, amounts, strict=True):
            self.request(
                form.get("data-transaction-route"),
                payment_reference="BATCH",
                owed_line_ids=line_ids,
                **self._prepare_values(
                    amount, self.provider, token_id=self.token.id, flow="token"
                ),
            )
        self._keep()
        self.assertEqual(
            [move.amount_residual for move in (parts, own, foreign, self.invoice)],
            [40, 0, 0, 0],
        )
        page = self.url_open("/my/invoices/overdue", allow_redirects=False)
        self.assertURLEqual(page.headers["Location"], "/my/owe")  # Not due is open.


@tagged("post_install", "-at_install")
class TestCreditFirst(PortalPaymentCommon):
    """The credit pays a part, a card the rest."""

    def test_credit_that_differs_from_the_shown_amount(self):
        """The card is not charged with more than the member was told."""
        self.give_credit(300)
        for shown in (320, 280, "300", True):
            self.assert_refused(
                "it is .* now", self.charge, 1000, use_credit=True, credit_shown=shown
            )
        self.charge(1000, use_credit=True, credit_shown=300)
        self.assertEqual(self.gateway.requests[-1][1:], ("charge", 700))

    def test_provider_that_is_not_the_saved_methods(self):
        self.give_credit(300)
        tx = self.charge(1000, by=self.credit_provider)
        self.assertEqual(tx.provider_id, self.provider)
        self.assertEqual(self.held(), 300)

    def test_both_pay_all_that_is_overdue(self):
        other = self.make_overdue()
        self.token.sudo().partner_id = self.partner
        self.give_credit(1100)
        page = self.url_open("/my/invoices/overdue").text
        self.assertIn("Use my credit", page)
        self.request(
            "/invoice/transaction/overdue",
            payment_reference="BATCH",
            use_credit=True,
            **self._prepare_values(
                1500, self.provider, token_id=self.token.id, flow="token"
            ),
        )
        self._keep()
        self.assertEqual((self.invoice.amount_residual, other.amount_residual), (0, 0))
        self.assertEqual(self.held(), 0)
        self.assertEqual(self.gateway.requests[-1][1:], ("charge", 400))

    def test_both_pay(self):
        self.give_credit(300)
        tx = self.charge(1000, use_credit=True)
        self.assertEqual((tx.amount, tx.outcome), (700, "succeeded"))
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertEqual(self.held(), 0)
        kinds = [row["kind"] for row in self.invoice.get_payment_rows()]
        self.assertEqual(sorted(kinds), ["attempt", "credit"])

    def test_declined_nothing_is_lost(self):
        self.give_credit(300)
        self.gateway.answers = ["error"]
        tx = self.charge(1000, use_credit=True)
        self.assertEqual(tx.outcome, "declined")
        self.assertEqual(self.held(), 300)
        self.assertEqual(self.invoice.amount_residual, 1000)

    def test_confirmed_later(self):
        self.give_credit(300)
        self.gateway.answers = ["pending"]
        tx = self.charge(1000, use_credit=True)
        self.assertEqual(self.held(), 300)
        self.gateway.notify(tx, "done")
        tx.sudo()._post_process()
        self.assertEqual(self.held(), 0)
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_credit_that_was_spent_meanwhile(self):
        self.give_credit(300)
        self.gateway.answers = ["pending"]
        tx = self.charge(1000, use_credit=True)
        self.give_credit(-200)
        self.gateway.notify(tx, "done")
        tx.sudo()._post_process()
        self.assertEqual(self.held(), 0)
        self.assertEqual(self.invoice.amount_residual, 200)
        told = self.invoice.activity_ids
        self.assertEqual(told.mapped("summary"), ["Credit was not spent"])
        self.assertIn("200.00", told.note)
        tx.sudo()._post_process()
        self.assertEqual(self.invoice.amount_residual, 200)
        self.assertEqual(self.invoice.activity_ids, told)

    def test_credit_that_is_needed_no_more(self):
        """The bank matched that part meanwhile: the credit stays, nobody is told."""
        self.give_credit(300)
        self.gateway.answers = ["pending"]
        tx = self.charge(1000, use_credit=True)
        bank = self.company_data["default_journal_bank"]
        own = self.invoice.sudo()._get_open_receivable_lines()
        entry = self.book_by_hand(
            (bank.default_account_id, 300.0),
            (own.account_id, -300.0),
            journal_id=bank.id,
        )
        entry.action_post()
        (own | entry.line_ids[1]).reconcile()
        self.gateway.notify(tx, "done")
        tx.sudo()._post_process()
        self.assertEqual((self.invoice.amount_residual, self.held()), (0, 300))
        self.assertEqual(tx.credit_first_amount, 0)
        self.assertFalse(self.invoice.activity_ids)

    def test_credit_that_could_not_be_spent_at_once(self):
        """Another request was at the balance: it is spent when the rest is settled."""
        self.give_credit(300)
        self.gateway.answers = ["pending"]
        tx = self.charge(1000, use_credit=True)
        self.gateway.notify(tx, "done")
        conflict = SerializationFailure("could not serialize access")
        with patch.object(
            self.env.registry["payment.transaction"],
            "_spend_credit_beside",
            side_effect=conflict,
        ):
            tx.sudo()._post_process()
        self.assertEqual((self.invoice.amount_residual, self.held()), (300, 300))
        self.assertEqual(tx.credit_first_amount, 300)
        transactions = self.env.registry["payment.transaction"]
        with patch.object(transactions, "_commit_step", lambda *_arguments: None):
            tx.sudo()._try_to_settle()  # As the schedule does it.
        self.assertEqual((self.invoice.amount_residual, self.held()), (0, 0))
        self.assertEqual(tx.credit_first_amount, 0)

    def test_whom_a_task_is_given(self):
        """The salesperson, if that one has the right to do it."""
        salesperson = self.make_user("ip_sales", "base.group_user")
        self.invoice.sudo().invoice_user_id = salesperson
        self.test_credit_that_was_spent_meanwhile()
        told = self.invoice.activity_ids
        self.assertEqual(told.user_id, self.invoice.create_uid)
        told.unlink()
        salesperson.group_ids += self.env.ref("account.group_account_invoice")
        self.invoice.sudo().transaction_ids._warn_not_mailed("No such field")
        self.assertEqual(self.invoice.activity_ids.user_id, salesperson)

    def test_credit_that_cannot_be_spent_is_told(self):
        self.give_credit(300)
        self.gateway.answers = ["pending"]
        tx = self.charge(1000, use_credit=True)
        self.gateway.notify(tx, "done")

        def refuse(invoices, amounts):
            raise UserError(invoices.env._("Today is in a locked period."))

        self.patch(self.env.registry["account.move"], "_pay_with_credit", refuse)
        tx.sudo()._post_process()
        self.assertEqual(self.invoice.amount_residual, 300)
        self.assertEqual(self.held(), 300)
        told = self.invoice.activity_ids
        self.assertIn("Credit was not spent", told.mapped("summary"))
        self.assertIn("locked period", told.mapped("note")[0])

    def test_refused(self):
        self.assert_refused("no credit", self.charge, 1000, use_credit=True)
        self.give_credit(1200)
        self.assert_refused("pays all of it", self.charge, 1000, use_credit=True)
        self.authenticate("ip_stranger", "ip_stranger")
        self.token.sudo().partner_id = self.stranger.partner_id
        self.assert_refused("no credit", self.charge, 1000, use_credit=True)

    def test_of_another_customer_s_invoice(self):
        """No credit is spent, neither the stranger's nor the customer's."""
        stranger = self.stranger.partner_id
        self.give_credit(250)
        self.give_credit(300, stranger)
        self.authenticate("ip_stranger", "ip_stranger")
        self.token.sudo().partner_id = stranger
        self.assert_refused("customer who holds it", self.charge, 1000, use_credit=True)
        page = self.url_open(self.invoice.get_portal_url()).text
        self.assertIn("o_member_payment", page)
        self.assertNotIn("o_member_use_credit", page)
        self.assertEqual((self.held(), self.held(stranger)), (250, 300))

    def _book_beside_another(self):
        """Return the attempt for the rest, and another one for which credit waits."""
        self.give_credit(300)
        self.gateway.answers = ["pending"]
        tx = self.charge(1000, use_credit=True)
        other = self.make_portal_transaction("pending", amount=100)
        self.gateway.notify(tx, "done")
        tx.sudo()._post_process()
        return tx, other

    def test_while_something_else_may_pay(self):
        tx, other = self._book_beside_another()
        self.assertEqual((self.invoice.amount_residual, self.held()), (300, 300))
        self.assertIn(tx, tx.search(tx._get_unsettled_domain()), "For the schedule.")
        self.gateway.notify(other, "cancel")
        tx.sudo()._try_to_spend_credit()
        self.assertEqual((self.invoice.amount_residual, self.held()), (0, 0))
        self.assertFalse(self.invoice.activity_ids)

    def test_while_somebody_works_on_the_invoice(self):
        """The booking is left to the schedule, as long as it takes."""
        tx, other = self._book_beside_another()
        self.gateway.notify(other, "cancel")

        def held(records):
            raise LockError("held")

        with patch.object(self.env.registry["account.move"], "_lock_rows", held):
            tx.sudo()._try_to_spend_credit()
        self.assertEqual((self.invoice.amount_residual, self.held()), (300, 300))
        self.assertFalse(self.invoice.activity_ids)
        self.assertIn(tx, tx.search(tx._get_unsettled_domain()), "For the schedule.")
        tx.sudo()._try_to_spend_credit()
        self.assertEqual((self.invoice.amount_residual, self.held()), (0, 0))

    def test_not_beside_an_early_payment_discount(self):
        term = self.make_discount_terms(days=3650)
        invoice = self.make_invoice(100, invoice_payment_term_id=term.id)
        self.give_credit(10)
        self.assert_refused(
            "early-payment discount",
            self.charge,
            98,
            invoice=invoice,
            use_credit=True,
        )
        self.charge(98, invoice=invoice)
        self.assertEqual(invoice.amount_residual, 0)


@tagged("post_install", "-at_install")
class TestPortalPayment(PortalPaymentCommon):
    """Members pay only allowed amounts, and each once."""

    def test_saved_method_in_four_steps(self):
        tx = self.charge(1000)
        self.assertEqual(
            (tx.outcome, tx.request_state, tx.operation),
            ("succeeded", "answered", "online_token"),
        )
        self.assertEqual(len(self.gateway.requests), 1)
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assert_refused("already been paid", self.charge, 1000)

    def test_unknown_blocks_paying_twice(self):
        self.gateway.answers = [TimeoutError("No answer")]
        tx = self.charge(1000)
        self.assertEqual(tx.outcome, "unknown")
        self.assertTrue(tx.holds_invoice)
        self.assert_refused("being processed", self.charge, 1000)
        self.authenticate("ip_colleague", "ip_colleague")
        self.token.sudo().partner_id = self.colleague.partner_id
        self.assert_refused("being processed", self.charge, 1000)

    def test_pending_blocks_paying_twice(self):
        self.gateway.answers = ["pending"]
        self.charge(1000)
        self.assert_refused("being processed", self.charge, 1000)

    def test_amounts_that_were_not_offered(self):
        for amount in (999.99, 1, 500):
            self.assert_refused("cannot be paid: pay", self.charge, amount)
        self.assert_refused("above the amount to be paid", self.charge, 1000.01)

    def test_amount_of_choice(self):
        self.company.portal_amount_choice = True
        self.company.portal_minimum_amount = 50
        self.assert_refused("below the least amount", self.charge, 49.99)
        self.charge(50)
        self.charge(930)
        self.assertEqual(self.invoice.amount_residual, 20)
        self.charge(20)
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_instalments(self):
        term = self.env["account.payment.term"].create(
            {
                "name": "Two halves",
                "line_ids": [
                    Command.create({"value_amount": 50, "nb_days": days})
                    for days in (3600, 3700)
                ],
            }
        )
        invoice = self.make_invoice(200, invoice_payment_term_id=term.id)
        self.assertEqual(invoice._get_member_amounts(), {"full": 200, "next": 100})
        self.assert_refused("pay", self.charge, 50, invoice=invoice)
        self.charge(100, invoice=invoice)
        self.assertEqual(invoice.amount_residual, 100)
        self.charge(100, invoice=invoice)
        self.assertEqual(invoice.amount_residual, 0)

    def test_payment_link(self):
        token = payment_utils.generate_access_token(
            self.invoice.id, 250.0, env=self.env
        )
        self.assert_refused("cannot be paid", self.charge, 250)
        for forged in ({"link_amount": "300.0"}, {"link_token": "made up"}):
            link = {"link_amount": "250.0", "link_token": token, **forged}
            self.assert_refused("cannot be paid", self.charge, 300, **link)
        self.charge(250, link_amount="250.0", link_token=token)
        self.assertEqual(self.invoice.amount_residual, 750)

    def test_replayed_request(self):
        self.company.portal_amount_choice = True
        key = str(uuid.uuid4())
        first = self.charge(100, idempotency_key=key)
        self.assertEqual(self.charge(100, idempotency_key=key), first)
        self.assertEqual(len(self.gateway.requests), 1)
        self.assertEqual(self.invoice.amount_residual, 900)
        self.assert_refused(
            "used already with other values", self.charge, 200, idempotency_key=key
        )

    def test_credit_replayed(self):
        self.company.portal_amount_choice = True
        self.give_credit(500)
        key = str(uuid.uuid4())
        first = self.pay_by_credit(100, idempotency_key=key)
        self.assertEqual(self.pay_by_credit(100, idempotency_key=key), first)
        self.assertEqual(self.held(), 400)

    def test_two_members_at_the_page_of_a_provider(self):
        tx = self.pay(1000, tab="one")
        self.assertEqual(tx.outcome, "draft")
        self.authenticate("ip_colleague", "ip_colleague")
        self.assert_refused("being processed", self.pay, 1000, tab="one")
        self.assert_refused("being processed", self.pay, 1000)
        self._wait_ten_minutes()
        self.pay(1000)

    def test_two_tabs_at_the_page_of_a_provider(self):
        self.pay(1000, tab="one")
        self.pay(1000, tab="one")  # Back, to choose another method.
        self.assert_refused("being processed", self.pay, 1000, tab="two")
        self.assert_refused("being processed", self.charge, 1000, tab="two")
        self.charge(1000, tab="one")
        self.assertEqual(self.invoice.amount_residual, 0)

    def _wait_ten_minutes(self):
        self.env.cr.execute(
            "UPDATE payment_transaction SET create_date = create_date - "
            "interval '11 minutes'"
        )
        self.env.invalidate_all()

    def test_form_without_an_invoice(self):
        """A form for another document says how much credit there is."""
        self.give_credit(50)
        partner, currency = self.member.partner_id, self.company.currency_id
        token = payment_utils.generate_access_token(
            partner.id, 20.0, currency.id, env=self.env
        )
        page = self.url_open(
            f"/payment/pay?amount=20.0&currency_id={currency.id}&reference=Order"
            f"&partner_id={partner.id}&company_id={self.company.id}"
            f"&access_token={token}"
        ).text
        self.assertIn('data-provider-code="credit_balance"', page)
        told = re.search(r"o_member_credit[^>]*>(.*?)available", page, re.DOTALL)
        self.assertIn("50.00", told[1])

    def test_a_provider_that_does_not_take_as_much(self):
        self.company.portal_amount_choice = True
        self.provider.maximum_amount = 400
        self.assert_refused("cannot be used for", self.charge, 500)
        self.charge(400)
        self.assertEqual(self.invoice.amount_residual, 600)
        self.provider.is_published = False
        self.assert_refused("cannot be used for", self.charge, 100)

    def test_form(self):
        """Each provider is offered if it takes an amount that can be paid."""
        self.company.portal_amount_choice = True
        self.company.portal_minimum_amount = 25
        self.give_credit(300)
        self.provider.maximum_amount = 400
        self._keep()
        page = self.url_open(self.invoice.get_portal_url()).text
        maximums = dict(
            re.findall(
                r'data-provider-code="(\w+)"[^>]*data-maximum-amount="([\d.]+)"', page
            )
        )
        self.assertEqual(maximums, {"none": "400.0", "credit_balance": "300.0"})
        self.assertIn("Use my credit of", page)
        self.assertIn('data-minimum="25.0"', page)
        address = f"/my/invoices/{self.invoice.id}"
        self.assertIn(
            f'data-access-token="{self.invoice.sudo().access_token}"',
            self.url_open(address).text,
        )
        self.authenticate(None, None)
        page = self.url_open(self.invoice.get_portal_url()).text
        self.assertIn("o_member_payment", page)
        self.assertNotIn("Use my credit", page)
        self.assertNotIn("credit_balance", page)

    def test_form_for_the_rest_after_credit(self):
        """Without a choice of the amount, the card may pay the rest."""
        self.give_credit(300)
        for maximum, is_offered in ((700, True), (699, False)):
            self.provider.maximum_amount = maximum
            self._keep()
            page = self.url_open(self.invoice.get_portal_url()).text
            self.assertEqual('data-provider-code="none"' in page, is_offered)
            self.assertNotIn('data-provider-code="credit_balance"', page)

    def test_invoice_of_another_customer(self):
        self.authenticate("ip_stranger", "ip_stranger")
        for access_token in ("", "made-up", None):
            self.assert_refused(
                "access token", self.charge, 1000, access_token=access_token
            )
        self.assert_refused(
            "do not have access to this payment method", self.charge, 1000
        )

    def test_employee_without_accounting_rights(self):
        self.make_user("ip_employee", "base.group_user")
        self.authenticate("ip_employee", "ip_employee")
        for access_token in ("", "made-up", None):
            self.assert_refused(
                "access token", self.charge, 1000, access_token=access_token
            )
