from odoo import models
from odoo.exceptions import UserError

from .reversal_states import KINDS


class AccountPayment(models.Model):
    """What is checked before money of a payment is reported as taken back."""

    _inherit = "account.payment"

    # === CHECK METHODS === #

    def _check_taken_back_rights(self):
        """Check that the user may report that money of these was taken back.

        :raise AccessError: If the user is not of the level *Record and charge*, or may
                            not change the payments and their invoices.
        """
        self._get_refund_invoices()._check_payment_rights()
        self.check_access("write")

    def _check_taken_back(self, kind, amount, date, fee, provider_reference, **_facts):
        """Check a report, on a locked payment; see :meth:`report_taken_back`."""
        if kind not in KINDS:
            raise UserError(
                self.env._(
                    "Money is taken back by a dispute ('dispute'), a returned debit "
                    "('returned_debit') or a late failure ('late_failure'), not by "
                    "%(value)r.",
                    value=kind,
                )
            )
        self._check_company_selected()
        if self._find_taken_back(provider_reference):
            return
        self._check_reference_unused(provider_reference)
        self._check_not_told_already(kind, amount, provider_reference)
        if blocked := self._get_not_taken_back_reason():
            raise UserError(blocked)
        moves = self.env["account.move"]
        moves._check_amount(
            amount,
            self.currency_id,
            self._get_takeable_amount(),
            self.env._("amount that can be taken back"),
        )
        if fee:
            moves._check_amount(fee, self.currency_id)
        self._get_taken_back_date(date)

    def _check_reference_unused(self, provider_reference):
        """Check that an id of the provider is not that of another payment's record.

        :raise UserError: Naming the other payment.
        """
        if not provider_reference:
            return
        provider_sudo = self.sudo().payment_transaction_id.provider_id
        other_sudo = self.env["account.payment.reversal"].sudo()
        other_sudo = other_sudo.search(
            [
                ("company_id", "=", self.company_id.id),
                ("provider_id", "=", provider_sudo.id),
                ("provider_reference", "=", provider_reference),
            ],
            limit=1,
        )
        if other_sudo:
            raise UserError(
                self.env._(
                    "%(reference)s is recorded already, as taken back of %(payment)s.",
                    reference=provider_reference,
                    payment=other_sudo.payment_id.display_name,
                )
            )

    def _check_not_told_already(self, kind, amount, provider_reference):
        """Check that the provider did not tell of this already, by an id of its own.

        :raise UserError: Naming the record.
        """
        if provider_reference:
            return
        told = self.sudo().payment_reversal_ids._filter_withdrawn()
        told = told.filtered(
            lambda reversal: (
                reversal.provider_reference
                and reversal.kind == kind
                and not self.currency_id.compare_amounts(reversal.amount, amount)
            )
        )
        if told:
            raise UserError(
                self.env._(
                    "%(name)s is the same, with the reference %(reference)s. If more "
                    "money left, give the reference of that.",
                    name=told[0].display_name,
                    reference=told[0].provider_reference,
                )
            )

    def _get_not_taken_back_reason(self):
        """Say why nothing of this payment can be taken back; empty if something can.

        :rtype: str
        """
        self.ensure_one()
        if self.payment_type != "inbound" or self.partner_type != "customer":
            return self.env._("%s is not a payment of a customer.", self.display_name)
        if self.is_from_credit:
            return self.env._(
                "%s was paid from the credit balance: nobody takes it back.",
                self.display_name,
            )
        if not self._is_posted():
            return self.env._("%s is not posted.", self.display_name)
        if reversed_reason := self._get_reversed_reason():
            return reversed_reason
        if self.currency_id.is_zero(self._get_takeable_amount()):
            return self.env._(
                "All of %s was taken back or refunded already.", self.display_name
            )
        return ""
