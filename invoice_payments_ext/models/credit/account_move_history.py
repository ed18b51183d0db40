from odoo import models
from odoo.exceptions import AccessError, UserError

from ...tools import OURS
from .credit_entry_details import CreditEntryDetails

# With another value, a posted journal item would belong to another balance, or to none.
HOLDER_FIELDS = ("partner_id", "company_id", "currency_id")


class AccountMove(models.Model):
    """The history of credit balances, which follows the posted entries.

    The state of an entry is written in one place, for all that post or reset it: a door
    of this addon, another addon, or an accountant who types a journal entry.
    """

    _inherit = "account.move"

    # === CHECK METHODS === #

    def _check_credit_holder_kept(self, vals):
        """Check that posted entries on a credit account stay the customer's."""
        changes = [name for name in HOLDER_FIELDS if name in vals]
        if not changes:
            return
        for move in self:
            if (
                move.state == "posted"
                and any(self._field_will_change(move, vals, name) for name in changes)
                and move._get_credit_lines()
            ):
                raise UserError(
                    self.env._(
                        "%s changed a credit balance: reset it to draft before you "
                        "change its customer.",
                        move.display_name,
                    )
                )

    def _check_may_enter_credit(self):
        """Check that these entries may change credit balances, also in superuser mode.

        Other modules book so for users who may not record payments: the Point of Sale
        books its tills. A till on the credit journal would give credit to anybody.

        :raise UserError: If one is a bank or cash transaction in a credit journal.
        :raise AccessError: If no door of this addon posts them, and the user is not of
                            the level *Record and charge*.
        """
        for move in self:
            if move.statement_line_id and move.journal_id.is_credit_balance:
                raise UserError(
                    self.env._(
                        "%(journal)s keeps the credit of customers: no money comes or "
                        "goes there, so it has no bank or cash transaction. Choose "
                        "another journal.",
                        journal=move.journal_id.display_name,
                    )
                )
        is_ours = self.env.context.get("booked_by_door") is OURS or isinstance(
            self.env.context.get("credit_entry"), CreditEntryDetails
        )
        if self and not is_ours and (reason := self._get_record_level_reason()):
            raise AccessError(
                self.env._(
                    "%(entry)s would change the credit of a customer. %(reason)s",
                    entry=self[0].display_name,
                    reason=reason,
                )
            )

    def _get_reversal_blockers(self, way):
        """Name the entries that undo, now or later, the credit that these booked."""
        if way == "reset":
            return  # That is asked as soon as its entry is not posted any more.
        for move in self._get_credit_lines().move_id:
            if move.move_type == "entry" and (reversals := move._get_reversals()):
                yield self.env._(
                    "%(entry)s was reversed by %(reversal)s: the credit balance "
                    "is not changed back twice. Cancel that one first.",
                    entry=move.display_name,
                    reversal=reversals[0].display_name,
                )

    def _check_reversed_within(self):
        """Check that the reversed entries are posted, and not reversed in excess.

        :raise UserError: If it is not, naming it.
        """
        for reversed_sudo in self.sudo().reversed_entry_id:
            if reversed_sudo.move_type != "entry":
                continue
            if reversed_sudo.state != "posted":
                raise UserError(
                    self.env._(
                        "%s is not posted: there is nothing to reverse.",
                        reversed_sudo.display_name,
                    )
                )
            reversed_sudo.origin_payment_id._check_can_be_undone("reverse")
            booked = reversed_sudo._get_credit_amounts()
            posted = reversed_sudo._get_reversals().filtered(
                lambda move: move.state == "posted"
            )
            for currency, amount in posted._get_credit_amounts().items():
                own = booked.get(currency, 0.0)
                if amount * own > 0 or (
                    currency.compare_amounts(abs(amount), abs(own)) > 0
                ):
                    raise UserError(
                        self.env._(
                            "%(entry)s changed the credit balance by %(amount)s: "
                            "more of it would be reversed.",
                            entry=reversed_sudo.display_name,
                            amount=currency.format(own),
                        )
                    )

    # === CRUD METHODS === #

    def _enter_credit_lines(self, vals):
        """Write into the history the credit that is posted now, or not any more."""
        if "state" in vals and (lines := self._get_credit_lines()):
            self.env["account.credit.balance.entry"]._enter_lines(lines)

    # === BUSINESS METHODS - STEPS === #

    def _unmatch_spent_credit(self, vals):
        """Open the invoices whose credit goes back to its balance with these.

        Odoo leaves an entry matched that is reset to draft: it would stay paid by
        credit that can be spent once more. The payment that gave it back stays matched:
        it is a draft already.
        """
        if vals.get("state", "posted") == "posted":
            return
        posted = self.filtered(lambda move: move.state == "posted")
        for move in posted._get_credit_lines().move_id:
            if not any(amount < 0 for amount in move._get_credit_amounts().values()):
                continue
            lines = move.line_ids
            partials = lines.matched_debit_ids | lines.matched_credit_ids
            kept = partials.filtered(
                lambda partial, move=move: (
                    partial.debit_move_id.payment_id.source_payment_id.move_id == move
                )
            )
            kept |= partials.filtered(
                lambda partial, kept=kept: (
                    (partial.debit_move_id | partial.credit_move_id).move_id
                    & kept.exchange_move_id
                )
            )
            (partials - kept).unlink()
