"""An answer of Odoo that tests ask for again and again is remembered.

It is Odoo's: only the way to it is shorter, and `test_quicker.py` compares the two. A
tenth of the work of the tests was spent on it. Benchmarks go without.
"""

from functools import lru_cache

from odoo.orm.registry import Registry, TriggerTree

merge_triggers = Registry.get_trigger_tree


def apply():
    Registry.get_trigger_tree = get_trigger_tree


def get_trigger_tree(registry, fields, select=bool):
    """Stand in for the method of the registry: which fields depend on some fields.

    Each write asks for it, less the fields that nobody has read. Odoo merges the trees
    of the single fields then. It forgets these when it changes a field: the merged ones
    are kept among them, and are forgotten with them.
    """
    key = tuple(fields)
    merged = registry._field_trigger_trees.get(key)
    if merged is None:
        tree = merge_triggers(registry, key, lambda field: True)
        merged = registry._field_trigger_trees[key] = MergedTree(tree)
    return cut(merged, frozenset(filter(select, merged.fields)))


class MergedTree:
    """The trees of some fields as one, with all of their nodes."""

    __slots__ = ("branches", "fields", "root")

    def __init__(self, tree):
        self.root = tree.root
        self.branches = [(label, MergedTree(branch)) for label, branch in tree.items()]
        self.fields = frozenset(self.root).union(
            *(branch.fields for _label, branch in self.branches)
        )

    def cut(self, wanted):
        """Return the tree of Odoo with these fields, without branches that have none.

        :param frozenset wanted: The fields that are kept.
        """
        result = TriggerTree([field for field in self.root if field in wanted])
        for label, branch in self.branches:
            if not wanted.isdisjoint(branch.fields):
                result[label] = branch.cut(wanted)
        return result


@lru_cache(2000)
def cut(merged, wanted):
    """Remember the last trees: Odoo only reads them."""
    return merged.cut(wanted)
