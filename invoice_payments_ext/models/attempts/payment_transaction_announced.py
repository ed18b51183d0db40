from markupsafe import Markup

from odoo import fields, models
from odoo.exceptions import UserError

from ..core.door import Door
from ..states import EXPECTED_OUTCOMES, POSTED_STATES

CANCEL_ANNOUNCED = Door(
    "payment.transaction.cancel_announced",
    rights="_check_attempt_rights",
    lock="_lock_announced",
    check="_check_announced",
    work="_carry_out_announced_cancel",
)


class PaymentTransaction(models.Model):
    """Announced payments: expected, but not on the way. They end when money came.

    They hold nothing of an invoice, so that each of them may be overtaken: by a payment
    that is recorded, a bank match, a card.
    """

    _inherit = "payment.transaction"

    standing_payment_ids = fields.One2many(
        string="Recorded as",
        comodel_name="account.payment",
        inverse_name="announced_transaction_id",
        readonly=True,
        help="The payments that stand for the money of this announced payment.",
    )

    # === CHECK METHODS === #

    def _check_announced(self, **_arguments):
        """Check that this locked attempt is announced, and nothing more.

        :raise UserError: If it is not.
        """
        if self.outcome not in EXPECTED_OUTCOMES:
            raise UserError(
                self.env._(
                    "%(reference)s is not an announced payment: it is %(outcome)s.",
                    reference=self.reference,
                    outcome=self._get_outcome_label(),
                )
            )

    # === ACTION METHODS === #

    def action_cancel_announced(self):
        """Close this announced payment.

        :return: The notification to show.
        :rtype: dict
        """
        return self.cancel_announced()._get_outcome_notification()

    # === BUSINESS METHODS - DOORS === #

    def cancel_announced(self, reason=None, idempotency_key=None):
        """Close an announced payment that is expected no more. Does not commit.

        If the money comes all the same, it is recorded as any other.

        :param str reason: Why it is not expected, for the chatter of the invoice.
        :param str idempotency_key: See `account.move.charge`.
        :return: The attempt.
        :rtype: payment.transaction
        :raise UserError: If it is not an announced payment.
        :raise AccessError: If the user has no right to record payments.
        """
        return self._pass(CANCEL_ANNOUNCED, idempotency_key, reason=reason)

    # === BUSINESS METHODS - STEPS OF DOORS === #

    def _lock_announced(self, **_arguments):
        """Lock this attempt, and before it its invoices."""
        self._get_attempt_invoices()._lock_for_payment()
        self.sudo()._lock_attempt()
        self.invalidate_recordset(["outcome"])

    def _carry_out_announced_cancel(self, reason=None):
        """Close this announced payment for a person."""
        note = self.env._("Not expected any more, says %s", self.env.user.name)
        if isinstance(reason, str) and reason.strip():
            note = f"{note}: {reason.strip()}"
        self.sudo()._close_announced(note)
        return self

    # === BUSINESS METHODS === #

    def _close_announced(self, note):
        """Close these announced payments, with a note for the staff.

        :param str note: The payment in their place, or why they are not expected.
        """
        self._set_canceled()
        self._note_closed(note)

    def _note_closed(self, note):
        """Say on these closed payments, and on their invoices, why they are closed."""
        self.state_message = note
        self._log_to_staff(note)

    def _log_to_staff(self, note):
        """Note something about these payments on their invoices, for the staff."""
        for tx in self.with_context(payment_backend_action=True):
            tx._log_message_on_linked_documents(
                Markup("%s: %s") % (tx._get_html_link(), note)
            )

    def _replace_announced(self):
        """Close what was announced before these, as far as more is expected than owed.

        Who chooses a transfer twice makes one: with two rows that wait for it, the
        customer might transfer the amount twice.
        """
        for tx in self.filtered(lambda tx: tx.outcome in EXPECTED_OUTCOMES):
            earlier = tx._get_announced_beside()
            left = tx._get_remaining_of_invoices() - tx._get_expected_amount()
            left -= sum(
                amount
                for invoice in tx.invoice_ids
                for amount in tx._get_amounts_beside(invoice)
            )
            left -= sum(other._get_expected_amount() for other in earlier)
            for other in earlier:
                if tx.currency_id.compare_amounts(left, 0) >= 0:
                    break
                left += other._get_expected_amount()
                other._close_announced(
                    self.env._("%s was announced in its place.", tx.reference)
                )

    def _close_met_announcement(self, entries, amounts, free):
        """Close this announced payment if money that was matched now stands for it.

        That is money of the amount that is expected, or money that leaves less to be
        paid.

        :param account.move entries: The entries that were matched with its invoices.
        :param dict amounts: By entry the matched amount, in the currency of this.
        :param account.move free: Those of them that stand for no other one.
        :return: The entry that stands for this; none if none does.
        :rtype: account.move

        Note: `self.ensure_one()`
        """
        self.ensure_one()
        expected = self._get_expected_amount()
        is_same = free.filtered(
            lambda entry: (
                entry._is_money_of_customer()
                and not self.currency_id.compare_amounts(amounts[entry], expected)
            )
        )[:1]
        if is_same:
            self._let_stand_for(is_same.origin_payment_id, is_whole=True)
            self._close_announced(self.env._("%s stands for it.", is_same.name))
            return is_same
        remaining = self._get_remaining_of_invoices()
        if self.currency_id.compare_amounts(remaining, expected) < 0:
            self._close_announced(
                self.env._(
                    "%(entries)s left less to be paid: %(remaining)s.",
                    entries=", ".join(entries.mapped("name")),
                    remaining=self.currency_id.format(remaining),
                )
            )
        return is_same

    def _expect_again(self, name):
        """Expect what these announced payments bring: what closed them was none of it.

        Unless their invoices have been paid, or are to be paid, in another way since
        then.

        :param str name: The payment that stood for them, and was called off.
        """
        for tx in self.filtered(lambda tx: tx.outcome == "canceled"):
            expected = tx._get_expected_amount()
            missing = tx._get_remaining_of_invoices() - sum(
                other._get_expected_amount() for other in tx._get_announced_beside()
            )
            if tx.currency_id.compare_amounts(missing, expected) < 0:
                tx.state_message = self.env._(
                    "%s does not stand for it any more.", name
                )
                continue
            tx._set_pending(extra_allowed_states=("cancel",))
            # In the chatter only: the page of a payment that waits shows its message.
            tx._log_to_staff(
                self.env._(
                    "%s does not stand for it any more: the money is expected again.",
                    name,
                )
            )

    def _let_stand_for(self, payments, is_whole=False):
        """Let payments outside any gateway stand for the money of this attempt.

        If its provider confirms that money later, it is not booked once more.

        :param account.payment payments: The payments.
        :param bool is_whole: Whether nothing more of it is expected.
        """
        outside = payments.filtered(
            lambda payment: (
                not (payment.payment_transaction_id or payment.is_from_credit)
            )
        )
        outside.write(
            {"announced_transaction_id": self.id, "closes_announced": is_whole}
        )
        # Credit may have been chosen to pay the rest.
        self.env.ref("invoice_payments_ext.ir_cron_resolve_attempts")._trigger()

    def _get_remaining_of_invoices(self):
        """Return what remains of the invoices of this attempt, in its currency."""
        return sum(
            invoice._from_own_currency(self.currency_id, invoice.amount_residual)
            for invoice in self.invoice_ids
            if invoice.state == "posted"
        )

    def _get_announced_beside(self):
        """Return the other announced payments of the invoices of this, and of no other.

        :return: The oldest first.
        :rtype: payment.transaction
        """
        self.ensure_one()
        return self.invoice_ids.transaction_ids.filtered(
            lambda other: (
                other != self
                and other.outcome in EXPECTED_OUTCOMES
                and other.currency_id == self.currency_id
                and other.invoice_ids <= self.invoice_ids
            )
        ).sorted("id")

    def _get_expected_amount(self):
        """Return what is still expected of this attempt: its amount less what came.

        :return: The amount in the currency of the attempt, zero at the least.
        :rtype: float
        """
        self.ensure_one()
        came = self._get_standing_payments().filtered(
            lambda payment: payment.currency_id == self.currency_id
        )
        left = self.amount - sum(came.mapped("amount"))
        return max(self.currency_id.round(left), 0.0)

    def _get_standing_payments(self):
        """Return the posted payments that stand for the money of this attempt.

        :rtype: account.payment
        """
        return self.standing_payment_ids.filtered(
            lambda payment: (
                payment.state in POSTED_STATES
                and payment.payment_transaction_id in (self, self.browse())
                and not payment.move_id._get_reversals()
            )
        ).sorted("id")

    def _adopt(self, payments):
        """Take payments that were recorded by hand for the money of this attempt.

        :return: The first of them.
        :rtype: account.payment
        """
        self.ensure_one()
        payments.payment_transaction_id = self
        self.payment_id = payments[:1]
        recorded = sum(payments.mapped("amount"))
        if payments.currency_id != self.currency_id or (
            self.currency_id.compare_amounts(recorded, self.amount)
        ):
            self._schedule_payment_activity(
                self._get_attempt_invoices()[:1],
                self.env._("Another amount was recorded"),
                self.env._(
                    "%(reference)s succeeded at the provider with %(amount)s. It was "
                    "recorded before as %(payments)s, with another amount.",
                    reference=self._get_html_link(),
                    amount=self.currency_id.format(self.amount),
                    payments=", ".join(payments.mapped("name")),
                ),
            )
        return payments[:1]
