from odoo import fields
from odoo.tests import Form, tagged

from .common_credit_note import CreditNoteCommon


@tagged("post_install", "-at_install")
class TestCreditNoteDialog(CreditNoteCommon):
    """The dialog proposes fitting values, shows a preview and calls the door."""

    def open(self, invoice=None):
        action = (invoice or self.invoice).action_create_credit_note()
        model = self.env[action["res_model"]].with_user(self.supervisor)
        return Form(model.with_context(**action["context"]))

    def issue(self, dialog, reason="Goodwill"):
        dialog.reason = reason
        record = dialog.save()
        action = record.action_issue()
        record.action_issue()  # A second click is the same request.
        self.env.flush_all()
        self.env.invalidate_all()
        return action

    def assertPreview(self, dialog, *texts):
        for text in texts:
            self.assertIn(text, (dialog.preview or "").replace("\u00a0", " "))

    def test_amount_of_an_open_invoice(self):
        dialog = self.open()
        self.assertEqual(dialog.amount, 1000)
        self.assertFalse(dialog.has_excess)
        dialog.amount = 120
        self.assertPreview(
            dialog,
            f"A credit note of $ 120.00 dated {fields.Date.today():%m/%d/%Y}",
            "$ 100.00, and tax 20 % $ 20.00",
            "$ 880.00 remain to be paid, instead of $ 1,000.00",
        )
        dialog.note = "Asked by phone"
        action = self.issue(dialog)
        credit_note = self.invoice.reversal_move_ids
        self.assertIn(credit_note.name, action["params"]["message"])
        self.assertEqual(credit_note.amount_total, 120)
        self.assertEqual(self.invoice.amount_residual, 880)
        self.assertIn("by phone", "".join(credit_note.message_ids.mapped("body")))

    def test_money_in_flight_is_named_and_not_given_back(self):
        self.make_portal_transaction("pending", amount=1000.0)
        dialog = self.open()
        self.assertEqual(
            (dialog.remaining_amount, dialog.amount_in_flight, dialog.amount),
            (1000, 1000, 0),
        )
        for amount in (0, 10, 1000):
            dialog.amount = amount
            self.assertPreview(dialog, "PORTAL-1 ($ 1,000.00) is in flight: Pending.")
            self.assertNotIn("is recorded as paid", dialog.preview)

    def test_paid_beside_money_in_flight_is_given_back(self):
        self.record(400)
        self.make_portal_transaction("pending", amount=200.0)
        dialog = self.open()
        self.assertEqual((dialog.remaining_amount, dialog.amount), (600, 400))
        dialog.amount = 800
        self.assertPreview(dialog, "$ 400.00 is recorded as paid from")
        dialog.amount = 801
        self.assertPreview(dialog, "PORTAL-1 ($ 200.00) is in flight: Pending.")

    def test_attempt_in_the_way_is_named(self):
        self.gateway.answers = ["pending"]
        self.invoice.charge(self.token.id, amount=100)
        self.assertPreview(self.open(), "($ 100.00) is in flight: Pending.")

    def test_lines(self):
        dialog = self.open()
        dialog.what = "lines"
        self.assertEqual(len(dialog.line_ids), 2)
        self.assertPreview(dialog, "Enter the amount to credit")
        with dialog.line_ids.edit(1) as line:
            self.assertEqual(line.creditable_amount, 400)
            line.amount = 60
        self.assertEqual(dialog.total, 60)
        self.assertPreview(dialog, "$ 50.00, and tax 20 % $ 10.00")
        self.issue(dialog)
        credit_note = self.invoice.reversal_move_ids
        self.assertEqual(
            credit_note.invoice_line_ids.credited_line_id,
            self.invoice.invoice_line_ids[1],
        )
        dialog = self.open()
        dialog.what = "lines"
        with dialog.line_ids.edit(1) as line:
            self.assertEqual(line.creditable_amount, 340)

    def test_quantity_of_a_line(self):
        invoice_line = self.invoice.invoice_line_ids[1]
        invoice_line.move_id.button_draft()
        invoice_line.quantity = 4
        invoice_line.price_unit /= 4
        self.invoice.action_post()
        dialog = self.open()
        dialog.what = "lines"
        with dialog.line_ids.edit(1) as line:
            self.assertEqual(line.creditable_quantity, 4)
            line.quantity = 3
            self.assertEqual(line.amount, 300)
        self.assertEqual(dialog.total, 300)
        self.assertPreview(dialog, "$ 250.00, and tax 20 % $ 50.00")
        self.issue(dialog)
        credit_note = self.invoice.reversal_move_ids
        self.assertEqual(credit_note.amount_total, 300)
        self.assertEqual(credit_note.invoice_line_ids.quantity, 3)
        self.assertEqual(
            credit_note.invoice_line_ids.price_unit, invoice_line.price_unit
        )
        dialog = self.open()
        dialog.what = "lines"
        with dialog.line_ids.edit(1) as line:
            self.assertEqual(line.creditable_quantity, 1)

    def test_amount_typed_after_a_quantity(self):
        dialog = self.open()
        dialog.what = "lines"
        with dialog.line_ids.edit(1) as line:
            line.quantity = 1
            self.assertEqual(line.amount, 400)
            line.amount = 90
            self.assertEqual(line.quantity, 0)
            self.assertEqual(line.amount, 90)
        self.issue(dialog)
        self.assertEqual(self.invoice.reversal_move_ids.amount_total, 90)

    def test_quantities_that_cannot_be(self):
        for quantity, message in (
            (1.5, "above the quantity that is left to credit of the line"),
            (-1, "must be a number above zero"),
        ):
            dialog = self.open()
            dialog.what = "lines"
            with dialog.line_ids.edit(1) as line:
                line.quantity = quantity
                self.assertEqual(line.amount, 0)
            self.assertPreview(dialog, message)
            dialog.reason = "Goodwill"
            record = dialog.save()
            with self.assertRefused(message):
                record.action_issue()

    def test_no_line(self):
        dialog = self.open()
        dialog.what = "lines"
        dialog.reason = "Goodwill"
        record = dialog.save()
        with self.assertRefused(
            "Enter the amounts or quantities of the lines to credit"
        ):
            record.action_issue()

    def test_amounts_that_cannot_be(self):
        dialog = self.open()
        dialog.amount = 1000.01
        self.assertPreview(dialog, "above the creditable amount of $ 1,000.00")
        dialog.amount = 0
        self.assertPreview(dialog, "Enter the amount to credit")
        dialog.amount = 100
        dialog.date = "2026-01-01"
        self.assertPreview(dialog, "lies before that of the invoice")

    def test_card_payment(self):
        self.charge()
        dialog = self.open()
        self.assertEqual(dialog.amount, 0)
        dialog.amount = 300
        self.assertEqual((dialog.excess_amount, dialog.to), (300, "original"))
        self.assertEqual(len(dialog.payment_ids), 1)
        self.assertFalse(dialog.has_outside)
        self.assertPreview(dialog, "$ 300.00 goes back to", "is paid, and stays so")
        self.issue(dialog)
        self.assertEqual(self.gateway.requests[-1][1:], ("refund", -300))
        self.assertEqual(self.invoice.reversal_move_ids.amount_residual, 0)

    def test_the_rest_goes_outside(self):
        self.record(400)
        card = self.charge(600)
        dialog = self.open()
        dialog.amount = 900
        self.assertEqual(len(dialog.payment_ids), 1)
        self.assertIn("refund it outside", dialog.blocked_reasons)
        with dialog.payment_ids.edit(0) as row:
            self.assertEqual(row.payment_id, card)
            self.assertEqual(row.amount, 600)
            row.amount = 500
        self.assertEqual(dialog.outside_amount, 400)
        dialog.reference = "CHQ 7"
        self.assertPreview(
            dialog, "$ 500.00 goes back to", "$ 400.00 is recorded as paid from"
        )
        self.issue(dialog)
        refunds = self.invoice.sudo().refund_allocation_ids.payment_id
        self.assertEqual(sorted(refunds.mapped("amount")), [100, 300, 500])
        self.assertIn("CHQ 7", refunds.mapped("payment_reference"))

    def test_too_much(self):
        self.charge(600)
        dialog = self.open()
        dialog.amount = 500
        with dialog.payment_ids.edit(0) as row:
            self.assertEqual(row.amount, 100)
            row.amount = 150
        self.assertPreview(dialog, "That is $ 50.00 more than is given back")
        dialog.reason = "Goodwill"
        record = dialog.save()
        with self.assertRefused(r"they are \$.50.00 too much"):
            record.action_issue()

    def test_external_payment(self):
        self.record()
        dialog = self.open()
        dialog.amount = 300
        self.assertEqual(dialog.to, "outside")
        self.assertPreview(dialog, "$ 300.00 is recorded as paid from")
        self.issue(dialog)
        self.assertEqual(self.invoice.reversal_move_ids.amount_residual, 0)

    def test_credit_goes_back_to_its_balance(self):
        self.company.credit_adjustment_account_id = self.company_data[
            "default_account_expense"
        ]
        self.partner.with_user(self.supervisor).adjust_credit_balance(
            400, reason="Goodwill"
        )
        self.invoice.apply_credit_balance(400)
        balance = self.env["account.credit.balance"]._find_balance(
            self.partner, self.company, self.company.currency_id
        )
        self.assertEqual(balance.amount, 0)
        dialog = self.open()
        dialog.amount = 800
        self.assertEqual((dialog.excess_amount, dialog.to), (200, "credit"))
        self.assertEqual(dialog.outside_amount, 0)
        kept = f"is kept on the credit balance of {self.partner.display_name}."
        self.assertPreview(dialog, f"$ 200.00 {kept}")
        self.issue(dialog)
        self.assertEqual((balance.amount, self.invoice.amount_residual), (200, 0))

    def test_earlier_refund(self):
        self.record()
        earlier = self.make_earlier_refund(250)
        dialog = self.open()
        dialog.amount = 300
        self.assertEqual(dialog.refund_id, earlier)
        self.assertEqual(dialog.outside_amount, 50)
        self.assertPreview(dialog, "$ 250.00 was given back before")
        self.issue(dialog)
        self.assertEqual(self.open_amount(earlier), 0)
        self.assertEqual(self.invoice.reversal_move_ids.amount_residual, 0)

    def test_declined(self):
        self.charge()
        self.gateway.reason = "Card closed"
        dialog = self.open()
        dialog.amount = 300
        self.gateway.answers = ["error"]
        action = self.issue(dialog)
        self.assertEqual(action["params"]["title"], "Refund declined")

    def test_second_person(self):
        self.make_user(
            "credit_note_approver",
            "account.group_account_invoice,invoice_payments_ext.group_payment_refund",
        )
        self.company.payment_approval_limit = 100
        dialog = self.open()
        dialog.amount = 120
        self.assertPreview(dialog, "it waits until a second person approves it")
        action = self.issue(dialog)
        self.assertEqual(action["params"]["title"], "Waits for a second person")
        self.assertFalse(self.invoice.reversal_move_ids)
        request = self.env["account.payment.approval"].search(
            [("move_id", "=", self.invoice.id)]
        )
        approver = self.env["res.users"].search(
            [("login", "=", "credit_note_approver")]
        )
        credit_note = request.with_user(approver).approve()
        self.assertEqual(credit_note.amount_total, 120)
        self.assertEqual(self.invoice.amount_residual, 880)
