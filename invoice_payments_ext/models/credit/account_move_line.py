from odoo import api, models
from odoo.exceptions import UserError

from odoo.addons.account.models.account_move import BYPASS_LOCK_CHECK

from ...tools import OURS, prepare_notification
from ..core.account_move_line import AFTER_NEW_DUE_DATE
from ..core.door import Door
from .credit_entry_details import CreditEntryDetails
from .entry_labels import Label

# The change of a balance by a journal item on a credit account.
CREDIT_FIELDS = (
    "account_id",
    "partner_id",
    "currency_id",
    "amount_currency",
    "balance",
    "debit",
    "credit",
)

MOVE_TO_CREDIT_BALANCE = Door(
    "account.move.line.move_to_credit_balance",
    rights="_check_rights_to_keep",
    lock="_lock_to_keep",
    amount="_get_amount_to_keep",
    check="_check_keep",
    work="_keep_as_credit",
)


class AccountMoveLine(models.Model):
    """Journal items on a credit account stay as the history says."""

    _name = "account.move.line"
    _inherit = ["account.move.line", "payment.door.mixin"]

    # === CHECK METHODS === #

    @api.model
    def _check_credit_unchanged(self, lines):
        """Check that no posted journal item on a credit account is being changed.

        :raise UserError: If one of these is on the credit account of its company.
        """
        for line in lines._filter_posted_credit():
            raise UserError(
                self.env._(
                    "%s is posted: reset it to draft before you change its items on "
                    "the credit account.",
                    line.move_id.display_name,
                )
            )

    def _check_outstanding_credit(self):
        """Check that this is money of a customer that no invoice was paid with.

        :raise UserError: If it is anything else.
        """
        self.ensure_one()
        name = self.move_id.display_name
        self._check_company_selected()
        if (
            self.parent_state != "posted"
            or self.account_id.account_type != "asset_receivable"
            or not self.partner_id
            or self.currency_id.compare_amounts(self._get_outstanding_credit(), 0) <= 0
        ):
            raise UserError(
                self.env._(
                    "Nothing of %(name)s is open on %(account)s in favour of a "
                    "customer.",
                    name=name,
                    account=self.account_id.display_name,
                )
            )
        reversals = self.move_id._get_reversals().filtered(
            lambda move: (
                move.state == "draft"
                or move.line_ids.filtered(
                    lambda line: (
                        line.account_id == self.account_id and not line.reconciled
                    )
                )
            )
        )
        if reversals:
            raise UserError(
                self.env._(
                    "%(name)s was reversed by %(reversal)s: match them, or cancel that "
                    "one.",
                    name=name,
                    reversal=reversals[0].display_name,
                )
            )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        self._check_credit_unchanged(lines)
        return lines

    def write(self, vals):
        changed = self.browse()
        if any(name in vals for name in CREDIT_FIELDS):
            if self.env.context.get("bypass_lock_check") is BYPASS_LOCK_CHECK:
                # A contact got another parent. Its credit stays whose it was.
                self -= self._filter_posted_credit()
            changed = self.filtered(
                lambda line: any(
                    self.env["account.move"]._field_will_change(line, vals, name)
                    for name in CREDIT_FIELDS
                    if name in vals
                )
            )
            self._check_credit_unchanged(changed)
        result = super().write(vals)
        self._check_credit_unchanged(changed)
        if "date_maturity" in vals:
            for name in AFTER_NEW_DUE_DATE:
                getattr(self, name)()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_credit_history(self):
        """Keep the items that the history of a credit balance refers to."""
        known = self.env["account.credit.balance.entry"]._get_latest(self)
        for line in known:
            raise UserError(
                self.env._(
                    "%s is in the history of a credit balance: it can be cancelled, "
                    "but not deleted.",
                    line.move_id.display_name,
                )
            )

    # === ACTION METHODS === #

    def action_ask_to_move_to_credit_balance(self):
        """Ask if all that is open of these moves to the credit balance.

        :return: The question to show; its answer is the move itself.
        :rtype: dict
        :raise UserError: If one of these is not open in favour of a customer.
        :raise AccessError: If the user has no right to record payments.
        """
        self.move_id._check_payment_rights()
        for line in self:
            line._check_outstanding_credit()
        kept = "\n".join(
            self.env._(
                "%(customer)s: %(amount)s (%(name)s)",
                customer=line.partner_id.display_name,
                amount=line.currency_id.format(line._get_outstanding_credit()),
                name=line.move_id.display_name,
            )
            for line in self
        )
        return {
            "type": "ir.actions.client",
            "tag": "invoice_payments_ext.ask",
            "params": {
                "title": self.env._("Move to the credit balance"),
                "body": self.env._(
                    "This is kept as credit of the customer, for later invoices. It "
                    "can be moved back.\n\n%s",
                    kept,
                ),
                "confirm_label": self.env._("Move to credit balance"),
                "model": self._name,
                "method": "action_move_to_credit_balance",
                "ids": self.ids,
            },
        }

    def action_move_to_credit_balance(self):
        """Move all that is open of these to the credit balance and tell so.

        :return: The notification to show.
        :rtype: dict
        """
        kept = self.env["account.payment"]
        self.move_id._check_payment_rights()
        self._lock_credit_balances()
        for line in self:
            kept |= line.move_to_credit_balance()
        return prepare_notification(
            self.env._("Moved to the credit balance"),
            "\n".join(
                self.env._(
                    "%(customer)s: %(amount)s (%(name)s)",
                    customer=payment.partner_id.display_name,
                    amount=payment.currency_id.format(payment.amount),
                    name=payment.name,
                )
                for payment in kept
            ),
        )

    # === BUSINESS METHODS - DOORS === #

    def move_to_credit_balance(self, amount=None, idempotency_key=None):
        """Keep an outstanding credit of a customer on the credit balance.

        That is a payment, or a part of it, that no invoice was paid with, an open
        credit note, or a bank match. Does not commit.

        :param float amount: The amount in the currency of this journal item; all that
                             is open if not given.
        :param str idempotency_key: See `account.move.charge`.
        :return: The payment of the credit journal that this is matched with.
        :rtype: account.payment
        :raise UserError: If nothing is open in favour of a customer, the amount is
                          above it, or the key was used with other values.
        :raise AccessError: If the user has no right to record payments.
        """
        return self._pass(MOVE_TO_CREDIT_BALANCE, idempotency_key, amount=amount)

    # === BUSINESS METHODS - STEPS === #

    def _check_rights_to_keep(self):
        """Check that the user may keep these as credit.

        :raise AccessError: If the user is not of the level *Record and charge*.
        """
        self.move_id._check_payment_rights()

    def _lock_to_keep(self, **_arguments):
        """Lock the entry of this, and before it the balance that it is kept on."""
        self._check_outstanding_credit()  # Else there is no balance to lock.
        self._lock_credit_balances()
        self.move_id._lock_for_payment()
        if payment := self.move_id.origin_payment_id:
            payment._lock_with_invoices()

    def _get_amount_to_keep(self, **_arguments):
        return self._get_outstanding_credit()

    def _check_keep(self, amount):
        """Check that this much can be kept as credit, on locked records."""
        self._check_outstanding_credit()
        self.env["account.move"]._check_amount(
            amount,
            self.currency_id,
            self._get_outstanding_credit(),
            self.env._("open amount"),
        )

    def _lock_credit_balances(self):
        """Lock the balances on which the open amounts would be kept."""
        balances = self.env["account.credit.balance"]
        owners = balances._get_owners(
            (line.partner_id.id, line.company_id.id, line.currency_id.id)
            for line in self
            if line.partner_id and not line.move_id.origin_payment_id
        )
        of_payments = self.move_id.origin_payment_id._get_credit_owners()
        balances._lock_or_create({*owners.values(), *of_payments})

    def _keep_as_credit(self, amount):
        """Book an outstanding credit to the credit balance, after the checks.

        :param float amount: The amount in the currency of these journal items, which
                             are of one entry.
        :rtype: account.payment
        """
        move = self.move_id
        payment = move.origin_payment_id
        reason = self.env._("Kept as credit: %s", move.name)
        keeper = payment.with_context(
            credit_entry=CreditEntryDetails(
                entry_type="credit_note"
                if move.move_type == "out_refund"
                else "overpayment",
                invoice_id=(payment.invoice_ids[:1] or move.reversed_entry_id).id,
                label=Label("kept", move.name),
            )
        )
        values = move._get_credit_payment_values(
            move.company_id, "outbound", start=move.date
        )
        if payment:
            kept = keeper._book_outside_refund(amount, values, reason)
        else:
            kept = keeper.with_context(booked_by_door=OURS).create(
                {
                    **values,
                    "amount": amount,
                    "memo": reason,
                    "payment_type": "outbound",
                    "partner_type": "customer",
                    "partner_id": self.partner_id.id,
                    "currency_id": self.currency_id.id,
                    "company_id": move.company_id.id,
                    "destination_account_id": self.account_id.id,
                }
            )
            kept.action_post()
            kept = kept.with_env(self.env)
            (self | kept._get_receivable_lines()).reconcile()
        (move | move.reversed_entry_id)._notify_payments_changed()
        return kept.with_env(self.env)

    # === GETTERS === #

    def _get_outstanding_credit(self):
        """Return the amount that is open in favour of the customer.

        Amounts that are being refunded already are left out.

        :return: The amount in the currency of this journal item.
        :rtype: float
        """
        self.ensure_one()
        amount = -self.amount_residual_currency
        if payment := self.move_id.origin_payment_id:
            amount -= payment._get_amount_being_refunded()
            amount = min(amount, payment._get_refundable_amount())
        refunds_sudo = (
            self.env["payment.transaction"]
            .sudo()  # Another person's refunds count too.
            .search([("refund_credit_note_id", "=", self.move_id.id)])
        )
        going = sum(tx.amount for tx in refunds_sudo if tx._is_refund_in_flight())
        return self.currency_id.round(amount + going)
