from odoo import fields, models

from ..attempts.gateway_answer import NotSentError
from ..states import UNSUCCESSFUL_OUTCOMES
from .decision import Question
from .reasons import REASONS


class PaymentTransaction(models.Model):
    """Attempts that nobody started by hand."""

    _inherit = "payment.transaction"

    is_automatic = fields.Boolean(
        string="Automatic",
        readonly=True,
        copy=False,
        help="Started by the schedule, with the customer's permission.",
    )
    collection_id = fields.Many2one(
        comodel_name="account.collection",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )

    def _note_token_expiry(self, payment_data):
        """Let a decline count that is itself about the renewed method."""
        result = super()._note_token_expiry(payment_data)
        token = self.token_id
        if self.state == "error" and token.renewed_on:
            token.renewed_on = min(token.renewed_on, self.create_date)
        return result

    def _was_lost_before_sending(self):
        """Tell if this attempt ended and never left: the server died meanwhile.

        Note: `self.ensure_one()`

        :rtype: bool
        """
        self.ensure_one()
        return not self.request_sent_on and self.outcome in UNSUCCESSFUL_OUTCOMES

    def _check_auto_pay_still_on(self):
        """Check that an automatic charge is still permitted.

        :raise NotSentError: If the permission was taken back in the meantime.
        """
        if not self.is_automatic or self._get_request_kind() != "charge":
            return
        # Switched off while it was prepared: the values of now count.
        invoice = self.charge_invoice_id
        _code, refusal = invoice._get_auto_pay_refusal(self.amount)
        row = invoice._get_collections(invoice)
        if not refusal and row.state in ("paused", "stopped"):
            refusal = row._describe_halt() or self.env._(REASONS[row.state].label)
        if not refusal:
            verdicts = invoice._judge_promises(Question(is_automatic=True))
            refusal = "".join(verdict.words for verdict in verdicts.values())
        if refusal:
            raise NotSentError(refusal)
