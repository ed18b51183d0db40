from odoo import models
from odoo.exceptions import UserError


class AccountPaymentRegister(models.TransientModel):
    _inherit = "account.payment.register"

    def _create_payments(self):
        """Spend no credit while an attempt may still bring the money."""
        if self.journal_id.is_credit_balance:
            self.line_ids.move_id._check_no_money_in_flight()
        return super()._create_payments()

    def _init_payments(self, to_process, edit_mode=False):
        """Spend no credit on entries in another currency."""
        of_credit = to_process if self.journal_id.is_credit_balance else []
        for each in of_credit:
            currency = each["to_reconcile"].currency_id
            if each["create_vals"]["currency_id"] != currency.id:
                raise UserError(
                    self.env._(
                        "Credit pays only amounts in its own currency: %s.",
                        ", ".join(currency.mapped("name")),
                    )
                )
        return super()._init_payments(to_process, edit_mode=edit_mode)
