from odoo import Command, models
from odoo.exceptions import UserError

from ...tools import OURS, prepare_dialog
from ..core.door import Door
from .account_move import EXCESS_METHODS

RECORD_JOINT_PAYMENT = Door(
    "account.move.record_joint_payment",
    rights="_check_payment_rights",
    lock="_lock_for_joint_payment",
    amount="_get_joint_amount",
    check="_check_joint_payment",
    work="_carry_out_joint_payment",
    is_batch=True,
)


class AccountMove(models.Model):
    """One payment for several invoices of a customer: a cheque, say."""

    _inherit = "account.move"

    # === CHECK METHODS === #

    def _check_joint_invoices(self):
        """Check that one payment can be for all of these invoices.

        :raise UserError: Naming the value in which they differ.
        """
        if not self:
            raise UserError(self.env._("There is no invoice to record a payment on."))
        self._check_collectable()
        if reason := self._get_not_joint_reason():
            raise UserError(reason)

    def _get_not_joint_reason(self):
        """Say in which value these differ that one payment has once; empty if in none.

        :rtype: str
        """
        for label, values in (
            (self.env._("customers"), self._get_open_lines_of_all().partner_id),
            (self.env._("companies"), self.company_id),
            (self.env._("currencies"), self.currency_id),
            (
                self.env._("receivable accounts"),
                self._get_open_lines_of_all().account_id,
            ),
        ):
            if len(values) > 1:
                return self.env._(
                    "One payment is for invoices of one customer, company, currency "
                    "and receivable account. These have several %(label)s: %(names)s.",
                    label=label,
                    names=", ".join(values.sudo().mapped("display_name")),
                )
        return ""

    def _check_joint_parts(self, amount, parts, excess):
        """Check the parts of an amount, on locked invoices.

        :param dict parts: By invoice, the part of the amount that pays it.
        """
        for invoice, part in parts.items():
            invoice._check_payment_amount(part)
        currency = self.currency_id
        self._check_amount(amount, currency)
        rest = currency.round(amount - sum(parts.values()))
        if currency.compare_amounts(rest, 0) < 0:
            raise UserError(
                self.env._(
                    "The parts of the invoices are %(more)s more than the amount of "
                    "%(amount)s.",
                    more=currency.format(-rest),
                    amount=currency.format(amount),
                )
            )
        if currency.is_zero(rest):
            return
        if not excess:
            raise UserError(
                self.env._(
                    "%s of the amount pay no invoice: keep them as credit, or change "
                    "the amounts.",
                    currency.format(rest),
                )
            )
        for invoice in self:
            invoice._check_chargeable_in_full()

    # === ACTION METHODS === #

    def action_record_joint_payment(self):
        """Return the dialog that records one payment for these invoices.

        :rtype: dict
        """
        self._check_joint_invoices()
        return prepare_dialog(
            "account.payment.create.joint",
            self.env._("One payment for several invoices"),
            move_ids=self.ids,
        )

    # === BUSINESS METHODS - DOORS === #

    def record_joint_payment(
        self,
        amount=None,
        parts=None,
        external_kind=None,
        journal_id=None,
        payment_method_line_id=None,
        date=None,
        reference=None,
        memo=None,
        excess=None,
        notify=False,
        idempotency_key=None,
    ):
        """Record one payment that was received for several invoices of a customer.

        The invoices are of one customer, company, currency and receivable account, and
        the journal takes their currency. The early-payment discount is granted for each
        invoice whose part is the discounted amount of that date. All of it is recorded,
        or nothing. Does not commit.

        :param float amount: The amount that was received; the sum of the parts if not
                             given.
        :param list parts: The part of each invoice, as dictionaries with an
                           `invoice_id` and an `amount`. If not given, the amount pays
                           the instalments that were due first, less the discount
                           where it is enough to settle the invoice.
        :param str external_kind: How it came.
        :param int journal_id: See :meth:`record_external_payment`.
        :param int payment_method_line_id: An incoming method of the journal.
        :param date|str date: The day on which the money was received.
        :param str reference: The document's number, such as the cheque's.
        :param str memo: A memo; the numbers of the invoices if not given.
        :param str excess: `credit` to keep the rest of the amount on the customer's
                           credit balance.
        :param bool notify: Whether to send the receipt to the customer.
        :param str idempotency_key: See :meth:`charge`.
        :return: The payment.
        :rtype: account.payment
        :raise UserError: If an invoice cannot be collected, or a value does not fit.
        :raise AccessError: If the user has no right to record payments.
        """
        return self._pass(
            RECORD_JOINT_PAYMENT,
            idempotency_key,
            amount=amount,
            parts=parts,
            external_kind=external_kind,
            journal_id=journal_id,
            payment_method_line_id=payment_method_line_id,
            date=date,
            reference=reference,
            memo=memo,
            excess=excess,
            notify=notify,
        )

    # === BUSINESS METHODS - STEPS OF DOORS === #

    def _lock_for_joint_payment(self, excess=None, **arguments):
        """Lock these invoices, and before them the balance that a rest goes to."""
        self._check_joint_invoices()
        self[:1]._lock_to_record(excess, **arguments)
        self._lock_for_payment()

    def _get_joint_amount(self, parts=None, **arguments):
        """Return the sum of the parts, or of all that can be paid."""
        amounts = self._plan_joint_parts(
            None, parts, self._get_external_values(**arguments)
        )
        return self.currency_id.round(sum(amounts.values()))

    def _check_joint_payment(self, amount, parts=None, excess=None, **arguments):
        """Check a payment for these locked invoices; see `record_joint_payment`."""
        self._check_joint_invoices()
        values = self._get_external_values(**arguments)
        if refusal := self._get_joint_currency_refusal(values):
            raise UserError(refusal)
        self._check_amount(amount, self.currency_id)
        planned = self._plan_joint_parts(amount, parts, values)
        if not planned:
            self[:1]._check_payment_amount(amount)
            raise UserError(self.env._("No invoice is paid with this amount."))
        self._check_joint_parts(amount, planned, excess)

    def _get_joint_currency_refusal(self, values):
        """Return why a journal takes no payment for these invoices, in words.

        :param dict values: The journal of the payment.
        :return: The reason; empty if the journal takes their currency.
        :rtype: str
        """
        currency = self[:1]._get_journal_currency(values)
        if currency == self.currency_id:
            return ""
        return self.env._(
            "The journal takes %(other)s. One payment for several invoices is "
            "in their currency, %(currency)s.",
            other=currency.name,
            currency=self.currency_id.name,
        )

    def _carry_out_joint_payment(
        self, amount, parts=None, excess=None, notify=False, **arguments
    ):
        """Record the payment that was checked, on locked invoices."""
        values = self._get_external_values(**arguments)
        planned = self._plan_joint_parts(amount, parts, values)
        paid = self.browse().union(*planned)
        discounts = self._get_discounts_covered(planned, values["date"])
        vals = paid[:1]._prepare_external_payment_vals(planned[paid[:1]], values)
        payment = (
            self.env["account.payment"]
            .with_context(booked_by_door=OURS)
            .create(
                {
                    **vals,
                    "amount": amount,
                    "memo": values["memo"] or ", ".join(paid.mapped("name")),
                    "invoice_ids": [Command.set(paid.ids)],
                    "write_off_line_vals": self._prepare_discount_lines(
                        discounts, values["date"]
                    ),
                }
            )
        )
        payment.action_post()
        payment = payment.with_env(self.env)
        for invoice, discount in discounts.items():
            planned[invoice] = self.currency_id.round(planned[invoice] + discount)
        self._match_joint_payment(payment, planned)
        if excess:
            getattr(self, EXCESS_METHODS[excess].keep)(payment)
        if notify:
            payment._send_receipt()
        return payment

    def _match_joint_payment(self, payment, planned):
        """Match a payment with the parts of these invoices, in their order.

        The part that is matched last is the first to be undone, by a refund as by money
        that is taken back. Within an invoice, the instalment due first is paid first.
        """
        money = payment._get_receivable_lines()
        currency = self.currency_id
        move_lines = self.env["account.move.line"]
        partials = self.env["account.partial.reconcile"]
        in_full = []
        for invoice, part in planned.items():
            lines = invoice._get_open_receivable_lines(money.account_id)
            due = sum(lines.mapped("amount_residual_currency"))
            if not currency.compare_amounts(due, part):
                in_full.append(lines | money)
                continue
            move_lines._reconcile_plan(in_full)
            in_full, vals_list = [], []
            for line in lines.sorted(lambda line: (line.date_maturity, line.id)):
                taken = min(part, line.amount_residual_currency)
                if currency.compare_amounts(taken, 0) > 0:
                    vals_list.append(self._prepare_partial_vals(line, money, taken))
                    part = currency.round(part - taken)
            partials |= partials._create_computed(vals_list)
        partials._create_tax_cash_basis_moves()
        move_lines._reconcile_plan(in_full)

    # === GETTERS === #

    def _get_open_lines_of_all(self):
        """Return the lines of these invoices that are still to be paid."""
        return self.line_ids.filtered(
            lambda line: line.display_type == "payment_term" and not line.reconciled
        )

    def _read_parts(self, parts):
        """Return the parts that were given, as far as they are above zero.

        :rtype: dict[account.move, float]
        :raise UserError: If a row is of none of these invoices, or of one twice.
        """
        amounts = {}
        by_id = {invoice.id: invoice for invoice in self}
        for row in parts:
            invoice = by_id.get(row.get("invoice_id"))
            if set(row) != {"invoice_id", "amount"} or not invoice:
                raise UserError(
                    self.env._(
                        "A part is an invoice_id of the selected invoices and an "
                        "amount, not %s.",
                        row,
                    )
                )
            if invoice in amounts:
                raise UserError(self.env._("%s has two parts.", invoice.name))
            amounts[invoice] = row["amount"] or 0.0
        return {invoice: part for invoice, part in amounts.items() if part}

    def _plan_joint_parts(self, amount, parts, values):
        """Return the part of each invoice: those given, or the amount spread.

        :param dict values: The result of :meth:`_get_external_values`.
        :rtype: dict[account.move, float]
        """
        if parts:
            return self._read_parts(parts)
        return self._spread_amount(amount, values["date"])

    def _spread_amount(self, amount=None, date=None):
        """Spread an amount over the instalments of these, those due first before.

        Where it is enough to settle an invoice with its early-payment discount, the
        invoice gets that and no more.

        :param float amount: The amount; all that can be paid if not given.
        :param date date: The day on which it was received; today if not given.
        :return: By invoice its part, as far as it gets one.
        :rtype: dict[account.move, float]
        """
        chargeable = {invoice: invoice._get_chargeable_amount() for invoice in self}
        left = sum(chargeable.values()) if amount is None else amount
        parts = {}
        lines = self._get_open_lines_of_all().sorted(
            lambda line: (line.date_maturity, line.move_id.id, line.id)
        )
        for line in lines:
            invoice = line.move_id
            currency = invoice.currency_id
            part = min(left, line.amount_residual_currency, chargeable[invoice])
            settling = line.amount_residual_currency - invoice._get_discount(date)
            if currency.compare_amounts(part, settling) > 0:
                part = currency.round(settling)
            if currency.compare_amounts(part, 0) > 0:
                parts[invoice] = currency.round(parts.get(invoice, 0.0) + part)
                chargeable[invoice] = currency.round(chargeable[invoice] - part)
                left = currency.round(left - part)
        return parts
