from odoo import api, fields, models


class ResPartnerSetAutoPay(models.TransientModel):
    """The dialog in which the staff notes a customer's permission."""

    _name = "res.partner.set.auto.pay"
    _inherit = "payment.dialog.mixin"
    _description = "Note the Permission of Automatic Charges"

    partner_id = fields.Many2one(
        string="Customer", comodel_name="res.partner", required=True, readonly=True
    )
    company_id = fields.Many2one(
        comodel_name="res.company",
        default=lambda self: self.env.company,
        required=True,
        readonly=True,
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    is_on = fields.Selection(
        string="Auto-Pay",
        selection=[("on", "On"), ("off", "Off")],
        default="on",
        required=True,
    )
    limit = fields.Monetary(
        string="Largest Automatic Charge",
        help="A larger amount is not charged automatically. Zero: there is no limit.",
    )
    notice_days = fields.Integer(
        string="Days of Notice",
        help="How many days before a debit the customer is told, where fewer than the "
        "method's were agreed. Zero: as many as the payment method asks for.",
    )
    note = fields.Char(
        string="How the Customer Agreed",
        help="It is kept with the date and your name.",
    )

    # === DEFAULT METHODS === #

    @api.model
    def default_get(self, fields):
        """Begin with the permission as it is."""
        values = super().default_get(fields)
        partner = self.env["res.partner"].browse(values.get("partner_id"))
        if row := partner.auto_pay_id:
            values |= {
                "is_on": "off" if row.state == "on" else "on",
                "limit": row.limit or 0.0,
                "notice_days": row.notice_days,
            }
        return values

    # === ACTION METHODS === #

    def action_set(self):
        """Note the permission.

        :return: The action that closes the dialog.
        :rtype: dict
        """
        self.ensure_one()
        is_on = self.is_on == "on"
        self.partner_id.set_auto_pay(
            is_on,
            note=self.note,
            limit=self.limit if is_on and self.limit else None,
            notice_days=self.notice_days if is_on else None,
            company_id=self.company_id.id,
            idempotency_key=self.idempotency_key,
        )
        return {"type": "ir.actions.act_window_close"}
