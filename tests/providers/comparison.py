"""Holds the books of one cell of the table against the record of its fake API."""

from decimal import Decimal

from lib.referee import Referee

MONEY = Decimal("0.01")


# The sign of the money that the kinds of operations move.
MOVES = {"charge": 1, "capture": 1, "refund": -1}
TAKEN_BACK = {"dispute": -1, "reinstatement": 1}
FEES = {"fee": -1}
# What a notification that comes again must not add to.
COUNTED = (
    "account_move",
    "account_move_line",
    "account_partial_reconcile",
    "account_payment",
    "account_payment_reversal",
    "mail_activity",
    "mail_mail",
    "mail_message",
    "payment_transaction",
)


class Comparison(Referee):
    """Compares the four layers, reading the database with SQL only.

    The layers are the record of the fake API, the transactions, the payments and the
    ledger; each is reduced to the amounts that came and the amounts that went, by the
    charge that they belong to.
    """

    codes = ("none",)  # Of the provider that is looked at.

    def __init__(self, shop):
        super().__init__(shop.database, None)
        self.shop = shop
        self.findings = set()  # On the books as a whole, so far.

    # === A CELL === #

    def mark(self, api):
        """Return where a cell begins."""
        self.codes = (api.code,)
        [last] = self._query(
            """
            SELECT (SELECT COALESCE(MAX(id), 0) FROM payment_transaction) AS attempt,
                   (SELECT COALESCE(MAX(id), 0) FROM account_move_line) AS line
            """
        )
        return {
            **last,
            "operations": set(api.operations),
        }

    def read_all(self, mark):
        """Return what a notification must not change if it comes a second time.

        :return: The number of records of each kind, the attempts of the cell, and the
                 balance of each account, with what is open of it.
        :rtype: dict
        """
        [found] = self._query(
            "SELECT "
            + ", ".join(f"(SELECT count(*) FROM {name}) AS {name}" for name in COUNTED)
        )
        found["attempts"] = self._query(
            """
            SELECT id, state, outcome, amount, payment_id, provider_reference
              FROM payment_transaction WHERE id > %s ORDER BY id
            """,
            mark["attempt"],
        )
        found["accounts"] = self._query(
            """
            SELECT account_id, sum(balance) AS balance,
                   sum(amount_residual) AS amount_residual
              FROM account_move_line WHERE parent_state = 'posted'
          GROUP BY account_id ORDER BY account_id
            """
        )
        return found

    def find_general(self):
        """Return the ways in which the books as a whole contradict themselves."""
        return [
            *self._check_refunds(),
            *self._check_balances(),
            *self._check_matching(),
            *self._check_credit_balances(),
            *(f"tie-out: {row}" for row in self.shop.get_tie_out()),
        ]

    def note_findings(self):
        """Look for such ways, which later cells do not name again.

        :rtype: set[str]
        """
        self.findings = {*self.findings, *self.find_general()}
        return self.findings

    def compare(self, api, mark, invoice_ids):
        """Return every way in which the layers of a cell disagree, as sentences.

        A fault of the books as a whole is said once, of the first cell.
        """
        self.codes = (api.code,)
        known = self.findings
        findings = self.note_findings() - known
        return [
            *self._compare_layers(api, mark),
            *self._compare_ledger(api, mark),
            *self._compare_invoices(api, mark, invoice_ids),
            *self._check_attempts(True, mark["attempt"]),
            *sorted(findings),
        ]

    # === LAYERS === #

    def _get_moved(self, api, mark, signs=MOVES):
        """Return the amounts by charge, as the fake API moved them: signed."""
        moved = {}
        for row in api.operations.values():
            charge = api.operations[row.parent] if row.parent else row
            # A capture that failed later had succeeded, and is booked as such.
            is_done = row.status == "succeeded" or _was_captured(row)
            if charge.id in mark["operations"] or not is_done:
                continue
            sign = signs.get(row.kind)
            if sign:
                amount = _round(sign * row.amount / api.minor_units)
                moved.setdefault(charge.reference, []).append(amount)
        return moved

    def _list_moved(self, api, mark, others=None):
        """Return all amounts that moved, with those that were taken back.

        :param dict others: The signs of other operations to be counted.
        """
        signs = {**MOVES, **TAKEN_BACK, **(others or {})}
        amounts = self._get_moved(api, mark, signs)
        came_back = [
            sign * _round(row.amount / api.minor_units)
            for key, row in api.operations.items()
            if key not in mark["operations"] and row.data.get("came_back")
            for sign in ((-1,) if _was_captured(row) else (-1, 1))
        ]
        return sum(amounts.values(), came_back)

    def _compare_layers(self, api, mark):
        layers = {
            "the provider moved": self._get_moved(api, mark),
            "the transactions say": self._read_transactions(mark),
            "the payments say": self._read_payments_of(mark),
        }
        [(_name, moved), *others] = layers.items()
        references = sorted(set().union(*layers.values()), key=str)
        for reference in references:
            expected = sorted(moved.get(reference, []))
            for name, layer in others:
                found = sorted(layer.get(reference, []))
                if found != expected:
                    yield (
                        f"{reference}: the provider moved {_join(expected)}, "
                        f"{name} {_join(found)}"
                    )

    def _read_family(self, mark, columns, joins="", where="true"):
        """Return rows of the transactions since the mark, each with its root's name."""
        rows = self._query(
            f"""
            WITH RECURSIVE family AS (
                SELECT tx.id, tx.reference AS root
                  FROM payment_transaction AS tx
                  JOIN payment_provider AS provider ON provider.id = tx.provider_id
                 WHERE tx.source_transaction_id IS NULL AND tx.id > %s
                   AND provider.code IN %s
                 UNION ALL
                SELECT child.id, family.root
                  FROM payment_transaction AS child
                  JOIN family ON family.id = child.source_transaction_id
            )
            SELECT family.root, {columns}
              FROM family JOIN payment_transaction AS tx ON tx.id = family.id {joins}
             WHERE {where}
            """,
            mark["attempt"],
            self.codes,
        )
        amounts = {}
        for row in rows:
            amounts.setdefault(row["root"], []).append(_round(row["amount"]))
        return amounts

    def _read_transactions(self, mark):
        """A captured authorization counts by its captures, which carry the amounts."""
        return self._read_family(
            mark,
            "tx.amount",
            where="""tx.state = 'done' AND NOT EXISTS (
                SELECT 1 FROM payment_transaction AS capture
                 WHERE capture.source_transaction_id = tx.id
                   AND capture.operation != 'refund' AND capture.state = 'done'
            )""",
        )

    def _read_payments_of(self, mark):
        return self._read_family(
            mark,
            "CASE payment.payment_type WHEN 'inbound' THEN payment.amount "
            "ELSE -payment.amount END AS amount",
            """
              JOIN account_payment AS payment ON payment.payment_transaction_id = tx.id
              JOIN account_move AS move ON move.id = payment.move_id
            """,
            "payment.state IN ('in_process', 'paid') AND move.state = 'posted'",
        )

    def _compare_ledger(self, api, mark):
        """The provider's account has, of this cell, exactly the money that moved."""
        facts = self.shop.facts["providers"][api.code]
        rows = self._query(
            """
            SELECT line.amount_currency AS amount FROM account_move_line AS line
             WHERE line.account_id = %s AND line.id > %s
               AND line.parent_state = 'posted'
            """,
            facts["account_id"],
            mark["line"],
        )
        booked = sorted(_round(row["amount"]) for row in rows)
        moved = sorted(self._list_moved(api, mark, FEES))
        if booked != moved:
            yield f"the provider moved {_join(moved)}, the ledger has {_join(booked)}"

    def _compare_invoices(self, api, mark, invoice_ids):
        """The amount paid of the invoices is the amount that the provider kept."""
        [row] = self._query(
            """
            SELECT COALESCE(SUM(amount_total - amount_residual), 0) AS paid
              FROM account_move WHERE id IN %s
            """,
            tuple(invoice_ids),
        )
        kept = sum(self._list_moved(api, mark))
        if _round(row["paid"]) != kept:
            yield f"the provider kept {kept}, the invoices are paid with {row['paid']}"


def _was_captured(row):
    """Tell if an operation is a capture that succeeded, and failed later."""
    return row.kind == "capture" and bool(row.data.get("came_back"))


def _round(amount):
    """Return an amount, a float or a decimal of the database, in cents."""
    return Decimal(str(amount)).quantize(MONEY)


def _join(amounts):
    return " ".join(map(str, amounts)) or "nothing"
