from odoo.tests import Form, tagged

from ..common import InvoicePaymentsCommon

GROUPS = (
    "base.group_user,account.group_account_invoice,"
    "invoice_payments_ext.group_payment_refund"
)


@tagged("post_install", "-at_install")
class TestWaiting(InvoicePaymentsCommon):
    """A correction that waits stands on its invoice, and is not offered twice."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write_off_account_id = cls.company_data["default_account_expense"]
        cls.company.payment_approval_limit = 100.0
        cls.approver = cls.make_user(cls, "ip_approver", GROUPS)
        cls.other = cls.make_user(cls, "ip_other", GROUPS)

    def setUp(self):
        super().setUp()
        for name in ("approver", "other", "company"):
            setattr(self, name, getattr(self, name).with_env(self.env))
        self.mine = self.invoice.with_user(self.supervisor)
        self._keep()

    # === HELPERS === #

    def _get_part(self, user, request, invoice=None):
        """Return the row, or the part of one, of a request as a user sees it."""
        rows = self.rows((invoice or self.invoice).with_user(user)).values()
        parts = [part for row in rows for part in (row, *row["refunds"])]
        return next(part for part in parts if part["id"] == f"approval-{request.id}")

    def _get_actions(self, part):
        return [(each["name"], each["is_quick"]) for each in part["actions"]]

    def _act(self, part, name, user):
        action = next(each for each in part["actions"] if each["name"] == name)
        record = self.env[action["model"]].with_user(user).browse(action["id"])
        return getattr(record, action["method"])()

    # === TESTS === #

    def test_refund(self):
        payment = self.start_attempt("done", amount=400.0).sudo().payment_id
        payment = payment.with_user(self.supervisor)
        request = payment.refund(300.0, "outside", reason=None)
        self.assertEqual(request._name, "account.payment.approval")
        part = self._get_part(self.supervisor, request)
        self.assertEqual(
            (part["kind"], part["state"], part["state_label"], part["amount"]),
            ("refund", "waiting", "Waits for approval", 300.0),
        )
        self.assertTrue(part["time"])
        self.assertEqual(
            self._get_actions(part), [("withdraw", True), ("open_request", False)]
        )
        self.assertEqual(
            self._get_actions(self._get_part(self.approver, request)),
            [("approve", True), ("reject", False), ("open_request", False)],
        )
        accountant = self._get_part(self.accountant, request)
        self.assertEqual(self._get_actions(accountant), [("open_request", False)])
        section = self.invoice.get_payment_section()
        self.assertEqual(section["amount_remaining"], 600.0)
        # The rest can be refunded, and no more.
        self.assertEqual(payment._get_refund_offered(), 100.0)
        dialog = Form(
            self.env["account.payment.refund"]
            .with_user(self.supervisor)
            .with_context(default_payment_id=payment.id)
        )
        self.assertEqual((dialog.amount, dialog.waiting_amount), (100.0, 300.0))
        with self.assertRefused("beside the .*300.00 that waits for approval"):
            payment.with_user(self.other).refund(100.01, "outside")
        self.assertTrue(payment.with_user(self.other).refund(100.0, "outside"))
        with self.assertRefused("waits for approval already"):
            payment.with_user(self.other).refund(to="outside")
        row = self.rows(self.mine)[f"tx-{payment.payment_transaction_id.id}"]
        action = next(each for each in row["actions"] if each["name"] == "refund")
        self.assertIn("waits for approval", action["reason"])
        # It does not stand in its own way.
        self._act(self._get_part(self.approver, request), "approve", self.approver)
        self.assertEqual(request.state, "approved")
        self.assertIn("Refund of", request.sudo().result.memo)
        self.assertEqual(self.invoice.amount_residual, 1000.0)
        self.assertFalse(
            [row for row in self.rows().values() if row["state"] == "waiting"]
        )

    def test_reader(self):
        """Who only reads sees that it waits, and has no button."""
        reader = self.make_user("ip_reader", "account.group_account_readonly")
        payment = self.start_attempt("done", amount=400.0).sudo().payment_id
        payment = payment.with_user(self.supervisor)
        for request in (
            payment.refund(300.0, "outside"),
            self.mine.write_off(500.0, "Insolvent"),
        ):
            part = self._get_part(reader, request)
            self.assertEqual((part["state"], part["actions"]), ("waiting", []))

    def test_draft_takes_no_payment(self):
        draft = self.make_invoice(post=False)
        section = draft.get_payment_section()
        self.assertEqual(
            (section["can_create"], section["create_blocked_reason"]),
            (False, "The invoice is not issued."),
        )

    def test_credit_note_and_write_off(self):
        credit_note = self.mine.issue_credit_note(200.0, reason="Wrong")
        write_off = self.mine.write_off(700.0, "Insolvent")
        for request, kind in (
            (credit_note, "credit_note"),
            (write_off, "write_off"),
        ):
            part = self._get_part(self.supervisor, request)
            self.assertEqual((part["kind"], part["state"]), (kind, "waiting"))
            self.assertEqual(part["amount_applied"], 0.0)
            self.assertTrue(part["kind_label"])
        other = self.mine.with_user(self.other)
        with self.assertRefused("creditable amount beside the .*200.00"):
            other.issue_credit_note(800.01, reason="Wrong")
        with self.assertRefused("remaining amount beside the .*700.00"):
            other.write_off(300.01, "Insolvent")
        # Without an amount, the rest of it.
        self.company.payment_approval_limit = False
        entry = other.write_off(reason="Insolvent")
        self.assertEqual(entry.amount_total, 300.0)
        with self.assertRefused("All of the remaining amount, .*700.00, waits"):
            other.write_off(reason="Insolvent")
        # A charge is not hindered.
        self.assertEqual(self.invoice._get_chargeable_amount(), 700.0)
        self._act(
            self._get_part(self.supervisor, write_off), "withdraw", self.supervisor
        )
        self.assertEqual(write_off.state, "withdrawn")
        self._act(self._get_part(self.approver, credit_note), "approve", self.approver)
        self.assertEqual(self.invoice.amount_residual, 500.0)

    def test_previews_say_that_it_waits(self):
        payment = self.start_attempt("done", amount=400.0).sudo().payment_id
        for model, defaults in (
            ("account.payment.refund", {"default_payment_id": payment.id}),
            ("account.write.off.create", {"default_move_id": self.invoice.id}),
            ("account.credit.note.create", {"default_move_id": self.invoice.id}),
        ):
            with self.subTest(model):
                dialogs = self.env[model].with_user(self.supervisor)
                form = Form(dialogs.with_context(**defaults))
                form.amount = 150.0
                self.assertIn("until a second person approves", form.preview)
                form.amount = 50.0
                self.assertNotIn("until a second person approves", form.preview)
