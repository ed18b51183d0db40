from typing import NamedTuple

from odoo import Command, api, models
from odoo.exceptions import UserError

from ...tools import OURS, is_number
from ..core.door import Door


class ExcessMethods(NamedTuple):
    """The methods that lock for an excess, and record the payment that has it.

    :param str keep: Keeps the part of a payment that was recorded and paid no invoice.
    """

    lock: str
    record: str
    keep: str


# The ways to handle an excess.
EXCESS_METHODS = {
    "credit": ExcessMethods(
        "_lock_own_credit_balance", "_record_with_excess", "_keep_rest_as_credit"
    ),
}

RECORD_EXTERNAL_PAYMENT = Door(
    "account.move.record_external_payment",
    rights="_check_payment_rights",
    lock="_lock_to_record",
    check="_check_external_payment",
    work="_carry_out_external_payment",
    is_batch=True,
    optional=("excess", "external_kind"),
)


class AccountMove(models.Model):
    """The door that records money received outside any gateway."""

    _inherit = "account.move"

    # === BUSINESS METHODS - DOORS === #

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
        external_kind=None,
    ):
        """Record money that was received outside any gateway: cash, cheque, transfer.

        Several invoices can be recorded in one call, each with a payment of its own for
        the amount that settles it. Does not commit.

        :param float amount: The amount in the invoice's currency, for one invoice only;
                             the amount that settles the invoice on the date if not
                             given (the chargeable amount, or the discounted one of an
                             early-payment discount).
        :param int journal_id: A bank, cash or credit card journal; if not given, the
                               first one for the kind, or the company's first bank
                               journal.
        :param int payment_method_line_id: An incoming method of the journal that is not
                                           a provider's; its first one if not given.
        :param date|str date: The day on which the money was received; today if not
                              given.
        :param str reference: The document's number, such as the cheque's.
        :param str memo: A memo; the invoice's payment reference if not given.
        :param bool notify: Whether to send the receipt to the customer.
        :param str excess: `credit` to keep the excess over the amount that settles the
                           invoice on the date on the customer's credit balance, in the
                           currency of the journal; if not given, an amount above the
                           remaining one is refused.
        :param str external_kind: How it came: `cash`, `cheque`, `transfer` (by bank),
                                  `terminal` (a card's) or `other`.
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
            external_kind=external_kind,
        )

    # === BUSINESS METHODS - EXTERNAL PAYMENTS === #

    def _get_external_values(
        self,
        journal_id=None,
        payment_method_line_id=None,
        date=None,
        reference=None,
        memo=None,
        external_kind=None,
        **_arguments,
    ):
        """Check and complete the values of external payments.

        :return: The values that all the payments share.
        :rtype: dict
        """
        if not self.company_id:
            raise UserError(self.env._("There is no invoice to record a payment on."))
        if len(self.company_id) > 1:
            raise UserError(self.env._("Record the payments of one company at a time."))
        self._check_external_kind(external_kind)
        journal = self._choose_external_journal(
            journal_id, external_kind, self.company_id
        )
        return {
            "journal_id": journal.id,
            "payment_method_line_id": self._get_external_method_line(
                journal, payment_method_line_id
            ).id,
            "date": self._get_external_date(journal, date, self.company_id),
            "payment_reference": reference or False,
            "memo": memo or False,
            "external_kind": external_kind or False,
        }

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
        if excess not in EXCESS_METHODS:
            raise UserError(
                self.env._(
                    "An excess is kept as credit ('credit') or refused, not %(value)r.",
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
        """Return Odoo's own register dialog, with the amount that settles this.

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
        if amount is not None and self._is_part_in_third_currency(amount, values):
            return self._record_part_in_third_currency(amount, values)
        dialog = self._open_register_dialog(values)
        if amount is not None:
            if not is_checked:
                self._check_payment_amount(amount)
            dialog.amount = self._convert_for_journal(amount, values)
            if dialog.currency_id.is_zero(dialog.amount):
                raise UserError(
                    self.env._(
                        "%(amount)s is less than the smallest unit of %(currency)s, "
                        "the currency of the journal.",
                        amount=self.currency_id.format(amount),
                        currency=dialog.currency_id.name,
                    )
                )
        else:
            self._check_chargeable_in_full()
        payment = dialog._create_payments()
        for name in ("payment_reference", "external_kind"):
            if value := values.get(name):
                payment.with_context(written_by_door=OURS)[name] = value
        return payment

    def _check_chargeable_in_full(self):
        """Check that nothing in flight takes a part of the remaining amount."""
        self.ensure_one()
        if reason := self._get_all_in_flight_reason():
            raise UserError(reason)
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

    # === BUSINESS METHODS - EXCESS === #

    def _has_excess(self, amount, values):
        """Tell if an amount is above the remaining or the settling amount.

        The one need not be the other when a discount is granted, or a rate has changed.
        """
        if len(self) != 1 or not is_number(amount):
            return False  # It is refused with its reason, or there is none.
        return self.currency_id.compare_amounts(
            amount, self.amount_residual
        ) > 0 or bool(self._get_excess(amount, values))

    def _get_excess(self, amount, values):
        """Return the part of an amount above the one that settles this invoice.

        :param float amount: The amount, in the invoice's currency.
        :param dict values: The journal and the date of the payment.
        :return: The excess, in the currency of the journal; zero if there is none.
        :rtype: float
        """
        self.ensure_one()
        paid, settling = amount, self.amount_residual
        currency = self._get_journal_currency(values)
        if self._needs_register_dialog(values):
            paid = self._convert_for_journal(amount, values)
            settling = self._open_register_dialog(values, is_preview=True).amount
        return max(currency.round(paid - settling), 0.0)

    def _convert_for_journal(self, amount, values):
        """Return an amount of this invoice in the currency of a journal that day."""
        return self.currency_id._convert(
            amount, self._get_journal_currency(values), self.company_id, values["date"]
        )
