from odoo import api, models
from odoo.fields import Domain

from ..states import POSTED_STATES


class AccountPaymentApproval(models.Model):
    """Pay-outs and additions of credit: in words, and as far as they count."""

    _inherit = "account.payment.approval"

    def _describe_pay_out(self, arguments):
        """Say where the money goes."""
        to = "original" if arguments.get("payment_id") else "outside"
        return [self._describe_destination({**arguments, "to": to})]

    def _describe_adjustment(self, arguments):
        """Say how much the customer holds now, and the note of the staff."""
        balance = self.env["account.credit.balance"]._find_balance(
            self.partner_id, self.company_id, self.currency_id
        )
        return [
            self.env._(
                "The customer has %s of credit now.",
                self.currency_id.format(balance.amount),
            ),
            arguments.get("note"),
            arguments.get("notify") and self.env._("The customer is told."),
        ]

    # === GETTERS === #

    @api.model
    def _get_own_entries(self, giving, entry_type):
        """Return the entries of a type that this user made, and that count together.

        :return: The entries, in superuser mode.
        :rtype: account.credit.balance.entry
        """
        record = giving.record
        same = Domain.FALSE
        if record._name == "account.credit.balance":
            same = Domain("balance_id", "=", record.id)
        elif record._name == "res.partner":
            balance = self.env["account.credit.balance"].sudo()
            balance = balance._find_balance(record, giving.company, giving.currency)
            same = Domain("balance_id", "=", balance.id)
        return (
            self.env["account.credit.balance.entry"]
            .sudo()
            .search(
                giving.get_domain(same, "balance_id.partner_id", "made_at")
                & Domain("entry_type", "=", entry_type)
                & Domain("user_id", "=", self.env.uid)
            )
        )

    @api.model
    def _get_added_credit_alone(self, giving):
        """Return the credit that this user added by hand, less deductions.

        :return: The amount in the company's currency.
        :rtype: float
        """
        approved = self._get_approved_results(giving)
        entries_sudo = self._get_own_entries(giving, "adjustment").filtered(
            lambda entry: (
                entry.id not in approved.get("account.credit.balance.entry", [])
                and entry.move_id.state == "posted"
                and not entry.move_id._get_undoing_entry()
            )
        )
        return max(
            sum(
                entry.amount
                and self._convert_to_company(
                    entry.amount, entry.currency_id, giving.company
                )
                * (1 if entry.amount > 0 else -1)
                for entry in entries_sudo
            ),
            0.0,
        )

    @api.model
    def _get_paid_out_alone(self, giving):
        """Return the amount that this user paid out of credit balances.

        :return: The amount in the company's currency.
        :rtype: float
        """
        entries_sudo = self._get_own_entries(giving, "paid_out")
        taken = entries_sudo.move_id.origin_payment_id.filtered(
            lambda payment: payment.state in POSTED_STATES
        )
        approved = self._get_approved_results(giving)
        payments = taken.browse(approved.get("account.payment", []))
        attempts_sudo = taken.payment_transaction_id.browse(
            approved.get("payment.transaction", [])
        )
        taken -= payments.source_payment_id | attempts_sudo.refund_credit_payment_id
        # An amount that was not paid out in the end is back on the balance.
        returned = taken.refund_payment_ids.filtered(
            lambda payment: (
                payment.state in POSTED_STATES
                and payment.journal_id == payment.source_payment_id.journal_id
            )
        )
        return sum(
            sign
            * self._convert_to_company(
                payment.amount, payment.currency_id, giving.company
            )
            for sign, of_sign in ((1, taken), (-1, returned))
            for payment in of_sign
        )
