import logging

from odoo import models

_logger = logging.getLogger(__name__)

CAPTURES = ("CAPTURE", "CAPTURE_FAILED")
CAPTURED = "Authorised"  # As the module words the success of any event.


class PaymentTransaction(models.Model):
    """Captures of a whole authorization at Adyen, which fail days after they succeeded.

    The module takes a message on one for a message on the authorization. There it drops
    each failure, and each capture after the first one. Source:
    https://docs.adyen.com/online-payments/capture/failure-reasons/
    """

    _inherit = "payment.transaction"

    def _read_adyen_answer(self, payment_data):
        """Apply a message on a capture of all of this authorization to that capture.

        :param dict payment_data: The payment data of the module.
        :return: Whether the outcome was set.
        :rtype: bool
        """
        is_of_capture = payment_data.get("eventCode") in CAPTURES and not (
            self.source_transaction_id or self._get_answer_to_collect()
        )
        if is_of_capture and self._follow_capture(payment_data):
            return True
        return self._read_state(payment_data)

    def _follow_capture(self, payment_data):
        """Apply a message on a capture to the part of this authorization that it is of.

        :return: Whether it was applied; else the module reads it.
        :rtype: bool
        """
        reference = payment_data.get("pspReference")
        captures = self.child_transaction_ids.filtered(
            lambda tx: not tx._is_refund() and tx.request_kind != "void"
        )
        part = captures.filtered(lambda tx: tx.provider_reference == reference)[:1]
        standing = captures.filtered(
            lambda tx: tx.state == "done" and not tx._failed_late()
        )
        if payment_data.get("resultCode") == CAPTURED:
            return self._follow_captured(part, captures, standing, reference)
        # One that has no id of its own: its answer was lost, or it is the whole.
        if not part and payment_data["eventCode"] == "CAPTURE_FAILED":
            part = standing.filtered(lambda tx: not tx.provider_reference)[:1]
            part = part or (self if self.state == "done" and not captures else part)
        if not part:
            return False
        reason = payment_data.get("reason") or self.env._("The capture failed.")
        part._set_error(reason)
        return True

    def _follow_captured(self, part, captures, standing, reference):
        """Apply that all of this authorization was captured.

        See :meth:`_follow_capture`.

        :param payment.transaction part: The capture, if its id is known.
        :param payment.transaction captures: All captures of this authorization.
        :param payment.transaction standing: Those that hold the money.
        :param str reference: Adyen's id of the capture.
        """
        if part.state == "error" and part.request_state == "answered":
            # The failure came first: it is the later word of the two.
            _logger.info("%s failed: an older success is not booked", part.reference)
            return True
        if part:
            part._set_done(extra_allowed_states=("cancel", "error"))
            return True
        has_failed = any(tx._failed_late() for tx in captures | self)
        if not has_failed or standing or captures._get_captures_in_flight():
            return False
        # Captured once more, in the pages of the provider.
        again = self._create_child_transaction(
            self.amount, provider_reference=reference
        )
        again._set_done()
        return True

    def _get_parts_booked_before(self):
        """A capture that failed gives its share to the next one."""
        parts = super()._get_parts_booked_before()
        return parts.filtered(lambda tx: not tx._failed_late())

    def _failed_late(self):
        """Tell if this charge succeeded, and failed after that.

        :rtype: bool
        """
        return any(
            reversal.kind == "late_failure" and reversal.state == "lost"
            for reversal in self.payment_id.sudo().payment_reversal_ids
        )
