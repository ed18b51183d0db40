"""A recount of the books from Odoo's tables.

It shares no code with the addon: raw rows are read, and added up here.
"""

from collections import defaultdict
from decimal import Decimal

POSTED = ("in_process", "paid")


def recount(cr, company_id):
    """Return the records whose figures do not agree.

    :param odoo.sql_db.Cursor cr: The database, with everything flushed.
    :param int company_id: The company whose books are counted.
    :return: Pairs of the rule and the id of its record, as the tie-out names them.
    :rtype: set[tuple[str, int]]
    """
    books = Books(cr, company_id)
    return {
        (rule, record_id)
        for rule, record_ids in (
            ("applied", books.find_invoices_that_do_not_add_up()),
            ("credited", books.find_invoices_credited_above_their_total()),
            ("booked", books.find_money_booked_wrongly()),
            ("payment_entry", books.find_payments_beside_their_entry()),
            ("payment_agrees", books.find_payments_of_other_amounts()),
            ("unposted", books.find_invoices_paid_by_drafts()),
            ("entry", books.find_entries_out_of_balance()),
            ("total", books.find_documents_of_other_figures()),
            ("remaining", books.find_items_of_which_another_amount_remains()),
        )
        for record_id in record_ids
    }


def recount_credit(cr, company_id):
    """Return the credit that the ledger and the balances hold, by currency.

    :return: Two dicts, amounts by currency id.
    :rtype: tuple[dict, dict]
    """
    cr.execute(
        "SELECT line.currency_id, -sum(line.amount_currency) "
        "FROM account_move_line line, res_company company "
        "WHERE company.id = %s AND line.company_id = company.id "
        "AND line.account_id = company.credit_balance_account_id "
        "AND line.parent_state = 'posted' GROUP BY line.currency_id",
        (company_id,),
    )
    ledger = _without_zeros(cr.fetchall())
    cr.execute(
        "SELECT currency_id, sum(amount) FROM account_credit_balance "
        "WHERE company_id = %s GROUP BY currency_id",
        (company_id,),
    )
    return ledger, _without_zeros(cr.fetchall())


def _without_zeros(rows):
    return {key: _cents(amount) for key, amount in rows if _cents(amount)}


def _cents(amount):
    """Return an amount in hundredths: the currencies of the tests have two digits."""
    return int((Decimal(str(amount or 0)) * 100).to_integral_value())


class Books:
    """The rows of one company."""

    def __init__(self, cr, company_id):
        def read(columns, table, where="company_id = %s"):
            query = f"SELECT id, {columns} FROM {table} WHERE {where}"
            cr.execute(query, (company_id,))
            return {row["id"]: row for row in cr.dictfetchall()}

        self.moves = read(
            "move_type, state, currency_id, amount_total, amount_residual, "
            "reversed_entry_id, journal_id, date, payment_state",
            "account_move",
        )
        self.lines = read(
            "move_id, account_id, partner_id, currency_id, balance, amount_currency, "
            "parent_state, display_type, amount_residual, amount_residual_currency",
            "account_move_line",
        )
        cr.execute("SELECT id FROM account_account WHERE reconcile")
        self.reconcilable = {account_id for [account_id] in cr.fetchall()}
        self.partials = read(
            "debit_move_id, credit_move_id, debit_amount_currency, "
            "credit_amount_currency, amount",
            "account_partial_reconcile",
        )
        self.payments = read(
            "move_id, state, amount, currency_id, partner_id, payment_type, "
            "journal_id, outstanding_account_id, destination_account_id, "
            "payment_transaction_id, date",
            "account_payment",
        )
        self.transactions = read(
            "state, amount, operation, source_transaction_id",
            "payment_transaction",
        )
        cr.execute("SELECT id, commercial_partner_id FROM res_partner")
        self.commercial = dict(cr.fetchall())
        self.lines_by_move = defaultdict(list)
        for line in self.lines.values():
            self.lines_by_move[line["move_id"]].append(line)

    def _get_applied(self):
        """Return by journal item the amount that is matched with it."""
        applied = defaultdict(int)
        for part in self.partials.values():
            applied[part["debit_move_id"]] += _cents(part["debit_amount_currency"])
            applied[part["credit_move_id"]] -= _cents(part["credit_amount_currency"])
        return applied

    def _get_invoices(self):
        return [
            move
            for move in self.moves.values()
            if move["move_type"] == "out_invoice" and move["state"] == "posted"
        ]

    def find_invoices_that_do_not_add_up(self):
        applied = self._get_applied()
        for move in self._get_invoices():
            paid = sum(
                applied[line["id"]]
                for line in self.lines_by_move[move["id"]]
                if line["display_type"] == "payment_term"
            )
            if _cents(move["amount_total"]) - paid != _cents(move["amount_residual"]):
                yield move["id"]

    def find_invoices_credited_above_their_total(self):
        credited = defaultdict(int)
        for note in self.moves.values():
            if note["move_type"] == "out_refund" and note["state"] == "posted":
                key = note["reversed_entry_id"], note["currency_id"]
                credited[key] += _cents(note["amount_total"])
        for move in self._get_invoices():
            key = move["id"], move["currency_id"]
            if credited[key] > _cents(move["amount_total"]):
                yield move["id"]

    def find_money_booked_wrongly(self):
        booked = defaultdict(list)
        for payment in self.payments.values():
            if payment["state"] in POSTED and payment["payment_transaction_id"]:
                booked[payment["payment_transaction_id"]].append(payment)
        taken_in_parts = {
            tx["source_transaction_id"]
            for tx in self.transactions.values()
            if tx["operation"] != "refund" and tx["state"] in ("done", "cancel")
        }
        for tx_id, payments in booked.items():
            tx = self.transactions[tx_id]
            brought = tx["state"] == "done" and tx_id not in taken_in_parts
            wanted = abs(_cents(tx["amount"])) if brought else 0
            if sum(_cents(payment["amount"]) for payment in payments) != wanted:
                yield tx_id

    def _get_payments_with_entry(self):
        return [payment for payment in self.payments.values() if payment["move_id"]]

    def find_payments_beside_their_entry(self):
        for payment in self._get_payments_with_entry():
            is_posted = self.moves[payment["move_id"]]["state"] == "posted"
            if payment["state"] == "canceled" and self._is_taken_back(payment):
                is_posted = False
            if is_posted != (payment["state"] in POSTED):
                yield payment["id"]

    def _is_taken_back(self, payment):
        """Tell if a posted entry books the opposite of the entry of a payment.

        So it is undone where the entry has to stay: what was recorded by mistake, and
        refunds that came back.
        """
        own = self._get_balances(payment["move_id"])
        return any(
            own == {key: -amount for key, amount in self._get_balances(move_id).items()}
            for move_id, move in self.moves.items()
            if move["reversed_entry_id"] == payment["move_id"]
            and move["state"] == "posted"
        )

    def _get_balances(self, move_id):
        """Return what an entry books, by account and currency."""
        balances = defaultdict(int)
        for line in self.lines_by_move[move_id]:
            key = line["account_id"], line["currency_id"]
            balances[key] += _cents(line["amount_currency"])
        return balances

    def find_payments_of_other_amounts(self):
        for payment in self._get_payments_with_entry():
            if payment["state"] not in POSTED:
                continue
            sign = 1 if payment["payment_type"] == "inbound" else -1
            partner_id = payment["partner_id"]
            sides = defaultdict(int)
            for line in self.lines_by_move[payment["move_id"]]:
                if line["currency_id"] == payment["currency_id"] and line[
                    "partner_id"
                ] in (partner_id, self.commercial.get(partner_id)):
                    sides[line["account_id"]] += _cents(line["amount_currency"])
            amount = _cents(payment["amount"])
            entry = self.moves[payment["move_id"]]
            is_same_journal = (entry["journal_id"], entry["date"]) == (
                payment["journal_id"],
                payment["date"],
            )
            accounts = (
                payment["outstanding_account_id"],
                payment["destination_account_id"],
            )
            has_both = all(account_id in sides for account_id in accounts)
            booked = [
                side * sides[account]
                for side, account in zip((sign, -sign), accounts, strict=True)
            ]
            if not (is_same_journal and has_both and amount in booked):
                yield payment["id"]

    def find_invoices_paid_by_drafts(self):
        invoice_ids = {move["id"] for move in self._get_invoices()}
        for part in self.partials.values():
            own = self.lines[part["debit_move_id"]]
            other = self.lines[part["credit_move_id"]]
            if (
                own["display_type"] == "payment_term"
                and own["move_id"] in invoice_ids
                and other["parent_state"] != "posted"
            ):
                yield own["move_id"]
            for line in (own, other):
                if self.moves[line["move_id"]]["state"] == "cancel":
                    yield line["move_id"]

    def find_entries_out_of_balance(self):
        for move_id, lines in self.lines_by_move.items():
            posted = [line for line in lines if line["parent_state"] == "posted"]
            if sum(_cents(line["balance"]) for line in posted):
                yield move_id

    def find_documents_of_other_figures(self):
        for move_id, move in self.moves.items():
            if move["state"] != "posted" or move["move_type"] not in (
                "out_invoice",
                "out_refund",
            ):
                continue
            sign = 1 if move["move_type"] == "out_invoice" else -1
            items = [
                line
                for line in self.lines_by_move[move_id]
                if line["display_type"] == "payment_term"
            ]
            total, remaining = (
                sign * sum(_cents(item[name]) for item in items)
                for name in ("amount_currency", "amount_residual_currency")
            )
            is_settled = move["payment_state"] in ("paid", "in_payment", "reversed")
            if (
                total != _cents(move["amount_total"])
                or (remaining != _cents(move["amount_residual"]) and sign < 0)
                or is_settled != (not remaining)
            ):
                yield move_id

    def find_items_of_which_another_amount_remains(self):
        own, company = self._get_applied(), defaultdict(int)
        for part in self.partials.values():
            company[part["debit_move_id"]] += _cents(part["amount"])
            company[part["credit_move_id"]] -= _cents(part["amount"])
        for line_id, line in self.lines.items():
            if (
                line["parent_state"] == "posted"
                and line["account_id"] in self.reconcilable
                and (
                    _cents(line["amount_currency"]) - own[line_id],
                    _cents(line["balance"]) - company[line_id],
                )
                != (
                    _cents(line["amount_residual_currency"]),
                    _cents(line["amount_residual"]),
                )
            ):
                yield line_id
