from odoo import models

from ..states import STATE_BY_PAYMENT, STATES


class AccountMove(models.Model):
    """Records of payments that may be taken back, and those that were."""

    _inherit = "account.move"

    # === GETTERS === #

    def _get_payment_state(self, payment):
        """Return the state of a row, or a part of one, by that of its payment.

        :param dict payment: The payment as it was read.
        :rtype: str
        """
        is_mistaken = payment["mistake_reason"]
        return "mistaken" if is_mistaken else STATE_BY_PAYMENT[payment["state"]]

    def _is_recorded_part(self, part):
        """Tell if a part of a row was recorded by hand, so that it may be a mistake.

        :rtype: bool
        """
        return (
            part["kind"] in ("refund", "kept")
            and part["state"] == "succeeded"
            and not part["transaction_id"]
        )

    def _get_bank_reason(self, values):
        """Say that the bank shows the money of a row, or a part; empty if it does not.

        :rtype: str
        """
        if not values["bank_entry"]:
            return ""
        return self.env._(
            "It was matched with the bank (%s): the money moved.", values["bank_entry"]
        )

    def _get_row_mistake_reason(self, values):
        """Say why the record of a row cannot be taken back; an empty text if it can.

        :rtype: str
        """
        if matched := self._get_bank_reason(values):
            return f"{matched} {self.env._('Use Refund.')}"
        parts = values["refunds"]
        if values["amount_taken_back"] or any(
            not STATES[part["state"]].is_unsuccessful for part in parts
        ):
            return self.env._(
                "A part of it was refunded, kept as credit or taken back: undo that "
                "first."
            )
        return ""
