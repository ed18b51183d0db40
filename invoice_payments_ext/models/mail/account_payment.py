from odoo import models

from ...tools import prepare_filename

# A receipt names these first invoices in its title and the name of its file.
MAX_NUMBERS = 3


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
        """Return the name of the receipt's file, wherever it is printed or attached.

        :return: Such as `Receipt INV-2026-00010 20.00 USD`.
        :rtype: str
        """
        self.ensure_one()
        return prepare_filename(
            self._get_receipt_title(),
            *self._get_receipt_numbers(),
            f"{self.amount:.{self.currency_id.decimal_places}f}",
            self.currency_id.name,
        )

    def _get_receipt_title(self):
        """Return the word for the receipt of this payment or refund.

        :rtype: str
        """
        self.ensure_one()
        if self.partner_type != "customer":
            return self.payment_receipt_title
        if self.payment_type == "outbound":
            return self.env._("Refund receipt")
        return self.env._("Receipt")

    def _get_receipt_numbers(self):
        """Return the numbers of the invoices that a receipt is about, or its own.

        :rtype: list[str]
        """
        names = self.sudo()._get_mail_invoices().filtered("name").mapped("name")
        if len(names) > MAX_NUMBERS:
            return [*names[:MAX_NUMBERS], "…"]
        return names or [self.name or ""]

    def _get_receipt_heading(self):
        """Return the heading of the receipt, in words for the customer.

        :rtype: str
        """
        self.ensure_one()
        numbers = ", ".join(filter(None, self._get_receipt_numbers()))
        count = len(self.sudo()._get_mail_invoices())
        is_refund = self.payment_type == "outbound"
        if not count:
            if is_refund:
                return self.env._("Refund receipt %s", numbers)
            return self.env._("Receipt %s", numbers)
        if count == 1:
            if is_refund:
                return self.env._("Refund receipt for invoice %s", numbers)
            return self.env._("Receipt for invoice %s", numbers)
        if is_refund:
            return self.env._("Refund receipt for invoices %s", numbers)
        return self.env._("Receipt for invoices %s", numbers)

    def _get_receipt_memo(self):
        """Return the memo if it is meant for the customer; else an empty text.

        That of a refund, or of credit that was paid out, is the reason that the staff
        gave. That of a payment online begins with the references at the provider. That
        of a payment for several invoices may be the list of their numbers, which the
        receipt has already.

        :rtype: str
        """
        self.ensure_one()
        payment_sudo = self.sudo()  # Customers print receipts too.
        memo = self.memo or ""
        if payment_sudo.source_payment_id or self.is_from_credit:
            return ""
        numbers = payment_sudo.invoice_ids.mapped("name")
        if len(numbers) > 1 and set(memo.split(", ")) == set(numbers):
            return ""
        transaction_sudo = payment_sudo.payment_transaction_id
        if transaction_sudo and transaction_sudo.reference in memo:
            return transaction_sudo.memo or ""
        return memo

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

    def _get_early_discount(self):
        """Return the early-payment discounts that this payment books.

        They are what it takes off the invoices and is no money.

        :return: The amount in the payment's currency; zero if there is none.
        :rtype: float
        """
        self.ensure_one()
        payment = self.sudo()  # Customers print receipts too.
        company = payment.company_id
        account = company.account_journal_early_pay_discount_loss_account_id
        if not account or account not in payment.move_id.line_ids.account_id:
            return 0.0
        off = -sum(payment._get_receivable_lines().mapped("amount_currency"))
        return max(payment.currency_id.round(off - payment.amount), 0.0)

    def _get_amount_returned(self):
        """Return how much of this payment the customer has again, or as credit.

        Refunds that are on their way do not count yet. Without it, a receipt printed
        later would not add up: its rows say how much of the payment the invoices keep.

        :return: The amount in the payment's currency; zero if there is none.
        :rtype: float
        """
        self.ensure_one()
        if self.payment_type != "inbound" or self.partner_type != "customer":
            return 0.0
        payment = self.sudo()  # Customers print receipts too.
        returned = payment._get_given_back() - payment._get_amount_being_refunded()
        return max(payment.currency_id.round(returned), 0.0)

    def _get_receipt_template(self):
        """Tell of a recorded payment, or refund, in the words of a charge's mail."""
        kind = "refund" if self.payment_type == "outbound" else "receipt"
        template = self.company_id[f"payment_{kind}_mail_template_id"]
        return template.filtered("active") or super()._get_receipt_template()

    def _get_mail_recipients(self):
        """Return who is told of this payment by mail.

        Note: `self.ensure_one()`

        :rtype: res.partner
        """
        self.ensure_one()
        if transaction := self.payment_transaction_id:
            return transaction._get_mail_recipients()
        contact = self._get_mail_invoices().partner_id.filtered("email")
        return contact if len(contact) == 1 else self.partner_id

    def _get_mail_invoices(self):
        """Return the invoices that a mail on this payment is about.

        Note: `self.ensure_one()`

        :rtype: account.move
        """
        self.ensure_one()
        transaction = self.payment_transaction_id
        return (
            transaction._get_mail_invoices()
            or self.refund_allocation_ids.invoice_id
            or self.reconciled_invoice_ids
        )

    def _get_mail_credit_notes(self):
        """Return the credit notes that took a refund off the bill.

        :rtype: account.move
        """
        return self.refund_allocation_ids.credit_note_id

    def _get_mail_parts(self):
        """Return the words of a mail on each invoice: how it was paid, and its rest.

        Note: `self.ensure_one()`

        :return: The `invoice`, the amounts `paid` by this payment and from `credit`,
                 those that are `remaining` and `processing`, the `url` to pay, and
                 whether this refund `is_owed_again`.
        :rtype: list[dict]
        """
        self.ensure_one()
        allocations = self.refund_allocation_ids
        owed_again = allocations.filtered(lambda each: not each.credit_note_id)
        owed_again = owed_again.invoice_id
        parts = []
        for invoice in self._get_mail_invoices():
            matched, currency = (
                invoice.sudo()._get_reconciled_invoices_partials()[0],
                (invoice.currency_id),
            )
            own = [each for each in matched if each[2].payment_id == self]
            credit = [each for each in matched if each[2].payment_id.is_from_credit]
            remaining = invoice.amount_residual
            is_open = not currency.is_zero(remaining)
            parts.append(
                {
                    "invoice": invoice,
                    "paid": sum(amount for _partial, amount, _line in own),
                    "credit": sum(amount for _partial, amount, _line in credit),
                    "remaining": remaining,
                    "is_open": is_open,
                    "is_owed_again": invoice in owed_again,
                    "processing": min(remaining, invoice._get_amount_in_flight()),
                    "url": invoice._get_payment_form_url() if is_open else "",
                }
            )
        return parts
