"""Records of several models, read in one statement."""

from odoo.tools import SQL, Query

# The types of fields that are lists of records.
LISTS = ("many2many", "one2many")


def read_joined(query, *parts):
    """Read records of several models in one statement, and keep them in the cache.

    As Odoo reads them itself, one model after the other: all fields that it reads
    together. What the cache holds already stays. Access is not checked.

    :param odoo.tools.query.Query query: The query, which joins the tables.
    :param parts: Of each model its alias in the query, the model in superuser mode,
                  and the names of further fields to read: columns, many2many, or
                  one2many without a domain. Or nothing but a term that is selected.
    :return: Of each row, the ids of the records in the order of the parts; None where
             there is none.
    :rtype: list[tuple]
    """
    fields, terms = [], []
    for part in parts:
        own = []
        if not isinstance(part, SQL):
            alias, model, *names = part
            own = [
                each for each in model._determine_fields_to_fetch() if each.column_type
            ]
            own += [model._fields[name] for name in names]
            part = SQL.identifier(alias, "id")
        terms.append(part)
        terms += [_select(field, model, alias, query) for field in own]
        fields.append(own)
    rows = query._env.execute_query(query.select(*terms))
    columns = list(zip(*rows, strict=True)) or [()] * len(terms)
    found, start = [], 0
    for part, own in zip(parts, fields, strict=True):
        found.append(columns[start])
        firsts = {each: row for row, each in enumerate(columns[start]) if each}
        for field, values in zip(own, columns[start + 1 :], strict=False):
            values = [values[row] for row in firsts.values()]
            if field.type in LISTS:
                values = [tuple(value) for value in values]
            field._insert_cache(part[1].browse(firsts), values)
        start += len(own) + 1
    return list(zip(*found, strict=True))


def join_references(query, alias, model, *names):
    """Join the records that many2one fields refer to, to read them too.

    :param odoo.tools.query.Query query: The query.
    :param str alias: The alias of the model in it.
    :param model: The model that has the fields.
    :param str names: The names of the fields.
    :return: The parts for :func:`read_joined`.
    :rtype: list[tuple]
    """
    parts = []
    for name in names:
        comodel = model.env[model._fields[name].comodel_name].sudo()
        joined = query.left_join(alias, name, comodel._table, "id", name)
        parts.append((joined, comodel))
    return parts


def _select(field, model, alias, query):
    """Return the term of a field; of a list of records the ids that Odoo would read.

    :rtype: odoo.tools.SQL
    """
    if field.type not in LISTS:
        return model._field_to_sql(alias, field.name, query)
    context = {"active_test": False, **field.context}
    comodel = model.env[field.comodel_name].with_context(**context)
    if field.type == "one2many":
        # Under a name of its own: they may be records of the same model.
        many = Query(model.env, f"{alias}__{field.name}", comodel._table_sql)
        many.order = comodel._order_to_sql(comodel._order, many, many.table)
        inverse = comodel._field_to_sql(many.table, field.inverse_name, many)
        many.add_where(SQL("%s = %s", inverse, SQL.identifier(alias, "id")))
        return SQL("ARRAY(%s)", many.select())
    domain = field.get_comodel_domain(model)
    many = comodel._search(domain, order=comodel._order, bypass_access=True)
    other = SQL.identifier(field.relation, field.column2)
    condition = SQL("%s = %s", other, SQL.identifier(comodel._table, "id"))
    many.add_join("JOIN", field.relation, None, condition)
    own = SQL.identifier(field.relation, field.column1)
    many.add_where(SQL("%s = %s", own, SQL.identifier(alias, "id")))
    return SQL("ARRAY(%s)", many.select(other))
