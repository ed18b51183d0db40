from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import AccessError, LockError, UserError

from ..tools import OURS, get_id, prepare_notification
from .core.door import Door
from .refund_amounts import get_given_back
from .states import POSTED_STATES, UNSUCCESSFUL_OUTCOMES


class RefundTarget(NamedTuple):
    """The methods of the payment for one way to give money back.

    :param str work: Prepares or books it, given the amount, the reason, the facts of
                     what is paid outside, and what it undoes.
    :param str lock: Locks what comes before the payment; none if not given.
    """

    work: str
    lock: str | None = None


REFUND_TARGETS = {
    "original": RefundTarget("_refund_to_original"),
    "outside": RefundTarget("_refund_outside"),
    "credit": RefundTarget("_refund_to_credit", "_lock_credit_balances"),
}
# What a posted journal entry books of a payment.
CAPPED_FIELDS = ("amount", "currency_id", "journal_id", "payment_type")


REFUND = Door(
    "account.payment.refund",
    rights="_check_refund_rights",
    lock="_lock_to_refund",
    amount="_get_amount_to_refund",
    check="_check_refund",
    work="_carry_out_refund",
    complete="_complete_refund",
    approval="refund",
)


class AccountPayment(models.Model):
    """Money given back: what may be refunded, where to, and what it undoes."""

    _inherit = "account.payment"

    # Stock knows the refunds of a gateway only.
    source_payment_id = fields.Many2one(
        related=None,
        compute="_compute_source_payment_id",
        store=True,
        readonly=False,
        copy=False,
        help="The payment that this one gives back.",
    )
    refund_payment_ids = fields.One2many(
        string="Refunds",
        comodel_name="account.payment",
        inverse_name="source_payment_id",
        readonly=True,
    )
    refund_allocation_ids = fields.One2many(
        comodel_name="account.refund.allocation",
        inverse_name="payment_id",
        readonly=True,
    )

    # === COMPUTE METHODS === #

    @api.depends("payment_transaction_id.source_transaction_id.payment_id")
    def _compute_source_payment_id(self):
        for payment in self:
            transaction = payment.payment_transaction_id
            source = transaction.source_transaction_id.payment_id
            if transaction.operation == "refund" and source:
                payment.source_payment_id = source
            else:
                payment.source_payment_id = payment.source_payment_id

    def _compute_amount_available_for_refund(self):
        """Count what is in flight and what was given back outside as well."""
        result = super()._compute_amount_available_for_refund()
        for payment in self.filtered("amount_available_for_refund"):
            payment.amount_available_for_refund = payment._get_refundable_amount()
        return result

    def _compute_payment_receipt_title(self):
        result = super()._compute_payment_receipt_title()
        for payment in self.filtered("source_payment_id"):
            payment.payment_receipt_title = self.env._("Refund Receipt")
        return result

    # === CHECK METHODS === #

    def _check_refund_rights(self):
        """Check that the user may refund these payments.

        :raise AccessError: If the user is not of the level *Refund and credit*, or may
                            not change the payments and their invoices.
        """
        self._get_refund_invoices()._check_refund_rights()
        self.check_access("write")

    def _check_refund(
        self, amount, to, reduce_bill, reason, invoice_id, credit_note_id, **values
    ):
        """Check a refund, on a locked payment; see :meth:`refund`.

        :return: The amount that counts towards the approval limit.
        :rtype: float
        """
        self.ensure_one()
        if not isinstance(to, str) or to not in REFUND_TARGETS:
            raise UserError(
                self.env._(
                    "A refund goes to the original method ('original'), outside "
                    "('outside') or to the credit balance ('credit'), not to "
                    "%(value)r.",
                    value=to,
                )
            )
        self._check_reason(reason)
        if blocked := self._get_refund_blocked_reason(to):
            raise UserError(blocked)
        self.env["account.move"]._check_amount(
            amount,
            self.currency_id,
            self._get_refundable_amount(),
            self.env._("refundable amount"),
        )
        if blocked := self._get_refund_blocked_reason(to, amount):
            raise UserError(blocked)
        invoice = self._get_chosen_invoice(invoice_id)
        if to == "outside":
            self._get_outside_refund_values(self.company_id, **values)
        elif any(values.values()):
            raise UserError(
                self.env._(
                    "A journal, a date and a reference are given for refunds outside "
                    "the gateway only."
                )
            )
        if credit_note_id:
            self._check_paid_out_credit_note(
                amount, credit_note_id, reduce_bill or invoice
            )
        elif reduce_bill:
            self._check_bill_reducible(amount, invoice, values.get("date"))
        return amount

    def _check_paid_out_credit_note(self, amount, credit_note_id, is_more_wanted):
        """Check the credit note that is to be paid out by a refund."""
        open_amounts = self._get_open_credit_notes()
        credit_note = self.env["account.move"].browse(credit_note_id).exists()
        if credit_note not in open_amounts:
            raise UserError(
                self.env._(
                    "%(credit_note)s is no open credit note of an invoice that "
                    "%(payment)s paid.",
                    credit_note=credit_note.display_name or credit_note_id,
                    payment=self.display_name,
                )
            )
        if is_more_wanted:
            raise UserError(
                self.env._(
                    "A refund that pays out a credit note neither reopens an invoice "
                    "nor reduces its bill again."
                )
            )
        self.env["account.move"]._check_amount(
            amount,
            self.currency_id,
            open_amounts[credit_note],
            self.env._("open amount of %s", credit_note.display_name),
        )

    @api.model
    def _check_reason(self, reason):
        """Check that a reason was given, and that it says something.

        :raise UserError: If it is none.
        """
        if not isinstance(reason, str) or not reason.strip():
            raise UserError(self.env._("A reason is required."))

    def _check_bill_reducible(self, amount, invoice, date):
        """Check that credit notes can take this refund off the bills."""
        _unallocated, parts, untraced = self._plan_refund(amount, invoice)
        if not self.currency_id.is_zero(untraced):
            parts = []
        for move, applied in self._group_by_invoice(parts).items():
            creditable = (
                move._get_creditable_amount() if move.move_type == "out_invoice" else 0
            )
            if move.currency_id.compare_amounts(applied, creditable) > 0:
                raise UserError(
                    self.env._(
                        "The bill %(invoice)s cannot be reduced by %(amount)s: "
                        "%(creditable)s of it are not credited yet.",
                        invoice=move.display_name,
                        amount=move.currency_id.format(applied),
                        creditable=move.currency_id.format(creditable),
                    )
                )
            move._get_credit_note_date(date)
        if not parts:
            raise UserError(
                self.env._(
                    "%s pays no bill with this amount, so there is none to reduce.",
                    self.display_name,
                )
            )

    def _check_no_refund_in_flight(self):
        """Check that no refund of these payments may still go out.

        :raise UserError: Naming the refund.
        """
        for reason in self._get_gateway_refunds()._get_refund_in_flight_reasons():
            raise UserError(reason)

    def _get_refund_in_flight_blockers(self, way):
        """Name the refunds of these payments that may still go out."""
        if way != "unpost":
            yield from self._get_gateway_refunds()._get_refund_in_flight_reasons()

    def _check_posted_within_source(self):
        """Check what a door did not book: that no more is given back than was paid.

        A refund may have been reset, or the payment that it gives back been changed.
        """
        self._check_entry_as_paid()
        sources_sudo = self.source_payment_id.sudo()
        sources_sudo._lock_for_refund()
        for refund in self.filtered("source_payment_id"):
            source_sudo = refund.source_payment_id.sudo()
            if refund.payment_transaction_id and not source_sudo.is_from_credit:
                continue  # The gateway gave it back, whatever becomes of the books.
            if not source_sudo._is_posted():
                raise UserError(
                    self.env._(
                        "%(refund)s cannot be posted: %(payment)s, which it gives "
                        "back, is not posted.",
                        refund=refund.display_name,
                        payment=source_sudo.display_name,
                    )
                )
            if reversed_reason := source_sudo._get_reversed_reason():
                raise UserError(reversed_reason)
            if (
                refund.currency_id.compare_amounts(
                    source_sudo._get_given_back(), source_sudo.amount
                )
                > 0
            ):
                raise UserError(
                    self.env._(
                        "%(refund)s cannot be posted: more would be given back than "
                        "the %(amount)s of %(payment)s.",
                        refund=refund.display_name,
                        amount=source_sudo.currency_id.format(source_sudo.amount),
                        payment=source_sudo.display_name,
                    )
                )
        for payment in self:
            transaction_sudo = payment.sudo().payment_transaction_id
            if (
                transaction_sudo
                and not payment.is_from_credit
                and payment.currency_id.compare_amounts(
                    payment.amount, transaction_sudo.amount
                )
                >= 0
            ):
                continue  # It did come, whatever was given back since.
            given_back = payment._get_given_back()
            if payment.currency_id.compare_amounts(given_back, payment.amount) > 0:
                raise UserError(
                    self.env._(
                        "%(given_back)s of %(payment)s were given back: it cannot be "
                        "posted with less.",
                        given_back=payment.currency_id.format(given_back),
                        payment=payment.display_name,
                    )
                )

    def _check_entry_as_paid(self):
        """Check that draft entries, which people may edit, book what has a cap.

        :raise UserError: If one changes the credit balance, or what the customer owes,
                          by another amount than that of its payment.
        """
        for payment in self.filtered("move_id"):
            if payment.journal_id.is_credit_balance:
                booked = payment.move_id._get_credit_amounts()
                booked = booked.get(payment.currency_id, 0.0)
            elif payment.source_payment_id:
                lines = payment._get_receivable_lines()
                booked = sum(lines.mapped("amount_currency"))
            else:
                continue
            expected = payment.amount
            if payment.payment_type == "inbound":
                expected = -expected
            if payment.currency_id.compare_amounts(booked, expected):
                raise UserError(
                    self.env._(
                        "%(payment)s is about %(amount)s, but its journal entry books "
                        "%(booked)s.",
                        payment=payment.display_name,
                        amount=payment.currency_id.format(payment.amount),
                        booked=payment.currency_id.format(abs(booked)),
                    )
                )

    def _check_kept_with_entry(self, vals):
        """Check that what has a cap stays as its posted journal entry books it.

        :raise UserError: Naming the payment.
        """
        changes = {name: vals[name] for name in CAPPED_FIELDS if name in vals}
        for payment in self._filter_capped():
            if payment._is_posted() and any(
                self.env["account.move"]._field_will_change(payment, changes, name)
                for name in changes
            ):
                raise UserError(
                    self.env._(
                        "%s is posted: reset it to draft before you change it.",
                        payment.display_name,
                    )
                )

    def _get_posted_entry_blockers(self, way):
        """Name payments that change a credit balance, called off without their entry.

        Others may be: a bank rejects a transfer, whose entry stays as it is.
        """
        if way != "unpost":
            return
        for payment in self.sudo():
            if payment.journal_id.is_credit_balance and payment._is_posted():
                yield self.env._(
                    "The journal entry of %s is posted: reset or cancel the payment.",
                    payment.display_name,
                )

    # === CRUD METHODS === #

    def write(self, vals):
        """Keep what the cap on refunds depends on.

        That is the link to the payment that is given back, and that the payment is
        posted when its journal entry is, by whatever door.
        """
        if "source_payment_id" in vals and not self.env.su:
            raise AccessError(
                self.env._("Which payment a refund gives back cannot be changed.")
            )
        if any(name in vals for name in CAPPED_FIELDS):
            self._check_kept_with_entry(vals)
        if "state" not in vals:
            return super().write(vals)
        if vals["state"] not in POSTED_STATES:
            if self.env.context.get("entry_follows") is not OURS:
                self._check_can_be_undone("unpost")
            return super().write(vals)
        posting = self.browse()
        if self.env.context.get("booked_by_door") is not OURS:
            posting = self.filtered(lambda payment: not payment._is_posted())
        again = posting._filter_posted_again()
        result = super(AccountPayment, self._with_entry()).write(vals)
        # Of what is written besides, too.
        posting._check_posted_within_source()
        # Odoo writes the state once more while it makes an entry anew.
        again.filtered(lambda payment: payment._is_posted())._match_again()
        return result

    def unlink(self):
        return super(AccountPayment, self._with_entry()).unlink()

    # === ACTION METHODS === #

    def action_refund_wizard(self):
        """Return the dialog that refunds this payment, in the place of Odoo's own.

        :rtype: dict
        """
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "account.payment.refund",
            "views": [(False, "form")],
            "target": "new",
            "name": self.env._("Refund %s", self.name),
            "context": {"default_payment_id": self.id},
        }

    @api.model
    def _get_refund_notification(self, result):
        """Return the client action that tells what came of :meth:`refund`.

        :rtype: dict
        """
        if result._name == "account.payment.approval":
            return result._get_waiting_notification()
        attempt = (
            result.payment_transaction_id
            if result._name == "account.payment"
            else result
        )
        if attempt:
            return attempt._get_outcome_notification()
        return prepare_notification(
            self.env._("Refund recorded"),
            self.env._(
                "%(amount)s was recorded as %(name)s.",
                amount=result.currency_id.format(result.amount),
                name=result.name,
            ),
        )

    # === BUSINESS METHODS - DOORS === #

    def refund(
        self,
        amount=None,
        to="original",
        reduce_bill=False,
        reason=None,
        journal_id=None,
        date=None,
        reference=None,
        invoice_id=None,
        credit_note_id=None,
        idempotency_key=None,
    ):
        """Give money of this payment back to the customer.

        What of the payment was not allocated goes first. For the rest, the invoices
        that it paid reopen, or credit notes take it off their bills; or it pays out a
        credit note that is open.

        To the original method it goes through the gateway, in the same steps as a
        charge: it commits, and must not be called in the middle of other work. Outside
        it is a record only, and does not commit.

        :param float amount: The amount in the payment's currency; the refundable amount
                             if not given.
        :param str to: `original` for the method that was charged, `outside` for cash,
                       a cheque or a bank transfer, `credit` to keep it on the
                       customer's credit balance.
        :param bool reduce_bill: Whether credit notes for the amount are issued, so that
                                 the invoices stay paid; else they reopen.
        :param str reason: Why. Required.
        :param int journal_id: Outside: the bank or cash journal that it is paid from;
                               the company's first one if not given.
        :param date|str date: Outside: the day on which it was paid; today if not given.
        :param str reference: Outside: the number of the cheque, of the transfer.
        :param int invoice_id: Where the payment paid several invoices: the one that is
                               reopened or reduced first; the one that it was
                               allocated to last if not given.
        :param int credit_note_id: An open credit note of an invoice that this payment
                                   paid: the refund pays it out.
        :param str idempotency_key: See `account.move.charge`.
        :return: The refund; while it is not booked, the attempt to refund; a request
                 where a second person is needed.
        :rtype: account.payment or payment.transaction or account.payment.approval
        :raise UserError: If the payment, the amount or the method cannot be refunded, a
                          value does not fit, or the key was used with other values.
        :raise AccessError: If the user has no right to refund.
        """
        if to == "original" and len(self) == 1 and self.is_from_credit:
            to = "credit"  # That is where it came from; there is no gateway.
        return self._pass(
            REFUND,
            idempotency_key,
            amount=amount,
            to=to,
            reduce_bill=reduce_bill,
            reason=reason,
            journal_id=journal_id,
            date=date,
            reference=reference,
            invoice_id=invoice_id,
            credit_note_id=credit_note_id,
        )

    # === BUSINESS METHODS - STEPS === #

    def _get_amount_to_refund(self, **_arguments):
        return self._get_refundable_amount()

    def _carry_out_refund(
        self,
        amount,
        to,
        reduce_bill,
        reason,
        invoice_id,
        credit_note_id,
        **outside_values,
    ):
        """Prepare or book a refund that was checked, on a locked payment."""
        self.ensure_one()
        undone = {
            "reduces_bill": reduce_bill,
            "invoice": self._get_chosen_invoice(invoice_id),
            "credit_note": self.env["account.move"].browse(credit_note_id or []),
        }
        work = REFUND_TARGETS[to].work
        return getattr(self, work)(amount, reason.strip(), outside_values, **undone)

    def _refund_to_original(self, amount, reason, _outside_values, **undone):
        """Prepare a refund through the gateway."""
        return self._prepare_refund_attempt(amount, reason, **undone).sudo(False)

    def _refund_outside(self, amount, reason, outside_values, **undone):
        """Book money that was given back by hand."""
        values = self._get_outside_refund_values(self.company_id, **outside_values)
        return self._book_outside_refund(amount, values, reason, **undone)

    @api.model
    def _complete_refund(self, result):
        """Run the attempt that was prepared, if it is one.

        :return: What became of it: the refund, or the attempt while it is not booked.
        """
        if result._name != "payment.transaction":
            return result
        # In superuser mode: providers and the work on attempts are not the staff's.
        result.sudo()._run_attempt()
        return result.sudo().payment_id.with_env(self.env) or result.with_env(self.env)

    def _lock_to_refund(self, to, credit_note_id=None, **_arguments):
        """Lock this payment, and before it the balance that it is kept on, if it is.

        A credit note that is paid out is locked as well: it may be kept as credit.
        """
        target = REFUND_TARGETS.get(to) if isinstance(to, str) else None
        if target and target.lock:
            getattr(self, target.lock)()
        self._lock_for_refund(
            self.env["account.move"].browse(credit_note_id or []).exists()
        )

    def _lock_for_refund(self, credit_note=None):
        """Lock these payments, and before them the invoices that they paid.

        :param account.move credit_note: A credit note that is locked with the invoices.
        :raise UserError: If somebody else is at one of them right now.
        """
        invoices = self._get_refund_invoices()
        if credit_note:
            invoices |= credit_note
        invoices._lock_for_payment()
        try:
            self._lock_rows()
        except LockError as error:
            raise UserError(
                self.env._(
                    "Somebody else is working on %s right now. Look at what was done, "
                    "then try again.",
                    ", ".join(self.mapped("display_name")),
                )
            ) from error

    def _prepare_refund_attempt(
        self,
        amount,
        reason,
        reduces_bill=False,
        invoice=None,
        credit_note=None,
        credit_payment=None,
    ):
        """Create the attempt to give money back through the gateway.

        Note: `self.ensure_one()`; on a locked payment, after the checks.

        :param float amount: The amount in the payment's currency.
        :param str reason: Why, for the records.
        :param bool reduces_bill: Whether credit notes are issued when it succeeded.
        :param account.move invoice: The invoice that is reopened or reduced first.
        :param account.move credit_note: The credit note that is paid out by it.
        :param account.payment credit_payment: What was taken from a credit balance to
                                               be paid out by it.
        :return: The attempt, in superuser mode.
        :rtype: payment.transaction
        """
        self.ensure_one()
        credits_planned = {}
        if credit_note:
            invoice = credit_note.reversed_entry_id
        elif credit_payment:
            invoice = self.env["account.move"]
        else:
            _unallocated, parts, _untraced = self._plan_refund(amount, invoice)
            by_invoice = self._group_by_invoice(parts)
            if reduces_bill:
                credits_planned = {
                    str(move.id): applied for move, applied in by_invoice.items()
                }
            invoice = invoice or next(
                (move for move in by_invoice if move.is_invoice(True)),
                self.env["account.move"],
            )
        # The staff may refund, but not write transactions as they like.
        source_sudo = self.sudo().payment_transaction_id
        attempt_sudo = source_sudo._create_child_transaction(
            amount,
            is_refund=True,
            request_kind="refund",
            request_state="ready",
            memo=reason,
            refund_credits_planned=credits_planned or False,
            refund_credit_note_id=credit_note.id if credit_note else False,
            refund_credit_payment_id=credit_payment.id if credit_payment else False,
            charge_invoice_id=invoice.id,
        )
        attempt_sudo.with_context(payment_backend_action=True)._log_sent_message()
        return attempt_sudo

    def _book_outside_refund(
        self, amount, values, reason, reduces_bill=False, invoice=None, credit_note=None
    ):
        """Book money that was given back outside any gateway.

        On a locked payment, after the checks. Without a payment, it pays out a credit
        note for what no payment brought.

        :param float amount: The amount, in the currency of the payment or credit note.
        :param dict values: What :meth:`_get_outside_refund_values` returned.
        :param str reason: Why, for the records.
        :param bool reduces_bill: Whether credit notes are issued for it.
        :param account.move invoice: The invoice that is reopened or reduced first.
        :param account.move credit_note: The credit note that is paid out by it.
        :return: The posted refund.
        :rtype: account.payment
        """
        credits_planned = None
        if reduces_bill:
            _unallocated, parts, _untraced = self._plan_refund(amount, invoice)
            credits_planned = self._group_by_invoice(parts)
        undone = self._undo_allocations(amount, credits_planned, invoice, credit_note)
        refund = (
            self.env["account.payment"]
            .with_context(booked_by_door=OURS)
            .create(
                self._prepare_outside_refund_vals(amount, values, reason, credit_note)
            )
        )
        refund.action_post()
        refund = refund.with_env(self.env)
        self._allocate_refund(refund, reason, undone, credit_note)
        self._log_outside_refund(refund, reason)
        return refund

    def _prepare_outside_refund_vals(self, amount, values, reason, credit_note):
        """Return the values of a refund outside any gateway.

        :rtype: dict
        """
        account = self.destination_account_id
        if credit_note:
            account = credit_note._get_open_receivable_lines().account_id[:1]
        return {
            **values,
            "amount": amount,
            "memo": reason,
            "payment_type": "outbound",
            "partner_type": "customer",
            "partner_id": (self.partner_id or credit_note.commercial_partner_id).id,
            "currency_id": (self.currency_id or credit_note.currency_id).id,
            "company_id": (self.company_id or credit_note.company_id).id,
            "destination_account_id": account.id,
            "source_payment_id": self.id,
        }

    @api.model
    def _get_outside_refund_values(
        self, company, journal_id=None, date=None, reference=None
    ):
        """Check what was given for a refund outside the gateway and complete it.

        :return: The values for :meth:`_book_outside_refund`.
        :rtype: dict
        """
        moves = self.env["account.move"]
        journal = moves._get_external_journal(journal_id, company)
        date = moves._get_external_date(
            journal,
            date,
            company,
            start=self.date if self else None,
            start_label=self.env._("the payment"),
        )
        return {
            "journal_id": journal.id,
            "payment_method_line_id": moves._get_external_method_line(
                journal, None, "outbound"
            ).id,
            "date": date,
            "payment_reference": reference or False,
        }

    # === BUSINESS METHODS - ALLOCATION === #

    def _plan_refund(self, amount, invoice=None):
        """Return what a refund of this amount undoes.

        The unallocated part of the payment goes first, then what paid the chosen
        invoice, then what was allocated last.

        :param float amount: The amount in the payment's currency.
        :param account.move invoice: The invoice to begin with.
        :return: The unallocated part and what can be traced to nothing, in the
                 payment's currency; between them the parts to undo, as a list of the
                 partial reconciliation, its invoice and the amount in the invoice's
                 currency.
        :rtype: tuple[float, list[tuple], float]
        """
        self.ensure_one()
        lines = self._get_receivable_lines()
        unallocated = min(
            max(-sum(lines.mapped("amount_residual_currency")), 0), amount
        )
        left = self.currency_id.round(amount - unallocated)
        parts = []
        for partial in self._get_undoable_partials(invoice):
            if self.currency_id.compare_amounts(left, 0) <= 0:
                break
            undone = min(left, partial.credit_amount_currency)
            line = partial.debit_move_id
            applied = line.currency_id.round(
                partial.debit_amount_currency * undone / partial.credit_amount_currency
            )
            parts.append((partial, line.move_id, applied))
            left = self.currency_id.round(left - undone)
        return self.currency_id.round(unallocated), parts, left

    def _get_receivable_lines(self):
        """Return the lines of this payment's entry that are allocated."""
        return self.move_id.line_ids.filtered(
            lambda line: line.account_id == self.destination_account_id
        )

    def _get_undoable_partials(self, invoice=None):
        """Return the reconciliations with what this paid, the first to undo first."""
        partials = self._get_receivable_lines().matched_debit_ids.filtered(
            lambda partial: (
                partial.debit_move_id.payment_id.payment_type != "outbound"
                # The rest are exchange differences, which go with their partials.
                and partial.credit_amount_currency
                and partial.debit_amount_currency
            )
        )
        return partials.sorted(
            lambda partial: (partial.debit_move_id.move_id == invoice, partial.id),
            reverse=True,
        )

    @api.model
    def _group_by_invoice(self, parts):
        """Add up the parts of :meth:`_plan_refund` by invoice."""
        by_invoice = {}
        for _partial, move, applied in parts:
            by_invoice[move] = by_invoice.get(move, 0.0) + applied
        return by_invoice

    def _undo_allocations(
        self, amount, credits_planned=None, invoice=None, credit_note=None
    ):
        """Undo the reconciliations that a refund takes the money from.

        Called before the refund is created where that is possible: deleting records
        empties the cache, and all that the creation reads would be read once more.

        :param float amount: The amount of the refund, in the payment's currency.
        :param dict credits_planned: Where the bill is reduced too: by invoice, what
                                     credit notes take off it at the most.
        :param account.move invoice: The invoice to begin with.
        :param account.move credit_note: The credit note that it pays out.
        :return: What :meth:`_allocate_refund` needs to know: by invoice, what was
                 allocated and what credit notes take off; and what :meth:`_reopen`
                 returned, `None` if the credit notes are paid out directly.
        :rtype: tuple[dict, dict, list | None]
        """
        if credit_note:
            return {}, {}, None
        self = self.sudo()  # Undoing a reconciliation is part of the refund.
        _unallocated, parts, _untraced = self._plan_refund(amount, invoice)
        applied = self._group_by_invoice(parts)
        to_credit = self._limit_credits(applied, credits_planned or {})
        # Paid out directly where that is exact: all of it, in the same currency.
        is_direct = to_credit == applied and all(
            move.currency_id == self.currency_id for move in applied
        )
        if is_direct and to_credit:
            return applied, to_credit, None
        return applied, to_credit, self._reopen([partial for partial, *_rest in parts])

    def _allocate_refund(self, refund, reason, undone, credit_note=None):
        """Reconcile a posted refund with what it undoes, and keep what that was.

        :param account.payment refund: The refund of this payment.
        :param str reason: Why, for the records.
        :param tuple undone: What :meth:`_undo_allocations` returned.
        :param account.move credit_note: The credit note that it pays out.
        """
        self = self.sudo()  # As for undoing.
        refund = refund.sudo()
        if credit_note:
            lines = credit_note.sudo()._get_open_receivable_lines()
            refund._reconcile_in_order([refund._get_receivable_lines() | lines])
            partials = refund._get_receivable_lines().matched_credit_ids.filtered(
                lambda partial: partial.credit_move_id in lines
            )
            paid_out = sum(partials.mapped("credit_amount_currency"))
            refund._keep_allocations(
                [(credit_note.reversed_entry_id, paid_out, credit_note)]
            )
            return
        applied, to_credit, reopened = undone
        was_reopened = reopened is not None
        if was_reopened:
            self._reconcile_with_refund(refund, reopened)
        credit_notes = self._reduce_bills(refund, reason, to_credit, was_reopened)
        refund._keep_allocations(
            [
                *(
                    (move, amount, credit_notes[move])
                    for move, amount in to_credit.items()
                ),
                *(
                    (
                        move,
                        move.currency_id.round(amount - to_credit.get(move, 0)),
                        None,
                    )
                    for move, amount in applied.items()
                ),
            ]
        )

    def _limit_credits(self, applied, credits_planned):
        """Return what credit notes can take off the bills now.

        Never more than was planned and checked, nor more than is left of the bill;
        either may have changed while the gateway was asked.
        """
        to_credit = {}
        for move, amount in applied.items():
            if (
                move not in credits_planned
                or move.move_type != "out_invoice"
                or move.state != "posted"
            ):
                continue
            currency = move.currency_id
            amount = min(amount, credits_planned[move])
            if currency.compare_amounts(amount, 0) > 0:
                amount = min(amount, move._get_creditable_amount())
            if currency.compare_amounts(amount, 0) > 0:
                to_credit[move] = amount
        return to_credit

    def _reduce_bills(self, refund, reason, to_credit, was_reopened):
        """Issue credit notes, and reconcile the refund with them.

        Where the invoices were reopened, they are reconciled with these instead.

        :return: The credit note of each invoice.
        :rtype: dict
        """
        credit_notes = {
            move: move._create_credit_note(
                amount=amount,
                # The reason of a refund is not for the customer, to whom it is sent.
                note=reason,
                date=max(refund.date, move.invoice_date),
                reconcile=was_reopened,
            )
            for move, amount in to_credit.items()
        }
        if credit_notes and not was_reopened:
            lines = refund._get_receivable_lines()
            refund._reconcile_in_order(
                [
                    # The unallocated part first, the rest is what they take.
                    lines | self._get_receivable_lines(),
                    *(
                        lines | credit_note._get_open_receivable_lines()
                        for credit_note in credit_notes.values()
                    ),
                ]
            )
        return credit_notes

    def _reopen(self, partials):
        """Undo these reconciliations of this payment with what it paid.

        :return: The lines of what it paid.
        :rtype: list
        """
        # What depends on the reconciled invoices is computed at the end, once: the ORM
        # would search for it with each change.
        self = self.with_context(nothing_reconciled_yet=OURS)
        reopened = [partial.debit_move_id for partial in partials]
        partials = self.env["account.partial.reconcile"].union(*partials)
        # Odoo deletes it after them, and before it does would compute what depends on
        # them: most of that is about to change again.
        partials.full_reconcile_id.unlink()
        self._fetch_reconciled(partials.debit_move_id | partials.credit_move_id)
        moves = partials.debit_move_id.move_id
        partials.unlink()
        self.env.add_to_compute(moves._fields["payment_state"], moves)
        return reopened

    @api.model
    def _fetch_reconciled(self, lines):
        """Read what depends on the reconciliation of these lines, all at once.

        The ORM would read it line by line.
        """
        moves = lines.move_id
        moves.fetch(
            ["line_ids", "payment_ids", "statement_line_ids", "matched_payment_ids"]
        )
        moves.line_ids.fetch(["matched_debit_ids", "matched_credit_ids"])

    def _reconcile_with_refund(self, refund, reopened):
        """Reconcile this payment with its refund, and what is left with what it paid.

        :param account.payment refund: The posted refund of this payment.
        :param list reopened: The lines that :meth:`_reopen` returned.
        """
        self = self.with_context(nothing_reconciled_yet=OURS)
        lines = self._get_receivable_lines()
        refund_lines = refund._get_receivable_lines()
        self._fetch_reconciled((lines | refund_lines).union(*reopened))
        self._reconcile_in_order(
            [
                lines | refund_lines,
                # What is left of the payment stays where it was; the first to be
                # reopened is the last to get something back.
                *(lines | line for line in reversed(reopened)),
            ]
        )
        moves = self.env["account.move"].union(*(line.move_id for line in reopened))
        payments = self | moves._get_reconciled_payments() | moves.matched_payment_ids
        self.env.add_to_compute(payments._fields["state"], payments)

    def _reconcile_in_order(self, plan):
        """Reconcile what is open of these groups of lines, one group after another."""
        # Reconciling changes nothing that an invoice's lines are made of.
        self.env["account.move.line"].with_context(
            skip_invoice_sync=True
        )._reconcile_plan(
            [
                lines.filtered(
                    lambda line: (
                        line.account_id == self.destination_account_id
                        and not line.reconciled
                    )
                )
                for lines in plan
            ]
        )

    def _keep_allocations(self, parts):
        """Store which invoices this refund concerns, and tell their open forms.

        :param list[tuple] parts: Each an invoice, the amount in its currency, and the
                                  credit note that took it off the bill, if any.
        """
        self.ensure_one()
        if self.source_payment_id.is_from_credit:
            # What a credit balance paid was no money: nothing was refunded.
            parts = [part for part in parts if part[2]]
        self.env["account.refund.allocation"].create(
            [
                {
                    "payment_id": self.id,
                    "invoice_id": move.id,
                    "amount": move.currency_id.round(amount),
                    "credit_note_id": credit_note.id if credit_note else False,
                }
                for move, amount, credit_note in parts
                if move.is_invoice(include_receipts=True)
                and not move.currency_id.is_zero(amount)
            ]
        )
        self.env["account.move"].union(
            *(move for move, *_rest in parts)
        )._notify_payments_changed()

    def _log_outside_refund(self, refund, reason):
        """Note a refund outside on the payment and the invoices it concerns."""
        values = {
            "amount": refund.currency_id.format(refund.amount),
            "refund": refund._get_html_link(),
            "reason": reason,
        }
        if refund.journal_id == refund.company_id.sudo().credit_balance_journal_id:
            message = self.env._(
                "%(amount)s kept on the credit balance (%(refund)s): %(reason)s",
                **values,
            )
        else:
            message = self.env._(
                "%(amount)s refunded outside the gateway (%(refund)s): %(reason)s",
                **values,
            )
        invoices = refund.sudo().refund_allocation_ids.invoice_id
        for record in (*self, *invoices):
            record._message_log(body=message)

    # === GETTERS === #

    def _get_payment_receipt_report_values(self):
        """Leave out the table of paid invoices: a refund has one of its own."""
        values = super()._get_payment_receipt_report_values()
        if self.source_payment_id:
            values["display_invoices"] = False
        return values

    def _get_refund_invoices(self):
        """Return the invoices that these payments are allocated to now."""
        lines = self.sudo().move_id.line_ids.matched_debit_ids.debit_move_id
        invoices = lines.move_id.filtered(lambda move: move.is_invoice(True))
        return invoices.sudo(self.env.su)

    def _get_chosen_invoice(self, invoice_id):
        """Return the invoice to begin with; refuse one that was not paid by this."""
        invoices = self._get_refund_invoices()
        if not invoice_id:
            return invoices.browse()
        invoice = invoices.browse(get_id(invoice_id))
        if invoice not in invoices:
            raise UserError(
                self.env._(
                    "%(payment)s does not pay %(invoice)s.",
                    payment=self.display_name,
                    invoice=invoice.exists().display_name or invoice_id,
                )
            )
        return invoice

    def _get_open_credit_notes(self):
        """Return the credit notes of the paid invoices that wait to be paid out.

        :return: By credit note, what of it is open and not being paid out already.
        :rtype: dict[account.move, float]
        """
        self.ensure_one()
        credit_notes = self._get_refund_invoices().reversal_move_ids.filtered(
            lambda move: (
                move.state == "posted"
                and move.move_type == "out_refund"
                and move.currency_id == self.currency_id
            )
        )
        refunds_sudo = (
            self.env["payment.transaction"]
            .sudo()  # Another person's refunds count too.
            .search([("refund_credit_note_id", "in", credit_notes.ids)])
            .filtered(lambda tx: tx._is_refund_in_flight())
        )
        amounts = {}
        for credit_note in credit_notes:
            going = sum(
                tx.amount
                for tx in refunds_sudo
                if tx.refund_credit_note_id == credit_note
            )
            left = self.currency_id.round(credit_note.amount_residual + going)
            if self.currency_id.compare_amounts(left, 0) > 0:
                amounts[credit_note] = left
        return amounts

    def _get_refundable_amount(self, is_of_credit=False):
        """Return what of this payment can still be given back.

        That is its amount less the refunds that are done and those in flight.

        :param bool is_of_credit: Whether credit is paid out: what of this payment is
                                  kept on a balance can go back then, too.
        :return: The amount in the payment's currency.
        :rtype: float
        """
        self.ensure_one()
        if self.payment_type != "inbound" or self.state not in POSTED_STATES:
            return 0.0
        given_back = self._get_given_back(is_of_credit)
        return max(self.currency_id.round(self.amount - given_back), 0.0)

    def _get_given_back(self, is_of_credit=False):
        """Return what of this payment was given back or may still be.

        A refund outside that was reset counts until it is cancelled: it may be posted
        again. What was kept on a credit balance, and then paid out to where it came
        from, counts once.

        :param bool is_of_credit: See :meth:`_get_refundable_amount`.
        :return: The amount in the payment's currency.
        :rtype: float
        """
        self.ensure_one()
        payment_sudo = self.sudo()  # The refunds may be another one's to see.
        refunds = self._get_gateway_refunds()
        going = refunds.filtered(lambda tx: tx.outcome not in UNSUCCESSFUL_OUTCOMES)
        by_gateway = -sum(going.mapped("amount"))
        others = payment_sudo.refund_payment_ids.filtered(
            lambda refund: (
                refund.state not in ("canceled", "rejected")
                and refund.payment_transaction_id not in refunds
            )
        )
        given_back = by_gateway + sum(others.mapped("amount"))
        if self.is_from_credit:
            return self.currency_id.round(given_back)
        journal = payment_sudo.company_id.credit_balance_journal_id
        kept = sum(
            others.filtered(lambda refund: refund.journal_id == journal).mapped(
                "amount"
            )
        )
        if kept:
            paid_out = -sum(
                tx.amount for tx in going.filtered(lambda tx: tx._pays_out_credit())
            )
            if is_of_credit:
                paid_out = kept
            given_back = get_given_back(given_back, kept, paid_out)
        return self.currency_id.round(given_back)

    def _get_gateway_refunds(self):
        """Return the refunds of these payments through a gateway.

        Of credit they are those that pay, or were to pay, it out.

        :return: The transactions, in superuser mode: another person's count too.
        :rtype: payment.transaction
        """
        children_sudo = self.sudo().payment_transaction_id.child_transaction_ids
        refunds_sudo = children_sudo.filtered(lambda tx: tx.operation == "refund")
        from_credit = self.filtered("is_from_credit")
        return refunds_sudo | refunds_sudo.search(
            [("refund_credit_payment_id", "in", from_credit.ids)]
        )

    def _get_amount_being_refunded(self):
        """Return what refunds that are under way will take of this payment.

        They begin with what is not allocated. What pays out credit or a credit note
        takes nothing. A refund outside that was reset may be posted again.

        :return: The amount in the payment's currency.
        :rtype: float
        """
        self.ensure_one()
        going = self._get_gateway_refunds().filtered(
            lambda tx: (
                tx._is_refund_in_flight()
                and not tx.refund_credit_note_id
                and not tx._pays_out_credit()
            )
        )
        # Another person's refunds count too.
        drafts = self.sudo().refund_payment_ids.filtered(
            lambda refund: refund.state == "draft"
        )
        return sum(drafts.mapped("amount")) - sum(going.mapped("amount"))

    def _match_again(self):
        """Match what is posted again with what it gives back, or what gives it back.

        When it was cancelled, or its amount was changed, that is open, unless it was
        used otherwise in the meantime.

        :raise UserError: If not all that a payment gives back is left, naming it.
        """
        for payment in self.sudo():
            lines = payment._get_receivable_lines()
            payments = payment.source_payment_id | payment.refund_payment_ids
            credit_notes = payment.refund_allocation_ids.credit_note_id
            payment._reconcile_in_order(
                [
                    lines
                    | moves.line_ids.filtered(
                        lambda line: line.parent_state == "posted"
                    )
                    for moves in (credit_notes, payments.move_id)
                ]
            )
            if payment.payment_type == "inbound":
                continue
            partials = lines.matched_credit_ids.filtered(
                lambda partial: partial.credit_move_id.parent_state == "posted"
            )
            matched = sum(partials.mapped("debit_amount_currency"))
            if payment.currency_id.compare_amounts(matched, payment.amount) < 0:
                raise UserError(
                    self.env._(
                        "%s cannot be posted: what it gives back is not open any more. "
                        "Cancel it, and refund or keep as credit anew.",
                        payment.display_name,
                    )
                )

    def _with_entry(self):
        """Return these for a change of state that their journal entries follow."""
        return self.with_context(entry_follows=OURS)

    def _filter_capped(self):
        """Return those of these payments of which a cap depends on what they book."""
        return self.sudo().filtered(
            lambda payment: (
                payment.source_payment_id or payment.journal_id.is_credit_balance
            )
        )

    def _filter_posted_again(self):
        """Return those of these drafts that gave something back, or were given back.

        Not what a gateway gave back, which it did whatever becomes of the books.
        """
        given_back = self.sudo().filtered("refund_payment_ids")
        return given_back | self._filter_capped().filtered(
            lambda payment: (
                payment.payment_type == "outbound"
                and (payment.source_payment_id or payment.move_id.posted_before)
                and (
                    not payment.payment_transaction_id
                    or payment.source_payment_id.is_from_credit
                )
            )
        )

    def _is_posted(self):
        """Tell if this payment counts, and its journal entry does."""
        self.ensure_one()
        return self.state in POSTED_STATES and self.sudo().move_id.state == "posted"

    def _get_refund_blocked_reason(
        self, to="original", amount=None, is_of_credit=False
    ):
        """Say why this payment cannot be refunded; an empty text if it can.

        :param str to: `original`, `outside` or `credit`, see :meth:`refund`.
        :param float amount: The amount, where it is known already.
        :param bool is_of_credit: See :meth:`_get_refundable_amount`.
        :rtype: str
        """
        self.ensure_one()
        name = self.display_name
        states = dict(self._fields["state"]._description_selection(self.env))
        if self.payment_type != "inbound" or self.partner_type != "customer":
            return self.env._("%s is no payment of a customer.", name)
        if self.state not in POSTED_STATES or not self.move_id:
            return self.env._(
                "%(payment)s is not posted, it is %(state)s: nothing can be refunded.",
                payment=name,
                state=states[self.state].lower(),
            )
        if not self._is_posted():
            return self.env._(
                "The journal entry of %s is not posted: nothing can be refunded.", name
            )
        if reversed_reason := self._get_reversed_reason():
            return reversed_reason
        if self.is_from_credit and to != "credit":
            return self.env._(
                "%s was paid from the credit balance: it goes back there.", name
            )
        if self.currency_id.is_zero(self._get_refundable_amount(is_of_credit)):
            return self.env._("All of %s is refunded already or being refunded.", name)
        if to == "original":
            return self._get_gateway_blocked_reason(amount, is_of_credit)
        return ""

    def _get_reversed_reason(self):
        """Say what reverses this payment, now or later; empty if nothing does."""
        reversals = self.move_id._get_reversals()
        if not reversals:
            return ""
        return self.env._(
            "%(payment)s was reversed by %(reversal)s.",
            payment=self.display_name,
            reversal=reversals[0].display_name,
        )

    def _get_gateway_blocked_reason(self, amount=None, is_of_credit=False):
        """Say why the gateway cannot refund this payment; empty if it can."""
        # In superuser mode: providers and methods are not readable by accountants.
        transaction_sudo = self.sudo().payment_transaction_id
        provider = transaction_sudo.provider_id
        if not transaction_sudo or transaction_sudo.state != "done":
            return self.env._(
                "%s was not charged through a gateway: refund it outside.",
                self.display_name,
            )
        method = transaction_sudo.payment_method_id
        method = method.primary_payment_method_id or method
        if provider.support_refund == "none":
            return self.env._(
                "The provider %s cannot refund: refund it outside.", provider.name
            )
        if method.support_refund == "none":
            return self.env._(
                "The payment method %s cannot be refunded: refund it outside.",
                method.name,
            )
        if provider.state == "disabled":
            return self.env._(
                "The provider %s is disabled: enable it, or refund outside.",
                provider.name,
            )
        is_full_only = "full_only" in (provider.support_refund, method.support_refund)
        refundable = self._get_refundable_amount(is_of_credit)
        is_full = not self.currency_id.compare_amounts(refundable, self.amount) and (
            amount is None or not self.currency_id.compare_amounts(amount, self.amount)
        )
        if is_full_only and not is_full:
            return self.env._(
                "%(name)s refunds in full only, that is %(amount)s: refund a part "
                "outside.",
                name=provider.name
                if provider.support_refund == "full_only"
                else method.name,
                amount=self.currency_id.format(self.amount),
            )
        return ""
