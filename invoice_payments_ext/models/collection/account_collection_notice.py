from datetime import timedelta

from odoo import fields, models

from .decision import Verdict

NOTICE = "invoice_payments_ext.mail_template_collection_notice"
# How long after the day that was told a debit may still be made, or be tried again.
GOOD_FOR = timedelta(days=14)
# How long a notice may wait in the queue before a person is told.
STUCK_AFTER = timedelta(hours=4)
LOOK_AGAIN = timedelta(hours=1)


class AccountCollection(models.Model):
    """The notice before a debit: sent in time, with the amount and the day."""

    _inherit = "account.collection"

    # === GETTERS === #

    def _get_notice_days(self, token, permission=None):
        """Return how many days before a debit the customer has to be told.

        :param payment.token token: The method to charge.
        :param Permission permission: That of the customer; read if not given.
        :rtype: int
        """
        days = token.sudo().payment_method_id.notice_days if token else 0
        if not days:
            return 0
        if permission is None:
            customer = self.move_id.commercial_partner_id
            permissions = self.env["account.auto.pay"]._get_permissions(
                customer, self.company_id
            )
            permission = permissions[customer]
        return permission.notice_days or days

    def _is_notice_of(self, token, amount):
        """Tell if the last notice was about this method and this amount.

        :rtype: bool
        """
        return bool(
            self.notice_date
            and self.notice_token_id.id == token.id
            and not self.currency_id.compare_amounts(self.notice_amount, amount)
        )

    def _get_notice_sent_on(self):
        """Return when the notice really left; nothing is stored.

        :rtype: datetime.datetime or bool
        """
        if self.notice_sent_on:
            return self.notice_sent_on
        mail = self.notice_mail_id
        return mail.write_date if mail.state == "sent" else False

    def _get_notice_verdict(self, token, amount, days):
        """Say why a debit has to wait for its notice.

        :param payment.token token: The method to charge.
        :param float amount: The amount to charge.
        :param int days: How many days before the customer has to be told; above zero.
        :return: None if the debit may be made today.
        :rtype: Verdict or None
        """
        if not self._is_notice_of(token, amount):
            return Verdict("notice_missing")
        sent_on = self._get_notice_sent_on()
        if not sent_on:
            return Verdict("notice_missing", self._describe_unsent_notice())
        sent_day = self._get_day_of(sent_on)
        if sent_day + timedelta(days=days) > self.notice_date:
            return Verdict("notice_missing")  # It left too late: a new one is needed.
        if self._get_today() < self.notice_date:
            return Verdict(
                "notice_missing",
                self.env._(
                    "The customer was told of a debit on %(date)s.",
                    date=self.notice_date.isoformat(),
                ),
                self._get_morning(self.notice_date),
            )
        if self._get_today() > self.notice_date + GOOD_FOR:
            return Verdict("notice_missing")
        return None

    def _describe_unsent_notice(self):
        """Say that the notice of a debit is made, and has not left.

        :rtype: str
        """
        return self.env._(
            "The notice of the debit on %(date)s is not sent yet.",
            date=self.notice_date.isoformat(),
        )

    # === BUSINESS METHODS === #

    def _announce_next(self, decision):
        """Send the notice of the next charge of the plan early.

        :param ChargeDecision decision: With the method and the amount to charge.
        """
        days = self._get_notice_days(decision.token)
        if days and not self._is_notice_of(decision.token, decision.amount):
            charges = (
                self._get_day_of(moment)
                for moment, step in self._get_timeline()
                if step.kind == "charge"
            )
            self._send_notice(decision, days, next(charges, None))

    def _follow_notice(self, decision):
        """Send the notice that is missing, or look if it was sent.

        :param ChargeDecision decision: With the method and the amount to charge.
        :return: When it is looked at again.
        :rtype: datetime.datetime
        """
        now = fields.Datetime.now()
        if sent_on := self._get_notice_sent_on():
            self.notice_sent_on = sent_on
        if decision.not_before:
            return decision.not_before
        token, amount = decision.token, decision.amount
        is_waiting = self._is_notice_of(token, amount) and not sent_on
        if not is_waiting or not self.notice_mail_id:
            self._send_notice(decision, self._get_notice_days(token))
            self.wait_words = self._describe_unsent_notice()
        elif self.notice_mail_id.create_date + STUCK_AFTER < now:
            self._tell_stuck()
        return now + LOOK_AGAIN

    def _send_notice(self, decision, days, wanted=None):
        """Queue the mail that tells the amount and the day of a debit.

        It is kept as evidence, and may leave until tomorrow.

        :param ChargeDecision decision: With the method and the amount to charge.
        :param int days: How many days before the customer has to be told.
        :param datetime.date wanted: The day on which the debit is wanted.
        """
        earliest = self._get_today() + timedelta(days=days + 1)
        self.write(
            {
                "notice_amount": decision.amount,
                "notice_date": max(earliest, wanted or earliest),
                "notice_token_id": decision.token.id,
                "notice_mail_id": False,
                "notice_sent_on": False,
            }
        )
        template = self.env.ref(NOTICE, raise_if_not_found=False)
        if not template or not self.partner_id.email:
            self._tell_stuck()
            return
        template = template.with_company(self.company_id)
        self.notice_mail_id = template.send_mail(
            self.id, email_values={"auto_delete": False}
        )
        self.env.ref("mail.ir_cron_mail_scheduler_action")._trigger()
        self.move_id._message_log(
            body=self.env._(
                "%(customer)s is told by mail that %(amount)s will be debited on "
                "%(date)s.",
                customer=self.partner_id.display_name,
                amount=self.currency_id.format(self.notice_amount),
                date=self.notice_date.isoformat(),
            )
        )

    def _tell_stuck(self):
        """Tell a person once that a notice does not leave, so that the debit waits."""
        if self.told_reason == "notice_missing":
            return
        self.told_reason = "notice_missing"
        self._assign_task(
            self.env._("The notice of a debit is not sent"),
            self.env._(
                "The debit of %(amount)s waits for it: look at the mail address of the "
                "customer, and at the outgoing mails.",
                amount=self.currency_id.format(self.notice_amount),
            ),
        )
