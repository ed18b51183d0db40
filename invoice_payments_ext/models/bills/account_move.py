from contextlib import contextmanager

from odoo import Command, fields, models
from odoo.exceptions import UserError

from ...tools import OURS, SELDOM_READ
from .credit import DOCUMENT


class AccountMove(models.Model):
    """Make a credit note for an amount, or for lines, with its tax in proportion."""

    _inherit = "account.move"

    credited_shares = fields.Json(
        prefetch=SELDOM_READ,
        readonly=True,
        copy=False,
        help="On a credit note: the exact share of the amount left of each invoice "
        "line that it credits, before rounding, and the total that the shares belong "
        "to.",
    )
    written_off_invoice_id = fields.Many2one(
        prefetch=SELDOM_READ,
        string="Written-off Invoice",
        comodel_name="account.move",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        help="The invoice whose unpaid amount this entry writes off.",
    )

    # === CHECK METHODS === #

    def _get_credit_note_date(self, date):
        """Return the date of a credit note; refuse one that does not fit."""
        return self._get_correction_date(
            self._get_credit_note_journal(), date, has_tax=bool(self.line_ids.tax_ids)
        )

    # === BUSINESS METHODS - STEPS === #

    def _create_credit_note(
        self,
        amount=None,
        lines=None,
        reason=None,
        date=None,
        note=None,
        reconcile=True,
    ):
        """Create and post a credit note, on a locked invoice, after the checks.

        :param bool reconcile: Whether to reconcile it with the amount that remains of
                               the invoice, as Odoo does; else all of it stays open.
        :return: The posted credit note.
        :rtype: account.move
        """
        self.ensure_one()
        date = fields.Date.to_date(date) or self._get_today(self.invoice_date)
        if amount is None:
            amount = self._get_amount_to_credit(lines)
        credit = self._plan_credit(date, amount=amount, lines=lines)
        total = self._get_amount(sum(credit.taken[DOCUMENT].values()))
        # The caller may have turned Odoo's computation of invoices off.
        moves = self.env["account.move"].with_context(skip_invoice_sync=False)
        credit_note = (
            moves.with_context(written_by_door=OURS)
            .create(self._prepare_credit_note_vals(credit, reason, date, total))
            .with_env(moves.env)
        )
        credit_note._fit_tax_lines(credit)
        account = self._get_receivable_account()
        for line in credit_note._get_open_receivable_lines():
            if line.account_id != account:
                line.account_id = account
        if self.currency_id.compare_amounts(credit_note.amount_total, total):
            raise UserError(
                self.env._(
                    "The credit note would come to %(result)s instead of %(total)s.",
                    result=self.currency_id.format(credit_note.amount_total),
                    total=self.currency_id.format(total),
                )
            )
        credit_note.with_context(
            credited_by_door=OURS,
            credit_note_reconciled_by_door=None if reconcile else OURS,
        )._post(soft=False)
        self._log_credit_note(credit_note, reason, note)
        return credit_note

    def _prepare_credit_note_vals(self, credit, reason, date, total):
        """Return the values of a credit note, as Odoo's own reversal has them.

        :rtype: dict
        """
        reversal = self.env["account.move.reversal"].new(
            {
                "date": date,
                "reason": (reason or "").strip(),
                "journal_id": self._get_credit_note_journal().id,
            }
        )
        bank = self.env["res.partner.bank"].search(
            [
                ("partner_id", "=", self.commercial_partner_id.id),
                ("company_id", "in", (self.company_id.id, False)),
            ],
            order="sequence",
            limit=1,
        )
        return self.with_context(include_business_fields=True).copy_data(
            {
                **reversal._prepare_default_reversal(self),
                # Today, even if it is tomorrow in the time zone of who issued the bill.
                "auto_post": "no",
                "move_type": "out_refund",
                "reversed_entry_id": self.id,
                "partner_id": self.partner_id.id,
                "partner_bank_id": bank.id,
                # A credit note is for the amount that was asked for, due at once: it is
                # not rounded to coins again, and grants no discount.
                "invoice_cash_rounding_id": False,
                "invoice_payment_term_id": False,
                "credited_shares": {
                    "amount": total,
                    "shares": self._get_shares_to_keep(credit),
                },
                "line_ids": [
                    Command.create(values)
                    for values in self._prepare_credit_note_lines(credit, date)
                ],
            }
        )[0]

    def _get_shares_to_keep(self, credit):
        """Return the share of each line that a credit note takes, for JSON."""
        return {
            str(line_id): share for line_id, share in credit.shares.items() if share
        }

    def _get_credit_note_journal(self):
        """Return the journal of credit notes: the invoice's, while it is in use."""
        if self.journal_id.active:
            return self.journal_id
        return self.with_company(self.company_id)._search_default_journal()

    def _log_credit_note(self, credit_note, reason, note):
        """Note a credit note and its reason in the chatter of the invoice."""
        self.sudo()._message_log(
            body=self.env._(
                "Credit note %(credit_note)s of %(amount)s: %(reason)s",
                credit_note=credit_note._get_html_link(),
                amount=credit_note.currency_id.format(credit_note.amount_total),
                reason=(reason or "").strip(),
            )
        )
        if note:
            credit_note._message_log(body=note)

    # === CHECK METHODS === #

    @contextmanager
    def _checking_credited(self):
        """Check, when credit notes are posted, that no invoice is credited above it.

        Odoo's own dialog reverses the whole of an invoice as often as one wants.

        :raise UserError: If one is: it names the invoice and the amount that is left.
        """
        credit_notes = self.filtered(
            lambda move: (
                move.move_type == "out_refund"
                and move.reversed_entry_id.move_type == "out_invoice"
            )
        )
        if self.env.context.get("credit_note_reconciled_by_door") is OURS:
            credit_notes = self.browse()  # The door has locked and checked.
        for invoice in credit_notes.reversed_entry_id:
            invoice._lock_for_payment()
        yield
        for invoice, notes in credit_notes.grouped("reversed_entry_id").items():
            left = invoice._get_amount_not_credited()
            posted = notes.filtered(lambda move: move.state == "posted")
            if posted and invoice.currency_id.compare_amounts(left, 0) < 0:
                raise UserError(
                    self.env._(
                        "Credit notes cannot exceed their invoice. %(credit_notes)s "
                        "would credit %(above)s more than is left of %(invoice)s. "
                        "Reduce the amount of the credit note.",
                        credit_notes=", ".join(posted.mapped("name")),
                        above=invoice.currency_id.format(-left),
                        invoice=invoice.name,
                    )
                )

    # === GETTERS === #

    def _get_creditable_amount(self):
        """Return the amount of this invoice that can still be credited.

        That is its total less its credit notes, and less the refunds in flight that are
        going to reduce the bill.

        :return: The amount in the invoice's currency, zero at the least.
        :rtype: float
        """
        self.ensure_one()
        if self.move_type != "out_invoice" or self.state != "posted":
            return 0.0
        left = self._get_amount_not_credited() - self._get_reserved_credit()
        return max(self.currency_id.round(left), 0.0)

    def _get_amount_not_credited(self):
        """Return the total of this invoice less its posted credit notes.

        :return: The amount in the invoice's currency, below zero if they exceed it.
        :rtype: float
        """
        return self.amount_total - sum(
            credit_note.amount_total
            if credit_note.currency_id == self.currency_id
            else credit_note.currency_id._convert(
                credit_note.amount_total, self.currency_id, date=credit_note.date
            )
            for credit_note in self._get_credit_notes()
        )

    def _has_received_money(self):
        """Tell if anything but credit notes, write-offs and exchange rates pays this.

        :rtype: bool
        """
        self.ensure_one()
        lines = self.line_ids.filtered(
            lambda line: line.account_type == "asset_receivable"
        )
        paying = lines.matched_credit_ids.credit_move_id.move_id
        return bool(
            paying.filtered(
                lambda move: (
                    move.move_type != "out_refund"
                    and not move.written_off_invoice_id
                    and move.journal_id != move.company_id.currency_exchange_journal_id
                )
            )
        )

    def _match_tax_never_due(self):
        """Match the tax that waits to be paid with that of the credit notes.

        Where all of this invoice is credited and nothing was paid, it never becomes
        due. In another currency it is left open: Odoo leaves the exchange difference of
        such accounts open too, and would call the rest fully reconciled.
        """
        self.ensure_one()
        if (
            not self.company_id.tax_exigibility
            or self.currency_id != self.company_currency_id
            or not self.currency_id.is_zero(self.amount_residual)
            or self._has_received_money()
        ):
            return
        lines = self.line_ids
        lines |= lines.matched_credit_ids.credit_move_id.move_id.line_ids
        waiting = lines.filtered(
            lambda line: (
                line.tax_line_id.tax_exigibility == "on_payment"
                and line.account_id.reconcile
                and not line.reconciled
            )
        )
        for of_tax in waiting.grouped(
            lambda line: (line.account_id, line.currency_id, line.tax_line_id)
        ).values():
            of_tax.reconcile()

    def _get_reserved_credit(self):
        """Return the amount of this invoice that refunds in flight will credit.

        :return: The amount in the invoice's currency.
        :rtype: float
        """
        reserved = 0.0
        payments_sudo = self.sudo().reconciled_payment_ids
        for refund in payments_sudo.payment_transaction_id.child_transaction_ids:
            planned = refund.refund_credits_planned or {}
            if str(self.id) in planned and refund._is_refund_in_flight():
                reserved += planned[str(self.id)]
        return reserved

    def _get_amount_to_credit(self, lines=None, **_arguments):
        """Return the proposed amount of a credit note: the remaining amount.

        :param list[dict] lines: The lines to credit, which have amounts of their own.
        :return: The amount in the invoice's currency; None if nothing remains, or lines
                 are credited.
        :rtype: float | None
        """
        self.ensure_one()
        amount = min(self._get_chargeable_amount(), self._get_creditable_amount())
        return None if lines or self.currency_id.is_zero(amount) else amount
