from odoo import api, fields, models
from odoo.tools import format_date


class AccountPaymentApproval(models.Model):
    """The details of a request, in words for the approver."""

    _inherit = "account.payment.approval"

    details = fields.Text(compute="_compute_details")

    @api.depends("kind", "arguments")
    def _compute_details(self):
        for request in self:
            # In superuser mode: the names here are not secret to an approver.
            lines = getattr(request.sudo(), f"_describe_{request.kind}")(
                request.arguments or {}
            )
            request.details = "\n".join(filter(None, lines))

    def _describe_destination(self, values):
        """Say where money goes."""
        payment = self.env["account.payment"].browse(values.get("payment_id")).exists()
        if values.get("to") == "original":
            return self.env._(
                "Back to the original method, through its gateway. %s",
                payment.display_name or "",
            ).strip()
        if values.get("to") == "credit":
            return self.env._("Kept on the customer's credit balance.")
        if values.get("to") == "refund":
            return self.env._("Given back already by %s.", payment.display_name)
        journal = self.env["account.journal"].browse(values.get("journal_id")).exists()
        return self.env._(
            "Outside the gateway, from %(journal)s. %(facts)s",
            journal=journal.display_name or self.env._("the first bank journal"),
            facts=" ".join(
                filter(None, [self._describe_date(values), values.get("reference")])
            ),
        ).strip()

    def _describe_date(self, values):
        """Say of which day it is, where somebody chose one."""
        if not values.get("date"):
            return ""
        return self.env._(
            "Date: %s.", format_date(self.env, fields.Date.to_date(values["date"]))
        )
