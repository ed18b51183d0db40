import json
from unittest.mock import patch

from odoo.sql_db import Cursor
from odoo.tests import tagged
from odoo.tools import SQL

from ..common import InvoicePaymentsCommon
from ..common_rows import copy_rows

# From this estimate on, PostgreSQL compiles a statement before it runs it, which takes
# two seconds here (its setting `jit_above_cost`).
COMPILED_FROM = 100_000
COPIES = 3_000


@tagged("post_install", "-at_install")
class TestPlans(InvoicePaymentsCommon):
    """What reads one invoice costs the same in a large database."""

    def setUp(self):
        super().setUp()
        charged = self.start_attempt("done", amount=100.0)
        payments = charged.payment_id
        payments |= self.invoice.record_external_payment(amount=200.0)
        charged.payment_id.with_user(self.supervisor).refund(amount=40.0, reason="Plan")
        self._keep()
        entries = payments.move_id | self.invoice
        self.filled = {
            payments.sudo(): {"name": SQL("name || '/' || number")},
            charged.sudo(): {"reference": SQL("reference || '/' || number")},
            entries.sudo(): {"name": SQL("name || '/' || number")},
            entries.line_ids.sudo(): {},
        }

    def _get_plans(self, work):
        """Return the plan of each statement that some work reads with."""
        statements = []
        execute = Cursor.execute

        def listen(cursor, *args, **kwargs):
            result = execute(cursor, *args, **kwargs)
            statements.append(cursor._obj.query.decode())
            return result

        with patch.object(Cursor, "execute", listen):
            work()
        plans = {}
        for statement in statements:
            if statement.strip().upper().startswith(("SELECT", "WITH")):
                self.env.cr.execute(f"EXPLAIN (FORMAT JSON) {statement}")
                plans[statement] = self.env.cr.fetchone()[0][0]["Plan"]
        return plans

    def _get_tables_read_whole(self, plan):
        nodes = plan.get("Plans", [])
        found = {table for node in nodes for table in self._get_tables_read_whole(node)}
        if plan["Node Type"] == "Seq Scan":
            found.add(plan["Relation Name"])
        return found

    def _read_invoice(self):
        self.env.invalidate_all()
        self.invoice.get_payment_section()
        self.invoice._get_portal_payment_rows()

    def test_section(self):
        tables = {records._table for records in self.filled}
        savepoint = self.env.cr.savepoint()
        for records, values in self.filled.items():
            copy_rows(records, COPIES, **values)
        plans = self._get_plans(self._read_invoice)
        savepoint.rollback()
        self.assertTrue(any("account_payment payment" in each for each in plans))
        for statement, plan in plans.items():
            with self.subTest(statement=statement):
                self.assertFalse(self._get_tables_read_whole(plan) & tables)
                self.assertLess(plan["Total Cost"], COMPILED_FROM, json.dumps(plan))
