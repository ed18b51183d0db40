from odoo import api, fields, models

from ..states import POSTED_STATES, UNSUCCESSFUL_OUTCOMES

# The amounts that count towards the limit, if they are not those given on invoices.
GIVEN_ALONE_METHODS = {"pay_out": "_get_paid_out_alone"}


class AccountPaymentApproval(models.Model):
    """The limit above which a second person is needed, and the amounts that count."""

    _inherit = "account.payment.approval"

    # === BUSINESS METHODS - STEPS === #

    @api.model
    def _is_above_limit(self, record, kind, arguments, amount, currency):
        """Tell if a second person is needed; see :meth:`_hold`."""
        company = record.company_id.sudo()
        limit = company.payment_approval_limit
        if company.currency_id.is_zero(limit):
            return False
        given = self._convert_to_company(amount, currency, company)
        given += self._get_given_alone(record, kind, arguments)
        return company.currency_id.compare_amounts(given, limit) > 0

    # === GETTERS === #

    @api.model
    def _get_invoices(self, record):
        """Return the invoices that a correction of this record concerns."""
        if record._name == "account.move":
            return record
        if record._name == "account.credit.balance":
            return self.env["account.move"]
        return record.sudo().reconciled_invoice_ids.sudo(self.env.su)

    @api.model
    def _convert_to_company(self, amount, currency, company):
        """Return an amount in the company's currency, at today's rate."""
        return currency._convert(
            abs(amount), company.currency_id, company, fields.Date.context_today(self)
        )

    @api.model
    def _get_given_alone(self, record, kind, arguments):
        """Return the amount that this user gave on the same invoices alone.

        It counts towards the limit, so that the halves do not pass where the whole
        would not. Whenever it was: a day's limit is evaded by waiting for the next day.
        Money that was given back and bills that were reduced are counted apart, as a
        refund that reduces the bill is both.

        :return: The amount in the company's currency.
        :rtype: float
        """
        if name := GIVEN_ALONE_METHODS.get(kind):
            return getattr(self, name)(record)
        invoices_sudo = self._get_invoices(record).sudo()
        returns = kind == "refund" or arguments.get("destinations")
        reduces = kind != "refund" or arguments.get("reduce_bill")
        return max(
            self._get_returned_alone(record, invoices_sudo) if returns else 0.0,
            self._get_reduced_alone(invoices_sudo) if reduces else 0.0,
        )

    @api.model
    def _get_approved_results(self, invoices_sudo):
        """Return the records that this user approved: ids by model."""
        requests_sudo = self.sudo().search(
            [
                ("invoice_id", "in", invoices_sudo.ids),
                ("decided_by_id", "=", self.env.uid),
                ("state", "=", "approved"),
            ]
        )
        results = {}
        for request_sudo in requests_sudo:
            if result := request_sudo.result:
                results.setdefault(result._name, []).append(result.id)
        return results

    @api.model
    def _get_reduced_alone(self, invoices_sudo):
        """Return the amount that this user took off the bills."""
        approved = self._get_approved_results(invoices_sudo).get("account.move", [])
        moves_sudo = invoices_sudo.search(
            [
                ("create_uid", "=", self.env.uid),
                ("state", "=", "posted"),
                ("id", "not in", approved),
                "|",
                ("written_off_invoice_id", "in", invoices_sudo.ids),
                "&",
                ("reversed_entry_id", "in", invoices_sudo.ids),
                ("move_type", "=", "out_refund"),
            ]
        ).filtered(lambda move: not move._get_undoing_entry())
        return sum(abs(move.amount_total_signed) for move in moves_sudo)

    @api.model
    def _get_returned_alone(self, record, invoices_sudo):
        """Return the amount of the payments that this user gives back."""
        approved = self._get_approved_results(invoices_sudo)
        payments_sudo = (
            invoices_sudo.matched_payment_ids | invoices_sudo.reconciled_payment_ids
        )
        if record._name == "account.payment":
            payments_sudo |= record.sudo()
        mine = [("create_uid", "=", self.env.uid)]
        transactions_sudo = payments_sudo.payment_transaction_id.search(
            [
                *mine,
                ("operation", "=", "refund"),
                ("source_transaction_id.payment_id", "in", payments_sudo.ids),
                ("outcome", "not in", UNSUCCESSFUL_OUTCOMES),
                ("id", "not in", approved.get("payment.transaction", [])),
                ("refund_credit_note_id", "not in", approved.get("account.move", [])),
            ]
        )
        outside_sudo = payments_sudo.search(
            [
                *mine,
                ("source_payment_id", "in", payments_sudo.ids),
                ("payment_transaction_id", "=", False),
                ("state", "in", POSTED_STATES),
                ("id", "not in", approved.get("account.payment", [])),
            ]
        ).filtered(lambda refund: not refund.source_payment_id.is_from_credit)
        return sum(
            self._convert_to_company(
                refund.amount, refund.currency_id, refund.company_id
            )
            for refunds in (transactions_sudo, outside_sudo)
            for refund in refunds
        )
