from odoo.exceptions import UserError
from odoo.tests import tagged

from ..refunds.common_refund import RefundCommon

OTHER = "made in test mode|saved in test mode"


@tagged("post_install", "-at_install")
class TestModes(RefundCommon):
    """Records of one mode never meet the gateway in the other one."""

    def setUp(self):
        super().setUp()
        self.partner.email = "norbert@example.com"
        self._keep()

    # === HELPERS === #

    def go_live(self):
        """Switch the provider to live mode; Odoo leaves the saved methods active."""
        self.provider.state = "enabled"
        self.token.sudo().active = True
        self.gateway.requests.clear()
        self._keep()

    def make_live(self, *records):
        """Let records be of the live mode, as if the provider had been live then."""
        for record in records:
            record.sudo().provider_mode = "live"
        self._keep()

    def print_receipt(self, payment):
        page, _kind = self.env["ir.actions.report"]._render_qweb_html(
            "account.action_report_payment_receipt", payment.ids
        )
        return page.decode()

    def queue_mail(self, known):
        self.env["payment.transaction"].sudo()._cron_mail_customers()
        return self.env["mail.mail"].search([("model", "=", "account.payment")]) - known

    # === KEPT === #

    def test_mode_is_kept(self):
        payment = self.charge(100.0)
        attempt_sudo = payment.sudo().payment_transaction_id
        self.assertEqual(attempt_sudo.provider_mode, "test")
        self.assertEqual(self.token.provider_mode, "test")
        self.go_live()
        # The gateway's page gave it back: it is told, and never sent.
        refund_sudo = attempt_sudo._create_child_transaction(30.0, is_refund=True)
        self.assertEqual(refund_sudo.provider_mode, "test")
        token = self._create_token(provider_ref="tok-live")
        self.assertEqual(token.provider_mode, "live")
        refund_sudo._set_canceled()

    def test_unknown_modes_count_as_the_provider_s_now(self):
        payment = self.charge(100.0)
        attempt_sudo = payment.sudo().payment_transaction_id
        attempt_sudo.provider_mode = self.token.sudo().provider_mode = False
        self._keep()
        self.assertTrue(attempt_sudo._is_test())
        self.go_live()
        self.assertFalse(attempt_sudo._is_test())
        self.assertEqual(self.start_attempt("done", amount=50.0).outcome, "succeeded")
        self.refund(payment, 10.0)
        self.assertEqual(len(self.gateway.requests), 2)

    def test_known_modes_of_before(self):
        """Odoo's mark counts from the first live transaction on."""
        old, live, test = (
            self.start_attempt("error", amount=amount).sudo()
            for amount in (10.0, 20.0, 30.0)
        )
        part = live._create_child_transaction(5.0, is_refund=True)
        part._set_canceled()
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE payment_transaction SET provider_mode = NULL, is_live = id = %s, "
            "state = CASE WHEN id = %s THEN 'done' ELSE state END",
            (live.id, live.id),
        )
        self.env.cr.execute("UPDATE payment_token SET provider_mode = NULL")
        self.env.invalidate_all()
        old._fill_known_modes()
        self.token._fill_known_modes()
        self.env.invalidate_all()
        self.assertEqual(
            [tx.provider_mode for tx in (old, live, test, part)],
            [False, "live", "test", "live"],
        )
        self.assertEqual(self.token.provider_mode, "live")
        self.env.cr.rollback()

    # === REFUSED === #

    def test_no_door_sends_to_the_other_mode(self):
        payment = self.charge(100.0)
        declined = self.start_attempt("error", amount=50.0)
        self.gateway.answers = ["authorized"]
        held = self.make_invoice(40.0).with_user(self.supervisor)
        authorized = held.charge(self.token.id)
        # Another method of the live mode does not make the attempt one.
        live_token = self._create_token(provider_ref="tok-live")
        self.make_live(live_token)
        self.go_live()
        sources_sudo = payment.sudo().payment_transaction_id
        draft = self.make_invoice(10.0, post=False)
        for name, door in {
            "charge": lambda: self.invoice.charge(self.token.id, amount=10.0),
            "issue": lambda: draft.issue_and_charge(token_id=self.token.id),
            "retry": declined.retry,
            "retry otherwise": lambda: declined.retry(token_id=live_token.id),
            "capture": authorized.capture,
            "void": authorized.void,
            "refund": lambda: payment.refund(10.0, reason="Why"),
            "Odoo's capture": authorized.sudo()._capture,
            "Odoo's void": authorized.sudo().action_void,
            "Odoo's refund": lambda: sources_sudo.action_refund(10.0),
            "Odoo's token charge": declined.sudo()._charge_with_token,
            "register": lambda: self.register_with_token(amount=10.0),
        }.items():
            with self.subTest(name), self.assertRefused(OTHER, UserError):
                door()
        row = self.rows(held)[f"tx-{authorized.id}"]
        reasons = {action["name"]: action["reason"] for action in row["actions"]}
        self.assertEqual(reasons["capture"], "It was made in test mode.")
        self.provider.state = "test"
        self._keep()
        authorized.void()
        self.assertEqual(self.gateway.requests[0][1], "void")

    def test_live_payment_in_test_mode(self):
        payment = self.charge(100.0)
        self.make_live(self.token, payment.sudo().payment_transaction_id)
        with self.assertRefused("made in live mode.*switch the provider back"):
            payment.refund(10.0, reason="Why")
        with self.assertRefused("saved in live mode"):
            self.invoice.charge(self.token.id, amount=10.0)
        tokens = self.token.sudo().with_user(self.accountant).sudo()
        found = tokens._get_available_tokens(self.provider.ids, self.partner.id)
        self.assertNotIn(self.token, found)
        self.make_live(self._create_token(provider_ref="tok-live"))
        refund = self.refund(payment, 5.0, to="outside")
        self.assertEqual(refund.amount, 5.0)

    def test_mode_that_changes_before_sending(self):
        attempt = self.make_stuck_attempt("ready", amount=100.0).sudo()
        self.go_live()
        attempt._run_attempt()
        self.assertEqual(attempt.outcome, "failed")
        self.assertIn("made in test mode", attempt.state_message)
        self.assertFalse(self.gateway.requests)

    def test_the_other_mode_is_not_asked(self):
        attempt = self.start_attempt(None, amount=100.0)
        self.assertEqual(attempt.outcome, "unknown")
        self.go_live()
        asked = []

        def never_received(provider, transaction):
            asked.append(transaction)
            return {}

        providers = self.env.registry["payment.provider"]
        self.patch(providers, "_fetch_outcome", never_received)
        self.run_resolver()
        attempt.resolve(charged=True, reason="Seen in the dashboard")
        self.assertFalse(asked)
        self.assertEqual(attempt.outcome, "succeeded")

    # === SAID === #

    def test_test_mode_is_said(self):
        portal = self.portal_user
        known = self.env["mail.mail"].search([])
        payment = self.charge(100.0)
        refund = self.refund(payment, 10.0)
        row = self.row(payment)
        portal_row = self.invoice.sudo()._get_portal_payment_rows()[0]
        for part in (row, row["refunds"][0], portal_row, portal_row["refunds"][0]):
            self.assertEqual(part["test_label"], "Test mode")
        payments = payment.sudo().with_user(portal).sudo()
        self.assertEqual(payments._prepare_portal_rows()[0]["test_label"], "Test mode")
        for printed in (payment, refund):
            self.assertIn("no money was moved", self.print_receipt(printed.sudo()))
        mails = self.queue_mail(known)
        self.assertEqual(len(mails), 2)
        for mail in mails:
            self.assertIn("[Test mode]", mail.subject)
            self.assertIn("about a payment in test mode", mail.body_html)
            self.assertNotIn("&lt;p&gt;", mail.body_html)

    def test_nothing_is_said_of_live_and_external_payments(self):
        self.go_live()
        self.make_live(self.token)
        known = self.env["mail.mail"].search([])
        cash = self.record(10.0)
        payment = self.charge(100.0)
        for part in (self.row(payment), self.row(cash)):
            self.assertFalse(part["test_label"])
        for printed in (payment, cash):
            self.assertNotIn("no money was moved", self.print_receipt(printed.sudo()))
        mail = self.queue_mail(known)
        self.assertNotIn("[Test mode]", mail.subject)
        self.assertNotIn("test mode", mail.body_html)
