from typing import NamedTuple

from odoo import Command, api, fields, models
from odoo.exceptions import AccessError, LockError, UserError
from odoo.fields import Domain
from odoo.tools import float_compare, format_date

from ..tools import OURS, get_id, is_number
from .core.door import Door
from .states import (
    IN_FLIGHT_OUTCOMES,
    UNRESOLVED_OUTCOMES,
    UNSUCCESSFUL_OUTCOMES,
)

CHARGE = Door(
    "account.move.charge",
    rights="_check_payment_rights",
    lock="_lock_to_charge",
    amount="_get_amount_to_charge",
    check="_check_charge",
    work="_prepare_charge",
    complete="_complete_charge",
)
ISSUE_AND_CHARGE = Door(
    "account.move.issue_and_charge",
    rights="_check_payment_rights",
    lock="_lock_to_issue",
    check="_check_issue_and_charge",
    work="_issue_and_prepare_charge",
    complete="_complete_charge",
)
# What is locked before a draft that is issued, as it may pay it.
LOCKED_BEFORE_ISSUE = ("_lock_credit_balances",)


class ExcessMethods(NamedTuple):
    """The methods that lock for an excess, and record the payment that has it."""

    lock: str
    record: str


# What can be done with money that is paid too much.
EXCESS_METHODS = {
    "credit": ExcessMethods("_lock_own_credit_balance", "_record_with_excess"),
}
RECORD_EXTERNAL_PAYMENT = Door(
    "account.move.record_external_payment",
    rights="_check_payment_rights",
    lock="_lock_to_record",
    check="_check_external_payment",
    work="_carry_out_external_payment",
    is_batch=True,
    optional=("excess",),
)


class AccountMove(models.Model):
    _inherit = "account.move"

    has_chargeable_method = fields.Boolean(
        compute="_compute_has_chargeable_method",
        help="Whether the customer of this draft has a method that can be charged.",
    )

    # === COMPUTE METHODS === #

    @api.depends("partner_id", "currency_id", "company_id", "state", "amount_total")
    def _compute_has_chargeable_method(self):
        for invoice in self:
            invoice.has_chargeable_method = bool(
                invoice.state == "draft"
                and invoice.move_type == "out_invoice"
                and invoice.partner_id
                and invoice.currency_id
                and invoice._get_default_token()
            )

    # === CHECK METHODS === #

    def _check_payment_rights(self):
        """Check that the user may record and charge payments of these invoices.

        :raise AccessError: If the user is not of the level *Record and charge*, or may
                            not change these invoices.
        """
        self._check_level(self._get_record_level_reason())

    def _check_refund_rights(self):
        """Check that the user may refund, credit and write off these invoices.

        :raise AccessError: If the user is not of the level *Refund and credit*, or may
                            not change these invoices.
        """
        self._check_level(self._get_refund_level_reason())

    def _check_level(self, missing_level_reason):
        """Check that the user has a level and may change these invoices."""
        if self.env.su:
            return
        if missing_level_reason:
            raise AccessError(missing_level_reason)
        self.check_access("write")

    @api.model
    def _get_record_level_reason(self):
        """Say that this user is not of the level *Record and charge*; empty if so."""
        if self.env.user.has_group("invoice_payments_ext.group_payment_record"):
            return ""
        return self.env._(
            "You have no right to record or charge payments: ask an administrator for "
            "the level Record and charge."
        )

    @api.model
    def _get_refund_level_reason(self):
        """Say that this user is not of the level *Refund and credit*; empty if so."""
        if self.env.user.has_group("invoice_payments_ext.group_payment_refund"):
            return ""
        return self.env._(
            "You have no right to refund payments, issue credit notes or write off: "
            "ask an administrator for the level Refund and credit."
        )

    def _check_collectable(self):
        """Check that a payment may be taken on each of these invoices.

        :raise UserError: If one is no posted customer invoice, is another company's, or
                          nothing remains to be paid.
        """
        for invoice in self:
            name = invoice.display_name
            if invoice.move_type != "out_invoice":
                raise UserError(
                    self.env._(
                        "%(name)s is no customer invoice: payments are collected on "
                        "customer invoices only.",
                        name=name,
                    )
                )
            invoice._check_company_selected()
            if invoice.state == "draft":
                raise UserError(
                    self.env._(
                        "%(name)s is a draft: confirm it first, or use Issue and "
                        "charge.",
                        name=name,
                    )
                )
            if invoice.state == "cancel":
                raise UserError(self.env._("%(name)s is cancelled.", name=name))
            if invoice.currency_id.is_zero(invoice.amount_residual):
                raise UserError(
                    self.env._("Nothing remains to be paid on %(name)s.", name=name)
                )

    @api.model
    def _check_amount(self, amount, currency, maximum=None, maximum_label=""):
        """Check an amount that somebody gave.

        :param float amount: The amount to check.
        :param res.currency currency: The currency of both amounts.
        :param float maximum: The highest amount allowed; none if not given.
        :param str maximum_label: What the maximum is, for the message.
        :raise UserError: If it is no positive number of the currency's smallest units,
                          or above the maximum.
        """
        if not is_number(amount):
            raise UserError(
                self.env._("The amount must be a number, not %(value)r.", value=amount)
            )
        if amount <= 0:
            raise UserError(self.env._("The amount must be above zero."))
        # Below a thousandth of the smallest unit it is the noise of a computation.
        if float_compare(
            amount, currency.round(amount), precision_rounding=currency.rounding / 1000
        ):
            raise UserError(
                self.env._(
                    "The amount %(amount)s is finer than the smallest unit of "
                    "%(currency)s, %(unit)s.",
                    amount=amount,
                    currency=currency.name,
                    unit=currency.format(currency.rounding),
                )
            )
        if maximum is not None and currency.compare_amounts(amount, maximum) > 0:
            raise UserError(
                self.env._(
                    "The amount %(amount)s is above the %(label)s of %(maximum)s.",
                    amount=currency.format(amount),
                    label=maximum_label,
                    maximum=currency.format(maximum),
                )
            )

    def _check_payment_amount(self, amount):
        """Check an amount to be paid now on this invoice; see :meth:`_check_amount`."""
        self.ensure_one()
        self._check_amount(
            amount,
            self.currency_id,
            self._get_chargeable_amount(),
            self._describe_chargeable_amount(),
        )

    def _describe_chargeable_amount(self):
        """Say what the chargeable amount is made of, for messages."""
        self.ensure_one()
        in_flight = self._get_amount_in_flight()
        if self.currency_id.is_zero(in_flight):
            return self.env._("remaining amount")
        return self.env._(
            "chargeable amount (%(remaining)s remain, %(in_flight)s are in flight)",
            remaining=self.currency_id.format(self.amount_residual),
            in_flight=self.currency_id.format(in_flight),
        )

    def _check_nothing_in_flight(self):
        """Check that no attempt on these invoices is unresolved or holds them.

        :raise UserError: Naming the attempt that is in the way.
        """
        if blocking := self._get_blocking_attempt():
            raise UserError(self._describe_blocking_attempt(blocking))

    def _describe_blocking_attempt(self, transaction):
        """Say which attempt is in the way, and what can be done about it."""
        values = {
            "reference": transaction.reference,
            "amount": transaction.currency_id.format(transaction.amount),
            "outcome": dict(
                transaction._fields["outcome"]._description_selection(self.env)
            )[transaction.outcome],
        }
        if transaction.outcome == "unknown":
            return self.env._(
                "The outcome of %(reference)s (%(amount)s) is unknown: the customer "
                "may have been charged. Resolve it first.",
                **values,
            )
        return self.env._(
            "%(reference)s (%(amount)s) is in flight: %(outcome)s. Wait for its "
            "outcome first.",
            **values,
        )

    def _check_no_money_in_flight(self):
        """Check that no attempt on these invoices may still bring money.

        :raise UserError: Naming the attempt.
        """
        if in_flight := self._get_attempts_in_flight():
            raise UserError(self._describe_blocking_attempt(in_flight[0]))

    def _get_money_in_flight_blockers(self, way):
        """Name the attempts on these that may still bring money, before a reset."""
        if way == "reset":
            for attempt in self._get_attempts_in_flight():
                yield self._describe_blocking_attempt(attempt)

    def _get_origin_payment_blockers(self, way):
        """Name the blockers of the payments that these are the entries of."""
        if way != "unpost":
            yield from self.origin_payment_id._get_undo_blockers(way)

    def _get_pay_out_blockers(self, way):
        """Name the refunds in flight that pay out these credit notes."""
        credit_notes = self.filtered(lambda move: move.move_type == "out_refund")
        if way == "reset" and credit_notes:
            refunds_sudo = (
                self.env["payment.transaction"]
                .sudo()  # Whoever started them, and whoever may see them.
                .search([("refund_credit_note_id", "in", credit_notes.ids)])
            )
            yield from refunds_sudo._get_refund_in_flight_reasons()

    # === CRUD METHODS === #

    def message_post(self, **kwargs):
        """Keep the notes on payments to the chatter: they are for nobody's inbox."""
        if self.env.context.get("log_payment_note") is OURS:
            return self._message_log(**kwargs)
        return super().message_post(**kwargs)

    # === ACTION METHODS === #

    def action_create_payment(self):
        """Return the dialog that charges or records a payment of this invoice.

        :rtype: dict
        """
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "account.payment.create",
            "views": [(False, "form")],
            "target": "new",
            "name": self.env._("Create payment"),
            "context": {"default_move_id": self.id},
        }

    def action_issue_and_charge(self):
        """Return the dialog that issues this draft and charges it.

        :rtype: dict
        """
        self.ensure_one()
        action = self.action_create_payment()
        action["name"] = self.env._("Issue and charge")
        action["context"] = {**action["context"], "default_issue": True}
        return action

    # === BUSINESS METHODS - DOORS === #

    def charge(self, token_id, amount=None, memo=None, idempotency_key=None):
        """Charge a saved payment method of the customer for this invoice.

        The attempt is committed before the gateway is called, its answer before it is
        booked; so this commits, and must not be called in the middle of other work.
        What the gateway did not answer is unknown, not failed. Read the result from the
        attempt's `outcome` and `state_message`.

        :param int token_id: The saved payment method, a `payment.token` id.
        :param float amount: The amount in the invoice's currency; what settles the
                             invoice today if not given (the chargeable amount, or the
                             discounted one of an early-payment discount).
        :param str memo: A memo for the payment.
        :param str idempotency_key: A text that makes this request unique: called again
                                    with it, the first attempt goes on and is returned.
        :return: The attempt.
        :rtype: payment.transaction
        :raise UserError: If the invoice, the amount or the method cannot be charged,
                          something is in flight, or the key was used with other values.
        :raise AccessError: If the user has no right to charge.
        """
        return self._pass(
            CHARGE, idempotency_key, token_id=token_id, amount=amount, memo=memo
        )

    def issue_and_charge(self, token_id=None, idempotency_key=None):
        """Issue this draft invoice and charge it. Commits, as :meth:`charge`.

        What the customer's credit balance pays at issue is not charged.

        The invoice gets its number in the same step as the attempt is stored. It stays
        issued, whatever becomes of the charge.

        :param int token_id: The saved payment method; the customer's default if not
                             given.
        :param str idempotency_key: See :meth:`charge`.
        :return: The attempt; none if the credit balance paid all of it.
        :rtype: payment.transaction
        :raise UserError: If it is no draft of a customer invoice, the customer has no
                          saved method, or the method cannot be charged.
        :raise AccessError: If the user has no right to charge.
        """
        return self._pass(ISSUE_AND_CHARGE, idempotency_key, token_id=token_id)

    def record_external_payment(
        self,
        amount=None,
        journal_id=None,
        payment_method_line_id=None,
        date=None,
        reference=None,
        memo=None,
        notify=False,
        excess=None,
        idempotency_key=None,
    ):
        """Record money that was received outside any gateway: cash, cheque, transfer.

        Several invoices can be recorded in one call, each with a payment of its own for
        what settles it. Does not commit.

        :param float amount: The amount in the invoice's currency, for one invoice only;
                             what settles the invoice on the date if not given (the
                             chargeable amount, or the discounted one of an
                             early-payment discount).
        :param int journal_id: A bank, cash or credit card journal; the company's first
                               bank journal if not given.
        :param int payment_method_line_id: An incoming method of the journal that is not
                                           a provider's; its first one if not given.
        :param date|str date: The day on which the money was received; today if not
                              given.
        :param str reference: The document's number, such as the cheque's.
        :param str memo: A memo; the invoice's payment reference if not given.
        :param bool notify: Whether to send the receipt to the customer.
        :param str excess: `credit` to keep what is above the amount that settles the
                           invoice on the date on the customer's credit balance, in the
                           currency of the journal; if not given, what is above the
                           remaining amount is refused.
        :param str idempotency_key: See :meth:`charge`.
        :return: The payments, in the order of the invoices.
        :rtype: account.payment
        :raise UserError: If an invoice cannot be collected, or a value does not fit.
        :raise AccessError: If the user has no right to record payments.
        """
        return self._pass(
            RECORD_EXTERNAL_PAYMENT,
            idempotency_key,
            amount=amount,
            journal_id=journal_id,
            payment_method_line_id=payment_method_line_id,
            date=date,
            reference=reference,
            memo=memo,
            notify=notify,
            excess=excess,
        )

    # === BUSINESS METHODS - CHARGING === #

    def _lock_to_charge(self, **_arguments):
        """Lock this invoice; see :meth:`charge`."""
        self._lock_for_payment()

    def _lock_to_issue(self, **_arguments):
        """Lock this draft, and before it the balances that may pay it at issue."""
        for name in LOCKED_BEFORE_ISSUE:
            getattr(self, name)()
        self._lock_for_payment()

    def _get_amount_to_charge(self, **_arguments):
        return self._get_default_payment_amount()

    def _check_charge(self, token_id, amount, memo=None):
        """Check a charge, on a locked invoice; see :meth:`charge`."""
        token = self._get_token_to_charge(token_id)
        self._check_collectable()
        self._check_nothing_in_flight()
        self._check_payment_amount(amount)
        self._check_token(token, amount)

    def _check_issue_and_charge(self, token_id):
        """Check an issue with its charge, on a locked draft."""
        self._check_issuable(self._get_token_to_charge(token_id))

    def _issue_and_prepare_charge(self, token_id):
        """Issue this draft and prepare the charge of the amount that remains.

        :return: The attempt; none if the credit balance paid all of it.
        :rtype: payment.transaction
        """
        token = self._get_token_to_charge(token_id)
        self.action_post()
        if self.currency_id.is_zero(self.amount_residual):
            return self.env["payment.transaction"]
        amount = self._get_default_payment_amount()
        self._check_charge(token.id, amount)
        return self._prepare_charge(token.id, amount)

    def _prepare_charge(self, token_id, amount, memo=None, retried=None):
        """Create the attempt that was checked, on a locked invoice.

        :return: The attempt.
        :rtype: payment.transaction
        """
        self.ensure_one()
        token = self._get_token_to_charge(token_id)
        attempt_sudo = (
            self.env["payment.transaction"]
            .sudo()  # The staff may charge, but not write transactions as they like.
            .create(self._prepare_charge_vals(token, amount, memo, retried))
        )
        attempt_sudo.with_context(payment_backend_action=True)._log_sent_message()
        return attempt_sudo.sudo(False)

    def _complete_charge(self, attempt):
        """Run an attempt that was prepared, if one was; see :meth:`charge`."""
        return self.env["payment.transaction"]._complete_attempt(attempt)

    def _prepare_charge_vals(self, token, amount, memo, retried):
        """Return the values of an attempt that this addon starts.

        :rtype: dict
        """
        self.ensure_one()
        token_sudo = token.sudo()
        return {
            "provider_id": token_sudo.provider_id.id,
            "payment_method_id": token_sudo.payment_method_id.id,
            "token_id": token.id,
            "amount": amount,
            "currency_id": self.currency_id.id,
            "partner_id": token_sudo.partner_id.id,
            "operation": "offline",
            "invoice_ids": [Command.set(self.ids)],
            "request_state": "ready",
            "request_kind": "charge",
            "charge_invoice_id": self.id,
            "holds_invoice": True,
            "retried_transaction_id": retried.id if retried else False,
            "memo": memo or False,
        }

    def _check_issuable(self, token):
        """Check that this draft can be issued and charged, before it gets a number."""
        self.ensure_one()
        if self.move_type != "out_invoice":
            raise UserError(self.env._("%s is no customer invoice.", self.display_name))
        if self.state != "draft":
            raise UserError(
                self.env._(
                    "%s is issued already: charge it from its Payments section.",
                    self.display_name,
                )
            )
        if self.currency_id.compare_amounts(self.amount_total, 0) <= 0:
            raise UserError(
                self.env._("%s has no amount to charge.", self.display_name)
            )
        self._check_token(token, self._get_amount_to_propose())

    def _get_retry_amount(self, attempt):
        """Return the amount for a retry; refuse what cannot be repeated."""
        self._check_nothing_in_flight()
        if (
            attempt.outcome not in UNSUCCESSFUL_OUTCOMES
            or attempt.source_transaction_id
        ):
            raise UserError(
                self.env._(
                    "%s did not fail, so there is nothing to retry.", attempt.reference
                )
            )
        self._check_collectable()
        chargeable = self._get_chargeable_amount()
        if self.currency_id.compare_amounts(attempt.amount, chargeable) > 0:
            return chargeable
        return attempt.amount

    def _get_token_to_charge(self, token_id):
        """Return the saved method with this id, or the customer's default one."""
        self.ensure_one()
        if not token_id:
            token = self._get_default_token()
            if not token:
                raise UserError(
                    self.env._(
                        "%s has no saved payment method that can be charged.",
                        self.partner_id.display_name,
                    )
                )
            return token
        # In superuser mode: another company's method is refused with its reason.
        token = self.env["payment.token"].sudo().browse(token_id)
        if not token.exists():
            raise UserError(
                self.env._("There is no saved payment method %s.", token_id)
            )
        return token.sudo(self.env.su)

    def _check_token(self, token, amount):
        """Check that a saved method can be charged for this invoice.

        :raise UserError: With the reason why it cannot.
        """
        reason = token._get_unusable_reasons(self, amount)[token.id]
        if reason:
            raise UserError(
                self.env._(
                    "The payment method %(method)s cannot be charged for %(invoice)s: "
                    "%(reason)s",
                    method=token._get_method_label(),
                    invoice=self.display_name,
                    reason=reason,
                )
            )

    # === BUSINESS METHODS - EXTERNAL PAYMENTS === #

    def _get_external_values(
        self,
        journal_id=None,
        payment_method_line_id=None,
        date=None,
        reference=None,
        memo=None,
        **_arguments,
    ):
        """Check what was given for external payments and complete it.

        :return: The values that all the payments share.
        :rtype: dict
        """
        if not self.company_id:
            raise UserError(self.env._("There is no invoice to record a payment on."))
        if len(self.company_id) > 1:
            raise UserError(self.env._("Record the payments of one company at a time."))
        journal = self._get_external_journal(journal_id, self.company_id)
        return {
            "journal_id": journal.id,
            "payment_method_line_id": self._get_external_method_line(
                journal, payment_method_line_id
            ).id,
            "date": self._get_external_date(journal, date, self.company_id),
            "payment_reference": reference or False,
            "memo": memo or False,
        }

    @api.model
    def _get_external_journal(self, journal_id, company):
        """Return the journal of an external payment; refuse one that does not fit."""
        journals = self.env["account.journal"]
        if not journal_id:
            journal = journals.search(
                [
                    *journals._check_company_domain(company),
                    ("type", "in", ("bank", "cash")),
                    ("id", "not in", company.sudo().credit_balance_journal_id.ids),
                ],
                order="type, sequence, id",
                limit=1,
            )
            if not journal:
                raise UserError(
                    self.env._("%s has no bank or cash journal.", company.name)
                )
            return journal
        journal = journals.browse(get_id(journal_id)).exists()
        if not journal:
            raise UserError(self.env._("There is no journal %s.", journal_id))
        if journal.company_id not in company.sudo().parent_ids:
            raise UserError(
                self.env._(
                    "The journal %(journal)s belongs to another company than "
                    "%(company)s.",
                    journal=journal.name,
                    company=company.name,
                )
            )
        if journal.type not in ("bank", "cash", "credit"):
            raise UserError(
                self.env._(
                    "The journal %s takes no payments: choose a bank or cash journal.",
                    journal.name,
                )
            )
        if journal == company.sudo().credit_balance_journal_id:
            raise UserError(
                self.env._(
                    "The journal %s keeps the customers' credit: no money is received "
                    "or paid there.",
                    journal.name,
                )
            )
        return journal

    @api.model
    def _get_external_method_line(self, journal, method_line_id, way="inbound"):
        """Return the method line of a payment; refuse one that does not fit."""
        method_lines = journal._get_available_payment_method_lines(way)
        method_lines = method_lines.filtered(
            lambda line: not line.sudo().payment_provider_id
        )
        if not method_line_id:
            if not method_lines:
                raise UserError(
                    self.env._(
                        "The journal %s has no incoming payment method.", journal.name
                    )
                    if way == "inbound"
                    else self.env._(
                        "The journal %s has no outgoing payment method.", journal.name
                    )
                )
            return method_lines[0]
        method_line = method_lines.browse(get_id(method_line_id))
        if method_line not in method_lines:
            raise UserError(
                self.env._(
                    "%(method)s is no incoming payment method of the journal "
                    "%(journal)s for external payments.",
                    method=method_line.exists().name or method_line_id,
                    journal=journal.name,
                )
            )
        return method_line

    @api.model
    def _get_external_date(
        self, journal, date, company, has_tax=False, start=None, start_label=""
    ):
        """Return the day of an entry; refuse the future and locked periods.

        :param account.journal journal: The journal of the entry.
        :param date|str date: The day; today if not given.
        :param res.company company: The company whose periods are locked.
        :param bool has_tax: Whether the periods of tax returns count too.
        :param date start: The day of what the entry corrects, the earliest one. For a
                           colleague in another time zone it may have been tomorrow.
        :param str start_label: What the entry corrects, for the message.
        :rtype: datetime.date
        :raise UserError: If it is no date, lies ahead, or in a locked period.
        """
        today = self._get_today(start)
        try:
            date = fields.Date.to_date(date) if date else today
        except (ValueError, TypeError) as error:
            raise UserError(self.env._("%s is no date.", date)) from error
        if date > today:
            raise UserError(
                self.env._(
                    "The date %s lies ahead: record what has happened already.",
                    format_date(self.env, date),
                )
            )
        if start and date < start:
            raise UserError(
                self.env._(
                    "The date %(date)s lies before that of %(what)s, %(start)s.",
                    date=format_date(self.env, date),
                    what=start_label,
                    start=format_date(self.env, start),
                )
            )
        violated = company._get_violated_lock_dates(date, has_tax, journal)
        if violated:
            raise UserError(
                self.env._(
                    "The date %(date)s lies in a locked period: %(locks)s.",
                    date=format_date(self.env, date),
                    locks=company._format_lock_dates(violated),
                )
            )
        return date

    @api.model
    def _get_today(self, start=None):
        """Return today, or the day of what is corrected where that is later.

        :rtype: datetime.date
        """
        today = fields.Date.context_today(self)
        return max(today, start) if start else today

    def _get_correction_date(self, journal, date, has_tax=False):
        """Return the day of a correction of this invoice.

        See :meth:`_get_external_date`.
        """
        self.ensure_one()
        return self._get_external_date(
            journal,
            date,
            self.company_id,
            has_tax,
            start=self.invoice_date,
            start_label=self.env._("the invoice"),
        )

    def _lock_to_record(self, excess=None, **arguments):
        """Lock these invoices, and before them the balance that an excess goes to."""
        if excess:
            self._check_excess(excess)
            lock = EXCESS_METHODS[excess].lock
            getattr(self, lock)(self._get_external_values(**arguments))
        self._lock_for_payment()

    @api.model
    def _check_excess(self, excess):
        """Check that something can be done with an excess in the way that is wanted.

        :raise UserError: If it cannot.
        """
        if not isinstance(excess, str) or excess not in EXCESS_METHODS:
            raise UserError(
                self.env._(
                    "What is paid too much is kept as credit ('credit') or refused, "
                    "not %(value)r.",
                    value=excess,
                )
            )

    def _check_external_payment(self, amount, excess=None, notify=False, **arguments):
        """Check external payments; see :meth:`record_external_payment`.

        The amounts are checked with each payment that is prepared.
        """
        self._get_external_values(**arguments)
        if amount is not None and len(self) > 1:
            raise UserError(
                self.env._("An amount can be given for a single invoice only.")
            )
        self._check_collectable()
        self._check_nothing_in_flight()

    def _carry_out_external_payment(
        self, amount, excess=None, notify=False, **arguments
    ):
        """Record external payments that were checked, on locked invoices."""
        values = self._get_external_values(**arguments)
        if excess and self._has_excess(amount, values):
            record = EXCESS_METHODS[excess].record
            payments = getattr(self, record)(amount, values)
        else:
            payments = self._record_external_payments(amount, values)
        if notify:
            payments._send_receipt()
        return payments

    def _record_external_payments(self, amount, values):
        """Create, post and reconcile one payment for each of these invoices."""
        by_dialog = self.filtered(
            lambda invoice: invoice._needs_register_dialog(values)
        )
        payments = {}
        for invoice in by_dialog:
            payments[invoice] = invoice._record_by_register_dialog(amount, values)
        batch = self - by_dialog
        payments.update(
            zip(
                batch,
                batch._create_payments_together(
                    [
                        invoice._prepare_external_payment_vals(amount, values)
                        for invoice in batch
                    ]
                ),
                strict=True,
            )
        )
        return self.env["account.payment"].union(
            *(payments[invoice] for invoice in self)
        )

    def _create_payments_together(self, vals_list):
        """Create, post and reconcile payments in the invoices' own currency.

        :param list[dict] vals_list: The values of the payment of each invoice.
        :return: The payments, in the order of the invoices.
        :rtype: account.payment
        """
        payments = self.env["account.payment"].with_context(booked_by_door=OURS)
        created = payments.create(vals_list)
        created.action_post()
        created = created.with_env(self.env)
        self.env["account.move.line"]._reconcile_plan(
            [
                invoice._get_open_receivable_lines(payment.destination_account_id)
                | payment.move_id.line_ids.filtered(
                    lambda line, account=payment.destination_account_id: (
                        line.account_id == account
                    )
                )
                for invoice, payment in zip(self, created, strict=True)
            ]
        )
        return created

    def _needs_register_dialog(self, values):
        """Tell if the payment needs the arithmetic of Odoo's own register dialog.

        These are payments in the journal's own currency, and early-payment discounts.
        """
        self.ensure_one()
        return self._get_journal_currency(
            values
        ) != self.currency_id or self._is_eligible_for_early_payment_discount(
            self.currency_id, values["date"]
        )

    def _get_journal_currency(self, values):
        """Return the currency of payments of this invoice through a journal.

        :rtype: res.currency
        """
        journal = self.env["account.journal"].browse(values["journal_id"])
        return journal.currency_id or self.currency_id

    def _open_register_dialog(self, values, is_preview=False):
        """Return Odoo's own register dialog, with what settles this invoice.

        :param dict values: The journal and the date of the payment.
        :param bool is_preview: Whether to look at it only, and store nothing.
        :rtype: account.payment.register
        """
        self.ensure_one()
        dialogs = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=self.ids
        )
        vals = {
            "payment_date": values["date"],
            "journal_id": values["journal_id"],
            "installments_mode": "full",
        }
        if is_preview:
            return dialogs.new({**dialogs.default_get(["line_ids"]), **vals})
        dialog = dialogs.create(
            {**vals, "payment_method_line_id": values["payment_method_line_id"]}
        )
        if values["memo"]:
            dialog.communication = values["memo"]
        return dialog

    def _record_by_register_dialog(self, amount, values, is_checked=False):
        """Record a payment through Odoo's own register dialog."""
        dialog = self._open_register_dialog(values)
        if amount is not None:
            if not is_checked:
                self._check_payment_amount(amount)
            dialog.amount = self._convert_for_journal(amount, values)
        else:
            self._check_chargeable_in_full()
        payment = dialog._create_payments()
        if values["payment_reference"]:
            payment.payment_reference = values["payment_reference"]
        return payment

    def _check_chargeable_in_full(self):
        """Check that nothing in flight takes a part of what remains."""
        self.ensure_one()
        if not self.currency_id.is_zero(self._get_amount_in_flight()):
            raise UserError(
                self.env._(
                    "%(label)s: give the amount to record.",
                    label=self._describe_chargeable_amount().capitalize(),
                )
            )

    def _prepare_external_payment_vals(self, amount, values):
        """Return the values of an external payment in the invoice's currency.

        :rtype: dict
        """
        self.ensure_one()
        if amount is None:
            amount = self._get_chargeable_amount()
        self._check_payment_amount(amount)
        lines = self._get_open_receivable_lines()
        return {
            **values,
            "memo": values["memo"] or self.payment_reference or self.name,
            "amount": amount,
            "payment_type": "inbound",
            "partner_type": "customer",
            "currency_id": self.currency_id.id,
            "partner_id": lines.partner_id.id or self.commercial_partner_id.id,
            "company_id": self.company_id.id,
            "destination_account_id": lines[0].account_id.id,
            "invoice_ids": [Command.set(self.ids)],
        }

    def _get_open_receivable_lines(self, account=None):
        """Return the lines of this invoice that are still to be paid."""
        self.ensure_one()
        lines = self.line_ids.filtered(
            lambda line: line.display_type == "payment_term" and not line.reconciled
        )
        return (
            lines.filtered(lambda line: line.account_id == account)
            if account
            else lines
        )

    def _search_reconciled_payment_ids(self, operator, value):
        if self.env.context.get("nothing_reconciled_yet") is OURS:
            return Domain.FALSE  # See `account.payment`.
        return super()._search_reconciled_payment_ids(operator, value)

    def _compute_reconciled_payment_ids(self):
        """Ask the database for the payments of what is matched only.

        Odoo asks for those of each invoice that is issued, though nothing is matched
        with it yet: no other query of posting takes PostgreSQL longer to plan.
        """
        matched_sudo = self.sudo().filtered(  # Odoo's query heeds no rights either.
            lambda move: (
                move.line_ids.matched_debit_ids or move.line_ids.matched_credit_ids
            )
        )
        for move in self - matched_sudo:
            move.reconciled_payment_ids = move.matched_payment_ids
        matched = self & matched_sudo
        return super(AccountMove, matched)._compute_reconciled_payment_ids()

    # === BUSINESS METHODS - HELPERS === #

    def _lock_for_payment(self):
        """Lock these invoices until the end of the database transaction.

        :raise UserError: If somebody else is at one of these invoices right now.
        """
        try:
            self._lock_rows()
        except LockError as error:
            raise UserError(
                self.env._(
                    "Somebody else is working on the payments of %s right now. Look at "
                    "what was done, then try again.",
                    ", ".join(self.mapped("display_name")),
                )
            ) from error

    def _get_payment_method_owners(self):
        """Return the contacts whose saved methods may be charged for this invoice."""
        return self.partner_id | self.commercial_partner_id

    def _get_saved_tokens(self):
        """Return the saved methods of the customer and of its commercial partner."""
        self.ensure_one()
        return (
            self.env["payment.token"]
            .sudo()  # The staff may use them, whichever company's they are.
            .search([("partner_id", "in", self._get_payment_method_owners().ids)])
        )

    def _get_default_token(self):
        """Return the saved method to propose: the default one, or the newest.

        :rtype: payment.token
        """
        self.ensure_one()
        tokens = self._get_saved_tokens()
        reasons = tokens._get_unusable_reasons(self, self._get_amount_to_propose())
        usable = tokens.filtered(lambda token: not reasons[token.id])
        return self.partner_id.with_company(self.company_id)._choose_default_token(
            usable
        )

    def _get_amount_to_propose(self):
        """Return the amount that a new payment of this invoice would be for."""
        self.ensure_one()
        if self.state != "draft":
            return self._get_default_payment_amount()
        if not self.apply_credit:
            return self.amount_total
        left = self.amount_total - self.available_credit
        return max(self.currency_id.round(left), 0.0)

    def _get_amount_in_flight(self):
        """Return what attempts may still bring to this invoice.

        What came and is not booked yet counts too. An attempt for several invoices
        counts in full, as far as this invoice can take it.

        :return: The amount in the invoice's currency.
        :rtype: float
        """
        self.ensure_one()
        in_flight = 0.0
        for tx in self.sudo().transaction_ids:
            amount = tx._get_amount_in_flight()
            if tx.currency_id != self.currency_id:
                amount = tx.currency_id._convert(
                    amount, self.currency_id, self.company_id, tx.create_date
                )
            if len(tx.invoice_ids) > 1:
                amount = min(amount, self.amount_residual)
            in_flight += amount
        return self.currency_id.round(in_flight)

    def _get_chargeable_amount(self):
        """Return the remaining amount less what is in flight.

        :return: The amount in the invoice's currency, zero at the least.
        :rtype: float
        """
        self.ensure_one()
        if self.state != "posted":
            return 0.0
        left = self.amount_residual - self._get_amount_in_flight()
        return max(self.currency_id.round(left), 0.0)

    def _get_default_payment_amount(self):
        """Return the amount that settles this invoice today.

        That is the chargeable amount, or less with an early-payment discount.

        :return: The amount in the invoice's currency.
        :rtype: float
        """
        self.ensure_one()
        chargeable = self._get_chargeable_amount()
        has_discount = self.invoice_payment_term_id.early_discount
        if has_discount and not self.currency_id.compare_amounts(
            chargeable, self.amount_residual
        ):
            values = self._get_invoice_next_payment_values()
            if values.get("installment_state") == "epd":
                return values["amount_due"]
        return chargeable

    def _has_to_be_paid(self):
        """Keep customers from paying again what may have been paid already."""
        return super()._has_to_be_paid() and not self._get_unresolved_attempts()

    def _get_online_payment_error(self):
        error = super()._get_online_payment_error()
        if self._get_unresolved_attempts():
            processing = self.env._("A payment of this invoice is being processed.")
            error = "\n".join(filter(None, [error, processing]))
        return error

    def _get_unresolved_attempts(self):
        """Return the attempts whose outcome is not known."""
        return self.sudo().transaction_ids.filtered(
            lambda tx: tx.outcome in UNRESOLVED_OUTCOMES
        )

    def _get_attempts_in_flight(self):
        """Return the attempts on these invoices that may still bring money."""
        invoices = self.filtered(lambda move: move.is_sale_document()).sudo()
        return invoices.transaction_ids.filtered(
            lambda tx: tx.outcome in IN_FLIGHT_OUTCOMES
        )

    def _get_blocking_attempt(self):
        """Return an attempt that keeps any other from being started."""
        return (
            self._get_unresolved_attempts()
            | self.sudo().transaction_ids.filtered("holds_invoice")
        )[:1]

    def _notify_payments_changed(self):
        """Let the open forms of these invoices read their payments again."""
        for invoice in self:
            self.env["bus.bus"]._sendone(
                invoice, "invoice_payments_ext/changed", {"move_id": invoice.id}
            )
