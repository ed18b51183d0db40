from odoo import models


class AccountPayment(models.Model):
    _inherit = "account.payment"

    # === ACTION METHODS === #

    def action_print_payment_receipt(self):
        """Return the action that prints the receipt.

        :rtype: dict
        """
        self.check_access("read")
        return self.env.ref("account.action_report_payment_receipt").report_action(self)

    # === BUSINESS METHODS === #

    def _send_receipt(self):
        """Queue the receipt for the customers, in their language."""
        template = self.env.ref("account.mail_template_data_payment_receipt")
        for payment in self:
            payment.message_post_with_source(
                template, message_type="comment", subtype_xmlid="mail.mt_comment"
            )

    def _prepare_payment_transaction_vals(self, **extra_create_values):
        """Keep Odoo's own dialog from charging what may have been charged already."""
        values = super()._prepare_payment_transaction_vals(**extra_create_values)
        invoices = self.env["account.move"].browse(
            self.env["payment.transaction"]
            ._fields["invoice_ids"]
            .convert_to_cache(values.get("invoice_ids", []), self.env["payment.transaction"])
        )
        invoices._check_nothing_in_flight()
        return values

    # === GETTERS === #

    def _get_report_base_filename(self):
        """Return the name of the receipt's file, for downloads from the portal."""
        self.ensure_one()
        return self.env._("Payment Receipt %s", self.name)

    def _get_receipt_method(self):
        """Return how the money came, in words for the customer.

        :rtype: str
        """
        self.ensure_one()
        payment_sudo = self.sudo()  # Customers print receipts too.
        if payment_sudo.payment_token_id:
            return payment_sudo.payment_token_id._get_method_label()
        transaction_sudo = payment_sudo.payment_transaction_id
        return (
            transaction_sudo.payment_method_id.name
            or f"{payment_sudo.journal_id.name} ({payment_sudo.payment_method_line_id.name})"
        )
