from odoo import models

from .overload import Overload


class PaymentTransaction(models.Model):
    """An attempt that tells the run it stands in how busy its provider is."""

    _inherit = "payment.transaction"

    def _note_overload(self, error):
        """Note an error of the HTTP client for the line that is worked on.

        :param requests.exceptions.RequestException error: The error; None if another
                                                           one was raised.
        """
        overload = self.env.context.get("charge_run_overload")
        if isinstance(overload, Overload) and error is not None:
            overload.see(error)
