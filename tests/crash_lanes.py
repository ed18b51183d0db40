#!/usr/bin/env python3
"""Kill a server whose lanes charge, many times, and hold its books against the gateway.

    python3 tests/crash_lanes.py --kills 100
    python3 tests/crash_queue.py --kills 100      the lines are jobs of OCA's queue

As `crash_run.py`, with nobody at half of the charges: two lanes carry out charge runs
and the collection of the same invoices, and persons charge beside them. Each invoice is
charged once, however often the server was killed, and each collection has its date.
"""

import functools

from crash_run import BEHAVIOURS, POINTS, CrashRun, main
from lib.at_once import is_clear
from lib.charge_runs import confirm_run, finish, get_lanes, run_lanes
from lib.rpc import ConnectionLost, RpcError

AMOUNT = 100.0
CASES = 12
CHARGE_AT_ONCE = {"kind": "charge", "anchor": "issue", "days": 0, "hour": 0.0}
CHARGE_AGAIN = {"kind": "charge", "anchor": "issue", "days": 3, "hour": 10.0}


class LaneCrashRun(CrashRun):
    points = [
        *POINTS,
        *(
            f"{side}-{step}"
            for step in ("claimed", "worked", "collected")
            for side in ("before", "after")
        ),
    ]

    def _prepare(self):
        self.run_ids = []
        self.lanes = get_lanes(self.world)[:2]
        [company] = self.world.query("SELECT id FROM res_company ORDER BY id LIMIT 1")
        plan = self.world.admin.call(
            "account.collection.plan",
            "create",
            vals_list=[
                {
                    "name": "At once",
                    "step_ids": [[0, 0, CHARGE_AT_ONCE], [0, 0, CHARGE_AGAIN]],
                }
            ],
        )
        self.world.admin.call(
            "res.company",
            "write",
            [company["id"]],
            vals={"auto_pay": True, "collection_plan_id": plan[0]},
        )

    # === ONE KILL === #

    def _get_work(self):
        """Return the work of two lanes beside that of persons."""
        partner_ids = self.world.make_customers(CASES)
        for partner_id in partner_ids:
            behaviour = self.random.choices([*BEHAVIOURS], BEHAVIOURS.values())[0]
            self.world.make_token(partner_id, f"{behaviour}-succeed")
        invoice_ids = self.world.make_invoices(partner_ids, AMOUNT)
        # Half of them are in a run, and all of them in collection.
        self.world.forget_kills(*self.lanes)
        self.run_ids.append(confirm_run(self.world, invoice_ids[: CASES // 2]))
        return [
            *super()._get_work(),
            *(
                functools.partial(self._run_lane, self.world.open_tab("admin"), lane)
                for lane in self.lanes
            ),
        ]

    def _run_lane(self, client, lane):
        """Run a lane again and again, as its schedule does."""
        while not self.over.wait(0.1):
            try:
                client.call("ir.cron", "method_direct_trigger", [lane])
                self.counts["lanes ran"] += 1
            except ConnectionLost:
                return
            except RpcError as error:
                if not is_clear(error):
                    self.differences.append(f"{error.name}: {error.message}")

    def _choose_refund(self, chance, client, invoice_id):
        """Refund nothing: what each invoice was charged is counted."""

    # === THE END === #

    def _finish(self):
        for run_id in self.run_ids:
            self._end_run(run_id)
        self._do_what_is_due()
        super()._finish()
        self._do_what_is_due()
        self._check_charges()
        self._check_dates()

    def _end_run(self, run_id):
        finish(self.world, run_id, self.lanes)

    def _work_all(self):
        """Let lanes do what there is to do."""
        run_lanes(self.world, *self.lanes)

    def _do_what_is_due(self):
        """Let lanes go on until nothing of the collection is due."""
        for _round in range(20):
            self.world.query("UPDATE payment_provider_pace SET slowed_until = NULL")
            self._work_all()
            due = self.world.query(
                "SELECT move_id, next_at, wait_reason FROM account_collection"
                " WHERE state = 'running' AND next_at <= now() AT TIME ZONE 'UTC'"
            )
            if not due:
                return
        self.differences.append(f"Still due: {due}")

    def _check_charges(self):
        """Check that no invoice was charged more than it was."""
        captured = {}
        for row in self.world.gateway.get_ledger()["captures"]:
            reference = row["reference"]
            captured[reference] = captured.get(reference, 0) + row["amount"] / 100
        invoices = {}
        for row in self.world.query(
            """
            SELECT link.invoice_id, tx.reference, tx.is_automatic, line.id AS line_id
              FROM payment_transaction tx
              JOIN account_invoice_transaction_rel link ON link.transaction_id = tx.id
         LEFT JOIN account_charge_run_line line ON line.transaction_id = tx.id
            """
        ):
            amount = captured.get(row["reference"], 0.0)
            invoice_id = row["invoice_id"]
            invoices[invoice_id] = invoices.get(invoice_id, 0.0) + amount
            way = "in runs" if row["line_id"] else "by persons"
            way = "automatic" if row["is_automatic"] else way
            self.counts[f"charged {way}"] += bool(amount)
        self.differences += [
            f"Invoice {invoice_id} was charged {amount}"
            for invoice_id, amount in invoices.items()
            if round(amount, 2) > AMOUNT
        ]

    def _check_dates(self):
        """Check that each collection is done, or goes on at the right time.

        What is pending or unknown has no date. After a charge by a person or a run that
        never arrived, the schedule waits ten minutes; else for the next step of the
        plan. The company's clock is that of Greenwich.
        """
        rows = self.world.query(
            """
            SELECT item.move_id, item.state, item.next_at, item.wait_reason,
                   move.amount_residual, last.outcome, last.is_automatic,
                   CASE WHEN last.outcome IN ('pending', 'unknown') THEN NULL
                        WHEN last.outcome IN ('failed', 'canceled') AND NOT coalesce(
                             last.is_automatic, false)
                        THEN date_trunc('second', last.last_state_change)
                             + interval '10 minutes'
                        ELSE move.invoice_date + interval '3 days 10 hours'
                   END AS expected
              FROM account_collection item
              JOIN account_move move ON move.id = item.move_id
         LEFT JOIN LATERAL (
                   SELECT tx.* FROM payment_transaction tx
                     JOIN account_invoice_transaction_rel link
                       ON link.transaction_id = tx.id
                    WHERE link.invoice_id = move.id
                 ORDER BY tx.id DESC LIMIT 1) last ON true
            """
        )
        self.counts["collections to go on"] = 0
        for row in rows:
            is_done = row["state"] == "done"
            if is_done != (not row["amount_residual"]) or (
                not is_done and row["next_at"] != row["expected"]
            ):
                self.differences.append(f"Collection of {row['move_id']}: {row}")
            self.counts["collections to go on"] += not is_done


if __name__ == "__main__":
    main(LaneCrashRun, __doc__)
