from odoo import api, models
from odoo.exceptions import UserError

from ...tools import OURS
from .sealed_fields import Rule

# The rooms that follow when journal items, also posted ones, get another due date.
AFTER_NEW_DUE_DATE = ("_follow_new_due_date",)

# The keys of the context while Odoo books for a door, and for a button of its own.
BOOKING_KEYS = ("booked_by_door", "state_by_button")


class AccountMoveLine(models.Model):
    """The journal items that credit balances are made of."""

    _name = "account.move.line"
    _inherit = ["payment.seal.mixin", "account.move.line"]

    # === CRUD METHODS === #

    @api.model
    def fields_get(self, allfields=None, attributes=None):
        """Describe no field where Odoo's booking asks for none.

        When it writes no field that is tracked, it asks for an empty list of them, and
        would be told of all. That took a tenth to a quarter of the time of issuing.
        """
        if allfields is not None and not allfields:
            context = self.env.context
            if any(context.get(key) is OURS for key in BOOKING_KEYS):
                return {}
        return super().fields_get(allfields, attributes)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_posted(self):
        """Keep posted items, also from a client that sends Odoo's `force_delete`."""
        if self._is_unsealed() or self.env.context.get("deleted_with_line") is OURS:
            return
        for move in self.move_id:
            if move._is_booked():
                raise UserError(
                    self.env._(
                        "%s is posted: reset it to draft before you delete anything "
                        "of it.",
                        move.display_name,
                    )
                )

    # === BUSINESS METHODS === #

    @api.model
    def _reconcile_plan(self, reconciliation_plan):
        """Say that the amounts are computed here, and not by a client.

        Reconciling what a door books changes nothing that an invoice's lines are made
        of: Odoo need not compare them.
        """
        computed = self.with_context(reconciled_by_code=OURS)
        if self.env.context.get("booked_by_door") is OURS:
            computed = computed.with_context(skip_invoice_sync=True)
        return super(AccountMoveLine, computed)._reconcile_plan(reconciliation_plan)

    # === GETTERS === #

    def _is_unsealed_draft(self, is_new):
        return self.move_id._is_unsealed_draft(is_new)

    def _is_booked(self, is_payment=False):
        """Tell if people do not change this; see the method of its entry."""
        return self.move_id._is_booked(is_payment)

    def _breaks(self, seal, name, value):
        if name == "move_id" and not self:  # A new item of an entry.
            return self.env["account.move"].browse(value).sudo()._is_booked()
        if seal.rule is Rule.MATCHING:
            # An import gives items that are not matched a number to match by.
            self = self.filtered(
                lambda line: line.matched_debit_ids or line.matched_credit_ids
            )
            return bool(self) and super()._breaks(seal, name, value)
        return super()._breaks(seal, name, value)

    def _filter_posted_credit(self):
        """Return those of these journal items that a credit balance is made of."""
        return self.filtered(
            lambda line: line.parent_state == "posted"
        )._filter_credit()

    def _filter_credit(self):
        """Return those of these journal items that are on their credit account."""
        accounts = self.company_id.sudo().credit_balance_account_id
        if not accounts & self.account_id:
            return self.browse()  # So it is with most posted entries.
        return self.filtered(
            lambda line: (
                line.account_id & line.company_id.sudo().credit_balance_account_id
            )
        )
