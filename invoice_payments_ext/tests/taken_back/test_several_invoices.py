from odoo.tests import tagged

from .common_taken_back import TakenBackCommon


@tagged("post_install", "-at_install")
class TestSeveralInvoices(TakenBackCommon):
    """Money taken back of one payment for several invoices, exact to the cent."""

    def pay(self, *parts):
        """Record one cheque for new invoices.

        :param tuple parts: For each, the total of the invoice and what the cheque pays.
        :return: The payment, and the invoices.
        """
        invoices = self.env["account.move"].union(
            *(self.make_invoice(total) for total, _part in parts)
        )
        invoices = invoices.with_user(self.supervisor)
        payment = invoices.record_joint_payment(
            external_kind="cheque",
            parts=[
                {"invoice_id": invoice.id, "amount": part}
                for invoice, (_total, part) in zip(invoices, parts, strict=True)
            ],
        )
        self._keep()
        return payment, invoices

    def owed_of(self, invoices):
        return [self.owed(invoice)[0] for invoice in invoices]

    def refund_outside(self, payment, amount, **values):
        refund = payment.refund(amount, reason="A mistake", to="outside", **values)
        self._keep()
        return refund

    def test_a_cheque_reopens_from_its_last_part(self):
        """As a refund does, also where a part before it paid an invoice in part."""
        parts = ((100.1, 100.1), (80, 30.05), (20, 20))
        payment, invoices = self.pay(*parts)
        self.assertEqual(self.owed_of(invoices), [0, 49.95, 0])
        reversal = self.report("returned_debit", payment=payment, amount=40.02)
        reopened = [0, 69.97, 20]
        self.assertEqual(self.owed_of(invoices), reopened)
        for _again in range(2):
            reversal.win()
            self.assertEqual(self.owed_of(invoices), [0, 49.95, 0])
            reversal.lose()
            self.assertEqual(self.owed_of(invoices), reopened)
        refunded, invoices = self.pay(*parts)
        self.refund_outside(refunded, 40.02)
        self.assertEqual(self.owed_of(invoices), reopened)

    def test_what_a_refund_gave_back_is_not_reopened(self):
        """The credit note of the last invoice was paid out: the others reopen."""
        payment, invoices = self.pay((100, 100), (50.05, 50.05))
        self.refund_outside(payment, 50.05, reduce_bill=True, invoice_id=invoices[1].id)
        self.assertEqual(self.owed_of(invoices), [0, 0])
        reversal = self.report("returned_debit", payment=payment, amount=60)
        self.assertEqual(self.owed_of(invoices), [60, 0])
        reversal.win()
        self.assertEqual(self.owed_of(invoices), [0, 0])
        reversal.lose()
        self.report("returned_debit", payment=payment)
        self.assertEqual(self.owed_of(invoices), [100, 0])
        self.assertEqual(self.receivable(payment), 0)

    def test_a_part_of_two_invoices_stays_paid(self):
        """Each keeps what a refund of it gave back, and the rest of its part."""
        payment, invoices = self.pay((100, 100), (50, 50), (25.01, 25.01))
        self.refund_outside(payment, 20, reduce_bill=True, invoice_id=invoices[1].id)
        reversal = self.report("returned_debit", payment=payment, amount=100.01)
        self.assertEqual(self.owed_of(invoices), [45, 30, 25.01])
        reversal.win()
        self.assertEqual(self.owed_of(invoices), [0, 0, 0])
        self.assertEqual(self.receivable(payment), 0)
        # A refund goes the same way.
        self.refund_outside(payment, 100.01)
        self.assertEqual(self.owed_of(invoices), [45, 30, 25.01])
        self.assertEqual(self.receivable(payment), 0)

    def test_all_is_taken_although_a_part_was_given_back(self):
        """The customer owes what came to him twice; nobody's invoice shows it."""
        self.charge_for_two()
        self.refund(self.payment, 50, reduce_bill=True, invoice_id=self.second.id)
        reversal = self.tell("lost", amount=1050, kind="returned_debit")
        self.assertEqual(self.owed_of(self.first | self.second), [1000, 0])
        self.assertEqual(self.receivable(reversal.sudo().taking_payment_id), 50)
        self.tell("won", amount=1050)
        self.assertEqual(self.owed_of(self.first | self.second), [0, 0])
        self.assertEqual(self.ledger_sums()["R"], self.open_before)

    def charge_for_two(self):
        """Charge the method once for two invoices, each with a share."""
        self.first = self.make_invoice(1000).with_user(self.supervisor)
        self.second = self.make_invoice(50).with_user(self.supervisor)
        invoices = self.first | self.second
        self.gateway.answers = ["done"]
        amounts = dict(zip(invoices, (1000, 50), strict=True))
        tx = self.env["payment.transaction"].sudo()
        tx = tx.create(
            {
                "provider_id": self.token.sudo().provider_id.id,
                "payment_method_id": self.token.sudo().payment_method_id.id,
                "reference": "two invoices",
                "amount": 1050,
                "currency_id": self.company.currency_id.id,
                "partner_id": self.partner.id,
                "invoice_ids": [(6, 0, invoices.ids)],
                "share_ids": tx._prepare_shares(amounts),
            }
        )
        tx._set_done()
        tx._post_process()
        self._keep()
        self.assertEqual(self.owed_of(invoices), [0, 0])
        self.payment = tx.payment_id.with_user(self.supervisor)
        self.open_before = self.ledger_sums()["R"]
