"""Tables of the size that they have in a company, made in no time."""

from odoo.tools import SQL


def copy_rows(records, copies, **values):
    """Copy records by SQL, and tell the planner of PostgreSQL how many there are.

    :param recordset records: They keep what they refer to.
    :param int copies: Of each record.
    :param values: By the name of a column: another value of it. In it, `number` is the
                   number of the copy.
    """
    env = records.env
    env.flush_all()
    table = SQL.identifier(records._table)
    columns = [
        name
        for name, field in records._fields.items()
        if field.store and field.column_type and name != "id"
    ]
    env.cr.execute(
        SQL(
            """
            INSERT INTO %(table)s (%(columns)s)
            SELECT %(values)s FROM %(table)s, generate_series(1, %(copies)s) AS number
             WHERE id IN %(ids)s
            """,
            table=table,
            columns=SQL(", ").join(map(SQL.identifier, columns)),
            values=SQL(", ").join(
                values.get(name) or SQL.identifier(name) for name in columns
            ),
            copies=copies,
            ids=tuple(records.ids),
        )
    )
    env.cr.execute(SQL("ANALYZE %s", table))
