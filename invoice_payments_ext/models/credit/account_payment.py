from odoo import models
from odoo.exceptions import UserError

from ...tools import OURS, prepare_notification
from ..core.door import Door
from ..states import POSTED_STATES
from .credit_entry_details import CreditEntryDetails
from .entry_labels import Label

UNDO_CREDIT_APPLICATION = Door(
    "account.payment.undo_credit_application",
    rights="_check_rights_to_undo_credit",
    lock="_lock_to_undo_credit",
    check="_check_undo_credit",
    work="_carry_out_undo_credit",
)


class AccountPayment(models.Model):
    """Payments from a credit balance, and money that is kept on one."""

    _inherit = "account.payment"

    # === CHECK METHODS === #

    def _get_credit_keeper_blockers(self, way):
        """Name the payments that keep, give back or pay out credit.

        No other entry reverses them: the credit's source could be used again, and
        the reversal be reset.
        """
        if way != "reverse" or self.env.context.get("undone_by_door") is OURS:
            return
        for payment in self._filter_capped():
            if payment.payment_type == "outbound" and (
                payment.journal_id.is_credit_balance
                or payment.source_payment_id.is_from_credit
                or payment.payment_transaction_id.refund_credit_payment_id
            ):
                yield self.env._(
                    "%s keeps or pays out credit: it is not reversed by another "
                    "entry. Reset or cancel it, or use or adjust the credit.",
                    payment.display_name,
                )

    def _get_given_back_blockers(self, way):
        """Name the payments that gave back the credit that these took."""
        if way == "unpost":
            return
        states = POSTED_STATES if way == "reset" else ("draft", *POSTED_STATES)
        payments = self.filtered("is_from_credit")
        given_back = (
            payments.sudo().refund_payment_ids
            | payments._get_gateway_refunds().payment_id
        )
        for refund in given_back.filtered(lambda refund: refund.state in states):
            yield self.env._(
                "%(refund)s gave back or paid out the amount that %(payment)s took: "
                "%(payment)s stays as it is as long as %(refund)s is posted.",
                refund=refund.display_name,
                payment=", ".join(payments.mapped("display_name")),
            )

    # === ACTION METHODS === #

    def _cancel_entries_in_credit_history(self):
        """Cancel the draft entries that the history of a credit balance refers to.

        :return: Their payments.
        :rtype: account.payment
        """
        drafts = self.move_id.filtered(lambda move: move.state == "draft")
        latest = self.env["account.credit.balance.entry"]._get_latest(drafts.line_ids)
        kept = self.env["account.move.line"].union(*latest).move_id
        kept.button_cancel()
        return kept.origin_payment_id

    def action_move_to_credit_balance(self):
        """Move the unallocated amount to the credit balance and tell so.

        :return: The notification to show.
        :rtype: dict
        :raise UserError: If one of these has no journal entry, or nothing of them is
                          open in favour of a customer.
        :raise AccessError: If the user has no right to record payments.
        """
        for payment in self:
            if not payment.move_id:
                raise UserError(
                    self.env._("%s has no journal entry.", payment.display_name)
                )
        return self.move_id.action_move_to_credit_balance()

    def action_undo_credit_application(self):
        """Undo this application of credit and tell that it was done.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        undone = self.undo_credit_application()
        entries = self.env["account.credit.balance.entry"]
        latest = entries._get_latest(undone.sudo().move_id._get_credit_lines())
        entry = entries.union(*latest.values())
        return prepare_notification(
            self.env._("Application undone"),
            self.env._(
                "%(amount)s is back on the credit balance of %(customer)s.",
                amount=undone.currency_id.format(undone.amount),
                customer=entry.partner_id.display_name,
            ),
        )

    # === BUSINESS METHODS - DOORS === #

    def undo_credit_application(self, reason=None, idempotency_key=None):
        """Give the credit that this payment took back to its balance.

        The invoice that it paid is open again. It is undone by an opposite payment of
        today, which is matched with this one. Does not commit.

        :param str reason: Why, for the records.
        :param str idempotency_key: See `account.move.charge`.
        :return: The opposite payment.
        :rtype: account.payment
        :raise UserError: If this is not a payment from a credit balance, nothing of it
                          is left, or the key was used with other values.
        :raise AccessError: If the user has no right to record payments.
        """
        return self._pass(UNDO_CREDIT_APPLICATION, idempotency_key, reason=reason)

    # === BUSINESS METHODS - STEPS === #

    def _check_rights_to_undo_credit(self):
        """Check that the user may take back credit that these spent.

        :raise AccessError: If the user is not of the level *Record and charge*, or may
                            not change the payments and their invoices.
        """
        self._get_refund_invoices()._check_payment_rights()
        self.check_access("write")

    def _lock_to_undo_credit(self, **_arguments):
        """Lock these payments, and before them the balances that they took from."""
        self.filtered("is_from_credit")._lock_credit_balances()
        self._lock_with_invoices()

    def _check_undo_credit(self, reason):
        """Check the undoing of an application, on a locked payment."""
        if not self.is_from_credit:
            raise UserError(
                self.env._("%s was not paid from a credit balance.", self.display_name)
            )

    def _carry_out_undo_credit(self, reason):
        """Undo an application that was checked, on a locked payment."""
        return self._undo_locked_application(reason or self.env._("Application undone"))

    def _undo_credit_application(self, reason, invoice=None):
        """Undo the matching of this payment from a credit balance.

        :param str reason: Why, for the records.
        :param account.move invoice: The invoice that is to be open again; all that this
                                     paid if not given.
        :return: The opposite payment.
        :rtype: account.payment
        """
        self._lock_to_undo_credit()
        return self._undo_locked_application(reason, invoice)

    def _undo_locked_application(self, reason, invoice=None):
        """Undo it on a locked payment; see :meth:`_undo_credit_application`."""
        if blocked := self._get_refund_blocked_reason("credit"):
            raise UserError(blocked)
        amount = self._get_refundable_amount()
        if invoice:
            lines = self._get_receivable_lines()
            paid = sum(
                undoable
                for partial, undoable in self._get_undoable_parts(invoice)
                if partial.debit_move_id.move_id == invoice
            )
            unallocated = -sum(lines.mapped("amount_residual_currency"))
            amount = min(amount, self.currency_id.round(paid + unallocated))
        return self._book_on_credit_balance(amount, reason, invoice=invoice)

    def _refund_to_credit(self, amount, reason, _outside_values, **undone):
        """Keep money of this payment on the credit balance, instead of paying it."""
        return self._book_on_credit_balance(amount, reason, **undone)

    def _book_on_credit_balance(self, amount, reason, **undone):
        """Keep money of this payment, or of a credit note, on the credit balance.

        On a locked payment, after the checks; see :meth:`_book_outside_refund`.
        """
        moves = self.env["account.move"]
        credit_note = undone.get("credit_note")
        company = self.company_id or credit_note.company_id
        values = moves._get_credit_payment_values(company, "outbound", start=self.date)
        kept = self.with_context(
            credit_entry=self._prepare_credit_entry_details(reason, **undone)
        )._book_outside_refund(amount, values, reason, **undone)
        return kept.with_env(self.env)

    def _prepare_credit_entry_details(
        self, reason, invoice=None, credit_note=None, **_undone
    ):
        """Return the details of kept credit for the history.

        :rtype: CreditEntryDetails
        """
        invoice = invoice or self._get_refund_invoices()[:1] or self.invoice_ids[:1]
        if self.is_from_credit:
            entry_type = "unapplied"
            label = (
                Label("application_undone", invoice.name)
                if invoice
                else Label("not_paid_out")
            )
        elif credit_note:
            entry_type = "credit_note"
            invoice = credit_note.reversed_entry_id
            label = Label("credit_note", credit_note.name)
        else:
            entry_type = "refund"
            label = Label("refund", self.name)
        return CreditEntryDetails(
            entry_type=entry_type, label=label, note=reason, invoice_id=invoice.id
        )

    def _tell_missing_money(self):
        """Give a task for credit that these keep of money taken back."""
        for payment in self:
            amount = payment.currency_id.format(payment.amount)
            payment.activity_schedule(
                "mail.mail_activity_data_todo",
                summary=self.env._("Kept as credit, but the money was taken back"),
                note=self.env._(
                    "%(payment)s keeps %(amount)s as credit of %(customer)s, but the "
                    "money behind it was reset or cancelled. Match it again, or reset "
                    "it to take it off the credit balance.",
                    payment=payment.name,
                    amount=amount,
                    customer=payment.partner_id.display_name,
                ),
                user_id=self.env.uid,
                payment_cause_move_id=payment.move_id.id,
            )

    def _lock_credit_balances(self):
        """Lock the balances that keep the amounts given back of these."""
        self.env["account.credit.balance"]._lock_or_create(self._get_credit_owners())

    def _get_credit_owners(self):
        """Return the owners of the balances that keep amounts given back.

        Credit that was taken from a balance goes back there, also if its contact
        has another parent now.

        :return: The keys of the balances; see `account.credit.balance._lock_or_create`.
        :rtype: set[tuple]
        """
        lines = self.filtered("is_from_credit").sudo().move_id._get_credit_lines()
        taken = self.env["account.credit.balance.entry"]._get_latest(lines)
        others = (self - lines.move_id.origin_payment_id).filtered("partner_id")
        owners = self.env["account.credit.balance"]._get_owners(
            (payment.partner_id.id, payment.company_id.id, payment.currency_id.id)
            for payment in others
        )
        return {
            *(entry.balance_id._get_owner() for entry in taken.values()),
            *owners.values(),
        }
