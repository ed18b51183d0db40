from odoo import fields, models


class AccountCollectionHalt(models.TransientModel):
    """The dialog that pauses or stops the collection of an invoice."""

    _name = "account.collection.halt"
    _inherit = "payment.dialog.mixin"
    _description = "Pause or Stop the Collection of an Invoice"

    move_id = fields.Many2one(
        string="Invoice", comodel_name="account.move", required=True, readonly=True
    )
    action = fields.Selection(
        selection=[("pause", "Pause"), ("stop", "Stop")], required=True, readonly=True
    )
    until = fields.Date(help="The day on which it goes on. Empty: a person resumes it.")
    reason = fields.Char()

    # === ACTION METHODS === #

    def action_halt(self):
        """Pause or stop the collection.

        :return: The action that closes the dialog.
        :rtype: dict
        """
        self.ensure_one()
        if self.action == "stop":
            self.move_id.stop_collection(
                self.reason, idempotency_key=self.idempotency_key
            )
        else:
            self.move_id.pause_collection(
                until=self.until,
                reason=self.reason,
                idempotency_key=self.idempotency_key,
            )
        return {"type": "ir.actions.act_window_close"}
