from odoo import fields
from odoo.tests import Form, tagged

from .common_refund import RefundCommon


@tagged("post_install", "-at_install")
class TestRefundDialog(RefundCommon):
    """The dialog proposes fitting values, shows a preview and calls the door."""

    def open(self, payment):
        action = self.action(self.row(payment), "refund")
        action = getattr(payment, action["method"])()
        model = self.env[action["res_model"]].with_user(self.supervisor)
        return Form(model.with_context(**action["context"]))

    def test_card_payment(self):
        payment = self.charge()
        dialog = self.open(payment)
        self.assertEqual(dialog.amount, 1000)
        self.assertEqual(dialog.to, "original")
        self.assertFalse(dialog.original_blocked_reason)
        self.assertFalse(dialog.has_several_invoices)
        dialog.amount = 300
        for text in (
            "300.00 goes back to",
            f"{self.invoice.name} reopens by",
            "300.00 remain to be paid",
            f"Entry of {fields.Date.today():%m/%d/%Y}",
        ):
            self.assertIn(text, dialog.preview)
        dialog.bill = "reduced"
        self.assertIn("a credit note of", dialog.preview)
        self.assertIn("is issued, nothing remains to be paid.", dialog.preview)
        dialog.bill = "owed"
        dialog.reason = "A mistake"
        record = dialog.save()
        action = record.action_refund()
        self.assertEqual(action["params"]["title"], "Refund succeeded")
        record.action_refund()  # A second click is the same request.
        self.assertEqual(self.invoice.amount_residual, 300)

    def test_reduced_bill_of_which_a_part_is_open(self):
        payment = self.charge(600)
        dialog = self.open(payment)
        dialog.amount = 200
        dialog.bill = "reduced"
        self.assertIn(
            f"{self.invoice.name}: a credit note of $ 200.00 is issued, $ 400.00 "
            "remain to be paid.",
            dialog.preview.replace("\xa0", " "),
        )
        dialog.reason = "Less was delivered"
        dialog.save().action_refund()
        self.assertEqual(self.invoice.reversal_move_ids.amount_total, 200)
        self.assertEqual(self.invoice.amount_residual, 400)

    def test_external_payment(self):
        payment = self.record()
        dialog = self.open(payment)
        self.assertEqual(dialog.to, "outside")
        self.assertIn("refund it outside", dialog.original_blocked_reason)
        dialog.reason = "Recorded twice"
        dialog.reference = "CHQ 1"
        self.assertIn("No gateway is asked", dialog.preview)
        action = dialog.save().action_refund()
        self.assertEqual(action["params"]["title"], "Refund recorded")
        self.assertEqual(payment.refund_payment_ids.payment_reference, "CHQ 1")

    def test_amounts_that_cannot_be(self):
        payment = self.record()
        dialog = self.open(payment)
        dialog.amount = 1001
        self.assertIn("Only", dialog.preview)
        dialog.amount = 0
        self.assertIn("above zero", dialog.preview)
        dialog.amount = 1001
        dialog.reason = "Too much"
        record = dialog.save()
        with self.assertRefused("above the refundable amount"):
            record.action_refund()

    def test_two_side_by_side(self):
        payment = self.charge()
        records = []
        for _number in range(2):
            dialog = self.open(payment)
            dialog.amount = 600
            dialog.reason = "A mistake"
            records.append(dialog.save())
        self.gateway.answers = ["done"]
        records[0].action_refund()
        with self.assertRefused("above the refundable amount of .*400.00"):
            records[1].action_refund()

    def test_several_invoices(self):
        second = self.make_invoice(500.0).with_user(self.supervisor)
        payment = self.register_payment(
            (self.invoice | second).sudo(), group_payment=True
        ).with_user(self.supervisor)
        dialog = self.open(payment)
        self.assertTrue(dialog.has_several_invoices)
        dialog.amount = 200
        dialog.invoice_id = self.invoice.with_env(dialog.invoice_id.env)
        self.assertIn(f"{self.invoice.name} reopens", dialog.preview)
        self.assertNotIn(second.name, dialog.preview)
        dialog.reason = "Not this one"
        dialog.save().action_refund()
        self.assertEqual(self.invoice.amount_residual, 200)
        self.assertEqual(second.amount_residual, 0)

    def test_declined(self):
        payment = self.charge()
        dialog = self.open(payment)
        dialog.reason = "A mistake"
        self.gateway.answers = ["error"]
        action = dialog.save().action_refund()
        self.assertEqual(action["params"]["title"], "Refund declined")
        self.assertEqual(action["params"]["type"], "danger")

    def test_above_the_limit(self):
        self.company.with_env(self.env).payment_approval_limit = 100
        approver = self.make_user(
            "ip_approver",
            "account.group_account_invoice,invoice_payments_ext.group_payment_refund",
        )
        payment = self.charge()
        dialog = self.open(payment)
        self.assertIn("second person", dialog.preview)
        dialog.reason = "A mistake"
        before = list(self.gateway.requests)
        action = dialog.save().action_refund()
        self.assertEqual(action["params"]["title"], "Waits for a second person")
        self.assertEqual(self.gateway.requests, before)
        request = self.env["account.payment.approval"].search(
            [("payment_id", "=", payment.id)]
        )
        with self.assertRefused("another person"):
            request.with_user(self.supervisor).approve()
        refund = request.with_user(approver).approve()
        self.assertEqual(refund.source_payment_id, payment)
        self.assertEqual(self.invoice.amount_residual, 1000)
        with self.assertRefused("does not wait any more"):
            request.with_user(approver).approve()

    def test_odoos_own_form_above_the_limit(self):
        self.company.with_env(self.env).payment_approval_limit = 100
        payment = self.charge()
        with self.assertRefused("needs a second person"):
            payment.payment_transaction_id.action_refund(200)

    def test_resolving_an_unknown_refund(self):
        payment = self.charge()
        attempt = self.refund(payment, 300, answer=RuntimeError("lost"))
        action = attempt.action_resolve()
        dialog = Form(
            self.env[action["res_model"]]
            .with_user(self.supervisor)
            .with_context(**action["context"])
        )
        self.assertEqual(dialog.amount, 300)
        dialog.reason = "Seen in the dashboard"
        notification = dialog.save().action_confirm_charged()
        self.assertEqual(notification["params"]["title"], "Refund succeeded")
        self.assertEqual(self.invoice.amount_residual, 300)

    def charge_and_credit_in_vain(self):
        """Return a payment, and a credit note whose paying-out was declined."""
        payment = self.charge()
        self.gateway.answers = ["error"]
        credit_note = self.invoice.issue_credit_note(
            amount=300,
            reason="Never delivered",
            destinations=[{"to": "original", "amount": 300}],
        )
        return payment, credit_note

    def test_credit_note_that_was_not_paid_out(self):
        payment, credit_note = self.charge_and_credit_in_vain()
        self.assertEqual(credit_note.amount_residual, 300)
        self.assertIn(
            "Credit note issued, but not paid out",
            self.invoice.activity_ids.mapped("summary"),
        )
        dialog = self.open(payment)
        self.assertEqual(dialog.credit_note_id, credit_note)
        self.assertEqual(dialog.amount, 300)
        self.assertIn(f"The credit note {credit_note.name} is paid out", dialog.preview)
        dialog.reason = "Never delivered"
        self.gateway.answers = ["done"]
        dialog.save().action_refund()
        self.assertEqual(credit_note.amount_residual, 0)
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertEqual(self.invoice.refund_status, "partially_refunded")

    def test_request_names_the_credit_note_that_it_pays_out(self):
        self.make_user(
            "ip_approver",
            "account.group_account_invoice,invoice_payments_ext.group_payment_refund",
        )
        payment, credit_note = self.charge_and_credit_in_vain()
        self.company.with_env(self.env).payment_approval_limit = 100
        request = payment.refund(
            300, reason="Never delivered", credit_note_id=credit_note.id
        )
        self.assertEqual(
            request.details.splitlines(),
            [
                "Back to the original method, through its gateway.",
                f"It pays out the credit note {credit_note.display_name}.",
            ],
        )
        self.assertEqual(credit_note.amount_residual, 300)

    def test_credit_notes_that_cannot_be_paid_out(self):
        payment = self.charge()
        self.gateway.answers = ["pending"]
        credit_note = self.invoice.issue_credit_note(
            amount=300,
            reason="Never delivered",
            destinations=[{"to": "original", "amount": 300}],
        )
        values = {"amount": 100, "reason": "Again", "credit_note_id": credit_note.id}
        with self.assertRefused("is not an open credit note"):
            payment.refund(**values)
        refund = payment.sudo().payment_transaction_id.child_transaction_ids
        self.gateway.notify(refund, "error")
        for more, message in (
            ({"amount": 300.01}, "above the open amount of"),
            ({"reduce_bill": True}, "neither reopens an invoice nor reduces"),
            ({"invoice_id": self.invoice.id}, "neither reopens an invoice"),
            ({"credit_note_id": self.invoice.id}, "is not an open credit note"),
        ):
            with self.subTest(more), self.assertRefused(message):
                payment.refund(**{**values, **more})
