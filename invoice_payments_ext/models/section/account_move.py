from odoo import models
from odoo.exceptions import AccessError

from ..states import UNRESOLVED_OUTCOMES


class AccountMove(models.Model):
    """The Payments section: one row for each attempt, payment and other entry.

    The rows are read with a handful of queries however many they are, and always add
    up: total − Σ applied = remaining.
    """

    _inherit = "account.move"

    # === CHECK METHODS === #

    def _check_section_rights(self):
        """Keep memos and technical reasons from customers who call this."""
        if not self.env.su and not self.env.user._is_internal():
            raise AccessError(
                self.env._("Only the staff may read the payments of an invoice.")
            )
        self.check_access("read")

    # === BUSINESS METHODS === #

    def get_payment_section(self):
        """Return the values of the Payments section of this invoice.

        :return: Amounts in the invoice's currency, whether a payment can be created and
                 why not, and the rows of :meth:`get_payment_rows`.
        :rtype: dict
        :raise AccessError: If the user is not a member of staff who may read the
                            invoice.
        """
        self.ensure_one()
        self._check_section_rights()
        # First what the banner needs: the rows find a part of it in the cache.
        of_banner = self._read_collection_banner()
        rows = self.get_payment_rows()
        in_flight = of_banner._get_amounts_in_flight()[self]
        chargeable = self._get_chargeable_amount(in_flight)
        blocked = self._get_create_blocked_reason(chargeable)
        return {
            "currency_id": self.currency_id.id,
            "amount_total": self.amount_total,
            "amount_remaining": self.amount_residual,
            "amount_in_flight": in_flight,
            "amount_chargeable": chargeable,
            "can_create": not blocked,
            "create_blocked_reason": blocked,
            "needs_resolving": any(
                part["state"] in UNRESOLVED_OUTCOMES
                for row in rows
                for part in (row, *row["refunds"])
            ),
            "collection": of_banner._get_collection_banner(),
            "rows": rows,
        }

    def resolve_payment_attempts(self):
        """Find the outcome of the attempts on this invoice without one.

        Called when the invoice is opened. Commits.

        :return: Whether something was found out.
        :rtype: bool
        :raise AccessError: If the user has no right to charge.
        """
        self.ensure_one()
        self._check_payment_rights()
        attempts = self.sudo().transaction_ids
        attempts |= attempts.child_transaction_ids
        attempts |= attempts.child_transaction_ids  # The refunds of captured parts.
        attempts = attempts.filtered(
            lambda tx: (
                tx.outcome in UNRESOLVED_OUTCOMES
                or (tx.state == "done" and not tx.is_post_processed)
            )
        )
        before = attempts.mapped("outcome")
        for attempt in attempts:
            attempt._resolve_attempt()
        return attempts.mapped("outcome") != before

    def get_payment_rows(self):
        """Return the payments, attempts and other entries of this invoice.

        Newest first. `amount` is in the row's own currency (`currency_id`),
        `amount_applied` in the invoice's; `amount_discount` is what the payment takes
        off besides its money, in its own currency. The drafts of a payment form that
        was opened and left are not among them.

        :return: One dict a row, with `kind`, `state`, `reason`, `date`, `method`,
                 `memo`, `reference`, `amount`, `amount_applied`, `amount_discount`,
                 `amount_refunded`, `refunds`, `transaction_id`, `payment_id`,
                 `move_id`, `actions` and more.
        :rtype: list[dict]
        :raise AccessError: If the user is not a member of staff who may read the
                            invoice.
        """
        self.ensure_one()
        self._check_section_rights()
        entries = self._query_reconciled_entries()
        transactions = self._query_transactions(entries)
        payments = self._query_payments(entries, transactions)
        refunds = self._get_refunds_by_source(transactions, payments)
        self._add_taken_back(refunds, payments)
        rows = [
            *self._add_waiting(refunds, payments),
            *self._get_attempt_rows(transactions, payments, entries, refunds),
            *self._get_booked_payment_rows(transactions, payments, entries, refunds),
            *self._get_entry_rows(entries, payments),
        ]
        self._add_row_actions(rows)
        self._add_row_labels(rows)
        rows.sort(key=lambda row: row.order, reverse=True)
        return [row.values for row in rows]

    # === GETTERS === #

    def _get_create_blocked_reason(self, chargeable=None):
        """Say why no payment can be created on this invoice; empty if one can.

        :param float chargeable: The amount of `_get_chargeable_amount`, if it is known.
        :rtype: str
        """
        self.ensure_one()
        if missing_level := self._get_record_level_reason():
            return missing_level
        if self.move_type != "out_invoice":
            return self.env._("Payments are collected on customer invoices.")
        if self.state != "posted":
            return self.env._("The invoice is not issued.")
        if self.currency_id.is_zero(self.amount_residual):
            return self.env._("Nothing remains to be paid.")
        return self._get_all_in_flight_reason(chargeable)
