import importlib
import logging

from odoo import api, models

from odoo.addons.payment.utils import to_major_currency_units

from .reversal_states import STATES

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
            `reason_class`, `reason`, `fee`, `fee_currency` (that of the amount if not
            given), `gateway_url` and `mode` (`live` or `test`, that of the provider if
            not given).
        :return: The record; none if the payment is not known, or of the other mode.
        :rtype: account.payment.reversal
        """
        self.ensure_one()
        payment = self.sudo()._find_taken_back_payment(data)
        if not payment:
            _logger.warning(
                "%s took money back of a payment that is not known: %s",
                self.code,
                data.get("payment_reference") or data.get("reference"),
            )
            return self.env["account.payment.reversal"]
        if self._is_message_of_other_mode(payment.payment_transaction_id, data):
            _logger.warning(
                "%s took back money of %s, but in the other mode",
                self.code,
                payment.name,
            )
            return self.env["account.payment.reversal"]
        payment = payment.with_company(payment.company_id)
        payment._lock_to_take_back()
        reversal = payment._find_taken_back(data["reference"])
        if reversal:
            self._correct_reversal(reversal, data)
        elif data["state"] == "cancelled":
            return reversal  # It was never here.
        elif not data.get("amount") and not payment._get_takeable_amount():
            _logger.warning("Nothing is left to take back of %s", payment.name)
            return reversal
        else:
            reversal = self._create_reversal(payment, data)
        if data.get("fee") and not reversal.fee_move_id:
            day = payment._get_taken_back_booking_date(data.get("date"))
            code = data.get("fee_currency") or data.get("currency")
            fee = self._convert_taken_back(payment, data["fee"], code, day)
            if not payment.currency_id.is_zero(fee):
                reversal._book_fee(fee, day)
        return reversal

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

    def _find_taken_back_payment(self, data):
        """Return the payment that a message is about, booked if it was not yet.

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
        # An authorization that was captured in parts has no payment of its own.
        tx |= tx._get_captures()
        for done in tx.filtered(lambda each: each.state == "done"):
            if not done.payment_id:
                done._post_process()
        return tx.payment_id.sorted(
            lambda payment: payment._get_takeable_amount(), reverse=True
        )[:1]

    def _create_reversal(self, payment, data):
        """Record one that was not known; see :meth:`_process_reversal`.

        If it was won before anything was heard of it, no entry is needed.

        :rtype: account.payment.reversal
        """
        day = payment._get_taken_back_booking_date(data.get("date"))
        amount = payment._get_takeable_amount()
        if data.get("amount"):
            # It did leave, also where the payment was given back before.
            amount = self._convert_taken_back(
                payment, data["amount"], data.get("currency"), day
            )
        return payment._record_taken_back(
            data["state"],
            data.get("date"),
            kind=data["kind"],
            amount=amount,
            gateway_amount=data.get("amount") or 0.0,
            gateway_currency=data.get("currency"),
            provider_reference=data["reference"],
            last_message_on=data.get("sent_on"),
            **{name: data[name] for name in CORRECTED_FACTS if data.get(name)},
        )

    def _correct_reversal(self, reversal, data):
        """Apply a message to a record that is known, unless a later one was applied."""
        sent_on, last = data.get("sent_on"), reversal.last_message_on
        before, after = STATES[reversal.state], STATES[data["state"]]
        is_late = after.rank < before.rank or bool(sent_on and last and sent_on < last)
        if is_late:
            return
        facts = {
            name: data[name]
            for name in CORRECTED_FACTS
            if data.get(name) and data[name] != reversal[name]
        }
        if sent_on:
            facts["last_message_on"] = sent_on
        if facts:
            reversal.write(facts)
            reversal._keep_return_reason()
        if data["state"] != reversal.state:
            reversal._set_state(data["state"], data.get("date"))

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
