from odoo import models

from .account_collection_events import POSTING_REASONS


class AccountMove(models.Model):
    """Events on invoices that their collection follows."""

    _inherit = "account.move"

    # === BUSINESS METHODS === #

    def _follow_collection_change(self, vals):
        """Stop the collection of entries that are not posted any more, right at once.

        New dates are followed too, and an invoice that is charged automatically again.
        """
        rows = self._get_collections(self)
        if not rows:
            return
        if vals.get("state", "posted") != "posted":
            is_cancelled = vals["state"] == "cancel"
            rows.filtered(
                lambda row: (
                    row.state in ("running", "exhausted", "done")
                    or row.wait_reason in POSTING_REASONS
                )
            )._halt(
                "cancelled" if is_cancelled else "not_posted",
                self.env._("The invoice was cancelled.")
                if is_cancelled
                else self.env._("The invoice was reset to draft."),
            )
        elif "auto_pay_excluded" in vals:
            waiting = rows.filtered(lambda row: row.wait_reason == "excluded")
            waiting._charge_again()
            (rows - waiting)._look_again()
        elif "invoice_date_due" in vals:
            rows._look_again()

    def _follow_matching(self, _partials):
        """Follow the match of these with a payment, credit or a credit note."""
        self._get_collections(self)._follow_amounts()

    def _notify_payments_changed(self):
        """Let the schedule look at invoices whose payments changed."""
        result = super()._notify_payments_changed()
        self._get_collections(self)._look_again()
        return result
