from odoo import models


class AccountPaymentReversal(models.Model):
    """The mail to the customer about a debit that came back."""

    _inherit = "account.payment.reversal"

    # === BUSINESS METHODS === #

    def _mail_returned_debit(self):
        """Queue the mail to the customer; of disputes the customer's bank tells."""
        template = self.company_id.payment_returned_mail_template_id
        recipients = self._get_mail_recipients()
        if self.kind == "dispute" or not template.active or not recipients:
            return
        template.with_company(self.company_id).send_mail(self.id)
        self.env.ref("mail.ir_cron_mail_scheduler_action")._trigger()
        for invoice in self.invoice_ids:
            invoice._message_log(
                body=self.env._(
                    "%(recipients)s is told by mail that %(payment)s came back.",
                    recipients=", ".join(recipients.mapped("display_name")),
                    payment=self.payment_id._get_html_link(),
                )
            )

    # === GETTERS === #

    def _get_mail_recipients(self):
        """Return who is told: those who were told of the payment.

        :return: Contacts with a mail address.
        :rtype: res.partner
        """
        self.ensure_one()
        return self.payment_id._get_mail_recipients().filtered("email")
