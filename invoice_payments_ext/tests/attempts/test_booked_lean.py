"""What a door books is matched as Odoo matches it, without comparing the invoices."""

from unittest.mock import patch

from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.account.models.account_move_line import AccountMoveLine

from ...tools import OURS
from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestBookedLean(InvoicePaymentsCommon):
    def setUp(self):
        super().setUp()
        self.company = self.company.with_env(self.env)
        self.company.tax_exigibility = True
        transition, due = self.env["account.account"].create(
            [
                {
                    "name": name,
                    "code": name.upper(),
                    "account_type": "liability_current",
                    "reconcile": name == "transition",
                }
                for name in ("transition", "due")
            ]
        )
        parts = [
            Command.create({"repartition_type": "base"}),
            Command.create({"repartition_type": "tax", "account_id": due.id}),
        ]
        self.tax = self.env["account.tax"].create(
            {
                "name": "When paid",
                "amount": 20,
                "tax_exigibility": "on_payment",
                "cash_basis_transition_account_id": transition.id,
                "invoice_repartition_line_ids": parts,
                "refund_repartition_line_ids": parts,
            }
        )
        self.euro = self.make_currency("EUR", 0.9)
        self.set_rate(self.euro, "2026-01-20", 0.7)
        self.terms = self.make_discount_terms(days=3650, due_in=30)
        self._keep()

    def get_books(self, amount=None, **values):
        """Charge a new invoice, and return the journal items that came of it."""
        last = self.env["account.move.line"].search([], order="id desc", limit=1).id
        line = {
            "name": "Service",
            "price_unit": 333.33,
            "tax_ids": [Command.set(self.tax.ids)],
        }
        invoice = self.make_invoice(
            invoice_line_ids=[Command.create(line), Command.create(line)], **values
        )
        self._keep()
        attempt = invoice.charge(self.token.id, amount)
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertTrue(attempt.payment_id)
        self.env.flush_all()
        lines = self.env["account.move.line"].search([("id", ">", last)], order="id")
        return [
            (
                line.account_id.code,
                line.display_type,
                line.currency_id.name,
                line.amount_currency,
                line.balance,
                line.amount_residual,
                line.date_maturity,
                line.tax_ids.ids,
                line.tax_line_id.id,
                line.parent_state,
            )
            for line in lines
        ]

    def test_books_are_those_of_odoo(self):
        def reconcile(lines, plan):
            compared = lines.with_context(
                reconciled_by_code=OURS, skip_invoice_sync=False
            )
            return AccountMoveLine._reconcile_plan(compared, plan)

        cases = (
            {},
            {"amount": 100.0},
            {"currency_id": self.euro.id},
            {"currency_id": self.euro.id, "amount": 99.99},
            {"invoice_payment_term_id": self.terms.id},
            {"invoice_payment_term_id": self.terms.id, "currency_id": self.euro.id},
        )
        for values in cases:
            with self.subTest(**values):
                lean = self.get_books(**values)
                model = self.env.registry["account.move.line"]
                with patch.object(model, "_reconcile_plan", reconcile):
                    compared = self.get_books(**values)
                # With the comparison, the tax is booked before the discount.
                self.assertEqual(sorted(lean, key=str), sorted(compared, key=str))
                self.assertGreater(len(lean), 6)
