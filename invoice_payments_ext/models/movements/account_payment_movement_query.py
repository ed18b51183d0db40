from odoo import api, models
from odoo.tools import SQL

from .movement_words import COLUMNS, NOTHING, NUMBERS

# The value of one unit of a currency, as Odoo finds it (`res.currency._get_rates`).
RATE = """
    COALESCE(
        (SELECT rate.rate FROM res_currency_rate rate
          WHERE rate.currency_id = %(currency)s AND rate.name <= %(date)s
            AND (rate.company_id IS NULL OR rate.company_id = %(root)s)
       ORDER BY rate.company_id, rate.name DESC LIMIT 1),
        (SELECT rate.rate FROM res_currency_rate rate
          WHERE rate.currency_id = %(currency)s
            AND (rate.company_id IS NULL OR rate.company_id = %(root)s)
       ORDER BY rate.company_id, rate.name LIMIT 1),
        1)
"""


class AccountPaymentMovement(models.Model):
    """The shape that the parts of the query share.

    Each part is the rows of one table, with joins by primary keys only. PostgreSQL
    leaves out the joins and subqueries of columns that nobody asks for.
    """

    _inherit = "account.payment.movement"

    @api.model
    def _prepare_part(self, number, source_id, rows, **columns):
        """Return a part of the query.

        :param int number: The number of its table; see `movement_words`.
        :param SQL source_id: The id of the record.
        :param SQL rows: The tables, from `FROM` on, with `company` and `invoice`.
        :param SQL columns: The values of the columns; others are empty.
        :rtype: SQL
        """
        columns = {
            "source": SQL("%s", number),
            "source_id": source_id,
            "company_id": SQL("company.id"),
            "company_currency_id": SQL("company.currency_id"),
            "invoice_user_id": SQL("invoice.invoice_user_id"),
            **columns,
        }
        return SQL(
            "SELECT %s::bigint * %s + %s AS id, %s %s",
            source_id,
            NUMBERS,
            number,
            SQL(", ").join(
                SQL(
                    "(%s)::%s AS %s",
                    columns.get(name, SQL(NOTHING.get(kind, "NULL"))),
                    SQL(kind),
                    SQL.identifier(name),
                )
                for name, kind in COLUMNS.items()
            ),
            rows,
        )

    @api.model
    def _in_company_currency(self, amount, currency, date):
        """Return an amount in the company's currency, at the rate of a day.

        :param SQL amount: The amount.
        :param SQL currency: The id of its currency.
        :param SQL date: The day.
        :rtype: SQL
        """
        root = SQL("split_part(company.parent_path, '/', 1)::int")
        rates = [
            SQL(RATE, currency=each, date=date, root=root)
            for each in (SQL("company.currency_id"), currency)
        ]
        return SQL(
            """
            CASE WHEN %(currency)s = company.currency_id OR %(amount)s = 0
                 THEN %(amount)s
                 ELSE %(converted)s END
            """,
            amount=amount,
            currency=currency,
            converted=self._round_in_company(
                SQL("%s * %s / %s", amount, *rates),
            ),
        )

    @api.model
    def _round_in_company(self, amount):
        """Return an amount, rounded to the decimals of the company's currency."""
        return SQL(
            "round(%s, (SELECT own.decimal_places FROM res_currency own "
            "WHERE own.id = company.currency_id))",
            amount,
        )

    @api.model
    def _get_days_after_due(self, date):
        """Return how many days after the invoice was due a day is.

        :param SQL date: The day; the part has the `invoice` among its tables.
        :rtype: SQL
        """
        return SQL("%s - invoice.invoice_date_due", date)
