from odoo import models

from ..states import POSTED_STATES


class AccountPayment(models.Model):
    """Payments that a line of a bank statement may take back."""

    _inherit = "account.payment"

    # === BUSINESS METHODS - STEPS === #

    def _match_returns_of_receipts(self):
        """Let the customer owe what entries took of the receipts of this payment.

        Their debt is matched with this payment in the place of the invoice, which
        opens. A debt that was paid in another way stays so.
        """
        self.ensure_one()
        known = self._get_taken_by_entry()
        for entry, amount in self._get_taken_of_receipts().items():
            lines = entry.line_ids.filtered(
                lambda line: (
                    line.account_id == self.destination_account_id
                    and line.balance > 0
                    and not line.reconciled
                    and line.currency_id == self.currency_id
                )
            )
            amount = self.currency_id.round(amount - known.get(entry, 0.0))
            amount = min(amount, sum(lines.mapped("amount_residual_currency")))
            if self.currency_id.compare_amounts(amount, 0) <= 0:
                continue
            _applied, _credited, reopened = self._undo_allocations(amount)
            held = self._get_receivable_lines().filtered(
                lambda line: not line.reconciled
            )
            self.env["account.move"]._reconcile_part(lines, held, amount)
            self._match_rest(reopened, [])

    # === GETTERS === #

    def _get_returned_by(self, line):
        """Return the payments that a line of a bank statement may take back.

        :param account.move.line line: Its journal item on the account of receipts.
        :return: The one that it names, or of its amount; all that fit if none does.
        :rtype: account.payment
        """
        currency = line.currency_id
        amount = abs(line.amount_currency)
        domain = [
            ("company_id", "=", line.company_id.id),
            ("outstanding_account_id", "=", line.account_id.id),
            ("payment_type", "=", "inbound"),
            ("partner_type", "=", "customer"),
            ("state", "in", POSTED_STATES),
            ("currency_id", "=", currency.id),
            ("date", "<=", line.date),
        ]
        if owner := line.partner_id.commercial_partner_id:
            domain += [("partner_id", "child_of", owner.id), ("amount", ">=", amount)]
        else:
            domain += [("amount", "=", amount)]
        payments = self.sudo().search(domain, order="date DESC, id DESC", limit=20)
        payments = payments.filtered(
            lambda payment: (
                not payment._get_not_taken_back_reason()
                and currency.compare_amounts(payment._get_takeable_amount(), amount)
                >= 0
            )
        )
        named = payments.filtered(lambda payment: payment._is_named_in(line.name))
        return (
            named
            or payments.filtered(
                lambda payment: not currency.compare_amounts(payment.amount, amount)
            )
            or payments
        )

    def _is_named_in(self, text):
        """Tell if a text names this payment, by one of the references that it has.

        :rtype: bool
        """
        tx = self.payment_transaction_id
        names = (self.name, self.payment_reference, tx.reference, tx.provider_reference)
        return any(name in (text or "") for name in names if name and name != "/")
