from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.tools import float_compare

from ..tools import OURS, get_id, is_number
from .account_move_credit_note_lines import DOCUMENT
from .core.door import Door

ISSUE_CREDIT_NOTE = Door(
    "account.move.issue_credit_note",
    rights="_check_refund_rights",
    lock="_lock_for_credit_note",
    amount="_get_amount_to_credit",
    check="_check_credit_note",
    work="_carry_out_credit_note",
    complete="_complete_credit_note",
    approval="credit_note",
)


class AccountMove(models.Model):
    """Reduce the bill: a credit note for an amount, or for lines."""

    _inherit = "account.move"

    # === CHECK METHODS === #

    def _check_creditable(self):
        """Check that a credit note may be issued for this invoice.

        :raise UserError: If it is no posted customer invoice, or is another company's.
        """
        self.ensure_one()
        name = self.display_name
        if self.move_type == "out_refund":
            raise UserError(
                self.env._(
                    "%s is a credit note itself: credit its invoice instead.", name
                )
            )
        if self.move_type != "out_invoice":
            raise UserError(
                self.env._(
                    "%s is no customer invoice: credit notes for an amount are issued "
                    "on customer invoices only.",
                    name,
                )
            )
        self._check_company_selected()
        if self.state == "draft":
            raise UserError(
                self.env._("%s is a draft: change it instead of crediting it.", name)
            )
        if self.state == "cancel":
            raise UserError(self.env._("%s is cancelled.", name))

    def _check_credit_note(self, amount, lines, reason, date, destinations, note):
        """Check a credit note, on a locked invoice; see :meth:`issue_credit_note`.

        :return: Its total, in the invoice's currency.
        :rtype: float
        """
        self.ensure_one()
        self._check_creditable()
        self.env["account.payment"]._check_reason(reason)
        if note is not None and not isinstance(note, str):
            raise UserError(self.env._("The internal note must be a text."))
        date = self._get_credit_note_date(date)
        self._check_nothing_in_flight()
        total = self._get_credit_total(amount, lines, date)
        self._plan_destinations(
            total - self._get_chargeable_amount(), total, destinations
        )
        return total

    def _get_credit_total(self, amount, lines, date):
        """Check what is to be credited and return its total.

        :return: The amount in the invoice's currency, tax included.
        :rtype: float
        """
        creditable = self._get_creditable_amount()
        label = self.env._("creditable amount")
        if not lines:
            if amount is None:
                raise UserError(
                    self.env._(
                        "Nothing remains to be paid on %s: give the amount to credit.",
                        self.display_name,
                    )
                )
            self._check_amount(amount, self.currency_id, creditable, label)
            return amount
        if amount is not None:
            raise UserError(self.env._("Give an amount or lines to credit, not both."))
        self._check_credit_lines(lines, date)
        credit = self._plan_credit(date, lines=lines)
        total = self._get_amount(sum(credit.taken[DOCUMENT].values()))
        self._check_amount(total, self.currency_id, creditable, label)
        return total

    def _check_credit_lines(self, lines, date):
        """Check the lines to credit, each with an amount or a quantity."""
        if self.line_ids.filtered(lambda line: line.display_type == "epd"):
            raise UserError(
                self.env._(
                    "The tax of %s is reduced by an early-payment discount, which "
                    "belongs to no line: credit an amount instead of lines.",
                    self.display_name,
                )
            )
        credit = self._get_credit(date)
        seen = set()
        for values in lines:
            if set(values) not in ({"line_id", "amount"}, {"line_id", "quantity"}):
                raise UserError(
                    self.env._(
                        "A line to credit has a line_id and either an amount or a "
                        "quantity, not %(keys)s.",
                        keys=", ".join(map(str, values)),
                    )
                )
            line = self._get_creditable_lines().filtered(
                lambda line, values=values: line.id == values["line_id"]
            )
            if not line:
                raise UserError(
                    self.env._(
                        "%(name)s has no line %(line)s that can be credited.",
                        name=self.display_name,
                        line=values["line_id"],
                    )
                )
            if line in seen:
                raise UserError(self.env._("The line %s is given twice.", line.name))
            seen.add(line)
            if "amount" in values:
                self._check_credit_line_amount(line, values["amount"], credit)
            else:
                self._check_credit_line_quantity(line, values["quantity"], credit)

    def _check_credit_line_amount(self, line, amount, credit):
        """Check the amount to credit on a line; negative on a line that is."""
        left = self._get_amount(credit.get_line_total(line.id, credit.left[DOCUMENT]))
        is_negative = self.currency_id.compare_amounts(left, 0) < 0
        self._check_amount(
            -amount if is_negative and is_number(amount) else amount,
            self.currency_id,
            abs(left),
            self.env._("creditable amount of the line %s", line.name),
        )

    def _check_credit_line_quantity(self, line, quantity, credit):
        """Check the quantity to credit on a line."""
        if not is_number(quantity) or quantity <= 0:
            raise UserError(
                self.env._(
                    "The quantity to credit must be a number above zero, not "
                    "%(value)r.",
                    value=quantity,
                )
            )
        digits = self.env["decimal.precision"].precision_get("Product Unit")
        if float_compare(quantity, round(quantity, digits), precision_digits=9):
            raise UserError(
                self.env._(
                    "The quantity %(quantity)s has more than %(digits)s decimals.",
                    quantity=quantity,
                    digits=digits,
                )
            )
        left = credit.get_quantity_left(line)
        if float_compare(quantity, left, precision_digits=digits) > 0:
            raise UserError(
                self.env._(
                    "The quantity %(quantity)s is above what is left to credit of the "
                    "line %(line)s, %(left)s.",
                    quantity=quantity,
                    line=line.name,
                    left=round(left, digits),
                )
            )

    def _get_credit_note_date(self, date):
        """Return the date of a credit note; refuse one that does not fit."""
        return self._get_correction_date(
            self._get_credit_note_journal(), date, has_tax=bool(self.line_ids.tax_ids)
        )

    # === ACTION METHODS === #

    def action_create_credit_note(self):
        """Return the dialog that issues a credit note for a part of this invoice.

        :rtype: dict
        """
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "account.credit.note.create",
            "views": [(False, "form")],
            "target": "new",
            "name": self.env._("Credit note for %s", self.name),
            "context": {"default_move_id": self.id},
        }

    # === BUSINESS METHODS - DOORS === #

    def issue_credit_note(
        self,
        amount=None,
        lines=None,
        reason=None,
        date=None,
        destinations=None,
        note=None,
        idempotency_key=None,
    ):
        """Issue a credit note for a part of this invoice: an amount, or lines.

        The tax is reduced in proportion, to the smallest unit. What remains to be paid
        is reduced first; what is credited above that was paid, and goes where the
        destinations say. Refunds to the original method go through the gateway, in the
        same steps as a charge: then it commits, and must not be called in the middle of
        other work. The credit note stands, whatever becomes of them.

        :param float amount: The amount, tax included, in the invoice's currency; what
                             remains to be paid if not given.
        :param list[dict] lines: Instead of an amount: the lines, each with a `line_id`
                                 and either an `amount`, tax included, or a `quantity`.
        :param str reason: Why. Required; printed on the credit note.
        :param date|str date: The date of the credit note, from that of the invoice to
                              today; today if not given.
        :param list[dict] destinations: Where what was paid already goes, each with
            `to` and `amount`, in the invoice's currency. `original`: through the
            gateway, of the payment `payment_id` or of the newest ones. `outside`: by
            cash, cheque or transfer, with `journal_id`, `date` and `reference`.
            `refund`: it was given back before, by the refund `payment_id`. `credit`:
            it is kept on the customer's credit balance, where what was paid from there
            goes by itself.
        :param str note: An internal note, which is not printed.
        :param str idempotency_key: See :meth:`charge`.
        :return: The posted credit note; a request where a second person is needed.
        :rtype: account.move or account.payment.approval
        :raise UserError: If the invoice or the amount cannot be credited, the
                          destinations do not add up, or a value does not fit.
        :raise AccessError: If the user has no right to issue credit notes.
        """
        return self._pass(
            ISSUE_CREDIT_NOTE,
            idempotency_key,
            amount=amount,
            lines=self._get_dicts(lines, ("line_id",)),
            reason=reason,
            date=date,
            destinations=self._get_dicts(destinations, ("payment_id", "journal_id")),
            note=note,
        )

    @api.model
    def _get_dicts(self, values, id_keys):
        """Return a list of dicts that somebody gave, as JSON can hold it."""
        if not values:
            return None
        if not isinstance(values, list | tuple) or not all(
            isinstance(value, dict) for value in values
        ):
            raise UserError(
                self.env._("Lines and destinations are given as lists of values.")
            )
        return [
            {
                key: get_id(item)
                if key in id_keys
                else item
                if item is None or isinstance(item, str | int | float | bool)
                else str(item)
                for key, item in value.items()
            }
            for value in values
        ]

    # === BUSINESS METHODS - STEPS === #

    def _carry_out_credit_note(self, amount, lines, reason, date, destinations, note):
        """Issue a credit note that was checked, on a locked invoice.

        What goes to a gateway is prepared only; see :meth:`_complete_credit_note`.
        """
        self.ensure_one()
        chargeable = self._get_chargeable_amount()
        credit_note = self._create_credit_note(
            amount=amount,
            lines=lines,
            reason=reason,
            date=date,
            note=note,
            reconcile=False,
        )
        total = credit_note.amount_total
        planned = self._plan_destinations(total - chargeable, total, destinations)
        kinds = self._get_destination_kinds()
        for destination in planned:
            carry_out = getattr(self, kinds[destination.kind].carry_out)
            carry_out(credit_note, destination, reason.strip())
        given_back = sum(destination.amount for destination in planned)
        self._reconcile_part(
            self._get_open_receivable_lines(),
            credit_note._get_open_receivable_lines(),
            total - given_back,
        )
        self._notify_payments_changed()
        return credit_note

    def _complete_credit_note(self, credit_note):
        """Run the refunds that were prepared with a credit note, and return it."""
        # In superuser mode: providers and the work on attempts are not the staff's.
        attempts_sudo = (
            self.env["payment.transaction"]
            .sudo()
            .search([("refund_credit_note_id", "in", credit_note.ids)], order="id")
        )
        for attempt_sudo in attempts_sudo:
            attempt_sudo._run_attempt()
        return credit_note.with_env(self.env)

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

        :param bool reconcile: Whether to reconcile it with what remains of the invoice,
                               as Odoo does; else all of it stays open.
        :return: The posted credit note.
        :rtype: account.move
        """
        self.ensure_one()
        date = fields.Date.to_date(date) or self._get_today(self.invoice_date)
        if amount is None:
            amount = self._get_amount_to_credit(lines)
        credit = self._plan_credit(date, amount=amount, lines=lines)
        total = self._get_amount(sum(credit.taken[DOCUMENT].values()))
        # Who books a payment may have turned Odoo's computation of invoices off.
        moves = self.env["account.move"].with_context(skip_invoice_sync=False)
        credit_note = moves.create(
            self._prepare_credit_note_vals(credit, reason, date, total)
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
            credit_note_reconciled_by_door=None if reconcile else OURS
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

    def _get_receivable_account(self):
        """Return the account on which this invoice is owed."""
        lines = self.line_ids.filtered(lambda line: line.display_type == "payment_term")
        return lines.sorted("reconciled").account_id[:1]

    def _log_credit_note(self, credit_note, reason, note):
        """Note a credit note in the chatter of the invoice, and what it is for."""
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

    @api.model
    def _reconcile_part(self, debit_lines, credit_lines, amount):
        """Reconcile open lines in one currency up to an amount, oldest due first.

        :param float amount: The amount in the currency of the lines.
        """
        if not debit_lines or not credit_lines:
            return
        currency = debit_lines.currency_id
        debit_lines = debit_lines.sorted(lambda line: (line.date_maturity, line.id))
        due = sum(debit_lines.mapped("amount_residual_currency"))
        given = -sum(credit_lines.mapped("amount_residual_currency"))
        if currency.compare_amounts(min(due, given), amount) <= 0:
            # In general all that can be is to be reconciled.
            if currency.compare_amounts(amount, 0) > 0:
                (debit_lines | credit_lines).reconcile()
            return
        partials = self.env["account.partial.reconcile"]
        for debit_line in debit_lines:
            for credit_line in credit_lines:
                part = min(
                    amount,
                    debit_line.amount_residual_currency,
                    -credit_line.amount_residual_currency,
                )
                if currency.compare_amounts(part, 0) <= 0:
                    continue
                partials |= partials.create(
                    self._prepare_partial_vals(debit_line, credit_line, part)
                )
                amount -= part
        partials._create_tax_cash_basis_moves()

    @api.model
    def _prepare_partial_vals(self, debit_line, credit_line, amount):
        """Return the values of a reconciliation for less than both lines have open.

        :rtype: dict
        """
        in_company_currency = [
            abs(line.amount_residual)
            * amount
            / abs(line.amount_residual_currency or line.amount_residual)
            for line in (debit_line, credit_line)
        ]
        return {
            "amount": debit_line.company_currency_id.round(min(in_company_currency)),
            "debit_amount_currency": amount,
            "credit_amount_currency": amount,
            "debit_move_id": debit_line.id,
            "credit_move_id": credit_line.id,
        }

    # === GETTERS === #

    def _get_creditable_amount(self):
        """Return what of this invoice can still be credited.

        That is its total less its credit notes, and less the refunds in flight that are
        going to reduce the bill.

        :return: The amount in the invoice's currency, zero at the least.
        :rtype: float
        """
        self.ensure_one()
        if self.move_type != "out_invoice" or self.state != "posted":
            return 0.0
        credited = sum(
            credit_note.amount_total
            if credit_note.currency_id == self.currency_id
            else credit_note.currency_id._convert(
                credit_note.amount_total, self.currency_id, date=credit_note.date
            )
            for credit_note in self._get_credit_notes()
        )
        left = self.amount_total - credited - self._get_reserved_credit()
        return max(self.currency_id.round(left), 0.0)

    def _get_reserved_credit(self):
        """Return what refunds in flight are going to credit of this invoice.

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
        """Return the amount that a credit note would be for: what remains to be paid.

        :param list[dict] lines: The lines to credit, which have amounts of their own.
        :return: The amount in the invoice's currency; None if nothing remains, or lines
                 are credited.
        :rtype: float | None
        """
        self.ensure_one()
        amount = min(self._get_chargeable_amount(), self._get_creditable_amount())
        return None if lines or self.currency_id.is_zero(amount) else amount
