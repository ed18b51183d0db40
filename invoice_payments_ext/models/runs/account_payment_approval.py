from odoo import api, fields, models

from ..approvals.account_payment_approval_limit import TOGETHER


class AccountPaymentApproval(models.Model):
    """A run above the limit that waits for a second person."""

    _inherit = "account.payment.approval"

    kind = fields.Selection(
        selection_add=[("charge_run", "Charge Run")],
        ondelete={"charge_run": "cascade"},
    )
    run_id = fields.Many2one(
        string="Charge Run",
        comodel_name="account.charge.run",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
        help="The run that is to be confirmed.",
    )
    result = fields.Reference(selection_add=[("account.charge.run", "Charge Run")])

    # === BUSINESS METHODS === #

    def _decide(self, state, message, **values):
        """Let a run that is not approved be a proposal again."""
        if state != "approved" and self.kind == "charge_run":
            self.run_id.sudo().state = "draft"
        return super()._decide(state, message, **values)

    @api.model
    def _get_given(self, giving, kind, arguments, amount):
        """Count the runs together that one person confirmed alone."""
        if kind != "charge_run":
            return super()._get_given(giving, kind, arguments, amount)
        return amount + self._get_run_alone(giving)

    @api.model
    def _get_run_alone(self, giving):
        """Return the amount of the runs that this user confirmed lately, alone.

        :param Giving giving: The run that is to be confirmed.
        :return: The amount in the company's currency.
        :rtype: float
        """
        approved = self.sudo().search(
            [("kind", "=", "charge_run"), ("state", "=", "approved")]
        )
        runs = giving.record.sudo().search(
            [
                ("company_id", "=", giving.company.id),
                ("user_id", "=", self.env.uid),
                ("kind", "not in", ("automatic", "external")),
                ("confirmed_on", ">=", fields.Datetime.now() - TOGETHER),
                ("id", "not in", [giving.record.id, *approved.run_id.ids]),
            ]
        )
        return sum(run._get_company_amount(run._get_lines_to_charge()) for run in runs)
