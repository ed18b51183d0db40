import ast
from unittest.mock import patch

from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import file_open

from ...models.attempts.payment_provider_amounts import ACCEPTED_DECIMALS
from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestAcceptedAmounts(InvoicePaymentsCommon):
    """An amount that the gateway would round is refused, and nothing is sent.

    The dummy provider stands for one that sends whole amounts, as Xendit's module does.
    """

    def setUp(self):
        super().setUp()
        whole = {"none": {"USD": 0}}
        self.startPatcher(patch.dict(ACCEPTED_DECIMALS, whole))
        self.assertEqual(self.invoice.currency_id.name, "USD")

    def assert_refused_unsent(self, message, work, *args, **values):
        sent = len(self.gateway.requests)
        with self.assertRefused(message):
            work(*args, **values)
        self.assertEqual(len(self.gateway.requests), sent)

    def test_staff(self):
        invoice = self.make_invoice(100.5)
        would_take = r"would take \$\s100.00, not \$\s100.50"
        self.assert_refused_unsent(would_take, invoice.charge, self.token.id)
        self.assert_refused_unsent(
            "as small as", invoice.charge, self.token.id, amount=0.5
        )
        unusable = self.token._get_unusable_reasons(invoice, 100.5)
        self.assertRegex(unusable[self.token.id], would_take)
        draft = self.make_invoice(100.5, post=False)
        self.assert_refused_unsent(would_take, draft.issue_and_charge, self.token.id)
        self.assertEqual(draft.state, "draft")
        # Declined when it was another provider's, say: its retry is a new request.
        self.gateway.answers = ["error", "done"]
        with patch.dict(ACCEPTED_DECIMALS, {"none": {}}):
            declined = invoice.charge(self.token.id)
        self.assert_refused_unsent(would_take, declined.retry)
        attempt = invoice.charge(self.token.id, amount=100.0)
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertEqual(invoice.amount_residual, 0.5)
        payment = attempt.sudo().payment_id.with_user(self.supervisor)
        self.assert_refused_unsent(
            would_take.replace("100", "10"), payment.refund, amount=10.5, reason="Half"
        )
        self.assert_refused_unsent(
            would_take.replace("100", "10"), attempt.sudo()._refund, 10.5
        )
        payment.refund(amount=10.0, reason="Ten")
        self.assertEqual(self.gateway.requests[-1][1:], ("refund", -10.0))

    def test_captures(self):
        self.gateway.answers = ["authorized", "done"]
        self.provider.capture_manually = True
        authorization = self.invoice.charge(self.token.id)
        self.assert_refused_unsent("would take", authorization.capture, amount=1.5)
        self.assertEqual(authorization.capture(amount=1.0).outcome, "succeeded")

    def test_odoo_s_own_ways(self):
        """Odoo's form, and any route by which people outside start a payment."""
        dialog = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=self.invoice.ids
        )
        values = {
            "amount": 9.5,
            "payment_method_line_id": self.inbound_payment_method_line.id,
            "payment_token_id": self.token.id,
        }
        self.assert_refused_unsent(
            "would take", dialog.create(values).action_create_payments
        )
        values = {"amount": 9.5, "currency_id": self.invoice.currency_id.id}
        paid = [Command.set(self.invoice.ids)]
        for flow in ("direct", "redirect", "token"):
            with self.subTest(flow), self.assertRefused("would take"):
                self._create_transaction(flow, **values, invoice_ids=paid)
        # A shop's order is not refused: the amount that the gateway takes is booked.
        self._create_transaction("direct", **values)

    def test_what_the_gateway_reports_is_never_refused(self):
        attempt = self.invoice.charge(self.token.id)
        refund = attempt.sudo()._create_child_transaction(9.5, is_refund=True)
        self.assertEqual(refund.amount, -9.5)

    def test_table_follows_the_modules(self):
        """No module rounds more than this addon knows."""
        for code in ("adyen", "mercado_pago", "stripe", "xendit"):
            with file_open(f"payment_{code}/const.py") as file:
                [theirs] = [
                    ast.literal_eval(node.value)
                    for node in ast.parse(file.read()).body
                    if isinstance(node, ast.Assign)
                    and ast.unparse(node.targets[0]) == "CURRENCY_DECIMALS"
                ]
            for currency, decimals in theirs.items():
                with self.subTest(code, currency=currency):
                    self.assertLessEqual(ACCEPTED_DECIMALS[code][currency], decimals)
