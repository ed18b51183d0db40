"""The accounts of credit in all charts of Odoo, chosen from their own data."""

import csv
import io
import re

from odoo.modules.module import get_module_path
from odoo.tests import TransactionCase, tagged
from odoo.tools import file_open

from ...models.credit.chart_accounts import (
    CUSTOMER_ADVANCES,
    GRANTED_DISCOUNTS,
    NEIGHBOURS,
    NEW_CODES,
    get_code_after,
    get_fallback_code,
    get_new_code,
)
from ...models.credit.chart_bad_debts import BAD_DEBTS, LOSS_CODES, LOSS_NEIGHBOURS
from .chart_table import CHARTS
from .loss_table import LOSSES

DIGITS = re.compile(r"""['"]code_digits['"]: ['"](\d+)""")
# Odoo books on these, or other settings name them.
OTHER_USES = re.compile(
    r"""['"](?:downpayment|deferred_\w+|transfer|\w*suspense\w*)_account_id['"]: """
    r"""['"](\w+)"""
)
DISCOUNT = re.compile(
    r"""['"]account_journal_early_pay_discount_loss_account_id['"]: ['"](\w+)"""
)
# The adjustment account of some charts: discounts that are granted to customers, and
# not the cost of goods, or of money.
ADJUSTMENTS = {
    "at": "7990 Other operating expenses",
    "be_comp": "657000 Financial Discounts Allowed",
    "br": "3.11.01.01.02.02 (-) Unconditional Discounts and Rebates",
    "ch": "4901 Discounts and price reductions",
    "de_skr03": "8730 Cash discounts granted",
    "de_skr04": "4730 Cash discounts granted",
    "es_pymes": "7060 Prompt payment discounts on merchandise sold",
    "fr": "665000 Discounts allowed",
    "gr": "70.01.03 Discounts and allowances - Non-related entities",
    "in": "2132 Write Off Expense",
    "it": "3111 Rebates and rebates payable",
    "lv": "6410 Discounts granted",
    "mx": "402.01.01 Returns, discounts or bonuses over sales and/or services at the "
    "general rate",
    "nl": "8065 Payment discount debtors",
    "pl": "75.010.900 Other financial costs",
    "us": "701000 Cash Discount Loss",
    "vn": "521 Sales discounts",
}
INCOME = ("income", "income_other", "expense", "expense_other")


@tagged("post_install", "-at_install")
class TestChartAccounts(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.templates = cls.env["account.chart.template"]
        cls.mapping = cls.templates._get_chart_template_mapping(get_all=True)

    def read_text(self, path):
        try:
            with file_open(path) as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def read_chart(self, parts):
        """Return the accounts of a chart by id, and the ids that Odoo uses otherwise.

        :param list[str] parts: The chart and those that it builds on.
        """
        accounts, digits, uses = {}, 6, set()
        for part in reversed(parts):
            module = self.mapping[part]["module"]
            folder = get_module_path(module)
            source = self.read_text(f"{folder}/models/template_{part}.py")
            uses |= set(OTHER_USES.findall(source))
            digits = int((DIGITS.findall(source) or [digits])[0])
            name = f"{folder}/data/template/account.account-{part}.csv"
            prefix = ""
            if part == "ng":  # The generic chart, under other ids.
                name = f"{get_module_path('account')}/data/template/" + (
                    "account.account-generic_coa.csv"
                )
                prefix = "l10n_ng_"
            for row in csv.DictReader(io.StringIO(self.read_text(name))):
                values = {key: value for key, value in row.items() if value}
                if "id" in values:
                    accounts.setdefault(prefix + values["id"], {}).update(values)
        for account in accounts.values():
            account["code"] = account["code"].ljust(digits, "0")
        return accounts, uses

    def find(self, table, parts, accounts):
        part = next((part for part in parts if part in table), None)
        return accounts[table[part]] if part else None

    def choose(self, chart):
        """Return a line for the table of charts, and the account it is about."""
        parts = self.templates._get_parent_template(chart)
        accounts, uses = self.read_chart(parts)
        discount = self.find(GRANTED_DISCOUNTS, parts, accounts)
        if discount:
            self.assertIn(discount["account_type"], INCOME)
        if own := self.find(CUSTOMER_ADVANCES, parts, accounts):
            self.assertEqual(own["account_type"], "liability_current")
            self.assertNotIn(own["id"], uses)
            return f"{own['code']} {own['name']}"
        codes = {account["code"] for account in accounts.values()}
        neighbour = self.find(NEIGHBOURS, parts, accounts)
        self.assertTrue(neighbour, "a chart is not in the tables")
        code = get_new_code(parts, neighbour["code"], codes, NEW_CODES)
        self.assertTrue(code)
        self.assertNotIn(code, codes)
        if not NEW_CODES.keys().isdisjoint(parts):
            stem = code.rstrip("0") if chart != "cr" else code[:5]
            self.assertFalse([each for each in codes if each.startswith(stem)])
        return f"{code} after {neighbour['code']} {neighbour['name']}"

    def test_account_in_each_chart(self):
        """An account that a chart gets is of its class of advances, or of liabilities.

        The table is the answer of a person who has looked at each chart.
        """
        charts = {code for code, chart in self.mapping.items() if chart["visible"]}
        self.assertGreater(len(charts), 120)
        self.assertEqual(charts, CHARTS.keys())
        for chart in sorted(charts):
            with self.subTest(chart):
                self.assertEqual(self.choose(chart), CHARTS[chart])

    def test_adjustment_account_in_each_chart(self):
        """It is the chart's own of discounts; where it has none, Odoo makes one."""
        found = {}
        for chart in sorted(CHARTS):
            parts = self.templates._get_parent_template(chart)
            accounts, _uses = self.read_chart(parts)
            account = self.find(GRANTED_DISCOUNTS, parts, accounts)
            for part in parts if not account else ():
                folder = get_module_path(self.mapping[part]["module"])
                source = self.read_text(f"{folder}/models/template_{part}.py")
                if account := accounts.get(next(iter(DISCOUNT.findall(source)), "")):
                    break
            if account:
                with self.subTest(chart):
                    self.assertIn(account["account_type"], INCOME)
                    self.assertNotRegex(account["name"].lower(), "cost of|interest")
                found[chart] = account
        self.assertGreater(len(found), 60)
        for chart, expected in ADJUSTMENTS.items():
            code, name = expected.split(" ", 1)
            with self.subTest(chart):
                self.assertTrue(found[chart]["code"].startswith(code))
                self.assertEqual(found[chart]["name"], name)

    def choose_loss(self, chart):
        """Return a line for the table of losses, as for that of charts."""
        parts = self.templates._get_parent_template(chart)
        accounts, uses = self.read_chart(parts)
        if own := self.find(BAD_DEBTS, parts, accounts):
            self.assertTrue(own["account_type"].startswith("expense"))
            self.assertNotIn(own["id"], uses)
            return f"{own['code']} {own['name']}"
        codes = {account["code"] for account in accounts.values()}
        neighbour = self.find(LOSS_NEIGHBOURS, parts, accounts)
        self.assertTrue(neighbour, "a chart is not in the tables")
        self.assertTrue(neighbour["account_type"].startswith("expense"))
        code = get_new_code(parts, neighbour["code"], codes, LOSS_CODES)
        self.assertTrue(code)
        self.assertNotIn(code, codes)
        return f"{code} after {neighbour['code']} {neighbour['name']}"

    def test_account_of_bad_debts_in_each_chart(self):
        """It takes a loss; where the chart has none, the company gets its own.

        The table is the answer of a person who has looked at each chart.
        """
        for chart in sorted(CHARTS):
            with self.subTest(chart):
                self.assertEqual(self.choose_loss(chart), LOSSES.get(chart))

    def test_account_of_bad_debts_that_is_made(self):
        company = self.env["res.company"].create({"name": "Without bad debts"})
        self.templates.try_loading("generic_coa", company, install_demo=False)
        account = company.write_off_account_id
        self.assertEqual(account.account_type, "expense")
        self.assertEqual(account.name, "Bad Debts")
        code = account.with_company(company).code
        self.assertEqual(code, LOSSES["generic_coa"].partition(" ")[0])
        company._set_write_off_accounts()
        self.assertEqual(company.write_off_account_id, account)

    def test_code_after_another_one(self):
        for code, taken, is_sub, expected in (
            ("460000", {"460000"}, False, "460001"),
            ("2.01.05.01", {"2.01.05.01", "2.01.05.02"}, False, "2.01.05.03"),
            ("2110", {"2110", "2111", "211201"}, False, "2113"),
            ("2110", {"2110", "2111", "211201"}, True, "211001"),
            ("1799", {"1799"}, False, "1800"),
            ("99", {"99"}, False, ""),
            ("B", {"B"}, False, ""),
        ):
            with self.subTest(code=code, is_sub=is_sub):
                self.assertEqual(get_code_after(code, taken, is_sub), expected)

    def test_code_that_is_taken_already(self):
        for chart, code in NEW_CODES.items():
            with self.subTest(chart):
                self.assertEqual(
                    get_new_code([chart], "112450", set(), NEW_CODES), code
                )
                taken = {"112450", code}
                following = get_new_code([chart], "112450", taken, NEW_CODES)
                self.assertEqual(following, "112451")

    def test_code_in_a_chart_that_is_not_in_the_tables(self):
        """It is in the class of the current liabilities, and in no group of theirs."""
        for liabilities, taken, groups, expected in (
            (["201000", "202000", "410000"], {"299100"}, ["2", "298"], "297000"),
            (["4200", "4300"], {"4200", "4300"}, ["42", "49"], "4890"),
            ([], set(), [], "299000"),
        ):
            with self.subTest(liabilities):
                code = get_fallback_code(liabilities, taken, groups)
                self.assertEqual(code, expected)
