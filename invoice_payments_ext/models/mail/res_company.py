from odoo import fields, models

# The kinds of mails to customers: each has a template, and a setting that names it.
MAIL_KINDS = (
    "pending",
    "receipt",
    "declined",
    "refund",
    "refund_failed",
    "returned",
    "expiring",
)


class ResCompany(models.Model):
    """The templates of the mails to customers."""

    _inherit = "res.company"

    # Emptied, nothing is sent.
    payment_pending_mail_template_id = fields.Many2one(
        string="Payment or Refund that Is Being Processed",
        comodel_name="mail.template",
        default=lambda self: self._get_default_mail_template("pending"),
        domain="[('model', '=', 'payment.transaction')]",
        tracking=True,
        help="Sent to customers whose charge or refund waits for the provider for more "
        "than an hour. Not sent to who paid in the portal. Empty: none is sent.",
    )
    payment_receipt_mail_template_id = fields.Many2one(
        string="Receipt of a Charge",
        comodel_name="mail.template",
        default=lambda self: self._get_default_mail_template("receipt"),
        domain="[('model', '=', 'account.payment')]",
        tracking=True,
        help="Sent to customers who paid in the portal or were charged, with the "
        "receipt and the invoice. Empty: none is sent.",
    )
    payment_declined_mail_template_id = fields.Many2one(
        string="Declined Payment",
        comodel_name="mail.template",
        default=lambda self: self._get_default_mail_template("declined"),
        domain="[('model', '=', 'payment.transaction')]",
        tracking=True,
        help="Sent to customers whose payment was declined, with a link to the payment "
        "form. Empty: none is sent.",
    )
    payment_refund_mail_template_id = fields.Many2one(
        string="Receipt of a Refund",
        comodel_name="mail.template",
        default=lambda self: self._get_default_mail_template("refund"),
        domain="[('model', '=', 'account.payment')]",
        tracking=True,
        help="Sent to customers who were refunded through a provider, with the "
        "receipt. Empty: none is sent.",
    )
    payment_refund_failed_mail_template_id = fields.Many2one(
        string="Refund that Came Back",
        comodel_name="mail.template",
        default=lambda self: self._get_default_mail_template("refund_failed"),
        domain="[('model', '=', 'payment.transaction')]",
        tracking=True,
        help="Sent to customers whose refund came back after they were told of it. "
        "Empty: none is sent.",
    )
    payment_returned_mail_template_id = fields.Many2one(
        string="Returned Payment",
        comodel_name="mail.template",
        default=lambda self: self._get_default_mail_template("returned"),
        domain="[('model', '=', 'account.payment.reversal')]",
        tracking=True,
        help="Sent to customers whose payment their bank returned, or that failed "
        "later. Not sent for disputes. Empty: none is sent.",
    )

    payment_expiring_mail_template_id = fields.Many2one(
        string="Method that Expires",
        comodel_name="mail.template",
        default=lambda self: self._get_default_mail_template("expiring"),
        domain="[('model', '=', 'payment.token')]",
        tracking=True,
        help="Sent to customers 30, 14 and 3 days before a saved method expires that "
        "would be charged. Empty: none is sent.",
    )

    # === DEFAULT METHODS === #

    def _get_default_mail_template(self, kind):
        """Return the template of this addon for mails of a kind to customers.

        :param str kind: one of `MAIL_KINDS`
        :rtype: mail.template
        """
        return self.env.ref(
            f"invoice_payments_ext.mail_template_payment_{kind}",
            raise_if_not_found=False,
        )

    # === BUSINESS METHODS === #

    def _set_default_mail_templates(self, kinds=MAIL_KINDS):
        """Let companies that are older than this addon mail their customers.

        :param kinds: The kinds of mails that are new to them.
        """
        for kind in kinds:
            template = self._get_default_mail_template(kind)
            self[f"payment_{kind}_mail_template_id"] = template
