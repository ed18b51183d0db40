from odoo import api, models


class AccountPaymentApproval(models.Model):
    """A write-off in words for the person who approves it."""

    _inherit = "account.payment.approval"

    def _describe_write_off(self, arguments):
        """Say where the loss is booked."""
        account = self.env["account.account"].browse(arguments.get("account_id"))
        account = account.exists() or self.company_id.write_off_account_id
        return [
            account
            and self.env._(
                "It is booked to %s.",
                account.with_company(self.company_id).display_name,
            ),
            self._describe_date(arguments),
        ]

    @api.model
    def _get_written_off_beside_alone(self, giving):
        """Return what this user wrote off with payments, in Odoo's own dialog.

        :return: The amount in the company's currency.
        :rtype: float
        """
        return sum(
            self._convert_to_company(
                payment._get_written_off_beside(), payment.currency_id, giving.company
            )
            for payment in self._get_payments_by_hand(giving, "inbound")
            if not payment._is_with_discount()
        )
