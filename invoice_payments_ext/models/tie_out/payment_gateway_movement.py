from odoo import fields, models


class PaymentGatewayMovement(models.Model):
    """A charge or refund as the provider lists it, held against the books once."""

    _name = "payment.gateway.movement"
    _description = "Movement at a Provider"
    _order = "date, id"
    _rec_name = "reference"

    check_id = fields.Many2one(
        comodel_name="payment.gateway.check",
        required=True,
        ondelete="cascade",
        index=True,
    )
    company_id = fields.Many2one(related="check_id.company_id", store=True)
    reference = fields.Char(string="Provider's Id", required=True)
    own_reference = fields.Char(string="Our Reference")
    date = fields.Datetime()
    currency_id = fields.Many2one(comodel_name="res.currency", required=True)
    amount = fields.Monetary(help="Below zero for a refund.")
    state = fields.Char(help="In the words of the provider.")

    _once_per_check = models.UniqueIndex(
        "(check_id, reference)", "The movement is listed already."
    )


class PaymentGatewayFinding(models.Model):
    """A difference between the movement at a provider and the books."""

    _name = "payment.gateway.finding"
    _description = "Difference to a Provider"
    _order = "date, id"
    _rec_name = "reference"

    company_id = fields.Many2one(related="check_id.company_id", store=True)
    check_id = fields.Many2one(
        comodel_name="payment.gateway.check",
        required=True,
        ondelete="cascade",
        index=True,
    )
    kind = fields.Selection(
        selection=[
            ("missing_here", "Missing in the books"),
            ("missing_there", "Missing at the provider"),
            ("amount", "Another amount"),
            ("state", "Another state"),
        ],
        required=True,
    )
    reference = fields.Char(string="Provider's Id")
    transaction_id = fields.Many2one(
        string="Attempt",
        comodel_name="payment.transaction",
        ondelete="set null",
        index="btree_not_null",
    )
    date = fields.Datetime()
    currency_id = fields.Many2one(comodel_name="res.currency")
    moved = fields.Monetary(string="At the provider")
    booked = fields.Monetary(string="In the books")
    state = fields.Char(string="Provider's State")

    def action_open_attempt(self):
        """Return the form of the attempt, where a person puts it right.

        :rtype: dict
        """
        self.ensure_one()
        return self.transaction_id.action_open_transaction()
