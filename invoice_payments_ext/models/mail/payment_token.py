import logging

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models

from ..attempts.payment_transaction_steps import is_concurrency_error

_logger = logging.getLogger(__name__)

# How many days before a method expires its owner is told, each once.
TOLD_DAYS = (30, 14, 3)


class PaymentToken(models.Model):
    """The mails to customers whose saved method expires while it is needed."""

    _inherit = "payment.token"

    # === BUSINESS METHODS === #

    @api.model
    def _cron_tell_expiring(self):
        """Queue the mails about methods that expire soon and would be charged."""
        today = fields.Date.today()
        due = self.search(
            [
                ("expires_on", ">=", today),
                ("expires_on", "<=", today + relativedelta(days=max(TOLD_DAYS))),
                ("provider_id.state", "!=", "disabled"),
                ("refused_transaction_id", "=", False),
            ],
            order="id",
        ).filtered(lambda token: token._get_days_to_tell(today))
        self.env["ir.cron"]._commit_progress(remaining=len(due))
        needed = due._filter_needed()
        for token in due:
            if token in needed:
                token._tell_expiring(today)
            if not self.env["ir.cron"]._commit_progress(1):
                break

    def _tell_expiring(self, today):
        """Queue the mail about this method; a broken template stops no other one.

        :param datetime.date today: The day from which the days count.
        """
        self.ensure_one()
        company = self.company_id
        template = company.payment_expiring_mail_template_id.filtered("active")
        days = self._get_days_to_tell(today)
        if not template or not self.partner_id.email:
            return
        try:
            with self.env.cr.savepoint():
                self.expiry_told_days = days
                template.with_company(company).send_mail(self.id)
                self.env.ref("mail.ir_cron_mail_scheduler_action")._trigger()
                self.partner_id._message_log(
                    body=self.env._(
                        "%(customer)s is told by mail that %(method)s expires.",
                        customer=self.partner_id.display_name,
                        method=self._get_method_label(),
                    )
                )
        except Exception as error:  # noqa: BLE001, pylint: disable=broad-except
            if is_concurrency_error(error):
                raise
            _logger.exception("The mail on method %s could not be queued", self.id)

    # === GETTERS === #

    def _get_days_to_tell(self, today):
        """Return for how many days before the end the customer is to be told now.

        :param datetime.date today: The day from which the days count.
        :return: One of `TOLD_DAYS`; zero if that was told.
        :rtype: int
        """
        self.ensure_one()
        left = (self.expires_on - today).days
        days = min((days for days in TOLD_DAYS if left <= days), default=0)
        told = self.expiry_told_days
        return 0 if told and told <= days else days

    def _filter_needed(self):
        """Return those of these methods that would be charged by nobody's doing.

        They are the chosen or newest method of a contact with auto-pay, or the method
        that is charged on the day of a promise. Nobody else is told: a person who
        charges an invoice sees that its method has expired.

        :rtype: payment.token
        """
        promises = self.env["account.payment.promise"].search(
            [("state", "=", "open"), ("token_id", "in", self.ids)]
        )
        needed = promises.filtered(
            lambda promise: promise.date > promise.token_id.expires_on
        ).token_id
        for company, contacts in self._get_charged_contacts().items():
            tokens = contacts._get_tokens_for_charges(company)
            for contact in contacts._filter_to_be_charged(company):
                needed |= tokens[contact]
        return self & needed

    def _get_new_method_url(self):
        """Return where the customer pays by, or saves, another payment method.

        It leads to the form that pays the oldest open invoice, which needs no login.
        Where nothing is open, somebody without a login is led to the page that makes
        one: methods are saved for nobody else.

        :rtype: str
        """
        self.ensure_one()
        owner = self.partner_id
        if invoice := owner._get_open_invoices(self.company_id)[:1]:
            return invoice._get_payment_form_url()
        url = f"/my/payment_method?company_id={self.company_id.id}"
        if owner.user_ids:
            return f"{self.get_base_url()}{url}"
        owner_sudo = owner.sudo().with_context(signup_valid=True)
        return owner_sudo._get_signup_url_for_action(url=url)[owner.id]
