from unittest.mock import patch

from lxml import etree

from odoo import fields
from odoo.exceptions import LockError
from odoo.tests import Form, tagged

from ..credit.common_credit import CreditCommon


@tagged("post_install", "-at_install")
class TestJoint(CreditCommon):
    """One cheque for several invoices of a customer is one payment."""

    @classmethod
    def give_first_credit(cls):
        """Hold no credit: it would pay the invoices when they are issued."""

    def setUp(self):
        super().setUp()
        self.late = self.make_invoice(300.0, invoice_date_due="2026-03-01")
        self.parts = self.make_invoice_with_instalments(400.0)  # On 15 Jan, and 14 Feb.
        self.last = self.make_invoice(100.0, invoice_date_due="2026-04-01")
        self.invoices = self.late | self.parts | self.last
        self._keep()

    def _record(self, amount=None, **arguments):
        arguments.setdefault("external_kind", "cheque")
        return self.invoices.record_joint_payment(amount, **arguments)

    def _left(self):
        self.env.invalidate_all()
        return self.invoices.mapped("amount_residual")

    def _applied(self, invoice, payment):
        (row,) = [
            row for row in invoice.get_payment_rows() if row["payment_id"] == payment.id
        ]
        self.assertEqual(row["amount"], payment.amount)
        return row["amount_applied"]

    # === BOOKING === #

    def test_one_payment_pays_the_oldest_first(self):
        payment = self._record(350.0, reference="CHQ 1", date="2026-02-20", notify=True)
        self.assertEqual(len(payment), 1)
        self.assertEqual(payment.amount, 350.0)
        self.assertEqual(payment.external_kind, "cheque")
        self.assertEqual(payment.payment_reference, "CHQ 1")
        self.assertEqual(str(payment.date), "2026-02-20")
        self.assertEqual(payment.memo, f"{self.parts.name}")
        self.assertEqual(payment.partner_id, self.partner)
        self.assertEqual(self._left(), [300.0, 50.0, 100.0])
        self.assertEqual(payment.reconciled_invoice_ids, self.parts)
        # The next one pays the rest, and a part of the one after it.
        payment = self._record(100.0)
        self.assertEqual(self._left(), [250.0, 0.0, 100.0])
        self.assertEqual(payment.reconciled_invoice_ids, self.parts | self.late)
        self.assertEqual(self._applied(self.late, payment), 50.0)
        # The numbers are on the receipt already, a note of the staff is not.
        self.assertIn(self.late.name, payment.memo)
        self.assertEqual(payment._get_receipt_memo(), "")
        payment.memo = "Thank you"
        self.assertEqual(payment._get_receipt_memo(), "Thank you")
        self.assertEqual(self._applied(self.parts, payment), 50.0)
        payment = (self.late | self.last).record_joint_payment()
        self.assertEqual(payment.amount, 350.0)
        self.assertFalse(payment.external_kind)
        self.assertTrue(payment.is_reconciled)
        self.assertEqual(self._left(), [0.0, 0.0, 0.0])
        self.assertEqual(self.late.payment_state, self.parts.payment_state)
        self.assertFalse(self.gateway.requests)

    def test_parts_are_as_they_were_given(self):
        parts = [
            {"invoice_id": self.late.id, "amount": 10.0},
            {"invoice_id": self.parts.id, "amount": 250.0},
            {"invoice_id": self.last.id, "amount": 100.0},
        ]
        payment = self._record(parts=parts)
        self.assertEqual(payment.amount, 360.0)
        self.assertEqual(self._left(), [290.0, 150.0, 0.0])
        lines = self.parts.line_ids.filtered("date_maturity").sorted("date_maturity")
        self.assertEqual(lines.mapped("amount_residual"), [0.0, 150.0])

    def test_part_that_the_first_instalment_takes(self):
        parts = [{"invoice_id": self.parts.id, "amount": 120.0}]
        self._record(120.0, parts=parts)
        self.assertEqual(self._left(), [300.0, 280.0, 100.0])
        lines = self.parts.sudo()._get_open_receivable_lines().sorted("date_maturity")
        self.assertEqual(lines.mapped("amount_residual"), [80.0, 200.0])

    def test_rest_is_kept_as_credit(self):
        with self.assertRefused("100.00 of the amount pay no invoice"):
            self._record(900.0)
        payment = self._record(900.0, excess="credit")
        self.assertEqual(self._left(), [0.0, 0.0, 0.0])
        self.assertEqual(self._balance().amount, 100.0)
        self.assertTrue(payment.is_reconciled)

    def test_amount_beside_one_in_flight(self):
        self.invoice = self.parts
        self.make_portal_transaction("pending", amount=150.0)
        payment = self._record()
        self.assertEqual(payment.amount, 650.0)
        self.assertEqual(self._left(), [0.0, 150.0, 0.0])
        # Nothing is kept as credit while the money for an invoice is on its way.
        small = self.make_invoice(9.0)
        with self.assertRefused("is in flight"):
            (small | self.parts).record_joint_payment(
                10.0,
                parts=[{"invoice_id": small.id, "amount": 9.0}],
                excess="credit",
            )

    def test_foreign_currency(self):
        euro = self.make_currency("EUR")
        self.invoices = self.make_invoice(50.0, currency_id=euro.id) | (
            self.make_invoice(30.0, currency_id=euro.id, invoice_date="2026-01-20")
        )
        self._keep()
        payment = self._record(60.0)
        self.assertEqual((payment.amount, payment.currency_id), (60.0, euro))
        self.assertEqual(self._left(), [0.0, 20.0])
        with self.assertRefused("The journal takes USD"):
            journal = self.make_currency_journal(self.company.currency_id)
            self.invoices[1].record_joint_payment(journal_id=journal.id)

    def test_one_more_invoice_takes_few_queries(self):
        few = self._count_queries(5)
        many = self._count_queries(20)
        self.assertLessEqual((many - few) / 15, 15)

    def _count_queries(self, number):
        """Return how many queries one payment of so many invoices takes."""
        draft = self.make_invoice(10.0, post=False)
        invoices = draft.union(*(draft.copy() for _number in range(number - 1))).sudo()
        invoices.invoice_date = "2026-01-15"
        invoices.action_post()
        self._keep()
        before = self.env.cr.sql_log_count
        invoices.with_user(self.accountant).record_joint_payment()
        self.env.flush_all()
        return self.env.cr.sql_log_count - before

    # === REFUSALS === #

    def test_refusal_changes_nothing(self):
        stranger = self.make_invoice(5.0, partner_id=self.partner_a.id)
        euro = self.make_invoice(5.0, currency_id=self.make_currency("EUR").id)
        draft = self.make_invoice(5.0, post=False)
        row = {"invoice_id": self.late.id, "amount": 10.0}
        before = self._take_snapshot()
        for invoices, arguments, message in (
            (self.invoices | stranger, {}, "several customers"),
            (self.invoices | euro, {}, "several currencies"),
            (self.invoices | draft, {}, "is a draft"),
            (self.invoices.browse(), {}, "There is no invoice"),
            (self.invoices, {"amount": 5.0, "parts": [row]}, "5.00 more than"),
            (self.invoices, {"parts": [row, row]}, "has two parts"),
            (self.invoices, {"parts": [{"amount": 5.0}]}, "A part is an invoice_id"),
            (self.last, {"parts": [row]}, "A part is an invoice_id"),
            (
                self.invoices,
                {"parts": [{**row, "amount": 301.0}]},
                "above the remaining amount",
            ),
            (self.invoices, {"amount": -1.0}, "above zero"),
            (self.invoices, {"external_kind": "gold"}, "is one of cash, cheque"),
            (self.invoices, {"excess": "gold"}, "kept as credit"),
            (
                self.invoices,
                {"amount": 5.0, "parts": [{**row, "amount": 0.0}]},
                "No invoice is paid",
            ),
        ):
            with self.subTest(message), self.assertRefused(message):
                invoices.record_joint_payment(**arguments)
        self.assertEqual(self._take_snapshot(), before)

    def test_replay_and_two_at_once(self):
        payment = self._record(350.0, idempotency_key="K")
        self.assertEqual(self._record(350.0, idempotency_key="K"), payment)
        self.assertEqual(self._left(), [300.0, 50.0, 100.0])
        with self.assertRefused("key K was used already"):
            self._record(340.0, idempotency_key="K")
        # Somebody else holds one of the invoices.
        lock_rows = type(self.invoices)._lock_rows

        def held(records):
            if self.late in records:
                raise LockError("held")
            return lock_rows(records)

        with (
            patch.object(self.env.registry["account.move"], "_lock_rows", held),
            self.assertRefused("Somebody else is working on the payments"),
        ):
            self._record(100.0)
        self.assertEqual(self._left(), [300.0, 50.0, 100.0])

    # === GIVING BACK === #

    def test_refund_reopens_the_chosen_invoice_first(self):
        payment = self._record().with_user(self.supervisor)
        self.assertEqual(self._left(), [0.0, 0.0, 0.0])
        payment.refund(120.0, to="outside", reason="Too much", invoice_id=self.late.id)
        self.assertEqual(self._left(), [120.0, 0.0, 0.0])
        payment.refund(to="outside", reason="It bounced")
        self.assertEqual(self._left(), [300.0, 400.0, 100.0])

    # === DIALOGS === #

    def _open(self, action):
        model = self.env[action["res_model"]].with_user(self.accountant)
        return Form(model.with_context(**action["context"]))

    def test_dialog_of_a_selection(self):
        for action in (
            self.invoices.with_context(
                pay_in_one_dialog=True
            ).action_force_register_payment(),
            self.invoices.action_record_joint_payment(),
        ):
            self.assertEqual(action["res_model"], "account.payment.create.joint")
        dialog = self._open(action)
        self.assertEqual(dialog.amount, 800.0)
        self.assertIn("800.00", dialog.button_label)
        dialog.amount = 500.0
        self.assertEqual(self._read_lines(dialog), [400.0, 100.0, 0.0])
        self.assertIn("1 of 3 invoices are paid in full, 1 in part", dialog.preview)
        with dialog.line_ids.edit(1) as line:
            line.amount = 0.0
        self.assertTrue(dialog.has_rest)
        self.assertIn("100.00 pay no invoice", dialog.preview.replace("\xa0", " "))
        with dialog.line_ids.edit(2) as line:
            line.amount = 60.0
        dialog.keep_rest = True
        self.assertIn("40.00 are kept on the credit", dialog.preview)
        dialog.external_kind = "cash"
        dialog.date = fields.Date.to_date("2026-02-20")
        dialog.reference = "Envelope"
        dialog = dialog.save()
        dialog.action_record()
        dialog.action_record()
        self.assertEqual(self._left(), [300.0, 0.0, 40.0])
        self.assertEqual(self._balance().amount, 40.0)
        payment = self.parts.reconciled_payment_ids
        self.assertEqual((payment.amount, payment.journal_id.type), (500.0, "cash"))
        self.assertEqual(payment.external_kind, "cash")

    def test_dialog_says_what_cannot_be(self):
        dialog = self._open(self.invoices.action_record_joint_payment())
        dialog.amount = 0
        self.assertIn("Enter an amount above zero.", dialog.preview)
        dialog.amount = 500.0
        with dialog.line_ids.edit(2) as line:
            line.amount = 60.0
        self.assertIn(
            "The parts of the invoices are $ 60.00 more than the amount.",
            dialog.preview.replace("\xa0", " "),
        )
        with self.assertRefused("60.00"):
            dialog.save().action_record()
        dialog = self._open(self.invoices.action_record_joint_payment())
        dialog.journal_id = self.make_currency_journal(self.make_currency("EUR"))
        self.assertIn("The journal takes EUR.", dialog.preview)
        self.assertNotIn("One payment of", dialog.preview)
        with self.assertRefused("The journal takes EUR."):
            dialog.save().action_record()
        self.assertEqual(self._left(), [300.0, 400.0, 100.0])

    def _read_lines(self, dialog):
        return [
            dialog.line_ids.edit(index)._values["amount"]
            for index in range(len(dialog.line_ids))
        ]

    def test_pay_opens_one_dialog(self):
        pay = self.invoices.with_context(pay_in_one_dialog=True)
        one = pay[0].action_register_payment()
        self.assertEqual(one["res_model"], "account.payment.create")
        other = self.make_invoice(5.0, partner_id=self.partner_a.id)
        bill = self.init_invoice("in_invoice", amounts=[5.0], post=True)
        bill.env.flush_all()  # It is of the class's cursor.
        for moves in (pay | other, bill.with_context(pay_in_one_dialog=True)):
            action = moves.action_register_payment()
            self.assertEqual(action["res_model"], "account.payment.register")
        # The buttons are Odoo's own, with its words in each language.
        arch = self.env["account.move"].get_view(view_type="form")["arch"]
        names = etree.fromstring(arch).xpath("//header//button[@string='Pay']/@id")
        self.assertEqual(
            names,
            ["account_invoice_payment_btn", "account_invoice_payment_secondary_btn"],
        )
        for name in ("account_move_view_form", "account_move_view_list_out_invoice"):
            view = self.env.ref(f"invoice_payments_ext.{name}")
            self.assertNotIn('"Pay"', view.arch_db)
        # The entry of the menu *Actions* stays Odoo's own.
        action = self.late.action_force_register_payment()
        self.assertEqual(action["res_model"], "account.payment.register")

    def test_dialog_of_a_customer(self):
        action = self.partner.with_user(self.accountant).action_record_payment()
        dialog = self._open(action)
        self.assertLessEqual(set(self.invoices.ids), set(dialog.move_ids.ids))
        stranger = self.env["res.partner"].create({"name": "Nobody"})
        with self.assertRefused("has no invoice to be paid"):
            stranger.with_user(self.accountant).action_record_payment()

    def test_dialog_of_a_customer_with_one_invoice(self):
        customer = self.env["res.partner"].create({"name": "Of one invoice"})
        invoice = self.make_invoice(50.0, partner_id=customer.id)
        action = customer.with_user(self.accountant).action_record_payment()
        self.assertEqual(action["res_model"], "account.payment.create")
        dialog = self._open(action)
        self.assertEqual((dialog.move_id.id, dialog.amount), (invoice.id, 50.0))
