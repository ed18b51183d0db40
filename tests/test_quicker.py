"""The shorter ways of the tests lead where those of Odoo lead."""

import pytest
from lib.serve import quicker

import odoo
from odoo.modules.registry import Registry


@pytest.fixture
def registry():
    return Registry(odoo.tests.common.get_db_name())


def describe(tree):
    """Return a tree of fields in a form in which the order counts, too."""
    return list(tree.root), [(label, describe(tree[label])) for label in tree]


def test_trees_of_fields(registry):
    """A merged tree is that of Odoo: of each field, of all of a model, of one half."""
    for model in registry.models.values():
        fields = list(model._fields.values())
        for some in (fields, fields[::-2], *([field] for field in fields)):
            for select in (bool, lambda field: len(field.name) % 2):
                found = registry.get_trigger_tree(some, select)
                expected = quicker.merge_triggers(registry, some, select)
                assert describe(found) == describe(expected), (model._name, some)


def test_trees_are_forgotten_when_odoo_forgets(registry):
    """A field that goes takes the trees along: others depend on others then."""
    field = registry["account.move"]._fields["partner_id"]
    assert registry.get_trigger_tree([field])
    assert (field,) in registry._field_trigger_trees
    registry._discard_fields([])
    assert (field,) not in registry._field_trigger_trees


def test_connections_are_clean(registry):
    """Only the plans of a connection are left for the next cursor that has it."""
    with registry.cursor() as cr:
        cr.execute("PREPARE kept AS SELECT 1")
        cr.execute("CREATE TEMP TABLE left_over (id int)")
        cr.execute("SELECT pg_advisory_lock(7)")
        cr.execute("LISTEN left_over")
        cr.execute("SET search_path = pg_catalog")
        cr.execute("DECLARE left_over CURSOR WITH HOLD FOR SELECT 1")
        type(cr).commit(cr)
        cr.execute("CREATE TEMP TABLE not_committed (id int)")
        connection = cr._cnx
        connection.reset()
        assert not connection.autocommit
        cr.execute(
            """
            SELECT current_setting('search_path'),
                   current_setting('transaction_isolation'),
                   (SELECT count(*) FROM pg_class WHERE relpersistence = 't'),
                   (SELECT count(*) FROM pg_locks
                     WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
                   (SELECT count(*) FROM pg_listening_channels()),
                   (SELECT count(*) FROM pg_cursors WHERE name = 'left_over'),
                   (SELECT string_agg(name, ' ') FROM pg_prepared_statements
                     WHERE name NOT LIKE 'kept\\_%')
            """
        )
        path, isolation, *left, plans = cr.fetchone()
        cr.execute("DEALLOCATE kept")
    assert (path, isolation) == ('"$user", public', "read committed")
    assert left == [0, 0, 0, 0]
    assert plans == "kept"
