from odoo import api, fields, models

from ..tools import OURS


class ResPartner(models.Model):
    _inherit = "res.partner"

    default_payment_token_id = fields.Many2one(
        string="Default Payment Method",
        comodel_name="payment.token",
        company_dependent=True,
        copy=False,
        groups="invoice_payments_ext.group_payment_record",
        domain="[('id', 'in', selectable_payment_token_ids)]",
        help="The saved payment method that this customer's invoices are charged to if "
        "no other is chosen.",
    )
    selectable_payment_token_ids = fields.Many2many(
        comodel_name="payment.token",
        compute="_compute_selectable_payment_token_ids",
        groups="invoice_payments_ext.group_payment_record",
    )

    @api.depends("payment_token_ids", "commercial_partner_id.payment_token_ids")
    @api.depends_context("company")
    def _compute_selectable_payment_token_ids(self):
        """List the saved methods of the customer that this company uses."""
        for partner in self:
            tokens = partner.payment_token_ids
            tokens |= partner.commercial_partner_id.payment_token_ids
            partner.selectable_payment_token_ids = tokens.filtered(
                lambda token: (
                    token.active
                    and token.company_id in self.env.company.sudo().parent_ids
                )
            )

    def _increase_rank(self, field, n=1):
        """Leave a customer's rank as it is for the payment of an invoice that counted.

        Stock counts it once more, in a database transaction of its own that takes
        twenty queries and locks the contact.
        """
        if self.env.context.get("nothing_reconciled_yet") is OURS:
            self = self.filtered(lambda partner: not partner.sudo()[field])
        return super()._increase_rank(field, n)
