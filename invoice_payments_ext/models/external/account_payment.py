from odoo import models


class AccountPayment(models.Model):
    """The receipt of a payment that was recorded."""

    _inherit = "account.payment"

    # === BUSINESS METHODS === #

    def _send_receipt(self):
        """Queue the receipt for the customers, in their language."""
        template = self.env.ref("account.mail_template_data_payment_receipt")
        for payment in self:
            payment.message_post_with_source(
                template, message_type="comment", subtype_xmlid="mail.mt_comment"
            )
