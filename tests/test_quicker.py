"""What the tests remember for Odoo is what Odoo would say."""

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
