from contextlib import contextmanager

from odoo import models
from odoo.exceptions import UserError

from ...tools import OURS


class AccountMove(models.Model):
    """Credit notes that people post in Odoo's own ways, where there is a limit."""

    _inherit = "account.move"

    # === CHECK METHODS === #

    @contextmanager
    def _checking_credited_by_hand(self):
        """Check the level and the limit of credit notes that are about to be posted.

        Superuser code and the doors check it themselves. Above the limit, the draft of
        one person is posted by another one.

        :raise AccessError: If the user is not of the level *Refund and credit*.
        :raise UserError: If a second person is needed.
        """
        if not self.env.su and self.env.context.get("credited_by_door") is not OURS:
            notes = self.filtered(
                lambda move: (
                    move.move_type == "out_refund"
                    and move.state == "draft"
                    and move.company_id.sudo().payment_approval_limit is not None
                )
            )
            for own in notes.grouped("commercial_partner_id").values():
                own._check_credit_limit()
        yield

    def _check_credit_limit(self):
        """Check that nobody else is needed for these credit notes of one customer."""
        self._check_refund_rights()
        mine = self.filtered(lambda note: note._is_entered_by_user())
        for note in mine:
            amount = sum(
                each.currency_id._convert(
                    each.amount_total, note.currency_id, note.company_id
                )
                for each in mine
                if each.company_id == note.company_id
            )
            record = note.reversed_entry_id or note
            if self.env["account.payment.approval"]._is_above_limit(
                record, "credit_note", {}, amount
            ):
                raise UserError(
                    self.env._(
                        "%(amount)s needs a second person: use Credit note in the "
                        "Payments section of the invoice, or let somebody else confirm "
                        "the draft of this credit note.",
                        amount=note.currency_id.format(amount),
                    )
                )

    # === GETTERS === #

    def _is_entered_by_user(self):
        """Tell if this user entered something of this draft.

        :rtype: bool
        """
        self.ensure_one()
        people = self.create_uid | self.write_uid
        return self.env.user in (
            people | self.line_ids.create_uid | self.line_ids.write_uid
        )
