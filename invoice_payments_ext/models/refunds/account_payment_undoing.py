from odoo import models
from odoo.exceptions import UserError

from ...tools import OURS
from ..states import POSTED_STATES

# The states of payments that were called off.
CALLED_OFF_STATES = ("canceled", "rejected")
# The accounts that money goes out of.
LIQUIDITY_TYPES = ("asset_cash", "liability_credit_card")


class AccountPayment(models.Model):
    """Payments that are called off: never against money that the gateway holds."""

    _inherit = "account.payment"

    # === CHECK METHODS === #

    def _check_not_at_gateway(self):
        """Check that no gateway says otherwise, before payments go or are called off.

        :raise UserError: Naming the payment, and the way to take instead.
        """
        for reason in self._get_gateway_reasons():
            raise UserError(reason)

    def _check_can_be_rejected(self):
        self._check_not_at_gateway()
        self._check_nothing_returned()
        return super()._check_can_be_rejected()

    def _check_nothing_returned(self, is_deleted=False):
        """Check that no part of these payments went back, before they are called off.

        :param bool is_deleted: Whether they are deleted: a refund that was reset would
                                not know any more what it gives back.
        :raise UserError: Naming what went back, and the way to take instead.
        """
        for reason in self._get_returned_reasons(is_deleted):
            raise UserError(reason)

    def _get_returned_blockers(self, way):
        """Name those of these that an entry must not reverse as a whole.

        A gateway holds their money, or a part of it went back. They may be reset, to be
        corrected and confirmed again: a refund names its payment. Where an entry took
        a part back, they may not: the match is all that says what it took.
        """
        if self.env.context.get("undone_by_door") is OURS:
            return
        if way == "reverse":
            yield from self._get_returned_reasons()
            yield from self._get_gateway_reasons()
        elif way == "reset":
            yield from self._get_taken_reasons()

    # === GETTERS === #

    def _get_gateway_reasons(self):
        """Say of which of these payments a gateway moved the money.

        Without its payment, the money would be received and booked nowhere, for ever.

        :rtype: Iterator[str]
        """
        for payment in self.sudo().filtered(lambda payment: payment._is_at_gateway()):
            values = {
                "payment": payment.display_name,
                "amount": payment.currency_id.format(payment.amount),
                "provider": payment.payment_transaction_id.provider_id.name,
                "reference": payment.payment_transaction_id.reference,
            }
            if payment.payment_type == "outbound":
                yield self.env._(
                    "%(payment)s cannot be cancelled or reversed: %(provider)s paid "
                    "the %(amount)s to the customer (%(reference)s).",
                    **values,
                )
            else:
                yield self.env._(
                    "%(payment)s cannot be cancelled or reversed: %(provider)s "
                    "received the %(amount)s (%(reference)s). Refund it. If the bank "
                    "took it back, report it as taken back in the Payments section.",
                    **values,
                )

    def _get_returned_reasons(self, is_deleted=False):
        """Say of which of these payments a part went back, so that their money came.

        Without the payment, the amount that went back would be the customer's debt.

        :param bool is_deleted: Whether refunds that were reset count as well.
        :rtype: Iterator[str]
        """
        states = ("draft", *POSTED_STATES) if is_deleted else POSTED_STATES
        for payment in self._filter_received():
            refunds = payment.refund_payment_ids.filtered(
                lambda refund: refund.state in states
            )
            values = {
                "payment": payment.display_name,
                "others": ", ".join(refunds.mapped("display_name")),
                "amount": payment.currency_id.format(sum(refunds.mapped("amount"))),
            }
            if refunds:
                yield self.env._(
                    "%(amount)s of %(payment)s went back by %(others)s, so its money "
                    "came: it stays as it is. If the bank took the rest, use Taken "
                    "back. If no money moved, use Recorded by mistake on %(others)s "
                    "first, and then on %(payment)s.",
                    **values,
                )
            else:
                yield from payment._get_taken_reasons()

    def _get_taken_reasons(self):
        """Say of which of these payments an entry took a part back, so the same.

        :rtype: Iterator[str]
        """
        for payment in self._filter_received():
            if taken := payment._get_taken_back():
                yield self.env._(
                    "%(amount)s of %(payment)s were taken back, so its money came: it "
                    "stays as it is. If that is wrong, unreconcile the entry that "
                    "took it back first.",
                    payment=payment.display_name,
                    amount=payment.currency_id.format(taken),
                )

    def _filter_received(self):
        """Return those of these that are money which came from a customer.

        :return: The payments, in superuser mode.
        :rtype: account.payment
        """
        return self.sudo().filtered(
            lambda payment: payment._is_received_money() and payment._is_of_customer()
        )

    def _is_at_gateway(self):
        """Tell if a gateway moved this money, and says so.

        :rtype: bool
        """
        self.ensure_one()
        return (
            self.payment_transaction_id.state == "done"
            and self.payment_transaction_id.operation != "validation"
            and not self.journal_id.is_credit_balance
        )

    # === BUSINESS METHODS === #

    def _unmatch_reset(self):
        """Open what these payments are matched with, as they are about to be reset.

        Odoo leaves them matched: the invoice would stay paid, and the refund settled,
        by an entry that is not in the ledger. They are matched again when the payment
        is confirmed again.
        """
        for payment in self.sudo():
            partials = payment._get_paid_partials()
            invoices = partials.debit_move_id.move_id
            partials |= payment._get_refund_partials()
            if not partials:
                continue
            invoices._lock_for_payment()
            payment.invoice_ids |= invoices
            partials.unlink()
            invoices._notify_payments_changed()

    def _reset_with_entry(self):
        """Reset these payments of customers, as people reset their journal entries.

        Odoo leaves the payment as it is, and the invoices that it pays.
        """
        posted = self._filter_of_customers().filtered(
            lambda payment: payment.state in POSTED_STATES
        )
        if posted:
            posted._with_entry().write({"state": "draft"})

    def _confirm_with_entry(self):
        """Confirm these drafts, as people posted their journal entries."""
        for payment in self._by_button():
            account = payment.outstanding_account_id
            is_paid = account.account_type == "asset_cash"
            payment.write({"state": "paid" if is_paid else "in_process"})

    def _get_paid_partials(self):
        """Return the reconciliations of a customer's money with invoices.

        :rtype: account.partial.reconcile
        """
        return self._get_taking_partials().filtered(
            lambda partial: partial.debit_move_id.move_id.is_sale_document()
        )

    def _get_refund_partials(self):
        """Return the reconciliations of a customer's money with what gave it back.

        Not with what keeps it as credit: a person gets a task about that.

        :rtype: account.partial.reconcile
        """
        refunds = self.refund_payment_ids.filtered(
            lambda refund: not refund.journal_id.is_credit_balance
        )
        return self._get_taking_partials().filtered(
            lambda partial: partial.debit_move_id.payment_id in refunds
        )

    def _get_taking_partials(self):
        """Return the reconciliations of a customer's money with anything that took it.

        :rtype: account.partial.reconcile
        """
        self.ensure_one()
        if not self._is_received_money():
            return self.env["account.partial.reconcile"]
        return self._get_receivable_lines().matched_debit_ids

    def _is_received_money(self):
        """Tell if this is money that came, and no credit that is applied.

        :rtype: bool
        """
        self.ensure_one()
        return self.payment_type == "inbound" and not self.is_from_credit

    def _get_invoice_lines_to_match_again(self):
        """Return the open lines of the invoices that a payment paid before its reset.

        :rtype: account.move.line
        """
        self.ensure_one()
        if self.payment_type != "inbound" or self.is_from_credit:
            return self.env["account.move.line"]
        posted = self.invoice_ids.filtered(
            lambda move: move.state == "posted" and move.is_sale_document()
        )
        return posted.line_ids.filtered(
            lambda line: line.display_type == "payment_term" and not line.reconciled
        )

    # === TAKEN BACK BY OTHERS === #

    def _get_taken_back(self):
        """Return the amount that the bank, or an entry, took back of this payment.

        See `TAKEN_BACK`, which says the same of many payments.

        :return: The amount in the payment's currency.
        :rtype: float
        """
        self.ensure_one()
        payment_sudo = self.sudo()  # The entries may be another one's to see.
        if payment_sudo.journal_id.is_credit_balance:
            return 0.0  # Credit is given back by the entries of its own history.
        taken = payment_sudo._get_taken_by_entry()
        for entry, amount in payment_sudo._get_taken_of_receipts().items():
            taken[entry] = max(taken.get(entry, 0.0), amount)
        return sum(taken.values())

    def _get_taken_by_entry(self):
        """Return what others took of this payment on the account of the customer.

        :return: By entry, the amount in the payment's currency.
        :rtype: dict[account.move, float]
        """
        amounts = {}
        for partial in self._get_receivable_lines().matched_debit_ids:
            entry = partial.debit_move_id.move_id
            if self._is_taken_by(partial.debit_move_id):
                amount = amounts.get(entry, 0.0) + partial.credit_amount_currency
                amounts[entry] = amount
        return amounts

    def _get_taken_of_receipts(self):
        """Return what others took of this payment on the account of its receipts.

        Such an entry credits the receipts, is matched there with this payment, and lets
        the customer owe the amount again. Whether that debt is matched with this
        payment as well decides nothing: the money is gone.

        :return: By entry, the amount in the payment's currency.
        :rtype: dict[account.move, float]
        """
        amounts = {}
        receipts = self.move_id.line_ids.filtered(
            lambda line: line.account_id == self.outstanding_account_id
        )
        for partial in receipts.matched_credit_ids:
            entry = partial.credit_move_id.move_id
            if self._is_returned_by(entry):
                amount = amounts.get(entry, 0.0) + partial.debit_amount_currency
                amounts[entry] = amount
        return amounts

    def _is_returned_by(self, entry):
        """Tell if an entry lets the customer of this payment owe an amount again.

        :param account.move entry: An entry that credits the account of the receipts.
        """
        self.ensure_one()
        owner = self.partner_id.commercial_partner_id
        return (
            entry.move_type == "entry"
            and entry.state == "posted"
            and not entry.origin_payment_id
            and entry.reversed_entry_id != self.move_id
            and any(
                line.balance > 0
                and line.account_id == self.destination_account_id
                and line.partner_id.commercial_partner_id == owner
                for line in entry.line_ids
            )
        )

    def _is_taken_by(self, line):
        """Tell if a journal item took this money, and is not a debt that it paid.

        :param account.move.line line: The line that is matched with this payment.
        :rtype: bool
        """
        self.ensure_one()
        entry = line.move_id
        if entry.move_type != "entry" or entry.state != "posted":
            return False
        if taker := entry.origin_payment_id:
            return taker.payment_type == "outbound" and taker.source_payment_id != self
        return any(
            side.balance < 0
            and (
                side.account_id.account_type in LIQUIDITY_TYPES
                or side.account_id == self.outstanding_account_id
            )
            for side in entry.line_ids
        )
