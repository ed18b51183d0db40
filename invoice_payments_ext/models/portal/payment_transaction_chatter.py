from datetime import timedelta

from odoo import fields, models

from ..attempts.payment_transaction import ONLINE_OPERATIONS
from ..states import OUTCOMES

# Attempts on an invoice belong together while they follow each other within this time.
BURST_PERIOD = timedelta(hours=1)


class PaymentTransaction(models.Model):
    """The chatter of an invoice on which somebody tries one card after another."""

    _inherit = "payment.transaction"

    # === BUSINESS METHODS === #

    def _log_in_burst(self):
        """Let one line of the chatter stand for attempts that fail one after another.

        The first one is logged as any other, and one that brings money always is. The
        attempts themselves stay in the Payments section.

        Note: `self.ensure_one()`

        :return: Whether there is nothing more to log.
        :rtype: bool
        """
        self.ensure_one()
        is_unsuccessful = OUTCOMES[self.outcome].is_unsuccessful
        if (
            self.operation not in ONLINE_OPERATIONS
            or self.source_transaction_id
            or not (is_unsuccessful or self.outcome in ("draft", "ready", "sent"))
        ):
            return False
        since = fields.Datetime.now() - BURST_PERIOD
        invoices = self.invoice_ids
        earlier = {
            invoice: invoice.transaction_ids.filtered(
                lambda tx: (
                    tx.id < self.id
                    and tx.create_date > since
                    and tx.operation in ONLINE_OPERATIONS
                    and OUTCOMES[tx.outcome].is_unsuccessful
                )
            )
            for invoice in invoices
        }
        if not invoices or not all(earlier.values()):
            return False
        if is_unsuccessful:
            for invoice in invoices:
                self._write_burst_line(invoice, len(earlier[invoice]) + 1, since)
        return True

    def _write_burst_line(self, invoice, count, since):
        """Write how many attempts on an invoice failed, or update the line."""
        body = self.env._(
            "%(count)s payments in the portal did not succeed, one after another. The "
            "last one is %(reference)s.",
            count=count,
            reference=self._get_html_link(),
        )
        subtype = self.env.ref("invoice_payments_ext.mt_attempts_unsuccessful")
        line = self.env["mail.message"].search(
            [
                ("model", "=", invoice._name),
                ("res_id", "=", invoice.id),
                ("subtype_id", "=", subtype.id),
                ("date", ">", since),
            ],
            order="id DESC",
            limit=1,
        )
        if line:
            line.write({"body": body, "date": fields.Datetime.now()})
        else:
            invoice.message_post(
                body=body, subtype_id=subtype.id, author_id=self.partner_id.id
            )
