from odoo import Command, fields, models
from odoo.exceptions import UserError

from ...tools import OURS, prepare_dialog, prepare_notification
from ..core.door import Door

WRITE_OFF = Door(
    "account.move.write_off",
    rights="_check_refund_rights",
    lock="_lock_to_write_off",
    amount="_get_amount_to_write_off",
    check="_check_write_off",
    work="_carry_out_write_off",
    approval="write_off",
)

UNDO_WRITE_OFF = Door(
    "account.move.undo_write_off",
    rights="_check_rights_to_undo_write_off",
    lock="_lock_to_undo_write_off",
    check="_check_undo_write_off",
    work="_carry_out_undo_write_off",
)


class AccountMove(models.Model):
    """Bad debt: the amount that the customer will never pay, without tax."""

    _inherit = "account.move"

    write_off_entry_ids = fields.One2many(
        string="Write-offs",
        comodel_name="account.move",
        inverse_name="written_off_invoice_id",
        readonly=True,
    )

    # === CHECK METHODS === #

    def _check_write_off(self, amount, reason, account_id, date):
        """Check a write-off, on a locked invoice; see :meth:`write_off`.

        :return: The amount that counts towards the approval limit.
        :rtype: float
        """
        self.ensure_one()
        if blocked := self._get_write_off_blocked_reason():
            raise UserError(blocked)
        self._check_collectable()
        self._check_amount_offered(
            "write_off",
            amount,
            self._get_chargeable_amount(),
            self.currency_id,
            self._describe_chargeable_amount(),
        )
        self.env["account.payment"]._check_reason(reason)
        self._get_write_off_account(account_id)
        self._get_write_off_date(date)
        self._get_write_off_journal()
        return amount

    def _check_undo_write_off(self, reason):
        """Check that this entry is a write-off that can be undone, on a locked one."""
        self.ensure_one()
        if not self.written_off_invoice_id:
            raise UserError(self.env._("%s is not a write-off.", self.display_name))
        if undone_by := self._get_undoing_entry():
            raise UserError(
                self.env._(
                    "%(entry)s was undone already, by %(undone_by)s.",
                    entry=self.name,
                    undone_by=undone_by.name,
                )
            )
        if self.state != "posted":
            states = dict(self._fields["state"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "%(entry)s is not posted, it is %(state)s: there is nothing to "
                    "undo.",
                    entry=self.display_name,
                    state=states[self.state].lower(),
                )
            )

    # === ODOO'S OWN RECONCILIATION === #

    def _collect_tax_cash_basis_values(self):
        """Keep the tax of a written-off amount from becoming due by payments.

        With the last payment, Odoo takes the rest of the tax.
        """
        values = super()._collect_tax_cash_basis_values()
        if values and values["is_fully_paid"]:
            values["is_fully_paid"] = not self.sudo().write_off_entry_ids.filtered(
                lambda entry: entry.state == "posted" and not entry._get_undoing_entry()
            )
        return values

    def _mark_write_offs_in_widget(self, contents):
        """Do not call a written-off amount paid, on the form and in print."""
        entry_ids = self.sudo().write_off_entry_ids.ids
        for values in contents:
            values["is_write_off"] = values["move_id"] in entry_ids

    # === ACTION METHODS === #

    def action_write_off(self):
        """Return the dialog that writes off the rest of this invoice.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_dialog(
            "account.write.off.create", self.env._("Write off"), move_id=self.id
        )

    def action_undo_write_off(self):
        """Undo this write-off and tell that it was done.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        undone_by = self.undo_write_off()
        invoice = self.written_off_invoice_id
        return prepare_notification(
            self.env._("Write-off undone"),
            self.env._(
                "%(entry)s was undone by %(undone_by)s: %(remaining)s remain on "
                "%(invoice)s.",
                entry=self.name,
                undone_by=undone_by.name,
                remaining=invoice.currency_id.format(invoice.amount_residual),
                invoice=invoice.name,
            ),
        )

    # === BUSINESS METHODS - DOORS === #

    def write_off(
        self,
        amount=None,
        reason=None,
        account_id=None,
        date=None,
        idempotency_key=None,
    ):
        """Write off an amount that the customer will never pay. Does not commit.

        The entry is for bad debt: the tax of the bill stays as it is. A bill that was
        wrong, or is reduced, is corrected by a credit note.

        :param float amount: The amount in the invoice's currency; the chargeable amount
                             if not given.
        :param str reason: Why. Required.
        :param int account_id: The account of the loss; the company's write-off account
                               if not given.
        :param date|str date: The day of the entry, the invoice's own at the earliest;
                              today if not given.
        :param str idempotency_key: See :meth:`charge`.
        :return: The posted entry; a request where a second person is needed.
        :rtype: account.move or account.payment.approval
        :raise UserError: If the invoice has nothing to write off, something is in
                          flight for it, a value does not fit, or the key was used with
                          other values.
        :raise AccessError: If the user has no right to write off.
        """
        return self._pass(
            WRITE_OFF,
            idempotency_key,
            amount=amount,
            reason=reason,
            account_id=account_id,
            date=date,
        )

    def undo_write_off(self, reason=None, idempotency_key=None):
        """Undo this write-off with an opposite entry: the invoice is open again.

        Does not commit.

        :param str reason: Why, for the records.
        :param str idempotency_key: See :meth:`charge`.
        :return: The posted opposite entry, of today.
        :rtype: account.move
        :raise UserError: If this entry is not a write-off, was undone before, today is
                          in a locked period, or the key was used with other values.
        :raise AccessError: If the user has no right to write off.
        """
        return self._pass(UNDO_WRITE_OFF, idempotency_key, reason=reason)

    # === BUSINESS METHODS - STEPS === #

    def _check_rights_to_undo_write_off(self):
        """Check that the user may undo these write-offs, and reopen their invoices."""
        self._check_refund_rights()
        self.written_off_invoice_id._check_refund_rights()

    def _lock_to_undo_write_off(self, **_arguments):
        """Lock this entry and its invoice; see :meth:`undo_write_off`."""
        (self.written_off_invoice_id | self)._lock_for_payment()

    def _carry_out_undo_write_off(self, reason):
        """Undo a write-off that was checked, on a locked entry."""
        invoice = self.written_off_invoice_id
        reason = (reason or "").strip()
        date = self._get_today(self.date)
        self._check_write_off_lock_dates(date, self.journal_id)
        ref = self.env._("Write-off %s undone", self.name)
        undone_by = self._reverse_moves(
            [{"date": date, "ref": f"{ref}: {reason}" if reason else ref}], cancel=True
        )
        invoice._message_log(
            body=self.env._(
                "The write-off %(entry)s was undone by %(undone_by)s. %(reason)s",
                entry=self._get_html_link(title=self.name),
                undone_by=undone_by._get_html_link(title=undone_by.name),
                reason=reason,
            )
        )
        invoice._notify_payments_changed()
        return undone_by

    def _get_amount_to_write_off(self, **_arguments):
        return self._get_write_off_offered()

    def _get_write_off_offered(self):
        """Return the chargeable amount without the one that waits for approval.

        :return: The amount in the invoice's currency.
        :rtype: float
        """
        return self._get_amount_offered(
            "write_off", self._get_chargeable_amount(), self.currency_id
        )

    def _lock_to_write_off(self, **_arguments):
        """Lock this invoice; see :meth:`write_off`."""
        self._lock_for_payment()

    def _carry_out_write_off(self, amount, reason, account_id, date):
        """Book a write-off that was checked, on a locked invoice."""
        self.ensure_one()
        parts = self._split_write_off(amount)
        entry = (
            self.env["account.move"]
            .with_company(self.company_id)
            .with_context(written_by_door=OURS)
            .create(
                self._prepare_write_off_vals(
                    parts,
                    reason.strip(),
                    self._get_write_off_account(account_id),
                    self._get_write_off_date(date),
                )
            )
        ).with_env(self.env)
        entry.action_post()
        credits_by_part = entry.line_ids.sorted("id")[: len(parts)]
        # Tax that is due when it is paid does not become due by this.
        self.env["account.move.line"].with_context(no_cash_basis=True)._reconcile_plan(
            [
                line | credit
                for (line, *_amounts), credit in zip(
                    parts, credits_by_part, strict=True
                )
            ]
        )
        self._message_log(
            body=self.env._(
                "%(amount)s was written off (%(entry)s): %(reason)s",
                amount=self.currency_id.format(amount),
                entry=entry._get_html_link(title=entry.name),
                reason=reason.strip(),
            )
        )
        self._notify_payments_changed()
        return entry

    def _split_write_off(self, amount):
        """Divide an amount among the open installments, the oldest due first.

        The loss is the value of the receivable in the books: no money moved, so no
        exchange difference is made.

        :return: For each installment its line, the amount in the invoice's currency and
                 in the company's.
        :rtype: list[tuple[account.move.line, float, float]]
        """
        parts = []
        lines = self._get_open_receivable_lines().filtered(
            lambda line: (
                self.currency_id.compare_amounts(line.amount_residual_currency, 0) > 0
            )
        )
        for line in lines.sorted(lambda line: (line.date_maturity or line.date, line)):
            if self.currency_id.is_zero(amount):
                break
            residual = line.amount_residual_currency
            part = min(amount, residual)
            balance = line.amount_residual
            if self.currency_id.compare_amounts(part, residual):
                balance = self.company_currency_id.round(balance * part / residual)
            parts.append((line, self.currency_id.round(part), balance))
            amount = self.currency_id.round(amount - part)
        return parts

    def _prepare_write_off_vals(self, parts, reason, account, date):
        """Return the values of the entry that writes off these parts.

        :rtype: dict
        """
        self.ensure_one()
        label = self.env._("Write-off of %s", self.name)
        shared = {
            "name": f"{label}: {reason}",
            "currency_id": self.currency_id.id,
            "tax_ids": False,
        }
        lines = [
            {
                **shared,
                "account_id": line.account_id.id,
                "partner_id": line.partner_id.id,
                "amount_currency": -amount,
                "balance": -balance,
            }
            for line, amount, balance in parts
        ]
        lines.append(
            {
                **shared,
                "account_id": account.id,
                "partner_id": self.commercial_partner_id.id,
                "amount_currency": sum(amount for _line, amount, _balance in parts),
                "balance": sum(balance for _line, _amount, balance in parts),
            }
        )
        return {
            "move_type": "entry",
            "journal_id": self._get_write_off_journal().id,
            "company_id": self.company_id.id,
            "currency_id": self.currency_id.id,
            "partner_id": self.commercial_partner_id.id,
            "date": date,
            "ref": reason,
            "written_off_invoice_id": self.id,
            "line_ids": [Command.create(values) for values in lines],
        }
