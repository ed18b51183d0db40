from contextlib import contextmanager

from odoo import fields, models
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
        notes = self.filtered(
            lambda move: (
                move.move_type == "out_refund"
                and move.state == "draft"
                and move.company_id.sudo().payment_approval_limit is not None
            )
        )
        if self.env.context.get("credited_by_door") is OURS:
            notes = self.browse()
        for user, own in notes.grouped(lambda note: note._get_poster()).items():
            if user and not own.with_user(user).env.su:
                own.with_user(user)._check_credit_limit()
        yield

    def _check_credit_limit(self):
        """Check that nobody else is needed for these credit notes of one user."""
        self._check_refund_rights()
        mine = self.filtered(lambda note: note._is_entered_by_user())
        # The invoices are locked before: see the lock order in ARCHITECTURE.
        mine.commercial_partner_id.sudo()._lock_to_give()
        for together in mine.grouped(
            lambda note: (note.commercial_partner_id, note.company_id.root_id)
        ).values():
            for note in together:
                note._check_gift_of(together)

    def _check_gift_of(self, notes):
        """Check that these credit notes of one customer are not above the limit.

        :param account.move notes: This one, and those that are posted with it.
        """
        today = fields.Date.context_today(self)
        amount = sum(
            note.currency_id._convert(
                note.amount_total, self.currency_id, self.company_id, today
            )
            for note in notes
        )
        if self.env["account.payment.approval"]._is_above_limit(
            self, "credit_note", {}, amount
        ):
            raise UserError(
                self.env._(
                    "%(amount)s needs a second person: use Credit note in the Payments "
                    "section of the invoice, or let somebody else confirm the draft, "
                    "who entered nothing of it.",
                    amount=self.currency_id.format(amount),
                )
            )

    # === GETTERS === #

    def _get_poster(self):
        """Return who posts this credit note; of a scheduled one, who entered it.

        :return: The user; none if it is superuser code.
        :rtype: res.users
        """
        self.ensure_one()
        if not self.env.su:
            return self.env.user
        if self.auto_post != "no":
            return (self.auto_post_origin_id or self).create_uid
        return self.env["res.users"]

    def _is_entered_by_user(self):
        """Tell if this user entered something of this draft.

        :rtype: bool
        """
        self.ensure_one()
        people = self.create_uid | self.write_uid
        return self.env.user in (
            people | self.line_ids.create_uid | self.line_ids.write_uid
        )
