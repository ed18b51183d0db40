from odoo import models


class PaymentProvider(models.Model):
    """The fees that messages of a provider name, each booked once."""

    _inherit = "payment.provider"

    # === BUSINESS METHODS === #

    def _follow_fees(self, reversals, data):
        """Book the fees that a message names, and those that it gives back.

        :param account.payment.reversal reversals: The records of the message.
        :param dict data: See :meth:`_process_reversal`. Either `fees`, all that the
            provider charged and gave back by now: a list of dicts with `reference`, its
            own id of the fee, `amount`, below zero for one that came back, and
            `currency`. Or `fee`, the only one, with `fee_currency` (that of the amount
            if not given), and `is_fee_returned`.
        """
        day = reversals[0].payment_id._get_taken_back_booking_date(data.get("date"))
        told = data.get("fees") or []
        for fee in told:
            if fee["reference"] not in reversals._get_told_fees():
                self._follow_fee(reversals, fee, told, day)
        if data.get("fee") and not reversals.fee_move_id:
            code = data.get("fee_currency") or data.get("currency")
            self._book_fee_of_message(reversals[:1], data["fee"], code, day)
        if data.get("is_fee_returned"):
            for reversal in reversals:
                reversal._return_fee(day)

    def _follow_fee(self, reversals, fee, told, day):
        """Book a fee that was not known by its id; see :meth:`_follow_fees`.

        :param dict fee: The fee.
        :param list[dict] told: All fees that the message names.
        :param datetime.date day: The day of the entry.
        """
        reference = fee["reference"]
        if fee["amount"] > 0:
            # One that was booked before it had an id: by a person, or long ago.
            if unnamed := reversals.fee_move_id.filtered(
                lambda entry: not entry.reversal_fee_reference
            ):
                unnamed[0].reversal_fee_reference = reference
                return
            self._book_fee_of_message(
                reversals[:1], fee["amount"], fee["currency"], day, reference
            )
            return
        returned = [
            each["reference"]
            for each in told
            if (each["amount"], each["currency"]) == (-fee["amount"], fee["currency"])
        ]
        for reversal in reversals:
            if reversal._return_told_fee(returned, day, reference):
                return
        self._book_fee_of_message(
            reversals[:1], fee["amount"], fee["currency"], day, reference
        )

    def _book_fee_of_message(self, reversal, amount, code, day, reference=None):
        """Book a fee that a message names.

        :param float amount: The amount; below zero for a part that came back.
        :param str code: The currency of the amount.
        :param datetime.date day: The day of the entry.
        :param str reference: The provider's id of the fee.
        """
        payment = reversal.payment_id
        fee = self._convert_taken_back(payment, amount, code, day)
        if not payment.currency_id.is_zero(fee):
            reversal._book_fee(fee, day, reference)
