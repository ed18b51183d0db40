import requests

from odoo.fields import Command
from odoo.tests import tagged

from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestIssueAndCharge(InvoicePaymentsCommon):
    """A draft gets its number and is charged in full, in one click."""

    def setUp(self):
        super().setUp()
        self.draft = self.make_invoice(250.0, post=False)

    def test_issued_and_charged_in_full(self):
        attempt = self.draft.issue_and_charge()
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertEqual(attempt.amount, 250.0)
        self.assertEqual(attempt.token_id, self.token)
        self.assertEqual(self.draft.state, "posted")
        self.assertRegex(self.draft.name, r"INV/2026/\d+")
        self.assertTrue(attempt.reference.startswith(self.draft.name))
        self.assertEqual(self.draft.amount_residual, 0.0)

    def test_issued_before_the_gateway_is_asked(self):
        seen = []

        def answer(tx):
            seen.append((tx.invoice_ids.state, tx.invoice_ids.name, tx.request_state))
            return "done"

        self.gateway.answers = [answer]
        self.draft.issue_and_charge()
        self.assertEqual(seen, [("posted", self.draft.name, "sent")])

    def test_declined_charge_leaves_it_issued_and_unpaid(self):
        self.gateway.answers = ["error"]
        self.gateway.reason = "Card expired"
        attempt = self.draft.issue_and_charge()
        self.env.cr.rollback()
        self.env.invalidate_all()
        self.assertEqual(self.draft.state, "posted")
        self.assertEqual(self.draft.payment_state, "not_paid")
        self.assertEqual(self.draft.amount_residual, 250.0)
        row = self.rows(self.draft)[f"tx-{attempt.id}"]
        self.assertEqual((row["state"], row["reason"]), ("declined", "Card expired"))

    def test_unknown_charge_leaves_it_issued(self):
        self.gateway.answers = [self.transport_error(requests.ReadTimeout("slow"))]
        attempt = self.draft.issue_and_charge()
        self.assertEqual(attempt.outcome, "unknown")
        self.assertEqual(self.draft.state, "posted")

    def test_bad_method_consumes_no_number(self):
        stranger = self.env["res.partner"].create({"name": "Stranger"})
        token = self._create_token(partner_id=stranger.id)
        name = self.draft.name
        with self.assertRefused("belongs to another customer"):
            self.draft.issue_and_charge(token.id)
        self.assertEqual((self.draft.state, self.draft.name), ("draft", name))
        expected = self._next_number()
        self.draft.issue_and_charge()
        self.assertEqual(self.draft.name, expected)

    def _next_number(self):
        prefix, number = self.invoice.name.rsplit("/", 1)
        return f"{prefix}/{int(number) + 1:0{len(number)}}"

    def test_amount_above_the_provider_s_maximum_consumes_no_number(self):
        self.provider.maximum_amount = 100.0
        with self.assertRefused("[Mm]aximum"):
            self.draft.issue_and_charge(self.token.id)
        self.assertEqual(self.draft.state, "draft")

    def test_customer_without_a_method(self):
        self.token.active = False
        with self.assertRefused("Norbert Buyer has no saved payment method"):
            self.draft.issue_and_charge()
        self.assertEqual(self.draft.state, "draft")

    def test_draft_without_an_amount(self):
        draft = self.make_invoice(0.0, post=False)
        with self.assertRefused("has no amount to charge"):
            draft.issue_and_charge()

    def test_draft_without_lines(self):
        draft = self.make_invoice(post=False, invoice_line_ids=[])
        with self.assertRefused("has no amount to charge|at least|line"):
            draft.issue_and_charge()

    def test_draft_without_a_customer(self):
        draft = self.make_invoice(post=False, partner_id=False)
        self.assertFalse(draft.has_chargeable_method)
        with self.assertRefused("customer|Customer|belongs to another"):
            draft.issue_and_charge(self.token.id)

    def test_same_key_issues_and_charges_once(self):
        first = self.draft.issue_and_charge(idempotency_key="I")
        self.assertEqual(self.draft.issue_and_charge(idempotency_key="I"), first)
        self.assertEqual(len(self.gateway.requests), 1)
        with self.assertRefused("key I was used already with other values"):
            self.draft.issue_and_charge(self.token.id, idempotency_key="I")

    def test_second_click_without_a_key(self):
        self.draft.issue_and_charge()
        with self.assertRefused("is issued already"):
            self.draft.issue_and_charge()
        self.assertEqual(len(self.gateway.requests), 1)

    # === THE METHOD BY DEFAULT === #

    def test_newest_usable_method_by_default(self):
        newest = self._create_token(payment_details="9999")
        self.assertEqual(self.draft._get_default_token(), newest)
        newest.active = False
        self.draft.invalidate_recordset()
        self.assertEqual(self.draft._get_default_token(), self.token)
        unusable = self._create_token(provider_id=self._make_unusable_provider().id)
        self.assertNotEqual(self.draft._get_default_token(), unusable)

    def test_customer_s_default_method(self):
        self._create_token(payment_details="9999")
        self.partner.default_payment_token_id = self.token
        self.assertEqual(self.draft.issue_and_charge().token_id, self.token)

    def test_commercial_partner_s_methods(self):
        firm = self.env["res.partner"].create({"name": "Firm", "is_company": True})
        contact_token = self.token
        self.partner.parent_id = firm
        firm_token = self._create_token(partner_id=firm.id)
        newer_firm_token = self._create_token(partner_id=firm.id)
        draft = self.make_invoice(post=False)
        self.assertEqual(
            draft._get_saved_tokens(), contact_token | firm_token | newer_firm_token
        )
        firm.default_payment_token_id = firm_token
        self.assertEqual(draft._get_default_token(), firm_token)
        self.partner.default_payment_token_id = contact_token
        self.assertEqual(
            draft._get_default_token(), contact_token, "The customer's own goes first."
        )
        self.partner.default_payment_token_id = False
        attempt = draft.issue_and_charge()
        self.assertEqual(attempt.token_id, firm_token)
        self.assertEqual(draft.amount_residual, 0.0)

    def test_default_method_that_is_not_usable(self):
        unusable = self._create_token(provider_id=self._make_unusable_provider().id)
        self.partner.default_payment_token_id = unusable
        self.assertEqual(self.draft._get_default_token(), self.token)

    def test_default_method_is_kept_for_each_company(self):
        self.partner.default_payment_token_id = self.token
        other = self.env["res.company"].create({"name": "Other"})
        self.assertFalse(self.partner.with_company(other).default_payment_token_id)

    def test_methods_that_staff_can_make_the_default(self):
        firm = self.env["res.partner"].create({"name": "Firm", "is_company": True})
        self.partner.parent_id = firm
        firm_token = self._create_token(partner_id=firm.id)
        archived = self._create_token(active=False)
        partner = self.partner.with_user(self.accountant)
        self.assertEqual(
            partner.selectable_payment_token_ids.sudo(), self.token | firm_token
        )
        self.assertNotIn(archived, partner.selectable_payment_token_ids.sudo())

    def test_staff_sets_the_default(self):
        staff = self.make_user(
            "ip_staff",
            "base.group_user,account.group_account_invoice,base.group_partner_manager",
        )
        self.partner.with_user(staff).default_payment_token_id = self.token.id
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(self.partner.default_payment_token_id, self.token)

    # === THE BUTTON === #

    def test_button_is_enabled_only_with_a_method(self):
        self.assertTrue(self.draft.has_chargeable_method)
        self.assertFalse(self.invoice.has_chargeable_method, "It is issued.")
        refund = self.make_invoice(move_type="out_refund", post=False)
        self.assertFalse(refund.has_chargeable_method)
        self.token.active = False
        self._keep()
        self.env.invalidate_all()
        self.assertFalse(self.draft.has_chargeable_method)

    def test_button_in_another_currency(self):
        yen = self.env["res.currency"].with_context(active_test=False)
        yen = yen.search([("name", "=", "JPY")])
        yen.active = True
        draft = self.make_invoice(post=False, currency_id=yen.id)
        self.assertFalse(draft.has_chargeable_method)

    def _make_unusable_provider(self):
        return self.provider.copy(
            {
                "name": "Euro only",
                "state": "test",
                "available_currency_ids": [
                    Command.set(self.currency_euro.ids),
                ],
            }
        )

    def test_earlier_payments_are_taken_first(self):
        """The payment of an order, whose invoices are issued one after the other."""
        order = self.make_portal_transaction("done", amount=200.0, invoice_ids=False)
        first, second, third = (
            self.make_invoice(amount, post=False) for amount in (100, 150, 10)
        )
        for draft in (first, second, third):
            draft.sudo().transaction_ids = order
        self._keep()
        self.gateway.requests.clear()
        dialog = self.env["account.payment.create"].new(
            {"move_id": first.id, "issue": True, "method": str(self.token.id)}
        )
        self.assertEqual((dialog.amount, dialog.button_label), (0, "Issue"))
        self.assertIn("Nothing is charged: earlier payments", dialog.preview)
        self.assertFalse(first.issue_and_charge(self.token.id))
        self.assertEqual(first.payment_state, "paid")
        self.assertEqual(order.payment_id.state, "paid")
        dialog = self.env["account.payment.create"].new(
            {"move_id": second.id, "issue": True}
        )
        self.assertEqual(dialog.prepaid_amount, 100)
        self.assertEqual((dialog.amount, dialog.applied_credit), (50, 0))
        attempt = second.issue_and_charge(self.token.id)
        self.assertEqual(attempt.amount, 50)
        self.assertEqual(second.amount_residual, 0)
        self.assertEqual(third.issue_and_charge(self.token.id).amount, 10)
        self.assertEqual([amount for *_, amount in self.gateway.requests], [50, 10])

    def test_earlier_payments_that_are_not_taken(self):
        """Money that goes back or is not confirmed; and no more than is owed."""
        orders = self.env["payment.transaction"].sudo()
        for number, amount in enumerate((60.0, 70.0, 80.0, 90.0)):
            orders |= self.make_portal_transaction(
                "done", reference=f"SO-{number}", amount=amount, invoice_ids=False
            ).sudo()
        going, unconfirmed, first, second = orders
        self.gateway.answers = ["pending"]
        going.payment_id.with_user(self.supervisor).refund(10, reason="Less")
        unconfirmed.payment_id.action_draft()
        invoice = self.make_invoice(100, post=False)
        invoice.sudo().transaction_ids = going | unconfirmed
        self._keep()
        self.assertEqual(invoice._get_prepaid_amount(), 0)
        invoice.sudo().action_post()
        self.assertEqual(invoice.amount_residual, 100)
        unconfirmed.payment_id.action_post()
        paid = self.make_invoice(80, post=False)
        paid.sudo().transaction_ids = first | second
        self._keep()
        self.assertEqual(paid._get_prepaid_amount(), 80)
        paid.sudo().action_post()
        self.assertEqual(paid.amount_residual, 0)
        lines = (first | second).payment_id._get_receivable_lines()
        self.assertEqual(sum(lines.mapped("amount_residual")), -90)
