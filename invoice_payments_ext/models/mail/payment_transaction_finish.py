from odoo import models
from odoo.exceptions import UserError


class PaymentTransaction(models.Model):
    """The mail with the link by which a customer finishes a pending payment."""

    _inherit = "payment.transaction"

    # === BUSINESS METHODS === #

    def mail_finish_link(self):
        """Queue the mail with the link by which the customer finishes this payment.

        :return: Who gets it.
        :rtype: res.partner
        :raise UserError: If it does not wait for the customer, or nobody can be mailed.
        :raise AccessError: If the user has no right to charge.
        """
        self.ensure_one()
        self._check_attempt_rights()
        if not self._get_finish_url():
            raise UserError(
                self.env._(
                    "%s does not wait for the customer: there is no link to finish it.",
                    self.reference,
                )
            )
        recipients = self._get_mail_recipients()
        if not recipients:
            raise UserError(
                self.env._("The customer of %s has no mail address.", self.reference)
            )
        template = self.env.ref("invoice_payments_ext.mail_template_payment_finish")
        # In superuser mode: the link and the template are not the staff's.
        self.sudo()._queue_mail(template.sudo(), self)
        for invoice in self._get_mail_invoices():
            invoice._message_log(
                body=self.env._(
                    "The link to finish %(reference)s is mailed to %(recipients)s.",
                    reference=self._get_html_link(),
                    recipients=", ".join(recipients.mapped("display_name")),
                )
            )
        self.env.ref("mail.ir_cron_mail_scheduler_action")._trigger()
        return recipients
