from odoo.tests import tagged

from .common_approval import ApprovalCommon

REQUEST = "account.payment.approval"


@tagged("post_install", "-at_install")
class TestSameMoney(ApprovalCommon):
    """Money given back and bills reduced count together, and the same money once."""

    # === HELPERS === #

    def _pay(self, amount=500.0, invoice=None):
        """Return a payment that was charged."""
        self.gateway.answers = ["done"]
        invoice = (invoice or self.invoice).with_user(self.accountant)
        attempt = invoice.charge(self.token.id, amount=amount)
        return attempt.sudo().payment_id.with_user(self.supervisor)

    def _make_other(self):
        """Return another invoice of the customer."""
        return self.make_invoice(apply_credit=False).with_user(self.supervisor)

    def _refund(self, payment, amount=90.0, to="original", **values):
        self.gateway.answers = ["done"]
        return payment.refund(amount, to, reason="Wrong", **values)

    def _adjust(self, amount=90.0, partner=None):
        partner = (partner or self.partner).with_user(self.supervisor)
        return partner.adjust_credit_balance(amount, reason="Goodwill")

    def _pay_out(self, amount=90.0):
        balance = self.partner.credit_balance_ids.with_user(self.supervisor)
        return balance.pay_out(amount, reason="Asked")

    def assertAlone(self, result):
        """Assert that nobody else was needed."""
        self.assertNotEqual(result._name, REQUEST)

    def assertAsked(self, result):
        """Assert that it waits for a second person, and withdraw it."""
        self.assertEqual(result._name, REQUEST)
        result.withdraw()

    # === UNRELATED === #

    def test_refund_then_reductions_of_another_invoice(self):
        """Whatever reduces what the customer owes: it is not the refunded money."""
        for to in ("original", "outside", "credit"):
            with self.subTest(to):
                values = {"partner_id": self.partner.create({"name": to}).id}
                invoice = self.make_invoice(**values)
                paid = invoice.with_user(self.accountant)
                payment = paid.record_external_payment(500.0)
                if to == "original":
                    payment, values = self._pay(), {}
                payment = payment.with_user(self.supervisor)
                self.assertAlone(self._refund(payment, to=to))
                other = self.make_invoice(**values).with_user(self.supervisor)
                self.assertAsked(other.write_off(90.0, "Insolvent"))
                self.assertAsked(other.issue_credit_note(90.0, reason="Less"))
                self.assertAsked(self._adjust(partner=other.partner_id))
                self.assertAlone(other.write_off(10.0, "Insolvent"))

    def test_reductions_then_refund_of_another_invoice(self):
        payment = self._pay()
        entry = self._make_other().write_off(90.0, "Insolvent")
        for to in ("original", "outside", "credit"):
            self.assertAsked(self._refund(payment, to=to))
        entry.undo_write_off()
        self._make_other().issue_credit_note(90.0, reason="Less")
        for to in ("original", "outside", "credit"):
            self.assertAsked(self._refund(payment, to=to))
        self.assertAlone(self._refund(payment, 10.0))

    def test_added_credit_then_refund(self):
        payment = self._pay()
        self._adjust()
        for to in ("original", "outside", "credit"):
            self.assertAsked(self._refund(payment, to=to))

    def test_pay_out_then_reductions(self):
        """Credit that others gave is the customer's own: paid out it is money."""
        partner = self.partner.with_user(self.approver)
        self.assertAlone(partner.adjust_credit_balance(90.0, reason="Goodwill"))
        self.assertAlone(self._pay_out())
        self.assertAsked(self._make_other().write_off(90.0, "Insolvent"))
        # What is added later is not what was paid out.
        self.assertAsked(self._adjust())
        self.assertAlone(self._adjust(10.0))
        self.assertAsked(self._adjust(1.0))

    # === THE SAME MONEY === #

    def test_refund_that_reduces_the_bill(self):
        payment = self._pay()
        for to in ("original", "outside", "credit"):
            self.assertAlone(self._refund(payment, 30.0, to, reduce_bill=True))
        self.assertEqual(len(self.invoice.sudo().reversal_move_ids), 3)
        self.assertAsked(self._make_other().write_off(10.01, "Insolvent"))
        self.assertAsked(self._refund(payment, 10.01))
        self.assertAlone(self._make_other().write_off(10.0, "Insolvent"))

    def test_credit_note_with_destinations(self):
        payment = self._pay(1000.0)
        for to in ("original", "outside", "credit"):
            self.gateway.answers = ["done"]
            credit_note = self.invoice.issue_credit_note(
                30.0, reason="Less", destinations=[{"to": to, "amount": 30.0}]
            )
            self.assertAlone(credit_note)
        self.assertAsked(self._make_other().write_off(10.01, "Insolvent"))
        # What is kept as credit goes out once.
        self.assertAlone(self._pay_out(30.0))
        self.assertAsked(self._refund(payment, 10.01, "outside"))
        self.assertAlone(self._refund(payment, 10.0, "outside"))

    def test_credit_note_whose_refund_is_in_flight(self):
        self._pay(1000.0)
        self.gateway.answers = ["pending"]
        self.invoice.issue_credit_note(
            90.0, reason="Less", destinations=[{"to": "original", "amount": 90.0}]
        )
        self.assertAsked(self._make_other().write_off(10.01, "Insolvent"))
        self.assertAlone(self._make_other().write_off(10.0, "Insolvent"))

    def test_credit_note_that_is_paid_out_later(self):
        payment = self._pay(1000.0)
        self.gateway.answers = ["error"]
        credit_note = self.invoice.issue_credit_note(
            90.0, reason="Less", destinations=[{"to": "original", "amount": 90.0}]
        )
        self.assertEqual(credit_note.amount_residual, 90.0)
        for to in ("original", "outside"):
            refund = self._refund(payment, 45.0, to, credit_note_id=credit_note.id)
            self.assertAlone(refund)
        self.assertEqual(credit_note.amount_residual, 0.0)
        self.assertAsked(self._make_other().write_off(10.01, "Insolvent"))
        self.assertAlone(self._make_other().write_off(10.0, "Insolvent"))

    def test_credit_note_and_its_refund_in_odoos_own_dialogs(self):
        self._pay(1000.0)
        credit_note = self.make_credit_note(self.invoice, 90.0)
        self.env.cr.execute(
            "UPDATE account_move SET create_uid = %s WHERE id = %s",
            [self.supervisor.id, credit_note.id],
        )
        self.env.invalidate_all()
        dialogs = self.env["account.payment.register"].with_user(self.supervisor)
        dialog = dialogs.with_context(
            active_model="account.move", active_ids=credit_note.ids
        ).create({})
        self.assertEqual(dialog._create_payments().amount, 90.0)
        self.assertAsked(self._make_other().write_off(10.01, "Insolvent"))
        self.assertAlone(self._make_other().write_off(10.0, "Insolvent"))

    def test_credit_note_larger_than_its_refund(self):
        """Only the amount that was paid out is the same."""
        self._pay(980.0)
        credit_note = self.invoice.issue_credit_note(
            80.0, reason="Less", destinations=[{"to": "outside", "amount": 60.0}]
        )
        self.assertAlone(credit_note)
        self.assertAsked(self._make_other().write_off(20.01, "Insolvent"))
        self.assertAlone(self._make_other().write_off(20.0, "Insolvent"))

    def test_added_credit_that_is_paid_out(self):
        self.assertAlone(self._adjust())
        self.assertAlone(self._pay_out())
        self.assertAsked(self._make_other().write_off(10.01, "Insolvent"))
        self.assertAlone(self._make_other().write_off(10.0, "Insolvent"))

    def test_pay_out_that_is_posted_again(self):
        self._adjust()
        taken = self._pay_out().sudo().source_payment_id
        taken.refund_payment_ids.action_draft()
        taken.with_user(self.supervisor).action_draft()
        taken.with_user(self.supervisor).action_post()
        taken.refund_payment_ids.action_post()
        self.assertAsked(self._make_other().write_off(10.01, "Insolvent"))
        self.assertAlone(self._make_other().write_off(10.0, "Insolvent"))

    def test_refund_that_is_kept_and_then_paid_out(self):
        self.assertAlone(self._refund(self._pay(), to="credit"))
        self.assertAlone(self._pay_out())
        self.assertAsked(self._make_other().write_off(10.01, "Insolvent"))
        self.assertAlone(self._make_other().write_off(10.0, "Insolvent"))

    def test_kept_and_added_credit_that_is_paid_out(self):
        """Each is credit of its own, and goes out once."""
        self.assertAlone(self._refund(self._pay(), 50.0, "credit"))
        self.assertAlone(self._adjust(50.0))
        self.assertAlone(self._pay_out(100.0))
        self.assertAsked(self._make_other().write_off(0.01, "Insolvent"))

    def test_credit_that_paid_a_bill_goes_out_again(self):
        """A credit note gives it back to the balance: it is paid out once."""
        partner = self.partner.with_user(self.approver)
        partner.adjust_credit_balance(90.0, reason="Goodwill")
        invoice = self._make_other()
        invoice.apply_credit_balance()
        invoice.with_user(self.accountant).record_external_payment(910.0)
        credit_note = invoice.issue_credit_note(90.0, reason="Less")
        self.assertAlone(credit_note)
        self.assertAlone(self._pay_out())
        self.assertAsked(self._make_other().write_off(10.01, "Insolvent"))

    def test_pay_out_that_did_not_go_out(self):
        """Declined it is back on the balance: nothing of what was added went out."""
        card_payment = self._pay()
        self._adjust()
        balance = self.partner.credit_balance_ids.with_user(self.supervisor)
        self.gateway.answers = ["error"]
        balance.pay_out(90.0, reason="Asked", payment_id=card_payment.id)
        self.assertEqual(balance.amount, 90.0)
        self.assertAsked(self._refund(card_payment, 10.01))
        self.assertAlone(self._refund(card_payment, 10.0))

    def test_refunded_bill_that_is_written_off(self):
        """The debt that a refund opened again is given up once with the money."""
        payment = self._pay(1000.0)
        self.assertAlone(self._refund(payment))
        self.assertAlone(self.invoice.write_off(40.0, "Insolvent"))
        self.assertAlone(self.invoice.issue_credit_note(50.0, reason="Less"))
        self.assertAsked(self._make_other().write_off(10.01, "Insolvent"))
        self.assertAlone(self._make_other().write_off(10.0, "Insolvent"))

    def test_approved_amounts_do_not_count_for_the_approver(self):
        payment = self._pay()
        request = self._refund(payment, 150.0, "outside", reduce_bill=True)
        self.assertEqual(request._name, REQUEST)
        request.with_user(self.approver).approve()
        mine = payment.with_user(self.approver)
        self.assertAlone(self._refund(mine, 100.0, "outside"))
        request = self._refund(payment, 150.0, "outside")
        request.with_user(self.approver).approve()
