from odoo import models


class AccountMove(models.Model):
    """One dialog behind all buttons: Odoo's *Pay* opens that of this addon."""

    _inherit = "account.move"

    # === ACTION METHODS === #

    def action_force_register_payment(self):
        """Open this addon's dialog from *Pay*, for the invoices that it can collect.

        Odoo's own one stays for all others: for bills, credit notes, several customers
        and for the entry *Pay* in the menu *Actions*.

        :rtype: dict
        """
        if self.env.context.get("pay_in_one_dialog") and self._are_collected_here():
            if len(self) == 1:
                return self.action_create_payment()
            return self.action_record_joint_payment()
        return super().action_force_register_payment()

    # === GETTERS === #

    def _are_collected_here(self):
        """Tell if a dialog of this addon can collect all of these at once.

        :rtype: bool
        """
        return (
            bool(self)
            and all(
                move.move_type == "out_invoice"
                and move.state == "posted"
                and not move.currency_id.is_zero(move.amount_residual)
                for move in self
            )
            and not self._get_not_joint_reason()
        )
