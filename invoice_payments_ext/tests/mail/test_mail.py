import re
from unittest.mock import patch

import psycopg2.errors

from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from ..common import InvoicePaymentsCommon
from ..common_http import InvoicePaymentsHttpCommon

CRON = "invoice_payments_ext.ir_cron_mail_customers"
TEMPLATES = ("receipt", "declined", "refund")


@tagged("post_install", "-at_install")
class TestMail(InvoicePaymentsCommon):
    """Customers are told of charges and refunds by mail, once and truthfully."""

    def setUp(self):
        super().setUp()
        self.partner.email = "norbert@example.com"
        self.known = self.env["mail.mail"].search([])
        self._keep()

    # === HELPERS === #

    def _queue(self):
        """Run the schedule, and return the mails to customers since the start."""
        self.env["payment.transaction"].sudo()._cron_mail_customers()
        self.env.invalidate_all()
        models = ("account.payment", "payment.transaction")
        return self.env["mail.mail"].search([("model", "in", models)]) - self.known

    def _queue_one(self):
        """Run the schedule; return the only mail, which waits for Odoo's schedule."""
        (mail,) = self._queue()
        self.assertEqual(mail.state, "outgoing")
        return mail

    def _get_text(self, mail):
        return " ".join(mail.body_html.replace("\xa0", " ").split())

    def _get_template(self, kind):
        return self.env.ref(f"invoice_payments_ext.mail_template_payment_{kind}")

    def _get_company(self):
        return self.company.with_env(self.env)

    def _charge(self, answer="done", **values):
        return self.start_attempt(answer, **values).sudo()

    def _refund(self, payment, answer, amount=100.0, **values):
        self.gateway.answers = [answer]
        payment.with_user(self.supervisor).refund(
            amount, **{"reason": "Secret reason", **values}
        )
        return payment.payment_transaction_id.child_transaction_ids

    # === CHARGED === #

    def test_receipt_with_the_invoice(self):
        self._charge(amount=400.0, memo="Secret memo")
        mail = self._queue_one()
        self.assertEqual(mail.recipient_ids, self.partner)
        self.assertTrue(mail.subject.endswith(f"receipt for {self.invoice.name}"))
        text = self._get_text(mail)
        for words in (
            "$ 400.00",
            f"{self.payment_method.name} •••• 1234",
            self.invoice.name,
            "$ 600.00</t> remain to be paid",
        ):
            self.assertIn(words.replace("</t>", ""), text)
        self.assertIn(f"Receipt for invoice {self.invoice.name}", text)
        # It is as narrow as a telephone, and names no model of Odoo.
        for words in ("Secret", "Your Payment", "min-width"):
            self.assertNotIn(words, text)
        self.assertEqual(len(mail.attachment_ids), 2)
        names = mail.attachment_ids.mapped("name")
        receipt = f"Receipt {self.invoice.name} 400.00 USD.html".replace("/", "-")
        self.assertIn(receipt, names)
        self.assertTrue(any("INV_2026" in name for name in names), names)
        self.assertFalse(any("proforma" in name.lower() for name in names), names)
        self.assertEqual(set(mail.attachment_ids.mapped("res_model")), {"mail.message"})

    def test_invoice_is_attached_as_it_was_sent(self):
        sent = self.env["ir.attachment"].create(
            {
                "name": "sent.pdf",
                "raw": b"%PDF as it was sent",
                "res_model": "account.move",
                "res_id": self.invoice.id,
                "res_field": "invoice_pdf_report_file",
            }
        )
        self.invoice.invalidate_recordset()
        self.assertEqual(self.invoice.sudo().invoice_pdf_report_id, sent)
        self._charge()
        self.assertIn(sent, self._queue_one().attachment_ids)

    def test_receipt_of_a_portal_payment(self):
        self.make_portal_transaction("done")
        mail = self._queue_one()
        self.assertIn("$ 100.00", self._get_text(mail))

    def test_payer_in_the_portal_is_told_too(self):
        payer = self.env["res.partner"].create(
            {"name": "Paula", "email": "paula@example.com"}
        )
        self.make_portal_transaction("done", partner_id=payer.id)
        self.assertEqual(self._queue_one().recipient_ids, self.partner | payer)

    def test_receipt_for_the_contact_of_the_invoice(self):
        contact = self.env["res.partner"].create(
            {
                "name": "Bookkeeping",
                "email": "books@example.com",
                "parent_id": self.partner.id,
                "type": "invoice",
            }
        )
        self.invoice = self.make_invoice(partner_id=contact.id)
        self._keep()
        self._charge()
        self.assertEqual(self._queue_one().recipient_ids, contact)

    def test_receipt_for_several_invoices(self):
        invoices = self.invoice | self.make_invoice(50.0)
        self.make_portal_transaction(
            "done", amount=1050.0, invoice_ids=[Command.set(invoices.ids)]
        )
        mail = self._queue_one()
        self.assertEqual(len(mail.attachment_ids), 3)
        self.assertIn("the invoices are attached", self._get_text(mail))
        for invoice in invoices:
            self.assertIn(invoice.name, mail.body_html)
        heading = re.search(r"Receipt for invoices (\S+), (\S+)", self._get_text(mail))
        self.assertEqual(set(heading.groups()), set(invoices.mapped("name")))

    def test_receipt_of_a_charge_in_odoo_s_own_dialog(self):
        journal = self.provider.journal_id
        line = journal.inbound_payment_method_line_ids.filtered(
            lambda line: line.payment_provider_id == self.provider
        )
        payment = self.register_payment(
            self.invoice.sudo(),
            amount=300.0,
            payment_token_id=self.token.id,
            payment_method_line_id=line.id,
            journal_id=journal.id,
        )
        self.assertEqual(payment.payment_transaction_id.outcome, "succeeded")
        self.assertIn("$ 300.00", self._get_text(self._queue_one()))

    def test_receipt_of_a_capture(self):
        attempt = self._charge("authorized", amount=400.0)
        self.assertFalse(self._queue())
        self.gateway.answers = ["done"]
        attempt.with_user(self.accountant).capture(400.0)
        self.assertIn("$ 400.00", self._get_text(self._queue_one()))

    def test_late_confirmation_is_told_after_the_decline(self):
        attempt = self._charge("error")
        (declined,) = self._queue()
        self.gateway.notify(attempt, "done")
        self.run_resolver()
        (receipt,) = self._queue() - declined
        self.assertIn("receipt", receipt.subject)

    def test_decline_that_was_not_told_before_the_late_confirmation(self):
        attempt = self._charge("error")
        self.gateway.notify(attempt, "done")
        self.run_resolver()
        self.assertIn("receipt", self._queue_one().subject)

    def test_pending_is_told_when_it_is_confirmed(self):
        attempt = self._charge("pending")
        self.assertFalse(self._queue())
        self.gateway.notify(attempt, "done")
        self.run_resolver()
        self.assertIn("receipt", self._queue_one().subject)

    def test_payment_that_was_reset_since(self):
        attempt = self._charge()
        attempt.payment_id.action_draft()
        self._keep()
        self.assertFalse(self._queue())
        attempt.payment_id.action_post()

    def test_staff_see_the_mails_on_the_invoice(self):
        self._charge()
        self._queue_one()
        notes = self.invoice.sudo().message_ids.filtered(
            lambda message: "is mailed to" in message.body
        )
        self.assertEqual(len(notes), 1)
        self.assertTrue(notes.is_internal)

    # === DECLINED === #

    def test_declined(self):
        self.gateway.reason = "R05 do not honor"
        self._charge("error", amount=400.0)
        mail = self._queue_one()
        self.assertEqual(mail.recipient_ids, self.partner)
        self.assertIn(f"{self.invoice.name} was declined", mail.subject)
        text = self._get_text(mail)
        for words in ("$ 400.00", "Nothing was charged", "$ 1,000.00", "Pay now"):
            self.assertIn(words, text)
        self.assertNotIn("R05", text)
        self.assertFalse(mail.attachment_ids)
        invoice = self.invoice.sudo()
        self.assertIn(
            f"{invoice.get_base_url()}/my/invoices/{invoice.id}"
            f"?access_token={invoice.access_token}&amp;payment=True#portal_pay",
            mail.body_html,
        )

    def test_customer_is_told_as_it_was_chosen(self):
        """The staff chooses for each charge, retry and refund; else the company."""
        company = self._get_company()
        for default, chosen, is_told in (
            (True, None, True),
            (False, None, False),
            (True, False, False),
            (False, True, True),
        ):
            with self.subTest(default=default, chosen=chosen):
                company.payment_tell_customer = default
                known = self._queue()
                declined = self._charge("error", amount=10.0, notify=chosen)
                mails = self._queue() - known
                self.assertEqual(bool(mails), is_told)
                # The mail of a day before hinders no other one.
                declined.customer_mail_date = "2026-01-01"
                self.gateway.answers = ["done"]
                retried = declined.with_user(self.accountant).retry(notify=chosen)
                self._refund(retried.sudo().payment_id, "done", 5.0, notify=chosen)
                mails = self._queue() - known - mails
                self.assertEqual(len(mails), 2 * is_told)
        company.payment_tell_customer = False
        dialogs = self.env["account.payment.create"].with_user(self.accountant)
        dialog = Form(dialogs.with_context(default_move_id=self.invoice.id))
        self.assertFalse(dialog.tell_customer)
        known = self._queue()
        payment = self.invoice.record_external_payment(20.0)
        payment = payment.with_user(self.supervisor)
        payment.refund(5.0, "outside", notify=True)
        messages = payment.sudo().refund_payment_ids.message_ids
        self.assertTrue(messages.filtered(lambda each: each.message_type == "comment"))

    def test_one_declined_mail_a_day(self):
        self._charge("error", amount=10.0)
        self.assertEqual(len(self._queue()), 1)
        other = self.make_invoice()
        other.charge(self.token.id, amount=10.0)
        self._charge("error", amount=10.0)
        self.assertEqual(len(self._queue()), 1)

    def test_declined_and_paid_since(self):
        self._charge("error")
        self.invoice.record_external_payment()
        self._keep()
        self.assertFalse(self._queue())

    def test_declined_and_retried(self):
        attempt = self._charge("error")
        self.gateway.answers = ["done"]
        attempt.with_user(self.accountant).retry()
        self.assertIn("receipt", self._queue_one().subject)

    def test_unknown_is_no_decline(self):
        attempt = self._charge(RuntimeError("Lost"), amount=400.0)
        self.assertEqual(attempt.outcome, "unknown")
        self.assertFalse(self._queue())
        attempt.with_user(self.accountant).resolve(False, "The dashboard says so")
        self.assertFalse(self._queue())

    def test_outcomes_that_are_no_news_to_the_customer(self):
        self.make_portal_transaction("cancel")
        self.make_stuck_attempt("ready", amount=10.0)
        self.run_resolver()
        self.assertFalse(self._queue())

    def test_declined_capture_is_the_staff_s(self):
        attempt = self._charge("authorized", amount=400.0)
        self.gateway.answers = ["error"]
        attempt.with_user(self.accountant).capture(400.0)
        self.assertFalse(self._queue())

    def test_transactions_without_an_invoice(self):
        for number, state in enumerate(("done", "error")):
            self.make_portal_transaction(
                state, reference=f"SALE-{number}", invoice_ids=False
            )
        self.assertFalse(self._queue())

    # === REFUNDED === #

    def test_refunded(self):
        attempt = self._charge(amount=400.0)
        charged = self._queue()
        self._refund(attempt.payment_id, "done")
        (mail,) = self._queue() - charged
        self.assertEqual(mail.recipient_ids, self.partner)
        self.assertTrue(mail.subject.endswith(f"receipt for {self.invoice.name}"))
        text = self._get_text(mail)
        for words in (
            "$ 100.00",
            "•••• 1234",
            "The refunded amount is owed again.",
            f"Of the invoice {self.invoice.name},",
            "$ 700.00",
            self.invoice.sudo().access_token,
        ):
            self.assertIn(words, text)
        for words in ("Secret", "credit note", "being processed"):
            self.assertNotIn(words, text)
        self.assertEqual(
            mail.attachment_ids.name,
            f"Refund receipt {self.invoice.name} 100.00 USD.html".replace("/", "-"),
        )

    def test_refunded_with_a_credit_note(self):
        attempt = self._charge()
        charged = self._queue()
        refund = self._refund(attempt.payment_id, "done", reduce_bill=True)
        (mail,) = self._queue() - charged
        note = refund.payment_id.refund_allocation_ids.credit_note_id
        text = self._get_text(mail)
        nothing = f"Nothing remains to be paid of the invoice {self.invoice.name}"
        for words in (note.name, nothing):
            self.assertIn(words, text)
        self.assertNotIn("owed again", text)
        self.assertEqual(len(mail.attachment_ids), 2)

    def test_receipt_of_money_beside_credit(self):
        """The mail says both parts, the total, what is left, and where to pay it."""
        self.company.credit_adjustment_account_id = self.company_data[
            "default_account_expense"
        ]
        self.partner.with_user(self.supervisor).adjust_credit_balance(
            65, reason="Goodwill"
        )
        self.invoice.apply_credit_balance(65)
        self._charge(amount=235.0)
        text = self._get_text(self._queue_one())
        for words in (
            "total $ 1,000.00:",
            "$ 235.00 by this payment,",
            "$ 65.00 from your credit,",
            "$ 700.00 remain to be paid",
            self.invoice.sudo().access_token,
        ):
            self.assertIn(words, text)

    def test_what_takes_days_is_told_of_once(self):
        refunded = self._charge(amount=50.0)
        portal = self.make_portal_transaction("pending")
        self.invoice = self.make_invoice()
        charge = self._charge("pending", amount=100.0)
        receipt = self._queue()
        refund = self._refund(refunded.payment_id, "pending", amount=20.0)
        self.assertEqual(self._queue(), receipt, "told within the first hour")
        for _ in range(2):
            self.env.cr.execute(
                """
                UPDATE payment_transaction
                   SET last_state_change = last_state_change - interval '2 hours'
                """
            )
            self.env.invalidate_all()
            told = self._queue() - receipt
        self.assertEqual(set(told.mapped("res_id")), {charge.id, refund.id})
        self.assertEqual(len(told), 2)
        self.assertFalse(portal.customer_mail)
        texts = sorted(map(self._get_text, told))
        self.assertIn("Your payment of <strong>$ 100.00</strong>", texts[0])
        self.assertIn("Your refund of <strong>$ 20.00</strong>", texts[1])
        for text in texts:
            self.assertIn("is being processed. This may take some days.", text)
        self.gateway.notify(refund, "done")
        self.run_resolver()
        (mail,) = self._queue() - receipt - told
        self.assertIn("We have refunded", self._get_text(mail))

    def test_refund_is_told_when_it_is_confirmed(self):
        attempt = self._charge(amount=400.0)
        charged = self._queue()
        refund = self._refund(attempt.payment_id, "pending")
        self.assertEqual(self._queue(), charged)
        self.gateway.notify(refund, "done")
        self.run_resolver()
        self.assertEqual(len(self._queue() - charged), 1)

    def test_declined_refund_is_the_staff_s(self):
        attempt = self._charge(amount=400.0)
        charged = self._queue()
        self._refund(attempt.payment_id, "error")
        self.assertEqual(self._queue(), charged)

    def test_refund_outside_is_not_told(self):
        attempt = self._charge(amount=400.0)
        charged = self._queue()
        self._refund(attempt.payment_id, "done", to="outside")
        self.assertEqual(self._queue(), charged)

    def test_external_payment_is_told_when_asked_only(self):
        self.invoice.record_external_payment(amount=10.0)
        self.assertFalse(self._queue())
        payment = self.invoice.record_external_payment(amount=10.0, notify=True)
        mail = self._queue_one()
        self.assertEqual(mail.recipient_ids, self.partner)
        self.assertTrue(mail.subject.endswith(f"receipt for {self.invoice.name}"))
        text = self._get_text(mail)
        for words in ("$ 10.00", "Receipt for invoice", "$ 980.00", "See the invoice"):
            self.assertIn(words, text)
        for words in (payment.name, "the invoice are attached"):
            self.assertNotIn(words, text)
        self.assertEqual(len(mail.attachment_ids), 1)
        payment.with_user(self.supervisor).refund(4.0, "outside", notify=True)
        text = self._get_text(self._queue() - mail)
        for words in ("We have refunded", "4.00", "owed again", "984.00"):
            self.assertIn(words, text)
        self.assertNotIn("some days", text)
        known = self._queue()
        payment.with_user(self.supervisor).refund(
            2.0, "outside", reduce_bill=True, notify=True
        )
        text = self._get_text(self._queue() - known)
        self.assertIn("taken off the bill by the credit note", text)
        self.assertNotIn("which is attached", text)
        # Where a company sends no receipt of charges, Odoo's own mail brings it.
        self._get_company().payment_receipt_mail_template_id = False
        known = self._queue()
        payment = self.invoice.record_external_payment(amount=10.0, notify=True)
        self.assertIn("Payment Receipt", (self._queue() - known).subject)

    # === ONCE === #

    def test_settled_again(self):
        attempt = self._charge()
        self._queue_one()
        attempt.is_post_processed = False
        attempt._settle()
        self._keep()
        self._queue_one()

    def test_settled_again_before_it_was_queued(self):
        attempt = self._charge()
        attempt.is_post_processed = False
        attempt._settle()
        self._keep()
        self._queue_one()

    def test_step_that_is_replayed(self):
        with self.force_error_once(
            "payment.transaction",
            "_log_customer_mail",
            psycopg2.errors.SerializationFailure(),
        ) as raised:
            self._charge()
            self._queue_one()
        self.assertTrue(raised)

    def test_settling_that_is_rolled_back(self):
        with (
            self.force_error_once(
                "payment.transaction", "_note_customer_mail", ValueError("Later")
            ) as raised,
            mute_logger("odoo.addons.invoice_payments_ext"),
        ):
            attempt = self._charge()
        self.assertTrue(raised)
        self.assertFalse(attempt.customer_mail)
        self.assertFalse(self._queue())
        self.run_resolver()
        self._queue_one()

    def test_nothing_is_sent_while_settling(self):
        mails = self.env.registry["mail.mail"]
        with patch.object(mails, "send") as send, patch.object(mails, "_send") as smtp:
            attempt = self._charge()
            self.assertEqual(self.env["mail.mail"].search([]), self.known)
            self.assertTrue(attempt.customer_mail_due)
            self._queue_one()
        send.assert_not_called()
        smtp.assert_not_called()
        self.assertFalse(attempt.customer_mail_due)

    def test_schedules_are_woken(self):
        def count(xml_id):
            cron = self.env.ref(xml_id)
            return self.env["ir.cron.trigger"].search_count([("cron_id", "=", cron.id)])

        ours, odoos = count(CRON), count("mail.ir_cron_mail_scheduler_action")
        self._charge()
        self.assertEqual(count(CRON), ours + 1)
        self._queue_one()
        self.assertGreater(count("mail.ir_cron_mail_scheduler_action"), odoos)
        # Without the schedule, which somebody deleted, money moves all the same.
        self.env.ref(CRON).sudo().unlink()
        self.invoice = self.make_invoice()
        self.assertEqual(self._charge().outcome, "succeeded")

    # === TEMPLATES === #

    def test_new_companies_mail_their_customers(self):
        company = self.env["res.company"].create({"name": "New"})
        for kind in TEMPLATES:
            self.assertEqual(
                company[f"payment_{kind}_mail_template_id"],
                self._get_template(kind),
            )

    def test_companies_before_the_installation(self):
        company = self._get_company()
        for kind in TEMPLATES:
            company[f"payment_{kind}_mail_template_id"] = False
        company._set_default_mail_templates()
        self.assertTrue(
            all(company[f"payment_{kind}_mail_template_id"] for kind in TEMPLATES)
        )

    def test_switched_off(self):
        company = self._get_company()
        for kind in TEMPLATES:
            company[f"payment_{kind}_mail_template_id"] = False
        self._keep()
        payment = self._charge(amount=400.0).payment_id
        self._refund(payment, "done")
        self._charge("error", amount=10.0)
        self.assertFalse(self._queue())
        # Mails that were not sent then are not sent when they are switched on later.
        company._set_default_mail_templates()
        self._keep()
        self.assertFalse(self._queue())

    def test_switched_off_before_it_was_queued(self):
        self._charge()
        self._get_company().payment_receipt_mail_template_id = False
        self._keep()
        self.assertFalse(self._queue())

    def test_archived_template(self):
        self._get_company().payment_receipt_mail_template_id.active = False
        self._keep()
        self._charge()
        self.assertFalse(self._queue())

    def test_template_of_the_staff(self):
        company = self._get_company()
        attachment = self.env["ir.attachment"].create({"name": "terms", "raw": b"T"})
        company.payment_receipt_mail_template_id = (
            company.payment_receipt_mail_template_id.copy(
                {
                    "subject": "Merci",
                    "attachment_ids": [Command.set(attachment.ids)],
                    "report_template_ids": False,
                }
            )
        )
        self._keep()
        self._charge()
        mail = self._queue_one()
        self.assertEqual(mail.subject, "[Test mode] Merci")
        self.assertIn(attachment, mail.attachment_ids)
        self.assertEqual(len(mail.attachment_ids), 2)

    def test_in_the_customer_s_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.partner.lang = "fr_FR"
        for kind in TEMPLATES:
            template = self.env.ref(
                f"invoice_payments_ext.mail_template_payment_{kind}"
            )
            template.with_context(lang="fr_FR").subject = f"Objet {kind}"
        self._keep()
        payment = self._charge(amount=400.0).payment_id
        self._refund(payment, "done")
        self._charge("error", amount=10.0)
        self.assertEqual(
            set(self._queue().mapped("subject")),
            {f"[Test mode] Objet {kind}" for kind in TEMPLATES},
        )

    def test_broken_template_keeps_no_money_from_being_booked(self):
        template = self._get_company().payment_receipt_mail_template_id
        attempt = self._charge()
        self.assertEqual(self.invoice.amount_residual, 0.0)
        with (
            patch.object(
                self.env.registry["mail.template"],
                "send_mail",
                side_effect=ValueError("No such field"),
            ),
            mute_logger("odoo.addons.invoice_payments_ext"),
        ):
            self.assertFalse(self._queue())
        self.assertTrue(template)
        self.assertFalse(attempt.customer_mail_due)
        activity = self.invoice.sudo().activity_ids
        self.assertEqual(activity.summary, "Customer not told by mail")
        self.assertIn("No such field", activity.note)
        self.assertFalse(self._queue(), "A broken template is not tried again.")

    def test_conflict_in_the_database_is_no_broken_template(self):
        """The next run queues the mail; nobody is told of a mistake."""
        attempt = self._charge()
        transactions = self.env.registry["payment.transaction"]
        conflict = psycopg2.errors.SerializationFailure("another was faster")
        with (
            patch.object(transactions, "_attach_invoices", side_effect=conflict),
            patch("time.sleep"),
        ):
            self.assertFalse(self._queue())
        self.assertTrue(attempt.customer_mail_due)
        self.assertFalse(self.invoice.sudo().activity_ids)
        mail = self._queue_one()
        self.assertFalse(attempt.customer_mail_due)
        attempt._queue_customer_mail()  # Another run, which chose it before.
        self.assertEqual(self._queue(), mail)

    def test_one_that_fails_does_not_keep_the_others_waiting(self):
        self._charge(amount=10.0)
        self._charge(amount=20.0)
        with (
            self.force_error_once(
                "payment.transaction", "_attach_invoices", ValueError("Broken")
            ),
            mute_logger("odoo.addons.invoice_payments_ext"),
        ):
            self.assertIn("$ 20.00", self._get_text(self._queue_one()))

    def test_customer_without_a_mail_address(self):
        self.partner.email = False
        self._keep()
        attempt = self._charge()
        self.assertFalse(self._queue())
        self.assertFalse(attempt.customer_mail_due)


@tagged("post_install", "-at_install")
class TestMailHttp(InvoicePaymentsHttpCommon):
    def test_link_opens_the_payment_form(self):
        url = self.invoice.sudo()._get_payment_form_url()
        self._settle_data()
        base_url = self.invoice.get_base_url()
        response = self.open_url(url.removeprefix(base_url))
        self.assertEqual(response.status_code, 200)
        self.assertRegex(response.text, r'id="portal_pay" data-payment="True"')
