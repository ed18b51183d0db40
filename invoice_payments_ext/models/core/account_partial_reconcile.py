from odoo import api, models

# The methods that rooms call on entries of which something was matched. They are
# methods of `account.move`, and get the new matches.
AFTER_MATCHING = ("_close_met_announcements", "_offer_taken_back_by_bank")


class AccountPartialReconcile(models.Model):
    """Matching numbers, also right for entries that were matched before.

    Odoo takes the number off journal items by the ORM, and sets it by SQL. If entries
    were undone and reconciled again in one request, the pending change was written over
    the number: a payment given back in part counted as fully reconciled with its
    refund, without the open invoice that the rest of it pays.
    """

    _name = "account.partial.reconcile"
    _inherit = ["payment.seal.mixin", "account.partial.reconcile"]

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        partials = super().create(vals_list)
        for name in AFTER_MATCHING:
            getattr(partials.debit_move_id.move_id, name)(partials)
        return partials

    # === BUSINESS METHODS === #

    @api.model
    def _update_matching_number(self, amls):
        self.env["account.move.line"].flush_model(["matching_number"])
        # Nothing depends on the number: the entry need not be checked or completed.
        amls = amls.with_context(
            skip_invoice_sync=True, check_move_validity=False, tracking_disable=True
        )
        return super()._update_matching_number(amls)
