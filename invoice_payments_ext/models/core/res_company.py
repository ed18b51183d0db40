from contextlib import ExitStack
from zoneinfo import ZoneInfo

from odoo import fields, models

from ...tools import SELDOM_READ

# The work of rooms around a change of a company: each is a context manager.
AROUND_COMPANY_CHANGE = ("_changing_credit_settings", "_changing_approval_limit")

# The settings of rooms that branches share with their main company.
SHARED_WITH_BRANCHES = (
    "write_off_account_id",
    "payment_approval_limit",
    "credit_balance_account_id",
    "credit_balance_journal_id",
    "credit_adjustment_account_id",
    "credit_accounts_confirmed",
    "credit_applied_at_issue",
    "dispute_handling",
    "disputed_payments_account_id",
    "provider_fee_account_id",
)


class ResCompany(models.Model):
    """The settings that branches share with their main company."""

    _inherit = "res.company"

    payment_tell_customer = fields.Boolean(
        prefetch=SELDOM_READ,
        string="Tell the Customer",
        default=True,
        tracking=True,
        help="Whether customers are mailed when the staff charges, retries or refunds. "
        "It can be chosen otherwise each time.",
    )

    # === CRUD METHODS === #

    def write(self, vals):
        with ExitStack() as rooms:
            for name in AROUND_COMPANY_CHANGE:
                rooms.enter_context(getattr(self, name)(vals))
            return super().write(vals)

    # === BUSINESS METHODS === #

    def _get_company_root_delegated_field_names(self):
        """Let branches share these: a limit could be evaded in one without."""
        names = super()._get_company_root_delegated_field_names()
        return [*names, *SHARED_WITH_BRANCHES]

    # === GETTERS === #

    def _tells_customer(self, notify):
        """Tell if the customer is mailed about a payment that the staff starts.

        :param bool notify: The choice of the person; none for that of the company.
        :rtype: bool
        """
        self.ensure_one()
        return self.sudo().payment_tell_customer if notify is None else notify

    def _get_own_zone(self):
        """Return the time zone of this company: that of its contact.

        :rtype: zoneinfo.ZoneInfo
        """
        self.ensure_one()
        return ZoneInfo(self.sudo().partner_id.tz or "UTC")

    def _get_own_today(self):
        """Return the day that it is for this company, by its own clock.

        :rtype: datetime.date
        """
        here = self.with_context(tz=self._get_own_zone().key)
        return fields.Datetime.context_timestamp(here, fields.Datetime.now()).date()
