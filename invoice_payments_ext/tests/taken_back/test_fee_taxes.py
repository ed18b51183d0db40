from odoo.fields import Command
from odoo.tests import tagged

from .common_taken_back import TakenBackCommon


@tagged("post_install", "-at_install")
class TestFeeTaxes(TakenBackCommon):
    """The fee includes the purchase taxes of its account, exact to the cent."""

    def setUp(self):
        super().setUp()
        self.account = self.company.sudo()._get_provider_fee_account()
        self.tax_account = self.company_data["default_account_tax_purchase"]

    def make_tax(self, amount, factors=(100,), **values):
        """Create a purchase tax; several factors are those of a reverse charge."""
        lines = [
            Command.create({"repartition_type": "base"}),
            *(
                Command.create(
                    {
                        "repartition_type": "tax",
                        "factor_percent": factor,
                        "account_id": self.tax_account.id,
                    }
                )
                for factor in factors
            ),
        ]
        return (
            self.env["account.tax"]
            .sudo()
            .create(
                {
                    "name": f"{amount} {factors}",
                    "amount": amount,
                    "type_tax_use": "purchase",
                    "company_id": self.company.id,
                    "invoice_repartition_line_ids": lines,
                    "refund_repartition_line_ids": lines,
                    **values,
                }
            )
        )

    def fee_lines(self, reversal):
        """Return the amounts of the fee's entry, and the taxes of each."""
        reversal.env.invalidate_all()
        return {
            (
                line.account_id,
                line.amount_currency,
                line.tax_ids,
                line.tax_line_id,
            )
            for line in reversal.sudo().fee_move_id.line_ids
        }

    def check(self, taxes, *expected, **values):
        self.account.tax_ids = taxes
        self._keep()
        reversal = self.report("returned_debit", amount=10, **values)
        none = taxes.browse()
        receipts = self.payment.sudo().outstanding_account_id
        fee = reversal.fee_amount
        self.assertEqual(
            self.fee_lines(reversal), {*expected, (receipts, -fee, none, none)}
        )
        self.assertEqual(reversal.sudo().fee_move_id.state, "posted")
        before = self.tax_sum()
        reversal.cancel()
        self.env.invalidate_all()
        self.assertEqual(self.ledger_sums()["F"], 0)
        self.assertEqual(self.ledger_sums()["O"], 1000)
        self.assertEqual(self.tax_sum(), 0)
        return before

    def tax_sum(self):
        self.env.flush_all()
        lines = self.env["account.move.line"].search(
            [
                ("account_id", "=", self.tax_account.id),
                ("parent_state", "=", "posted"),
            ]
        )
        return self.company.currency_id.round(sum(lines.mapped("balance")))

    def test_it_includes_the_tax(self):
        tax = self.make_tax(19)
        none = tax.browse()
        vat = self.check(
            tax,
            (self.account, 12.61, tax, none),
            (self.tax_account, 2.39, none, tax),
            fee=15,
        )
        self.assertEqual(vat, 2.39)

    def test_two_taxes_and_what_rounding_leaves(self):
        taxes = self.make_tax(8.5) | self.make_tax(7.3, price_include_override=None)
        none = taxes.browse()
        self.check(
            taxes,
            (self.account, 0.09, taxes, none),
            (self.tax_account, 0.01, none, taxes[0]),
            (self.tax_account, 0.01, none, taxes[1]),
            fee=0.11,
        )

    def test_reverse_charge(self):
        """All of the fee is the base; what is owed is deducted as well."""
        tax = self.make_tax(20, (100, -100))
        none = tax.browse()
        vat = self.check(
            tax,
            (self.account, 15, tax, none),
            (self.tax_account, 3, none, tax),
            (self.tax_account, -3, none, tax),
            fee=15,
        )
        self.assertEqual(vat, 0)

    def test_a_tax_of_sales_and_none(self):
        none = self.env["account.tax"]
        sales = self.make_tax(19, type_tax_use="sale")
        for taxes in (none, sales):
            self.check(taxes, (self.account, 15, none, none), fee=15)

    def test_in_another_currency(self):
        currency = self.make_currency("EUR", 3.0)
        invoice = self.make_invoice(100, currency_id=currency.id)
        invoice = invoice.with_user(self.supervisor)
        self.gateway.answers = ["done"]
        payment = invoice.charge(self.token.id).sudo().payment_id
        self.account.tax_ids = tax = self.make_tax(19)
        self._keep()
        reversal = self.report(
            "returned_debit", payment=payment.with_user(self.supervisor), fee=10
        )
        lines = reversal.sudo().fee_move_id.line_ids
        found = {
            (line.tax_line_id or line.tax_ids, line.amount_currency, line.balance)
            for line in lines
        }
        none = tax.browse()
        self.assertEqual(sum(lines.mapped("balance")), 0)
        self.assertEqual({row[1] for row in found}, {8.4, 1.6, -10})
        self.assertIn((none, -10, -3.33), found)
