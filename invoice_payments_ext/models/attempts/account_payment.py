from odoo import fields, models


class AccountPayment(models.Model):
    """Payments of Odoo's own dialog, kept from charging twice."""

    _inherit = "account.payment"

    announced_transaction_id = fields.Many2one(
        string="Stands for",
        comodel_name="payment.transaction",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The announced payment whose money this is. If its provider confirms it "
        "later, it is not booked once more.",
    )

    # === BUSINESS METHODS === #

    def _prepare_payment_transaction_vals(self, **extra_create_values):
        """Keep Odoo's own dialog from charging an amount twice."""
        values = super()._prepare_payment_transaction_vals(**extra_create_values)
        invoices = self.env["account.move"].browse(
            self.env["payment.transaction"]
            ._fields["invoice_ids"]
            .convert_to_cache(
                values.get("invoice_ids", []), self.env["payment.transaction"]
            )
        )
        invoices._check_no_blocking_attempt()
        return values
