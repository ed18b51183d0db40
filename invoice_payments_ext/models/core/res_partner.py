from odoo import models

from ...tools import OURS


class ResPartner(models.Model):
    """The rank of customers, left alone while a payment is booked lean."""

    _inherit = "res.partner"

    def _increase_rank(self, field, n=1):
        """Leave a customer's rank as it is for the payment of an invoice that counted.

        Stock counts it once more, in a database transaction of its own that takes
        twenty queries and locks the contact. The rank is not tracked, but Odoo would
        read each contact for the fields that are.
        """
        self = self.with_context(tracking_disable=True)
        if self.env.context.get("nothing_reconciled_yet") is OURS:
            self = self.filtered(lambda partner: not partner.sudo()[field])
        return super()._increase_rank(field, n)
