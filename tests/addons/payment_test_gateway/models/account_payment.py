from odoo import models

from ..fault_points import pass_point


class AccountPayment(models.Model):
    _inherit = "account.payment"

    def action_post(self):
        """Override of `account` to fail around the commit of posted payments."""
        result = super().action_post()
        cr = self.env.cr
        cr.precommit.add(lambda: pass_point(cr, "before-booked"))
        cr.postcommit.add(lambda: pass_point(cr, "after-booked"))
        return result
