from odoo import models


class AccountMove(models.Model):
    """Refunds as amounts of their own, as a customer adds them up.

    The ledger matches a refund with the payment, or with a credit note: the rest
    stands on the invoice. For the customer, the payment stands as it was made,
    the refund is owed again, and the credit note takes it off the bill.
    """

    _inherit = "account.move"

    # === BUSINESS METHODS === #

    def _show_refunds_apart(self, rows):
        """Return the rows with refunds that count on their own.

        The sum of all amounts stays the same.

        :param list[dict] rows: The rows of :meth:`get_payment_rows`.
        :rtype: list[dict]
        """
        shares = self._get_refund_shares(rows)
        taken_off = dict.fromkeys(
            (row["move_id"] for row in rows if row["kind"] == "credit_note"), 0.0
        )
        shown = []
        for row in rows:
            refunds, apart, owed_again = [], 0.0, 0.0
            for refund in row["refunds"]:
                amount = 0.0
                is_counted = row["currency_id"] == self.currency_id.id
                for credit_note_id, share in shares.get(refund["payment_id"], ()):
                    if not is_counted or (
                        credit_note_id and credit_note_id not in taken_off
                    ):
                        continue
                    amount += share
                    if credit_note_id:
                        taken_off[credit_note_id] += share
                    else:
                        owed_again += share
                apart += amount
                refunds.append({**refund, "amount_applied": -amount})
            shown.append(
                {
                    **row,
                    "refunds": refunds,
                    "amount_applied": row["amount_applied"] + owed_again,
                    "amount_refunded": max(row["amount_refunded"] - apart, 0.0),
                }
            )
        for row in shown:
            if row["kind"] == "credit_note":
                row["amount_applied"] += taken_off[row["move_id"]]
        return shown

    def _get_refund_shares(self, rows):
        """Return the parts of booked refunds that concern this invoice.

        :return: By refund, pairs of a credit note (its id, or false) and an amount in
                 the invoice's currency.
        :rtype: dict[int, list]
        """
        if self.move_type != "out_invoice":
            return {}
        booked = {
            refund["payment_id"]
            for row in rows
            for refund in row["refunds"]
            if refund["kind"] == "refund" and refund["state"] == "succeeded"
        }
        shares = {}
        for part in self.sudo().refund_allocation_ids:
            if part.payment_id.id in booked:
                shares.setdefault(part.payment_id.id, []).append(
                    (part.credit_note_id.id, part.amount)
                )
        return shares

    def _get_portal_refund_label(self, rows):
        """Return the word for an invoice of which money was given back.

        :param list[dict] rows: The rows for the customer.
        :return: An empty text if none was.
        :rtype: str
        """
        refunded = -sum(
            refund["amount_applied"] for row in rows for refund in row["refunds"]
        )
        paid = sum(
            row["amount_applied"]
            for row in rows
            if row["kind"] in ("attempt", "external", "bank", "credit")
        )
        if self.currency_id.compare_amounts(refunded, 0) <= 0:
            return ""
        if self.currency_id.compare_amounts(refunded, paid) < 0:
            return self.env._("Partially refunded")
        return self.env._("Refunded")

    def _get_portal_settled_label(self):
        """Return the word for an invoice that is settled, but was not simply paid.

        Called in superuser mode for the rows of a list, which read the states at once.

        :return: An empty text if it is paid, or if anything remains.
        :rtype: str
        """
        self.ensure_one()
        if self.move_type != "out_invoice" or not self.currency_id.is_zero(
            self.amount_residual
        ):
            return ""
        if self.refund_status == "refunded":
            return self.env._("Refunded")
        if self.refund_status == "partially_refunded":
            return self.env._("Partially refunded")
        if self.payment_state == "reversed":
            return self.env._("Credited")
        return self.env._("Waived") if self._is_waived() else ""

    def _is_waived(self):
        """Tell if all of this invoice was written off: nobody paid anything."""
        entries = self.write_off_entry_ids.filtered(
            lambda entry: entry.state == "posted" and not entry._get_undoing_entry()
        )
        lines = entries.line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        )
        waived = -sum(lines.mapped("amount_currency"))
        return bool(lines) and not self.currency_id.compare_amounts(
            waived, self.amount_total
        )
