from collections import defaultdict

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
    def _get_adjustments_alone(self, giving):
        """Return the entries by which this user added or deducted credit by hand.

        :return: The entries, in superuser mode.
        :rtype: account.credit.balance.entry
        """
        approved = self._get_approved_results(giving)
        return self._get_own_entries(giving, "adjustment").filtered(
            lambda entry: (
                entry.id not in approved.get("account.credit.balance.entry", [])
                and entry.move_id.state == "posted"
                and not entry.move_id._get_undoing_entry()
            )
        )

    @api.model
    def _get_signed_amount(self, entry, company):
        """Return the amount of an entry in the company's currency, with its sign."""
        amount = self._convert_to_company(entry.amount, entry.currency_id, company)
        return -amount if entry.amount < 0 else amount

    @api.model
    def _get_added_credit_alone(self, giving):
        """Return the credit that this user added by hand, less deductions.

        :return: The amount in the company's currency.
        :rtype: float
        """
        added = sum(
            self._get_signed_amount(entry, giving.company)
            for entry in self._get_adjustments_alone(giving)
        )
        return max(added, 0.0)

    @api.model
    def _get_paid_out_alone(self, giving):
        """Return the amount that this user paid out of credit balances.

        :return: The amount in the company's currency.
        :rtype: float
        """
        return sum(self._get_pay_outs_alone(giving).values())

    @api.model
    def _get_pay_outs_alone(self, giving):
        """Return what this user paid out of credit balances.

        :return: By entry, the amount in the company's currency.
        :rtype: dict[account.credit.balance.entry, float]
        """
        approved = self._get_approved_results(giving)
        payments = self.env["account.payment"].sudo()
        attempts_sudo = payments.payment_transaction_id
        payments = payments.browse(approved.get("account.payment", []))
        attempts_sudo = attempts_sudo.browse(approved.get("payment.transaction", []))
        others = payments.source_payment_id | attempts_sudo.refund_credit_payment_id
        # Of a payment that was reset and posted again there are several entries.
        entries = {
            entry.move_id.origin_payment_id: entry
            for entry in self._get_own_entries(giving, "paid_out")
        }
        paid_out = {}
        for taken, entry in entries.items():
            if taken in others or taken.state not in POSTED_STATES:
                continue
            # An amount that was not paid out in the end is back on the balance.
            returned = taken.refund_payment_ids.filtered(
                lambda payment: (
                    payment.state in POSTED_STATES
                    and payment.journal_id == payment.source_payment_id.journal_id
                )
            )
            paid_out[entry] = self._convert_to_company(
                taken.amount, taken.currency_id, giving.company
            ) - sum(
                self._convert_to_company(
                    payment.amount, payment.currency_id, giving.company
                )
                for payment in returned
            )
        return paid_out

    @api.model
    def _get_given_and_paid_out_alone(self, giving, kind, amount, kept):
        """Return what this user paid out of the credit that he had given before.

        What was paid out before that is other credit: the customer's own.

        :param float amount: The amount of the request, in the company's currency.
        :param account.payment kept: The payments that gave back credit with a note.
        :return: The amount in the company's currency.
        :rtype: float
        """
        given = self._get_adjustments_alone(giving)
        given |= given.search([("move_line_id.move_id", "in", kept.move_id.ids)])
        changes = {
            entry: self._get_signed_amount(entry, giving.company) for entry in given
        }
        for entry, paid_out in self._get_pay_outs_alone(giving).items():
            changes[entry] = -paid_out
        steps = [
            (entry.balance_id, entry.entry_type, changes[entry])
            for entry in sorted(changes, key=lambda entry: entry.id)
        ]
        if kind == "pay_out":
            steps.append((giving.record, "paid_out", -amount))
        left = defaultdict(float)
        same = 0.0
        for balance, entry_type, change in steps:
            if entry_type == "paid_out":
                same += min(left[balance], -change)
            left[balance] = max(left[balance] + change, 0.0)
        return same
