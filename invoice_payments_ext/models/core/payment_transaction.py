from odoo import fields, models

from .told_later import ToldLater


class PaymentTransaction(models.Model):
    """Attempts, which nobody but superuser code creates, writes and deletes."""

    _name = "payment.transaction"
    _inherit = ["payment.seal.mixin", "payment.transaction"]

    # === BUSINESS METHODS - HELPERS === #

    def _wake_schedule(self, xmlid, at=None):
        """Let a schedule run soon, or at a time.

        Whoever works on many holds the first back: see `ToldLater`.

        :param str xmlid: The external id of the scheduled action.
        :param datetime.datetime at: The time, in UTC; as soon as it can if not given.
        """
        later = self.env.context.get("forms_told_later")
        if not at and isinstance(later, ToldLater):
            later.schedules.add(xmlid)
            return
        if known := self.env["ir.model.data"]._xmlid_to_res_id(xmlid):
            # As `_trigger` does it, without reading the action: each job wakes it.
            triggers = self.env["ir.cron.trigger"].sudo()
            triggers.create({"cron_id": known, "call_at": at or fields.Datetime.now()})
            if not at:
                self.env.cr.postcommit.add(self.env["ir.cron"]._notifydb)
