import itertools

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from odoo.fields import Command
from odoo.tests import BaseCase, tagged

from ...proportion import (
    Part,
    apportion,
    reduce_in_proportion,
)
from ..common import InvoicePaymentsCommon
from ..invariants import check_credit_notes

GENERATED = {
    "derandomize": True,
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}
TAXES = (
    "excluded",
    "reduced",
    "included",
    "included_too",
    "fixed",
    "group",
    "compound",
    "split",
    "negative",
)


@tagged("post_install", "-at_install")
class TestProportion(BaseCase):
    """The arithmetic, in whole units and without Odoo."""

    @settings(max_examples=300, **GENERATED)
    @given(
        parts=st.lists(st.integers(-500, 5000), min_size=1, max_size=8),
        fraction=st.fractions(0, 1),
    )
    def test_apportion(self, parts, fraction):
        total = round(sum(parts) * fraction)
        wanted = [float(part * fraction) for part in parts]
        result = apportion(total, wanted, parts)
        self.assertEqual(sum(result), total)
        for part, exact, limit in zip(result, wanted, parts, strict=True):
            self.assertLessEqual(abs(part - exact), 1 + 1e-6)
            self.assertTrue(min(0, limit) <= part <= max(0, limit))

    def test_taxes_that_do_not_fit(self):
        with self.assertRaises(ValueError):
            apportion(11, [5.0, 6.0], [5, 5])

    def test_much_more_than_wanted(self):
        self.assertEqual(apportion(10**9, [0.0, 1.0], [10**9, 10**9]), [500000000] * 2)

    @settings(max_examples=240, **GENERATED)
    @given(
        lines=st.lists(
            st.tuples(st.integers(1, 5000), st.integers(0, 400), st.integers(0, 400)),
            min_size=1,
            max_size=6,
        ),
        steps=st.lists(st.integers(1, 60), min_size=1, max_size=40),
    )
    @example(lines=[(100, 7, 13)], steps=[1] * 119)
    @example(lines=[(100, 50, 50)] * 6, steps=[1] * 40)
    def test_many_small_notes(self, lines, steps):
        """No running total strays from the proportion, and nothing turns negative."""
        parts = {
            Part(index, tax): units
            for index, line in enumerate(lines)
            for tax, units in zip((None, ("a",), ("b",)), line, strict=True)
        }
        total = sum(parts.values())
        left = dict(parts)
        credited = 0
        for step in steps:
            amount = min(step, total - credited)
            credited += amount
            wanted = {
                part: units * credited / total - (units - left[part])
                for part, units in parts.items()
            }
            taken = reduce_in_proportion(amount, wanted, left)
            self.assertEqual(sum(taken.values()), amount)
            for part, units in taken.items():
                self.assertTrue(0 <= units <= left[part])
                left[part] -= units
            for tax in (("a",), ("b",)):
                of_tax = [part for part in parts if part.tax == tax]
                running = sum(parts[part] - left[part] for part in of_tax)
                exact = sum(parts[part] for part in of_tax) * credited / total
                self.assertLess(abs(running - exact), 1 + 1e-6)
        rest = reduce_in_proportion(total - credited, dict(left), left)
        self.assertEqual(rest, left)


@tagged("post_install", "-at_install")
class TestCreditNoteTaxes(InvoicePaymentsCommon):
    """Generated invoices, credited bit by bit until nothing is left."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tag = cls.env["account.account.tag"].create(
            {"name": "credited", "applicability": "taxes"}
        )
        accounts = [
            cls.env["account.account"].create(
                {"name": f"Tax {n}", "code": f"TAX{n}", "account_type": account_type}
            )
            for n, account_type in enumerate(("liability_current", "expense"))
        ]

        def split(document_type):
            return [
                Command.create(
                    {
                        "repartition_type": "base",
                        "document_type": document_type,
                        "tag_ids": [Command.set(tag.ids)],
                    }
                ),
                *(
                    Command.create(
                        {
                            "repartition_type": "tax",
                            "document_type": document_type,
                            "factor_percent": percent,
                            "account_id": account.id,
                        }
                    )
                    for percent, account in zip((61, 39), accounts, strict=True)
                ),
            ]

        def make_tax(amount, **values):
            return cls.env["account.tax"].create(
                {"name": f"Tax {next(numbers)}", "amount": amount, **values}
            )

        numbers = itertools.count()
        included = {"price_include_override": "tax_included"}
        cls.taxes = {
            "excluded": make_tax(20),
            "reduced": make_tax(5.5, analytic=True),
            "included": make_tax(21, **included),
            "included_too": make_tax(3, **included),
            "fixed": make_tax(0.37, amount_type="fixed"),
            "group": make_tax(
                0,
                amount_type="group",
                children_tax_ids=[Command.set((make_tax(7) | make_tax(3)).ids)],
            ),
            "compound": make_tax(10, include_base_amount=True, sequence=0),
            "split": make_tax(
                8.1,
                invoice_repartition_line_ids=split("invoice"),
                refund_repartition_line_ids=split("refund"),
            ),
            "negative": make_tax(-2),
        }
        cls.cash_roundings = {
            strategy: cls.env["account.cash.rounding"].create(
                {
                    "name": strategy,
                    "rounding": 0.05,
                    "strategy": strategy,
                    "rounding_method": "HALF-UP",
                    "profit_account_id": accounts[0].id,
                    "loss_account_id": accounts[1].id,
                }
            )
            for strategy in ("add_invoice_line", "biggest_tax")
        }
        plan = cls.env["account.analytic.plan"].create({"name": "Plan"})
        cls.analytic_accounts = cls.env["account.analytic.account"].create(
            [{"name": name, "plan_id": plan.id} for name in "AB"]
        )

    def setUp(self):
        super().setUp()
        self.foreign = {
            "JPY": self.make_currency("JPY", 151.0),
            "EUR": self.make_currency("EUR", 0.9137),
            "KWD": self.make_currency("KWD", 0.3071),
        }

    def make_taxed_invoice(self, lines, currency=None, cash_rounding=None, **values):
        """Return an invoice; its lines are tuples of price, quantity, discount, taxes.

        The currency is given by its code, the cash rounding by its strategy.
        """
        if currency:
            values["currency_id"] = self.foreign[currency].id
        if cash_rounding:
            rounding = self.cash_roundings[cash_rounding]
            values["invoice_cash_rounding_id"] = rounding.id
        invoice = self.make_invoice(
            invoice_line_ids=[
                Command.create(
                    {
                        "name": f"Line {number}",
                        "price_unit": price,
                        "quantity": quantity,
                        "discount": discount,
                        "tax_ids": [
                            Command.set([self.taxes[name].id for name in names])
                        ],
                        "analytic_distribution": {
                            str(self.analytic_accounts[number % 2].id): 100
                        },
                    }
                )
                for number, (price, quantity, discount, names) in enumerate(lines)
            ],
            **values,
        )
        return invoice.with_user(self.supervisor)

    def credit(self, invoice, amount=None, **values):
        """Issue a credit note and check all of the invoice."""
        credit_note = invoice.issue_credit_note(amount, reason="Goodwill", **values)
        self.env.flush_all()
        check_credit_notes(self, invoice.sudo())
        return credit_note

    def credit_bit_by_bit(self, invoice, steps):
        """Credit an invoice in these steps, and then the rest."""
        currency = invoice.currency_id
        for way, fraction in steps:
            left = invoice._get_creditable_amount()
            amount = currency.round(left * fraction)
            if currency.is_zero(amount):
                continue
            if way == "amount":
                self.credit(invoice, amount)
            elif way == "cent":
                self.credit(invoice, currency.rounding)
            elif way == "reversal":
                self.reverse_in_part(invoice, fraction)
            else:
                self.credit_lines(invoice, way, fraction)
        if not currency.is_zero(invoice._get_creditable_amount()):
            self.credit(invoice)
        self.assertEqual(invoice._get_creditable_amount(), 0)
        self.assertEqual(invoice.amount_residual, 0)

    def credit_lines(self, invoice, way, fraction):
        """Credit a part of each line, by amounts or by quantities."""
        credit = invoice._get_credit(invoice.invoice_date)
        lines = []
        for line in invoice.invoice_line_ids:
            units = round(
                credit.get_line_total(line.id, credit.left["_currency"]) * fraction
            )
            quantity = round(credit.get_quantity_left(line) * fraction, 2)
            if way == "lines" and units:
                amount = invoice._get_amount(units)
                lines.append({"line_id": line.id, "amount": amount})
            elif way == "quantities" and quantity > 0:
                lines.append({"line_id": line.id, "quantity": quantity})
        try:
            amount = invoice._get_credit_total(None, lines, invoice.invoice_date)
        except Exception:  # noqa: BLE001, pylint: disable=broad-except
            return  # The lines come to less than nothing, or to more than is left.
        credit_note = self.credit(invoice, lines=lines)
        self.assertEqual(credit_note.amount_total, amount)

    def reverse_in_part(self, invoice, fraction):
        """Issue an ordinary credit note of Odoo, with smaller quantities."""
        credit_note = invoice.sudo()._reverse_moves(
            [{"invoice_date": invoice.invoice_date, "invoice_cash_rounding_id": False}]
        )
        for line in credit_note.invoice_line_ids:
            line.quantity = round(line.quantity * fraction, 2)
        self.env.flush_all()
        left = invoice._get_creditable_amount()
        if not 0 < credit_note.amount_total <= left:
            credit_note.unlink()
            return
        credit_note.action_post()
        self.env.flush_all()

    @settings(max_examples=16, **GENERATED)
    @given(
        lines=st.lists(
            st.tuples(
                st.integers(1, 99999).map(lambda cents: cents / 100),
                st.sampled_from((1, 2, 3, 7, 0.5)),
                st.sampled_from((0, 0, 10, 33.33)),
                st.lists(st.sampled_from(TAXES), unique=True, max_size=3),
            ),
            min_size=1,
            max_size=4,
        ),
        steps=st.lists(
            st.tuples(
                st.sampled_from(("amount", "cent", "lines", "quantities", "reversal")),
                st.floats(0.01, 0.9),
            ),
            max_size=4,
        ),
        currency=st.sampled_from((None, None, "JPY", "EUR", "KWD")),
        cash_rounding=st.sampled_from((None, None, "add_invoice_line", "biggest_tax")),
        rounding_method=st.sampled_from(("round_globally", "round_per_line")),
    )
    @example(
        lines=[(218.11, 3, 10, ["split"]), *[(0.01, 1, 0, [])] * 3],
        steps=[("amount", 0.01)],
        currency="EUR",
        cash_rounding=None,
        rounding_method="round_globally",
    )
    @example(
        lines=[
            (17.55, 3, 0, ["excluded", "fixed"]),
            (17.55, 3, 33.33, ["fixed", "included_too"]),
        ],
        steps=[
            ("cent", 0.5),
            ("lines", 0.4831642393378221),
            ("lines", 0.12086728233936515),
            ("reversal", 0.24082504475703434),
        ],
        currency="JPY",
        cash_rounding="add_invoice_line",
        rounding_method="round_per_line",
    )
    def test_generated(self, lines, steps, currency, cash_rounding, rounding_method):
        self.company.tax_calculation_rounding_method = rounding_method
        invoice = self.make_taxed_invoice(lines, currency, cash_rounding)
        if invoice.amount_total > 0:
            self.credit_bit_by_bit(invoice, steps)

    def test_cents_of_a_tax_on_two_accounts(self):
        """The second cent goes to the second account, which the engine never does."""
        invoice = self.make_taxed_invoice([(100.0, 1, 0, ["split"])])
        booked = {}
        for names in (["Tax 0"], ["Tax 0", "Tax 1"]):
            lines = self.credit(invoice, 0.13).sudo().line_ids
            for line in lines.filtered("tax_repartition_line_id"):
                name = line.account_id.name
                booked[name] = booked.get(name, 0.0) + line.balance
            self.assertEqual(booked, dict.fromkeys(names, 0.01))
        self.credit(invoice)
        self.assertEqual(invoice.amount_residual, 0.0)

    def test_line_that_another_module_adds(self):
        """It is refused in words, also where a tax goes to two accounts."""
        moves = self.env.registry["account.move"]
        prepare = moves._prepare_credit_note_lines

        def add_line(invoice, credit, date):
            line = {"name": "Stamp", "price_unit": 10.0}
            line["tax_ids"] = [Command.set(self.taxes["split"].ids)]
            return [*prepare(invoice, credit, date), line]

        invoice = self.make_taxed_invoice([(100.0, 1, 0, ["split"])])
        self.patch(moves, "_prepare_credit_note_lines", add_line)
        with self.assertRefused(r"would come to \$\s64.86 instead of \$\s54.05"):
            self.credit(invoice, 54.05)

    def test_rounding_in_cash_is_credited(self):
        """In a part it is a line as any other; the rest takes what is left of it."""
        invoice = self.make_taxed_invoice(
            [(99.98, 1, 0, [])], cash_rounding="add_invoice_line"
        )
        self.assertEqual(invoice.amount_total, 100.0)
        [rounding] = invoice.sudo().line_ids.filtered(
            lambda line: line.display_type == "rounding"
        )
        for amount, part in ((50.0, 0.01), (None, 0.01)):
            lines = self.credit(invoice, amount).sudo().line_ids
            [line] = lines.filtered(lambda line: line.credited_line_id == rounding)
            self.assertEqual(line.account_id, rounding.account_id)
            self.assertEqual((line.display_type, line.balance), ("product", part))
            self.assertFalse(line.tax_ids or line.product_id)
        self.assertEqual(invoice.amount_residual, 0.0)

    def test_tax_that_was_entered_without_a_base(self):
        """It is a part of its own, and credited in proportion."""
        invoice = self.make_taxed_invoice([(100.0, 1, 0, [])], post=False)
        repartition_line = self.taxes["excluded"].invoice_repartition_line_ids[1]
        invoice.sudo().with_context(skip_invoice_sync=True).line_ids = [
            Command.create(
                {
                    "name": "Entered",
                    "display_type": "tax",
                    "account_id": self.company_data["default_account_tax_sale"].id,
                    "tax_repartition_line_id": repartition_line.id,
                    "amount_currency": -20.0,
                    "balance": -20.0,
                }
            ),
            *(
                Command.update(line.id, {"amount_currency": 120, "balance": 120})
                for line in invoice.line_ids
                if line.display_type == "payment_term"
            ),
        ]
        invoice.sudo().action_post()
        self.assertEqual(invoice.amount_total, 120.0)
        [tax_line] = invoice.sudo().line_ids.filtered("tax_repartition_line_id")
        parts = invoice._get_parts()
        for amounts in parts.values():
            self.assertEqual(amounts[Part(tax_line.id)], 2000)
        lines = self.credit(invoice, 60.0).sudo().line_ids
        [line] = lines.filtered(lambda line: line.credited_line_id == tax_line)
        self.assertEqual((line.account_id, line.balance), (tax_line.account_id, 10.0))
        self.assertEqual(invoice.amount_residual, 60.0)
