from markupsafe import Markup

from odoo import api, models
from odoo.exceptions import AccessError

from ...tools import OURS

# The methods that rooms call on entries of which something was matched. They are
# methods of `account.move`, and get the new matches.
AFTER_MATCHING = (
    "_close_met_announcements",
    "_offer_taken_back_by_bank",
    "_offer_taken_back_of_receipts",
    "_recheck_promises",
    "_follow_matching",
    "_end_matched_tasks",
)
# And on the entries whose matching was undone.
AFTER_UNMATCHING = ("_recheck_promises", "_follow_unmatching")


class AccountPartialReconcile(models.Model):
    """Matching numbers, also right for entries that were matched before.

    Odoo takes the number off journal items by the ORM, and sets it by SQL. If entries
    were undone and reconciled again in one request, the pending change was written over
    the number: a payment given back in part counted as fully reconciled with its
    refund, without the open invoice that the rest of it pays.
    """

    _name = "account.partial.reconcile"
    _inherit = ["payment.seal.mixin", "account.partial.reconcile"]

    # === CHECK METHODS === #

    def _check_level(self):
        """Check that the user may say what pays the debts of customers.

        A plain entry and this would record a payment without the level for it.

        :raise AccessError: If the user is not of the level *Record and charge*.
        """
        if self.env.su:
            return
        accounts = (self.debit_move_id | self.credit_move_id).account_id
        if "asset_receivable" in accounts.mapped("account_type"):
            self.env["account.move"]._check_payment_rights()

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Take amounts that code computed, and none of a client.

        :raise AccessError: If a client gives them, or has not the level for it.
        """
        if not (self.env.su or self._is_matching()):
            raise AccessError(
                self.env._("Choose the journal items, and use Reconcile on them.")
            )
        partials = super().create(vals_list)
        partials._check_level()
        for name in AFTER_MATCHING:
            getattr(partials.debit_move_id.move_id, name)(partials)
        return partials

    def unlink(self):
        if not self:  # Odoo unmatches each invoice that is issued, of nothing.
            return super().unlink()
        self._check_level()
        if not self.env.su:
            self._log_removal()
        moves = self.debit_move_id.move_id
        # What goes with them, Odoo finds on them: full reconciliations, and entries.
        matching = self.with_context(reconciled_by_code=OURS)
        result = super(AccountPartialReconcile, matching).unlink()
        for name in AFTER_UNMATCHING:
            getattr(moves, name)()
        return result

    # === BUSINESS METHODS === #

    @api.model
    def _create_computed(self, vals_list):
        """Create reconciliations whose amounts were computed by code.

        :rtype: account.partial.reconcile
        """
        computed = self.with_context(reconciled_by_code=OURS)
        return computed.create(vals_list).with_env(self.env)

    def _log_removal(self):
        """Note on the documents of customers that somebody takes their payments off.

        Nothing else is left of a reconciliation.
        """
        notes = {}
        for partial in self:
            lines = (partial.debit_move_id, partial.credit_move_id)
            amounts = (partial.debit_amount_currency, partial.credit_amount_currency)
            for own, other, amount in zip(lines, reversed(lines), amounts, strict=True):
                if own.move_id.is_sale_document():
                    notes.setdefault(own.move_id, []).append(
                        self.env._(
                            "%(amount)s of %(entry)s was unreconciled.",
                            amount=own.currency_id.format(amount),
                            entry=other.move_id.display_name,
                        )
                    )
        self.env["account.move"].union(*notes)._message_log_batch(
            {move.id: Markup("<br/>").join(lines) for move, lines in notes.items()}
        )

    @api.model
    def _update_matching_number(self, amls):
        self.env["account.move.line"].flush_model(["matching_number"])
        # Nothing depends on the number: the entry need not be checked or completed.
        amls = amls.with_context(
            skip_invoice_sync=True,
            check_move_validity=False,
            tracking_disable=True,
            reconciled_by_code=OURS,
        )
        return super()._update_matching_number(amls)
