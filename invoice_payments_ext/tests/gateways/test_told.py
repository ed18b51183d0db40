from unittest.mock import Mock, patch

from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from ...models.gateways import payment_provider as gateways
from ...models.gateways.payment_transaction_readings import KNOWN_STATES
from ...models.gateways.payment_transaction_refunds import REFUND_LISTS
from ..common import InvoicePaymentsCommon

WORLDLINE_REFUND = {
    "type": "payment.refunded",
    "refund": {
        "id": "30660_1",
        "status": "REFUNDED",
        "refundOutput": {
            "amountOfMoney": {"amount": 3000, "currencyCode": "USD"},
            "references": {"merchantReference": "INV/2026/00001"},
        },
    },
}
MERCADO_PAGO_REFUNDS = {
    "refunds": [
        {"id": 71, "amount": 30.0, "status": "approved"},
        {"id": 72, "amount": 20.0, "status": "in_process"},
    ]
}


@tagged("post_install", "-at_install")
class TestTold(InvoicePaymentsCommon):
    """Messages of gateways that Odoo's modules do not read, or misread."""

    def test_refunds_made_at_the_provider(self):
        for code, told, reference in (
            ("mercado_pago", MERCADO_PAGO_REFUNDS, "71"),
            ("worldline", WORLDLINE_REFUND, "30660_1"),
        ):
            with (
                self.subTest(code),
                patch.dict(REFUND_LISTS, {"none": REFUND_LISTS[code]}),
            ):
                invoice = self.make_invoice(100.0)
                attempt = invoice.charge(self.token.id).sudo()
                data = self.gateway.payment_data(attempt, "done")
                for _time in range(2):  # Notifications come again.
                    attempt._process("none", {**data, **told})
                refund = attempt.child_transaction_ids
                self.assertEqual(refund.mapped("amount"), [-30.0])
                self.assertEqual(refund.provider_reference, reference)
                self.run_resolver()
                self.assertEqual(refund.payment_id.amount, 30.0)
                self.assertEqual(invoice.amount_residual, 30.0)

    def test_notification_of_a_refund_at_worldline(self):
        """Its payment is found, and no error of the payment is read from it."""
        transactions = self.env["payment.transaction"]
        reference = transactions._extract_reference("worldline", WORLDLINE_REFUND)
        self.assertEqual(reference, "INV/2026/00001")
        attempt = self.invoice.charge(self.token.id).sudo()
        self.assertTrue(attempt._read_worldline_answer(WORLDLINE_REFUND))
        self.assertFalse(attempt._read_worldline_amount(WORLDLINE_REFUND, {"a": 1}))
        self.assertEqual(attempt.state, "done")

    def test_authorization_that_is_only_requested(self):
        tx = self._create_transaction("token", operation="offline").sudo()
        payment = {"id": "30660_0", "status": "AUTHORIZATION_REQUESTED"}
        self.assertTrue(tx._read_worldline_answer({"payment": payment}))
        self.assertEqual((tx.outcome, tx.provider_reference), ("pending", "30660"))
        captured = {"payment": {**payment, "status": "CAPTURED"}}
        self.assertFalse(tx._read_worldline_answer(captured))

    def test_state_that_the_module_does_not_know(self):
        """It does not take back a charge that succeeded: a person is told."""
        tx = self.invoice.charge(self.token.id).sudo()
        transactions = self.env.registry["payment.transaction"]
        self.patch(transactions, "_apply_updates", transactions._read_state)
        known = Mock(STATES={"done": ("captured",), "error": ("failed",)})
        with (
            patch.dict(KNOWN_STATES, {"none": ("STATES", lambda data: data["word"])}),
            patch("importlib.import_module", return_value=known),
            mute_logger("odoo.addons.invoice_payments_ext.models.attempts"),
        ):
            self.assertFalse(tx._read_state({"word": "failed"}))
            self.assertFalse(tx._read_state({"word": None}))
            tx._apply("none", {"word": "REVERSED"})
        self.assertEqual((tx.outcome, tx.state), ("succeeded", "done"))
        self.assertFalse(tx.payment_id.payment_reversal_ids)
        self.assertIn("'REVERSED'", self.invoice.message_ids[0].body)

    def test_references_that_mercado_pago_gives_back(self):
        transactions = self.env["payment.transaction"]
        number = self.invoice.name.replace("/", "-")
        self.assertIn("/", self.invoice.name)
        for values in (
            {"invoice_ids": [Command.set(self.invoice.ids)]},
            {"prefix": self.invoice.name},
        ):
            reference = transactions._compute_reference("mercado_pago", **values)
            self.assertEqual(reference, number)
        untouched = transactions._compute_reference("xendit", prefix="INV/2026/7")
        self.assertEqual(untouched, "INV/2026/7")

    def _be_mercado_pago(self, answer):
        """Let the dummy provider be asked as Mercado Pago is, and get this answer."""
        name = "_fetch_mercado_pago_outcome"
        self.enterContext(patch.dict(gateways.OUTCOME_METHODS, {"none": name}))
        provider = self.env.registry["payment.provider"]
        self.patch(provider, "_send_api_request", lambda *_args, **_values: answer)

    def test_mercado_pago_is_asked_by_reference(self):
        attempt = self._create_transaction("token", operation="offline").sudo()
        payment = {"id": 1, "status": "approved"}
        for results, outcome in (
            ([payment], payment),
            ([], {}),  # It never received the request.
            ([payment, {**payment, "id": 2}], None),  # Twice: a person must look.
        ):
            self._be_mercado_pago({"results": results})
            self.assertEqual(attempt.provider_id._fetch_outcome(attempt), outcome)
