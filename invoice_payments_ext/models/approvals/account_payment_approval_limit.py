from datetime import timedelta
from typing import NamedTuple

from odoo import api, fields, models
from odoo.fields import Domain

from ..states import POSTED_STATES, UNSUCCESSFUL_OUTCOMES

# How long the amounts that one person gave a customer count together.
TOGETHER = timedelta(hours=24)

# The amounts that other rooms count towards the limit: each method returns one in the
# company's currency, given a :class:`Giving`.
RETURNED_METHODS = ("_get_paid_out_alone",)
REDUCED_METHODS = ("_get_added_credit_alone", "_get_written_off_beside_alone")

# The kinds of request that only give money back. The others reduce the debt.
RETURNING_KINDS = ("refund", "pay_out")


class Giving(NamedTuple):
    """An amount that is to be given: of which record, and to whom.

    :param recordset record: The payment, invoice, balance or contact.
    :param res.company company: The company whose limit it is.
    :param res.currency currency: The currency of the amount.
    :param res.partner customer: The commercial partner.
    """

    record: models.BaseModel
    company: models.BaseModel
    currency: models.BaseModel
    customer: models.BaseModel

    def get_domain(self, same, customer="partner_id", moment="create_date"):
        """Return the domain of the records that count together with it.

        They concern the same record, at any time: a day's limit is evaded
        by waiting for the next day. And all that the customer got lately, from any
        branch: a limit is evaded by the next invoice.

        :param Domain same: The domain of the same record.
        :param str customer: The path to the contact.
        :param str moment: The field that says when it was.
        """
        return Domain("company_id", "child_of", self.company.root_id.id) & (
            Domain(same)
            | (
                Domain(f"{customer}.commercial_partner_id", "=", self.customer.id)
                & Domain(moment, ">=", fields.Datetime.now() - TOGETHER)
            )
        )


class AccountPaymentApproval(models.Model):
    """The limit above which a second person is needed, and the amounts that count."""

    _inherit = "account.payment.approval"

    # === BUSINESS METHODS - STEPS === #

    @api.model
    def _is_above_limit(self, record, kind, arguments, amount):
        """Tell if a second person is needed; see :meth:`_hold`."""
        # In superuser mode: the customer's other records may be another person's.
        giving = record.sudo()._get_giving(arguments)
        limit = giving.company.payment_approval_limit
        if limit is None or giving.currency.is_zero(amount):
            return False
        currency = giving.company.currency_id
        if currency.is_zero(limit):
            return True
        given = self._get_given(
            giving,
            kind,
            arguments,
            self._convert_to_company(amount, giving.currency, giving.company),
        )
        return currency.compare_amounts(given, limit) > 0

    # === GETTERS === #

    @api.model
    def _get_invoices(self, record):
        """Return the invoices that a correction of this record concerns."""
        if record._name == "account.move":
            is_credit_note = record.move_type == "out_refund"
            return (is_credit_note and record.reversed_entry_id) or record
        if record._name == "account.payment":
            return record.sudo().reconciled_invoice_ids.sudo(self.env.su)
        return self.env["account.move"]

    @api.model
    def _convert_to_company(self, amount, currency, company):
        """Return an amount in the company's currency, at today's rate."""
        return currency._convert(
            abs(amount), company.currency_id, company, fields.Date.context_today(self)
        )

    @api.model
    def _get_given(self, giving, kind, arguments, amount):
        """Return an amount with all that this user gave alone, as far as it counts.

        The halves do not pass where the whole would not: money that was given back and
        bills that were reduced count together. The same money counts once: see
        :meth:`_get_same_alone`. So does money kept as credit and then paid out.

        :param float amount: The amount that is to be given, in the company's currency.
        :return: The amount in the company's currency.
        :rtype: float
        """
        refunds = self._get_refunds_alone(giving)
        moves = self._get_reducing_alone(giving)
        gone, kept, paid_out = self._get_returned_alone(giving, refunds)
        reduced = self._get_reduced_alone(giving, moves)
        is_returned = kind in RETURNING_KINDS or bool(arguments.get("destinations"))
        is_reduced = kind not in RETURNING_KINDS or bool(arguments.get("reduce_bill"))
        if kind == "pay_out":
            paid_out += amount
        elif kind == "refund" and arguments.get("to") == "credit":
            kept += amount
        elif is_returned:
            gone += amount
        if is_reduced:
            reduced += amount
        returned = gone + max(kept, paid_out)
        spent = max(paid_out - kept, 0.0)
        same = self._get_same_alone(
            giving, kind, arguments, amount, refunds, moves, spent
        )
        if is_returned and is_reduced:
            same += amount
        # Never less than one of the two that the request belongs to.
        return max(
            returned + reduced - same,
            returned if is_returned else 0.0,
            reduced if is_reduced else 0.0,
        )

    @api.model
    def _get_same_alone(
        self, giving, kind, arguments, amount, refunds, moves, paid_out
    ):
        """Return the money that is both in what was given back and in what was reduced.

        Where it is not known, both count: a second person is asked too early rather
        than too late. The rooms above know it.

        :param float amount: The amount that is to be given, in the company's currency.
        :param list refunds: The result of :meth:`_get_refunds_alone`.
        :param account.move moves: The result of :meth:`_get_reducing_alone`.
        :param float paid_out: What was paid out of credit, beside what refunds kept.
        :return: The amount in the company's currency.
        :rtype: float
        """
        return 0.0

    @api.model
    def _get_approved_results(self, giving):
        """Return the records that this user approved: ids by model."""
        requests_sudo = self.sudo().search(
            [
                ("decided_by_id", "=", self.env.uid),
                ("state", "=", "approved"),
                ("result", "!=", False),
                ("company_id", "child_of", giving.company.root_id.id),
                ("partner_id.commercial_partner_id", "=", giving.customer.id),
            ]
        )
        results = {}
        for request_sudo in requests_sudo:
            result = request_sudo.result
            results.setdefault(result._name, []).append(result.id)
        return results

    @api.model
    def _get_reducing_alone(self, giving):
        """Return the write-offs and credit notes that this user made.

        :return: The entries, in superuser mode.
        :rtype: account.move
        """
        approved = self._get_approved_results(giving).get("account.move", [])
        invoices = self._get_invoices(giving.record)
        return (
            self.env["account.move"]
            .sudo()
            .search(
                giving.get_domain(
                    Domain("written_off_invoice_id", "in", invoices.ids)
                    | Domain("reversed_entry_id", "in", invoices.ids)
                )
                & Domain("create_uid", "=", self.env.uid)
                & Domain("state", "=", "posted")
                & Domain("id", "not in", approved)
                & (
                    Domain("written_off_invoice_id", "!=", False)
                    | Domain("move_type", "=", "out_refund")
                )
            )
            .filtered(lambda move: not move._get_undoing_entry())
        )

    @api.model
    def _get_reduced_alone(self, giving, moves):
        """Return the amount that this user took off the bills, or added as credit.

        :param account.move moves: The result of :meth:`_get_reducing_alone`.
        """
        return sum(abs(move.amount_total_signed) for move in moves) + sum(
            getattr(self, name)(giving) for name in REDUCED_METHODS
        )

    @api.model
    def _get_returned_alone(self, giving, refunds):
        """Return the amounts that this user gave back.

        :param list refunds: The result of :meth:`_get_refunds_alone`.
        :return: The amounts that left the company, were kept as credit, and were paid
                 out of credit, in the company's currency.
        :rtype: tuple[float, float, float]
        """
        gone = kept = 0.0
        for refund in refunds:
            amount = self._convert_to_company(
                refund.amount, refund.currency_id, giving.company
            )
            if (
                refund._name == "account.payment"
                and refund.journal_id.is_credit_balance
            ):
                kept += amount
            else:
                gone += amount
        paid_out = sum(getattr(self, name)(giving) for name in RETURNED_METHODS)
        return gone, kept, paid_out

    @api.model
    def _get_refunds_alone(self, giving):
        """Return the refunds that this user made, without those that pay credit out.

        :rtype: list[recordset]
        """
        approved = self._get_approved_results(giving)
        payments_sudo = self.env["account.payment"].sudo()
        if giving.record._name in ("account.move", "account.payment"):
            invoices_sudo = self._get_invoices(giving.record).sudo()
            payments_sudo |= (
                invoices_sudo.matched_payment_ids | invoices_sudo.reconciled_payment_ids
            )
        if giving.record._name == "account.payment":
            payments_sudo |= giving.record.sudo()
        mine = Domain("create_uid", "=", self.env.uid)
        of_payments = Domain(
            "source_transaction_id.payment_id", "in", payments_sudo.ids
        )
        transactions_sudo = payments_sudo.payment_transaction_id.search(
            giving.get_domain(of_payments)
            & mine
            & Domain("operation", "=", "refund")
            & Domain("refund_credit_payment_id", "=", False)
            & Domain("outcome", "not in", UNSUCCESSFUL_OUTCOMES)
            & Domain("id", "not in", approved.get("payment.transaction", []))
            & Domain(
                "refund_credit_note_id", "not in", approved.get("account.move", [])
            )
        )
        outside_sudo = payments_sudo.search(
            giving.get_domain(Domain("source_payment_id", "in", payments_sudo.ids))
            & mine
            & Domain("source_payment_id", "!=", False)
            & Domain("payment_transaction_id", "=", False)
            & Domain("state", "in", POSTED_STATES)
            & Domain("id", "not in", approved.get("account.payment", []))
        ).filtered(lambda refund: not refund.source_payment_id.is_from_credit)
        by_hand_sudo = self._get_payments_by_hand(giving, "outbound")
        return [*transactions_sudo, *outside_sudo, *by_hand_sudo]

    @api.model
    def _get_payments_by_hand(self, giving, payment_type):
        """Return the payments that this user confirmed in Odoo's own ways.

        :rtype: account.payment
        """
        payments_sudo = self.env["account.payment"].sudo()
        itself = giving.record.ids if giving.record._name == "account.payment" else []
        return payments_sudo.search(
            giving.get_domain(Domain.FALSE)
            & Domain("payment_type", "=", payment_type)
            & (
                Domain("partner_type", "=", "customer")
                | Domain("destination_account_id.account_type", "=", "asset_receivable")
            )
            & Domain("source_payment_id", "=", False)
            & Domain("payment_transaction_id", "=", False)
            & Domain("journal_id.is_credit_balance", "=", False)
            & Domain("move_id.create_uid", "=", self.env.uid)
            & Domain("state", "in", POSTED_STATES)
            & Domain("id", "not in", itself)
        )
