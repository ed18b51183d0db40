from contextlib import contextmanager

from odoo import models

from ...tools import without_defaults


class AccountMove(models.Model):
    """Money that was paid before an invoice was issued, such as that of an order."""

    _inherit = "account.move"

    # === BUSINESS METHODS === #

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

        Money of which something is being refunded is left alone.

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
                and line.currency_id.compare_amounts(line.amount_residual_currency, 0)
                < 0
            )
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
