from urllib.parse import urlencode

from lxml.html import fromstring

from odoo.fields import Command
from odoo.tests import HttpCase, JsonRpcException, tagged
from odoo.tools import mute_logger

from ...controllers.portal_credit import PortalCredit
from .common_credit_history import CreditHistoryCommon


@tagged("post_install", "-at_install")
class TestCreditPortal(CreditHistoryCommon, HttpCase):
    """My credit: customers see their own credit balances, and nobody else's."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stranger = cls.make_user(cls, "ip_stranger", "base.group_portal")
        cls.member = cls.make_user(
            cls, "ip_member", "base.group_portal", partner_id=cls.partner.id
        )
        cls.make_user(cls, "ip_employee", "base.group_user")
        cls.make_user(cls, "ip_newcomer", "base.group_portal")
        cls.adjust(cls, "2026-02-10 12:00:00", -100.5, "Correction", note="They asked")
        cls.adjust(
            cls,
            "2026-02-11 12:00:00",
            77,
            "Their secret",
            customer=cls.stranger.partner_id.with_user(cls.supervisor),
        )

    def setUp(self):
        super().setUp()
        self.balance = self._balance()
        self.foreign = self._balance(self.stranger.partner_id)
        self._keep()
        self.cr.clear()

    def _open_cursor(self):
        """Stay on the cursor of the class: requests open cursors of their own."""

    def _keep(self):
        self.env.flush_all()

    # === HELPERS === #

    def _open(self, path, user="ip_member", **parameters):
        self.authenticate(user, user)
        self.env.flush_all()
        query = f"?{urlencode(parameters)}" if parameters else ""
        return self.url_open(f"{path}{query}", allow_redirects=False, timeout=60)

    def _page(self, path="/my/credit", user="ip_member", **parameters):
        response = self._open(path, user, **parameters)
        self.assertEqual(response.status_code, 200)
        # Odoo writes a space and a mark of no width into amounts.
        return response.text.replace("\xa0", " ").replace("\ufeff", "")

    def _amounts(self, page):
        """Return the texts of the cells of the history, row by row."""
        rows = fromstring(page).xpath("//table//tbody/tr")
        return [
            ["".join(cell.text_content().split()) for cell in row.xpath("./td")]
            for row in rows
        ]

    def _assert_redirected(self, response, location):
        self.assertIn(response.status_code, (302, 303))
        self.assertIn(location, response.headers["Location"])

    def _get_routes(self, balance):
        return (
            f"/my/credit/{balance.id}",
            f"/my/credit/{balance.id}/page/1",
            f"/my/credit/{balance.id}/statement",
        )

    # === PAGES OF A MEMBER === #

    def test_page(self):
        page = self._page()
        self.assertEqual(
            self._amounts(page),
            [
                ["02/10/2026", "Correction02/10/2026", "$-100.50", "$199.50"],
                ["01/10/2026", "Goodwill01/10/2026", "+$300.00", "$300.00"],
            ],
        )
        self.assertNotIn("They asked", page)
        self.assertNotIn("Their secret", page)

    def test_home(self):
        self.assertIn("/my/credit", self._page("/my/home"))
        for user, count in (("ip_member", 1), ("ip_newcomer", 0)):
            self.authenticate(user, user)
            counters = self.make_jsonrpc_request(
                "/my/counters", {"counters": ["credit_count"]}
            )
            self.assertEqual(counters["credit_count"], count)

    def test_member_without_credit(self):
        page = self._page(user="ip_newcomer")
        self.assertIn("We do not hold any credit for you", page)
        self.assertNotIn("statement", page)

    def test_contact_of_the_company(self):
        """All contacts of a company see its credit, as they see its invoices."""
        contact = self.env["res.partner"].create(
            {"name": "Bookkeeping", "parent_id": self.partner.id}
        )
        self.make_user("ip_contact", "base.group_portal", partner_id=contact.id)
        self.assertIn("Correction", self._page(user="ip_contact"))

    def test_contact_that_got_a_parent(self):
        """The contact's credit stays its own: the parent's contacts do not see it."""
        parent = self.env["res.partner"].create({"name": "Parent", "is_company": True})
        self.make_user("ip_parent", "base.group_portal", partner_id=parent.id)
        self.partner.parent_id = parent
        self.assertIn("We do not hold any credit", self._page(user="ip_parent"))
        page = self._page()
        self.assertIn("199.50", page)
        self.assertIn("pays no invoices of", page)

    def test_balances_of_several_currencies(self):
        euro = self.make_currency("EUR")
        self.adjust("2026-03-01 12:00:00", 12, "In euros", currency_id=euro.id)
        self.assertIn("Correction", self._page())
        for currency, label, other in (
            (self.company.currency_id, "Correction", "In euros"),
            (euro, "In euros", "Correction"),
        ):
            page = self._page(f"/my/credit/{self._balance(currency=currency).id}")
            for text in ("12.00", "199.50", label):
                self.assertIn(text, page)
            self.assertNotIn(other, page)

    def test_merged_balance_is_a_part_of_the_other(self):
        other = self.env["res.partner"].create({"name": "Norbert B."})
        self.adjust(
            "2026-03-01 12:00:00", 5, "Old", customer=other.with_user(self.supervisor)
        )
        merged = self._balance(other)
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        wizard._merge((self.partner | other).ids, self.partner)
        self.env.invalidate_all()
        page = self._page()
        self.assertEqual(len(fromstring(page).find_class("o_credit_balance")), 1)
        self.assertIn("204.50", page)
        self._assert_redirected(self._open(f"/my/credit/{merged.id}"), "/my/credit")

    def test_pages(self):
        self.patch(PortalCredit, "_items_per_page", 3)
        for number in range(5):
            self.adjust(f"2026-03-0{number + 1} 12:00:00", 1, f"Entry {number}")
        url = f"/my/credit/{self.balance.id}"
        self.assertIn(f"{url}/page/3", self._page())
        balances = [
            row[-1]
            for path in (url, f"{url}/page/2", f"{url}/page/3")
            for row in self._amounts(self._page(path))
        ]
        self.assertEqual(
            balances,
            [
                *(f"${199.5 + number:.2f}" for number in (5, 4, 3, 2, 1)),
                "$199.50",
                "$300.00",
            ],
        )
        # The last page stands in for those beyond it.
        self.assertEqual(
            self._amounts(self._page(f"{url}/page/{10**30}")),
            self._amounts(self._page(f"{url}/page/3")),
        )

    # === THE STATEMENT === #

    def test_statement(self):
        response = self._open(
            f"/my/credit/{self.balance.id}/statement",
            date_from="2026-02-01",
            date_to="2026-02-28",
        )
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Content-Type"], "application/pdf")
        self.assertIn(
            "Credit%20statement%202026-02-01%20to%202026-02-28.pdf",
            response.headers["Content-Disposition"],
        )
        # In tests, Odoo gives the HTML of a PDF.
        self.assertIn("Correction", response.text)
        self.assertNotIn("Goodwill", response.text)
        self.assertNotIn("They asked", response.text)

    def test_statement_of_the_proposed_period(self):
        response = self._open(f"/my/credit/{self.balance.id}/statement")
        self.assertEqual(response.headers["Content-Type"], "application/pdf")

    def test_statement_of_no_period(self):
        path = f"/my/credit/{self.balance.id}/statement"
        for period, message in (
            ({"date_from": "2026-03-01", "date_to": "2026-02-01"}, "before it begins"),
            ({"date_from": "soon"}, "not given as days"),
            ({"date_to": "9999-12-31"}, "There is no statement"),
        ):
            page = self._page(path, **period)
            self.assertIn(message, page)
            self.assertIn("Correction", page)
            for day in period.values():  # What was typed is kept.
                self.assertIn(f'value="{day}"', page)

    # === WHO SEES NOTHING === #

    def test_public(self):
        for path in ("/my/credit", *self._get_routes(self.balance)):
            with self.subTest(path):
                self._assert_redirected(self._open(path, user=None), "/web/login")

    def test_another_customer_s_balance(self):
        for path in self._get_routes(self.foreign):
            with self.subTest(path):
                self._assert_redirected(self._open(path), "/my/credit")

    def test_guessed_ids(self):
        for balance_id in (0, self.foreign.id + 1000, 2**31, 10**30):
            for path in ("", "/page/1", "/statement"):
                url = f"/my/credit/{balance_id}{path}"
                with self.subTest(url):
                    self._assert_redirected(self._open(url), "/my/credit")

    def test_employee_without_accounting_rights(self):
        self.assertIn("We do not hold any credit", self._page(user="ip_employee"))
        for balance in (self.balance, self.foreign):
            for path in self._get_routes(balance):
                with self.subTest(path):
                    self._assert_redirected(
                        self._open(path, user="ip_employee"), "/my/credit"
                    )

    def test_accountant_sees_own_credit_only(self):
        login = self.accountant.login
        self.assertIn("We do not hold any credit", self._page(user=login))

    def test_another_company_s_credit(self):
        """A user sees credit of the user's own companies only, as with invoices."""
        other = self.make_other_company(name="Other Company")["company"]
        self.member.write(
            {"company_ids": [Command.set(other.ids)], "company_id": other.id}
        )
        self.assertIn("We do not hold any credit", self._page())
        self._assert_redirected(
            self._open(f"/my/credit/{self.balance.id}"), "/my/credit"
        )

    def test_report_route_is_closed_to_members(self):
        report = "invoice_payments_ext.report_credit_statement"
        url = f"/report/html/{report}/{self.balance.id}"
        for user in ("ip_member", "ip_employee"):
            response = self._open(url, user=user)
            self.assertNotEqual(response.status_code, 200)
            self.assertNotIn("Correction", response.text)

    def test_doors_are_closed_to_members(self):
        """Members cannot use the doors even of their own balance."""
        for user in ("ip_member", "ip_employee"):
            self.authenticate(user, user)
            for model, method, *arguments in (
                ("account.credit.balance", "get_statement", self.balance.ids),
                ("account.credit.balance", "send_statement", self.balance.ids),
                ("account.credit.balance", "read", self.balance.ids),
                ("account.credit.balance.entry", "search_read", []),
                ("account.credit.balance.report", "search_read", []),
            ):
                with (
                    self.subTest(method, user=user),
                    mute_logger("odoo.http"),
                    self.assertRaisesRegex(JsonRpcException, "AccessError"),
                ):
                    self._call(model, method, *arguments)

    def test_private_steps_are_not_reachable(self):
        self.authenticate(self.accountant.login, self.accountant.login)
        for method in ("_get_statement", "_get_history", "_prepare_history_lines"):
            with (
                self.subTest(method),
                mute_logger("odoo.http"),
                self.assertRaises(JsonRpcException),
            ):
                self._call("account.credit.balance", method, self.balance.ids)

    def test_accountant_gets_the_statement_by_rpc(self):
        self.authenticate(self.accountant.login, self.accountant.login)
        statement = self._call(
            "account.credit.balance",
            "get_statement",
            self.balance.ids,
            "2026-02-01",
            "2026-02-28",
        )
        self.assertEqual(statement["opening_balance"], 300.0)
        self.assertEqual(statement["lines"][0]["date"], "2026-02-10")
        self.assertEqual(statement["closing_balance"], 199.5)

    def _call(self, model, method, *arguments):
        return self.make_jsonrpc_request(
            f"/web/dataset/call_kw/{model}/{method}",
            {"model": model, "method": method, "args": arguments, "kwargs": {}},
        )
