from odoo import models


class AccountPartialReconcile(models.Model):
    """A payment is taken off an invoice, from its row in the Payments section."""

    _inherit = "account.partial.reconcile"

    # === ACTION METHODS === #

    def action_unmatch(self):
        """Undo these reconciliations, as Odoo's own list of payments does.

        :return: True
        :rtype: bool
        :raise AccessError: If the user has no right to record payments.
        """
        moves = (self.debit_move_id | self.credit_move_id).move_id
        moves._check_payment_rights()
        moves.filtered(lambda move: move.is_invoice(True))._lock_for_payment()
        self.unlink()
        moves.exists()._notify_payments_changed()
        return True
