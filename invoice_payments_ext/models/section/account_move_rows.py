from odoo import api, fields, models

from ..states import OTHER_STATES, STATE_BY_ENTRY, STATE_BY_PAYMENT, STATES
from .row import Row

# The kinds of entries that a person knows by what they are, and not by their journal.
OWN_NAMES = ("write_off", "credit_note", "invoice")


class AccountMove(models.Model):
    """The rows of the Payments section: attempts, payments and other entries."""

    _inherit = "account.move"

    # === ROWS === #

    def _get_attempt_rows(self, transactions, payments, entries, refunds):
        """Return the rows of attempts through a provider."""
        captured = {
            tx["source_transaction_id"]
            for tx in transactions.values()
            if tx["operation"] != "refund" and tx["outcome"] == "succeeded"
        }
        rows = []
        for tx in transactions.values():
            is_ended = tx["outcome"] in ("succeeded", "canceled")
            payment = payments.get(tx["payment_id"], {})
            entry = entries.get(payment.get("move_id"), {})
            if (
                # Shown beneath the payment it gives back, except where it pays out a
                # credit note.
                (tx["operation"] == "refund" and not entry)
                # Captured amounts are shown by the captures, voided ones by the
                # authorization itself.
                or (is_ended and tx["id"] in captured)
                or (tx["source_transaction_id"] and tx["outcome"] == "canceled")
            ):
                continue
            given_back = [
                *refunds.get(("tx", tx["id"]), []),
                *refunds.get(("payment", tx["payment_id"]), []),
            ]
            rows.append(self._prepare_attempt_row(tx, payment, entry, given_back))
        return rows

    def _prepare_attempt_row(self, tx, payment, entry, refunds):
        """Return the row of an attempt, with its payment and entry if it is booked.

        :rtype: Row
        """
        reason = self._get_unposted_reason(entry) or self._get_attempt_reason(tx)
        is_booked = STATE_BY_PAYMENT.get(payment.get("state")) == "succeeded"
        unbooked = ""
        if tx["outcome"] == "succeeded" and not is_booked:
            reason = unbooked = self._get_unbooked_reason(payment)
        details = tx["payment_details"]
        is_by_credit = tx["provider_code"] == "credit_balance"
        values = self._prepare_row(
            id=f"tx-{tx['id']}",
            kind="credit" if is_by_credit else "attempt",
            state=tx["outcome"],
            reason=reason,
            date=payment.get("date") or tx["create_date"],
            method=f"{tx['method']} •••• {details}" if details else tx["method"],
            provider=tx["provider"],
            provider_code=tx["provider_code"],
            memo=self._add_discount_words(
                tx["memo"] or self._get_share_words(tx), payment
            ),
            reference=tx["reference"],
            time=tx["create_date"],
            provider_reference=tx["provider_reference"],
            payment_name=payment.get("name"),
            transaction_name=tx["reference"],
            amount=self._get_attempt_amount(tx),
            currency_id=tx["currency_id"],
            amount_applied=entry.get("applied", 0.0),
            amount_discount=self._get_row_discount(payment),
            partial_ids=entry.get("partial_ids"),
            refunds=refunds,
            user=tx["author"] if tx["operation"] == "offline" else tx["partner_name"],
            channel=self._get_channel(tx),
            transaction_id=tx["id"],
            payment_id=tx["payment_id"],
            move_id=payment.get("move_id"),
            retry_of=tx["retry_of"],
            is_test=tx["is_test"],
            is_pending_too_long=tx["is_pending_too_long"],
            amount_unallocated=payment.get("unallocated"),
            amount_taken_back=payment.get("taken_back"),
        )
        return Row(
            values,
            order=(tx["create_date"], tx["id"]),
            tx=tx,
            is_outgoing=tx["operation"] == "refund",
            unbooked=unbooked,
            reversed_by=self._get_row_reversed_reason(payment),
        )

    def _get_booked_payment_rows(self, transactions, payments, entries, refunds):
        """Return the rows of payments that no attempt brought."""
        brought = {tx["payment_id"] for tx in transactions.values()}
        credit_journal = self.company_id.sudo().credit_balance_journal_id
        rows = []
        for payment in payments.values():
            entry = entries.get(payment["move_id"], {})
            tx_id = payment["payment_transaction_id"]
            is_shown = tx_id in transactions and not entry
            is_refund = payment["payment_type"] == "outbound" and not entry
            if is_shown or is_refund or payment["id"] in brought:
                continue
            values = self._prepare_row(
                id=f"pay-{payment['id']}",
                kind="credit"
                if payment["journal_id"] == credit_journal.id
                else "external",
                state=self._get_payment_state(payment),
                reason=payment["mistake_reason"] or self._get_unposted_reason(entry),
                date=payment["date"],
                method=self._get_payment_method_words(payment),
                journal_type=payment["journal_type"],
                own_method_name=payment["own_method_name"],
                external_kind=payment["external_kind"] or "",
                memo=self._add_discount_words(payment["memo"], payment),
                reference=payment["payment_reference"] or payment["name"],
                time=payment["create_date"],
                payment_name=payment["name"],
                amount=payment["amount"],
                currency_id=payment["currency_id"],
                amount_applied=entry.get("applied", 0.0),
                amount_discount=self._get_row_discount(payment),
                partial_ids=entry.get("partial_ids"),
                refunds=refunds.get(("payment", payment["id"]), []),
                user=payment["author"],
                channel=self.env._("Accounting"),
                payment_id=payment["id"],
                move_id=payment["move_id"],
                amount_unallocated=payment["unallocated"],
                amount_taken_back=payment["taken_back"],
                bank_entry=payment["bank_entry"],
            )
            rows.append(
                Row(
                    values,
                    order=(payment["create_date"], payment["id"]),
                    is_outgoing=payment["payment_type"] == "outbound",
                    reversed_by=self._get_row_reversed_reason(payment),
                )
            )
        return rows

    def _get_entry_rows(self, entries, payments):
        """Return the rows of bank matches, credit notes and other entries."""
        shown = {payment["move_id"] for payment in payments.values()}
        kinds = {"out_refund": "credit_note", "out_invoice": "invoice"}
        labels = self._get_row_labels()["kind"]
        rows = []
        for entry in entries.values():
            is_write_off = entry["written_off_invoice_id"] == self.id
            is_applied = not self.currency_id.is_zero(entry["applied"])
            is_kept = is_write_off or entry["move_type"] == "out_refund"
            if entry["id"] in shown or not (is_applied or is_kept):
                continue
            kind = "bank" if entry["statement_line_id"] else "entry"
            kind = kinds.get(entry["move_type"], kind)
            state = STATE_BY_ENTRY.get(entry["state"], "succeeded")
            reason = self._get_unposted_reason(entry)
            if is_write_off:
                kind = "write_off"
                state, reason = self._get_write_off_state(entry, is_applied)
            values = self._prepare_row(
                id=f"move-{entry['id']}",
                kind=kind,
                state=state,
                reason=reason,
                date=entry["date"],
                method=labels[kind] if kind in OWN_NAMES else entry["journal"],
                memo=entry["ref"] or entry["label"],
                reference=entry["name"],
                time=entry["create_date"],
                amount=entry["amount"],
                currency_id=entry["currency_id"],
                amount_applied=entry["applied"],
                user=entry["author"],
                channel=self.env._("Accounting"),
                move_id=entry["id"],
                line_ids=entry["line_ids"],
                partial_ids=entry["partial_ids"],
                amount_unallocated=entry["unallocated"],
            )
            order = (entry["create_date"], entry["id"])
            rows.append(Row(values, order=order, entry=entry))
        return rows

    def _prepare_row(self, **values):
        """Complete the values of a row."""
        row = {
            "reason": "",
            "provider": "",
            "provider_code": "",
            "journal_type": "",
            "own_method_name": "",
            "external_kind": "",
            "memo": "",
            "transaction_id": False,
            "payment_id": False,
            "move_id": False,
            "line_ids": [],
            "partial_ids": [],
            "time": "",
            "provider_reference": "",
            "payment_name": "",
            "transaction_name": "",
            "retry_of": "",
            "is_test": False,
            "is_pending_too_long": False,
            "finish_url": "",
            "amount_discount": 0.0,
            "amount_unallocated": 0.0,
            "amount_taken_back": 0.0,
            "bank_entry": "",
            "refunds": [],
            "actions": [],
        }
        row.update((key, value) for key, value in values.items() if value is not None)
        row["date"] = fields.Date.to_string(values["date"])
        row["time"] = fields.Datetime.to_string(values.get("time")) or ""
        row["amount_refunded"] = sum(
            refund["amount"]
            for refund in row["refunds"]
            # Credit that is paid out is not a refund of money that came here.
            if refund["state"] == "succeeded" and refund["kind"] != "paid_out"
        )
        return row

    def _get_channel(self, tx):
        """Return where an attempt was started."""
        if tx["operation"] != "offline":
            return self.env._("Portal")
        if tx["charge_invoice_id"] or tx["request_kind"]:
            return self.env._("Accounting")
        return self.env._("Odoo's register dialog")

    # === WORDS === #

    def _get_row_labels(self):
        """Return the words for the kinds and states of rows."""
        env = self.env
        return {
            "kind": {
                "attempt": env._("Online payment"),
                "external": env._("External payment"),
                "credit": env._("Customer credit"),
                "bank": env._("Bank match"),
                "credit_note": env._("Credit note"),
                "write_off": env._("Write-off"),
                "refund": env._("Refund"),
                "invoice": env._("Invoice"),
                "entry": env._("Journal entry"),
            },
            "refund": {
                "refund": env._("Refund"),
                "kept": env._("Kept as credit"),
                "paid_out": env._("Credit paid out"),
                "undone": env._("Application undone"),
                "taken_back": env._("Taken back"),
            },
            "state": self._get_state_labels(),
        }

    @api.model
    def _get_state_labels(self):
        """Return the words for the states of rows, which the payments show too.

        :rtype: dict[str, str]
        """
        env = self.env
        outcome = env["payment.transaction"]._fields["outcome"]
        return {
            **dict(outcome._description_selection(env)),
            **{name: env._(state.label) for name, state in OTHER_STATES.items()},
        }

    def _add_row_labels(self, rows):
        """Add to each row, and to its refunds, the words and colors that are shown."""
        labels = self._get_row_labels()
        for unbooked, row in ((row.unbooked, row.values) for row in rows):
            row["kind_label"] = labels["kind"][row["kind"]]
            for refund in row["refunds"]:
                refund["kind_label"] = labels["refund"][refund["kind"]]
            for part in (row, *row["refunds"]):
                state = STATES[part["state"]]
                part["state_label"] = labels["state"][part["state"]]
                part["state_color"] = state.color
                part["is_closed"] = state.is_unsuccessful
                part.update(self._get_mark_labels(part))
            row["refunded_label"] = self._get_refunded_label(row)
            # Money that is not booked is on no account: its reason says the next step.
            row["unapplied_label"] = "" if unbooked else self._get_unapplied_label(row)

    def _get_mark_labels(self, part):
        """Return the words for the marks beside the state of a row or a refund.

        :rtype: dict[str, str]
        """
        return {
            "test_label": self.env._("Test mode") if part["is_test"] else "",
            "late_label": self.env._("For too long")
            if part["is_pending_too_long"]
            else "",
        }

    def _get_refunded_label(self, row):
        """Say how much of a row was given back, and in which way."""
        if not row["amount_refunded"]:
            return ""
        currency = self.env["res.currency"].browse(row["currency_id"])
        amount = currency.format(row["amount_refunded"])
        kinds = {
            refund["kind"]
            for refund in row["refunds"]
            if refund["state"] == "succeeded" and refund["kind"] != "paid_out"
        }
        if kinds == {"kept"}:
            return self.env._("%s kept as credit", amount)
        if kinds == {"undone"}:
            return self.env._("%s undone", amount)
        return self.env._("%s refunded", amount)
