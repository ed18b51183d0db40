from odoo import Command, models

from ...tools import OURS
from ..credit.credit_entry_details import CreditEntryDetails
from ..credit.entry_labels import Label
from ..states import POSTED_STATES
from .reversal_states import HELD, PARKED, STATES, TAKEN


class AccountPaymentReversal(models.Model):
    """The entries of money taken back.

    With O the account of the payment's receipts, X that of disputed payments, R the
    receivable and F that of fees: a dispute is parked by X to O. Lost money goes from
    R to O, or to X if it was parked. Money comes back by opposite entries.
    """

    _inherit = "account.payment.reversal"

    # === BUSINESS METHODS - ENTRIES === #

    def _move_money(self, date):
        """Book the way of the money from where it stands to where the state wants it.

        :param datetime.date date: The day of the entries.
        """
        if self.is_by_bank:
            return
        wanted = self._get_wanted_money()
        if self._is_taken() and wanted != TAKEN:
            self.taking_payment_id._undo_by_opposite_entry(
                date, self._get_entry_label(), self
            )
        if self.parking_move_id and wanted == HELD:
            self._unpark(date)
        elif wanted == PARKED and not self.parking_move_id:
            self._park(date)
        elif wanted == TAKEN and not self._is_taken():
            self._take(date)
        receipts = self.payment_id.outstanding_account_id
        money = self.parking_move_id | self.taking_payment_id.move_id
        money.line_ids.filtered(
            lambda line: line.account_id == receipts and line.balance < 0
        )._match_returned()

    def _hold_withdrawn(self, date):
        """Put withdrawn money back, as another amount of it is to be withdrawn.

        :param datetime.date date: The day of the entries; today if not given.
        :return: Whether it was withdrawn.
        :rtype: bool
        """
        date = self.payment_id._get_taken_back_booking_date(date)
        is_taken, is_parked = self._is_taken(), bool(self.parking_move_id)
        if is_taken:
            self.taking_payment_id._undo_by_opposite_entry(
                date, self._get_entry_label(), self
            )
        if is_parked:
            self._unpark(date)
        return is_taken or is_parked

    def _follow_amount(self, date):
        """Book the amount, which the provider changed.

        :param datetime.date date: The day of the entries; today if not given.
        """
        self._move_money(self.payment_id._get_taken_back_booking_date(date))
        moves = self.taking_payment_id.refund_allocation_ids.invoice_id
        (self.invoice_ids | moves)._notify_payments_changed()

    def _get_wanted_money(self):
        """Return where the money is to stand, by the state and the company's setting.

        :rtype: str
        """
        money = STATES[self.state].money
        is_parked = (
            self.kind == "dispute" and self.company_id.dispute_handling == "park"
        )
        return TAKEN if money == PARKED and not is_parked else money

    def _is_taken(self):
        """Tell if the customer owes the amount again, by a payment that is posted."""
        return self.taking_payment_id.state in POSTED_STATES

    def _park(self, date):
        """Keep the amount on the account of disputed payments."""
        self.parking_move_id = self._book_entry(
            date, self.amount, self.company_id._get_disputed_payments_account()
        )

    def _unpark(self, date):
        """Take the amount off the account of disputed payments again."""
        parked = self.parking_move_id.with_context(undone_by_door=OURS)
        opposite = parked._reverse_moves(
            [
                {
                    "date": date,
                    "ref": self._get_entry_label(),
                    "payment_reversal_id": self.id,
                }
            ]
        )
        opposite._post(soft=False)
        self.parking_move_id = False

    def _take(self, date):
        """Let the customer owe the amount again, by an outgoing payment."""
        payment = self.payment_id
        reason = self._get_entry_label()
        parked = self.parking_move_id.line_ids.filtered(lambda line: line.balance > 0)
        # Of money that was given back before, nothing is left to be matched with.
        held = min(self.amount, payment._get_refundable_amount())
        undone = payment._undo_allocations(held)
        payments = self.env["account.payment"].with_context(
            booked_by_door=OURS, written_by_door=OURS
        )
        taking = payments.create(self._prepare_taking_vals(date, reason))
        taking.outstanding_account_id = (
            parked.account_id or payment.outstanding_account_id
        )
        if parked:
            # In the same value: nothing is left on the account of disputed payments.
            taking._generate_journal_entry(force_balance=parked.balance)
        taking.action_post()
        taking = taking.with_env(self.env)
        taking.move_id.payment_reversal_id = self
        self.taking_payment_id = taking
        self._allocate_taking(taking, held, undone)
        if parked:
            lines = taking.move_id.line_ids.filtered(
                lambda line: line.account_id == parked.account_id
            )
            (lines | parked).reconcile()
        self._take_from_credit(taking)

    def _allocate_taking(self, taking, held, undone):
        """Match the amount that was held with its payment; the rest stays owed.

        :param account.payment taking: The payment by which the customer owes it again.
        :param float held: The amount of the source payment that is matched with it.
        :param tuple undone: See `account.payment._undo_allocations`.
        """
        payment = self.payment_id
        if not self.currency_id.compare_amounts(held, self.amount):
            payment._allocate_refund(taking, taking.memo, undone)
            return
        applied, _credited, reopened = undone
        lines = payment._get_receivable_lines().filtered(
            lambda line: not line.reconciled
        )
        self.env["account.move"]._reconcile_part(
            taking._get_receivable_lines(), lines, held
        )
        payment._match_rest(reopened, [])
        taking._keep_allocations(
            [(move, amount, None) for move, amount in applied.items()]
        )

    def _prepare_taking_vals(self, date, reason):
        """Return the values of the payment by which the customer owes it again.

        :rtype: dict
        """
        payment = self.payment_id
        return {
            **payment.payment_transaction_id._prepare_refund_payment_vals(payment),
            "amount": self.amount,
            "currency_id": self.currency_id.id,
            "date": date,
            "memo": reason,
            "payment_reference": self.provider_reference,
            "payment_type": "outbound",
            "partner_type": "customer",
            "is_taken_back": True,
        }

    def _take_from_credit(self, taking):
        """Take off the balance the part of the payment that was kept as credit.

        The balance never goes below zero: of credit that was spent, a person decides.

        :param account.payment taking: The payment by which the customer owes it again.
        """
        payment = self.payment_id
        owed = taking._get_receivable_lines()
        open_amount = sum(owed.mapped("amount_residual_currency"))
        if self.currency_id.compare_amounts(open_amount, 0) <= 0:
            return
        kept = payment._get_kept_as_credit()
        amount = 0.0
        if self.currency_id.compare_amounts(kept, 0) > 0:
            balances = self.env["account.credit.balance"]._lock_or_create(
                list(payment._get_credit_owners())
            )
            [balance] = balances.values()
            amount = self.currency_id.round(min(open_amount, kept, balance.amount))
        if self.currency_id.compare_amounts(amount, 0) > 0:
            details = CreditEntryDetails(
                entry_type="taken_back",
                label=Label("taken_back", payment.name),
                note=self.reason or "",
            )
            taken = self.env["account.payment"].with_context(
                booked_by_door=OURS, credit_entry=details
            )
            vals = balance._prepare_pay_out_vals(
                amount, self._get_entry_label(), payment
            )
            taken = taken.create(vals)
            taken.action_post()
            taken = taken.with_env(self.env)
            taking._reconcile_in_order([owed | taken._get_receivable_lines()])
            open_amount = self.currency_id.round(open_amount - amount)
        if self.currency_id.compare_amounts(open_amount, 0) > 0:
            self._tell_not_covered(open_amount)

    # === BUSINESS METHODS - HELPERS === #

    def _book_entry(self, date, amount, account, taxes=None):
        """Book an amount from the payment's receipts to another account.

        :param account.account account: The account of the debit.
        :param account.tax taxes: The taxes that the amount includes.
        :return: The posted entry.
        :rtype: account.move
        """
        balance = self.currency_id._convert(
            amount, self.company_id.currency_id, self.company_id, date
        )
        debits = [(account, amount, balance, {"tax_ids": [Command.clear()]})]
        if taxes:
            debits = self._split_taxes(account, amount, balance, taxes)
        receipts = self.payment_id.outstanding_account_id
        credit = (receipts, -amount, -balance, {"tax_ids": [Command.clear()]})
        return self._book_lines(date, [*debits, credit])

    def _book_lines(self, date, lines, **values):
        """Book these lines, as they are.

        :param list[tuple] lines: For each its account, the amount in the currency of
                                  the payment and in that of the company, and further
                                  values.
        :param values: Further values of the entry.
        :return: The posted entry.
        :rtype: account.move
        """
        payment = self.payment_id
        label = self._get_entry_label()
        # The amounts are exact already: Odoo would compute the taxes from the base.
        entry = self.env["account.move"].with_context(skip_invoice_sync=True)
        entry = entry.create(
            {
                "move_type": "entry",
                "journal_id": payment.journal_id.id,
                "company_id": self.company_id.id,
                "date": date,
                "ref": label,
                "payment_reversal_id": self.id,
                "line_ids": [
                    Command.create(
                        {
                            "name": label,
                            "account_id": each.id,
                            "partner_id": payment.partner_id.id,
                            "currency_id": self.currency_id.id,
                            "amount_currency": line_amount,
                            "balance": line_balance,
                            **vals,
                        }
                    )
                    for each, line_amount, line_balance, vals in lines
                ],
                **values,
            }
        ).with_env(self.env)
        entry._post(soft=False)
        return entry

    def _get_entry_label(self):
        """Return the label of the entries: the kind, and the reference."""
        facts = (self.display_name, self.provider_reference)
        return " - ".join(filter(None, facts))

    def _get_entry_blocker(self, entry):
        """Say why an entry of this record is not undone by hand.

        :rtype: str
        """
        return self.env._(
            "%(entry)s belongs to %(name)s: use Won, Lost or Cancel there.",
            entry=entry.display_name,
            name=self.display_name,
        )
