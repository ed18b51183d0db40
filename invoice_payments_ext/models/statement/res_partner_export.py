import csv
import io

from odoo import models

# A table calculation would take a text that begins so for a formula.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


class ResPartner(models.Model):
    """A statement of account as a table, for the customer's own books."""

    _inherit = "res.partner"

    # === BUSINESS METHODS === #

    def _export_statement(self, statement):
        """Return a statement as CSV: amounts with a point, days as 2026-12-31.

        :param dict statement: See :meth:`_get_customer_statements`.
        :rtype: bytes
        """
        file = io.StringIO()
        writer = csv.writer(file)
        writer.writerow(self._get_statement_columns())
        for block in statement["blocks"]:
            for row in self._prepare_statement_rows(statement, block):
                writer.writerow(map(self._escape_formula, row))
        # With its mark, all programs read it as UTF-8.
        return file.getvalue().encode("utf-8-sig")

    def _get_statement_columns(self):
        """Return the titles of the columns.

        :rtype: list[str]
        """
        env = self.env
        return [
            env._("Part"),
            env._("Currency"),
            env._("Date"),
            env._("Kind"),
            env._("Number"),
            env._("Reference"),
            env._("Due"),
            env._("Amount"),
            env._("Balance"),
            env._("Disputed"),
        ]

    def _prepare_statement_rows(self, statement, block):
        """Return the rows of one currency: the movements, then the open items.

        :rtype: Iterator[list]
        """
        env = self.env
        currency = env["res.currency"].browse(block["currency_id"])

        def prepare(part, date, title, line=None, amount="", balance="", due=""):
            line = line or {}
            money = [
                each if each == "" else f"{each:.{currency.decimal_places}f}"
                for each in (amount, balance)
            ]
            return [
                part,
                currency.name,
                date,
                title,
                line.get("number", ""),
                line.get("reference", ""),
                due,
                *money,
                env._("Yes") if line.get("is_disputed") else "",
            ]

        part = env._("Movement")
        opening, closing = block["opening_balance"], block["closing_balance"]
        yield prepare(
            part, statement["date_from"], env._("Opening balance"), balance=opening
        )
        for line in block["lines"]:
            yield prepare(
                part, line["date"], line["title"], line, line["amount"], line["balance"]
            )
        yield prepare(
            part, statement["date_to"], env._("Closing balance"), balance=closing
        )
        for item in block["items"]:
            yield prepare(
                env._("Open item"),
                item["date"],
                " ".join(filter(None, (item["title"], item["instalment"]))),
                item,
                item["amount"],
                due=item["due"],
            )

    def _escape_formula(self, value):
        """Return a value that no table calculation takes for a formula."""
        if isinstance(value, str) and value.startswith(FORMULA_SIGNS):
            try:
                float(value)
            except ValueError:
                return f"'{value}"
        return value
