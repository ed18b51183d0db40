"""The parts of the board: figures that are sums of a list, and pictures of figures."""

from typing import NamedTuple

from odoo.fields import Domain
from odoo.orm.domains import DomainAnd
from odoo.tools import SQL

from ...tools import NO_JIT


class Period(NamedTuple):
    """A month, or the part of it that has passed.

    :param str label: Its name for people.
    :param datetime.date first: The first day.
    :param datetime.date last: The last day, which is in it.
    """

    label: str
    first: object
    last: object

    @property
    def days(self):
        return (self.last - self.first).days + 1


class Source(NamedTuple):
    """The records that figures are made of.

    :param str model: The model.
    :param str currency: The stored field by which amounts are told apart: a currency,
                         or the company whose currency it is.
    :param str view: The XML id of the list; the model's own if empty.
    """

    model: str
    currency: str
    view: str = ""


class Sum(NamedTuple):
    """A sum that is asked for.

    :param Domain domain: The records.
    :param str field: The field that is summed up.
    :param str lowest: The field whose lowest value is asked for as well.
    """

    domain: Domain
    field: str
    lowest: str = ""


class Total:
    """The number of some records, their sum by currency, and a lowest value."""

    def __init__(self):
        self.count = 0
        self.amounts = {}
        self.lowest = None

    def add(self, currency, count, amount):
        """Add records of one currency.

        :param res.currency currency: The currency.
        :param int count: Their number, which is not zero.
        :param float amount: Their sum; none if none of them has an amount.
        """
        self.count += count
        self.amounts[currency] = self.amounts.get(currency, 0.0) + (amount or 0.0)

    def merge(self, other):
        """Add the records of another total.

        :param Total other: The total.
        """
        self.count += other.count
        for currency, amount in other.amounts.items():
            self.amounts[currency] = self.amounts.get(currency, 0.0) + amount


def sum_up(records, source, scope, sums):
    """Compute several sums of one model by one query, under the rights of the user.

    :param BaseModel records: Any recordset, for its environment.
    :param Source source: The records.
    :param Domain scope: The records that the query looks at: all that a sum counts.
    :param dict[str, Sum] sums: The sums, by a name.
    :return: The totals, by the same names.
    :rtype: dict[str, Total]
    """
    env = records.env
    model = env[source.model]
    query = model._search(scope)  # Rights and rules are in it.
    key = model._field_to_sql(model._table, source.currency, query)
    # Rows are put together by which sums count them: so PostgreSQL decides that once a
    # row, and adds up each amount once. What the scope says already is not asked again.
    known = get_conditions(scope, model)
    conditions, terms = [], [SQL("COUNT(*)")]
    for domain, field, lowest in sums.values():
        rest = Domain.AND(
            each for each in get_conditions(domain, model) if each not in known
        ).optimize_full(model)
        conditions.append(rest._to_sql(model, model._table, query))
        terms += [
            SQL("SUM(%s)", model._field_to_sql(model._table, field, query)),
            SQL("MIN(%s)", model._field_to_sql(model._table, lowest, query))
            if lowest
            else SQL("NULL"),
        ]
    keys = [key, *conditions]
    query.groupby = SQL(", ").join(SQL(str(number + 1)) for number in range(len(keys)))
    totals = {name: Total() for name in sums}
    comodel = model._fields[source.currency].comodel_name
    select = SQL("%s; %s", NO_JIT, query.select(*keys, *terms))
    for owner, *values in env.execute_query(select):
        currency = get_currency(env[comodel].browse(owner))
        holds, (count, *values) = values[: len(sums)], values[len(sums) :]
        for number, total in enumerate(totals.values()):
            if holds[number]:
                amount, least = values[2 * number : 2 * number + 2]
                total.add(currency, count, amount)
                total.lowest = min(filter(None, (total.lowest, least)), default=None)
    return totals


def get_conditions(domain, model):
    """Return the conditions of a domain that a record must all fulfil.

    :param Domain domain: The domain.
    :param BaseModel model: Its model.
    :rtype: list[Domain]
    """
    domain = domain.optimize_full(model)
    return list(domain.children) if isinstance(domain, DomainAnd) else [domain]


def get_currency(owner):
    """Return the currency that a record is, or that of a company.

    :param BaseModel owner: A currency or a company.
    :rtype: res.currency
    """
    return owner.sudo().currency_id if owner._name == "res.company" else owner.sudo()


class Converter:
    """Converts into the currency of the present company, at the rates of its today.

    It reads the rates once, and only if there is another currency.
    """

    def __init__(self, company, today):
        self.company = company
        self.today = today
        self.currency = company.currency_id.sudo()
        self.rates = None

    @property
    def was_needed(self):
        return self.rates is not None

    def convert(self, amounts):
        """Return a sum of amounts, rounded.

        :param dict[res.currency, float] amounts: The amounts.
        :rtype: float
        """
        total = 0.0
        for currency, amount in amounts.items():
            if currency != self.currency:
                rates = self._get_rates()
                amount *= rates[self.currency.id] / rates[currency.id]
            total += amount
        return self.currency.round(total)

    def _get_rates(self):
        if self.rates is None:
            currencies = self.currency.with_context(active_test=False).search([])
            self.rates = currencies._get_rates(self.company, self.today)
        return self.rates


def get_ratio(part, whole):
    """Return a part as a number of the whole; none if there is no whole to divide by.

    :rtype: float or None
    """
    return part / whole if whole > 0 else None
