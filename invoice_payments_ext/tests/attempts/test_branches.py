from odoo.fields import Command
from odoo.tests import tagged

from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestBranches(InvoicePaymentsCommon):
    """The money of a branch's invoice is the branch's, whose provider serves it too."""

    def setUp(self):
        super().setUp()
        self.branch = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.company.id}
        )
        self.env.user.company_ids |= self.branch
        self.supervisor.write(
            {
                "company_ids": [Command.set(self.branch.ids)],
                "company_id": self.branch.id,
            }
        )
        self.partner.with_company(
            self.branch
        ).property_account_receivable_id = self.partner.property_account_receivable_id
        self.invoice = self.make_invoice(
            100, company_id=self.branch.id, payment_reference="BRANCH"
        ).with_user(self.supervisor)
        self._keep()

    def charge(self, amount):
        """Charge the branch's invoice as its own user, and read the result."""
        self.gateway.answers = ["done"]
        tx = self.invoice.charge(self.token.id, amount)
        self.assertEqual(tx.outcome, "succeeded")
        return tx.with_user(self.supervisor)

    def test_charged_refunded_printed_and_credited_in_the_branch(self):
        tx = self.charge(60)
        payment = tx.payment_id
        self.assertEqual(tx.company_id | payment.company_id, self.branch)
        self.assertEqual(payment.move_id.company_id, self.branch)
        self.assertEqual(payment.journal_id.company_id, self.company)
        self.assertTrue(payment.action_print_payment_receipt())
        self.assertTrue(payment.action_refund_wizard())

        refund = payment.refund(10, reason="Too much")
        self.assertEqual(refund.company_id, self.branch)
        self.assertEqual(refund.payment_transaction_id.company_id, self.branch)
        outside = payment.refund(10, to="outside", reason="Too much")
        self.assertEqual(outside.company_id, self.branch)
        self.assertEqual(self.invoice.amount_residual, 60)

        self.invoice.issue_credit_note(
            80, reason="Wrong", destinations=[{"to": "credit", "amount": 20}]
        )
        balance = self.env["account.credit.balance"].search(
            [("partner_id", "=", self.partner.id)]
        )
        self.assertEqual((balance.company_id, balance.amount), (self.branch, 20))
        section = self.invoice.get_payment_section()
        self.assertEqual(section["amount_remaining"], 0)

    def test_reported_by_the_gateway_on_a_branchs_payment(self):
        """A refund in the gateway's own dashboard is the branch's as well."""
        tx = self.charge(100).sudo()
        refund = tx._create_child_transaction(30, is_refund=True)
        self.gateway.notify(refund, "done")
        refund.sudo()._post_process()
        self.assertEqual(refund.company_id | refund.payment_id.company_id, self.branch)
        self.assertEqual(self.invoice.amount_residual, 30)

    def test_invoices_of_several_companies_are_the_providers(self):
        invoices = self.make_invoice(10) | self.invoice.with_user(self.accountant)
        tx = self.make_portal_transaction(invoice_ids=[Command.set(invoices.ids)])
        self.assertEqual(tx.company_id, self.company)
