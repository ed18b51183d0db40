from odoo import fields, models


class AccountPaymentTieOutAcceptance(models.Model):
    """A finding of the tie-out from before the installation that somebody accepted.

    Nobody changes or deletes it: who accepted which, when and why stays on record.
    """

    _name = "account.payment.tie.out.acceptance"
    _description = "Accepted Finding of the Tie-out"
    _rec_name = "name"
    _order = "id desc"

    invariant = fields.Char(required=True, readonly=True)
    label = fields.Char(string="Rule", readonly=True)
    name = fields.Char(string="Record", readonly=True)
    res_model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(
        model_field="res_model", required=True, readonly=True
    )
    company_id = fields.Many2one(
        comodel_name="res.company", readonly=True, ondelete="cascade"
    )
    expected = fields.Float(readonly=True, digits=False)
    found = fields.Float(readonly=True, digits=False)
    reason = fields.Text(required=True, readonly=True)

    _by_record = models.Index("(invariant, res_id)")
