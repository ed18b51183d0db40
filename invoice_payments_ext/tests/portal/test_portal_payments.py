import csv
import re
import time
from contextlib import contextmanager
from unittest.mock import patch

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL, file_open

from ..common_http import InvoicePaymentsHttpCommon
from ..common_rows import copy_rows

MANY = 10_000
# Seconds, on a busy machine. Without the limit of a page it takes minutes.
FAST = 3.0
ROW = re.compile(r'data-row="([a-z]+-\d+)"')
SECRETS = ("Secret memo", "Secret reason", "R05 do not honor")


@tagged("post_install", "-at_install")
class TestPortalPayments(InvoicePaymentsHttpCommon):
    """All payments and refunds of a customer, and nobody else's."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.payment, cls.refunded = cls.make_secret_payment(reference="Cheque 12")

    # === HELPERS === #

    def _get_rows(self, user="ip_member", path="", **params):
        """Return the ids of the rows that the page shows, in their order."""
        response = self.open_url(f"/my/payments{path}", user, **params)
        self.assertEqual(response.status_code, 200)
        for secret in (*SECRETS, self.accountant.name):
            self.assertNotIn(secret, response.text)
        return ROW.findall(response.text)

    def _charge(self, answer, **values):
        self.gateway.answers = [answer]
        return self.do(lambda: self.invoice.charge(self.token.id, **values))

    def _pay_for(self, partner, amount=50.0):
        """Return the payment of an invoice of another partner."""
        invoice, self.invoice = self.invoice, self.make_invoice(partner_id=partner.id)
        payment = self.do(lambda: self.invoice.record_external_payment(amount=amount))
        self.invoice = invoice
        self._settle_data()
        return payment

    @contextmanager
    def _many_payments(self):
        """Let the customer have many copies of the payment and the refund."""
        last = max(self.env["account.payment"].search([]).ids)
        copy_rows(
            self.payment | self.refunded,
            MANY // 2,
            date=SQL("date - number"),
            move_id=SQL("NULL"),
            source_payment_id=SQL("NULL"),
        )
        yield
        # They have no entries, so that the books would not agree.
        self.env.cr.execute("DELETE FROM account_payment WHERE id > %s", [last])

    def _set_date(self, payment, date):
        """Move a payment and its entry to another day."""
        for table, key in (
            ("account_payment", payment.id),
            ("account_move", payment.move_id.id),
        ):
            self.env.cr.execute(
                SQL(
                    "UPDATE %s SET date = %s WHERE id = %s",
                    SQL.identifier(table),
                    date,
                    key,
                )
            )
        self.env.cr.execute(
            "UPDATE account_move_line SET date = %s WHERE move_id = %s",
            [date, payment.move_id.id],
        )

    # === THE LIST === #

    def test_list(self):
        attempt = self._charge("done", amount=50.0, memo="Secret memo")
        self.assertEqual(
            self._get_rows(),
            [
                f"pay-{payment.id}"
                for payment in (attempt.payment_id, self.refunded, self.payment)
            ],
        )

    def test_words_of_a_row(self):
        attempt = self._charge("done", amount=50.0)
        rows = self.payment | self.refunded | attempt.payment_id
        charged, refund, paid = (
            rows.sudo().sorted("id", reverse=True)._prepare_portal_rows()
        )
        self.assertEqual(
            [row["title"] for row in (paid, refund, charged)],
            ["Payment", "Refund", "Payment"],
        )
        self.assertEqual(
            [row["amount"] for row in (paid, refund, charged)], [400.0, -100.0, 50.0]
        )
        self.assertEqual(
            [row["method"] for row in (paid, refund, charged)],
            [
                "Bank payment",
                "Bank payment",
                f"{self.payment_method.name} •••• 1234",
            ],
        )
        for row in (paid, refund, charged):
            self.assertEqual(row["invoices"].ids, self.invoice.ids)
            self.assertEqual(row["state"], "succeeded")
        # Other code recorded a charge that it made itself.
        recorded = self.payment.sudo()
        recorded.payment_token_id = attempt.token_id
        [row] = recorded._prepare_portal_rows()
        self.assertEqual(row["method"], charged["method"])

    def test_filters(self):
        pending = self._charge("pending", amount=50.0)
        rows = {
            name: self._get_rows(filterby=name)
            for name in ("all", "payments", "refunds", "pending", "nonsense")
        }
        paid, refunded = f"pay-{self.payment.id}", f"pay-{self.refunded.id}"
        self.assertEqual(rows["payments"], [paid])
        self.assertEqual(rows["refunds"], [refunded])
        self.assertEqual(rows["pending"], [f"tx-{pending.id}"])
        self.assertEqual(rows["all"], [f"tx-{pending.id}", refunded, paid])
        self.assertEqual(rows["nonsense"], rows["all"])

    def test_attempts_in_flight(self):
        for answer, is_listed in (
            ("pending", True),
            ("authorized", True),
            (RuntimeError("Lost"), True),
            ("error", False),
            ("cancel", False),
            ("done", False),
        ):
            with self.subTest(answer):
                self.invoice = self.make_invoice()
                self._settle_data()
                attempt = self._charge(answer, amount=10.0)
                rows = self._get_rows(filterby="pending")
                self.assertEqual(f"tx-{attempt.id}" in rows, is_listed)

    def test_refund_in_flight(self):
        payment = self._charge("done", amount=50.0).payment_id
        self.gateway.answers = ["pending"]
        attempt = self.refund(payment, 20.0, reason="Secret reason")
        self.assertEqual(self._get_rows(filterby="pending"), [f"tx-{attempt.id}"])
        (row,) = attempt.sudo()._prepare_portal_rows()
        self.assertEqual((row["title"], row["amount"]), ("Refund", -20.0))
        self.assertEqual(row["state_label"], "Being processed")

    def test_sortings(self):
        self._set_date(self.refunded, "2026-01-01")
        paid, refunded = f"pay-{self.payment.id}", f"pay-{self.refunded.id}"
        self.assertEqual(self._get_rows(sortby="date"), [paid, refunded])
        self.assertEqual(self._get_rows(sortby="oldest"), [refunded, paid])
        self.assertEqual(self._get_rows(sortby="amount"), [paid, refunded])
        self.assertEqual(self._get_rows(sortby="id; DROP"), [paid, refunded])

    def test_search(self):
        pending = self._charge("pending", amount=50.0)
        paid, refunded = f"pay-{self.payment.id}", f"pay-{self.refunded.id}"
        attempt = f"tx-{pending.id}"
        for search, search_in, found in (
            ("heque 1", "all", [paid]),
            ("heque 1", "reference", [paid]),
            ("heque 1", "invoice", []),
            (self.refunded.name, "reference", [refunded]),
            (self.invoice.name, "invoice", [attempt, refunded, paid]),
            (self.invoice.name, "nonsense", [attempt, refunded, paid]),
            (pending.reference, "reference", [attempt]),
            ("Secret", "all", []),
            ("400", "amount", [paid]),
            ("$ 400,00", "all", [paid]),
            ("-100.00", "amount", [refunded]),
            ("50.0", "amount", [attempt]),
            ("40", "amount", []),
            ("INV/2026/400", "amount", []),
            ("1234", "method", [attempt]),
            (self.payment_method.name, "method", [attempt]),
            (
                self.payment.sudo().payment_method_line_id.name,
                "method",
                [refunded, paid],
            ),
        ):
            with self.subTest(search=search, search_in=search_in):
                rows = self._get_rows(search=search, search_in=search_in)
                self.assertEqual(rows, found)

    def test_period(self):
        self._set_date(self.payment, "2026-01-31")
        pending = self._charge("pending", amount=50.0)
        paid, refunded = f"pay-{self.payment.id}", f"pay-{self.refunded.id}"
        today = str(fields.Date.today())
        for period, found in (
            ({"date_end": "2026-01-31"}, [paid]),
            ({"date_begin": "2026-01-01", "date_end": "2026-01-30"}, []),
            ({"date_begin": today, "date_end": today}, [f"tx-{pending.id}", refunded]),
            ({"date_begin": "soon"}, [f"tx-{pending.id}", refunded, paid]),
        ):
            with self.subTest(**period):
                self.assertEqual(self._get_rows(**period), found)
        page = self.open_url("/my/payments", "ip_member", date_end="2026-01-31").text
        self.assertIn('value="2026-01-31"', page)
        self.assertIn("/my/payments/csv?", page)

    def test_limit_that_is_no_day(self):
        """The page says which, and shows what it would without; the file asks again."""
        wrong = {"date_begin": "<soon>", "date_end": "2026-02-30"}
        page = self.open_url("/my/payments", "ip_member", **wrong).text
        self.assertIn("From: &lt;soon&gt; is not a date such as 2026-12-31.", page)
        self.assertIn("To: 2026-02-30 is not a date such as 2026-12-31.", page)
        self.assertEqual(page.count('role="alert"'), 2)
        rows = self._get_rows()
        self.assertEqual(ROW.findall(page), rows)
        self.assertEqual(len(rows), 2)
        response = self.open_url("/my/payments/csv", "ip_member", **wrong)
        self.assertEqual(response.status_code, 303)
        page = self.url_open(response.headers["Location"]).text
        self.assertIn("From: &lt;soon&gt; is not a date", page)
        self.assertIn("To: 2026-02-30 is not a date", page)
        for right in ({}, {"date_begin": ""}, {"date_begin": "2026-01-01"}):
            page = self.open_url("/my/payments", "ip_member", **right).text
            self.assertNotIn("is not a date", page)
            response = self.open_url("/my/payments/csv", "ip_member", **right)
            self.assertEqual(response.status_code, 200)

    def test_csv(self):
        """The file has the rows of the page, and nothing that is computed."""
        self.payment.name = "=HYPERLINK(1)"
        pending = self._charge("pending", amount=50.0)
        response = self.open_url("/my/payments/csv", "ip_member", search="nothing")
        self.assertEqual(response.status_code, 200)
        self.assertIn("text/csv", response.headers["Content-Type"])
        response = self.open_url("/my/payments/csv", "ip_member")
        head, *rows = csv.reader(response.content.decode("utf-8-sig").splitlines())
        self.assertEqual(head[0], "Date")
        self.assertEqual([row[-2] for row in rows], ["50.00", "-100.00", "400.00"])
        self.assertEqual(rows[0][3], pending.reference)
        self.assertEqual(rows[2][3], "'=HYPERLINK(1)")
        self.assertEqual({row[5] for row in rows}, {self.invoice.name})
        for secret in SECRETS:
            self.assertNotIn(secret, response.text)
        refunds = self.open_url("/my/payments/csv", "ip_member", filterby="refunds")
        self.assertEqual(len(refunds.text.splitlines()), 2)
        for user in ("ip_stranger", "ip_employee"):
            response = self.open_url("/my/payments/csv", user)
            self.assertEqual(len(response.text.splitlines()), 1)

    def test_receipts_of_a_year(self):
        """They are one document for the printing program, a page for each."""
        year = fields.Date.today().year
        printed = []

        def print_pages(reports, bodies, **values):
            printed.extend(bodies)
            return file_open("base/tests/minimal.pdf", "rb").read()

        reports = self.env.registry["ir.actions.report"]
        with patch.object(reports, "_run_wkhtmltopdf", print_pages):
            response = self.open_url(f"/my/payments/receipts/{year}", "ip_member")
        self.assertPdf(response)
        [page] = printed
        for payment in (self.payment, self.refunded):
            self.assertIn(payment.name, page)
        self.assertEqual(page.count("page-break-before"), 1)
        page = self.open_url("/my/payments", "ip_member").text
        self.assertIn(f"/my/payments/receipts/{year}", page)
        for user, asked in (("ip_member", year - 1), ("ip_stranger", year)):
            response = self.open_url(f"/my/payments/receipts/{asked}", user)
            self.assertTurnedAway(response)

    def test_nothing_to_list(self):
        page = self.open_url("/my/payments", "ip_stranger")
        self.assertIn("There are no payments for your account yet.", page.text)
        page = self.open_url("/my/payments", "ip_member", search="nothing such")
        self.assertIn("No payments match", page.text)

    def test_drafts_and_cancelled_ones_are_not_listed(self):
        self.do(
            lambda: (
                self.payment.with_env(self.env).refund_payment_ids.action_draft()
                or self.payment
            )
        )
        self.assertEqual(self._get_rows(), [f"pay-{self.payment.id}"])

    def test_rejected_one_has_no_receipt(self):
        self.do(
            lambda: (
                self.payment.with_env(self.env).refund_payment_ids.action_reject()
                or self.payment
            )
        )
        page = self.open_url("/my/payments", "ip_member").text
        self.assertIn(f'data-row="pay-{self.refunded.id}"', page)
        self.assertNotIn(f"/my/payments/{self.refunded.id}/receipt", page)

    def test_credit_is_no_payment(self):
        def spend():
            partner = self.partner.with_env(self.env).with_user(self.supervisor.id)
            partner.adjust_credit_balance(30.0, reason="Goodwill")
            return self.invoice.apply_credit_balance(30.0)

        credit = self.do(spend)
        self.assertNotIn(f"pay-{credit.id}", self._get_rows())

    # === PAGES === #

    def test_many_payments(self):
        few = self.count_queries("/my/payments", "ip_member")
        with self._many_payments():
            last = (MANY + 2 + 79) // 80
            self.assertLessEqual(
                self.count_queries("/my/payments", "ip_member"), few + 5
            )
            seen = set()
            for path, params in (
                ("", {}),
                (f"/page/{last}", {}),
                ("/page/60", {"sortby": "amount"}),
                ("", {"filterby": "refunds"}),
                ("", {"search": "INV/2026"}),
            ):
                start = time.monotonic()
                rows = self._get_rows(path=path, **params)
                self.assertLess(time.monotonic() - start, FAST, (path, params))
                self.assertLessEqual(len(rows), 80)
                self.assertTrue(rows)
                seen.update(rows if not params else ())
            self.assertEqual(len(seen), 80 + (MANY + 2) % 80)

    def test_newest_page_is_read_by_the_index(self):
        with self._many_payments():
            user = self.env["res.users"].search([("login", "=", "ip_member")])
            payments = self.env["account.payment"].with_user(user).sudo()
            query = payments._search(
                payments._get_portal_domain(), order="date DESC, id DESC", limit=80
            )
            self.env.cr.execute(SQL("EXPLAIN %s", query.select()))
            plan = "\n".join(line for (line,) in self.env.cr.fetchall())
            self.assertIn("account_payment_partner_id_date_idx", plan)
            self.assertNotIn("Sort", plan)

    def test_page_that_does_not_exist(self):
        self.assertEqual(self._get_rows(path="/page/99"), self._get_rows())

    # === WHO MAY === #

    def test_public_visitor_is_asked_to_log_in(self):
        for url in ("/my/payments", f"/my/payments/{self.payment.id}/receipt"):
            response = self.open_url(url, access_token=self.invoice.access_token)
            self.assertTurnedAway(response)
            self.assertIn("/web/login", response.headers["Location"])

    def test_others_see_nothing(self):
        self._charge("pending", amount=50.0)
        for user in ("ip_stranger", "ip_employee", self.accountant.login):
            with self.subTest(user):
                self.assertEqual(self._get_rows(user), [])

    def test_receipts_are_refused_to_others(self):
        token = self.invoice.sudo()._portal_ensure_token()
        self._settle_data()
        for user in ("ip_stranger", "ip_employee", self.accountant.login):
            for payment in (self.payment, self.refunded):
                url = f"/my/payments/{payment.id}/receipt"
                with self.subTest(user=user):
                    self.assertTurnedAway(self.open_url(url, user))
                    self.assertTurnedAway(self.open_url(url, user, access_token=token))

    def test_receipts_of_the_customer(self):
        for payment in (self.payment, self.refunded):
            url = f"/my/payments/{payment.id}/receipt"
            self.assertPdf(self.open_url(url, "ip_member"))

    def test_receipts_of_others(self):
        other = self.env["res.partner"].create({"name": "Other"})
        foreign = self._pay_for(other)
        for payment_id in (foreign.id, foreign.id + 1000, 0):
            url = f"/my/payments/{payment_id}/receipt"
            self.assertTurnedAway(self.open_url(url, "ip_member"))
        self.assertNotIn(f"pay-{foreign.id}", self._get_rows())

    def test_contacts_of_one_company_see_the_payments_of_all(self):
        company, other = self.env["res.partner"].create(
            [
                {"name": "Company", "is_company": True},
                {"name": "Other company", "is_company": True},
            ]
        )
        one, two, three = self.env["res.partner"].create(
            [
                {"name": "One", "parent_id": company.id},
                {"name": "Two", "parent_id": company.id},
                {"name": "Three", "parent_id": other.id},
            ]
        )
        for login, partner in (("ip_two", two), ("ip_three", three)):
            self.make_user(login, "base.group_portal", partner_id=partner.id)
        payment = self._pay_for(one)
        self.assertEqual(self._get_rows("ip_two"), [f"pay-{payment.id}"])
        self.assertEqual(self._get_rows("ip_three"), [])
        url = f"/my/payments/{payment.id}/receipt"
        self.assertPdf(self.open_url(url, "ip_two"))
        self.assertTurnedAway(self.open_url(url, "ip_three"))

    def test_payments_in_companies_that_the_user_is_not_of(self):
        user = self.env["res.users"].search([("login", "=", "ip_member")])
        company = self.env["res.company"].create({"name": "Elsewhere"})
        user.write(
            {
                "company_ids": [Command.set(company.ids)],
                "company_id": company.id,
            }
        )
        self._settle_data()
        self.assertEqual(self._get_rows(), [])
        url = f"/my/payments/{self.payment.id}/receipt"
        self.assertTurnedAway(self.open_url(url, "ip_member"))

    def test_bills_of_a_vendor_are_not_listed(self):
        payment = self.env["account.payment"].create(
            {
                "payment_type": "outbound",
                "partner_type": "supplier",
                "partner_id": self.partner.id,
                "amount": 10.0,
            }
        )
        payment.action_post()
        self._settle_data()
        self.assertNotIn(f"pay-{payment.id}", self._get_rows())
        self.assertTurnedAway(
            self.open_url(f"/my/payments/{payment.id}/receipt", "ip_member")
        )

    # === HOME === #

    def test_card_on_the_home_page(self):
        self.authenticate("ip_member", "ip_member")
        page = self.url_open("/my/home", timeout=60).text
        self.assertIn('href="/my/payments"', page)
        for user, count in (("ip_member", 1), ("ip_stranger", 0), ("ip_employee", 0)):
            self.authenticate(user, user)
            counters = self.make_jsonrpc_request(
                "/my/counters", {"counters": ["my_payment_count"]}
            )
            self.assertEqual(counters, {"my_payment_count": count})

    def test_card_counts_attempts_in_flight(self):
        self.invoice = self.make_invoice(
            partner_id=self.env["res.partner"].create({"name": "New"}).id
        )
        self.token = self._create_token(partner_id=self.invoice.partner_id.id)
        self.make_user(
            "ip_new", "base.group_portal", partner_id=self.invoice.partner_id.id
        )
        self._charge("pending")
        self._settle_data()
        self.authenticate("ip_new", "ip_new")
        counters = self.make_jsonrpc_request(
            "/my/counters", {"counters": ["my_payment_count"]}
        )
        self.assertEqual(counters, {"my_payment_count": 1})

    def test_breadcrumbs(self):
        page = self.open_url("/my/payments", "ip_member").text
        self.assertIn('breadcrumb-item active">Payments & Refunds<', page)
