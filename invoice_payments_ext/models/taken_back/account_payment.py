from datetime import timedelta

from odoo import fields, models

from ...tools import OURS, prepare_dialog
from ..core.door import Door
from ..states import POSTED_STATES, UNSUCCESSFUL_OUTCOMES
from .messages import REASON_CLASSES

REPORT_TAKEN_BACK = Door(
    "account.payment.report_taken_back",
    rights="_check_taken_back_rights",
    lock="_lock_to_take_back",
    amount="_get_amount_to_take_back",
    check="_check_taken_back",
    work="_carry_out_taken_back",
)


class AccountPayment(models.Model):
    """Payments whose money was taken back: the door, and its consequences for them."""

    _inherit = "account.payment"

    payment_reversal_ids = fields.One2many(
        string="Taken Back",
        comodel_name="account.payment.reversal",
        inverse_name="payment_id",
        readonly=True,
    )

    # === CHECK METHODS === #

    def _get_taken_back_reason(self):
        """Say that this payment is disputed, so that it is not given back now.

        :rtype: str
        """
        self.ensure_one()
        disputed = self.sudo().payment_reversal_ids.filtered(
            lambda reversal: reversal.state == "open"
        )
        if not disputed:
            return ""
        return self.env._(
            "%(payment)s is disputed (%(name)s): it is not refunded until that is "
            "decided.",
            payment=self.display_name,
            name=disputed[0].display_name,
        )

    def _get_taken_back_blockers(self, way):
        """Name the records of money taken back that hinder the undoing of these."""
        if self.env.context.get("undone_by_door") is OURS:
            return
        for payment in self.sudo():
            if payment.is_taken_back and payment.move_id.payment_reversal_id:
                reversal = payment.move_id.payment_reversal_id
                yield reversal._get_entry_blocker(payment)
            elif payment.payment_reversal_ids._filter_withdrawn():
                yield self.env._(
                    "Money of %s was taken back: decide that first.",
                    payment.display_name,
                )

    # === ACTION METHODS === #

    def action_report_taken_back(self):
        """Return the dialog that reports that money of this payment was taken back.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_dialog(
            "account.payment.report.taken.back",
            self.env._("Taken back: %s", self.name),
            payment_id=self.id,
        )

    # === BUSINESS METHODS - DOORS === #

    def report_taken_back(
        self,
        kind,
        amount=None,
        date=None,
        reason_code=None,
        fee=None,
        provider_reference=None,
        idempotency_key=None,
    ):
        """Report that money of this payment was taken back.

        A returned debit and a late failure are lost at once: the invoice reopens. A
        dispute is open until it is won, lost or cancelled. Does not commit.

        :param str kind: `dispute`, `returned_debit` or `late_failure`.
        :param float amount: The amount in the payment's currency; all that can be taken
                             back if not given.
        :param date|str date: The day on which it left; today if not given. In a locked
                              period, it is booked on the day after.
        :param str reason_code: The code that the bank or the provider gave.
        :param float fee: The amount that the provider or the bank charges, in the
                          payment's currency.
        :param str provider_reference: The provider's own id: one that was recorded
                                       already is returned.
        :param str idempotency_key: See `account.move.charge`.
        :return: The record of the money taken back.
        :rtype: account.payment.reversal
        :raise UserError: If nothing can be taken back, a value does not fit, or the key
                          was used with other values.
        :raise AccessError: If the user has no right to record payments.
        """
        return self._pass(
            REPORT_TAKEN_BACK,
            idempotency_key,
            kind=kind,
            amount=amount,
            date=date,
            reason_code=reason_code,
            fee=fee,
            provider_reference=provider_reference,
        )

    # === BUSINESS METHODS - STEPS === #

    def _lock_to_take_back(self, **_arguments):
        """Lock these payments, and before them their balances and invoices."""
        kept = self.sudo().filtered(lambda payment: payment._get_kept_as_credit())
        kept._lock_credit_balances()
        self._lock_with_invoices()

    def _get_amount_to_take_back(self, provider_reference=None, **_arguments):
        return self._get_takeable_amount()

    def _carry_out_taken_back(
        self, kind, amount, date, reason_code, fee, provider_reference
    ):
        """Record and book it, on a locked payment, after the checks.

        :rtype: account.payment.reversal
        """
        if known := self._find_taken_back(provider_reference):
            return known
        # The entries are not the staff's to write otherwise.
        reversal_sudo = self.sudo()._record_taken_back(
            "open" if kind == "dispute" else "lost",
            date,
            kind=kind,
            amount=amount,
            reason_code=reason_code,
            reason_class=REASON_CLASSES.get(reason_code),
            provider_reference=provider_reference,
        )
        if fee:
            reversal_sudo._book_fee(fee, self.sudo()._get_taken_back_booking_date(date))
        return reversal_sudo.sudo(self.env.su)

    def _record_taken_back(self, state, date, **vals):
        """Create the record of money taken back, and book its state.

        Note: `self.ensure_one()`; in superuser mode, on a locked payment.

        :param str state: The first state.
        :param date|str date: The day on which it happened; today if not given.
        :rtype: account.payment.reversal
        """
        self.ensure_one()
        currency = self.currency_id
        by_bank = self._get_untold_taken_back()
        reversal = self.env["account.payment.reversal"].create(
            {
                "payment_id": self.id,
                "state": state,
                "opened_on": self._get_taken_back_booking_date(date, is_entry=False),
                "invoice_ids": [fields.Command.set(self._get_refund_invoices().ids)],
                "is_by_bank": bool(by_bank)
                and currency.compare_amounts(by_bank, vals["amount"]) >= 0,
                **vals,
            }
        )
        if reversal.is_by_bank:
            self._match_returns_of_receipts()
        reversal._follow_state(date)
        if reversal.is_by_bank:
            self._end_taken_back_by_bank()
        return reversal

    def _schedule_taken_back_by_bank(self, move):
        """Give the person in charge the task to report money that the bank took back.

        :param account.move move: The entry of the line of the bank statement.
        """
        invoice = self._get_refund_invoices()[:1]
        reversals = self.env["account.payment.reversal"]
        self.activity_schedule(
            "mail.mail_activity_data_todo",
            summary=self.env._("Taken back by the bank"),
            note=self.env._(
                "%(line)s takes money of %(payment)s back. Use Taken back, with the "
                "reason that the bank gives.",
                line=move._get_html_link(),
                payment=self._get_html_link(),
            ),
            user_id=reversals._get_responsible(invoice or self).id,
        )

    def _end_taken_back_by_bank(self):
        """End the tasks to report money that the bank took back: somebody did."""
        self.activity_ids.filtered(
            lambda activity: 'data-oe-model="account.move"' in (activity.note or "")
        ).action_feedback()

    def _find_taken_back(self, provider_reference):
        """Return the record with a reference of the provider, if it is known.

        :return: One for each of these payments at most.
        :rtype: account.payment.reversal
        """
        reversals = self.env["account.payment.reversal"]
        if not provider_reference:
            return reversals
        return self.payment_reversal_ids.filtered(
            lambda reversal: reversal.provider_reference == provider_reference
        )

    # === GETTERS === #

    def _get_takeable_amount(self):
        """Return the amount of this payment that can still be taken back.

        Money that was kept as credit is still with the company. Money that the gateway
        gave back, or may give back, and money that was taken back, is not.

        :return: The amount in the payment's currency.
        :rtype: float
        """
        self.ensure_one()
        payment_sudo = self.sudo()  # The refunds may be another one's to see.
        refunds = payment_sudo._get_gateway_refunds()
        going = refunds.filtered(lambda tx: tx.outcome not in UNSUCCESSFUL_OUTCOMES)
        journal = payment_sudo.company_id.credit_balance_journal_id
        outside = payment_sudo.refund_payment_ids.filtered(
            lambda refund: (
                refund.state in POSTED_STATES
                and not refund.is_taken_back
                and refund.payment_transaction_id not in refunds
                and refund.journal_id != journal
            )
        )
        taken = payment_sudo.payment_reversal_ids._filter_withdrawn()
        left = self.amount + sum(going.mapped("amount"))
        left -= sum(outside.mapped("amount")) + sum(taken.mapped("amount"))
        return max(self.currency_id.round(left), 0.0)

    def _get_untold_taken_back(self):
        """Return the amount that the bank took back, and nobody reported yet.

        :return: The amount in the payment's currency.
        :rtype: float
        """
        told = self.payment_reversal_ids._filter_withdrawn().filtered("is_by_bank")
        return self.currency_id.round(
            self._get_taken_back() - sum(told.mapped("amount"))
        )

    def _get_kept_as_credit(self):
        """Return how much of this payment was kept on a credit balance.

        :return: The amount in the payment's currency.
        :rtype: float
        """
        self.ensure_one()
        journal = self.company_id.credit_balance_journal_id
        kept = self.refund_payment_ids.filtered(
            lambda refund: (
                refund.state in POSTED_STATES and refund.journal_id == journal
            )
        )
        return sum(kept.mapped("amount")) if journal else 0.0

    def _get_taken_back_date(self, date):
        """Return the day of the entries that a person gave; refuse one in the future.

        A locked period is passed over.

        :rtype: datetime.date
        """
        return self.env["account.move"]._get_external_date(
            self.journal_id,
            self._get_taken_back_booking_date(date),
            self.company_id,
            start=self.date,
            start_label=self.env._("the payment"),
        )

    def _get_taken_back_booking_date(self, date, is_entry=True, has_tax=False):
        """Return the day of an entry: not before the payment, nor in a locked period.

        :param date|str date: The day on which it happened; today if not given.
        :param bool is_entry: Whether an entry is booked on it.
        :param bool has_tax: Whether the entry has taxes, which were declared perhaps.
        :rtype: datetime.date
        """
        date = fields.Date.to_date(date)
        date = date or self.env["account.move"]._get_today(self.date)
        if not is_entry:
            return date
        date = max(date, self.date)
        # As Odoo does with entries that are posted in a locked period.
        if locks := self.company_id._get_violated_lock_dates(
            date, has_tax, self.journal_id
        ):
            date = locks[-1][0] + timedelta(days=1)
        return date
