import logging

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.tools import format_date

from ..attempts.payment_transaction_steps import is_concurrency_error

_logger = logging.getLogger(__name__)

# Until this day of a month the statements of the last one are sent. Who is switched on
# later is told of the present month, in the next one.
LAST_DAY = 10


class AccountStatementSending(models.Model):
    """A statement of account that is sent to a customer, or was.

    The mail is queued in the database transaction that marks it as sent: whenever the
    schedule is stopped, each statement was queued once or is still due.
    """

    _name = "account.statement.sending"
    _description = "Statement Sent"
    _order = "id desc"
    _rec_name = "partner_id"

    company_id = fields.Many2one(
        comodel_name="res.company", required=True, readonly=True, index=True
    )
    partner_id = fields.Many2one(
        string="Customer",
        comodel_name="res.partner",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    date_from = fields.Date(string="From", required=True, readonly=True)
    date_to = fields.Date(string="To", required=True, readonly=True)
    is_monthly = fields.Boolean(
        string="Monthly", readonly=True, help="Whether it is the one of each month."
    )
    state = fields.Selection(
        selection=[
            ("due", "Waiting"),
            ("sent", "Sent"),
            ("no_address", "Left out: no e-mail address"),
            ("failed", "Left out: could not be made"),
        ],
        default="due",
        required=True,
        readonly=True,
    )
    message = fields.Char(string="Error", readonly=True)
    recipient_id = fields.Many2one(
        string="Sent to", comodel_name="res.partner", readonly=True
    )
    sent_on = fields.Datetime(readonly=True)

    _once_a_month = models.UniqueIndex(
        "(partner_id, company_id, date_to) WHERE is_monthly",
        "A customer gets one statement a month from each company.",
    )
    _due_idx = models.Index("(id) WHERE state = 'due'")

    # === BUSINESS METHODS === #

    @api.model
    def _merge_contacts(self, sources, target):
        """Let contacts that are merged have one statement a month.

        One that is still due is left out where another one of them has it; one that was
        sent stays, and is not the one of the month any more.

        :param res.partner sources: The contacts that will not exist any more.
        :param res.partner target: The contact that stays.
        """
        sendings_sudo = self.sudo().search(
            [
                ("partner_id", "in", (sources | target).ids),
                ("is_monthly", "=", True),
            ]
        )
        known = set()
        for sending_sudo in sendings_sudo.sorted(
            lambda each: (each.partner_id != target, each.state == "due", each.id)
        ):
            month = (sending_sudo.company_id.id, sending_sudo.date_to)
            if month not in known:
                known.add(month)
            elif sending_sudo.state == "due":
                sending_sudo.unlink()
            else:
                sending_sudo.is_monthly = False

    @api.model
    def _request(self, partners, company, date_from, date_to, is_monthly=False):
        """Store that statements are due; those without an address are left out.

        :return: One record a customer.
        :rtype: account.statement.sending
        """
        # In superuser mode: only the door and the schedule make them.
        sendings_sudo = self.sudo().create(
            [
                {
                    "partner_id": partner.id,
                    "company_id": company.id,
                    "date_from": date_from,
                    "date_to": date_to,
                    "is_monthly": is_monthly,
                    "state": "due"
                    if partner._get_statement_recipient()
                    else "no_address",
                }
                for partner in partners
            ]
        )
        for sending in sendings_sudo.filtered(lambda each: each.state != "due"):
            sending.partner_id._message_log(body=sending._describe_left_out())
        self.env.ref("invoice_payments_ext.ir_cron_send_statements")._trigger()
        return sendings_sudo.with_env(self.env)

    @api.model
    def _cron_send_statements(self):
        """Queue the mails of the statements that are due, each in its own commit."""
        self._request_monthly()
        due = self.search([("state", "=", "due")], order="id")
        self.env["ir.cron"]._commit_progress(remaining=len(due))
        for sending in due:
            sending._send()
            if not self.env["ir.cron"]._commit_progress(1):
                break

    @api.model
    def _request_monthly(self):
        """Store which statements of the last month are due."""
        partners = self.env["res.partner"]
        for company in self.env["res.company"].search([("parent_id", "=", False)]):
            _first, today = partners._get_statement_period(company)
            date_to = today + relativedelta(day=1, days=-1)
            date_from = date_to + relativedelta(day=1)
            if today.day > LAST_DAY:
                continue
            wanting = self._get_monthly_customers(company, date_from, date_to)
            if wanting:
                self._request(wanting, company, date_from, date_to, is_monthly=True)

    def _get_monthly_customers(self, company, date_from, date_to):
        """Return the customers whose statement of a month is not requested yet.

        :rtype: res.partner
        """
        partners = self.env["res.partner"].with_company(company)
        chosen = [("monthly_statement", "=", "yes")]
        if company.monthly_statements:
            chosen = [("monthly_statement", "!=", "no")]
        elif not partners.search_count(chosen, limit=1):
            return partners
        known = self.search(
            [
                ("company_id", "=", company.id),
                ("date_to", "=", date_to),
                ("is_monthly", "=", True),
            ]
        ).partner_id
        found = partners._query_statement_customers(
            company._get_statement_books(), date_from, date_to
        )
        return partners.search([("id", "in", (found - known).ids), *chosen])

    def _send(self):
        """Queue the mail of this statement; a broken template stops no other one."""
        self.ensure_one()
        if not self.try_lock_for_update() or self.state != "due":
            return
        try:
            with self.env.cr.savepoint():
                self._queue_mail()
        except Exception as error:  # noqa: BLE001, pylint: disable=broad-except
            if is_concurrency_error(error):
                raise
            _logger.exception("The statement %s could not be queued", self.id)
            self.write({"state": "failed", "message": str(error)[:500]})
        if self.state != "sent":
            self.partner_id._message_log(body=self._describe_left_out())

    def _queue_mail(self):
        """Queue the mail with the PDF, and note that."""
        recipient = self.partner_id._get_statement_recipient()
        if not recipient:
            self.state = "no_address"
            return
        template = self.env.ref("invoice_payments_ext.mail_template_customer_statement")
        template.with_company(self.company_id).with_context(
            statement_company_id=self.company_id.id,
            statement_date_from=self.date_from,
            statement_date_to=self.date_to,
        ).send_mail(self.partner_id.id)
        self.env.ref("mail.ir_cron_mail_scheduler_action")._trigger()
        self.write(
            {
                "state": "sent",
                "recipient_id": recipient.id,
                "sent_on": fields.Datetime.now(),
            }
        )
        self.partner_id._message_log(
            body=self.env._(
                "The statement of account from %(date_from)s to %(date_to)s is mailed "
                "to %(recipient)s.",
                date_from=format_date(self.env, self.date_from),
                date_to=format_date(self.env, self.date_to),
                recipient=recipient.display_name,
            ),
            author_id=self.create_uid.partner_id.id,
        )

    def _describe_left_out(self):
        """Return the sentence that tells the staff who was left out.

        :rtype: str
        """
        values = {
            "date_from": format_date(self.env, self.date_from),
            "date_to": format_date(self.env, self.date_to),
        }
        if self.state == "failed":
            return self.env._(
                "The statement of account from %(date_from)s to %(date_to)s could not "
                "be made: %(message)s",
                message=self.message,
                **values,
            )
        return self.env._(
            "The statement of account from %(date_from)s to %(date_to)s was not sent: "
            "there is no e-mail address.",
            **values,
        )
