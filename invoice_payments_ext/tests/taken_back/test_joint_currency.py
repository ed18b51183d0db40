from odoo import Command, fields
from odoo.tests import tagged

from ..invariants import check_tie_out
from .common_taken_back import TakenBackCommon


@tagged("post_install", "-at_install")
class TestJointInAnotherCurrency(TakenBackCommon):
    """One payment for several invoices in another currency than the company's."""

    def setUp(self):
        super().setUp()
        self.euro = self.make_currency("EUR", 2.0)
        # The rate is another one when they are paid, and a third one later.
        self.set_rate(self.euro, "2026-01-20", 3.3)

    def make_invoices(self, *totals):
        invoices = self.env["account.move"].union(
            *(self.make_invoice(total, currency_id=self.euro.id) for total in totals)
        )
        return invoices.with_user(self.supervisor)

    def charge_jointly(self, amounts):
        """Charge the method once for invoices, each with a share.

        :param dict amounts: By invoice, its share in euro.
        """
        invoices = self.env["account.move"].union(*amounts)
        tx = self.env["payment.transaction"].sudo()
        tx = tx.create(
            {
                "provider_id": self.token.sudo().provider_id.id,
                "payment_method_id": self.token.sudo().payment_method_id.id,
                "reference": f"jointly {invoices.ids}",
                "amount": sum(amounts.values()),
                "currency_id": self.euro.id,
                "partner_id": self.partner.id,
                "invoice_ids": [Command.set(invoices.ids)],
                "share_ids": tx._prepare_shares(amounts),
            }
        )
        tx._set_done()
        tx._post_process()
        self._keep()
        return tx.payment_id.with_user(self.supervisor)

    def owed_of(self, invoices):
        self.env.flush_all()
        check_tie_out(self)
        return [self.owed(invoice)[0] for invoice in invoices]

    def open_of(self, payment):
        """Return what is open of a payment at the customer, in both currencies."""
        lines = payment.sudo()._get_receivable_lines()
        return (
            sum(lines.mapped("amount_residual_currency")),
            self.company.currency_id.round(sum(lines.mapped("amount_residual"))),
        )

    def refund_outside(self, payment, amount, **values):
        payment.refund(amount, reason="A mistake", to="outside", **values)
        self._keep()

    def test_parts_taken_back_and_won(self):
        invoices = self.make_invoices(100.01, 50.05, 25.03)
        amounts = dict(zip(invoices, (100.01, 40.04, 25.03), strict=True))
        payment = self.charge_jointly(amounts)
        self.assertEqual(self.owed_of(invoices), [0, 10.01, 0])
        reversal = self.report("returned_debit", payment=payment, amount=60.02)
        reopened = [0, 45, 25.03]
        self.assertEqual(self.owed_of(invoices), reopened)
        self.assertEqual(self.open_of(payment), (0, 0))
        for _again in range(2):
            reversal.win()
            self.assertEqual(self.owed_of(invoices), [0, 10.01, 0])
            self.assertEqual(self.open_of(payment), (0, 0))
            reversal.lose()
            self.assertEqual(self.owed_of(invoices), reopened)
            self.assertEqual(self.open_of(payment), (0, 0))
        self.report("returned_debit", payment=payment)
        self.assertEqual(self.owed_of(invoices), [100.01, 50.05, 25.03])
        self.assertEqual(self.open_of(payment), (0, 0))

    def test_each_keeps_its_rest_after_a_refund(self):
        """A refund of the second one for its credit note, then a part is taken back."""
        invoices = self.make_invoices(100.01, 50.05, 25.03)
        payment = self.charge_jointly(
            dict(zip(invoices, (100.01, 50.05, 25.03), strict=True))
        )
        self.refund_outside(payment, 20.02, reduce_bill=True, invoice_id=invoices[1].id)
        self.assertEqual(self.owed_of(invoices), [0, 0, 0])
        reversal = self.report("returned_debit", payment=payment, amount=100.04)
        # 25.03 of the third, 30.03 of the second, and 44.98 of the first one.
        reopened = [44.98, 30.03, 25.03]
        self.assertEqual(self.owed_of(invoices), reopened)
        self.assertEqual(self.open_of(payment), (0, 0))
        reversal.win()
        self.assertEqual(self.owed_of(invoices), [0, 0, 0])
        self.assertEqual(self.open_of(payment), (0, 0))
        self.refund_outside(payment, 100.04)
        self.assertEqual(self.owed_of(invoices), reopened)
        self.assertEqual(self.open_of(payment), (0, 0))

    def test_parked_and_lost_at_another_rate(self):
        """The account of disputed payments ends at zero in both currencies."""
        invoices = self.make_invoices(100.01, 50.05)
        payment = self.charge_jointly(dict(zip(invoices, (100.01, 50.05), strict=True)))
        reversal = self.report("dispute", payment=payment, amount=60.06)
        self.assertEqual(self.owed_of(invoices), [0, 0])
        self.set_rate(self.euro, fields.Date.today(), 4.7)
        reversal.lose()
        self.assertEqual(self.owed_of(invoices), [10.01, 50.05])
        self.assertEqual(self.open_of(payment), (0, 0))
        self.assertEqual(self.ledger_sums()["X"], 0)
        reversal.win()
        self.assertEqual(self.owed_of(invoices), [0, 0])

    def match_in_company_currency(self, *parts):
        """Return invoices in euro that a payment in the company's currency paid.

        :param tuple parts: The totals, in euro.
        """
        invoices = self.make_invoices(*parts)
        money = sum(invoices.mapped("amount_total_signed"))
        payment = self.make_invoice(money).with_user(self.supervisor)
        self.gateway.answers = ["done"]
        payment = payment.charge(self.token.id).sudo().payment_id
        payment._get_receivable_lines().remove_move_reconcile()
        for invoice in invoices.sudo():
            invoice.js_assign_outstanding_line(payment._get_receivable_lines().id)
        self._keep()
        return payment.with_user(self.supervisor), invoices

    def test_a_payment_in_the_currency_of_the_company(self):
        """Each invoice in euro keeps the rest of its part, to the cent."""
        self.euro.rate_ids.rate = 2.0
        payment, invoices = self.match_in_company_currency(100.02, 50.06, 25.04)
        self.assertEqual(self.owed_of(invoices), [0, 0, 0])
        self.assertEqual(payment.amount, 87.56)
        self.refund_outside(payment, 10.01, reduce_bill=True, invoice_id=invoices[1].id)
        self.assertEqual(self.owed_of(invoices), [0, 0, 0])
        # 12.52 of the third, 15.02 of the second, and 10 of the first one.
        reversal = self.report("returned_debit", payment=payment, amount=37.54)
        self.assertEqual(self.owed_of(invoices), [20, 30.04, 25.04])
        self.assertEqual(self.open_of(payment), (0, 0))
        reversal.win()
        self.assertEqual(self.owed_of(invoices), [0, 0, 0])
        self.assertEqual(self.open_of(payment), (0, 0))

    def test_a_refund_that_comes_back(self):
        """Each invoice is paid as before, also one that was paid in part."""
        invoices = self.make_invoices(100.01, 50.05, 25.03)
        shares = dict(zip(invoices, (100.01, 40.04, 25.03), strict=True))
        payment = self.charge_jointly(shares)
        refund = self.refund(payment, 60.02).sudo()
        self._keep()
        self.assertEqual(self.owed_of(invoices), [0, 45, 25.03])
        tx = refund.payment_transaction_id
        for _twice in range(2):
            tx._set_error("Account closed", extra_allowed_states=("done",))
            tx._post_process()
            self._keep()
        self.assertEqual(self.owed_of(invoices), [0, 10.01, 0])
        self.assertEqual(self.open_of(payment), (0, 0))

    def test_beside_what_is_open_for_another_reason(self):
        """An invoice gets back what this payment gave it, and not what is open too."""
        self.euro.rate_ids.rate = 2.0
        first, second = self.make_invoices(100, 60)
        other = self.make_invoice(5).with_user(self.supervisor)
        self.gateway.answers = ["done"]
        other = other.charge(self.token.id).sudo().payment_id._get_receivable_lines()
        other.remove_move_reconcile()
        first.sudo().js_assign_outstanding_line(other.id)
        money = self.make_invoice(75).with_user(self.supervisor)
        self.gateway.answers = ["done"]
        payment = money.charge(self.token.id).sudo().payment_id
        payment._get_receivable_lines().remove_move_reconcile()
        for invoice in (first, second):
            invoice.sudo().js_assign_outstanding_line(
                payment._get_receivable_lines().id
            )
        other.remove_move_reconcile()
        self._keep()
        self.assertEqual(self.owed_of(first | second), [10, 0])
        reversal = self.report("returned_debit", payment=payment, amount=35)
        self.assertEqual(self.owed_of(first | second), [20, 60])
        reversal.with_user(self.supervisor).win()
        self.assertEqual(self.owed_of(first | second), [10, 0])
        self.assertEqual(self.open_of(payment), (0, 0))
