from odoo.tests import JsonRpcException, tagged
from odoo.tools import mute_logger

from ..common_http import InvoicePaymentsHttpCommon


@tagged("post_install", "-at_install")
class TestHttp(InvoicePaymentsHttpCommon):
    """Users reach the doors by RPC, and receipts in the portal."""

    def setUp(self):
        super().setUp()
        self.failed = self.do(lambda: self._charge("error"))
        self.payment = self.do(lambda: self._record())
        self._settle_data()

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
        member = self.env["res.users"].search([("login", "=", "ip_member")])
        self.invoice.with_user(member).check_access("read")
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

    def _get_receipt(self, payment=None, token=None, user=None):
        payment = payment or self.payment
        url = f"/my/invoices/{self.invoice.id}/payments/{payment.id}/receipt"
        return self.open_url(url, user, **({"access_token": token} if token else {}))

    def test_receipt_with_the_invoice_s_link(self):
        token = self.invoice.sudo()._portal_ensure_token()
        self.env.flush_all()
        self.assertPdf(self._get_receipt(token=token))

    def test_receipt_for_the_customer(self):
        self.assertPdf(self._get_receipt(user="ip_member"))

    def test_receipt_with_a_foreign_link(self):
        other = self.make_invoice().sudo()
        token = other._portal_ensure_token()
        self.env.flush_all()
        for access_token in (token, "x", None):
            self.assertTurnedAway(self._get_receipt(token=access_token))

    def test_receipt_for_another_customer(self):
        self.assertTurnedAway(self._get_receipt(user="ip_stranger"))

    def test_receipt_of_another_invoice_s_payment(self):
        invoice = self.invoice
        token = invoice.sudo()._portal_ensure_token()
        self.invoice = self.make_invoice()
        foreign = self.do(lambda: self._record())
        self.invoice = invoice
        self.assertTurnedAway(self._get_receipt(foreign, token=token))

    def test_receipt_of_a_payment_that_was_reset(self):
        self.payment.sudo().action_draft()
        self.env.flush_all()
        self.assertTurnedAway(self._get_receipt(user="ip_member"))

    def test_portal_page_links_the_receipts(self):
        self.authenticate("ip_member", "ip_member")
        page = self.url_open(f"/my/invoices/{self.invoice.id}", timeout=60).text
        self.assertIn(f"/payments/{self.payment.id}/receipt", page)
