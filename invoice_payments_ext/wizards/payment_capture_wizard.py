from odoo import models


class PaymentCaptureWizard(models.TransientModel):
    _inherit = "payment.capture.wizard"

    def action_capture(self):
        """Let only those capture who may: any employee may open this dialog."""
        self.transaction_ids._check_capture_or_void()
        return super().action_capture()
