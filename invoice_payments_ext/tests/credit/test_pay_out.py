import requests

from odoo.exceptions import AccessError
from odoo.tests import Form, tagged

from .common_credit import CreditCommon


@tagged("post_install", "-at_install")
class TestPayOut(CreditCommon):
    """Credit that is paid out to the customer."""

    def test_outside(self):
        payment = self.balance().pay_out(
            200, reason="Asked for", reference="CHQ-7", idempotency_key="out"
        )
        self.assertEqual(payment.payment_type, "outbound")
        self.assertEqual(payment.amount, 200)
        self.assertEqual(payment.payment_reference, "CHQ-7")
        self.assertEqual(self.held(), 100)
        self.assertEqual(self.types(), [("paid_out", -200.0)])
        entry = self._balance().entry_ids[0]
        self.assertEqual((entry.label, entry.note), ("Paid out", "Asked for"))
        lines = payment._get_receivable_lines().sudo()
        self.assertTrue(all(lines.mapped("reconciled")))
        again = self.balance().pay_out(
            200, reason="Asked for", reference="CHQ-7", idempotency_key="out"
        )
        self.assertEqual(payment, again)
        self.assertEqual(self.held(), 100)

    def test_no_more_than_is_held(self):
        for amount, message in (
            (300.01, "above the credit balance"),
            (0, "above zero"),
            (-5, "above zero"),
            (0.001, "finer than"),
            ("many", "must be a number"),
            (float("nan"), "must be a number"),
        ):
            with self.subTest(amount=amount), self.assertRefused(message):
                self.balance().pay_out(amount, reason="Asked for")
        with self.assertRefused("reason is required"):
            self.balance().pay_out(10)
        self.assertEqual(self.held(), 300)

    def test_rights(self):
        balance = self._balance().with_user(self.accountant)
        with self.assertRefused("no right to refund", AccessError):
            balance.pay_out(10, reason="Asked for")

    def test_cancelled_payment_can_be_put_back(self):
        payment = self.balance().pay_out(200, reason="Asked for")
        payment.action_draft()
        payment.action_cancel()
        taken = payment.source_payment_id
        taken.undo_credit_application("Never cashed")
        self.assertEqual(self.held(), 300)

    def test_from_the_dialog(self):
        action = self.balance().action_pay_out()
        dialogs = self.env[action["res_model"]].with_user(self.supervisor)
        form = Form(dialogs.with_context(**action["context"]))
        self.assertEqual(form.amount, 300)
        form.reason = "Asked for"
        form.save().action_pay_out()
        self.assertEqual(self.held(), 0)

    def test_to_a_card_from_the_dialog(self):
        payment = self.charge(200)
        values = {"balance_id": self.balance().id, "to": "card"}
        dialogs = self.env["account.credit.balance.pay.out"].with_user(self.supervisor)
        dialog = dialogs.new(values)
        self.assertEqual(dialog.payment_id.display_name, payment.name)
        self.assertEqual(dialog.card_label, self.token._get_method_label())
        self.assertEqual(dialog.refundable_amount, 200)
        form = Form(dialogs.with_context(default_balance_id=values["balance_id"]))
        form.to = "card"
        self.assertEqual(form.amount, 200)
        form.reason = "Asked for"
        form.save().action_pay_out()
        self.assertEqual(self.gateway.requests[-1][1:], ("refund", -200))
        self.assertEqual(self.held(), 100)

    def test_to_no_card_from_the_dialog(self):
        dialog = (
            self.env["account.credit.balance.pay.out"]
            .with_user(self.supervisor)
            .create(
                {
                    "balance_id": self.balance().id,
                    "to": "card",
                    "amount": 10,
                    "reason": "Asked for",
                }
            )
        )
        self.assertFalse(dialog.payment_id)
        with self.assertRefused("Choose the payment that goes back to a card"):
            dialog.action_pay_out()
        self.assertEqual(self.held(), 300)

    def test_to_a_card(self):
        payment = self.charge()
        refund = self.pay_out_to_card(payment, 200, idempotency_key="card")
        self.assertEqual(refund.source_payment_id, payment)
        self.assertEqual(self.gateway.requests[-1][1:], ("refund", -200))
        self.assertEqual(self.held(), 100)
        self.assertEqual(self.types(), [("paid_out", -200.0)])
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertFalse(self.invoice.refund_status)
        self.assertEqual(payment._get_refundable_amount(), 800)
        self.assertFalse(self.receivable(refund))
        self.assertEqual(
            self.pay_out_to_card(payment, 200, idempotency_key="card"), refund
        )
        taken = refund.payment_transaction_id.refund_credit_payment_id
        with self.assertRefused("is refunded already"):
            taken.with_user(self.supervisor).undo_credit_application()
        self.assertEqual(self.held(), 100)

    def test_kept_money_goes_back_to_its_card(self):
        """Money of the card that was kept and goes back to it is given back once."""
        payment = self.charge()
        payment.with_user(self.supervisor).refund(600, to="credit", reason="Too much")
        self.assertEqual((self.held(), self.invoice.amount_residual), (900, 600))
        self.assertEqual(payment._get_refundable_amount(), 400)
        self.assertIn(payment, self.balance()._get_card_payments())
        with self.assertRefused("above the credit balance"):
            self.pay_out_to_card(payment, 1001)
        attempt = self.pay_out_to_card(payment, 600, "pending").sudo()
        self.assertEqual(payment._get_refundable_amount(), 400)
        self.gateway.notify(attempt, "done")
        attempt.sudo()._post_process()
        self.assertEqual((self.held(), self.invoice.amount_residual), (300, 600))
        self.assertEqual(payment._get_refundable_amount(), 400)
        self.assertEqual(self.invoice.refund_status, "partially_refunded")
        row = self.row(payment)
        self.assertEqual(row["amount_refunded"], 600)
        self.assertEqual(
            {refund["kind_label"] for refund in row["refunds"]},
            {"Kept as credit", "Credit paid out"},
        )
        self.assertTrue(self.action(row, "refund")["enabled"])
        with self.assertRefused("above the refundable amount"):
            payment.with_user(self.supervisor).refund(400.01, reason="Too much")
        self.gateway.answers = ["done"]
        payment.with_user(self.supervisor).refund(400, reason="All of it")
        self.assertEqual(payment._get_refundable_amount(), 0)
        with self.assertRefused("is refunded already"):
            self.pay_out_to_card(payment, 1)

    def test_kept_money_that_is_declined_goes_nowhere(self):
        payment = self.charge()
        payment.with_user(self.supervisor).refund(600, to="credit", reason="Too much")
        attempt = self.pay_out_to_card(payment, 600, "error").sudo()
        self.assertEqual(self.held(), 900)
        self.assertEqual(payment._get_refundable_amount(), 400)
        # Said too late: the credit is on the balance again.
        self.gateway.notify(attempt, "done")
        attempt.sudo()._post_process()
        self.assertEqual(self.held(), 900)
        self.assertEqual(payment._get_refundable_amount(), 0)
        self.late_confirmation = True

    def test_card_that_declines(self):
        payment = self.charge()
        attempt = self.pay_out_to_card(payment, 200, "error")
        self.assertEqual(attempt._name, "payment.transaction")
        self.assertEqual(attempt.outcome, "declined")
        self.assertEqual(self.held(), 300)
        self.assertEqual(self.types(), [("paid_out", -200.0), ("unapplied", 200.0)])
        self.assertEqual(payment._get_refundable_amount(), 1000)
        self.assertIn("Credit was not paid out", payment.activity_ids.mapped("summary"))
        # Processed once more, nothing is put back twice.
        attempt.sudo()._post_process()
        self.assertEqual(self.held(), 300)
        self.assertEqual(self.types(), [("paid_out", -200.0), ("unapplied", 200.0)])

    def test_card_without_an_answer(self):
        """Money that may have gone out is not held until the outcome is known."""
        payment = self.charge()
        attempt = self.pay_out_to_card(payment, 200, requests.Timeout()).sudo()
        self.assertEqual(attempt.outcome, "unknown")
        self.assertEqual(self.held(), 100)
        with self.assertRefused("is refunded already"):
            taken = attempt.refund_credit_payment_id
            taken.with_user(self.supervisor).undo_credit_application()
        with self.assertRefused("above the credit balance"):
            self.balance().pay_out(200, reason="Again")
        self.gateway.notify(attempt, "done")
        attempt.sudo()._post_process()
        self.assertEqual(attempt.payment_id.amount, 200)
        self.assertFalse(self.receivable(attempt.payment_id))
        self.assertEqual(self.held(), 100)

    def test_another_amount_that_did_not_go_out_is_back(self):
        """The gateway names another amount, and a person sees that none went out."""
        payment = self.charge(500)
        self.patch(
            self.env.registry["payment.transaction"],
            "_extract_amount_data",
            lambda tx, data: {"amount": -1.0, "currency_code": tx.currency_id.name},
        )
        attempt = self.pay_out_to_card(payment, 100)
        self.assertEqual((attempt.outcome, attempt.state), ("unknown", "error"))
        self.assertEqual(self.held(), 200)
        attempt.resolve(False, "Not in the gateway's list")
        self.assertEqual(attempt.outcome, "failed")
        self.assertEqual(self.held(), 300)

    def test_paid_out_outside_is_not_posted_without_its_deduction(self):
        paid = self.balance().pay_out(100, reason="Asked for")
        taken = paid.source_payment_id
        paid.action_draft()
        taken.action_draft()
        self.assertEqual(self.held(), 300)
        with self.assertRefused("is not posted"):
            paid.action_post()
        taken.action_post()
        paid.action_post()
        self.assertEqual(self.held(), 200)

    def test_amount_that_a_card_may_get_stays_taken(self):
        """The credit is neither reset nor spent while the gateway may pay it out."""
        for answer in (requests.Timeout(), "pending"):
            with self.subTest(answer=answer):
                attempt = self.pay_out_to_card(self.charge(500), 100, answer).sudo()
                held = self.held()
                taken = attempt.refund_credit_payment_id.with_user(self.supervisor)
                for reset in (
                    taken.action_draft,
                    taken.action_cancel,
                    taken.move_id.button_draft,
                    taken.move_id.button_cancel,
                ):
                    with self.assertRefused("is in flight"):
                        reset()
                other = self.make_invoice(100.0, apply_credit=False)
                line = taken._get_receivable_lines()
                with self.assertRefused("is in flight"):
                    other.with_user(self.supervisor).js_assign_outstanding_line(line.id)
                with self.assertRefused("Nothing of"):
                    line.move_to_credit_balance()
                reversal = self.copy_reversed(taken.sudo().move_id)
                with self.assertRefused("is in flight"):
                    reversal.action_post()
                reversal.unlink()
                self.gateway.notify(attempt, "done")
                attempt.sudo()._post_process()
                self.assertEqual(self.held(), held)
                with self.assertRefused("paid out the amount that"):
                    taken.action_draft()

    def test_declined_pay_out_is_reset_when_it_is_back(self):
        attempt = self.pay_out_to_card(self.charge(500), 100, "pending").sudo()
        taken = attempt.refund_credit_payment_id.with_user(self.supervisor)
        self.gateway.notify(attempt, "cancel")
        self.assertFalse(attempt.is_post_processed)
        with self.assertRefused("is in flight"):
            taken.action_draft()
        attempt.sudo()._post_process()
        self.assertEqual(self.held(), 300)
        with self.assertRefused("gave back"):
            taken.action_draft()
        self.assertEqual(self.held(), 300)

    def test_above_the_limit_it_waits(self):
        """A pay-out above the limit waits, so that it is not a way around approval."""
        groups = (
            "account.group_account_invoice,invoice_payments_ext.group_payment_refund"
        )
        # The credit is another person's: it counts for nobody here.
        giver = self.make_user("credit_giver", f"base.group_user,{groups}")
        self.partner.with_user(giver).adjust_credit_balance(300, reason="Goodwill")
        self.customer.adjust_credit_balance(-300, reason="Wrong")
        self.company.payment_approval_limit = 100
        approver = self.make_user("credit_approver", f"base.group_user,{groups}")
        card_payment = self.charge(400)
        balance = self.balance()
        self.assertEqual(balance.pay_out(60, reason="Asked")._name, "account.payment")
        request = self.pay_out_to_card(card_payment, 41, idempotency_key="waits")
        self.assertEqual((request.kind, request.amount), ("pay_out", 41))
        self.assertIn("through its gateway", request.details)
        self.assertEqual(self.gateway.requests[-1][1], "charge")
        self.assertEqual(balance.amount, 240)
        with self.assertRefused("waits for approval already"):
            balance.pay_out(50, reason="Asked")
        with self.assertRefused("another person has to decide", AccessError):
            request.approve()
        refund = request.with_user(approver).approve()
        self.assertEqual(refund.amount, 41)
        self.assertEqual(balance.amount, 199)
        self.assertEqual(
            self.pay_out_to_card(card_payment, 41, idempotency_key="waits"), request
        )
        self.assertEqual(balance.amount, 199)
        # The approver did not give it alone.
        alone = balance.with_user(approver).pay_out(100, reason="Asked")
        self.assertEqual(alone._name, "account.payment")
        # A cancelled pay-out does not count any more.
        alone.sudo().action_draft()
        alone.sudo().action_cancel()
        alone.sudo().source_payment_id.undo_credit_application()
        again = balance.with_user(approver).pay_out(100, reason="Asked")
        self.assertEqual(again._name, "account.payment")
        last = balance.with_user(approver).pay_out(1, reason="Asked")
        self.assertEqual(last.state, "waiting")

    def test_contact_that_got_a_parent(self):
        """The contact's own credit is adjusted, spent and paid out there too."""
        card_payment = self.charge(400)
        applied = self.invoice.apply_credit_balance(100)
        parent = self.env["res.partner"].create({"name": "P", "is_company": True})
        parent.with_user(self.supervisor).adjust_credit_balance(1000, reason="Theirs")
        balance = self.balance()
        self.partner.parent_id = parent
        self._keep()
        applied.undo_credit_application()
        self.assertEqual(balance.amount, 300)
        balance.pay_out(50, reason="Asked for")
        self.assertEqual(balance.amount, 250)
        self.pay_out_to_card(card_payment, 100)
        self.assertEqual(balance.amount, 150)
        form = Form(
            self.env["account.credit.balance.adjust"]
            .with_user(self.supervisor)
            .with_context(**balance.action_adjust()["context"])
        )
        self.assertEqual(form.partner_id, self.partner)
        self.assertEqual(form.balance, 150)
        form.direction = "deduct"
        form.amount = 30
        form.reason = "Wrong"
        form.save().action_adjust()
        self.assertEqual(balance.amount, 120)
        theirs = self._balance(parent)
        self.assertEqual(theirs.amount, 1000)
        self.customer.invalidate_recordset()
        self.assertEqual(self.customer.credit_balance_ids, balance | theirs)
        heir = self.env["res.partner"].create({"name": "Heir"})
        self.env["base.partner.merge.automatic.wizard"].create({})._merge(
            [self.partner.id, heir.id], heir, extra_checks=False
        )
        self.env.invalidate_all()
        self.assertEqual((balance.amount, theirs.amount), (0, 1000))
        self.assertEqual(self._balance(heir).amount, 120)

    def test_the_reason_is_not_for_the_customer(self):
        """The history keeps the reason in its notes, and no receipt shows it."""
        secret = "Moaned for weeks"
        payment = self.balance().pay_out(200, reason=secret)
        taken = payment.source_payment_id
        payment.action_draft()
        payment.action_cancel()
        taken.action_draft()
        taken.action_post()
        undone = taken.undo_credit_application(secret)
        undone.action_draft()
        undone.action_post()
        undone.action_draft()
        undone.action_cancel()
        self.env["account.move.reversal"].with_context(
            active_model="account.move", active_ids=taken.move_id.ids
        ).create({"journal_id": taken.journal_id.id}).reverse_moves()
        self.assertEqual(
            [
                (entry.entry_type, entry.amount, entry.label, entry.note)
                for entry in self._balance().entry_ids.sorted("id")[1:]
            ],
            [
                ("paid_out", -200.0, "Paid out", secret),
                ("reversal", 200.0, "Undone: Paid out", secret),
                ("paid_out", -200.0, "Paid out", secret),
                ("unapplied", 200.0, "Not paid out", secret),
                ("reversal", -200.0, "Undone: Not paid out", secret),
                ("unapplied", 200.0, "Not paid out", secret),
                ("reversal", -200.0, "Undone: Not paid out", secret),
                ("reversal", 200.0, "Undone: Paid out", False),
            ],
        )
        html = self.env["ir.actions.report"]._render_qweb_html(
            "account.action_report_payment_receipt", (payment | taken | undone).ids
        )[0]
        self.assertNotIn(secret, html.decode())

    def test_card_payment_that_does_not_fit(self):
        payment = self.charge(100)
        with self.assertRefused("above the refundable amount"):
            self.pay_out_to_card(payment, 101)
        with self.assertRefused("not charged through a gateway"):
            self.pay_out_to_card(self.record(100), 50)
        with self.assertRefused("outside the gateway"):
            self.pay_out_to_card(payment, 50, reference="CHQ-7")
        other = self.env["res.partner"].create({"name": "Other"})
        self.env["account.move"].flush_model()
        balance = other.with_user(self.supervisor).adjust_credit_balance(
            100, reason="Goodwill"
        )
        with self.assertRefused("is not a payment of Other"):
            balance.balance_id.pay_out(50, reason="Asked for", payment_id=payment.id)
        euro = self.make_currency("EUR")
        entry = self.customer.adjust_credit_balance(100, euro.id, reason="Goodwill")
        with self.assertRefused("in EUR"):
            entry.balance_id.pay_out(50, reason="Asked for", payment_id=payment.id)
        with self.assertRefused("There is no payment"):
            self.balance().pay_out(50, reason="Asked for", payment_id=999999999)
        self.assertEqual(self.held(), 300)

    def test_company_that_is_not_selected(self):
        """The doors act for the selected companies only."""
        payment = self.record(1000)
        payment.move_id.line_ids.remove_move_reconcile()
        other = self.make_other_company(name="Other Company")["company"]
        self.supervisor.company_ids |= other
        line = payment._get_receivable_lines()
        for name, record, values in (
            ("pay_out", self.balance(), {"amount": 50, "reason": "Asked for"}),
            ("move_to_credit_balance", line, {}),
            ("apply_credit_balance", self.invoice, {}),
        ):
            record = record.with_context(allowed_company_ids=other.ids)
            with (
                self.subTest(door=name),
                self.assertRefused("multi-company issue", AccessError),
            ):
                getattr(record, name)(**values)
            self.assertEqual(self.held(), 300)

    def test_card_that_pays_out_after_it_declined(self):
        """The credit is spent by then: the money is booked, and a person is told."""
        payment = self.charge()
        attempt = self.pay_out_to_card(payment, 200, "error").sudo()
        self.invoice.issue_credit_note(
            amount=100, reason="Less", destinations=[{"to": "credit", "amount": 100}]
        )
        self.gateway.notify(attempt, "done")
        attempt.sudo()._post_process()
        self.assertEqual(attempt.payment_id.amount, 200)
        self.assertEqual(self.held(), 400)
        self.assertEqual(self.invoice.amount_residual, 200)
        self.assertIn(
            "Credit paid out after it was declined",
            self.invoice.activity_ids.mapped("summary"),
        )
