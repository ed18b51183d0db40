from odoo import api, models

from ...tools import OURS


class AccountPayment(models.Model):
    """Refunds outside any gateway."""

    _inherit = "account.payment"

    # === BUSINESS METHODS - STEPS === #

    def _refund_outside(self, amount, reason, outside_values, **undone):
        """Book money that was given back by hand."""
        values = self._get_outside_refund_values(self.company_id, **outside_values)
        return self._book_outside_refund(amount, values, reason, **undone)

    def _book_outside_refund(
        self, amount, values, reason, reduces_bill=False, invoice=None, credit_note=None
    ):
        """Book money that was given back outside any gateway.

        On a locked payment, after the checks. Without a payment, it pays out a credit
        note for an amount that no payment brought.

        :param float amount: The amount, in the currency of the payment or credit note.
        :param dict values: The result of :meth:`_get_outside_refund_values`.
        :param str reason: Why, for the records.
        :param bool reduces_bill: Whether credit notes are issued for it.
        :param account.move invoice: The invoice that is reopened or reduced first.
        :param account.move credit_note: The credit note that is paid out by it.
        :return: The posted refund.
        :rtype: account.payment
        """
        credits_planned = None
        if reduces_bill:
            _unallocated, parts, _untraced = self._plan_refund(amount, invoice)
            credits_planned = self._group_by_invoice(parts)
        undone = self._undo_allocations(amount, credits_planned, invoice, credit_note)
        refund = (
            self.env["account.payment"]
            .with_context(booked_by_door=OURS, written_by_door=OURS)
            .create(
                self._prepare_outside_refund_vals(amount, values, reason, credit_note)
            )
        )
        refund.action_post()
        refund = refund.with_env(self.env)
        self._allocate_refund(refund, reason, undone, credit_note)
        self._log_outside_refund(refund, reason)
        return refund

    def _prepare_outside_refund_vals(self, amount, values, reason, credit_note):
        """Return the values of a refund outside any gateway.

        :rtype: dict
        """
        account = self.destination_account_id
        if credit_note:
            account = credit_note._get_open_receivable_lines().account_id[:1]
        return {
            **values,
            "amount": amount,
            "memo": reason,
            "payment_type": "outbound",
            "partner_type": "customer",
            "partner_id": (self.partner_id or credit_note.commercial_partner_id).id,
            "currency_id": (self.currency_id or credit_note.currency_id).id,
            "company_id": (self.company_id or credit_note.company_id).id,
            "destination_account_id": account.id,
            "source_payment_id": self.id,
        }

    @api.model
    def _get_outside_refund_values(
        self, company, journal_id=None, date=None, reference=None
    ):
        """Check and complete the values of a refund outside the gateway.

        :return: The values for :meth:`_book_outside_refund`.
        :rtype: dict
        """
        moves = self.env["account.move"]
        journal = moves._get_external_journal(journal_id, company)
        date = moves._get_external_date(
            journal,
            date,
            company,
            start=self.date if self else None,
            start_label=self.env._("the payment"),
        )
        return {
            "journal_id": journal.id,
            "payment_method_line_id": moves._get_external_method_line(
                journal, None, "outbound"
            ).id,
            "date": date,
            "payment_reference": reference or False,
        }

    # === BUSINESS METHODS - ALLOCATION === #

    def _log_outside_refund(self, refund, reason):
        """Note a refund outside on the payment and the invoices it concerns."""
        values = {
            "amount": refund.currency_id.format(refund.amount),
            "refund": refund._get_html_link(),
            "reason": reason,
        }
        if refund.journal_id == refund.company_id.sudo().credit_balance_journal_id:
            message = self.env._(
                "%(amount)s kept on the credit balance (%(refund)s): %(reason)s",
                **values,
            )
        else:
            message = self.env._(
                "%(amount)s refunded outside the gateway (%(refund)s): %(reason)s",
                **values,
            )
        invoices = refund.sudo().refund_allocation_ids.invoice_id
        for record in (*self, *invoices):
            record._message_log(body=message)
