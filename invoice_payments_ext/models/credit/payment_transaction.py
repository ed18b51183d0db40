import logging

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ...tools import OURS, without_defaults
from ..attempts.payment_transaction_steps import CONCURRENCY_ERRORS
from ..states import OUTCOMES, POSTED_STATES

_logger = logging.getLogger(__name__)


class PaymentTransaction(models.Model):
    """Payments of members from their credit balance, alone or together with a card."""

    _inherit = "payment.transaction"

    credit_first_amount = fields.Monetary(
        readonly=True,
        copy=False,
        help="The amount to be paid from the customer's credit balance as soon as this "
        "attempt brought the rest.",
    )
    credit_payment_ids = fields.Many2many(
        string="Payments from credit",
        comodel_name="account.payment",
        relation="payment_transaction_credit_payment_rel",
        readonly=True,
        copy=False,
        help="The payments from the customer's credit balance beside this attempt.",
    )

    # === CHECK METHODS === #

    def _check_credit_spendable(self, balance):
        """Check that the user may pay this draft from a locked credit balance.

        :raise AccessError: If it is not the balance of the logged-in member.
        :raise UserError: If it does not hold as much, is not of the same company,
                          currency and customer as the invoices, or nobody may pay by
                          credit now.
        """
        self.ensure_one()
        invoices = self.invoice_ids
        if not balance or invoices._get_credit_partner() - balance.partner_id:
            raise AccessError(
                self.env._("Only the customer may pay from the credit balance.")
            )
        companies = invoices.company_id
        if "sale_order_ids" in self._fields:  # Orders are paid with `sale` installed.
            companies |= self.sale_order_ids.company_id
        if companies - balance.company_id or (
            invoices.currency_id - balance.currency_id
        ):
            raise UserError(
                self.env._("Credit pays only amounts of the same company and currency.")
            )
        self.env["account.move"]._check_amount(
            self.amount, self.currency_id, balance.amount, self.env._("credit balance")
        )
        if invoices:
            invoices._check_no_blocking_attempt()
            invoices._check_no_money_in_flight()
        self.provider_id._check_compatible(
            self.company_id, self.partner_id, self.amount, self.currency_id
        )

    # === BUSINESS METHODS === #

    def _get_credit_balance_to_spend(self):
        """Return the balance that the user may pay this from; see the provider."""
        self.ensure_one()
        return self.provider_id._get_member_credit_balance(
            self.company_id.id, self.partner_id.id, self.currency_id.id
        )

    def _spend_credit_balance(self):
        """Take this draft from the member's credit balance and book it.

        No gateway is asked, so that all of it is one database transaction.

        Note: `self.ensure_one()`; in superuser mode, but as the member's user.

        :raise AccessError: If it is not the balance of the logged-in member.
        :raise UserError: If it cannot be paid from it.
        """
        self.ensure_one()
        balance = self._get_credit_balance_to_spend()
        if balance:
            balance._lock_or_create([balance._get_owner()])
        self.invoice_ids._lock_for_payment()
        self._check_credit_spendable(balance)
        paying = self.with_context(settled_by_caller=OURS)
        paying._set_done()
        paying._post_process()

    def _send_refund_request(self):
        """Give credit back to its balance: there is no gateway."""
        if self.provider_code != "credit_balance":
            return super()._send_refund_request()
        return self._set_done()

    def _book_credit_spent(self, values):
        """Book a payment from a credit balance; see :meth:`_book`."""
        credit = self.env["account.move"]._get_credit_payment_values(self.company_id)
        return self._book(
            {
                "payment_method_line_id": credit["payment_method_line_id"],
                "date": credit["date"],
                "memo": self.reference,
                **values,
            }
        )

    def _book_credit_given_back(self, values):
        """Book an amount given back to a credit balance; see :meth:`_book`."""
        details = self._get_refunded_payment()._prepare_credit_entry_details(
            self.memo or self.reference
        )
        return self.with_context(credit_entry=details)._book_refund(values)

    # === BUSINESS METHODS - CREDIT AND CARD === #

    def _get_settling_methods(self):
        """Also spend the credit that was promised; most promise none."""
        names = super()._get_settling_methods()
        if self.currency_id.is_zero(self.credit_first_amount):
            return names
        return [*names, "_settle_credit_beside"]

    def _settle_credit_beside(self):
        """Spend the credit that could not be spent when the rest was booked."""
        if self._has_credit_to_spend():
            self._in_step("settled", self._try_to_spend_credit)

    def _has_credit_to_spend(self):
        """Tell if credit is still to be spent beside this attempt's money."""
        self.ensure_one()
        # Most promise no credit: no more is read of these.
        return bool(
            not self.currency_id.is_zero(self.credit_first_amount)
            and self.is_post_processed
            and (self.state == "done" or self._get_standing_payments())
        )

    def _try_to_spend_credit(self):
        """Spend the credit that was to pay a part, or leave it to the schedule.

        The rest is booked: it must not be lost with an error here.
        """
        if not self._has_credit_to_spend():
            return
        try:
            with self.env.cr.savepoint():
                self._spend_credit_beside()
        except CONCURRENCY_ERRORS:
            self.env.ref("invoice_payments_ext.ir_cron_resolve_attempts")._trigger()
        except UserError as error:
            _logger.info("No credit was spent beside %s: %s", self.reference, error)
            self._give_up_credit_beside(str(error))

    def _spend_credit_beside(self):
        """Pay the rest of the invoices from the chosen credit.

        While something else may still pay them, it is left to the schedule. When others
        spent the credit in the meantime, that much remains to be paid, and a person is
        told.
        """
        invoices = without_defaults(self.invoice_ids).sudo()
        balances = invoices._lock_credit_balances()
        invoices._lock_rows()
        if invoices._get_attempts_in_flight():
            return
        shares = {share.invoice_id: share.credit_amount for share in self.share_ids}
        payments = invoices._spend_credit(
            balances,
            self.credit_first_amount,
            # Those for a single invoice say nothing of credit.
            shares if self._is_shared() else None,
        )
        self.credit_first_amount = self.currency_id.round(
            self.credit_first_amount - sum(payments.mapped("amount"))
        )
        self.credit_payment_ids |= payments
        invoices._notify_payments_changed()
        if self.currency_id.is_zero(self.credit_first_amount):
            return
        held = sum(balance.amount for balance in balances.values())
        is_enough = (
            self.currency_id.compare_amounts(held, self.credit_first_amount) >= 0
        )
        if all(self.currency_id.is_zero(each.amount_residual) for each in invoices) or (
            self._is_shared() and is_enough
        ):
            # It is needed no more, and stays on the balance.
            self.credit_first_amount = 0
        else:
            self._give_up_credit_beside(self.env._("less is held now."))

    def _give_up_credit_beside(self, reason):
        """Tell a person that the part which credit was to pay is still open."""
        amount = self.currency_id.format(self.credit_first_amount)
        self.credit_first_amount = 0
        self._schedule_payment_activity(
            self.invoice_ids[:1],
            self.env._("Credit was not spent"),
            self.env._(
                "%(amount)s was to be paid from the credit balance beside "
                "%(reference)s, but could not be: %(reason)s",
                amount=amount,
                reference=self.reference,
                reason=reason,
            ),
            self.invoice_ids[:1],
        )

    def _has_more_beside(self):
        return super()._has_more_beside() or self._has_credit_to_spend()

    def _get_amounts_beside(self, invoice):
        yield from super()._get_amounts_beside(invoice)
        own = self.share_ids.filtered(lambda share: share.invoice_id == invoice)
        yield own.credit_amount if self._is_shared() else self.credit_first_amount

    @api.model
    def _get_unspent_credit_domain(self):
        """Find the attempts beside which credit is still to be spent."""
        return [
            ("credit_first_amount", ">", 0),
            "|",
            "&",
            ("state", "=", "done"),
            ("is_post_processed", "=", True),
            "&",
            ("state", "=", "cancel"),
            ("standing_payment_ids.state", "in", POSTED_STATES),
        ]

    # === BUSINESS METHODS - BOOKING === #

    def _return_unpaid_credit(self):
        """Put credit back that this refund did not pay out."""
        taken = self.refund_credit_payment_id
        if not taken or not OUTCOMES[self.outcome].is_unsuccessful:
            return
        if taken.currency_id.is_zero(taken._get_refundable_amount()):
            return
        taken._undo_credit_application(
            self.env._("%s was not paid out", self.reference)
        )
        self._schedule_payment_activity(
            self.source_transaction_id.payment_id,
            self.env._("Credit was not paid out"),
            self.env._(
                "%(amount)s could not be paid out (%(reference)s): %(reason)s It is "
                "back on the credit balance of %(customer)s.",
                amount=self.currency_id.format(abs(self.amount)),
                reference=self.reference,
                reason=self.state_message or "",
                customer=taken.partner_id.display_name,
            ),
        )
