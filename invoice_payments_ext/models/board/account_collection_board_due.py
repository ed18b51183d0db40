from datetime import timedelta

from odoo import models
from odoo.fields import Domain
from odoo.tools import SQL

from .figures import Source, Sum, Total, get_currency, get_ratio, sum_up

LINES = Source(
    "account.move.line",
    "company_currency_id",
    "invoice_payments_ext.account_move_line_view_list_board",
)
# The documents by which customers owe something; credit notes reduce the sales.
OWED_BY = ("out_invoice", "out_receipt")
SOLD_BY = (*OWED_BY, "out_refund")
# The ages of overdue instalments, in days: each from the first to the last.
AGES = {"1_30": (1, 30), "31_60": (31, 60), "61_90": (61, 90), "over_90": (91, None)}


def name_receivable_accounts(model, alias, query):
    """Return the condition that journal items are on receivable accounts.

    It is an array, not a join: so the indexes of journal items by account serve the
    parts of the other conditions, and items of sales and banks are not read.
    """
    return SQL(
        """
        %s = ANY (ARRAY(SELECT account.id FROM account_account account
                         WHERE account.account_type = 'asset_receivable'))
        """,
        model._field_to_sql(alias, "account_id", query),
    )


class AccountCollectionBoard(models.AbstractModel):
    """The debts of customers: by age, and how quickly they are collected."""

    _inherit = "account.collection.board"

    # === GETTERS === #

    def _get_receivable_domain(self):
        """Return the domain of the posted journal items on receivable accounts.

        :rtype: Domain
        """
        return (
            self._get_selected_domain()
            & Domain("account_id.account_type", "=", "asset_receivable")
            & Domain("parent_state", "=", "posted")
        )

    def _get_open_domain(self):
        """Return the domain of the instalments of invoices that are not paid.

        :rtype: Domain
        """
        return (
            self._get_receivable_domain()
            & Domain("reconciled", "=", False)
            & Domain("move_id.move_type", "in", OWED_BY)
        )

    def _get_credits_domain(self):
        """Return the domain of the credit notes and payments that are not matched.

        :rtype: Domain
        """
        return (
            self._get_receivable_domain()
            & Domain("reconciled", "=", False)
            & Domain("amount_residual", "<", 0.0)
        )

    def _get_age_domains(self, today):
        """Return the domains of due days, by the age.

        An instalment is overdue from the day after its due date.

        :param datetime.date today: The day of now.
        :rtype: dict[str, Domain]
        """
        ages = {
            "not_due": Domain("date_maturity", ">=", today.isoformat())
            | Domain("date_maturity", "=", False)
        }
        for age, (first, last) in AGES.items():
            day = today - timedelta(days=first)
            ages[age] = Domain("date_maturity", "<=", day.isoformat())
            if last:
                day = today - timedelta(days=last)
                ages[age] &= Domain("date_maturity", ">=", day.isoformat())
        return ages

    def _get_age_labels(self):
        return {
            "not_due": self.env._("Not due"),
            "1_30": self.env._("1–30 days"),
            "31_60": self.env._("31–60 days"),
            "61_90": self.env._("61–90 days"),
            "over_90": self.env._("More than 90 days"),
        }

    # === BUSINESS METHODS === #

    def _get_due(self, converter, months):
        """Return the amounts that are owed, their ages, and the two months.

        Amounts are those of the journal items: the rest in the currency of the
        company, at the rates at which the invoices were booked.

        :param Converter converter: Makes one amount of several currencies.
        :param list[Period] months: This month, and the one before.
        :rtype: dict
        """
        today = months[0].last
        owed = self._get_open_domain()
        ages = self._get_age_domains(today)
        later = Domain("date_maturity", ">", today.isoformat())
        overdue = owed & Domain("date_maturity", "<", today.isoformat())
        sums = {
            "open": Sum(owed, "amount_residual"),
            "due": Sum(owed & ~later, "amount_residual"),
            "overdue": Sum(overdue, "amount_residual"),
            "credits": Sum(self._get_credits_domain(), "amount_residual"),
            **{age: Sum(owed & ages[age], "amount_residual") for age in ages},
            **self._get_sums_of_months(months, ages["not_due"]),
        }
        first = months[-1].first.isoformat()
        scope = (
            self._get_receivable_domain()
            & Domain.custom(to_sql=name_receivable_accounts)
            & (Domain("reconciled", "=", False) | Domain("date", ">=", first))
        )
        totals = sum_up(self, LINES, scope, sums)
        names = {
            "open": self.env._("Open"),
            "due": self.env._("Due"),
            "overdue": self.env._("Overdue"),
            "credits": self.env._("Not matched"),
        }
        labels = self._get_age_labels()
        figures = self._prepare_figures(
            converter, {**names, **labels}, LINES, sums, totals
        )
        bars = {"label": self.env._("Amount"), "bars": [figures[age] for age in ages]}
        return {
            "figures": {name: figures[name] for name in names},
            "pictures": {"ages": {"series": [bars]}},
            "months": self._prepare_months(converter, months, sums, totals),
        }

    def _get_sums_of_months(self, months, not_due):
        """Return the sums from which the months are computed.

        The receivables at the end of a day are those of now, less the journal items
        after that day: so nothing is read that is older than the months and paid.

        :param list[Period] months: This month, and the one before.
        :param Domain not_due: The due days that are not over yet.
        :rtype: dict[str, Sum]
        """
        receivable = self._get_receivable_domain()
        open_now = receivable & Domain("reconciled", "=", False)
        today = Domain("date", "<=", months[0].last.isoformat())
        sums = {
            "receivable": Sum(open_now, "amount_residual"),
            "not_due_0": Sum(
                self._get_open_domain() & not_due & today, "amount_residual"
            ),
        }
        sold = receivable & Domain("move_id.move_type", "in", SOLD_BY)
        for number, month in enumerate(months):
            since = Domain("date", ">=", month.first.isoformat())
            after = Domain("date", ">", month.last.isoformat())
            sums[f"since_{number}"] = Sum(receivable & since, "balance")
            sums[f"after_{number}"] = Sum(receivable & after, "balance")
            sums[f"sold_{number}"] = Sum(sold & since & ~after, "balance")
        return sums

    def _prepare_months(self, converter, months, sums, totals):
        """Return the days sales outstanding and the effectiveness of the months.

        * Days sales outstanding (DSO): receivables at the end ÷ sales × days.
        * Collection effectiveness index (CEI), as a part of 1: (receivables at the
          beginning + sales − receivables at the end) ÷ (receivables at the beginning +
          sales − receivables at the end that are not due). At 1, all that was due is
          collected.

        Sales are invoices less credit notes, with taxes, as receivables have them too.
        Of the present month, the days until today count. Neither has a value where
        its divisor is not more than zero.

        https://ec3.ecredit.com/nfusion/default/en_US/docs/dashboarduser_con_formulas_for_kpis.htm

        :return: For each month its figures, and `dso` and `cei`, which may be none.
        :rtype: list[dict]
        """
        totals["not_due_1"] = self._get_not_due_at(months[1].last)
        prepared = []
        for number, month in enumerate(months):
            last = Domain("date", "<=", month.last.isoformat())
            names = {
                f"sold_{number}": self.env._("Sales, %s", month.label),
                f"receivable_{number}": self.env._("Receivables, %s", month.label),
            }
            wanted = {
                **sums,
                f"receivable_{number}": Sum(
                    self._get_receivable_domain() & last, "balance"
                ),
            }
            own = {
                **totals,
                f"receivable_{number}": self._minus(totals, "after", number),
            }
            figures = self._prepare_figures(converter, names, LINES, wanted, own)
            sold = figures[f"sold_{number}"]
            receivable = figures[f"receivable_{number}"]
            receivable["count"] = None  # Nobody asks for it, and it reads all of them.
            at_start = converter.convert(self._minus(totals, "since", number).amounts)
            not_due = converter.convert(totals[f"not_due_{number}"].amounts)
            to_collect = at_start + sold["amount"]
            prepared.append(
                {
                    "label": month.label,
                    "days": month.days,
                    "receivable": receivable,
                    "sold": sold,
                    "at_start": at_start,
                    "not_due": not_due,
                    "dso": get_ratio(receivable["amount"] * month.days, sold["amount"]),
                    "cei": get_ratio(
                        to_collect - receivable["amount"], to_collect - not_due
                    ),
                }
            )
        return prepared

    def _minus(self, totals, name, number):
        """Return the receivables of now without those since, or after, a month.

        :rtype: Total
        """
        total = Total()
        for sign, key in ((1, "receivable"), (-1, f"{name}_{number}")):
            for currency, amount in totals[key].amounts.items():
                total.add(currency, 1, sign * amount)
        return total

    def _get_not_due_at(self, day):
        """Return the amount of invoices that was open and not due at the end of a day.

        It is their amount less all that was matched with them until that day.

        :param datetime.date day: The day.
        :rtype: Total
        """
        lines = self.env["account.move.line"]
        query = lines._search(
            self._get_receivable_domain()
            & Domain("move_id.move_type", "in", OWED_BY)
            & Domain("date", "<=", day.isoformat())
            & Domain("date_maturity", ">=", day.isoformat())
        )
        partials = self.env["account.partial.reconcile"]
        line_id = SQL.identifier(lines._table, "id")
        matched = SQL(
            """
            (SELECT COALESCE(SUM(
                        CASE WHEN part.debit_move_id = %(line)s
                             THEN %(amount)s ELSE -%(amount)s END), 0)
               FROM account_partial_reconcile part
              WHERE %(line)s IN (part.debit_move_id, part.credit_move_id)
                AND %(max_date)s <= %(day)s)
            """,
            line=line_id,
            amount=partials._field_to_sql("part", "amount"),
            max_date=partials._field_to_sql("part", "max_date"),
            day=day,
        )
        currency = lines._field_to_sql(lines._table, LINES.currency, query)
        balance = lines._field_to_sql(lines._table, "balance", query)
        query.groupby = currency
        total = Total()
        for currency_id, count, amount in self.env.execute_query(
            query.select(
                currency, SQL("COUNT(*)"), SQL("SUM(%s - %s)", balance, matched)
            )
        ):
            currency = self.env["res.currency"].browse(currency_id)
            total.add(get_currency(currency), count, amount)
        return total
