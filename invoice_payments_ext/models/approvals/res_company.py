from contextlib import contextmanager

from odoo import models

from ...optional_monetary import OptionalMonetary


class ResCompany(models.Model):
    """The limit of a company above which a second person approves."""

    _inherit = "res.company"

    payment_approval_limit = OptionalMonetary(
        string="Approval Limit",
        groups="account.group_account_invoice,account.group_account_readonly,"
        "base.group_system",
        help="A refund, credit note, write-off, pay-out or addition of credit above "
        "this amount waits for a second person. Zero: each of them waits. Empty: none "
        "waits.",
    )

    _payment_approval_limit_positive = models.Constraint(
        "CHECK(payment_approval_limit >= 0)",
        "The approval limit cannot be negative. Zero means that a second person is "
        "always needed.",
    )

    # === BUSINESS METHODS === #

    @contextmanager
    def _changing_approval_limit(self, vals):
        """Note who changed the limit, with the old and the new one."""
        if "payment_approval_limit" not in vals:
            yield
            return
        companies = self.sudo()  # The note is for whoever may read the company.
        before = {company: company._describe_approval_limit() for company in companies}
        yield
        for company in companies:
            after = company._describe_approval_limit()
            if before[company] != after:
                company._message_log(
                    body=self.env._(
                        "Approval limit changed from %(before)s to %(after)s.",
                        before=before[company],
                        after=after,
                    )
                )

    # === GETTERS === #

    def _describe_approval_limit(self):
        """Return the approval limit in words.

        :rtype: str
        """
        self.ensure_one()
        limit = self.payment_approval_limit
        if limit is None:
            return self.env._("empty (no second person)")
        if self.currency_id.is_zero(limit):
            return self.env._("%s (always)", self.currency_id.format(limit))
        return self.currency_id.format(limit)
