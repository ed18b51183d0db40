from odoo import models


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
