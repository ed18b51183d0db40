from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, tagged

from ..common import InvoicePaymentsCommon

RECORD = "invoice_payments_ext.group_payment_record"


@tagged("post_install", "-at_install")
class TestOdoosDoors(InvoicePaymentsCommon):
    """Odoo's own dialogs and buttons create money by the rules of the doors."""

    # === HELPERS === #

    def as_accountant(self):
        """Let the helpers of Odoo's dialogs act as the accountant."""
        self.env = self.env(user=self.accountant.id, su=False)

    def make_payment(self, **values):
        """Return a draft of a payment that charges the saved method when posted."""
        journal = self.provider.sudo().journal_id
        line = journal.inbound_payment_method_line_ids.filtered(
            lambda line: line.payment_provider_id == self.provider
        )
        with self.mocked_get_payment_method_information():
            payment = self.env["account.payment"].create(
                {
                    "amount": 55.0,
                    "partner_id": self.partner.id,
                    "journal_id": journal.id,
                    "payment_method_line_id": line.id,
                    "payment_token_id": self.token.id,
                    **values,
                }
            )
        self.env.flush_all()
        return payment.with_user(self.accountant)

    def make_link(self, invoice, amount):
        dialogs = self.env["payment.link.wizard"].with_user(self.accountant)
        return dialogs.create(
            {"res_model": "account.move", "res_id": invoice.id, "amount": amount}
        )

    def test_link_on_a_printed_invoice(self):
        """Whoever prints it: also one who may not ask for money."""
        auditor = self.make_user("link_reader", "account.group_account_readonly")
        link = self.invoice._get_payment_link_of(1000.0)
        self.assertIn("amount=1000.0", link)
        invoice = self.invoice.with_user(auditor)
        self.assertEqual(invoice._get_portal_payment_link(), link)
        with self.assertRaises(AccessError):
            self.make_link(self.invoice, 1000.0).with_user(auditor).copy()

    def test_link_beside_an_attempt_in_flight(self):
        attempt = self.start_attempt("pending", amount=400.0)
        self._keep()
        dialogs = self.env["payment.link.wizard"].with_user(self.accountant)
        context = {"active_model": "account.move", "active_id": self.invoice.id}
        dialog = Form(dialogs.with_context(**context))
        self.assertEqual((dialog.amount, dialog.warning_message), (600, ""))
        dialog.amount = 600.01
        self.assertIn(f"{attempt.reference} (", dialog.warning_message)
        self.assertIn("is in flight: Pending.", dialog.warning_message)
        self.assertFalse(dialog.link)

    def test_without_the_level(self):
        attempt = self.start_attempt("authorized", amount=100.0)
        draft = self.make_payment()
        self.gateway.requests.clear()
        group = self.env.ref("account.group_account_invoice")
        group.implied_ids = [Command.unlink(self.env.ref(RECORD).id)]
        self._keep()
        capture = self.env["payment.capture.wizard"].with_user(self.accountant)
        self.as_accountant()
        for name, door in {
            "post": draft.action_post,
            "state": lambda: draft.write({"state": "in_process"}),
            "register": lambda: self.register_payment(self.invoice, amount=55.0),
            "charge": lambda: self.register_with_token(amount=55.0),
            "capture": attempt.action_capture,
            "void": attempt.action_void,
            "capture on the invoice": self.invoice.payment_action_capture,
            "void on the invoice": self.invoice.payment_action_void,
            "capture dialog": lambda: capture.create(
                {"transaction_ids": attempt.ids}
            ).action_capture(),
            "link": lambda: self.make_link(self.invoice, 55.0).link,
        }.items():
            with (
                self.subTest(name),
                self.assertRefused("level Record and charge", AccessError),
            ):
                door()
        self.assertFalse(self.gateway.requests)

    def test_capture_dialog(self):
        attempt = self.start_attempt("authorized", amount=100.0)
        dialogs = self.env["payment.capture.wizard"].with_user(self.accountant)
        self.gateway.answers = ["done"]
        dialogs.create({"transaction_ids": attempt.ids}).action_capture()
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertEqual(self.gateway.requests[-1][1:], ("capture", 100.0))
        captured = (attempt | attempt.child_transaction_ids).sudo()
        captured.filtered(lambda tx: tx.state == "done")._post_process()
        self.assertEqual(self.invoice.amount_residual, 900)

    def test_lower_level_pays_no_customer(self):
        payment = self.make_payment(payment_type="outbound", payment_token_id=False)
        with self.assertRefused("level Refund and credit", AccessError):
            payment.action_post()

    def test_charges_that_the_door_refuses(self):
        stranger = self.env["res.partner"].create({"name": "Somebody else"})
        theirs = self.make_invoice(partner_id=stranger.id)
        archived = self._create_token(provider_ref="archived")
        archived.active = False
        invoice = {"active_model": "account.move", "active_ids": self.invoice.ids}
        other = {"active_model": "account.move", "active_ids": theirs.ids}
        cases = {
            "another customer": ({"partner_id": stranger.id, "amount": 777.0}, {}),
            "archived": ({"payment_token_id": archived.id}, {}),
            "only drafts of payments from": ({"payment_type": "outbound"}, {}),
            "above the chargeable amount": ({"amount": 1000.01}, invoice),
            "an invoice of another customer": ({}, other),
        }
        for message, (values, context) in cases.items():
            payment = self.make_payment(**values).with_context(**context)
            payment = payment.with_user(self.supervisor)
            with self.subTest(message), self.assertRefused(message, UserError):
                payment.action_post()
        both = self.make_payment(amount=600.0) | self.make_payment(amount=600.0)
        with self.assertRefused("above the chargeable amount"):
            both.with_context(**invoice).action_post()
        self.assertFalse(self.gateway.requests)

    def test_method_that_must_never_be_charged_again(self):
        """Neither by a payment that is posted with it, nor on any other invoice."""
        draft = self.make_payment()
        refused = self.start_attempt("error", amount=100.0)
        self.token.sudo().refused_transaction_id = refused
        self._keep()
        self.gateway.requests.clear()
        self.invoice = self.make_invoice()
        self.as_accountant()
        message = "must not be charged again"
        with self.assertRefused(message):
            draft.action_post()
        with self.assertRefused("use Confirm, which charges it"):
            draft.write({"state": "in_process"})
        with self.assertRefused(message):
            self.register_with_token(amount=55.0)
        self.assertFalse(self.gateway.requests)
        renewed = self._create_token(provider_ref="renewed")
        self.gateway.answers = ["done"]
        payment = self.make_payment(payment_token_id=renewed.id)
        payment.action_post()
        self.assertEqual(payment.payment_transaction_id.outcome, "succeeded")

    def test_charge_of_the_dialog_is_the_users(self):
        self.as_accountant()
        payment = self.register_with_token(amount=55.0).sudo()
        self.assertEqual(self.invoice.amount_residual, 945.0)
        self.assertEqual(payment.payment_transaction_id.invoice_ids, self.invoice)
        notes = self.invoice.sudo().message_ids.filtered(
            lambda note: payment.payment_transaction_id.reference in note.body
        )
        self.assertTrue(notes)
        self.assertEqual(notes.author_id, self.accountant.partner_id)

    def test_changes_are_tracked(self):
        self.accountant.group_ids |= self.env.ref("base.group_partner_manager")
        payment = self.make_payment(payment_token_id=False)
        self._keep()
        tracking = {"tracking_disable": False, "mail_notrack": False}
        payment.with_context(**tracking).payment_token_id = self.token
        partner = self.partner.with_user(self.accountant).with_context(**tracking)
        partner.default_payment_token_id = self.token
        self._keep()
        for record, name in (
            (payment, "payment_token_id"),
            (self.partner, "default_payment_token_id"),
        ):
            tracked = record.sudo().message_ids.sudo().tracking_value_ids
            tracked = tracked.filtered(
                lambda value, name=name: value.field_id.name == name
            )
            with self.subTest(name):
                self.assertEqual(tracked.new_value_integer, self.token.id)
                self.assertEqual(tracked.create_uid, self.accountant)

    def test_capture_and_void_of_the_rest(self):
        attempt = self.start_attempt("authorized", amount=100.0)
        self.gateway.answers = ["done"]
        attempt.sudo()._capture(30.0)
        self._keep()
        with self.assertRefused("above the authorized amount"):
            attempt.sudo()._capture(100.0)
        with self.assertRefused("above the authorized amount"):
            attempt.sudo()._void(100.0)
        self.gateway.answers = ["cancel"]
        attempt.sudo()._void()
        self._keep()
        self.assertEqual(self.invoice._get_amount_in_flight(), 30.0)
        with self.assertRefused("no authorized amount left"):
            attempt.sudo()._capture()
        self.run_resolver()

    def test_payment_link_for_the_amount_due(self):
        self.assertTrue(self.make_link(self.invoice, 400.0).link)
        for amount in (1000.01, 0.0, -1.0):
            self.assertFalse(self.make_link(self.invoice, amount).link)
        other = self.make_other_company(name="Other")["company"]
        theirs = (
            self.env["account.move"]
            .sudo()
            .create({"move_type": "out_invoice", "company_id": other.id})
        )
        self._keep()
        with self.assertRefused("", AccessError):
            self.make_link(theirs, 5.0).link  # noqa: B018
