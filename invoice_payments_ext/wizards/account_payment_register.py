from odoo import models


class AccountPaymentRegister(models.TransientModel):
    _inherit = "account.payment.register"

    def _create_payments(self):
        """Spend no credit while an attempt may still bring the money."""
        if self.journal_id.is_credit_balance:
            self.line_ids.move_id._check_no_money_in_flight()
        return super()._create_payments()
