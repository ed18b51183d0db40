from odoo import api, fields, models
from odoo.exceptions import UserError

from ...tools import OURS, prepare_dialog
from ..core.door import Door
from ..credit.credit_entry_details import CreditEntryDetails
from ..credit.entry_labels import Label

UNDO_RECORDING = Door(
    "account.payment.undo_recording",
    rights="_check_rights_to_undo_recording",
    lock="_lock_to_undo_recording",
    check="_check_undo_recording",
    work="_carry_out_undo_recording",
)


class AccountPayment(models.Model):
    """Payments that were recorded by mistake: no money moved, and nothing pretends so.

    The entry stays and an opposite one follows, so that it also works after a period
    was closed. The payment is cancelled, and says why.
    """

    _inherit = "account.payment"

    mistake_reason = fields.Char(
        string="Recorded by Mistake",
        readonly=True,
        copy=False,
        help="Why this record was taken back: no money moved.",
    )
    keeps_credit = fields.Boolean(
        compute="_compute_keeps_credit",
        help="Whether this moved money to the credit balance, and can be moved back.",
    )

    # === COMPUTE METHODS === #

    @api.depends("payment_type", "journal_id", "state", "source_payment_id")
    def _compute_keeps_credit(self):
        for payment in self:
            payment_sudo = payment.sudo()
            payment.keeps_credit = (
                payment.payment_type == "outbound"
                and payment_sudo.journal_id.is_credit_balance
                and payment._is_posted()
                and not payment._gives_credit_back()
            )

    # === CHECK METHODS === #

    def _check_rights_to_undo_recording(self):
        """Check that the user may take back the record of these payments.

        Who may record money, or move it to the credit balance, may take that back. Who
        may refund may take back the record of a refund.

        :raise AccessError: If the user is not of that level, or may not change the
                            payments and their invoices.
        """
        invoices = self._get_refund_invoices()
        refunds = self.filtered(lambda payment: payment._is_recorded_refund())
        invoices |= refunds.sudo().refund_allocation_ids.invoice_id.sudo(self.env.su)
        if refunds:
            invoices._check_refund_rights()
        else:
            invoices._check_payment_rights()
        self.check_access("write")

    def _check_undo_recording(self, reason, date):
        """Check that the record of this payment can be taken back, on a locked one."""
        self.ensure_one()
        self._check_company_selected()
        self._check_reason(reason)
        if blocked := self._get_no_mistake_reason():
            raise UserError(blocked)
        self._get_taken_back_date(date)

    def _get_mistake_blockers(self, _way):
        """Name those of these that were taken back: they stay as they are."""
        for payment in self.sudo().filtered("mistake_reason"):
            yield self.env._(
                "%s was recorded by mistake and taken back. Record another payment "
                "instead.",
                payment.display_name,
            )

    # === ACTION METHODS === #

    def action_undo_recording(self):
        """Return the dialog that takes the record of this payment back.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_dialog(
            "account.payment.undo.recording",
            self.env._("Move back from the credit balance")
            if self.journal_id.is_credit_balance
            else self.env._("Recorded by mistake: %s", self.name),
            payment_id=self.id,
        )

    # === BUSINESS METHODS - DOORS === #

    def undo_recording(self, reason=None, date=None, idempotency_key=None):
        """Take back the record of a payment that never moved.

        That is money that was recorded as received, or as refunded, by hand, or money
        that was moved to the credit balance. An opposite entry undoes it, the payment
        is cancelled, and its invoices are open, or paid, as before. Money that a
        provider moved, or that the bank shows, was no mistake: it is refunded. Does not
        commit.

        :param str reason: Why. Required.
        :param date|str date: The day of the opposite entry; today if not given. Before
                              the payment or in a locked period, it is the first day
                              that is possible.
        :param str idempotency_key: See `account.move.charge`.
        :return: The posted opposite entry.
        :rtype: account.move
        :raise UserError: If the money moved, a part of it was given back or used since,
                          a value does not fit, or the key was used with other values.
        :raise AccessError: If the user has no right to record it.
        """
        return self._pass(UNDO_RECORDING, idempotency_key, reason=reason, date=date)

    # === BUSINESS METHODS - STEPS === #

    def _lock_to_undo_recording(self, **_arguments):
        """Lock this payment, and before it its balances, invoices and source."""
        payments = self | self._get_paid_out_credit()
        if payments.journal_id.filtered("is_credit_balance"):
            payments._lock_credit_balances()
        allocations_sudo = self.sudo().refund_allocation_ids
        announced_sudo = self.sudo().announced_transaction_id
        moves_sudo = allocations_sudo.invoice_id | allocations_sudo.credit_note_id
        moves_sudo |= announced_sudo.invoice_ids  # It may be expected again.
        (self | self.source_payment_id)._lock_with_invoices(moves_sudo.sudo(False))

    def _carry_out_undo_recording(self, reason, date):
        """Take the record of a payment back that was checked, on a locked one."""
        reason = reason.strip()
        date = fields.Date.to_date(self._get_taken_back_date(date))
        # The entries and the states are not the staff's to write otherwise.
        payment_sudo = self.sudo().with_context(
            credit_entry=CreditEntryDetails(
                entry_type="reversal",
                label=Label("undone", self.memo or self.name),
                note=reason,
            )
        )
        invoices = self._get_undo_invoices()
        ref = self.env._(
            "%(payment)s was recorded by mistake: %(reason)s",
            payment=self.name,
            reason=reason,
        )
        if self.payment_type == "outbound":
            opposite_sudo = payment_sudo._undo_by_opposite_entry(date, ref)
        else:
            opposite_sudo = payment_sudo._undo_received(date, ref)
        payment_sudo.mistake_reason = reason
        body = self.env._(
            "%(payment)s (%(amount)s) was recorded by mistake and taken back by "
            "%(entry)s: %(reason)s",
            payment=self._get_html_link(),
            amount=self.currency_id.format(self.amount),
            entry=opposite_sudo._get_html_link(),
            reason=reason,
        )
        for record in (*self, *invoices):
            record.sudo()._message_log(body=body)
        invoices._notify_payments_changed()
        return opposite_sudo.sudo(self.env.su)

    def _undo_received(self, date, ref):
        """Undo this record of received money by an opposite entry.

        Note: `self.ensure_one()`; in superuser mode, on a locked payment.

        :param datetime.date date: The day of the opposite entry.
        :param str ref: Why, for the entry.
        :return: The opposite entry.
        :rtype: account.move
        """
        self.ensure_one()
        invoices = self._get_refund_invoices()
        self.invoice_ids |= invoices  # They show it, also when it pays them no more.
        undoing = self.with_context(entry_follows=OURS, undone_by_door=OURS)
        entry = undoing.move_id
        undoing.write({"state": "canceled"})
        # Also takes it off the invoices, with exchange differences and cash-basis tax,
        # and lets announced money be expected again.
        opposite = entry._reverse_moves([{"date": date, "ref": ref}], cancel=True)
        self.env.add_to_compute(invoices._fields["payment_state"], invoices)
        return opposite.with_env(self.env)

    # === GETTERS === #

    def _is_recorded_refund(self):
        """Tell if this is money that was recorded as given back to the customer.

        :rtype: bool
        """
        self.ensure_one()
        is_kept = self.journal_id.is_credit_balance
        return self.payment_type == "outbound" and (
            not is_kept or bool(self.sudo().refund_allocation_ids)
        )

    def _gives_credit_back(self):
        """Tell if this undid a payment from the credit balance: no money of its own.

        :rtype: bool
        """
        self.ensure_one()
        payment_sudo = self.sudo()
        is_kept = payment_sudo.journal_id.is_credit_balance
        return is_kept and payment_sudo.source_payment_id.is_from_credit

    def _get_undo_invoices(self):
        """Return the invoices that are told when the record of this is taken back.

        :rtype: account.move
        """
        self.ensure_one()
        payment_sudo = self.sudo()
        invoices_sudo = (
            payment_sudo._get_refund_invoices()
            | payment_sudo.refund_allocation_ids.invoice_id
            | payment_sudo.source_payment_id.invoice_ids
        )
        return invoices_sudo.sudo(self.env.su)

    def _get_paid_out_credit(self):
        """Return the payments from a credit balance that these paid out.

        :rtype: account.payment
        """
        matched = self.sudo()._get_receivable_lines().matched_credit_ids
        payments_sudo = matched.credit_move_id.move_id.origin_payment_id
        return payments_sudo.filtered("is_from_credit").sudo(self.env.su)

    def _get_bank_entries(self):
        """Return the entries that this money is matched with on the bank's side.

        :rtype: account.move
        """
        self.ensure_one()
        lines_sudo = self.sudo().move_id.line_ids.filtered(
            lambda line: line.account_id != self.destination_account_id
        )
        others_sudo = (
            lines_sudo.matched_debit_ids.debit_move_id
            | lines_sudo.matched_credit_ids.credit_move_id
        )
        return others_sudo.move_id.sudo(self.env.su)

    def _get_no_mistake_reason(self):
        """Say why the record of this payment cannot be taken back; empty if it can.

        :rtype: str
        """
        self.ensure_one()
        name = self.display_name
        payment_sudo = self.sudo()
        if self.partner_type != "customer":
            return self.env._("%s is not a payment of a customer.", name)
        if not self._is_posted():
            return self.env._("%s is not posted.", name)
        if self.is_from_credit:
            return self.env._(
                "%s was paid from the credit balance: use Undo application.", name
            )
        if self._gives_credit_back():
            return self.env._(
                "%s gave credit back to the balance: pay from the credit balance "
                "again.",
                name,
            )
        if payment_sudo.payment_transaction_id:
            return self.env._(
                "%(provider)s moved the money of %(payment)s: it was not recorded by "
                "hand. Use Refund.",
                payment=name,
                provider=payment_sudo.payment_transaction_id.provider_id.name,
            )
        if self.is_taken_back:
            return self.env._("%s was taken back: open that record.", name)
        if reversed_reason := self._get_reversed_reason():
            return reversed_reason
        if bank_entries := self._get_bank_entries():
            return self.env._(
                "%(payment)s was matched with the bank (%(entry)s): the money moved. "
                "Use Refund, or undo the match first.",
                payment=name,
                entry=bank_entries[0].display_name,
            )
        if self.payment_type == "outbound":
            return ""
        if disputed := self._get_taken_back_reason():
            return disputed
        if not self.currency_id.is_zero(self._get_waiting_amount("refund")):
            return self.env._(
                "A refund of %s waits for approval: have it withdrawn first.", name
            )
        given_back = self._get_given_back()
        taken = payment_sudo.payment_reversal_ids._filter_withdrawn()
        if taken or not self.currency_id.is_zero(given_back):
            return self.env._(
                "A part of %s was refunded, kept as credit or taken back: undo that "
                "first.",
                name,
            )
        return ""
