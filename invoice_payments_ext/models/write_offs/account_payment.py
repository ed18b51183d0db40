from odoo import models
from odoo.exceptions import UserError

from ...tools import OURS


class AccountPayment(models.Model):
    """What people give away in Odoo's own dialog and form, by the rules of the doors.

    A payment can write off the rest of its invoice there, and money can go out.
    """

    _inherit = "account.payment"

    # === CHECK METHODS === #

    def _check_given_by_hand(self, confirmed):
        """Check the level and the limit of what these give away, once they are posted.

        Superuser code and the doors check it themselves. Above the limit, the draft of
        one person is confirmed by another one.

        :param account.payment confirmed: Those that another person entered.
        :raise AccessError: If the user is not of the level *Refund and credit*.
        :raise UserError: If it is above the limit.
        """
        if self.env.su:
            return
        for payment in self:
            if (
                not payment._is_of_customer()
                or payment.source_payment_id
                or payment.journal_id.is_credit_balance
            ):
                continue
            if payment.payment_type == "outbound":
                if payment not in confirmed:
                    payment._check_gift_limit("refund", payment.amount)
            elif written_off := payment._get_written_off_beside():
                self.env["account.move"]._check_refund_rights()
                if payment not in confirmed:
                    payment._check_gift_limit("write_off", written_off)

    def _check_gift_limit(self, kind, amount):
        """Check that nobody else is needed to give away an amount of this payment.

        :param str kind: The kind of request that it would be.
        :param float amount: The amount, in the payment's currency.
        :raise UserError: If a second person is needed.
        """
        approvals = self.env["account.payment.approval"]
        if approvals._is_above_limit(self, kind, {}, amount):
            raise UserError(
                self.env._(
                    "%(amount)s needs a second person: use Refund or Write off in the "
                    "Payments section, or let somebody else confirm the draft of this "
                    "payment.",
                    amount=self.currency_id.format(amount),
                )
            )

    # === GETTERS === #

    def _get_written_off_beside(self):
        """Return the loss that this payment of a customer books beside the money.

        :return: The amount in the payment's currency: zero of an early-payment
                 discount, and where more was paid.
        :rtype: float
        """
        self.ensure_one()
        if self.payment_type != "inbound" or (
            self.env.context.get("discount_of_dialog") is OURS
        ):
            return 0.0
        _liquidity, _counterpart, others = self._seek_for_lines()
        company = self.company_id
        lost = company.currency_id._convert(
            sum(others.mapped("balance")), self.currency_id, company, self.date
        )
        return max(lost, 0.0)

    def _is_with_discount(self):
        """Tell if what this payment books beside the money is a discount of its terms.

        :rtype: bool
        """
        terms = self.reconciled_invoice_ids.invoice_payment_term_id
        _liquidity, _counterpart, others = self._seek_for_lines()
        lost = others.filtered(lambda line: not line.tax_repartition_line_id)
        account = self.company_id.account_journal_early_pay_discount_loss_account_id
        return any(terms.mapped("early_discount")) and lost.account_id == account
