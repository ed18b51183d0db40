import psycopg2.errors

from odoo.tests import tagged

from .common_taken_back import TakenBackCommon

LOGGER = "odoo.addons.invoice_payments_ext.models.taken_back"


@tagged("post_install", "-at_install")
class TestLateFailures(TakenBackCommon):
    def test_a_charge_that_fails_after_success(self):
        tx = self.payment.sudo().payment_transaction_id
        for state in ("error", "cancel", "error"):
            self.gateway.notify(tx, state)
            tx._post_process()
        self._keep()
        reversal = self.payment.sudo().payment_reversal_ids
        self.assertEqual((reversal.kind, reversal.state), ("late_failure", "lost"))
        self.assertEqual(self.booked(reversal), [{"R": 1000, "O": -1000}])
        self.assertEqual(tx.state, "done")
        self.assertEqual(self.owed(), (1000, "not_paid"))
        self.assertEqual(len(self.invoice.sudo().activity_ids), 1)
        mails = self.env["mail.mail"].search([("subject", "like", "was returned")])
        self.assertEqual(len(mails), 1)

    def test_everything_says_that_it_succeeded_and_was_taken_back(self):
        """No list says of one payment that it was declined and that it succeeded."""
        tx = self.payment.sudo().payment_transaction_id
        self.gateway.notify(tx, "error")
        self._keep()
        self.assertEqual((tx.outcome, tx.decline_class), ("succeeded", False))
        [row] = self.invoice.get_payment_rows()
        self.assertEqual((row["state_label"], row["reason"]), ("Succeeded", ""))
        [part] = row["refunds"]
        self.assertTrue(part["time"])
        self.assertEqual((part["kind_label"], part["amount"]), ("Taken back", 1000))
        [row] = self.invoice._get_portal_payment_rows()
        self.assertEqual(row["state"], "succeeded")
        [part] = row["refunds"]
        self.assertEqual((part["title"], part["state"]), ("Failed later", "returned"))
        movements = self.env["account.payment.movement"].sudo()
        movements = movements.search([("payment_id", "=", self.payment.id)])
        self.assertEqual(
            sorted(movements.mapped(lambda row: (row.kind, row.outcome))),
            [("attempt", "succeeded"), ("taken_back", "lost")],
        )

    def answer_with(self, said):
        """Let the provider tell a state when it is asked, or an error come up."""

        def fetch(_provider, tx):
            if isinstance(said, Exception):
                raise said
            return self.gateway.payment_data(tx, said)

        self.patch(self.env.registry["payment.provider"], "_fetch_outcome", fetch)

    def test_the_provider_is_asked_if_the_charge_stands(self):
        """The word that it failed may be older than that it succeeded."""
        tx = self.payment.sudo().payment_transaction_id
        self.answer_with("done")
        self.gateway.notify(tx, "error")
        self.assertFalse(tx.payment_id.payment_reversal_ids)
        self.answer_with(psycopg2.errors.SerializationFailure("met another"))
        with self.assertRaises(psycopg2.errors.SerializationFailure):
            self.gateway.notify(tx, "error")
        self.assertFalse(tx.payment_id.payment_reversal_ids)
        self.assertEqual((tx.state, self.owed()[0]), ("done", 0))
        # It cannot be asked: then its word counts.
        self.answer_with(RuntimeError("down"))
        with self.assertLogs(LOGGER, "ERROR"):
            self.gateway.notify(tx, "error")
        self._keep()
        reversal = tx.payment_id.payment_reversal_ids
        self.assertEqual(
            (reversal.kind, reversal.state, reversal.amount),
            ("late_failure", "lost", 1000),
        )
        self.assertEqual((tx.state, self.owed()[0]), ("done", 1000))

    def test_a_charge_whose_payment_is_not_confirmed(self):
        """There is nothing to take back in the books: a person is told."""
        payment = self.payment.sudo()
        tx = payment.payment_transaction_id
        payment.action_draft()
        for _twice in range(2):
            self.gateway.notify(tx, "error")
        self._keep()
        self.assertFalse(payment.payment_reversal_ids)
        [task] = self.invoice.sudo().activity_ids
        self.assertEqual(task.summary, "Failed later, not confirmed")
        self.assertIn(payment.name or payment.display_name, task.note)
        # There is nothing to confirm of one that is cancelled, as old ones may be.
        self.plant_state(payment, "canceled")
        with self.assertLogs(LOGGER, "WARNING") as logs:
            self.gateway.notify(tx, "error")
        self.assertIn(f"{tx.reference} failed late, but is not booked", logs.output[0])
        self.assertFalse(payment.payment_reversal_ids)
        self.assertEqual(self.invoice.sudo().activity_ids, task)
        self.plant_state(payment, "draft")
        payment.action_post()
        self.report("late_failure")
        self.assertEqual(self.owed(), (1000, "not_paid"))

    def plant_state(self, payment, state):
        self._keep()
        self.env.cr.execute(
            "UPDATE account_payment SET state = %s WHERE id = %s", [state, payment.id]
        )
        self.env.invalidate_all()

    def test_only_what_is_left_fails_late(self):
        self.refund(self.payment, 300)
        tx = self.payment.sudo().payment_transaction_id
        tx._set_canceled("gone", extra_allowed_states=("done",))
        self._keep()
        self.assertEqual(self.payment.sudo().payment_reversal_ids.amount, 700)
        self.assertEqual(self.owed(), (1000, "not_paid"))

    def test_a_pending_debit_that_fails_is_declined(self):
        invoice = self.make_invoice(50).with_user(self.supervisor)
        self.gateway.answers = ["pending"]
        tx = invoice.charge(self.token.id).sudo()
        self.gateway.notify(tx, "error")
        self.assertEqual(tx.outcome, "declined")
        self.assertFalse(self.env["account.payment.reversal"].search([]))

    def fail(self, refund):
        """Let the gateway say that a refund came back."""
        tx = refund.sudo().payment_transaction_id
        for _twice in range(2):
            tx._set_error("Account closed", extra_allowed_states=("done",))
            tx._post_process()
        self._keep()
        return tx

    def check_as_before(self, refund):
        refund = refund.sudo()
        self.env.invalidate_all()
        self.assertEqual(refund.state, "canceled")
        self.assertEqual(refund.move_id.state, "posted")
        self.assertEqual(len(refund.move_id.reversal_move_ids), 1)
        self.assertEqual(self.receivable(self.payment), 0)
        self.assertEqual(self.payment._get_refundable_amount(), 1000)
        self.assertEqual(self.owed()[0], 0)
        self.assertFalse(self.invoice.refund_status)
        self.assertTrue(
            self.invoice.sudo().activity_ids.filtered(
                lambda activity: activity.summary == "Refund came back"
            )
        )

    def test_a_refund_that_fails_after_it_was_booked(self):
        refund = self.refund(self.payment, 30)
        self.assertEqual(self.owed()[0], 30)
        self.env["payment.transaction"].sudo()._cron_mail_customers()
        tx = self.fail(refund)
        self.assertEqual(tx.outcome, "declined")
        self.check_as_before(refund)
        # Its success is told late, or once more.
        tx._set_done(extra_allowed_states=("error",))
        tx._post_process()
        self.assertEqual(tx.outcome, "declined")
        self.check_as_before(refund)
        self.env["payment.transaction"].sudo()._cron_mail_customers()
        mails = self.env["mail.mail"].search([("subject", "like", "came back")])
        self.assertEqual(len(mails), 1)

    def test_a_refund_with_a_credit_note_that_fails(self):
        refund = self.refund(self.payment, 200, reduce_bill=True)
        credit_note = self.invoice.sudo().reversal_move_ids
        self.assertEqual(credit_note.payment_state, "paid")
        self.fail(refund)
        self.check_as_before(refund)
        self.assertEqual(credit_note.amount_residual, 200)
        self.assertEqual(credit_note.payment_state, "not_paid")
        # It is paid out in another way.
        self.refund(self.payment, 200, to="outside", credit_note_id=credit_note.id)
        self.assertEqual(credit_note.amount_residual, 0)

    def test_a_capture_for_several_invoices_is_made_again(self):
        """It gives each invoice its share once more: the first one failed."""
        invoices = self.make_invoice(60.01) | self.make_invoice(39.99)
        shares = dict(zip(invoices, (60.01, 39.99), strict=True))
        transactions = self.env["payment.transaction"].sudo()
        authorization = transactions.create(
            {
                "provider_id": self.token.sudo().provider_id.id,
                "payment_method_id": self.token.sudo().payment_method_id.id,
                "reference": "authorized jointly",
                "amount": 100,
                "currency_id": self.company.currency_id.id,
                "partner_id": self.partner.id,
                "invoice_ids": [(6, 0, invoices.ids)],
                "share_ids": transactions._prepare_shares(shares),
            }
        )
        authorization._set_authorized()
        first = authorization._create_child_transaction(100, provider_reference="cap_1")
        first._set_done()
        first._post_process()
        self._keep()
        self.assertEqual([self.owed(each)[0] for each in invoices], [0, 0])
        failed = {"eventCode": "CAPTURE_FAILED", "pspReference": "cap_1"}
        made = {"eventCode": "CAPTURE", "resultCode": "Authorised"}
        for data in (failed, failed, {**made, "pspReference": "cap_1"}):
            self.assertTrue(authorization._follow_capture(data))
            self._keep()
            self.assertEqual([self.owed(each)[0] for each in invoices], [60.01, 39.99])
        self.assertTrue(
            authorization._follow_capture({**made, "pspReference": "cap_2"})
        )
        [again] = authorization.child_transaction_ids - first
        again._post_process()
        self._keep()
        self.assertEqual((again.amount, again.provider_reference), (100, "cap_2"))
        self.assertEqual([self.owed(each)[0] for each in invoices], [0, 0])
        self.assertEqual(self.receivable(again.payment_id), 0)

    def test_captures_that_failed_without_an_id(self):
        """A message on one is about the part that has none, or about the whole."""
        failed = {"eventCode": "CAPTURE_FAILED", "pspReference": "cap_1"}
        made = {"eventCode": "CAPTURE", "resultCode": "Authorised"}
        self.gateway.answers = ["authorized", "done"]
        invoice = self.make_invoice(100).with_user(self.supervisor)
        authorization = invoice.charge(self.token.id)
        capture = authorization.capture().sudo()
        authorization = authorization.sudo()
        self._keep()
        # Another capture, while this one stands: the module reads it.
        self.assertFalse(
            authorization._follow_capture({**made, "pspReference": "cap_2"})
        )
        capture.provider_reference = "cap_9"
        self.assertFalse(authorization._follow_capture(failed))
        self.assertEqual(self.owed(invoice)[0], 0)
        capture.provider_reference = False
        self.assertTrue(authorization._follow_capture(failed))
        self._keep()
        self.assertEqual(self.owed(invoice)[0], 100)
        [reversal] = capture.payment_id.payment_reversal_ids
        self.assertEqual((reversal.kind, reversal.amount), ("late_failure", 100))
        self.assertEqual(reversal.reason, "The capture failed.")
        # Captured as a whole, at once.
        whole = self.payment.sudo().payment_transaction_id
        self.assertEqual(self.owed()[0], 0)
        self.assertTrue(whole._follow_capture({**failed, "reason": "Too late"}))
        self._keep()
        self.assertEqual(self.owed()[0], 1000)
        self.assertEqual(whole.payment_id.payment_reversal_ids.reason, "Too late")
