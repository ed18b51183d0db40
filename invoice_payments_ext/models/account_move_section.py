from odoo import fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

from .account_payment_refund import UNREFUNDED_OUTCOMES
from .payment_transaction import (
    IN_FLIGHT_OUTCOMES,
    RETRYABLE_OUTCOMES,
    UNRESOLVED_OUTCOMES,
)
from .payment_transaction_refund import PAYS_OUT_CREDIT

# The states of a write-off that is not posted any more.
STATES_OF_ENTRIES = {"draft": "draft", "cancel": "canceled"}
# An `account.payment` state, in the words of the section.
PAYMENT_STATES = {
    "draft": "draft",
    "in_process": "succeeded",
    "paid": "succeeded",
    "canceled": "canceled",
    "rejected": "rejected",
}


class AccountMove(models.Model):
    """The Payments section: one row for each attempt, payment and other entry.

    The rows are read with a handful of queries however many there are, and always add
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
        """Return what the Payments section of this invoice shows.

        :return: Amounts in the invoice's currency, whether a payment can be created and
                 why not, and the rows of :meth:`get_payment_rows`.
        :rtype: dict
        :raise AccessError: If the user is no member of staff who may read the invoice.
        """
        self.ensure_one()
        rows = self.get_payment_rows()
        blocked = self._get_create_blocked_reason()
        return {
            "currency_id": self.currency_id.id,
            "amount_total": self.amount_total,
            "amount_remaining": self.amount_residual,
            "amount_in_flight": self._get_amount_in_flight(),
            "amount_chargeable": self._get_chargeable_amount(),
            "refund_status": self.refund_status,
            "can_create": not blocked,
            "create_blocked_reason": blocked,
            "needs_resolving": any(
                part["state"] in UNRESOLVED_OUTCOMES
                for row in rows
                for part in (row, *row["refunds"])
            ),
            "rows": rows,
        }

    def resolve_payment_attempts(self):
        """Find out what became of the attempts on this invoice without an outcome.

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
        `amount_applied` in the invoice's. The drafts of a payment form that was opened
        and left are not among them.

        :return: One dict a row, with `kind`, `state`, `reason`, `date`, `method`,
                 `memo`, `reference`, `amount`, `amount_applied`, `amount_refunded`,
                 `refunds`, `transaction_id`, `payment_id`, `move_id`, `actions` and
                 more.
        :rtype: list[dict]
        :raise AccessError: If the user is no member of staff who may read the invoice.
        """
        self.ensure_one()
        self._check_section_rights()
        entries = self._query_reconciled_entries()
        transactions = self._query_transactions(entries)
        payments = self._query_payments(entries, transactions)
        refunds = self._get_refunds_by_source(transactions, payments)
        rows = [
            *self._get_attempt_rows(transactions, payments, entries, refunds),
            *self._get_payment_rows(transactions, payments, entries, refunds),
            *self._get_entry_rows(entries, payments),
        ]
        self._add_row_actions(rows)
        labels = self._get_row_labels()
        for row in rows:
            row["kind_label"] = labels["kind"][row["kind"]]
            row["state_label"] = labels["state"][row["state"]]
            for refund in row["refunds"]:
                refund["state_label"] = labels["state"][refund["state"]]
                refund["kind_label"] = labels["refund"][refund["kind"]]
            row["refunded_label"] = self._get_refunded_label(row)
        rows.sort(key=lambda row: row.pop("_order"), reverse=True)
        return rows

    # === QUERIES === #

    def _query_reconciled_entries(self):
        """Read what is allocated to this invoice, by the move it comes from.

        Its credit notes are among them also when they are allocated elsewhere, and its
        write-offs after they were undone.
        """
        self.env["account.partial.reconcile"].flush_model()
        self.env["account.move.line"].flush_model()
        sides = [
            SQL(
                """
                SELECT part.%(other)s AS line_id, %(sign)s * part.%(amount)s AS applied
                  FROM account_move_line own
                  JOIN account_partial_reconcile part ON part.%(own)s = own.id
                 WHERE own.move_id = %(move_id)s AND own.display_type = 'payment_term'
                """,
                own=SQL.identifier(f"{own}_move_id"),
                other=SQL.identifier(f"{other}_move_id"),
                amount=SQL.identifier(f"{own}_amount_currency"),
                sign=self.direction_sign * (-1 if own == "debit" else 1),
                move_id=self.id,
            )
            for own, other in (("debit", "credit"), ("credit", "debit"))
        ]
        sides.append(
            SQL(
                """
                SELECT line.id AS line_id, 0 AS applied
                  FROM account_move move
                  JOIN account_move_line line ON line.move_id = move.id
                 WHERE move.reversed_entry_id = %(move_id)s AND move.state = 'posted'
                   AND move.move_type = 'out_refund'
                   AND line.display_type = 'payment_term'
             UNION ALL
                SELECT line.id, 0
                  FROM account_move move
                  JOIN account_move_line line ON line.move_id = move.id
                 WHERE move.written_off_invoice_id = %(move_id)s
                   AND line.amount_currency < 0
                """,
                move_id=self.id,
            )
        )
        rows = self.env.execute_query_dict(
            SQL(
                """
                WITH part AS (
                    SELECT line_id, sum(applied) AS applied FROM (%(sides)s) side
                  GROUP BY line_id
                )
                SELECT move.id, move.name, move.ref, move.move_type, move.date,
                       move.state, move.statement_line_id, %(journal)s AS journal,
                       move.written_off_invoice_id,
                       (SELECT min(undoing.name) FROM account_move undoing
                         WHERE undoing.reversed_entry_id = move.id
                           AND undoing.state = 'posted') AS undone_by,
                       author.name AS author, move.create_date,
                       max(line.payment_id) AS payment_id,
                       array_agg(line.id) AS line_ids,
                       sum(part.applied) AS applied,
                       min(line.name) AS label,
                       count(DISTINCT line.currency_id) AS currencies,
                       min(line.currency_id) AS currency_id,
                       min(line.company_currency_id) AS company_currency_id,
                       abs(sum(line.amount_currency)) AS amount,
                       abs(sum(line.balance)) AS balance,
                       -sum(line.amount_residual_currency) AS unallocated
                  FROM part
                  JOIN account_move_line line ON line.id = part.line_id
                  JOIN account_move move ON move.id = line.move_id
                  JOIN account_journal journal ON journal.id = move.journal_id
             LEFT JOIN res_users users ON users.id = move.create_uid
             LEFT JOIN res_partner author ON author.id = users.partner_id
                 WHERE move.id != %(move_id)s
              GROUP BY move.id, journal.id, author.id
                """,
                journal=self.env["account.journal"]._field_to_sql("journal", "name"),
                sides=SQL(" UNION ALL ").join(sides),
                move_id=self.id,
            )
        )
        for row in rows:
            if row["currencies"] > 1:
                row["amount"] = row["balance"]
                row["currency_id"] = row["company_currency_id"]
        return {row["id"]: row for row in rows}

    def _query_transactions(self, entries):
        """Read the attempts on this invoice, their captures and refunds."""
        payment_ids = {row["payment_id"] for row in entries.values()} - {None}
        self.env["payment.transaction"].flush_model()
        rows = self.env.execute_query_dict(
            SQL(
                """
                WITH root AS (
                    SELECT transaction_id AS id FROM account_invoice_transaction_rel
                     WHERE invoice_id = %(move_id)s
                     UNION SELECT payment_transaction_id FROM account_payment
                            WHERE id IN %(payment_ids)s
                ), part AS (
                    SELECT id FROM payment_transaction
                     WHERE source_transaction_id IN (SELECT id FROM root)
                ), own AS (
                    SELECT id FROM root UNION SELECT id FROM part
                     UNION SELECT id FROM payment_transaction
                            WHERE source_transaction_id IN (SELECT id FROM part)
                )
                SELECT tx.id, tx.reference, tx.provider_reference, tx.amount,
                       tx.currency_id, tx.outcome, tx.state_message, tx.operation,
                       tx.request_kind, tx.payment_id, tx.source_transaction_id,
                       tx.charge_invoice_id, tx.holds_invoice, tx.memo, tx.create_date,
                       tx.partner_name, token.payment_details, author.name AS author,
                       retried.reference AS retry_of, provider.code AS provider_code,
                       %(pays_out)s AS pays_out_credit,
                       %(provider)s AS provider, %(method)s AS method,
                       (SELECT count(*) FROM account_invoice_transaction_rel rel
                         WHERE rel.transaction_id = tx.id) AS invoice_count
                  FROM payment_transaction tx
                  JOIN payment_provider provider ON provider.id = tx.provider_id
                  JOIN payment_method method ON method.id = tx.payment_method_id
             LEFT JOIN payment_token token ON token.id = tx.token_id
             LEFT JOIN payment_transaction retried
                    ON retried.id = tx.retried_transaction_id
             LEFT JOIN res_users users ON users.id = tx.create_uid
             LEFT JOIN res_partner author ON author.id = users.partner_id
                 WHERE tx.id IN (SELECT id FROM own)
                   AND tx.outcome != 'draft' AND tx.operation != 'validation'
                """,
                pays_out=PAYS_OUT_CREDIT,
                provider=self.env["payment.provider"]._field_to_sql("provider", "name"),
                method=self.env["payment.method"]._field_to_sql("method", "name"),
                payment_ids=tuple(payment_ids) or (0,),
                move_id=self.id,
            )
        )
        return {row["id"]: row for row in rows}

    def _query_payments(self, entries, transactions):
        """Read the payments behind the entries and attempts, and those never posted."""
        self.env["account.payment"].flush_model()
        self.env["account.refund.allocation"].flush_model()
        payment_ids = {row["payment_id"] for row in entries.values()}
        payment_ids |= {row["payment_id"] for row in transactions.values()}
        rows = self.env.execute_query_dict(
            SQL(
                """
                WITH own AS (
                    SELECT id FROM account_payment WHERE id IN %(payment_ids)s
                     UNION
                    SELECT payment_id FROM account_move__account_payment
                     WHERE invoice_id = %(move_id)s
                     UNION
                    SELECT refund.source_payment_id FROM account_payment refund
                      JOIN account_refund_allocation part
                        ON part.payment_id = refund.id
                     WHERE part.invoice_id = %(move_id)s
                )
                SELECT payment.id, payment.name, payment.state, payment.amount,
                       payment.currency_id, payment.date, payment.memo,
                       payment.payment_reference, payment.payment_type,
                       payment.payment_transaction_id, payment.source_payment_id,
                       payment.move_id, payment.create_date, author.name AS author,
                       payment.journal_id, %(journal)s AS journal,
                       journal.type AS journal_type, method_line.name AS method,
                       CASE WHEN method.code = 'manual' AND method_line.name IN (
                                SELECT value FROM jsonb_each_text(method.name)
                            ) THEN '' ELSE method_line.name END AS own_method_name,
                       (SELECT -sum(line.amount_residual_currency)
                          FROM account_move_line line
                         WHERE line.move_id = payment.move_id
                           AND line.account_id = payment.destination_account_id)
                           AS unallocated
                  FROM account_payment payment
                  JOIN account_journal journal ON journal.id = payment.journal_id
             LEFT JOIN account_payment_method_line method_line
                    ON method_line.id = payment.payment_method_line_id
             LEFT JOIN account_payment_method method
                    ON method.id = method_line.payment_method_id
             LEFT JOIN res_users users ON users.id = payment.create_uid
             LEFT JOIN res_partner author ON author.id = users.partner_id
                 WHERE payment.id IN (SELECT id FROM own)
                    OR payment.source_payment_id IN (SELECT id FROM own)
                """,
                journal=self.env["account.journal"]._field_to_sql("journal", "name"),
                payment_ids=tuple(payment_ids - {None}) or (0,),
                move_id=self.id,
            )
        )
        return {row["id"]: row for row in rows}

    # === ROWS === #

    def _get_refunds_by_source(self, transactions, payments):
        """Group the refunds by the attempt (`tx`) or `payment` they give back."""
        refunds = {}
        by_attempt = set()
        credit_journal_id = self.company_id.sudo().credit_balance_journal_id.id
        for tx in transactions.values():
            if tx["operation"] != "refund":
                continue
            payment = payments.get(tx["payment_id"], {})
            by_attempt.add(tx["payment_id"])
            source = ("tx", tx["source_transaction_id"])
            if payment.get("source_payment_id"):
                # It may have been reported on an authorization, which is not shown.
                source = ("payment", payment["source_payment_id"])
            refunds.setdefault(source, []).append(
                self._prepare_refund(
                    id=f"tx-{tx['id']}",
                    date=payment.get("date") or tx["create_date"],
                    amount=abs(tx["amount"]),
                    state=tx["outcome"],
                    reason=tx["state_message"],
                    memo=tx["memo"],
                    kind="undone"
                    if tx["provider_code"] == "credit_balance"
                    else "paid_out"
                    if tx["pays_out_credit"]
                    else "refund",
                    method=self.env._("To the original method"),
                    reference=tx["reference"],
                    user=tx["author"],
                    payment_id=tx["payment_id"],
                    transaction_id=tx["id"],
                )
            )
        for payment in payments.values():
            source_id = payment["source_payment_id"]
            if source_id and payment["id"] not in by_attempt:
                is_kept = payment["journal_id"] == credit_journal_id
                source_journal_id = payments.get(source_id, {}).get("journal_id")
                refunds.setdefault(("payment", source_id), []).append(
                    self._prepare_refund(
                        id=f"pay-{payment['id']}",
                        date=payment["date"],
                        amount=payment["amount"],
                        state=PAYMENT_STATES[payment["state"]],
                        memo=payment["memo"],
                        kind="refund"
                        if not is_kept
                        else "undone"
                        if source_journal_id == credit_journal_id
                        else "kept",
                        method=payment["journal"]
                        if is_kept
                        else " · ".join(
                            filter(None, [payment["journal"], payment["method"]])
                        ),
                        journal_type=payment["journal_type"],
                        own_method_name=payment["own_method_name"],
                        reference=payment["payment_reference"] or payment["name"],
                        user=payment["author"],
                        payment_id=payment["id"],
                    )
                )
        return refunds

    def _prepare_refund(self, **values):
        """Complete the values of a refund, shown beneath what it gives back."""
        refund = {
            "kind": "refund",
            "reason": "",
            "journal_type": "",
            "own_method_name": "",
            "memo": "",
            "transaction_id": False,
            "payment_id": False,
            "actions": [],
        }
        refund.update(
            (key, value) for key, value in values.items() if value is not None
        )
        refund["date"] = fields.Date.to_string(values["date"])
        return refund

    def _get_attempt_rows(self, transactions, payments, entries, refunds):
        """Return the rows of attempts through a provider."""
        captured = {
            tx["source_transaction_id"]
            for tx in transactions.values()
            if tx["operation"] != "refund" and tx["outcome"] == "succeeded"
        }
        rows = []
        for tx in transactions.values():
            done = tx["outcome"] in ("succeeded", "canceled")
            payment = payments.get(tx["payment_id"], {})
            entry = entries.get(payment.get("move_id"), {})
            if (
                # Shown beneath what it gives back, but where it pays a credit note out.
                (tx["operation"] == "refund" and not entry)
                # What was captured is shown by the captures, what was voided by the
                # authorization itself.
                or (done and tx["id"] in captured)
                or (tx["source_transaction_id"] and tx["outcome"] == "canceled")
            ):
                continue
            reason = tx["state_message"] or ""
            booked = PAYMENT_STATES.get(payment.get("state")) == "succeeded"
            if tx["outcome"] == "succeeded" and not booked:
                reason = self.env._("Received, but not booked yet.")
            details = tx["payment_details"]
            rows.append(
                self._prepare_row(
                    id=f"tx-{tx['id']}",
                    kind="credit"
                    if tx["provider_code"] == "credit_balance"
                    else "attempt",
                    state=tx["outcome"],
                    reason=reason,
                    date=payment.get("date") or tx["create_date"],
                    method=f"{tx['method']} •••• {details}"
                    if details
                    else tx["method"],
                    provider=tx["provider"],
                    provider_code=tx["provider_code"],
                    memo=tx["memo"],
                    reference=tx["reference"],
                    amount=abs(tx["amount"]),
                    currency_id=tx["currency_id"],
                    amount_applied=entry.get("applied", 0.0),
                    refunds=refunds.get(("tx", tx["id"]), [])
                    + refunds.get(("payment", tx["payment_id"]), []),
                    user=tx["author"]
                    if tx["operation"] == "offline"
                    else tx["partner_name"],
                    channel=self._get_channel(tx),
                    transaction_id=tx["id"],
                    payment_id=tx["payment_id"],
                    move_id=payment.get("move_id"),
                    retry_of=tx["retry_of"],
                    amount_unallocated=payment.get("unallocated"),
                    _order=(tx["create_date"], tx["id"]),
                    _tx=tx,
                )
            )
        return rows

    def _get_payment_rows(self, transactions, payments, entries, refunds):
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
            rows.append(
                self._prepare_row(
                    id=f"pay-{payment['id']}",
                    kind="credit"
                    if payment["journal_id"] == credit_journal.id
                    else "external",
                    state=PAYMENT_STATES[payment["state"]],
                    date=payment["date"],
                    method=payment["journal"]
                    if payment["journal_id"] == credit_journal.id
                    else " · ".join(
                        filter(None, [payment["journal"], payment["method"]])
                    ),
                    journal_type=payment["journal_type"],
                    own_method_name=payment["own_method_name"],
                    memo=payment["memo"],
                    reference=payment["payment_reference"] or payment["name"],
                    amount=payment["amount"],
                    currency_id=payment["currency_id"],
                    amount_applied=entry.get("applied", 0.0),
                    refunds=refunds.get(("payment", payment["id"]), []),
                    user=payment["author"],
                    channel=self.env._("Accounting"),
                    payment_id=payment["id"],
                    move_id=payment["move_id"],
                    amount_unallocated=payment["unallocated"],
                    _order=(payment["create_date"], payment["id"]),
                    _is_outgoing=payment["payment_type"] == "outbound",
                )
            )
        return rows

    def _get_entry_rows(self, entries, payments):
        """Return the rows of bank matches, credit notes and other entries."""
        shown = {payment["move_id"] for payment in payments.values()}
        kinds = {"out_refund": "credit_note", "out_invoice": "invoice"}
        rows = []
        for entry in entries.values():
            is_write_off = entry["written_off_invoice_id"] == self.id
            is_applied = not self.currency_id.is_zero(entry["applied"])
            is_kept = is_write_off or entry["move_type"] == "out_refund"
            if entry["id"] in shown or not (is_applied or is_kept):
                continue
            kind = "bank" if entry["statement_line_id"] else "entry"
            state, reason = "succeeded", ""
            if is_write_off:
                kind = "write_off"
                state, reason = self._get_write_off_state(entry, is_applied)
            rows.append(
                self._prepare_row(
                    id=f"move-{entry['id']}",
                    kind=kinds.get(entry["move_type"], kind),
                    state=state,
                    reason=reason,
                    date=entry["date"],
                    method=self.env._("Write-off")
                    if is_write_off
                    else entry["journal"],
                    memo=entry["ref"] or entry["label"],
                    reference=entry["name"],
                    amount=entry["amount"],
                    currency_id=entry["currency_id"],
                    amount_applied=entry["applied"],
                    user=entry["author"],
                    channel=self.env._("Accounting"),
                    move_id=entry["id"],
                    line_ids=entry["line_ids"],
                    amount_unallocated=entry["unallocated"],
                    _order=(entry["create_date"], entry["id"]),
                    _entry=entry,
                )
            )
        return rows

    def _get_write_off_state(self, entry, is_applied):
        """Return the state of a write-off, and the reason when it is not in force."""
        if entry["state"] != "posted":
            return STATES_OF_ENTRIES[entry["state"]], ""
        if is_applied:
            return "written_off", ""
        if entry["undone_by"]:
            return "undone", self.env._("Undone by %s.", entry["undone_by"])
        return "written_off", self.env._("It is not applied to this invoice any more.")

    def _prepare_row(self, **values):
        """Complete the values of a row."""
        row = {
            "reason": "",
            "provider": "",
            "provider_code": "",
            "journal_type": "",
            "own_method_name": "",
            "memo": "",
            "transaction_id": False,
            "payment_id": False,
            "move_id": False,
            "line_ids": [],
            "retry_of": "",
            "amount_unallocated": 0.0,
            "refunds": [],
            "actions": [],
        }
        row.update((key, value) for key, value in values.items() if value is not None)
        row["date"] = fields.Date.to_string(values["date"])
        row["amount_refunded"] = sum(
            refund["amount"]
            for refund in row["refunds"]
            # Credit that is paid out is no refund of what this brought here.
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
                "invoice": env._("Invoice"),
                "entry": env._("Journal entry"),
            },
            "refund": {
                "refund": env._("Refund"),
                "kept": env._("Kept as credit"),
                "paid_out": env._("Credit paid out"),
                "undone": env._("Application undone"),
            },
            "state": {
                **dict(
                    env["payment.transaction"]
                    ._fields["outcome"]
                    ._description_selection(env)
                ),
                "rejected": env._("Rejected"),
                "written_off": env._("Written off"),
                "undone": env._("Undone"),
            },
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

    # === ROW ACTIONS === #

    def _add_row_actions(self, rows):
        """Add to each row what can be done with it now, and why something cannot."""
        may_act = self.env.user.has_group("invoice_payments_ext.group_payment_record")
        retry_blocked = self._get_retry_blocked_reason(rows)
        refund_blocked = self._get_refund_level_reason()
        for row in rows:
            tx = row.pop("_tx", None)
            entry = row.pop("_entry", None)
            is_outgoing = row.pop("_is_outgoing", False)
            if tx and may_act:
                self._add_attempt_actions(row, tx, retry_blocked)
            is_outgoing = is_outgoing or (tx and tx["operation"] == "refund")
            is_money = row["payment_id"] and row["state"] == "succeeded"
            if is_money and may_act and not is_outgoing:
                self._add_money_actions(row, refund_blocked)
            if self._is_outstanding_credit(row) and may_act:
                # An entry may be of several customers: what is this one's moves.
                model = "account.move.line" if row["line_ids"] else "account.move"
                self._add_row_action(
                    row, "keep", model, "action_move_to_credit_balance"
                )
            if row["state"] == "written_off" and may_act:
                reversed_by = self.env._("Reversed by %s.", entry["undone_by"])
                self._add_row_action(
                    row,
                    "undo_write_off",
                    "account.move",
                    "action_undo_write_off",
                    refund_blocked or (reversed_by if entry["undone_by"] else ""),
                )
            for refund in row["refunds"]:
                self._add_refund_actions(refund, may_act, refund_blocked)
            if row["payment_id"] and row["state"] == "succeeded":
                self._add_row_action(
                    row, "receipt", "account.payment", "action_print_payment_receipt"
                )
            if row["payment_id"] and may_act:
                self._add_row_action(
                    row, "open_payment", "account.payment", "action_open_business_doc"
                )
            if tx and may_act:
                self._add_row_action(
                    row,
                    "open_transaction",
                    "payment.transaction",
                    "action_open_transaction",
                )
            if row["move_id"] and not row["payment_id"]:
                self._add_row_action(
                    row, "open_entry", "account.move", "action_open_business_doc"
                )

    def _add_money_actions(self, row, refund_blocked):
        """Add what gives back the money, or the credit, that a row brought."""
        if row["kind"] == "credit":
            self._add_row_action(
                row,
                "undo_credit",
                "account.payment",
                "action_undo_credit_application",
                self._get_row_refund_reason(row)
                and self.env._("All of it is back on the credit balance."),
            )
            return
        self._add_row_action(
            row,
            "refund",
            "account.payment",
            "action_refund_wizard",
            refund_blocked or self._get_row_refund_reason(row),
        )

    def _is_outstanding_credit(self, row):
        """Tell if something of a row is open in favour of the customer."""
        currency = self.env["res.currency"].browse(row["currency_id"])
        return bool(
            row["kind"] not in ("credit", "invoice", "write_off")
            and row["state"] == "succeeded"
            and row["move_id"]
            and currency.compare_amounts(row["amount_unallocated"], 0) > 0
        )

    def _add_attempt_actions(self, row, tx, retry_blocked):
        """Add what moves an attempt forward."""
        model = "payment.transaction"
        if tx["outcome"] in RETRYABLE_OUTCOMES and not tx["source_transaction_id"]:
            blocked = retry_blocked
            if tx["invoice_count"] > 1:
                blocked = self.env._("It was for several invoices.")
            self._add_row_action(row, "retry", model, "action_retry", blocked)
        if tx["outcome"] == "unknown":
            self._add_row_action(row, "resolve", model, "action_resolve")
        if tx["outcome"] == "authorized":
            self._add_row_action(row, "capture", model, "action_capture_attempt")
            self._add_row_action(row, "void", model, "action_void_attempt")

    def _add_refund_actions(self, refund, may_act, blocked):
        """Add what can be done with a refund."""
        if refund["state"] == "unknown" and may_act:
            self._add_row_action(
                refund, "resolve", "payment.transaction", "action_resolve", blocked
            )
        if refund["payment_id"] and refund["state"] == "succeeded":
            self._add_row_action(
                refund, "receipt", "account.payment", "action_print_payment_receipt"
            )
        if refund["payment_id"] and may_act:
            self._add_row_action(
                refund, "open_payment", "account.payment", "action_open_business_doc"
            )
        if refund["transaction_id"] and may_act:
            self._add_row_action(
                refund,
                "open_transaction",
                "payment.transaction",
                "action_open_transaction",
            )

    def _get_row_refund_reason(self, row):
        """Say why nothing of a row is left to refund; an empty text if something is."""
        going = [
            refund
            for refund in row["refunds"]
            if refund["state"] not in (*UNREFUNDED_OUTCOMES, "rejected")
        ]
        amounts = dict.fromkeys(("refund", "undone", "kept", "paid_out"), 0.0)
        for refund in going:
            amounts[refund["kind"]] += refund["amount"]
        # As in `account.payment._get_given_back`.
        given_back = sum(amounts.values()) - min(amounts["kept"], amounts["paid_out"])
        currency = self.env["res.currency"].browse(row["currency_id"])
        if currency.compare_amounts(row["amount"], given_back) > 0:
            return ""
        if any(
            refund["state"] in (*IN_FLIGHT_OUTCOMES, "draft")
            for refund in row["refunds"]
        ):
            return self.env._("All of it is refunded or being refunded.")
        return self.env._("All of it is refunded.")

    def _add_row_action(self, row, name, model, method, blocked=""):
        labels = {
            "refund": self.env._("Refund"),
            "retry": self.env._("Retry"),
            "resolve": self.env._("Resolve"),
            "capture": self.env._("Capture"),
            "void": self.env._("Void"),
            "receipt": self.env._("Receipt"),
            "open_payment": self.env._("Open payment"),
            "open_transaction": self.env._("Open transaction"),
            "open_entry": self.env._("Open entry"),
            "undo_write_off": self.env._("Undo write-off"),
            "undo_credit": self.env._("Undo application"),
            "keep": self.env._("Move to credit balance"),
        }
        id_fields = {
            "payment.transaction": "transaction_id",
            "account.payment": "payment_id",
            "account.move": "move_id",
            "account.move.line": "line_ids",
        }
        row["actions"].append(
            {
                "name": name,
                "label": labels[name],
                "model": model,
                "id": row[id_fields[model]],
                "method": method,
                "enabled": not blocked,
                "reason": blocked,
            }
        )

    def _get_retry_blocked_reason(self, rows):
        """Say why nothing can be retried now; an empty text if it can."""
        for row in rows:
            tx = row.get("_tx") or {}
            if tx.get("holds_invoice") or row["state"] in UNRESOLVED_OUTCOMES:
                return self.env._("%s is in flight.", row["reference"])
        in_flight = sum(
            row["amount"] for row in rows if row["state"] in IN_FLIGHT_OUTCOMES
        )
        if self.currency_id.compare_amounts(self.amount_residual, in_flight) <= 0:
            return self.env._("Nothing is left to charge.")
        return ""

    def _get_create_blocked_reason(self):
        """Say why no payment can be created on this invoice; empty if one can."""
        self.ensure_one()
        if missing_level := self._get_record_level_reason():
            return missing_level
        if self.move_type != "out_invoice":
            return self.env._("Payments are collected on customer invoices.")
        if self.state != "posted":
            return self.env._("The invoice is not issued.")
        if self.currency_id.is_zero(self.amount_residual):
            return self.env._("The invoice is paid.")
        if blocking := self._get_blocking_attempt():
            return self._describe_blocking_attempt(blocking)
        if self.currency_id.is_zero(self._get_chargeable_amount()):
            return self.env._("All that remains is in flight.")
        return ""
