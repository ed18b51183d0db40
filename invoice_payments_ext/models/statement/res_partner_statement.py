from collections import defaultdict

from odoo import models
from odoo.exceptions import UserError

# The last day of each age of overdue amounts.
AGES = (30, 60, 90)


class ResPartner(models.Model):
    """The content of a statement of account, in the words of its customer."""

    _inherit = "res.partner"

    # === BUSINESS METHODS === #

    def get_customer_statement(self, date_from=None, date_to=None, company_id=None):
        """Return the statement of account of this customer.

        A child of a company gets the statement of the company.

        :param date|str date_from: The first day; two months before the month of the
                                   last one if not given.
        :param date|str date_to: The last day; today if not given.
        :param int company_id: The company, with its branches; the present one if not
                               given.
        :return: See :meth:`_get_customer_statements`.
        :rtype: dict
        :raise UserError: If the days are not a period.
        :raise AccessError: If the user may not read it.
        """
        self.ensure_one()
        company = self.env["res.company"].browse(company_id) or self.env.company
        self._check_statement_access(company)
        statements = self._get_customer_statements(company, date_from, date_to)
        return statements[self.commercial_partner_id.id]

    def _get_customer_statements(
        self, company, date_from=None, date_to=None, max_lines=None
    ):
        """Return the statements of these customers; the caller says who may have them.

        The opening balance and the movements of a currency add up to the closing
        balance, and so do the open items.

        :param res.company company: The company, with its branches.
        :param int max_lines: Refuse a statement with more movements than these.
        :return: By commercial partner, the days and one block a currency.
        :rtype: dict[int, dict]
        """
        date_from, date_to = self._get_statement_period(company, date_from, date_to)
        companies = company._get_statement_books()
        query = self._get_statement_query(companies, date_to)
        opening, movements = self._get_statement_movements(
            query, companies, date_from, date_to
        )
        items = self._get_statement_items(query, date_to)
        statements = {}
        for owner in self.commercial_partner_id:
            keys = {
                key
                for key in {*opening, *movements, *items}
                if key[0] == owner.id and (movements[key] or items[key] or opening[key])
            }
            blocks = [
                self._prepare_statement_block(
                    currency, opening[key], movements[key], items[key], date_to
                )
                for key, currency in self._sort_statement_keys(keys, company)
            ]
            if max_lines and any(len(block["lines"]) > max_lines for block in blocks):
                raise UserError(
                    self.env._(
                        "There are more than %s movements in this period: choose a "
                        "shorter one.",
                        max_lines,
                    )
                )
            statements[owner.id] = {
                "partner_id": owner.id,
                "company_id": company.id,
                "date_from": date_from,
                "date_to": date_to,
                "blocks": blocks,
            }
        return statements

    def _sort_statement_keys(self, keys, company):
        """Return the keys of a customer with their currencies, the company's first."""
        currencies = self.env["res.currency"]
        found = [(key, currencies.browse(key[1])) for key in keys]
        own = company.sudo().currency_id
        return sorted(found, key=lambda each: (each[1] != own, each[1].name))

    def _get_statement_movements(self, query, companies, date_from, date_to):
        """Return the opening balances and the movements, by customer and currency.

        :rtype: tuple[dict, dict]
        """
        opening, movements = defaultdict(float), defaultdict(list)
        for partner_id, currency_id, amount in self._query_statement_balances(
            query, date_from
        ):
            opening[partner_id, currency_id] += amount
        rows = [
            (row, False) for row in self._query_statement_movements(query, date_from)
        ]
        for row in self._query_statement_transfers(query, companies, date_to):
            if row[2] < date_from:
                opening[row[0], row[1]] += row[4]
            else:
                rows.append((row, True))
        moves = self.env["account.move"].sudo().browse(row[3] for row, _is in rows)
        disputed = moves.origin_payment_id.payment_reversal_ids.filtered("is_undecided")
        for (partner_id, currency_id, date, move_id, amount), is_transfer in rows:
            move = moves.browse(move_id)
            if move.currency_id.browse(currency_id).is_zero(amount):
                continue
            movements[partner_id, currency_id].append(
                {
                    "move_id": move_id,
                    "date": date,
                    "title": self._get_transfer_title(amount)
                    if is_transfer
                    else self._get_statement_title(move, amount),
                    "number": move.name,
                    "reference": (move.is_invoice() and move.ref) or "",
                    "amount": amount,
                    "is_disputed": move.origin_payment_id in disputed.payment_id,
                }
            )
        return opening, movements

    def _get_statement_items(self, query, date_to):
        """Return the open items at the end of the last day, by customer and currency.

        :rtype: dict
        """
        rows = self._query_statement_open(query, date_to)
        moves = self.env["account.move"].sudo().browse(row[3] for row in rows)
        disputed = moves._get_reversals_taken_back().filtered("is_undecided")
        items = defaultdict(list)
        for (
            partner_id,
            currency_id,
            line_id,
            move_id,
            date,
            due,
            amount,
            *which,
        ) in rows:
            move = moves.browse(move_id)
            if move.currency_id.browse(currency_id).is_zero(amount):
                continue
            number, count = which
            items[partner_id, currency_id].append(
                {
                    "line_id": line_id,
                    "move_id": move_id,
                    "date": date,
                    "title": self._get_statement_title(move, amount),
                    "number": move.name,
                    "reference": (move.is_invoice() and move.ref) or "",
                    "instalment": self.env._(
                        "Instalment %(number)s of %(count)s", number=number, count=count
                    )
                    if move.is_invoice() and count > 1
                    else "",
                    "due": due,
                    "days": max((date_to - due).days, 0) if amount > 0 else 0,
                    "amount": amount,
                    "is_disputed": move in disputed.invoice_ids,
                }
            )
        return items

    # === PREPARED VALUES === #

    def _prepare_statement_block(self, currency, opening, lines, items, date_to):
        """Return the part of a statement in one currency.

        :rtype: dict
        """
        balance = opening = currency.round(opening)
        lines = sorted(lines, key=lambda line: (line["date"], line["move_id"]))
        for line in lines:
            balance = currency.round(balance + line["amount"])
            line["balance"] = balance
        return {
            "currency_id": currency.id,
            "opening_balance": opening,
            "lines": lines,
            "amount_in": currency.round(
                sum(line["amount"] for line in lines if line["amount"] > 0)
            ),
            "amount_out": currency.round(
                -sum(line["amount"] for line in lines if line["amount"] < 0)
            ),
            "closing_balance": balance,
            "items": items,
            "open_amount": currency.round(sum(item["amount"] for item in items)),
            "overdue_amount": currency.round(
                sum(item["amount"] for item in items if item["days"])
            ),
            "ages": self._prepare_statement_ages(currency, items),
        }

    def _prepare_statement_ages(self, currency, items):
        """Return the open amounts by their age, those without one last.

        :return: Pairs of a label and an amount, which add up to the open amount.
        :rtype: list[tuple[str, float]]
        """
        env = self.env
        labels = [
            env._("Not due"),
            *(
                env._("%(first)s to %(last)s days", first=first + 1, last=last)
                for first, last in zip((0, *AGES), AGES, strict=False)
            ),
            env._("More than %s days", AGES[-1]),
            env._("Not used yet"),
        ]
        amounts = [0.0] * len(labels)
        for item in items:
            place = (
                len(labels) - 1
                if item["amount"] < 0
                else sum(item["days"] > last for last in (0, *AGES))
            )
            amounts[place] += item["amount"]
        return list(zip(labels, map(currency.round, amounts), strict=True))

    # === WORDS === #

    def _get_transfer_title(self, amount):
        """Return the customer's word for a settlement from another account."""
        if amount < 0:
            return self.env._("Settled in another currency, or by somebody else")
        return self.env._("Used in another currency, or for somebody else")

    def _get_statement_title(self, move, amount):
        """Return the customer's word for a journal entry.

        :param account.move move: The entry, in superuser mode.
        :param float amount: The amount by which the balance changed.
        :rtype: str
        """
        env, payment, company = self.env, move.origin_payment_id, move.company_id
        if move.is_invoice():
            return {
                "out_invoice": env._("Invoice"),
                "out_refund": env._("Credit note"),
                "out_receipt": env._("Sales receipt"),
            }.get(move.move_type) or env._("Bill")
        if move.payment_reversal_id or payment.is_taken_back:
            return env._("Payment taken back")
        if move.written_off_invoice_id:
            return env._("Amount waived")
        if (
            payment.is_from_credit
            or move.journal_id == company.credit_balance_journal_id
        ):
            return (
                env._("Credit applied") if amount < 0 else env._("Kept as your credit")
            )
        if payment or move.statement_line_id:
            return env._("Payment") if amount < 0 else env._("Refund")
        if move.journal_id == company.currency_exchange_journal_id:
            return env._("Exchange difference")
        return env._("Adjustment")
