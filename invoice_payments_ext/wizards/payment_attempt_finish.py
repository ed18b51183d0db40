from odoo import api, fields, models

from ..tools import prepare_notification


class PaymentAttemptFinish(models.TransientModel):
    """The dialog with the link by which a customer finishes a pending payment."""

    _name = "payment.attempt.finish"
    _inherit = "payment.dialog.rights.mixin"
    _description = "Link to Finish a Payment"

    transaction_id = fields.Many2one(
        string="Attempt",
        comodel_name="payment.transaction",
        required=True,
        readonly=True,
    )
    amount = fields.Monetary(related="transaction_id.amount")
    currency_id = fields.Many2one(related="transaction_id.currency_id")
    url = fields.Char(string="Link", compute="_compute_url")
    is_started_again = fields.Boolean(compute="_compute_url")
    recipients = fields.Char(string="Mail to", compute="_compute_url")

    # === COMPUTE METHODS === #

    @api.depends("transaction_id")
    def _compute_url(self):
        for dialog in self:
            attempt = dialog.transaction_id
            dialog.url = attempt._get_finish_url() if attempt else False
            dialog.is_started_again = bool(attempt and attempt.sudo()._get_again_url())
            dialog.recipients = (
                ", ".join(attempt._get_mail_recipients().mapped("email_formatted"))
                if attempt
                else False
            )

    # === ACTION METHODS === #

    def action_mail(self):
        """Mail the link to the customer and tell that it was done.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        recipients = self.transaction_id.mail_finish_link()
        return prepare_notification(
            self.env._("Link mailed"),
            self.env._(
                "The link to finish %(reference)s is mailed to %(recipients)s.",
                reference=self.transaction_id.reference,
                recipients=", ".join(recipients.mapped("display_name")),
            ),
        )
