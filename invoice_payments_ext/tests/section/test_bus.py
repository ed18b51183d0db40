from types import SimpleNamespace
from unittest.mock import patch

from odoo.tests import tagged

from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestBus(InvoicePaymentsCommon):
    """Open forms hear of the changed invoices, and nobody else does."""

    def _listen(self):
        """Return the list that notifications are put in from now on."""
        heard = []

        def send(bus, target, notification_type, message):
            if notification_type == "invoice_payments_ext/changed":
                heard.append((target, message))

        patcher = patch.object(self.env.registry["bus.bus"], "_sendone", send)
        patcher.start()
        self.addCleanup(patcher.stop)
        return heard

    def test_every_change_of_an_attempt_is_told_on_the_invoice_s_channel(self):
        attempt = self.start_attempt("pending")
        heard = self._listen()
        self.gateway.notify(attempt, "done")
        self.assertTrue(heard)
        self.assertEqual({target for target, _message in heard}, {self.invoice})
        for _target, message in heard:
            self.assertEqual(message, {"move_id": self.invoice.id})
        heard.clear()
        self.run_resolver()
        self.assertTrue(heard, "That it was booked is told too.")

    def test_change_of_a_capture_is_told_too(self):
        attempt = self.start_attempt("authorized")
        heard = self._listen()
        self.gateway.answers = ["done"]
        attempt.capture(amount=10.0)
        self.assertIn(self.invoice, [target for target, _message in heard])

    def test_unknown_outcome_is_told(self):
        heard = self._listen()
        self.start_attempt(RuntimeError("cut"))
        self.assertTrue(heard)

    def test_other_changes_are_not_told(self):
        attempt = self.start_attempt("pending")
        heard = self._listen()
        attempt.sudo().provider_reference = "GW"
        self.assertFalse(heard)

    def _get_channels(self, user, *channels):
        # Of the request, Odoo reads the session of visitors only.
        request = SimpleNamespace(session=SimpleNamespace(uid=user.id), env=self.env)
        model = self.env["ir.websocket"].with_user(user)
        with patch("odoo.addons.bus.models.ir_websocket.wsrequest", new=request):
            built = model._build_bus_channel_list(list(channels))
        # As texts: records of different models are not compared with each other.
        return [str(channel) for channel in built]

    def test_channel_of_an_invoice_that_may_be_read(self):
        channels = self._get_channels(
            self.accountant, f"account.move_{self.invoice.id}", "other"
        )
        self.assertIn(str(self.invoice), channels)
        self.assertIn("other", channels)
        self.assertNotIn(f"account.move_{self.invoice.id}", channels)

    def test_channel_of_a_foreign_invoice(self):
        stranger = self.make_user("ip_stranger", "base.group_portal")
        employee = self.make_user("ip_employee", "base.group_user")
        public = self.public_user.with_env(self.env)
        for name, user in (
            ("stranger", stranger),
            ("employee", employee),
            ("public", public),
        ):
            with self.subTest(name):
                channels = self._get_channels(user, f"account.move_{self.invoice.id}")
                self.assertNotIn(str(self.invoice), channels)
                self.assertNotIn(f"account.move_{self.invoice.id}", channels)

    def test_channels_that_are_none(self):
        missing = f"account.move_{2**30}"
        channels = self._get_channels(
            self.accountant, missing, "account.move_x", "account.move_1; DROP", 5
        )
        self.assertNotIn(missing, channels)
        self.assertIn("account.move_x", channels)
        self.assertFalse(
            [name for name in channels if name.startswith("account.move(")]
        )
