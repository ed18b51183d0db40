from contextlib import contextmanager

from odoo import api, models

from ...tools import without_defaults


class AccountMove(models.Model):
    """Money that was paid before an invoice was issued, such as that of an order."""

    _inherit = "account.move"

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        moves = super().create(vals_list)
        if any(vals.get("transaction_ids") for vals in vals_list):
            moves._unlink_strange_attempts()
        return moves

    # === BUSINESS METHODS === #

    def _unlink_linked_strange_attempts(self, vals):
        """Look at the attempts that were linked with these now."""
        if vals.get("transaction_ids"):
            self._unlink_strange_attempts()

    def _unlink_strange_attempts(self):
        """Leave out attempts that came with an order, and are somebody else's.

        People may link an order of `sale` with any attempt. Its invoices would take the
        money, which is another customer's or another company's, and show it.
        """
        for invoice in self.sudo():
            attempts = invoice.transaction_ids
            strange = attempts.filtered(
                lambda tx, invoice=invoice: not tx._may_come_by_order(invoice)
            )
            if not strange:
                continue
            invoice.transaction_ids = attempts - strange
            invoice._message_log(
                body=self.env._(
                    "%s is of another customer or company than this invoice, so it is "
                    "not linked with it: its money pays nothing here.",
                    ", ".join(strange.mapped("reference")),
                )
            )

    @contextmanager
    def _taking_prepayments(self):
        """Let issued invoices take the open part of money that was paid before.

        An order that is invoiced in parts has one payment for all of them. `sale` gives
        it to the first one only, as Odoo calls it *paid* then.
        """
        yield
        # In superuser mode: who may issue an invoice need not be in accounting.
        for invoice in without_defaults(self).sudo():
            if (
                invoice.move_type != "out_invoice"
                or invoice.state != "posted"
                or not invoice.transaction_ids
            ):
                continue
            for line in invoice._get_prepaid_lines():
                open_lines = invoice._get_open_receivable_lines(line.account_id)
                if open_lines:
                    (line | open_lines).reconcile()

    # === GETTERS === #

    def _get_prepaid_lines(self):
        """Return the open lines of the money that attempts of this invoice brought.

        Money of which something is being refunded is left alone, and that of another
        customer, which an order may have been linked with.

        :return: The journal items, in superuser mode.
        :rtype: account.move.line
        """
        self.ensure_one()
        attempts_sudo = self.sudo().transaction_ids
        lines = attempts_sudo.payment_id.move_id.line_ids.browse()
        for tx in attempts_sudo:
            children = tx.child_transaction_ids
            refunds = children._filter_refunds()
            if any(refund._is_refund_in_flight() for refund in refunds):
                continue
            for payment in (tx | (children - refunds)).payment_id:
                if payment.payment_type == "inbound" and payment._is_posted():
                    lines |= payment._get_receivable_lines()
        return lines.filtered(
            lambda line: (
                not line.reconciled
                and line.company_id == self.company_id
                and self._is_customer_of(line)
                and line.currency_id.compare_amounts(line.amount_residual_currency, 0)
                < 0
            )
        )

    def _is_customer_of(self, line):
        """Tell if a journal item is of the customer of this invoice, as of today.

        :param account.move.line line: The item.
        :rtype: bool
        """
        self.ensure_one()
        customer = self.partner_id.commercial_partner_id
        return line.partner_id.commercial_partner_id == customer

    def _is_strange_money(self, line):
        """Tell if an attempt on this invoice brought this item to somebody else.

        :param account.move.line line: The item.
        :rtype: bool
        """
        self.ensure_one()
        return (
            line.payment_id in self.sudo().transaction_ids.payment_id
            and not self._is_customer_of(line.sudo())
        )

    def _get_prepaid_amount(self):
        """Return how much of this draft is paid already, and taken when it is issued.

        :return: The amount in the invoice's currency.
        :rtype: float
        """
        self.ensure_one()
        lines = self._get_prepaid_lines().filtered(
            lambda line: line.currency_id == self.currency_id
        )
        prepaid = -sum(lines.mapped("amount_residual_currency"))
        return min(self.currency_id.round(prepaid), self.amount_total)
