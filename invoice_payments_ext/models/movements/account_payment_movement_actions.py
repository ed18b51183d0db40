from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ...tools import prepare_form
from ..states import (
    POSTED_STATES,
    RESOLVABLE_OUTCOMES,
    UNRESOLVED_OUTCOMES,
    UNSUCCESSFUL_OUTCOMES,
)
from ..taken_back.reversal_states import WITHDRAWN

# The payments of which something is left that can be given back.
REFUNDABLE = """
    SELECT payment.id FROM account_payment payment
     WHERE payment.id IN %(ids)s AND payment.state IN %(posted)s
       AND payment.payment_type = 'inbound' AND payment.amount
         > COALESCE((SELECT sum(other.amount) FROM account_payment other
                      WHERE other.source_payment_id = payment.id
                        AND other.state NOT IN ('canceled', 'rejected')), 0)
         - COALESCE((SELECT sum(tx.amount) FROM payment_transaction tx
                      WHERE tx.source_transaction_id = payment.payment_transaction_id
                        AND tx.operation = 'refund' AND tx.payment_id IS NULL
                        AND tx.outcome NOT IN %(unsuccessful)s), 0)
         + COALESCE((SELECT sum(reversal.amount) FROM account_payment_reversal reversal
                      WHERE reversal.payment_id = payment.id
                        AND reversal.taking_payment_id IS NULL
                        AND reversal.state IN %(withdrawn)s), 0)
"""


class AccountPaymentMovement(models.Model):
    """The buttons of a row: they open the dialogs of its record, whose doors decide."""

    _inherit = "account.payment.movement"

    can_retry = fields.Boolean(compute="_compute_buttons")
    can_resolve = fields.Boolean(compute="_compute_buttons")
    can_refund = fields.Boolean(compute="_compute_buttons")
    has_receipt = fields.Boolean(compute="_compute_buttons")

    # === COMPUTE METHODS === #

    @api.depends_context("uid")
    def _compute_buttons(self):
        """Find the buttons of all rows of a page at once."""
        may_record = not self.env["account.move"]._get_record_level_reason()
        may_refund = not self.env["account.move"]._get_refund_level_reason()
        retryable = self._filter_retryable() if may_record else self.browse()
        refundable = self._filter_refundable() if may_refund else self.browse()
        for row in self:
            is_refund = row.kind in ("refund", "paid_out")
            row.can_retry = row in retryable
            row.can_refund = row in refundable
            row.can_resolve = (
                row.outcome in RESOLVABLE_OUTCOMES
                and bool(row.transaction_id)
                and (may_refund if is_refund else may_record)
            )
            row.has_receipt = (
                row.outcome == "succeeded"
                and bool(row.payment_id)
                and row.kind != "taken_back"
            )

    def _filter_retryable(self):
        """Return the rows of attempts that may be repeated now.

        They came to nothing, are of the provider's present mode and of one invoice, on
        which something remains and nothing is in flight.
        """
        rows = self.filtered(
            lambda row: row.kind == "attempt" and row.outcome in UNSUCCESSFUL_OUTCOMES
        )
        # Attempts of all people count, and providers are readable by administrators.
        attempts_sudo = rows.transaction_id.sudo()
        invoices_sudo = attempts_sudo.invoice_ids.filtered(
            lambda move: (
                move.state == "posted"
                and move.move_type == "out_invoice"
                and not move.currency_id.is_zero(move.amount_residual)
            )
        )
        held_sudo = attempts_sudo.search_fetch(
            [
                ("invoice_ids", "in", invoices_sudo.ids),
                "|",
                ("holds_invoice", "=", True),
                ("outcome", "in", UNRESOLVED_OUTCOMES),
            ],
            ["invoice_ids"],
        ).invoice_ids
        open_sudo = invoices_sudo - held_sudo
        retryable_sudo = attempts_sudo.filtered(
            lambda tx: (
                len(tx.invoice_ids) == 1
                and tx.invoice_ids <= open_sudo
                and not tx.source_transaction_id
                and not tx._is_of_other_mode()
            )
        )
        return rows.filtered(lambda row: row.transaction_id.sudo() in retryable_sudo)

    def _filter_refundable(self):
        """Return the rows of payments of which something is left to give back."""
        payments = self.filtered(
            lambda row: row.kind in ("attempt", "external")
        ).payment_id
        if not payments:
            return self.browse()
        refundable = {
            payment_id
            for (payment_id,) in self.env.execute_query(
                SQL(
                    REFUNDABLE,
                    ids=tuple(payments.ids),
                    posted=POSTED_STATES,
                    unsuccessful=UNSUCCESSFUL_OUTCOMES,
                    withdrawn=WITHDRAWN,
                )
            )
        }
        return self.filtered(
            lambda row: (
                row.kind in ("attempt", "external") and row.payment_id.id in refundable
            )
        )

    # === ACTION METHODS === #

    def action_open(self):
        """Return the form behind this row: the invoice, or else its own record.

        :rtype: dict
        """
        self.ensure_one()
        record = (
            self.approval_id
            or self.reversal_id
            or self.invoice_id
            or self.payment_id
            or self.transaction_id
            or self.move_id
        )
        return prepare_form(record, record.display_name)

    def action_retry(self):
        """Return the dialog that repeats the attempt of this row.

        :rtype: dict
        """
        return self._get_record_of_row("transaction_id").action_retry()

    def action_resolve(self):
        """Return the dialog in which a person says the outcome of the attempt.

        :rtype: dict
        """
        return self._get_record_of_row("transaction_id").action_resolve()

    def action_refund(self):
        """Return the dialog that refunds the payment of this row.

        :rtype: dict
        """
        return self._get_record_of_row("payment_id").action_refund_wizard()

    def action_receipt(self):
        """Return the action that prints the receipt of the payment of this row.

        :rtype: dict
        """
        return self._get_record_of_row("payment_id").action_print_payment_receipt()

    def action_retry_many(self):
        """Propose a run that charges the invoices of these rows again, and open it.

        :rtype: dict
        """
        return self.invoice_ids.action_retry_many()

    # === GETTERS === #

    def _get_record_of_row(self, name):
        """Return the record of this row that a button is about.

        :param str name: The field with the record.
        :rtype: recordset
        :raise UserError: If the row has none.
        """
        self.ensure_one()
        if not self[name]:
            raise UserError(
                self.env._("There is no %s on this row.", self._fields[name].string)
            )
        return self[name]
