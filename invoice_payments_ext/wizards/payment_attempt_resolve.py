from odoo import api, fields, models


class PaymentAttemptResolve(models.TransientModel):
    """The dialog in which a person says the outcome of an unknown attempt."""

    _name = "payment.attempt.resolve"
    _inherit = "payment.dialog.mixin"
    _description = "Resolve Payment Attempt"

    transaction_id = fields.Many2one(
        string="Attempt",
        comodel_name="payment.transaction",
        required=True,
        readonly=True,
    )
    amount = fields.Monetary(
        string="Amount that moved",
        compute="_compute_amount",
        store=True,
        readonly=False,
        help="The provider named it, or it is the amount that was asked for. The "
        "amount that is entered here is booked.",
    )
    currency_id = fields.Many2one(related="transaction_id.currency_id")
    provider_name = fields.Char(
        string="Provider", related="transaction_id.provider_id.name", related_sudo=True
    )
    outcome = fields.Selection(related="transaction_id.outcome")
    request_kind = fields.Selection(related="transaction_id.request_kind")
    state_message = fields.Text(
        string="What happened", related="transaction_id.state_message"
    )
    provider_word = fields.Char(related="transaction_id.provider_word")
    asked_on = fields.Datetime(related="transaction_id.asked_on")
    reason = fields.Char(
        string="How do you know?",
        help="For instance: seen in the provider's dashboard. Kept on the invoice. It "
        "is required when you confirm, and not when you only ask the provider.",
    )

    @api.depends("transaction_id")
    def _compute_amount(self):
        for dialog in self:
            attempt = dialog.transaction_id
            # That of a refund is below zero.
            dialog.amount = attempt.reported_amount or abs(attempt.amount)

    def action_ask(self):
        """Ask the provider again: its word counts where it knows the outcome.

        :return: The notification of the outcome, or this dialog with its words.
        :rtype: dict
        """
        self.ensure_one()
        attempt = self.transaction_id
        attempt._check_attempt_rights()
        # In superuser mode: providers are not the staff's.
        if attempt.sudo()._ask_for_person():
            return attempt._get_outcome_notification()
        return {**attempt.action_resolve(), "res_id": self.id}

    def action_confirm_charged(self):
        """Book the attempt, as the gateway did charge it."""
        return self._resolve(True)

    def action_confirm_not_charged(self):
        """Give the invoice free for another attempt."""
        return self._resolve(False)

    def _resolve(self, charged):
        self.ensure_one()
        attempt = self.transaction_id.resolve(
            charged,
            self.reason,
            amount=self.amount if charged else None,
            idempotency_key=self.idempotency_key,
        )
        return attempt._get_outcome_notification()
