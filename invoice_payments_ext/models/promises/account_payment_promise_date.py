from odoo import fields, models


class AccountPaymentPromiseDate(models.Model):
    """One day that was promised: the first, and each to which it was moved."""

    _name = "account.payment.promise.date"
    _description = "Promised Day"
    _order = "id"
    _rec_name = "date"

    promise_id = fields.Many2one(
        comodel_name="account.payment.promise",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    date = fields.Date(string="Promised Day", required=True, readonly=True)
    set_on = fields.Datetime(
        string="Said On", required=True, readonly=True, default=fields.Datetime.now
    )
    user_id = fields.Many2one(
        string="Recorded By",
        comodel_name="res.users",
        required=True,
        readonly=True,
        default=lambda self: self.env.uid,
    )
    note = fields.Char(readonly=True)
