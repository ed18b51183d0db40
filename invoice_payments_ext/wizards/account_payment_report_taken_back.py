from odoo import api, fields, models

from ..models.taken_back.reversal_states import KINDS
from ..tools import prepare_notification


class AccountPaymentReportTakenBack(models.TransientModel):
    """The dialog that reports by hand that money of a payment was taken back."""

    _name = "account.payment.report.taken.back"
    _inherit = "payment.dialog.mixin"
    _description = "Report a Payment Taken Back"

    payment_id = fields.Many2one(
        comodel_name="account.payment", required=True, readonly=True
    )
    currency_id = fields.Many2one(related="payment_id.currency_id")
    takeable_amount = fields.Monetary(compute="_compute_takeable_amount")
    kind = fields.Selection(
        selection=list(KINDS.items()), default="returned_debit", required=True
    )
    amount = fields.Monetary(
        compute="_compute_amount",
        store=True,
        precompute=True,
        readonly=False,
        required=True,
    )
    date = fields.Date(
        string="Date taken back", default=fields.Date.context_today, required=True
    )
    reason_code = fields.Char()
    provider_reference = fields.Char(string="Reference")
    fee = fields.Monetary()
    is_parked = fields.Boolean(compute="_compute_is_parked")

    # === COMPUTE METHODS === #

    @api.depends("payment_id")
    def _compute_takeable_amount(self):
        for dialog in self:
            dialog.takeable_amount = dialog.payment_id._get_takeable_amount()

    @api.depends("payment_id")
    def _compute_amount(self):
        """Begin with the amount that the bank took, if a statement line says it."""
        for dialog in self:
            untold = dialog.payment_id.sudo()._get_untold_taken_back()
            dialog.amount = max(untold, 0.0) or dialog.takeable_amount

    @api.depends("payment_id", "kind")
    def _compute_is_parked(self):
        for dialog in self:
            company = dialog.payment_id.company_id.sudo()
            dialog.is_parked = (
                dialog.kind == "dispute" and company.dispute_handling == "park"
            )

    # === ACTION METHODS === #

    def action_report(self):
        """Report it and tell that it was done.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        reversal = self.payment_id.report_taken_back(
            self.kind,
            amount=self.amount,
            date=self.date,
            reason_code=self.reason_code,
            fee=self.fee or None,
            provider_reference=self.provider_reference,
            idempotency_key=self.idempotency_key,
        )
        return prepare_notification(
            self.env._("Taken back"),
            self.env._(
                "%(amount)s of %(payment)s was recorded as %(name)s.",
                amount=self.currency_id.format(reversal.amount),
                payment=self.payment_id.name,
                name=reversal.display_name,
            ),
        )
