from odoo import api, models
from odoo.exceptions import UserError

from ...tools import OURS, prepare_dialog
from ..core.door import Door
from ..states import POSTED_STATES
from .credit_entry_details import CreditEntryDetails
from .entry_labels import Label

PAY_OUT = Door(
    "account.credit.balance.pay_out",
    rights="_check_pay_out_rights",
    lock="_lock_to_pay_out",
    amount="_get_amount_to_pay_out",
    check="_check_pay_out",
    work="_carry_out_pay_out",
    complete="_complete_pay_out",
    approval="pay_out",
)


class AccountCreditBalance(models.Model):
    """Credit that is paid out to the customer."""

    _name = "account.credit.balance"
    _inherit = ["account.credit.balance", "payment.door.mixin"]

    # === CHECK METHODS === #

    def _check_pay_out(self, amount, reason, payment_id, **outside_values):
        """Check a payment to the customer, on a locked balance; see :meth:`pay_out`.

        :return: The amount that counts towards the approval limit.
        :rtype: float
        """
        self.ensure_one()
        card_payment = self._lock_card_payment(payment_id)
        self._check_company_selected()
        self.env["account.payment"]._check_reason(reason)
        self.env["account.move"]._check_amount(
            amount,
            self.currency_id,
            self.amount,
            self.env._("credit balance of %s", self.partner_id.display_name),
        )
        if not card_payment:
            card_payment._get_outside_refund_values(self.company_id, **outside_values)
            return amount
        if any(outside_values.values()):
            raise UserError(
                self.env._(
                    "A journal, a date and a reference are given only for an amount "
                    "that is paid outside the gateway."
                )
            )
        payer = card_payment.partner_id
        if (
            self.partner_id not in (payer | payer.commercial_partner_id)
            or card_payment.company_id != self.company_id
            or card_payment.currency_id != self.currency_id
        ):
            raise UserError(
                self.env._(
                    "%(payment)s is not a payment of %(customer)s in %(currency)s.",
                    payment=card_payment.display_name,
                    customer=self.partner_id.display_name,
                    currency=self.currency_id.name,
                )
            )
        if blocked := card_payment._get_refund_blocked_reason(
            "original", amount, is_of_credit=True
        ):
            raise UserError(blocked)
        self.env["account.move"]._check_amount(
            amount,
            self.currency_id,
            card_payment._get_refundable_amount(is_of_credit=True),
            self.env._("refundable amount of %s", card_payment.display_name),
        )
        return amount

    # === ACTION METHODS === #

    def action_pay_out(self):
        """Return the dialog that pays out this balance.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_dialog(
            "account.credit.balance.pay.out",
            self.env._("Pay out credit"),
            balance_id=self.id,
        )

    # === BUSINESS METHODS - DOORS === #

    def pay_out(
        self,
        amount=None,
        reason=None,
        payment_id=None,
        journal_id=None,
        date=None,
        reference=None,
        idempotency_key=None,
    ):
        """Pay credit out to the customer, outside any gateway or to a card.

        It is booked as a payment from the balance, which the money that goes to the
        customer is matched with. Outside it is a record, and does not commit. To a
        card, a payment of that card is refunded through its gateway, in the same steps
        as a charge: it commits, and must not be called in the middle of other work.
        If the gateway declines, the amount is back on the balance.

        :param float amount: The amount in the currency of this balance; all of it if
                             not given.
        :param str reason: Why. Required.
        :param int payment_id: The payment by card that is refunded; it is paid outside
                               if not given.
        :param int journal_id: Outside: the bank or cash journal that it is paid from;
                               the company's first one if not given.
        :param date|str date: Outside: the day on which it was paid; today if not given.
        :param str reference: Outside: the number of the cheque, of the transfer.
        :param str idempotency_key: See `account.move.charge`.
        :return: The payment to the customer; while it is not booked, the attempt to
                 refund the card; a request where a second person is needed.
        :rtype: account.payment or payment.transaction or account.payment.approval
        :raise UserError: If the balance does not hold as much, a value does not fit, or
                          the key was used with other values.
        :raise AccessError: If the user has no right to give money back.
        """
        return self._pass(
            PAY_OUT,
            idempotency_key,
            amount=amount,
            reason=reason,
            payment_id=payment_id,
            journal_id=journal_id,
            date=date,
            reference=reference,
        )

    # === BUSINESS METHODS - STEPS === #

    def _check_pay_out_rights(self):
        """Check that the user may pay out these balances.

        :raise AccessError: If the user is not of the level *Refund and credit*, or may
                            not read the balances.
        """
        self.env["account.move"]._check_refund_rights()
        self.check_access("read")

    def _get_amount_to_pay_out(self, **_arguments):
        return self.amount

    def _lock_to_pay_out(self, **_arguments):
        """Lock this balance, and read the amount again."""
        self._lock_or_create([self._get_owner()])
        self.invalidate_recordset(["amount"])

    def _carry_out_pay_out(self, amount, reason, payment_id, **outside_values):
        """Book or prepare a payment that was checked, on a locked balance."""
        card_payment = self.env["account.payment"].browse(payment_id or [])
        return self._book_pay_out(
            amount, reason.strip(), card_payment, **outside_values
        )

    @api.model
    def _complete_pay_out(self, result):
        """Run the refund of a card that was prepared, if it is one."""
        return self.env["account.payment"]._complete_refund(result)

    def _lock_card_payment(self, payment_id):
        """Return the payment to be refunded, locked; none if none is wanted."""
        payments = self.env["account.payment"]
        if not payment_id:
            return payments
        payment = payments.browse(payment_id).exists()
        if not payment:
            raise UserError(self.env._("There is no payment %s.", payment_id))
        payment._check_refund_rights()
        payment._lock_with_invoices()
        return payment

    def _book_pay_out(self, amount, reason, card_payment, **outside_values):
        """Take the amount to pay out from this locked balance, after the checks.

        :return: The payment to the customer, or the attempt that was prepared.
        :rtype: account.payment or payment.transaction
        """
        self.ensure_one()
        company = self.company_id
        payments = self.env["account.payment"].with_company(company)
        taken = payments.with_context(
            booked_by_door=OURS,
            credit_entry=CreditEntryDetails(
                entry_type="paid_out",
                label=Label("paid_out"),
                note=reason,
            ),
        ).create(self._prepare_pay_out_vals(amount, reason, card_payment))
        taken.action_post()
        taken = taken.with_env(payments.env)
        if card_payment:
            return card_payment._prepare_refund_attempt(
                amount, reason, credit_payment=taken
            ).sudo(False)
        values = payments._get_outside_refund_values(company, **outside_values)
        paid = taken._book_outside_refund(amount, values, reason)
        return paid.with_env(self.env)

    def _prepare_pay_out_vals(self, amount, reason, card_payment):
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
            "destination_account_id": (
                card_payment.destination_account_id
                or partner.property_account_receivable_id
            ).id,
        }

    # === GETTERS === #

    def _get_card_payments(self):
        """Return the payments of this customer that can be refunded by a gateway.

        :return: The newest ones first.
        :rtype: account.payment
        """
        self.ensure_one()
        payments = self.env["account.payment"].search(
            [
                ("partner_id", "child_of", self.partner_id.id),
                ("company_id", "=", self.company_id.id),
                ("currency_id", "=", self.currency_id.id),
                ("payment_type", "=", "inbound"),
                ("payment_transaction_id", "!=", False),
                ("state", "in", POSTED_STATES),
            ],
            order="date desc, id desc",
            limit=80,
        )
        return payments.filtered(
            lambda payment: (
                not payment._get_refund_blocked_reason("original", is_of_credit=True)
            )
        )
