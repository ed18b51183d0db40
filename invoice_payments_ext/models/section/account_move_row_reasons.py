from odoo import api, models

from ..states import EXPECTED_OUTCOMES, STATE_BY_ENTRY


class AccountMove(models.Model):
    """Why a row of the Payments section brings less than its amount says."""

    _inherit = "account.move"

    def _get_attempt_reason(self, tx):
        """Say why an attempt has its state, and what the codes of a decline mean.

        :param dict tx: The attempt.
        :rtype: str
        """
        reason = tx["state_message"] or ""
        if tx["outcome"] != "declined" or not tx["decline_class"]:
            return reason
        names = ("decline_code", "decline_network_code", "decline_advice_code")
        codes = ", ".join(tx[name] for name in names if tx[name])
        if tx["decline_class"] == "other" and not codes:
            return reason
        field = self.env["payment.transaction"]._fields["decline_class"]
        label = dict(field._description_selection(self.env))[tx["decline_class"]]
        words = f"{label}: {codes}" if codes else label
        return f"{reason} ({words})".strip()

    def _get_unbooked_reason(self, payment):
        """Say why money that was received is not in the books, and the next step.

        :param dict payment: The payment of the attempt; empty if there is none.
        :rtype: str
        """
        if payment.get("state") == "draft":
            return self.env._(
                "Received, but its payment %s is a draft: confirm it.", payment["name"]
            )
        if payment:
            return self.env._(
                "Received, but its payment %s was cancelled: reset it to draft and "
                "confirm it.",
                payment["name"],
            )
        return self.env._("Received, but not booked yet.")

    def _get_row_reversed_reason(self, payment):
        """Say that an entry reverses the payment of a row, as its doors do.

        :param dict payment: The payment as it was read; empty if there is none.
        :rtype: str
        """
        if not payment.get("has_opposite"):
            return ""
        # In superuser mode: who sees the invoice sees the way of its money.
        payment_sudo = self.env["account.payment"].sudo().browse(payment["id"])
        return payment_sudo._get_reversed_reason()

    def _get_unposted_reason(self, entry):
        """Say that an entry is deducted though it is not in the ledger; empty if not.

        :param dict entry: The entry as it was read; empty if it pays nothing.
        :rtype: str
        """
        is_applied = entry and not self.currency_id.is_zero(entry["applied"])
        if is_applied and entry["state"] != "posted":
            return self.env._(
                "It is deducted, but not posted: confirm it, or cancel it."
            )
        return ""

    def _get_write_off_state(self, entry, is_applied):
        """Return the state of a write-off, and the reason when it is not in force."""
        if entry["state"] != "posted":
            return STATE_BY_ENTRY[entry["state"]], ""
        if is_applied:
            return "written_off", ""
        if entry["undone_by"]:
            return "undone", self.env._("Undone by %s.", entry["undone_by"])
        return "written_off", self.env._("It is not applied to this invoice any more.")

    def _get_unapplied_label(self, row):
        """Say where the money of a row is that does not pay this invoice.

        :param dict row: The values of the row.
        :return: A sentence; empty if all of it is applied here, or given back.
        :rtype: str
        """
        currency = self.env["res.currency"].browse(row["currency_id"])
        if row["state"] != "succeeded" or row["kind"] in ("invoice", "write_off"):
            return ""
        unallocated = row["amount_unallocated"]
        if currency.compare_amounts(unallocated, 0) > 0:
            return self.env._(
                "%s is open on the account of the customer: no invoice is paid with it "
                "yet.",
                currency.format(unallocated),
            )
        gone = row["amount_refunded"] + row["amount_taken_back"]
        is_elsewhere = (
            row["payment_id"]
            and self.currency_id.is_zero(row["amount_applied"])
            and currency.compare_amounts(row["amount"], gone) > 0
        )
        return self.env._("It pays other invoices.") if is_elsewhere else ""

    # === SHARES === #

    @api.model
    def _get_attempt_amount(self, tx):
        """Return the amount of the row of an attempt: of several invoices, its share.

        Money that came is given back as a whole, with the applied amount beside it.
        """
        is_part = tx["invoice_count"] > 1 and tx["share_amount"] is not None
        if is_part and tx["outcome"] != "succeeded":
            return float(tx["share_amount"])
        if tx["outcome"] in EXPECTED_OUTCOMES:
            # A part of it may have come.
            return max(float(tx["amount"] - tx["amount_received"]), 0.0)
        return abs(tx["amount"])

    @api.model
    def _get_share_words(self, tx):
        """Say that an attempt is for several invoices, and how much of it for this."""
        currency = self.env["res.currency"].browse(tx["currency_id"])
        if tx["amount_received"] and tx["outcome"] in EXPECTED_OUTCOMES:
            return self.env._(
                "%(received)s of %(amount)s came",
                received=currency.format(float(tx["amount_received"])),
                amount=currency.format(abs(tx["amount"])),
            )
        if tx["invoice_count"] < 2 or tx["share_amount"] is None:
            return tx["memo"]
        return self.env._(
            "%(share)s of %(amount)s for %(count)s invoices",
            share=currency.format(float(tx["share_amount"])),
            amount=currency.format(abs(tx["amount"])),
            count=tx["invoice_count"],
        )
