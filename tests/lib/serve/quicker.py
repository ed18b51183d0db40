"""Answers that the tests ask for again and again are found more quickly.

They are the same: only the way to them is shorter, and `test_quicker.py` compares. A
tenth of the work of the tests was spent on them. Benchmarks go without.
"""

import hashlib
import sys
from functools import lru_cache, partial, wraps

from odoo.orm.registry import Registry, TriggerTree
from odoo.sql_db import PsycoConnection

merge_triggers = Registry.get_trigger_tree


def apply():
    Registry.get_trigger_tree = get_trigger_tree
    PsycoConnection.reset = reset


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


# === PLANS OF POSTGRESQL === #

TIE_OUT = "odoo.addons.invoice_payments_ext.models.tie_out.account_payment_tie_out"
# DISCARD ALL as PostgreSQL's manual spells it out, without its DEALLOCATE ALL and
# DISCARD PLANS: each request would plan the checks of foreign keys anew.
CLEAN = """
    CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *;
    SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES
"""


def reset(connection):
    """Stand in for the method with which Odoo cleans a connection to use it again."""
    connection.rollback()
    connection.set_session("DEFAULT", "DEFAULT", "DEFAULT", autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute(CLEAN)
    connection.autocommit = False


def keep_plans():
    """Let a server keep the plans of the tie-out, which is asked for after each test.

    Over a few records, five sixths of its time are the planning of the same statements.
    `invariants.py` does the same for the tests that roll back.
    """
    if module := sys.modules.get(TIE_OUT):
        model = module.AccountPaymentTieOut
        model.check = _with_kept_plans(model.check)


def _with_kept_plans(check):
    @wraps(check)
    def check_with_kept_plans(self, *args, **kwargs):
        self.env.execute_query_dict = partial(_execute_prepared, self.env)
        try:
            return check(self, *args, **kwargs)
        finally:
            del self.env.execute_query_dict

    return check_with_kept_plans


def _execute_prepared(env, query):
    statement = env.cr.mogrify(query.code, query.params).decode()
    name = f"kept_{hashlib.sha1(statement.encode()).hexdigest()}"
    env.cr.execute("SELECT 1 FROM pg_prepared_statements WHERE name = %s", [name])
    if not env.cr.fetchone():
        env.cr.execute(f"PREPARE {name} AS {statement}")
    env.cr.execute(f"EXECUTE {name}")
    return env.cr.dictfetchall()
