from odoo.tests import HttpCase, JsonRpcException, tagged
from odoo.tools import mute_logger

from .common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestHttp(InvoicePaymentsCommon, HttpCase):
    """What users reach from outside: the doors by RPC, receipts in the portal."""

    def setUp(self):
        super().setUp()
        self.failed = self._do(lambda: self._charge("error"))
        self.payment = self._do(lambda: self._record())
        self.member = self.make_user(
            "ip_member", "base.group_portal", partner_id=self.partner.id
        )
        self.stranger = self.make_user("ip_stranger", "base.group_portal")
        self.employee = self.make_user("ip_employee", "base.group_user")
        self.env.flush_all()
        self.cr.flush()
        self.cr.clear()

    def _open_cursor(self):
        """Stay on the cursor of the class: requests open cursors of their own."""

    def _keep(self):
        self.env.flush_all()

    def _do(self, work):
        """Do what commits, on a cursor of its own, and return what it made."""
        self.env.flush_all()
        invoice, env = self.invoice, self.env
        with self.registry.cursor() as cursor:
            self.env = env(cr=cursor)
            self.invoice = invoice.with_env(self.env(user=self.accountant.id))
            record = work()
            self.env.flush_all()
            cursor.commit()
        self.env, self.invoice = env, invoice
        env.invalidate_all()
        return record.with_env(env)

    def _charge(self, answer):
        self.gateway.answers = [answer]
        return self.invoice.charge(self.token.id, amount=10.0)

    def _record(self):
        return self.invoice.record_external_payment(amount=200.0)

    # === THE DOORS BY RPC === #

    def _call(self, model, method, ids, *args, **kwargs):
        return self.make_jsonrpc_request(
            f"/web/dataset/call_kw/{model}/{method}",
            {
                "model": model,
                "method": method,
                "args": [ids, *args],
                "kwargs": kwargs,
            },
        )

    def _get_doors(self):
        move, tx = "account.move", "payment.transaction"
        invoice, failed = self.invoice.ids, self.failed.ids
        return (
            (move, "charge", invoice, self.token.id),
            (move, "record_external_payment", invoice),
            (move, "issue_and_charge", invoice),
            (move, "resolve_payment_attempts", invoice),
            (tx, "retry", failed),
            (tx, "resolve", failed, True, "Because"),
            (tx, "capture", failed),
            (tx, "void", failed),
            (tx, "action_capture_attempt", failed),
            (tx, "action_void_attempt", failed),
        )

    def _assert_doors_refused(self, error):
        self.invoice.invalidate_recordset()
        before = (self.invoice.amount_residual, self.invoice.transaction_ids.ids)
        requests = list(self.gateway.requests)
        for model, method, ids, *args in self._get_doors():
            with (
                self.subTest(method),
                mute_logger("odoo.http"),
                self.assertRaises(JsonRpcException) as refusal,
            ):
                self._call(model, method, ids, *args)
            self.assertIn(error, str(refusal.exception), method)
        self.env.invalidate_all()
        self.assertEqual(
            (self.invoice.amount_residual, self.invoice.transaction_ids.ids), before
        )
        self.assertEqual(self.gateway.requests, requests)

    def test_customer_on_an_invoice_of_their_own(self):
        self.invoice.with_user(self.member).check_access("read")
        self.authenticate("ip_member", "ip_member")
        self._assert_doors_refused("odoo.exceptions.AccessError")

    def test_another_customer(self):
        self.authenticate("ip_stranger", "ip_stranger")
        self._assert_doors_refused("odoo.exceptions.AccessError")

    def test_employee_without_the_rights(self):
        self.authenticate("ip_employee", "ip_employee")
        self._assert_doors_refused("odoo.exceptions.AccessError")

    def test_public(self):
        self.authenticate(None, None)
        self._assert_doors_refused("odoo.http.SessionExpiredException")

    def test_customer_reads_no_rows_by_rpc(self):
        self.authenticate("ip_stranger", "ip_stranger")
        for method in ("get_payment_rows", "get_payment_section"):
            with (
                mute_logger("odoo.http"),
                self.assertRaisesRegex(JsonRpcException, "AccessError"),
            ):
                self._call("account.move", method, self.invoice.ids)

    def test_private_steps_are_not_reachable(self):
        self.authenticate(self.accountant.login, self.accountant.login)
        tx = "payment.transaction"
        for model, method, ids in (
            (tx, "_run_attempt", self.failed.ids),
            (tx, "_settle", self.failed.ids),
            (tx, "_set_done", self.failed.ids),
            (tx, "_cron_resolve_attempts", []),
            ("account.move", "_charge", self.invoice.ids),
            ("account.idempotency.key", "_remember", []),
        ):
            with (
                self.subTest(method),
                mute_logger("odoo.http"),
                self.assertRaises(JsonRpcException),
            ):
                self._call(model, method, ids)

    def test_accountant_charges_by_rpc(self):
        self.gateway.answers = ["done"]
        self.authenticate(self.accountant.login, self.accountant.login)
        self._call(
            "account.move", "charge", self.invoice.ids, self.token.id, amount=100.0
        )
        section = self._call("account.move", "get_payment_section", self.invoice.ids)
        self.assertEqual(section["amount_remaining"], 700.0)
        self.assertEqual(len(section["rows"]), 3)

    # === RECEIPTS === #

    def _get_receipt(self, payment=None, invoice=None, token=None, user=None):
        self.authenticate(user, user)
        invoice = invoice or self.invoice
        url = (
            f"/my/invoices/{invoice.id}/payments/{(payment or self.payment).id}/receipt"
        )
        return self.url_open(
            url,
            params={"access_token": token} if token else None,
            allow_redirects=False,
            timeout=60,
        )

    def _assert_pdf(self, response):
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Content-Type"], "application/pdf")

    def _assert_redirected(self, response):
        self.assertIn(response.status_code, (302, 303))
        self.assertIn("/my", response.headers["Location"])
        self.assertNotIn("/receipt", response.headers["Location"])

    def test_receipt_with_the_invoice_s_link(self):
        token = self.invoice.sudo()._portal_ensure_token()
        self.env.flush_all()
        self._assert_pdf(self._get_receipt(token=token))

    def test_receipt_for_the_customer(self):
        self._assert_pdf(self._get_receipt(user="ip_member"))

    def test_receipt_with_a_foreign_link(self):
        other = self.make_invoice().sudo()
        token = other._portal_ensure_token()
        self.env.flush_all()
        for access_token in (token, "x", None):
            self._assert_redirected(self._get_receipt(token=access_token))

    def test_receipt_for_another_customer(self):
        self._assert_redirected(self._get_receipt(user="ip_stranger"))

    def test_receipt_of_another_invoice_s_payment(self):
        invoice = self.invoice
        token = invoice.sudo()._portal_ensure_token()
        self.invoice = self.make_invoice()
        foreign = self._do(lambda: self._record())
        self.invoice = invoice
        self._assert_redirected(self._get_receipt(foreign, token=token))

    def test_receipt_of_a_cancelled_payment(self):
        self.payment.sudo().action_cancel()
        self.env.flush_all()
        self._assert_redirected(self._get_receipt(user="ip_member"))

    def test_portal_page_links_the_receipts(self):
        self.authenticate("ip_member", "ip_member")
        page = self.url_open(f"/my/invoices/{self.invoice.id}", timeout=60).text
        self.assertIn(f"/payments/{self.payment.id}/receipt", page)
