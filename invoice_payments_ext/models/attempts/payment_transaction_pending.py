from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain

from ..states import PENDING_OUTCOMES


class PaymentTransaction(models.Model):
    """Attempts that are pending for longer than their method usually takes."""

    _inherit = "payment.transaction"

    is_pending_too_long = fields.Boolean(
        compute="_compute_is_pending_too_long",
        search="_search_is_pending_too_long",
        help="Whether this is pending, or announced, for longer than its payment "
        "method usually takes.",
    )

    # === COMPUTE METHODS === #

    @api.depends("outcome", "last_state_change", "payment_method_id.pending_days")
    def _compute_is_pending_too_long(self):
        now = fields.Datetime.now()
        for tx in self:
            since = tx.last_state_change or tx.create_date or now
            days = tx.sudo().payment_method_id.pending_days
            tx.is_pending_too_long = (
                tx.outcome in PENDING_OUTCOMES and since < now - timedelta(days=days)
            )

    def _search_is_pending_too_long(self, operator, value):
        if operator != "in":
            return NotImplemented
        methods_sudo = self.env["payment.method"].sudo().with_context(active_test=False)
        now = fields.Datetime.now()
        return Domain("outcome", "in", PENDING_OUTCOMES) & Domain.OR(
            Domain("payment_method_id", "in", ids)
            & Domain("last_state_change", "<", now - timedelta(days=days))
            for days, ids in methods_sudo._read_group(
                [], ["pending_days"], ["id:array_agg"]
            )
        )
