"""Records of several models, read in one statement."""

from odoo.tools import SQL


def read_joined(query, *parts):
    """Read records of several models in one statement, and keep them in the cache.

    As Odoo reads them itself, one model after the other: all fields that it reads
    together. What the cache holds already stays. Access is not checked.

    :param odoo.tools.query.Query query: The query, which joins the tables.
    :param parts: Of each model its alias in the query, the model in superuser mode,
                  and the names of further fields to read: columns or many2many. Or
                  nothing but a term that is selected.
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
            if field.type == "many2many":
                values = [tuple(value) for value in values]
            field._insert_cache(part[1].browse(firsts), values)
        start += len(own) + 1
    return list(zip(*found, strict=True))


def _select(field, model, alias, query):
    """Return the term of a field; of a many2many field the ids that Odoo would read.

    :rtype: odoo.tools.SQL
    """
    if field.type != "many2many":
        return model._field_to_sql(alias, field.name, query)
    context = {"active_test": False, **field.context}
    comodel = model.env[field.comodel_name].with_context(**context)
    domain = field.get_comodel_domain(model)
    many = comodel._search(domain, order=comodel._order, bypass_access=True)
    other = SQL.identifier(field.relation, field.column2)
    condition = SQL("%s = %s", other, SQL.identifier(comodel._table, "id"))
    many.add_join("JOIN", field.relation, None, condition)
    own = SQL.identifier(field.relation, field.column1)
    many.add_where(SQL("%s = %s", own, SQL.identifier(alias, "id")))
    return SQL("ARRAY(%s)", many.select(other))
