import importlib
import logging
from datetime import datetime, time

from odoo import api, fields, models

from odoo.addons.payment.utils import to_major_currency_units

from .reversal_states import STATES, WITHDRAWN

_logger = logging.getLogger(__name__)

# The fields that a message may correct on a record that is known.
CORRECTED_FACTS = ("reason_code", "reason_class", "reason", "respond_by", "gateway_url")


class PaymentProvider(models.Model):
    """Messages of a provider on money that was taken back."""

    _inherit = "payment.provider"

    # === BUSINESS METHODS === #

    def _process_reversal(self, data):
        """Record a message of the provider on money that was taken back.

        Messages come twice and out of order: each is applied once, and its word is
        booked only if no later message was applied. A provider module may override
        this, or call it with data of its own.

        Note: `self.ensure_one()`; the message must have been verified.

        :param dict data: With `transaction`, a `payment.transaction`, or
            `payment_reference`, the provider's id of the payment; `reference`, the
            provider's id of the dispute or return; `kind` and `state`, see
            `reversal_states`; and if they are known `amount` and `currency` (its code),
            `date`, `respond_by`, `sent_on` (a datetime in UTC), `reason_code`,
            `reason_class`, `reason`, `gateway_url`, `mode` (`live` or `test`, that of
            the provider if not given), `is_withdrawn_amount` (whether `amount` is what
            the provider holds by now, also where it said another one before), and the
            fees, see :meth:`_follow_fees`.
        :return: The record, one for each payment of an authorization that was captured
                 in parts; none if no payment is known, or it is of the other mode.
        :rtype: account.payment.reversal
        """
        self.ensure_one()
        payments = self.sudo()._find_taken_back_payments(data)
        if not payments:
            _logger.warning(
                "%s took money back of a payment that is not known: %s",
                self.code,
                data.get("payment_reference") or data.get("reference"),
            )
            return self.env["account.payment.reversal"]
        if any(
            self._is_message_of_other_mode(tx, data)
            for tx in payments.payment_transaction_id
        ):
            _logger.warning(
                "%s took back money of %s, but in the other mode",
                self.code,
                payments.mapped("name"),
            )
            return self.env["account.payment.reversal"]
        payments = payments.with_company(payments.company_id)
        payments._lock_to_take_back()
        reversals = payments._find_taken_back(data["reference"])
        reversals = reversals or self._name_reported(payments, data)
        if reversals:
            reversals |= self._correct_reversals(payments, reversals, data)
        elif data["state"] == "cancelled":
            return reversals  # It was never here.
        else:
            parts = self._prepare_amounts(payments, data)
            reversals = self._create_reversals(parts, data)
        if reversals:
            self._follow_fees(reversals, data)
        return reversals

    @api.model
    def _is_message_of_other_mode(self, transaction_sudo, data):
        """Tell if a message is of another mode than the payment that it names.

        The ids of the test mode and of the live mode are two worlds: nothing of a test
        takes real money back, and no real dispute is one of a test payment.

        :rtype: bool
        """
        mode, own = data.get("mode"), transaction_sudo.provider_mode
        if mode and own:
            return mode != own
        return bool(transaction_sudo) and transaction_sudo._is_of_other_mode()

    def _find_taken_back_payments(self, data):
        """Return the payments that a message is about, booked if they were not yet.

        A message on an authorization is about all that was captured of it.

        :return: The payments, the one that was booked last first.
        :rtype: account.payment
        """
        transactions = self.env["payment.transaction"]
        tx = data.get("transaction") or transactions
        if not tx and data.get("payment_reference"):
            tx = transactions.search(
                [
                    ("provider_reference", "=", data["payment_reference"]),
                    ("provider_id", "=", self.id),
                    ("operation", "!=", "refund"),
                ]
            )
        tx = tx.sudo()
        # A capture that has no id of its own at the provider goes by that of the whole.
        tx |= tx.source_transaction_id.filtered(
            lambda whole: (
                whole.provider_reference
                and whole.provider_reference in tx.mapped("provider_reference")
            )
        )
        # An authorization that was captured in parts has no payment of its own.
        tx |= tx._get_captures()
        for done in tx.filtered(lambda each: each.state == "done"):
            if not done.payment_id:
                done._post_process()
        return tx.payment_id.sorted("id", reverse=True)

    def _create_reversals(self, parts, data):
        """Record one that was not known; see :meth:`_process_reversal`.

        If it was won before anything was heard of it, no entry is needed.

        :param dict parts: By payment the amounts, see :meth:`_prepare_amounts`.
        :return: A record for each payment of which something is taken.
        :rtype: account.payment.reversal
        """
        reversals = self.env["account.payment.reversal"]
        for payment, amounts in parts.items():
            reversals |= payment._record_taken_back(
                data["state"],
                data.get("date"),
                kind=data["kind"],
                **amounts,
                provider_reference=data["reference"],
                last_message_on=data.get("sent_on"),
                **{name: data[name] for name in CORRECTED_FACTS if data.get(name)},
            )
        return reversals

    def _prepare_amounts(self, payments, data, reversals=None):
        """Return the amounts of the records of a message.

        :param account.payment.reversal reversals: The records, if they are known: what
                                                   they took is theirs to take.
        :return: By payment the values, which together are what the provider named.
        :rtype: dict[account.payment, dict]
        """
        parts = self._spread_taken_back(payments, data, reversals)
        currency = self._get_message_currency(data.get("currency"))
        left = named = data.get("amount") or 0.0
        values = {}
        for payment, amount in parts.items():
            is_last = len(values) == len(parts) - 1
            part = left if is_last else named * amount / sum(parts.values())
            part = currency.round(part) if currency else part
            left -= part
            values[payment] = {
                "amount": amount,
                "gateway_amount": part,
                "gateway_currency": data.get("currency"),
            }
        return values

    def _get_withdrawn_parts(self, payments, reversals, data):
        """Return the amounts of a case that takes money only now, once more, or anew.

        While the bank only asks, it names the whole payment; what it withdraws then may
        be less. After a case was won, it may take another amount. Another amount of
        money that left already counts only where the provider is known to say so.

        :return: By payment the values of its record; nothing if none changes.
        :rtype: dict[account.payment, dict]
        """
        is_inquiry = set(reversals.mapped("state")) == {"inquiry"}
        is_taken_now = data["state"] in WITHDRAWN and (
            data.get("is_withdrawn_amount") or not reversals._filter_withdrawn()
        )
        if not data.get("amount") or not (is_inquiry or is_taken_now):
            return {}
        values = self._prepare_amounts(payments, data, reversals)
        if reversals.payment_id <= self.env["account.payment"].union(*values):
            return values
        for reversal in reversals:
            reversal._tell_amount_unbooked(data["amount"], data.get("currency"))
        return {}

    def _spread_taken_back(self, payments, data, reversals):
        """Spread the amount of a message over the captures of one authorization.

        The money that was captured last goes first, as it is with refunds.

        :param account.payment payments: The locked payments, the last one first.
        :return: By payment, what is taken of it, in its currency.
        :rtype: dict[account.payment, float]
        """
        takeable = {payment: payment._get_takeable_amount() for payment in payments}
        for reversal in reversals._filter_withdrawn() if reversals else ():
            takeable[reversal.payment_id] += reversal.amount
        first = payments[:1]
        currency = first.currency_id
        left = sum(takeable.values())
        if data.get("amount"):
            left = self._get_amount_of_message(first, data)
        parts = {}
        for payment, amount in takeable.items():
            part = currency.round(min(left, amount))
            if currency.compare_amounts(part, 0) > 0:
                parts[payment] = part
                left = currency.round(left - part)
        if currency.compare_amounts(left, 0) > 0:
            # It did leave, also where the payment was given back before.
            payment = next(iter(parts), first)
            parts[payment] = currency.round(parts.get(payment, 0.0) + left)
        if not parts:
            _logger.warning("Nothing is left to take back of %s", payments.ids)
        return parts

    def _correct_reversals(self, payments, reversals, data):
        """Apply a message to the records that are known.

        :return: New ones, of captures of which nothing was withdrawn before.
        :rtype: account.payment.reversal
        """
        parts = self._get_withdrawn_parts(payments, reversals, data)
        applied = [
            self._correct_reversal(reversal, data, parts.pop(reversal.payment_id, {}))
            for reversal in reversals
        ]
        return self._create_reversals(parts if all(applied) else {}, data)

    def _correct_reversal(self, reversal, data, amounts):
        """Apply a message to a record that is known, unless a later one was applied.

        :param dict amounts: The values of the amounts, if the money leaves only now.
        :return: Whether it was applied.
        :rtype: bool
        """
        sent_on, last = data.get("sent_on"), reversal.last_message_on
        before, after = STATES[reversal.state], STATES[data["state"]]
        said_on, decided_on = self._get_said_on(data), reversal.decided_on
        if (
            after.rank < before.rank
            or (sent_on and last and sent_on < last)
            or (said_on and decided_on and said_on < decided_on)
        ):
            return False
        if reversal.is_by_bank:
            amounts = {}  # The line of the bank statement says it.
        facts = {
            name: value
            for name, value in (
                *((name, data.get(name)) for name in CORRECTED_FACTS),
                *amounts.items(),
            )
            if value and value != reversal[name]
        }
        if sent_on:
            facts["last_message_on"] = sent_on
        is_other_amount = "amount" in facts and reversal._hold_withdrawn(
            data.get("date")
        )
        if facts:
            reversal.write(facts)
            reversal._keep_return_reason()
            reversal._follow_respond_by()
        if data["state"] != reversal.state:
            reversal._set_state(data["state"], data.get("date"))
        elif is_other_amount:
            reversal._follow_amount(data.get("date"))
        return True

    def _name_reported(self, payments, data):
        """Give the provider's id to what a person reported without it.

        It is the same case, also after somebody decided it: the same kind and amount.

        :return: The record, one for each payment; none if nobody reported it.
        :rtype: account.payment.reversal
        """
        reported = payments.payment_reversal_ids.filtered(
            lambda reversal: (
                not reversal.provider_reference
                and reversal.kind == data["kind"]
                and not self._is_another_case(reversal, data)
            )
        ).sorted(lambda reversal: (reversal.state not in WITHDRAWN, reversal.id))
        if data.get("amount"):
            currency = payments.currency_id
            amount = self._get_amount_of_message(payments[:1], data)
            groups = [*reported, reported]
            same = next(
                (
                    each
                    for each in groups
                    if not currency.compare_amounts(sum(each.mapped("amount")), amount)
                    and len(each) == len(each.payment_id)
                ),
                reported.browse(),
            )
        else:
            same = reported if len(reported) == 1 else reported.browse()
        for reversal in same:
            reversal.write(
                {
                    "provider_reference": data["reference"],
                    "gateway_amount": data.get("amount", 0.0) if len(same) == 1 else 0,
                    "gateway_currency": data.get("currency"),
                }
            )
        return same

    @api.model
    def _is_another_case(self, reversal, data):
        """Tell if a message opens another case than one that is over already.

        :param account.payment.reversal reversal: One without the provider's id.
        :rtype: bool
        """
        if reversal.is_undecided or reversal.state in WITHDRAWN:
            return False
        said_on = self._get_said_on(data)
        is_later = not said_on or not reversal.decided_on
        is_later = is_later or said_on > reversal.decided_on
        return STATES[data["state"]].rank < STATES[reversal.state].rank and is_later

    @api.model
    def _get_said_on(self, data):
        """Return the moment of a message, or the begin of its day; none if unknown.

        :rtype: datetime.datetime or None
        """
        if data.get("sent_on") or not data.get("date"):
            return data.get("sent_on")
        return datetime.combine(fields.Date.to_date(data["date"]), time.min)

    def _get_amount_of_message(self, payment, data):
        """Return the amount that a message names, in the currency of the payment.

        :rtype: float
        """
        day = payment._get_taken_back_booking_date(data.get("date"))
        return self._convert_taken_back(
            payment, data["amount"], data.get("currency"), day
        )

    def _convert_taken_back(self, payment, amount, code, day):
        """Return an amount of a message in the currency of the payment.

        :param str code: The currency of the amount; that of the payment if not given.
        :rtype: float
        """
        currency = self._get_message_currency(code)
        if not currency or currency == payment.currency_id:
            return payment.currency_id.round(amount)
        return currency._convert(amount, payment.currency_id, payment.company_id, day)

    @api.model
    def _get_message_currency(self, code):
        """Return a currency by its code, also one that is not active.

        :rtype: res.currency
        """
        currencies = self.env["res.currency"].sudo().with_context(active_test=False)
        return currencies.search([("name", "=", (code or "").upper())], limit=1)

    def _to_major_units(self, amount, code):
        """Return an amount of a message that is in the currency's smallest units.

        :param int amount: The amount, as this provider counts the units.
        :param str code: The currency.
        :rtype: float
        """
        try:
            const = importlib.import_module(f"odoo.addons.payment_{self.code}.const")
            decimals = getattr(const, "CURRENCY_DECIMALS", {}).get(code)
        except ImportError:
            decimals = None
        return to_major_currency_units(
            amount, self._get_message_currency(code), decimals
        )
