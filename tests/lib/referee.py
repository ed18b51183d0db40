"""Holds the books of a database against the record of the gateway."""

from . import database

BOOKED = ("in_process", "paid")
UNRESOLVED = ("ready", "sent", "unknown")


class Referee:
    """Compares the two, reading the database only."""

    codes = ("test_gateway",)  # Of the providers whose attempts are looked at.

    def __init__(self, name, gateway):
        self._query = database.Reader(name).query
        self.gateway = gateway
        # References of refunds that a test wants the gateway to refuse.
        self.expected_over_refunds = set()

    def get_differences(self, all_resolved=True):
        """Return every way in which the books and the gateway disagree, as sentences.

        :param bool all_resolved: Whether an attempt whose outcome is not known is a
                                  difference.
        """
        ledger = self.gateway.get_ledger()
        return [
            *ledger["violations"],
            *self._find_repeated_requests(ledger),
            *self._find_over_refunds(ledger),
            *self._compare_payments(ledger),
            *self._compare_charges(ledger),
            *self._check_refunds(),
            *self._check_attempts(all_resolved),
            *self._check_invoices(),
            *self._check_balances(),
            *self._check_matching(),
            *self._check_credit_balances(),
        ]

    def assert_agree(self, all_resolved=True):
        differences = self.get_differences(all_resolved)
        assert not differences, "\n".join(differences)

    def _find_repeated_requests(self, ledger):
        for name, number in ledger["requests"].items():
            if number > 1 and not name.startswith("query "):
                yield f"{name} was sent {number} times"

    def _find_over_refunds(self, ledger):
        """Nothing ever asks for more than is left: the gateway need not refuse it."""
        for row in ledger["over_refunds"]:
            if row["reference"] not in self.expected_over_refunds:
                yield f"{row['reference']}: asked to refund more than was left"

    def _compare_payments(self, ledger):
        """One capture or refund at the gateway is one posted and allocated payment."""
        # By the gateway's id first: an operation made in the gateway's pages lacks a
        # reference, and one of ours may have been taken for it.
        references = {
            row["provider_reference"]: row["reference"]
            for row in self._query(
                "SELECT provider_reference, reference FROM payment_transaction "
                "WHERE operation = 'refund'"
            )
        }
        moved = {}
        for kind, sign in (("captures", 1), ("refunds", -1)):
            for row in ledger[kind]:
                known_as = f"re_{row['operation_id']}"
                reference = (
                    references.get(known_as) or row["reference"] or f"({known_as})"
                )
                moved[reference] = sign * row["amount"]
        booked = {}
        for row in self._read_payments():
            reference = row["reference"]
            if row["state"] not in BOOKED or row["move_state"] != "posted":
                if row["state"] not in ("canceled", "draft"):
                    yield f"{reference}: payment {row['id']} is {row['state']}"
                continue
            if reference in booked:
                yield f"{reference} is booked twice"
            booked[reference] = round(
                row["amount"] * 100 * (1 if row["payment_type"] == "inbound" else -1)
            )
        for reference, amount in moved.items():
            if booked.get(reference) != amount:
                yield (
                    f"{reference}: the gateway moved {amount}, "
                    f"the books have {booked.get(reference, 'nothing')}"
                )
        for reference in booked.keys() - moved.keys():
            yield f"{reference}: booked, but the gateway moved nothing"

    def _compare_charges(self, ledger):
        """The gateway gave back of each charge exactly the amount in the books."""
        moved = {}
        for row in ledger["refunds"]:
            reference = row["charge_reference"]
            moved[reference] = moved.get(reference, 0) + row["amount"]
        booked = {}
        for row in self._query(
            """
            SELECT COALESCE(authorized.reference, charge.reference) AS reference,
                   payment.amount
              FROM account_payment AS payment
              JOIN payment_transaction AS refund
                ON refund.id = payment.payment_transaction_id
               AND refund.operation = 'refund'
              JOIN payment_provider AS provider ON provider.id = refund.provider_id
               AND provider.code = 'test_gateway'
         LEFT JOIN account_payment AS source ON source.id = payment.source_payment_id
         LEFT JOIN payment_transaction AS charge
                ON charge.id = source.payment_transaction_id
         LEFT JOIN payment_transaction AS authorized
                ON authorized.id = charge.source_transaction_id
             WHERE payment.state IN ('in_process', 'paid')
            """
        ):
            reference = row["reference"]
            booked[reference] = booked.get(reference, 0) + round(row["amount"] * 100)
        for reference in moved.keys() | booked.keys():
            if moved.get(reference, 0) != booked.get(reference, 0):
                yield (
                    f"{reference}: the gateway refunded {moved.get(reference, 0)}, "
                    f"the books have {booked.get(reference, 0)}"
                )

    def _check_refunds(self):
        """No payment is given back above its amount, and each refund is matched."""
        # Money that was kept on a balance and then paid out to its source left once,
        # and was taken off the invoices of the payment once.
        for counts in (
            "refund.journal_id IS DISTINCT FROM company.credit_balance_journal_id",
            "tx.refund_credit_payment_id IS NULL",
        ):
            for row in self._query(
                f"""
                SELECT source.name, source.amount, SUM(refund.amount) AS refunded
                  FROM account_payment AS source
                  JOIN res_company AS company ON company.id = source.company_id
                  JOIN account_payment AS refund
                    ON refund.source_payment_id = source.id
             LEFT JOIN payment_transaction AS tx
                    ON tx.id = refund.payment_transaction_id
                 WHERE refund.state IN ('in_process', 'paid') AND {counts}
              GROUP BY source.id HAVING SUM(refund.amount) > source.amount
                """
            ):
                yield f"{row['name']}: {row['refunded']} refunded of {row['amount']}"
        for row in self._query(
            """
            SELECT refund.name, line.amount_residual
              FROM account_payment AS refund
              JOIN account_move_line AS line ON line.move_id = refund.move_id
               AND line.account_id = refund.destination_account_id
             WHERE refund.state IN ('in_process', 'paid')
               AND refund.source_payment_id IS NOT NULL
               AND line.amount_residual != 0
            """
        ):
            yield f"{row['name']}: {row['amount_residual']} refunded are not matched"

    def _read_payments(self):
        return self._query(
            """
            SELECT payment.id, payment.state, payment.amount, payment.payment_type,
                   move.state AS move_state, tx.reference
              FROM account_payment AS payment
              JOIN payment_transaction AS tx ON tx.id = payment.payment_transaction_id
              JOIN payment_provider AS provider ON provider.id = tx.provider_id
         LEFT JOIN account_move AS move ON move.id = payment.move_id
             WHERE provider.code = 'test_gateway'
            """
        )

    def _check_attempts(self, all_resolved, after_id=0):
        for row in self._query(
            """
            SELECT tx.* FROM payment_transaction AS tx
              JOIN payment_provider AS provider ON provider.id = tx.provider_id
             WHERE provider.code IN %s AND tx.id > %s
            """,
            self.codes,
            after_id,
        ):
            reference, outcome = row["reference"], row.get("outcome")
            if all_resolved and outcome in UNRESOLVED:
                yield f"{reference} is still {outcome}"
            if row["state"] == "done" and not row["is_post_processed"]:
                yield f"{reference} is done, but was not settled"
            final = ("succeeded", "declined", "failed", "canceled")
            if row.get("holds_invoice") and outcome in final:
                yield f"{reference} is {outcome}, but still holds its invoice"

    def _check_invoices(self):
        """The applied and the remaining amount of an invoice add up to its total."""
        for row in self._query(
            """
            SELECT move.name, move.amount_total, move.amount_residual,
                   COALESCE(SUM(partial.debit_amount_currency), 0) AS applied
              FROM account_move AS move
              JOIN account_invoice_transaction_rel AS link ON link.invoice_id = move.id
              JOIN payment_transaction AS tx ON tx.id = link.transaction_id
              JOIN payment_provider AS provider ON provider.id = tx.provider_id
               AND provider.code = 'test_gateway'
              JOIN account_move_line AS line ON line.move_id = move.id
               AND line.display_type = 'payment_term'
         LEFT JOIN account_partial_reconcile AS partial
                ON partial.debit_move_id = line.id
             WHERE move.move_type = 'out_invoice' AND move.state = 'posted'
          GROUP BY move.id, tx.id
            """
        ):
            total = row["applied"] + row["amount_residual"]
            if round((total - row["amount_total"]) * 100):
                yield (
                    f"{row['name']}: {row['applied']} applied and "
                    f"{row['amount_residual']} remaining are not {row['amount_total']}"
                )

    def _check_balances(self):
        for row in self._query(
            """
            SELECT move.name, SUM(line.balance) AS balance
              FROM account_move AS move
              JOIN account_move_line AS line ON line.move_id = move.id
             WHERE move.state = 'posted'
          GROUP BY move.id HAVING ABS(SUM(line.balance)) > 0.001
            """
        ):
            yield f"{row['name']} does not balance: {row['balance']}"

    def _check_matching(self):
        """Matched lines are fully reconciled together or not at all."""
        for row in self._query(
            """
            SELECT part.id, line.id AS line_id, line.matching_number
              FROM account_partial_reconcile AS part
              JOIN LATERAL (VALUES (part.debit_move_id), (part.credit_move_id))
                AS side (id) ON true
              JOIN account_move_line AS line ON line.id = side.id
             WHERE line.full_reconcile_id IS DISTINCT FROM part.full_reconcile_id
                OR line.matching_number IS NULL
                OR (part.full_reconcile_id IS NOT NULL AND NOT line.reconciled)
            """
        ):
            yield (
                f"journal item {row['line_id']} of match {row['id']} has the number "
                f"{row['matching_number']}"
            )

    def _check_credit_balances(self):
        for row in self._query(
            """
            WITH booked AS (
                SELECT line.id, -line.amount_currency AS amount
                  FROM account_move_line AS line
                  JOIN res_company AS company ON company.id = line.company_id
                 WHERE line.account_id = company.credit_balance_account_id
                   AND line.parent_state = 'posted'
            ), known AS (
                SELECT move_line_id AS id, SUM(amount) AS amount
                  FROM account_credit_balance_entry GROUP BY move_line_id
            )
            SELECT id, booked.amount AS booked, known.amount AS known
              FROM booked FULL JOIN known USING (id)
             WHERE COALESCE(booked.amount, 0) != COALESCE(known.amount, 0)
            """
        ):
            yield f"journal item {row['id']}: {row['booked']}, known {row['known']}"
        for row in self._query(
            """
            SELECT balance.id, balance.amount, SUM(entry.amount) AS history
              FROM account_credit_balance AS balance
         LEFT JOIN account_credit_balance_entry AS entry
                ON entry.balance_id = balance.id
          GROUP BY balance.id
            HAVING balance.amount != COALESCE(SUM(entry.amount), 0)
            """
        ):
            yield f"balance {row['id']}: {row['amount']}, history {row['history']}"
