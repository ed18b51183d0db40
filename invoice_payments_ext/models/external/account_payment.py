from odoo import fields, models

from .external_kinds import EXTERNAL_KINDS


class AccountPayment(models.Model):
    """The kind of a payment that was recorded, and its receipt."""

    _inherit = "account.payment"

    external_kind = fields.Selection(
        string="Received as",
        selection=lambda self: [
            (name, self.env._(kind.label)) for name, kind in EXTERNAL_KINDS.items()
        ],
        copy=False,
        tracking=True,
        help="How the money came, where no gateway took part.",
    )

    # The latest one of a kind is asked for with each dialog.
    _external_kind_idx = models.Index(
        "(company_id, external_kind, id) WHERE external_kind IS NOT NULL"
    )

    # === BUSINESS METHODS === #

    def _send_receipt(self):
        """Queue the receipt for the customers, in their language."""
        for payment in self:
            payment.message_post_with_source(
                payment._get_receipt_template(),
                message_type="comment",
                subtype_xmlid="mail.mt_comment",
            )

    def _get_receipt_template(self):
        """Return the template of the mail with the receipt of this payment.

        :rtype: mail.template
        """
        return self.env.ref("account.mail_template_data_payment_receipt")
