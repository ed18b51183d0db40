from odoo import models
from odoo.exceptions import UserError

from ..tools import OURS, without_defaults
from .account_credit_balance_entry import CreditEntryDetails


class AccountCreditBalance(models.Model):
    """Credit that is paid out to the customer."""

    _inherit = "account.credit.balance"

    # === CHECK METHODS === #

    def _check_pay_out(self, amount, reason, **outside_values):
        """Check a payment to the customer, on a locked balance; see :meth:`pay_out`."""
        self.ensure_one()
        if self.company_id not in self.env.companies and not self.env.su:
            raise UserError(
                self.env._(
                    "%s is not among your selected companies.", self.company_id.name
                )
            )
        self.env["account.payment"]._check_reason(reason)
        self.env["account.move"]._check_amount(
            amount,
            self.currency_id,
            self.amount,
            self.env._("credit balance of %s", self.partner_id.display_name),
        )
        self.env["account.payment"]._get_outside_refund_values(
            self.company_id, **outside_values
        )

    # === ACTION METHODS === #

    def action_pay_out(self):
        """Return the dialog that pays out this balance.

        :rtype: dict
        """
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "account.credit.balance.pay.out",
            "views": [(False, "form")],
            "target": "new",
            "name": self.env._("Pay out credit"),
            "context": {"default_balance_id": self.id},
        }

    # === BUSINESS METHODS - DOORS === #

    def pay_out(
        self,
        amount=None,
        reason=None,
        journal_id=None,
        date=None,
        reference=None,
        idempotency_key=None,
    ):
        """Record that credit was paid out to the customer, outside any gateway.

        It is booked as a payment from the balance, which a payment to the customer is
        matched with. Does not commit.

        :param float amount: The amount in the currency of this balance; all of it if
                             not given.
        :param str reason: Why. Required.
        :param int journal_id: The bank or cash journal that it is paid from; the
                               company's first one if not given.
        :param date|str date: The day on which it was paid; today if not given.
        :param str reference: The number of the cheque, of the transfer.
        :param str idempotency_key: See `account.move.charge`.
        :return: The payment to the customer.
        :rtype: account.payment
        :raise UserError: If the balance does not hold as much, a value does not fit, or
                          the key was used with other values.
        :raise AccessError: If the user has no right to give money back.
        """
        self.ensure_one()
        self.env["account.move"]._check_refund_rights()
        self.check_access("read")
        self = without_defaults(self)
        keys = self.env["account.idempotency.key"]
        door = "account.credit.balance.pay_out"
        arguments = {
            "balance_id": self.id,
            "amount": amount,
            "reason": reason,
            "journal_id": self.env["account.move"]._get_id(journal_id),
            "date": str(date) if date else None,
            "reference": reference or None,
        }
        payment = keys._find(idempotency_key, door, arguments)
        if payment is None:
            self._get_locked([self._get_owner()])
            self.invalidate_recordset(["amount"])
            outside_values = {
                name: arguments[name] for name in ("journal_id", "date", "reference")
            }
            if amount is None:
                amount = self.amount
            self._check_pay_out(amount, reason, **outside_values)
            payment = self._book_pay_out(amount, reason.strip(), **outside_values)
            keys._remember(idempotency_key, door, arguments, payment)
        return payment

    # === BUSINESS METHODS - STEPS === #

    def _book_pay_out(self, amount, reason, **outside_values):
        """Book what was paid out, after the checks, on a locked balance.

        :return: The payment to the customer.
        :rtype: account.payment
        """
        self.ensure_one()
        company = self.company_id
        payments = self.env["account.payment"].with_company(company)
        taken = payments.with_context(
            booked_by_door=OURS,
            credit_entry=CreditEntryDetails(
                entry_type="paid_out", label=self.env._("Paid out"), note=reason
            ),
        ).create(self._prepare_pay_out_vals(amount, reason))
        taken.action_post()
        taken = taken.with_env(payments.env)
        values = payments._get_outside_refund_values(company, **outside_values)
        paid = taken._book_outside_refund(amount, values, reason)
        return paid.with_env(self.env)

    def _prepare_pay_out_vals(self, amount, reason):
        """Return the values of the payment from this balance.

        :rtype: dict
        """
        partner = self.partner_id.with_company(self.company_id)
        return {
            **self.env["account.move"]._get_credit_payment_values(self.company_id),
            "amount": amount,
            "memo": reason,
            "payment_type": "inbound",
            "partner_type": "customer",
            "partner_id": partner.id,
            "currency_id": self.currency_id.id,
            "company_id": self.company_id.id,
            "destination_account_id": partner.property_account_receivable_id.id,
        }
