import base64
import logging
from datetime import timedelta

from markupsafe import Markup

from odoo import Command, api, fields, models
from odoo.tools.mail import prepend_html_content

from ..attempts.payment_transaction import ONLINE_OPERATIONS
from ..attempts.payment_transaction_steps import is_concurrency_error
from ..states import OUTCOMES, POSTED_STATES

_logger = logging.getLogger(__name__)

# The setting of the company with the template of each kind of mail.
TEMPLATE_FIELDS = {
    "pending": "payment_pending_mail_template_id",
    "receipt": "payment_receipt_mail_template_id",
    "declined": "payment_declined_mail_template_id",
    "refund": "payment_refund_mail_template_id",
    "refund_failed": "payment_refund_failed_mail_template_id",
}

# How often a customer is told that payments are declined.
DECLINED_MAIL_DELAY = timedelta(days=1)

# Who pays in the portal reads there that it was declined. Only who has not tried again
# for this long is told by mail.
ON_PAGE_PERIOD = timedelta(minutes=30)
# An attempt that is confirmed in this time is told of by its receipt only.
PENDING_MAIL_DELAY = timedelta(hours=1)


class PaymentTransaction(models.Model):
    """The mails to the customer about a charge or a refund.

    Settling stores which mail is due; a schedule queues it in a database transaction
    of its own. Printing takes seconds, in which the invoice would be locked, and a
    template that cannot be rendered must not keep money from being booked.
    """

    _inherit = "payment.transaction"

    customer_mail = fields.Selection(
        selection=[
            ("pending", "Being Processed"),
            ("receipt", "Receipt"),
            ("declined", "Declined"),
            ("refund", "Refund Receipt"),
            ("refund_failed", "Refund that Came Back"),
        ],
        readonly=True,
        copy=False,
        help="The last mail to the customer about this attempt, sent or still due. The "
        "same mail is never sent twice.",
    )
    customer_mail_due = fields.Boolean(
        readonly=True, copy=False, help="Whether the mail is still to be queued."
    )

    customer_mail_date = fields.Datetime(
        readonly=True, copy=False, help="When the mail was queued."
    )

    _customer_mail_due_idx = models.Index("(id) WHERE customer_mail_due")

    # === BUSINESS METHODS - MAILS THAT ARE DUE === #

    def _note_customer_mail(self):
        """Store which mail is due, if that was not told before.

        It is stored in the same database transaction as the payment that it tells of.
        """
        self.ensure_one()
        kind = self._get_customer_mail_kind()
        untold = self.is_customer_untold or (
            not self._is_refund() and self.source_transaction_id.is_customer_untold
        )
        if untold or not kind or kind == self.customer_mail:
            return
        is_due = bool(self._get_customer_mail_template(kind))
        self.write({"customer_mail": kind, "customer_mail_due": is_due})
        if is_due:
            self._wake_schedule(
                "invoice_payments_ext.ir_cron_mail_customers",
                self._get_on_page_until() if kind == "declined" else None,
            )

    def _get_customer_mail_kind(self):
        """Return the kind of mail that is due to the customer now.

        Unknown is not declined, a request that never reached the gateway is for the
        staff to repeat, and customers know their own cancellations.

        :return: A value of `customer_mail`, or an empty text.
        :rtype: str
        """
        self.ensure_one()
        if self.operation == "validation":
            return ""
        if self.outcome == "pending" and self._is_pending_told():
            return "pending"
        if self._is_refund():
            is_refunded = self.outcome == "succeeded" and self.payment_id
            came_back = not is_refunded and self.customer_mail == "refund"
            return "refund" if is_refunded else "refund_failed" if came_back else ""
        if not self._get_attempt_invoices():
            return ""  # A sale, a donation…: their own addons tell of it.
        if self.outcome == "succeeded" and self.payment_id:
            return "receipt"
        if self.outcome == "declined" and not self.source_transaction_id:
            return "declined"
        return ""

    def _is_pending_told(self):
        """Tell if the customer is told that an attempt takes its time.

        Who is on the page sees it there.
        """
        if self._is_refund():
            return not self.customer_mail
        return self.operation == "offline" and bool(self._get_attempt_invoices())

    def _get_customer_mail_template(self, kind):
        """Return the template of this company's mails of a kind; none if it is off.

        :rtype: mail.template
        """
        template = self.company_id[TEMPLATE_FIELDS[kind]]
        return template.filtered("active")

    # === BUSINESS METHODS - QUEUEING === #

    @api.model
    def _cron_mail_customers(self):
        """Queue the mails that are due; Odoo's own schedule sends them."""
        told_from = fields.Datetime.now() - PENDING_MAIL_DELAY
        due = self.search(
            [
                ("customer_mail_due", "=", True),
                "|",
                ("customer_mail", "!=", "pending"),
                ("last_state_change", "<=", told_from),
            ],
            order="id",
        ).filtered(
            lambda tx: tx.customer_mail != "declined" or not tx._get_on_page_until()
        )
        self.env["ir.cron"]._commit_progress(remaining=len(due))
        for tx in due:
            tx._mail_customer()
            if not self.env["ir.cron"]._commit_progress(1):
                break

    def _mail_customer(self):
        """Queue the mail that is due; a person is told of broken templates."""
        self.ensure_one()
        try:
            self._in_step("mailed", self._queue_customer_mail)
        except Exception as error:  # noqa: BLE001, pylint: disable=broad-except
            if is_concurrency_error(error):
                self.env.cr.rollback()  # The next run does it.
                return
            _logger.exception("The mail on %s could not be queued", self.reference)
            self.env.cr.rollback()
            message = str(error)
            self._in_step("mailed", lambda: self._warn_not_mailed(message))

    def _queue_customer_mail(self):
        """Queue the mail, and store that it is not due any more."""
        self._lock_attempt()
        if not self.customer_mail_due:
            return
        self.customer_mail_due = False
        template = self._get_customer_mail_template(self.customer_mail)
        recipients = self._get_mail_recipients()
        if (
            not (template and recipients and self._is_customer_mail_true())
            or self._is_told_of_decline()
        ):
            return
        self.customer_mail_date = fields.Datetime.now()
        is_of_payment = self.customer_mail in ("receipt", "refund")
        record = self.payment_id if is_of_payment else self
        mail = self._queue_mail(template, record)
        if self.customer_mail == "receipt":
            self._attach_invoices(mail, self._get_mail_invoices())
        elif self.customer_mail == "refund":
            self._attach_invoices(mail, self.payment_id._get_mail_credit_notes())
        self._log_customer_mail(recipients)
        self.env.ref("mail.ir_cron_mail_scheduler_action")._trigger()

    def _queue_mail(self, template, record):
        """Queue a mail about this attempt; in test mode it says so, in any template.

        :param mail.template template: The template.
        :param record: The attempt or its payment, which the template is about.
        :return: The mail.
        :rtype: mail.mail
        """
        mail = self.env["mail.mail"].browse(
            template.with_company(self.company_id).send_mail(record.id)
        )
        if self._is_test():
            env = self.with_context(lang=self._get_mail_recipients()[:1].lang).env
            mail.subject = env._("[Test mode] %s", mail.subject)
            note = Markup("<p><strong>%s</strong></p>") % env._(
                "This mail is about a payment in test mode: no money was moved."
            )
            mail.body_html = prepend_html_content(mail.body_html, str(note))
        return mail

    def _is_customer_mail_true(self):
        """Tell if the mail is still true.

        A payment may have been cancelled, a declined one made good in the meantime.
        """
        if self.customer_mail == "declined":
            invoices = self._get_mail_invoices()
            return (
                self.outcome == "declined"
                and not invoices._get_attempts_in_flight()
                and any(
                    not invoice.currency_id.is_zero(invoice.amount_residual)
                    for invoice in invoices
                )
            )
        if self.customer_mail == "pending":
            return self.outcome == "pending"
        if self.customer_mail == "refund_failed":
            return OUTCOMES[self.outcome].is_unsuccessful
        return self.payment_id.state in POSTED_STATES

    def _is_told_of_decline(self):
        """Tell if the customer was told of a decline in the last day.

        Who tries again and again, or has several invoices in a run, would get a mail
        each time.
        """
        if self.customer_mail != "declined":
            return False
        customer = self._get_mail_recipients().commercial_partner_id
        return bool(
            self.search_count(
                [
                    ("customer_mail", "=", "declined"),
                    (
                        "customer_mail_date",
                        ">",
                        fields.Datetime.now() - DECLINED_MAIL_DELAY,
                    ),
                    ("partner_id.commercial_partner_id", "in", customer.ids),
                    ("company_id", "=", self.company_id.id),
                ],
                limit=1,
            )
        )

    def _attach_invoices(self, mail, invoices):
        """Attach documents to a mail: as they were sent, else as they print."""
        for invoice in invoices:
            if sent := invoice.invoice_pdf_report_id:
                mail.attachment_ids |= sent
                continue
            report = invoice.partner_id.invoice_template_pdf_report_id or self.env.ref(
                "account.account_invoices"
            )
            content, kind = self.env["ir.actions.report"]._render(report, invoice.ids)
            values = {
                "name": invoice._get_invoice_report_filename(kind, report),
                "datas": base64.b64encode(content),
                # With these, it is deleted with the mail.
                "res_model": "mail.message",
                "res_id": mail.mail_message_id.id,
            }
            mail.attachment_ids = [Command.create(values)]

    # === TELLING PEOPLE === #

    def _log_customer_mail(self, recipients):
        """Let the staff see the customer's mails on the invoices."""
        values = {
            "reference": self._get_html_link(),
            "recipients": ", ".join(recipients.mapped("display_name")),
        }
        message = {
            "pending": self.env._(
                "%(recipients)s is told by mail that %(reference)s is being processed.",
                **values,
            ),
            "receipt": self.env._(
                "The receipt of %(reference)s is mailed to %(recipients)s.", **values
            ),
            "declined": self.env._(
                "%(recipients)s is told by mail that %(reference)s was declined.",
                **values,
            ),
            "refund_failed": self.env._(
                "%(recipients)s is told by mail that the refund %(reference)s came "
                "back.",
                **values,
            ),
            "refund": self.env._(
                "The receipt of the refund %(reference)s is mailed to %(recipients)s.",
                **values,
            ),
        }[self.customer_mail]
        for invoice in self._get_mail_invoices():
            invoice._message_log(body=message)

    def _warn_not_mailed(self, message):
        """Tell a person that a mail could not be made; it is not tried again."""
        self._lock_attempt()
        self.customer_mail_due = False
        records = self._get_mail_invoices() or self.payment_id
        for record in records[:1]:
            self._schedule_payment_activity(
                record,
                self.env._("Customer not told by mail"),
                self.env._(
                    "The mail to the customer on %(reference)s could not be made from "
                    "its template: %(message)s",
                    reference=self._get_html_link(),
                    message=message,
                ),
            )

    # === GETTERS === #

    def _get_on_page_until(self):
        """Return until when a person is taken to be on the page of this attempt.

        It counts from the last attempt of anybody on the same invoices.

        Note: `self.ensure_one()`

        :return: A moment to come; nothing if the staff or a schedule started it, or
                 the person is gone.
        :rtype: datetime.datetime or None
        """
        self.ensure_one()
        if self.operation not in ONLINE_OPERATIONS:
            return None
        attempts = self | self._get_mail_invoices().transaction_ids.filtered(
            lambda tx: tx.operation in ONLINE_OPERATIONS
        )
        until = max(attempts.mapped("create_date")) + ON_PAGE_PERIOD
        return until if until > fields.Datetime.now() else None

    def _get_mail_invoices(self):
        """Return the invoices that a mail on this attempt is about.

        :rtype: account.move
        """
        return (
            self._get_attempt_invoices()
            or self.payment_id.refund_allocation_ids.invoice_id
            or self.source_transaction_id._get_attempt_invoices()
        )

    def _get_mail_shares(self):
        """Return the parts of this attempt, where it pays several invoices.

        :rtype: payment.transaction.share
        """
        self.ensure_one()
        paying = self.share_ids.filtered("amount")
        return paying if self._is_shared() else paying.browse()

    def _get_mail_recipients(self):
        """Return who is told: the contact of the invoice, and who paid in the portal.

        :return: Contacts with a mail address.
        :rtype: res.partner
        """
        self.ensure_one()
        contact = self._get_mail_invoices()[:1].partner_id or self.partner_id
        payer = self.source_transaction_id or self
        recipients = contact
        if payer.operation != "offline":
            recipients |= payer.partner_id
        return (
            recipients.filtered("email")
            or (self.partner_id | contact.commercial_partner_id).filtered("email")[:1]
        )
