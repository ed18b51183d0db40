from odoo import api, models

from ..states import POSTED_STATES


class AccountPaymentApproval(models.Model):
    """A pay-out of credit in words for the person who approves it, and its limit."""

    _inherit = "account.payment.approval"

    def _describe_pay_out(self, arguments):
        """Say where the money goes."""
        to = "original" if arguments.get("payment_id") else "outside"
        return [self._describe_destination({**arguments, "to": to})]

    # === GETTERS === #

    @api.model
    def _get_paid_out_alone(self, balance):
        """Return the amount that this user paid out of a credit balance."""
        mine_sudo = (
            self.env["account.credit.balance.entry"]
            .sudo()
            .search(
                [
                    ("balance_id", "=", balance.id),
                    ("entry_type", "=", "paid_out"),
                    ("user_id", "=", self.env.uid),
                ]
            )
        )
        approved = self.sudo().search(
            [
                ("balance_id", "=", balance.id),
                ("decided_by_id", "=", self.env.uid),
                ("state", "=", "approved"),
            ]
        )
        taken = mine_sudo.move_id.origin_payment_id.filtered(
            lambda payment: payment.state in POSTED_STATES
        )
        for request in approved:
            result = request.result
            taken -= (
                result.source_payment_id
                if result._name == "account.payment"
                else result.refund_credit_payment_id
            )
        # An amount that was not paid out in the end is back on the balance.
        returned = taken.refund_payment_ids.filtered(
            lambda payment: (
                payment.state in POSTED_STATES
                and payment.journal_id == payment.source_payment_id.journal_id
            )
        )
        return self._convert_to_company(
            sum(taken.mapped("amount")) - sum(returned.mapped("amount")),
            balance.currency_id,
            balance.company_id.sudo(),
        )
