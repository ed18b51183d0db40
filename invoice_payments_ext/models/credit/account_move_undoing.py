from contextlib import contextmanager

from odoo import models
from odoo.exceptions import UserError

from ...tools import without_defaults


class AccountMove(models.Model):
    """Credit that goes back to its balance when an invoice is undone or credited."""

    _inherit = "account.move"

    # === CHECK METHODS === #

    def _get_kept_as_credit_blockers(self, way):
        """Name the payments that keep these credit notes as credit.

        Posted again, the same one would be kept as credit twice. Money may be taken
        back by others, a bank for one: that is told, see `_tell_missing_money`.
        """
        if way == "unpost":
            return
        credit_notes = self.filtered(lambda move: move.move_type == "out_refund")
        for credit_note in credit_notes:
            for payment in credit_note.sudo()._get_kept_as_credit():
                yield self.env._(
                    "%(payment)s keeps %(credit_note)s as credit: reset or cancel that "
                    "payment first, or bill the customer again and let the credit pay "
                    "that invoice.",
                    payment=payment.display_name,
                    credit_note=credit_note.display_name,
                )

    def _check_credit_of_payment(self, payment):
        """Check that credit that a payment took can pay this invoice.

        :raise UserError: If it is of another currency.
        """
        self.ensure_one()
        if payment.currency_id != self.currency_id:
            raise UserError(
                self.env._(
                    "%(payment)s is credit in %(currency)s: it pays invoices of that "
                    "currency only.",
                    payment=payment.display_name,
                    currency=payment.currency_id.name,
                )
            )

    # === BUSINESS METHODS - STEPS === #

    @contextmanager
    def _giving_credit_back(self):
        """Give back the credit that paid these before they are undone.

        A person is told of credit that was kept of money which is not there any more.
        """
        self._undo_credit_applications()
        kept = self._get_kept_as_credit()
        yield
        kept._tell_missing_money()

    def _undo_credit_applications(self):
        """Give back all that credit balances paid of these posted invoices."""
        invoices = without_defaults(self).filtered(
            lambda move: move.move_type == "out_invoice" and move.state == "posted"
        )
        payments = {invoice: invoice._get_credit_applications() for invoice in invoices}
        # Locked first, as everywhere: balances come before invoices.
        self.env["account.payment"].union(*payments.values())._lock_credit_balances()
        for invoice, of_invoice in payments.items():
            for payment in of_invoice:
                if payment.currency_id.is_zero(payment._get_refundable_amount()):
                    continue  # The rest is a discount, which stays granted.
                payment._undo_credit_application(
                    self.env._("%s is reset, cancelled or credited", invoice.name),
                    invoice,
                )

    def _give_credit_back(self, credit_note):
        """Keep the credit that had paid this invoice on the balance again.

        :param account.move credit_note: A posted credit note, which was reconciled with
                                         the amount that remained of this invoice.
        """
        self.ensure_one()
        applications = self._get_credit_applications()
        is_open = self.currency_id.compare_amounts(credit_note.amount_residual, 0) > 0
        if (
            not applications
            or not is_open
            or credit_note.currency_id != self.currency_id
        ):
            return
        applications._lock_with_invoices()
        left = self._get_returnable_amounts()
        # Credit that is being reversed does not also go back.
        amount = min(credit_note.amount_residual, self._get_returnable_credit(left))
        for destination in self._plan_credit_balance({"amount": amount}, left):
            self._book_credit(
                credit_note,
                destination,
                self.env._("Credited by %s", credit_note.name),
            )

    # === GETTERS === #

    def _get_kept_as_credit(self):
        """Return the payments that keep something of these on a credit balance.

        :rtype: account.payment
        """
        lines = self.line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        )
        payments = lines.matched_debit_ids.debit_move_id.move_id.origin_payment_id
        return payments.filtered(
            lambda payment: (
                payment.payment_type == "outbound"
                and payment.journal_id.is_credit_balance
                and payment._is_posted()
            )
        )
