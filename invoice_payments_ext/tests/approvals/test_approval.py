from contextlib import contextmanager
from unittest.mock import patch

from odoo.exceptions import AccessError, LockError, UserError
from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import SQL

from .common_approval import GROUPS, ApprovalCommon


@tagged("post_install", "-at_install")
class TestApproval(ApprovalCommon):
    """An amount above the limit waits for a second person and is checked again."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_company_data = cls.setup_other_company(name="Other Company")
        cls.supervisor.name = "Sam Supervisor"

    def setUp(self):
        super().setUp()
        self.company = self.company.with_env(self.env)
        self.supervisor = self.supervisor.with_env(self.env)

    # === HELPERS === #

    def _request(self, amount=150.0, invoice=None, **values):
        """Return the request for a write-off of the supervisor, as the approver."""
        invoice = invoice or self.invoice
        request = invoice.write_off(amount, "Insolvent", **values)
        self.assertEqual(request._name, "account.payment.approval")
        return request.with_user(self.approver)

    def _pay(self, amount=None, answer="done", invoice=None):
        """Return a payment that was charged."""
        self.gateway.answers = [answer]
        invoice = (invoice or self.invoice).with_user(self.accountant)
        attempt = invoice.charge(self.token.id, amount=amount)
        return attempt.sudo().payment_id.with_user(self.supervisor)

    def _notes(self, record):
        return " ".join(str(body) for body in record.sudo().message_ids.mapped("body"))

    @contextmanager
    def assertNoNewNote(self, record):
        """Assert that the block leaves no note in the chatter of a record."""
        before = record.sudo().message_ids
        yield
        self._keep()
        record.invalidate_recordset()
        self.assertEqual(record.sudo().message_ids, before)

    # === WAITING REQUESTS === #

    def test_above_the_limit_it_waits(self):
        request = self._request(100.01)
        self.assertEqual(request.state, "waiting")
        self.assertEqual(request.kind, "write_off")
        self.assertEqual(request.move_id, self.invoice)
        self.assertEqual(request.invoice_id, self.invoice)
        self.assertEqual(request.partner_id, self.partner)
        self.assertEqual(request.company_id, self.company)
        self.assertEqual((request.amount, request.currency_id.name), (100.01, "USD"))
        self.assertEqual(request.reason, "Insolvent")
        self.assertEqual(request.requester_id, self.supervisor)
        self.assertEqual(self.invoice.amount_residual, 1000.0)
        self.assertFalse(self.invoice.sudo().write_off_entry_ids)
        self.assertIn("waits for a second person", self._notes(self.invoice))
        self.assertIn("Write-off of", request.display_name)

    def test_at_the_limit_it_does_not_wait(self):
        self.assertEqual(
            self.invoice.write_off(100.0, "Insolvent")._name, "account.move"
        )

    def test_zero_means_always_and_empty_means_never(self):
        admin = self.make_user("ip_admin", f"{GROUPS},base.group_system")
        company = self.company.with_user(admin)
        for limit in (0.0, False, 0):
            # As the settings write it, which drop values that did not change.
            settings = company.env["res.config.settings"].with_company(company)
            settings.create({"payment_approval_limit": limit}).execute()
            self.env.flush_all()
            self.env.invalidate_all()
            read = company.read(["payment_approval_limit"])[0]["payment_approval_limit"]
            self.assertEqual(repr(read), repr(limit if limit is False else 0.0))
            invoice = self.make_invoice().with_user(self.supervisor)
            waits = invoice.write_off(0.01, "x")._name == "account.payment.approval"
            self.assertEqual(waits, limit is not False)
        self.assertIn(company, company.search([("payment_approval_limit", "=", 0)]))
        notes = self._notes(self.company).replace("&nbsp;", "\xa0")
        for change in (
            "from $\xa0100.00 to $\xa00.00 (always)",
            "from $\xa00.00 (always) to empty (no second person)",
            "from empty (no second person) to $\xa00.00 (always)",
        ):
            self.assertIn(change, notes)
        with self.assertNoNewNote(self.company):
            company.payment_approval_limit = 0.0
        authors = self.company.message_ids[0].author_id
        self.assertEqual(authors, company.env.user.partner_id)

    def test_only_the_staff_reads_the_limit(self):
        member = self.make_user("ip_member", "base.group_portal")
        employee = self.make_user("ip_employee", "base.group_user")
        for user in (member, employee):
            company = self.company.with_user(user)
            self.assertTrue(company.read(["name"]))
            self.assertNotIn("payment_approval_limit", company.fields_get())
            with self.assertRefused("", AccessError):
                company.read(["payment_approval_limit"])
            with self.assertRefused("", AccessError):
                company.search([("payment_approval_limit", ">", 50)])
        company = self.company.with_user(self.accountant)
        self.assertEqual(company.payment_approval_limit, 100.0)

    def test_limit_is_compared_in_the_company_s_currency(self):
        currency = self.make_currency("GBP", 2.0)
        invoice = self.make_invoice(currency_id=currency.id)
        invoice = invoice.with_user(self.supervisor)
        self.assertEqual(invoice.write_off(200.0, "Insolvent")._name, "account.move")
        invoice = self.make_invoice(currency_id=currency.id)
        self._request(200.01, invoice.with_user(self.supervisor))

    def test_limit_is_not_evaded_by_a_context(self):
        contexts = (
            {"approval_id": 1},
            {"default_state": "approved"},
            {"default_requester_id": self.approver.id},
            {"no_approval": True, "force": True, "skip_approval": True},
        )
        for context in contexts:
            with self.subTest(context):
                invoice = self.make_invoice().with_user(self.supervisor)
                request = self._request(150.0, invoice.with_context(**context))
                self.assertEqual(request.state, "waiting")
                self.assertEqual(request.requester_id, self.supervisor)

    def test_refused_request_does_not_wait(self):
        with self.assertRefused("above the remaining amount"):
            self.invoice.write_off(1000.01, "Insolvent")
        self.assertFalse(self.env["account.payment.approval"].search([]))

    def test_activity_for_each_approver(self):
        archived = self.make_user("ip_archived", GROUPS)
        archived.active = False
        stranger = self.make_user("ip_stranger", GROUPS)
        stranger.write(
            {
                "company_ids": [Command.set(self.other_company_data["company"].ids)],
                "company_id": self.other_company_data["company"].id,
            }
        )
        self._keep()
        request = self._request()
        assigned = request.sudo().activity_ids.user_id
        self.assertIn(self.approver, assigned)
        for user in (self.supervisor, self.accountant, archived, stranger):
            self.assertNotIn(user, assigned)
        self.assertIn("Insolvent", str(request.sudo().activity_ids[0].note))
        request.approve()
        self.assertFalse(request.sudo().activity_ids)

    def test_reason_is_text_in_the_activity(self):
        request = self.invoice.write_off(150.0, "<b>Bold</b>")
        self.assertIn("&lt;b&gt;", str(request.sudo().activity_ids[0].note))
        self.assertNotIn("<b>Bold", self._notes(self.invoice))

    def test_nobody_could_approve_it(self):
        approvers = self.env["account.payment.approval"]._get_approvers(
            self.company, self.supervisor
        )
        self.assertIn(self.approver, approvers)
        group = self.env.ref("invoice_payments_ext.group_payment_refund")
        refusal = "nobody else of .* has the level Refund and credit"
        model = self.env.registry["account.payment.approval"]
        with (
            patch.object(
                model, "_get_approvers", lambda self, *args: self.env["res.users"]
            ),
            self.assertRefused(refusal),
        ):
            self._request()
        self.assertIn(self.supervisor, group.all_user_ids)

    def test_second_request_while_one_waits(self):
        request = self._request(150.0)
        for amount in (150.0, 200.0):
            with self.assertRefused(
                f"{self.supervisor.name}, waits for approval already"
            ):
                self.invoice.write_off(amount, "Insolvent")
        with self.assertRefused("waits for approval already"):
            self.invoice.with_user(self.approver).write_off(150.0, "Insolvent")
        # It does not delay an action that needs no approval.
        self.invoice.write_off(50.0, "Insolvent")
        request.with_user(self.supervisor).withdraw()
        self._request(150.0)

    def test_same_key_finds_the_request(self):
        request = self._request(150.0, idempotency_key="A")
        self.assertEqual(self._request(150.0, idempotency_key="A"), request)
        request.approve()
        self.assertEqual(self._request(150.0, idempotency_key="A"), request)
        self.assertEqual(self.invoice.amount_residual, 850.0)

    def test_dialog_says_that_it_waits(self):
        action = self.invoice.action_write_off()
        model = self.env[action["res_model"]].with_user(self.supervisor)
        dialog = Form(model.with_context(**action["context"]))
        dialog.reason = "Insolvent"
        told = dialog.save().action_write_off()["params"]
        self.assertEqual(told["type"], "warning")
        self.assertIn(self.approver.name, told["message"])
        self.assertEqual(self.invoice.amount_residual, 1000.0)

    # === SPLITTING === #

    def test_halves_do_not_pass_where_the_whole_would_not(self):
        self.invoice.write_off(60.0, "Insolvent")
        self.assertEqual(
            self.invoice.write_off(40.0, "Insolvent")._name, "account.move"
        )
        self._request(0.01)

    def test_undone_amounts_do_not_count(self):
        self.invoice.write_off(60.0, "Insolvent").undo_write_off()
        self.assertEqual(
            self.invoice.write_off(60.0, "Insolvent")._name, "account.move"
        )

    def test_amounts_of_another_person_or_customer_do_not_count(self):
        self.invoice.write_off(60.0, "Insolvent")
        stranger = self.env["res.partner"].create({"name": "Stranger"})
        invoice = self.make_invoice(partner_id=stranger.id)
        invoice = invoice.with_user(self.supervisor)
        self.assertEqual(invoice.write_off(60.0, "Insolvent")._name, "account.move")
        mine = self.invoice.with_user(self.approver)
        self.assertEqual(mine.write_off(60.0, "Insolvent")._name, "account.move")

    def _make_older(self, *records, hours=25):
        """Let records have been made some hours earlier."""
        for record in records:
            self.env.cr.execute(
                SQL(
                    "UPDATE %s SET create_date = create_date - %s * interval '1 hour' "
                    "WHERE id IN %s",
                    SQL.identifier(record._table),
                    hours,
                    record._ids,
                )
            )
        self.env.invalidate_all()

    def test_invoices_of_one_customer_count_together_within_a_day(self):
        contact = self.env["res.partner"].create(
            {"name": "Colleague", "parent_id": self.partner.id, "type": "invoice"}
        )
        entry = self.invoice.write_off(60.0, "Insolvent")
        second = self.make_invoice(partner_id=contact.id).with_user(self.supervisor)
        self._request(60.0, second).with_user(self.supervisor).withdraw()
        credited = second.issue_credit_note(60.0, reason="Wrong")
        self.assertEqual(credited._name, "account.payment.approval")
        self._make_older(entry, hours=23)
        self._request(60.0, second).with_user(self.supervisor).withdraw()
        self._make_older(entry, hours=2)
        self.assertEqual(second.write_off(60.0, "Insolvent")._name, "account.move")
        # On the same invoice it counts, whenever it was.
        self._request(60.0)

    def test_refunds_of_one_customer_count_together_within_a_day(self):
        first = self._pay(500.0)
        second = self._pay(500.0, invoice=self.make_invoice())
        refund = first.refund(60.0, "outside", reason="Wrong")
        for to in ("outside", "original"):
            request = second.refund(60.0, to, reason="Wrong")
            self.assertEqual(request._name, "account.payment.approval")
            request.withdraw()
        self._make_older(refund)
        refund = second.refund(60.0, reason="Wrong")
        self.assertEqual(refund._name, "account.payment")
        request = first.refund(60.0, reason="Wrong")
        self.assertEqual(request._name, "account.payment.approval")
        request.withdraw()
        self._make_older(refund, refund.payment_transaction_id.sudo())
        third = self._pay(500.0, invoice=self.make_invoice())
        self.assertEqual(third.refund(60.0, reason="Wrong")._name, "account.payment")

    # === CREDIT THAT IS ADDED === #

    def _adjust(self, amount, partner=None, **values):
        partner = (partner or self.partner).with_user(self.supervisor)
        return partner.adjust_credit_balance(amount, reason="Goodwill", **values)

    def test_credit_that_is_added_waits(self):
        values = {"note": "Loud", "notify": True, "idempotency_key": "A"}
        request = self._adjust(5000.0, **values)
        self.assertEqual(request._name, "account.payment.approval")
        self.assertEqual(self._adjust(5000.0, **values), request)
        self.assertEqual(
            (request.kind, request.partner_id, request.company_id, request.amount),
            ("adjustment", self.partner, self.company, 5000.0),
        )
        self.assertIn("Addition of Credit of $\xa05,000.00", request.display_name)
        self.assertIn("Loud", request.details)
        self.assertFalse(self.partner.credit_balance_ids.entry_ids)
        with self.assertRefused("no right to refund", AccessError):
            request.with_user(self.accountant).approve()
        with self.assertRefused("asked for this yourself", AccessError):
            request.approve()
        notes = self._notes(self.partner)
        self.assertIn("waits for a second person", notes)
        entry = request.with_user(self.approver).approve()
        self.assertEqual((entry.amount, entry.user_id), (5000.0, self.approver))
        notes = self._notes(self.partner)
        self.assertIn(f"requested by {self.supervisor.name}, was approved", notes)
        self.assertEqual(entry.note, "Loud")
        self.assertEqual(request.result, entry)
        told = request.with_user(self.supervisor)._get_waiting_notification()
        self.assertIn(self.approver.name, told["params"]["message"])

    def test_added_credit_counts_with_write_offs(self):
        self._adjust(60.0)
        self._adjust(40.0)
        self.assertEqual(self._adjust(0.01)._name, "account.payment.approval")
        self._request(60.0).with_user(self.supervisor).withdraw()
        # Taken back it does not count, and taking it needs nobody.
        self.assertEqual(self._adjust(-60.0).amount, -60.0)
        self._request(60.01).with_user(self.supervisor).withdraw()
        entry = self.invoice.write_off(60.0, "Insolvent")
        self.assertEqual(entry._name, "account.move")

    def test_dialog_says_that_added_credit_waits(self):
        action = self.partner.with_user(self.supervisor).action_adjust_credit_balance()
        model = self.env[action["res_model"]].with_user(self.supervisor)
        dialog = Form(model.with_context(**action["context"]))
        dialog.amount = 100.0
        self.assertFalse(dialog.waits_for_approval)
        dialog.amount = 150.0
        self.assertTrue(dialog.waits_for_approval)
        dialog.direction = "deduct"
        self.assertFalse(dialog.waits_for_approval)
        dialog.direction = "add"
        dialog.reason = "Goodwill"
        told = dialog.save().action_adjust()["params"]
        self.assertEqual(told["type"], "warning")
        self.assertFalse(self.partner.credit_balance_ids.entry_ids)

    def test_dialog_says_that_a_pay_out_waits(self):
        """What was paid out before counts, too."""
        self._adjust(180.0).with_user(self.approver).approve()
        balance = self.partner.credit_balance_ids.with_user(self.supervisor)
        balance.pay_out(60.0, reason="x")
        action = balance.action_pay_out()
        model = self.env[action["res_model"]].with_user(self.supervisor)
        dialog = Form(model.with_context(**action["context"]))
        self.assertEqual((dialog.amount, dialog.waits_for_approval), (120.0, True))
        dialog.amount = 40.0
        self.assertFalse(dialog.waits_for_approval)
        dialog.amount = 40.01
        self.assertTrue(dialog.waits_for_approval)

    def test_pay_outs_and_refunds_count_together(self):
        mine = self.partner.with_user(self.approver)
        mine.adjust_credit_balance(80.0, reason="Goodwill")
        balance = self.partner.credit_balance_ids.with_user(self.supervisor)
        self.assertEqual(balance.pay_out(60.0, reason="x")._name, "account.payment")
        payment = self._pay(500.0)
        # Kept as credit it did not leave yet: it counts once with a pay-out.
        kept = payment.refund(60.0, "credit", reason="Wrong")
        self.assertEqual(kept._name, "account.payment")
        request = payment.refund(60.0, "outside", reason="Wrong")
        self.assertEqual(request._name, "account.payment.approval")

    def test_approved_amounts_do_not_count_for_the_approver(self):
        self._request(150.0).approve()
        mine = self.invoice.with_user(self.approver)
        self.assertEqual(mine.write_off(60.0, "Insolvent")._name, "account.move")

    def test_credit_notes_count_for_write_offs(self):
        credit_note = self.make_credit_note(self.invoice.sudo(), 60.0)
        self.env.cr.execute(
            "UPDATE account_move SET create_uid = %s WHERE id = %s",
            [self.supervisor.id, credit_note.id],
        )
        self.env.invalidate_all()
        self._request(60.0)

    def test_refunds_of_the_payments_of_an_invoice_count_together(self):
        first, second = self._pay(500.0), self._pay(500.0)
        self.assertNotEqual(
            first.refund(60.0, reason="Wrong")._name, "account.payment.approval"
        )
        request = second.refund(
            60.0, "outside", reason="Wrong", journal_id=self._get_cash().id
        )
        self.assertEqual(request._name, "account.payment.approval")
        self.assertEqual(
            second.refund(40.0, "outside", reason="Wrong")._name, "account.payment"
        )

    def test_refund_that_was_declined_does_not_count(self):
        payment = self._pay()
        self.gateway.answers = ["error"]
        payment.refund(60.0, reason="Wrong")
        self.gateway.answers = ["pending"]
        payment.refund(60.0, reason="Wrong")
        self.assertEqual(
            payment.refund(60.0, reason="Wrong")._name, "account.payment.approval"
        )

    def test_refund_outside_and_its_bill_count(self):
        payment = self._pay(500.0)
        self.invoice.write_off(60.0, "Insolvent")
        # Money that is owed again is not given up.
        self.assertEqual(
            payment.refund(60.0, "outside", reason="Wrong")._name, "account.payment"
        )

    def _get_cash(self):
        return self.company_data["default_journal_cash"]

    # === APPROVING === #

    def test_approved_it_is_carried_out(self):
        request = self._request(150.0, date="2026-02-01")
        entry = request.approve()
        self.assertEqual(entry.written_off_invoice_id, self.invoice)
        self.assertEqual(str(entry.date), "2026-02-01")
        self.assertEqual(entry.ref, "Insolvent")
        self.assertEqual(entry.create_uid, self.approver)
        self.assertEqual(self.invoice.amount_residual, 850.0)
        self.assertEqual(request.state, "approved")
        self.assertEqual(request.decided_by_id, self.approver)
        self.assertTrue(request.decision_date)
        self.assertEqual(request.result, entry)
        self.assertIn("was approved", self._notes(self.invoice))
        self.assertIn(
            self.supervisor.partner_id,
            request.sudo().message_ids.notified_partner_ids,
        )

    def test_refund_is_carried_out_through_its_gateway(self):
        payment = self._pay()
        self.gateway.requests.clear()
        request = payment.refund(150.0, reason="Wrong")
        self.assertEqual(request._name, "account.payment.approval")
        self.assertEqual((request.kind, request.payment_id), ("refund", payment))
        self.assertEqual(request.invoice_id, self.invoice)
        self.assertFalse(self.gateway.requests)
        refund = request.with_user(self.approver).approve()
        self.assertEqual(refund._name, "account.payment")
        self.assertEqual(refund.amount, 150.0)
        self.assertEqual(len(self.gateway.requests), 1)
        self.assertEqual(self.invoice.amount_residual, 150.0)
        self.assertEqual(request.result, refund.payment_transaction_id)
        with self.assertRefused("does not wait any more"):
            request.with_user(self.approver).approve()

    def test_refund_without_an_answer_was_approved(self):
        payment = self._pay()
        request = payment.refund(150.0, reason="Wrong").with_user(self.approver)
        self.gateway.answers = [TimeoutError("cut")]
        told = request.action_approve()["params"]
        self.assertEqual(told["type"], "warning")
        self.assertEqual(request.state, "approved")
        self.assertEqual(request.result.outcome, "unknown")

    def test_refund_outside_is_carried_out(self):
        payment = self._pay()
        request = payment.refund(
            150.0,
            "outside",
            reason="Wrong",
            journal_id=self._get_cash().id,
            reference="Cheque 7",
        )
        refund = request.with_user(self.approver).approve()
        self.assertEqual(refund.journal_id, self._get_cash())
        self.assertEqual(refund.payment_reference, "Cheque 7")

    def test_credit_note_is_carried_out(self):
        request = self.invoice.issue_credit_note(150.0, reason="Wrong")
        self.assertEqual(request._name, "account.payment.approval")
        self.assertEqual((request.kind, request.move_id), ("credit_note", self.invoice))
        self.assertFalse(self.invoice.reversal_move_ids)
        credit_note = request.with_user(self.approver).approve()
        self.assertEqual(credit_note.reversed_entry_id, self.invoice)
        self.assertEqual(credit_note.state, "posted")
        self.assertEqual(self.invoice.amount_residual, 850.0)
        # It was another person's: it does not count for the requester or the approver.
        self.invoice.issue_credit_note(60.0, reason="Wrong")
        mine = self.invoice.with_user(self.approver)
        self.assertEqual(
            mine.issue_credit_note(60.0, reason="Wrong")._name, "account.move"
        )
        self.assertEqual(
            mine.issue_credit_note(60.0, reason="Wrong")._name,
            "account.payment.approval",
        )

    def test_credit_note_with_a_refund_is_carried_out(self):
        payment = self._pay()
        self.gateway.requests.clear()
        request = self.invoice.issue_credit_note(
            150.0,
            reason="Wrong",
            destinations=[{"to": "original", "amount": 150.0}],
        )
        self.assertFalse(self.gateway.requests)
        credit_note = request.with_user(self.approver).approve()
        self.assertEqual(len(self.gateway.requests), 1)
        self.assertEqual(credit_note.amount_residual, 0.0)
        self.assertEqual(payment._get_refundable_amount(), 850.0)
        # Neither the credit note nor its refund counts for the approver.
        mine = payment.with_user(self.approver)
        self.assertNotEqual(
            mine.refund(60.0, reason="Wrong")._name, "account.payment.approval"
        )

    def test_requester_cannot_decide(self):
        request = self._request().with_user(self.supervisor)
        for door in (
            request.approve,
            lambda: request.reject("No"),
            request.sudo().approve,
            lambda: request.sudo().reject("No"),
        ):
            with self.assertRefused("You asked for this yourself", AccessError):
                door()

    def test_users_without_the_rights_cannot_decide(self):
        request = self._request()
        for login, groups in (
            ("ip_level_1", "account.group_account_invoice"),
            ("ip_employee", "base.group_user"),
            ("ip_portal", "base.group_portal"),
            ("ip_admin", "base.group_user,base.group_system"),
        ):
            user = self.make_user(login, groups)
            self._keep()
            for door in (
                request.with_user(user).approve,
                lambda user=user: request.with_user(user).reject("No"),
                request.with_user(user).withdraw,
            ):
                with self.subTest(login), self.assertRefused("", AccessError):
                    door()

    def test_request_of_another_company(self):
        stranger = self.make_user("ip_stranger", GROUPS)
        stranger.write(
            {
                "company_ids": [Command.set(self.other_company_data["company"].ids)],
                "company_id": self.other_company_data["company"].id,
            }
        )
        request = self._request().with_user(stranger)
        self.assertFalse(request.search([]))
        with self.assertRefused("", AccessError):
            request.approve()

    def test_approved_once(self):
        request = self._request()
        request.approve()
        third = self.make_user("ip_third", GROUPS)
        self._keep()
        refusal = f"does not wait any more: approved by {self.approver.name}"
        for user in (self.approver, third):
            with self.assertRefused(refusal):
                request.with_user(user).approve()
            with self.assertRefused(refusal):
                request.with_user(user).reject("No")
        with self.assertRefused(refusal):
            request.with_user(self.supervisor).withdraw()
        self.assertEqual(len(self.invoice.sudo().write_off_entry_ids), 1)

    def test_approved_with_a_key_once(self):
        request = self._request()
        entry = request.approve(idempotency_key="P")
        self.assertEqual(request.approve(idempotency_key="P"), entry)
        self.assertEqual(len(self.invoice.sudo().write_off_entry_ids), 1)
        other = self._request(invoice=self.make_invoice().with_user(self.supervisor))
        with self.assertRefused("key P was used already"):
            other.approve(idempotency_key="P")

    def test_somebody_else_is_at_it(self):
        request = self._request()
        model = self.env.registry["account.payment.approval"]
        for door in (request.approve, lambda: request.reject("No")):
            with (
                patch.object(model, "lock_for_update", side_effect=LockError("held")),
                self.assertRefused("Somebody else is deciding"),
            ):
                door()
        moves = self.env.registry["account.move"]
        with (
            patch.object(moves, "_lock_rows", side_effect=LockError("held")),
            self.assertRefused("Somebody else is working on the payments"),
        ):
            request.approve()
        self.assertEqual(request.state, "waiting")

    def test_two_corrections_for_one_customer_at_once(self):
        """Both together may be above the limit: each sees the amount of the other."""
        partners = self.env.registry["res.partner"]
        refusal = f"Another correction for {self.partner.name} is on its way right now"
        with (
            patch.object(partners, "_lock_rows", side_effect=LockError("held")),
            self.assertRefused(refusal),
        ):
            self.invoice.write_off(60.0, "Insolvent")
        self.assertFalse(self.invoice.sudo().write_off_entry_ids)
        self.assertFalse(self.env["account.payment.approval"].search([]))

    def test_changed_in_the_meantime(self):
        request = self._request(900.0)
        self.invoice.with_user(self.accountant).record_external_payment(200.0)
        with self.assertRefused(
            "cannot be carried out now, and stays waiting: .*900.00 is above the "
            "remaining amount of .*800.00"
        ):
            request.approve()
        self.assertEqual(request.state, "waiting")
        self.assertTrue(request.sudo().activity_ids)
        request.reject("Paid in part")

    def test_refund_that_is_not_possible_any_more(self):
        payment = self._pay()
        request = payment.refund(950.0, reason="Wrong").with_user(self.approver)
        with self.assertRefused("beside the .*950.00 that waits for approval"):
            payment.refund(60.0, reason="Wrong")
        payment.sudo().action_draft()
        with self.assertRefused("stays waiting: .*is not posted"):
            request.approve()
        payment.sudo().action_post()
        payment.report_taken_back("returned_debit", 60.0)
        with self.assertRefused("stays waiting: .*above the refundable amount"):
            request.approve()

    def test_details_describe_the_request(self):
        request = self._request(150.0, date="2026-02-01")
        account = self.company.write_off_account_id.display_name
        self.assertEqual(
            request.details, f"It is booked to {account}.\nDate: 02/01/2026."
        )
        payment = self._pay(invoice=self.make_invoice())
        invoice = payment.reconciled_invoice_ids
        cash = self._get_cash()
        self.assertEqual(
            self._describe(payment, "refund", {"to": "original", "reduce_bill": True}),
            [
                "Back to the original method, through its gateway.",
                "A credit note takes it off the bill.",
            ],
        )
        outside = {"to": "outside", "journal_id": cash.id, "reference": "Cheque 7"}
        self.assertEqual(
            self._describe(payment, "refund", {**outside, "invoice_id": invoice.id}),
            [
                f"Outside the gateway, from {cash.display_name}. Cheque 7",
                "The customer still owes it.",
                f"It concerns {invoice.name} first.",
            ],
        )
        self.assertEqual(
            self._describe(
                self.invoice,
                "credit_note",
                {
                    "lines": [
                        {"line_id": self.invoice.invoice_line_ids.id, "amount": 150.0}
                    ],
                    "destinations": [
                        {"to": "original", "amount": 50.0, "payment_id": payment.id},
                        {"to": "outside", "amount": 60.0},
                        {"to": "refund", "amount": 30.0, "payment_id": payment.id},
                        {"to": "credit", "amount": 10.0},
                    ],
                    "note": "Broken",
                },
            ),
            [
                f"{self.invoice.invoice_line_ids.display_name}: $\xa0150.00",
                "$\xa050.00: Back to the original method, through its gateway. "
                f"{payment.name}",
                "$\xa060.00: Outside the gateway, from the first bank journal.",
                f"$\xa030.00: Given back already by {payment.name}.",
                "$\xa010.00: Kept on the customer's credit balance.",
                "Broken",
            ],
        )

    def _describe(self, record, kind, arguments):
        """Return the lines that describe a request with these arguments."""
        requests = self.env["account.payment.approval"].sudo()
        values = requests._prepare_request_vals(
            record, kind, {"reason": "Wrong", **arguments}, 150.0
        )
        return requests.create(values).details.split("\n")

    # === REJECTING, WITHDRAWING === #

    def test_rejected(self):
        request = self._request()
        dialog = Form(
            self.env[request.action_reject()["res_model"]]
            .with_user(self.approver)
            .with_context(**request.action_reject()["context"])
        )
        dialog.reason = "  Send a reminder first "
        told = dialog.save().action_reject()["params"]
        self.assertIn("was rejected", told["message"])
        self.assertEqual(request.state, "rejected")
        self.assertEqual(request.decision_note, "Send a reminder first")
        self.assertEqual(request.decided_by_id, self.approver)
        self.assertFalse(request.sudo().activity_ids)
        self.assertFalse(request.result)
        self.assertEqual(self.invoice.amount_residual, 1000.0)
        self.assertIn("Send a reminder first", self._notes(self.invoice))
        with self.assertRefused("rejected by"):
            request.approve()

    def test_rejected_without_a_reason(self):
        request = self._request()
        for reason in (None, "", "  "):
            with self.subTest(reason), self.assertRefused("reason is required"):
                request.reject(reason)

    def test_withdrawn(self):
        request = self._request()
        with self.assertRefused(f"Only {self.supervisor.name}", AccessError):
            request.withdraw()
        told = request.with_user(self.supervisor).action_withdraw()["params"]
        self.assertIn("was withdrawn", told["message"])
        self.assertEqual(request.state, "withdrawn")
        self.assertFalse(request.sudo().activity_ids)
        with self.assertRefused("withdrawn by"):
            request.approve()

    # === RECORDS THAT ARE KEPT === #

    def test_nobody_writes_requests(self):
        request = self._request()
        admin = self.env.ref("base.user_admin")
        for user in (self.supervisor, self.approver, admin):
            for name, write in (
                ("write", lambda record: record.write({"amount": 1.0})),
                ("state", lambda record: record.write({"state": "approved"})),
                ("unlink", lambda record: record.unlink()),
                ("create", lambda record: record.create({"kind": "write_off"})),
                ("copy", lambda record: record.copy()),
            ):
                with (
                    self.subTest(name, user=user.login),
                    self.assertRefused("", AccessError),
                ):
                    write(request.with_user(user))

    def test_decided_requests_do_not_change(self):
        request = self._request().sudo()
        request.with_user(self.approver).reject("No")
        for values in (
            {"state": "waiting"},
            {"amount": 1.0},
            {"arguments": {}},
            {"decision_note": "Yes"},
        ):
            with self.subTest(values), self.assertRefused("is not changed", UserError):
                request.write(values)
        with self.assertRefused("are kept", UserError):
            request.unlink()

    def test_request_says_that_it_was_asked_for(self):
        """In its chatter, and not that a record was created."""
        invoice = self.invoice.with_context(
            tracking_disable=False, mail_create_nolog=False
        )
        request = self._request(invoice=invoice)
        self.assertEqual(self._notes(request).count("Requested"), 1)
        self.assertNotIn("created", self._notes(request))

    def test_section_opens_the_request(self):
        request = self._request()
        action = request.action_open_request()
        self.assertEqual(
            (action["res_model"], action["res_id"], action["name"]),
            (request._name, request.id, "Request for approval"),
        )

    def test_views(self):
        request = self._request()
        for user, shown in ((self.approver, True), (self.supervisor, False)):
            model = self.env["account.payment.approval"].with_user(user)
            arch = model.get_view(view_type="form")["arch"]
            self.assertIn('name="action_approve"', arch)
            self.assertIn('name="action_withdraw"', arch)
            self.assertEqual(request.with_user(user).is_requester, not shown)
        told = request.action_approve()["params"]
        self.assertEqual(told["type"], "success")
        self.assertIn("was carried out", told["message"])
        menu = self.env.ref("invoice_payments_ext.account_payment_approval_menu")
        menus = self.env["ir.ui.menu"]
        self.assertIn(menu.id, menus.with_user(self.approver)._visible_menu_ids())
        self.assertNotIn(menu.id, menus.with_user(self.accountant)._visible_menu_ids())

    def test_limit_of_a_branch_is_that_of_its_company(self):
        branch = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.company.id}
        )
        self.assertEqual(branch.payment_approval_limit, 100.0)
        self.assertEqual(branch.write_off_account_id, self.company.write_off_account_id)
        self.company.payment_approval_limit = 50.0
        self.assertEqual(branch.payment_approval_limit, 50.0)
