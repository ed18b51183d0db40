import logging

import psycopg2

from odoo import api, models
from odoo.exceptions import ValidationError

from ...tools import OURS
from ..states import OUTCOMES, POSTED_STATES, UNSUCCESSFUL_OUTCOMES

_logger = logging.getLogger(__name__)

FAILURES = ("error", "cancel")
# With these, Odoo lets an authorization follow its captures and voids: no word of the
# provider.
FOLLOWING = ("authorized",)


class PaymentTransaction(models.Model):
    """Money that had moved, and of which the provider says later that it did not."""

    _inherit = "payment.transaction"

    # === BUSINESS METHODS - LATE FAILURES === #

    def _take_back_late_failures(self, allowed_states, target_state, message):
        """Take back the charges among these that fail after they succeeded.

        They stay done: the money did come. One that is not booked yet is booked first,
        so that the books tell the whole story.

        :return: Those whose state does not change.
        :rtype: payment.transaction
        """
        if target_state not in FAILURES or allowed_states == FOLLOWING:
            return self.browse()
        failed = self.filtered(
            lambda tx: (
                tx.state == "done"
                and tx.operation not in ("refund", "validation")
                and tx.provider_code != "credit_balance"
                and (tx.payment_id or tx._get_attempt_invoices())
            )
        )
        for tx in failed:
            # An authorization that was captured in parts has no payment of its own.
            parts = tx._get_captures() or tx
            for part in parts.filtered(lambda part: not part.payment_id):
                part._post_process()
            for part in parts:
                if not part._stands_at_provider():
                    part._take_back_late_failure(message)
        return failed

    def _stands_at_provider(self):
        """Ask the provider if this charge stands, where it can be asked.

        The word that it failed may be older than the word that it succeeded.

        :rtype: bool
        """
        try:
            with self.env.cr.savepoint():
                said = self._fetch_outcome()
                probe = said and self._probe(lambda tx: tx._apply_updates(said))
        except psycopg2.Error:
            raise
        except Exception:  # noqa: BLE001, pylint: disable=broad-except
            _logger.exception("The provider could not be asked for %s", self.reference)
            return False
        stands = bool(probe) and probe.get_state()[0] == "done"
        if stands:
            _logger.info("%s failed earlier, and succeeded since", self.reference)
        return stands

    def _take_back_late_failure(self, message):
        """Record that the provider took back all that is left of this charge, once."""
        payment = self.payment_id.sudo()
        if payment.state == "draft":
            self._tell_failed_unconfirmed(message)
            return
        if payment.state not in POSTED_STATES:
            _logger.warning("%s failed late, but is not booked", self.reference)
            return
        payment._lock_to_take_back()
        reference = f"{self.reference} late failure"
        if payment._find_taken_back(reference) or payment.currency_id.is_zero(
            payment._get_takeable_amount()
        ):
            _logger.info("%s failed late: nothing is left to take back", self.reference)
            return
        payment._record_taken_back(
            "lost",
            None,
            kind="late_failure",
            amount=payment._get_takeable_amount(),
            provider_reference=reference,
            reason=message or "",
        )

    def _tell_failed_unconfirmed(self, message):
        """Tell a person that this charge failed late, while its payment is a draft.

        The books say nothing of it: there is nothing that could be taken back.
        """
        payment = self.payment_id
        self._schedule_payment_activity(
            (self._get_attempt_invoices() or payment)[:1],
            self.env._("Failed later, not confirmed"),
            self.env._(
                "%(reference)s (%(amount)s) succeeded, and failed later: %(reason)s "
                "Its payment %(payment)s is a draft. Confirm it, and report that its "
                "money was taken back.",
                reference=self._get_html_link(),
                amount=self.currency_id.format(self.amount),
                reason=message or "",
                payment=payment._get_html_link(),
            ),
        )

    # === BUSINESS METHODS - FAILED REFUNDS === #

    def _keep_failed_refunds(self, _allowed_states, target_state, _message):
        """Keep those of these failed that were booked before, whatever is told late.

        No provider sends the money of a refund that came back a second time: the word
        that it succeeded is an old one, or the same one once more.

        :return: Those whose state does not change.
        :rtype: payment.transaction
        """
        if target_state != "done" or self.env.context.get("resolved_by_person") is OURS:
            return self.browse()
        kept = self.filtered(
            lambda tx: tx._is_refund() and tx.payment_id and tx.state in FAILURES
        )
        for tx in kept:
            _logger.info("%s came back: an older success is not booked", tx.reference)
        return kept

    def _undo_failed_refund(self):
        """Undo the booking of a refund that failed after it was booked.

        Its payment, its allocations and the invoices are as before it, and a credit
        note that it issued is open again.
        """
        refund = self.payment_id
        if (
            not self._is_refund()
            or self.outcome not in UNSUCCESSFUL_OUTCOMES
            or refund.state not in POSTED_STATES
            or not refund.source_payment_id
        ):
            return
        source = refund.source_payment_id
        source._lock_to_take_back()
        reason = self.env._("Refund failed: %s", self.reference)
        invoices = refund.refund_allocation_ids.invoice_id
        credit_notes = refund.refund_allocation_ids.credit_note_id
        refund._undo_by_opposite_entry(
            source._get_taken_back_booking_date(None), reason
        )
        values = {
            "amount": self.currency_id.format(abs(self.amount)),
            "reference": self.reference,
            "payment": source._get_html_link(),
            "reason": self.state_message or "",
        }
        note = self.env._(
            "The refund of %(amount)s (%(reference)s) came back: %(reason)s The "
            "customer did not get it. %(payment)s is as before the refund.",
            **values,
        )
        if credit_notes:
            note += " " + self.env._(
                "Open again: %s. Pay it out in another way.",
                ", ".join(credit_notes.mapped("name")),
            )
        self._schedule_payment_activity(
            (invoices or source)[:1], self.env._("Refund came back"), note
        )

    @api.model
    def _get_failed_refunds_domain(self):
        """Find the refunds that failed, and whose booking is not undone yet."""
        return [
            ("operation", "=", "refund"),
            ("outcome", "in", UNSUCCESSFUL_OUTCOMES),
            ("payment_id.state", "in", POSTED_STATES),
            ("is_post_processed", "=", False),
        ]

    # === BUSINESS METHODS - MESSAGES === #

    def _process_taken_back_message(self, data):
        """Record a verified message on money taken back.

        :param dict data: The result of a reader of `messages`.
        :rtype: account.payment.reversal
        """
        self.ensure_one()
        self._learn_that_it_came()
        provider = self.provider_id
        values = {**data, "transaction": self}
        own = data.get("currency") or self.currency_id.name
        if data.get("minor"):
            values["amount"] = provider._to_major_units(data["minor"], own)
        values["fees"] = [
            {
                "reference": reference,
                "amount": provider._to_major_units(minor, code or own),
                "currency": code or own,
            }
            for reference, minor, code in data.get("minor_fees") or ()
        ]
        return provider._process_reversal(values)

    def _learn_that_it_came(self):
        """Learn first that money came, if only its taking back was told so far.

        Messages come out of order, and some never. The provider is asked; where it does
        not say, it is to send the message again.

        :raise ValidationError: If it is not known that the money came.
        """
        if self.state == "done" or self._get_captures():
            return
        said = self._fetch_outcome()
        if said:
            self._process(self.provider_code, said)
        if not (OUTCOMES[self.outcome].is_final or self._get_captures()):
            raise ValidationError(
                self.env._(
                    "Money of %s was taken back, but that it came is not known yet.",
                    self.reference,
                )
            )
