"""Invoices that were open before there was a plan."""

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common_collection import CollectionCommon


@tagged("post_install", "-at_install")
class TestStart(CollectionCommon):
    def setUp(self):
        super().setUp()
        self.company.collection_plan_id = False
        self.second = self.make_invoice(200, invoice_date_due="2026-01-15")
        other = self.env["res.partner"].create({"name": "Without a method"})
        self.third = self.make_invoice(50, partner_id=other.id)
        self.draft = self.make_invoice(10, post=False)
        self.company.collection_plan_id = self.plan
        self.moves = self.invoice | self.second | self.third | self.draft
        self._keep()

    def open_dialog(self, moves=None):
        moves = (moves or self.moves).with_user(self.accountant)
        action = moves.action_start_collection()
        return (
            self.env[action["res_model"]]
            .with_user(self.accountant)
            .with_context(**action["context"])
            .create({})
        )

    def test_many_are_put_into_collection(self):
        """The dialog says before what the plan would charge, and what is left out."""
        self.assertFalse(self.get_row(self.second))
        dialog = self.open_dialog()
        self.assertEqual(dialog.plan_id, self.plan)
        preview = dialog.preview.replace("&nbsp;", " ")
        self.assertIn("2 invoices are put into collection", preview)
        self.assertIn("1 of them would be charged automatically: $ 200.00", preview)
        self.assertIn("2 are left out", preview)
        self.assertIn(f"{self.invoice.display_name} is in collection already", preview)
        action = dialog.action_start()
        self._keep()
        self.assertIn("Of 4 invoices, 2 are in collection", action["params"]["message"])
        rows = self.get_row(self.second) | self.get_row(self.third)
        self.assertEqual(rows.mapped("state"), ["running", "running"])
        self.assertEqual(rows.plan_id, self.plan)
        self.assertFalse(self.get_row(self.draft))
        self.assertFalse(self.gateway.requests, "Starting charges nothing.")
        # Sent again, it starts nothing anew.
        with self.assertRaisesRegex(UserError, "in collection already"):
            dialog.action_start()

    def test_preview(self):
        """No plan is asked for, and nobody is left out where all can be started."""
        dialog = self.open_dialog(self.second | self.third)
        self.assertEqual(dialog.company_id, self.company)
        self.assertNotIn("left out", dialog.preview)
        dialog.plan_id = False
        self.assertIn("Choose a plan.", dialog.preview)
        self.assertFalse(self.get_row(self.second))

    def test_levels(self):
        reader = self.make_user("reader", "account.group_account_readonly")
        with self.assertRaises(AccessError):
            self.moves.with_user(reader).action_start_collection()
