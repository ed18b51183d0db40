from odoo import fields, models


class PaymentGatewayDay(models.Model):
    """The sums of a day, at the provider and in the books."""

    _name = "payment.gateway.day"
    _description = "Day at a Provider"
    _order = "date, currency_id"
    _rec_name = "date"

    check_id = fields.Many2one(
        comodel_name="payment.gateway.check",
        required=True,
        ondelete="cascade",
        index=True,
    )
    company_id = fields.Many2one(related="check_id.company_id", store=True)
    date = fields.Date(
        required=True,
        help="As the provider counts days, else in the time zone of the company.",
    )
    currency_id = fields.Many2one(comodel_name="res.currency", required=True)
    moved = fields.Monetary(
        string="At the provider",
        help="Payments, less refunds and the money that was taken back.",
    )
    booked = fields.Monetary(string="In the books")
    difference = fields.Monetary()
