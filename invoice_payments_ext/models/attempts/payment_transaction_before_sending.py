from odoo import models
from odoo.exceptions import UserError

# What is done before an attempt is sent, in steps of its own. Each method raises a
# `UserError` if it must not be sent.
BEFORE_SENDING_METHODS = ("_end_earlier_attempts",)


class PaymentTransaction(models.Model):
    """What comes before a prepared attempt is sent."""

    _inherit = "payment.transaction"

    def _may_be_sent(self):
        """Do what comes before sending; an attempt that must not be sent has failed.

        :rtype: bool
        """
        if self.request_state != "ready" or self.state != "draft":
            return False
        try:
            for name in BEFORE_SENDING_METHODS:
                getattr(self, name)()
        except UserError as error:
            reason = str(error)  # The name is gone after the block.
            self._in_step("sent", lambda: self._mark_not_sent(reason))
            return False
        return True

    def _mark_not_sent(self, reason):
        """Store that this attempt is not sent, unless somebody sends it."""
        if (
            self.try_lock_for_update(allow_referencing=True)
            and self.request_state == "ready"
        ):
            self._set_error(reason)
            self.request_state = "not_sent"
