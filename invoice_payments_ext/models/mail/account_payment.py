from odoo import models


class AccountPayment(models.Model):
    """The receipt of a payment: printed, downloaded and mailed."""

    _inherit = "account.payment"

    # === ACTION METHODS === #

    def action_print_payment_receipt(self):
        """Return the action that prints the receipt.

        :rtype: dict
        """
        self.check_access("read")
        return self.env.ref("account.action_report_payment_receipt").report_action(self)

    # === GETTERS === #

    def _get_report_base_filename(self):
        """Return the name of the receipt's file, for downloads from the portal."""
        self.ensure_one()
        return f"{self.payment_receipt_title} {self.name}"

    def _get_receipt_method(self):
        """Return how the money came, in words for the customer.

        :rtype: str
        """
        self.ensure_one()
        payment_sudo = self.sudo()  # Customers print receipts too.
        user = self.env.user
        customer = user.partner_id.commercial_partner_id
        # Whoever has only the link of an invoice learns nothing of a saved method.
        is_own = payment_sudo.partner_id.commercial_partner_id == customer
        if payment_sudo.payment_token_id and (is_own or user._is_internal()):
            return payment_sudo.payment_token_id._get_method_label()
        kind = payment_sudo.external_kind
        if kind and kind != "other":
            return self.env["account.move"]._get_external_kind_label(kind)
        transaction_sudo = payment_sudo.payment_transaction_id
        method_line = payment_sudo.payment_method_line_id
        return (
            transaction_sudo.payment_method_id.name
            or f"{payment_sudo.journal_id.name} ({method_line.name})"
        )

    def _get_mail_recipients(self):
        """Return who is told of this payment by mail.

        Note: `self.ensure_one()`

        :rtype: res.partner
        """
        self.ensure_one()
        transaction = self.payment_transaction_id
        return transaction._get_mail_recipients() if transaction else self.partner_id

    def _get_mail_invoices(self):
        """Return the invoices that a mail on this payment is about.

        Note: `self.ensure_one()`

        :rtype: account.move
        """
        self.ensure_one()
        transaction = self.payment_transaction_id
        return transaction._get_mail_invoices() or self.reconciled_invoice_ids
