from odoo import fields, models
from odoo.tools import format_date


class PaymentProvider(models.Model):
    """Whether money that a provider brings can be booked, asked before it moves."""

    _inherit = "payment.provider"

    def _get_unbookable_reason(self, company, accounts, journal=None):
        """Say why money through this provider could not be booked; empty if it can.

        Note: `self.ensure_one()`; to be called in superuser mode.

        :param res.company company: The company of the payment.
        :param account.account accounts: The accounts of the customer's debt.
        :param account.journal journal: The journal; the provider's if not given.
        :rtype: str
        """
        self.ensure_one()
        journal = journal or self.journal_id
        if journal and not journal.active:
            return self.env._(
                "It could not be booked: the journal %s is archived.", journal.name
            )
        method_lines = journal.inbound_payment_method_line_ids.filtered(
            lambda line: line.payment_provider_id == self
        )
        accounts |= method_lines.payment_account_id
        for account in accounts.with_company(company):
            if not account.active:
                return self.env._(
                    "It could not be booked: the account %s is archived.",
                    account.display_name,
                )
        closed = company.user_hard_lock_date  # Other locks can be lifted.
        if closed >= fields.Date.context_today(self):
            return self.env._(
                "It could not be booked: the books are closed up to %s.",
                format_date(self.env, closed),
            )
        return ""
