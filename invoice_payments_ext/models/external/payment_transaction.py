from odoo import models
from odoo.exceptions import UserError

from ...tools import prepare_dialog
from ..attempts.announced_money import AnnouncedMoney
from ..core.door import Door

RECORD_RECEIVED = Door(
    "payment.transaction.record_received",
    rights="_check_attempt_rights",
    lock="_lock_to_receive",
    amount="_get_announced_amount",
    check="_check_received",
    work="_carry_out_received",
    optional=("external_kind", "is_rest_expected"),
)


class PaymentTransaction(models.Model):
    """The door that records the money of an announced payment."""

    _inherit = "payment.transaction"

    # === ACTION METHODS === #

    def action_record_received(self):
        """Return the dialog that records the money of this announced payment.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_dialog(
            "payment.attempt.received",
            self.env._("Money came for %s", self.reference),
            transaction_id=self.id,
        )

    # === BUSINESS METHODS - DOORS === #

    def record_received(
        self,
        amount=None,
        journal_id=None,
        date=None,
        reference=None,
        idempotency_key=None,
        external_kind=None,
        is_rest_expected=False,
    ):
        """Record that the money of an announced payment came, and close it.

        It is recorded as an external payment, see `account.move`. If the provider of
        this attempt confirms it later, it is not booked once more. Does not commit.

        :param float amount: The amount in the invoice's currency; what is expected if
                             not given. For several invoices, it is all that can be paid
                             of them.
        :param int journal_id: See `account.move.record_external_payment`.
        :param date|str date: The day on which it came; today if not given.
        :param str reference: The transfer's reference.
        :param str external_kind: See `account.move.record_external_payment`.
        :param str idempotency_key: See `account.move.charge`.
        :param bool is_rest_expected: Whether this is a part only, and the rest stays
                                      announced. For a single invoice, in the currency
                                      of the attempt.
        :return: The payments, one for each invoice.
        :rtype: account.payment
        :raise UserError: If it is not an announced payment, or a value does not fit.
        :raise AccessError: If the user has no right to record payments.
        """
        return self._pass(
            RECORD_RECEIVED,
            idempotency_key,
            amount=amount,
            journal_id=journal_id,
            date=date,
            reference=reference,
            external_kind=external_kind,
            is_rest_expected=is_rest_expected,
        )

    # === BUSINESS METHODS - STEPS OF DOORS === #

    def _lock_to_receive(self, **_arguments):
        """Lock this attempt, and before it its invoices."""
        self._lock_announced()

    def _get_announced_amount(self, **_arguments):
        """Return what is still expected, in the currency of the invoices.

        :rtype: float
        """
        self.ensure_one()
        expected = self.sudo()._get_expected_amount()
        invoice = self._get_attempt_invoices()[:1]
        if not invoice:
            return expected  # It is refused with its reason.
        return invoice.currency_id.round(
            invoice._to_own_currency(self.currency_id, expected)
        )

    def _check_received(self, amount, is_rest_expected=False, **arguments):
        """Check that this much can be recorded, on a locked attempt.

        The rest is checked by the door of external payments.
        """
        self._check_announced()
        invoices = self._get_attempt_invoices()
        if not invoices:
            raise UserError(
                self.env._(
                    "%s is for no invoice: record it where it was started.",
                    self.reference,
                )
            )
        if is_rest_expected:
            self._check_part_received(amount, invoices, arguments)
        if len(invoices) == 1:
            return
        currency = invoices.currency_id
        payable = sum(invoice._get_default_payment_amount() for invoice in invoices)
        if len(currency) > 1 or currency.compare_amounts(amount, payable):
            raise UserError(
                self.env._(
                    "%(reference)s was for several invoices: record the payments on "
                    "each of them, or all that can be paid at once, %(payable)s.",
                    reference=self.reference,
                    payable=currency[:1].format(payable),
                )
            )

    def _check_part_received(self, amount, invoices, values):
        """Check that a part of the money can be recorded, and the rest stay announced.

        :param account.move invoices: The invoices that it is for.
        :param dict values: The journal among them.
        :raise UserError: If it cannot.
        """
        if len(invoices) > 1:
            raise UserError(
                self.env._(
                    "%s was for several invoices: record all that came at once.",
                    self.reference,
                )
            )
        values = invoices._get_external_values(**values)
        currencies = invoices.currency_id | invoices._get_journal_currency(values)
        if currencies != self.currency_id:
            raise UserError(
                self.env._(
                    "Only a part in %(currency)s leaves a rest that is expected, not "
                    "one in %(other)s.",
                    currency=self.currency_id.name,
                    other=", ".join((currencies - self.currency_id).mapped("name")),
                )
            )
        invoices._check_amount(amount, self.currency_id)
        expected = self.sudo()._get_expected_amount()
        if self.currency_id.compare_amounts(amount, expected) >= 0:
            raise UserError(
                self.env._(
                    "Nothing more is expected after %(amount)s: %(expected)s were.",
                    amount=self.currency_id.format(amount),
                    expected=self.currency_id.format(expected),
                )
            )

    def _carry_out_received(self, amount, is_rest_expected=False, **values):
        """Record the money as external payments that stand for this attempt."""
        invoices = self._get_attempt_invoices()
        invoices = invoices.with_context(announced_money=AnnouncedMoney(self.id))
        tx_sudo = self.sudo()
        if is_rest_expected:
            payments = invoices.record_external_payment(amount=amount, **values)
            payments = payments.with_env(self.env)
            tx_sudo._let_stand_for(payments.sudo())
            return payments
        # Closed first: else the payment that is recorded now would close it.
        tx_sudo._set_canceled()
        payments = invoices.record_external_payment(
            amount=amount if len(invoices) == 1 else None, **values
        ).with_env(self.env)
        tx_sudo._let_stand_for(payments.sudo(), is_whole=True)
        tx_sudo._note_closed(
            self.env._(
                "%(payments)s stands for it: the money came, says %(user)s.",
                payments=", ".join(payments.mapped("name")),
                user=self.env.user.name,
            )
        )
        return payments
