from odoo import models

from .overload import Overload

# The schedule decides itself when an automatic charge is made again.
KINDS_THAT_TRY_AGAIN = ("charge", "retry", "issue")


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

    def _was_not_carried_out(self):
        """Tell if nothing was carried out of this attempt, so that another may follow.

        Note: `self.ensure_one()`

        :rtype: bool
        """
        self.ensure_one()
        return self.outcome == "failed" and self.request_state == "not_sent"

    def _let_lines_try_again(self):
        """Let the lines of runs that ended with this lost attempt go on."""
        lines = self.env["account.charge.run.line"].sudo()
        domain = [("transaction_id", "in", self.ids), ("state", "=", "attempted")]
        for line in lines.search(domain):
            if line.run_id.kind in KINDS_THAT_TRY_AGAIN:
                line._follow_lost_attempt()
