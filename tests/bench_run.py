#!/usr/bin/env python3
"""Charge many invoices in runs against a slow gateway, and say how fast that goes.

    ./setup/bench --run [--invoices 10000] [--delay 0.3] [--lanes 4]
    ./setup/bench --run --queue [...]        the lines are jobs of OCA's queue

One JSON line for each of these:

* the charge that a person makes by the door, which a line is held against;
* with the queue only: a job that finds nothing to do, without our statement of it:
  it is what the queue costs;
* one lane, on a tenth of the invoices (50 at least, 300 at most);
* all lanes, each a process of its own, as on several workers or machines;
* all lanes, where one is killed in the middle and started again, on as many as one
  lane: the gateway got one request for each. A kill may come just before a request
  left, and the run end before the gateway said that it never arrived. Then a person
  would retry it: so does the benchmark, and says how many they were.

`queries_beside` are those of a line beside the charge alone; with the queue, beside the
charge and the queue's own job. At most 25 are wanted.

A line's figures: seconds of the whole per invoice, the statements sent to PostgreSQL
and the processor's time by invoice, the memory of the largest process after a tenth of
the time and at the end. With the queue, a server of several processes carries the jobs
out, as many at the same time as there are lanes. Its figures are those of all processes
that answer requests, with what the queue itself costs there: making, claiming and
ending each job. Those of the queue's runner stay out.

The exit status is 1 when an invoice was not charged exactly once. Figures of time are
no reason to fail.
"""

import argparse
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from lib import settings
from lib.charge_runs import confirm_run, get_lanes
from lib.odoo_server import _get_command
from lib.queue_world import (
    STALE_DELAY,
    QueueWorld,
    get_jobs_left,
    wait_for_jobs,
    wake_runner,
)
from lib.template import get_template
from lib.world import World

# So many invoices are made by one call, and are in one run.
BATCH = 500
AMOUNT = 100.0
# So many lines a worker are carried out by jobs before the figures begin.
WARM_UP = 3
CHARGES_ALONE = 20
EMPTY_JOBS = 40
# Of a job whose line is gone, this is no work of the queue: to see that it is.
STATEMENTS_OF_OURS = 1
MAX_BESIDE = 25
# One lane is not faster with more of them.
MAX_SAMPLE = 300

# The charge by its door, each as a request of its own, when the caches are filled.
CHARGES = """
import json
from odoo import sql_db

numbers = []
for invoice_id, token_id in {cases}:
    env.cr.commit()
    env.transaction.reset()
    before = sql_db.sql_counter
    env["account.move"].with_user({user_id}).browse(invoice_id).charge(token_id)
    env.cr.commit()
    numbers.append(sql_db.sql_counter - before)
print("FIGURES", json.dumps(sorted(numbers)[len(numbers) // 2]))
"""

# Jobs of lines that are not there any more.
JOBS = """
from odoo import sql_db

lines = env["account.charge.run.line"]
before = sql_db.sql_counter
for number in range({count}):
    line = lines.browse(10 ** 9 + number)
    line.with_delay(channel="root.payments.none", description="Bench")._work_as_job()
env.cr.commit()
print("FIGURES", sql_db.sql_counter - before)
"""

# What a lane's process does: as a worker of Odoo's schedule does, again and again.
LANE = """
import json, resource, time
from pathlib import Path
from odoo import sql_db

folder, lane_id, number = Path({folder!r}), {lane_id}, {number}
lane = env["ir.cron"].browse(lane_id)
env["account.charge.run.line"].search_count([])
env.cr.commit()
(folder / f"ready-{{number}}").touch()
while not (folder / "go").exists():
    time.sleep(0.01)
usage = resource.getrusage(resource.RUSAGE_SELF)
begun, queries, memory = usage.ru_utime + usage.ru_stime, sql_db.sql_counter, []
while not (folder / "over").exists():
    lane.method_direct_trigger()
    env.cr.commit()
    env.invalidate_all()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    memory.append(pages * resource.getpagesize() / 2 ** 20)
    time.sleep(0.05)
usage = resource.getrusage(resource.RUSAGE_SELF)
print("FIGURES", json.dumps({{
    "queries": sql_db.sql_counter - queries,
    "cpu": usage.ru_utime + usage.ru_stime - begun,
    "memory": memory,
}}))
"""


class Lane:
    """A process that carries one lane out."""

    def __init__(self, world, folder, number, lane_id):
        self.number = number
        self.folder = folder
        self.process = subprocess.Popen(
            _get_command(("-m", "odoo", "shell"), world.database, "--no-http"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / f"log-{number}").open("w"),
            text=True,
            cwd="/",
            env=settings.get_process_environment(IPX_STALE_DELAY=STALE_DELAY),
        )
        self.process.stdin.write(
            LANE.format(folder=str(folder), lane_id=lane_id, number=number)
        )
        self.process.stdin.close()
        self.process.stdin = None  # It has all that it is to read.

    def wait_until_ready(self):
        while not (self.folder / f"ready-{self.number}").exists():
            assert self.process.poll() is None, "a lane ended"
            time.sleep(0.05)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def get_figures(self):
        output, _errors = self.process.communicate()
        line = next((row for row in output.splitlines() if "FIGURES" in row), None)
        assert line, (self.folder / f"log-{self.number}").read_text()[-3000:]
        return json.loads(line.partition("FIGURES")[2])


class Benchmark:
    def __init__(self, options):
        self.options = options
        self.failed = False
        self.alone = 0.0  # The queries that a line takes anyway.
        self.world = self._make_world()

    def _make_world(self):
        return World(get_template())

    def run(self):
        self.world.start()
        try:
            self.world.gateway.script(
                {"delay": self.options.delay}, token="tok_succeed", times=None
            )
            self._prepare()
            sample = min(max(self.options.invoices // 10, 50), MAX_SAMPLE)
            one = self._measure("one lane", sample, 1)
            several = self._measure(
                f"{self.options.lanes} lanes",
                self.options.invoices,
                self.options.lanes,
            )
            self._measure(
                "killed in the middle", sample, self.options.lanes, is_killed=True
            )
            self._say("speed", times=round(one / several, 2))
        finally:
            self.world.close()
        return self.failed

    def _prepare(self):
        """Say what a charge costs by its door: a line is held against it."""
        cases = self.world.make_cases(CHARGES_ALONE, amount=AMOUNT)
        login = self.world.facts["accountants"][0]["login"]
        [user] = self.world.query("SELECT id FROM res_users WHERE login = %s", login)
        self.alone = self._run_script(CHARGES.format(cases=cases, user_id=user["id"]))
        self._say("charge by its door", queries_each=self.alone)

    def _run_script(self, script):
        """Run a script in Odoo's shell, and return the figure that it printed."""
        command = _get_command(
            ("-m", "odoo", "shell"), self.world.database, "--no-http"
        )
        ended = subprocess.run(
            command,
            input=script,
            capture_output=True,
            text=True,
            cwd="/",
            env=settings.get_process_environment(IPX_STALE_DELAY=STALE_DELAY),
            check=True,
        )
        return json.loads(ended.stdout.partition("FIGURES")[2].splitlines()[0])

    def _compare(self, queries):
        """Return the figures of the queries of a line.

        :param float queries: All of them, by invoice.
        """
        beside = round(queries - self.alone, 1)
        return {
            "queries_each": round(queries, 1),
            "queries_beside": beside,
            "meets": beside <= MAX_BESIDE,
        }

    def _measure(self, figure, count, lanes, is_killed=False):
        """Charge invoices, and print the figures.

        :return: The seconds for each invoice.
        """
        self._get_ready(lanes)
        invoice_ids, run_ids = self._make_runs(count)
        seconds, more = self._carry_out(run_ids, lanes, is_killed)
        seconds /= count
        if is_killed:
            more |= self._retry_never_arrived(run_ids)
        requests = self._count_requests(invoice_ids)
        self.failed |= requests != {1: count}
        self._say(
            figure,
            invoices=count,
            lanes=lanes,
            seconds_each=round(seconds, 4),
            requests=requests,
            **more,
        )
        return seconds

    def _get_ready(self, lanes):
        """Do what is done before there is a run."""

    def _say(self, figure, **values):
        kind = "queue" if self.options.queue else "lanes"
        print(json.dumps({"figure": f"run, {kind}: {figure}", **values}), flush=True)

    def _make_runs(self, count):
        """Return the ids of new invoices and of their runs, which are confirmed."""
        invoice_ids, run_ids = [], []
        while left := count - len(invoice_ids):
            cases = self.world.make_cases(min(BATCH, left), amount=AMOUNT)
            new_ids = [invoice_id for invoice_id, _token_id in cases]
            run_ids.append(confirm_run(self.world, new_ids))
            invoice_ids += new_ids
        return invoice_ids, run_ids

    def _carry_out(self, run_ids, number, is_killed):
        """Let lanes carry the runs out, each in a process of its own.

        :return: The seconds that they took, and figures of them.
        """
        folder = Path(self.world.folder.name) / f"lanes-{time.monotonic_ns()}"
        folder.mkdir()
        ids = get_lanes(self.world)[:number]
        lanes = [
            Lane(self.world, folder, position, lane_id)
            for position, lane_id in enumerate(ids)
        ]
        for lane in lanes:
            lane.wait_until_ready()
        count = self._count_open(run_ids)
        begun = time.monotonic()
        (folder / "go").touch()
        if is_killed:
            self._wait_until(lambda: self._count_open(run_ids) < count / 2)
            lanes[0].kill()
            lanes[0] = Lane(self.world, folder, 0, ids[0])
        self._wait_until(lambda: self._are_over(run_ids, is_killed))
        seconds = time.monotonic() - begun
        (folder / "over").touch()
        figures = [lane.get_figures() for lane in lanes]
        if is_killed:
            return seconds, {}
        queries = sum(each["queries"] for each in figures)
        cpu = sum(each["cpu"] for each in figures)
        return seconds, {
            **self._compare(queries / count),
            "cpu_seconds_each": round(cpu / count, 4),
            **get_memory(*(each["memory"] for each in figures)),
        }

    def _wait_until(self, is_true):
        while not is_true():
            time.sleep(0.1)

    def _count_open(self, run_ids):
        [row] = self.world.query(
            "SELECT count(*) FROM account_charge_run_line"
            " WHERE run_id = ANY(%s) AND state IN ('ready', 'working')",
            run_ids,
        )
        return row["count"]

    def _are_over(self, run_ids, is_killed=False):
        if is_killed:
            self.world.run_resolver()
        rows = self.world.query(
            "SELECT state FROM account_charge_run WHERE id = ANY(%s)", run_ids
        )
        return {row["state"] for row in rows} == {"done"}

    def _retry_never_arrived(self, run_ids):
        """Retry by a run what ended because its request never reached the gateway.

        A kill between the mark that a request leaves and its leaving: the gateway said
        that it never came. The line goes on by itself only if its run has not ended.

        :return: The number of these lines, as a figure.
        """
        self.world.run_resolver()
        rows = self.world.query(
            "SELECT line.move_id FROM account_charge_run_line line"
            "  JOIN payment_transaction tx ON tx.id = line.transaction_id"
            " WHERE line.run_id = ANY(%s) AND tx.outcome = 'failed'"
            "   AND tx.request_state = 'not_sent' AND tx.request_sent_on IS NOT NULL",
            run_ids,
        )
        if rows:
            invoice_ids = [row["move_id"] for row in rows]
            retry_id = confirm_run(self.world, invoice_ids, kind="retry")
            self._carry_out([retry_id], 1, is_killed=False)
        return {"never_arrived_and_retried": len(rows)}

    def _count_requests(self, invoice_ids):
        """Count how often the gateway was asked to charge each of these invoices."""
        asked = self.world.gateway.get_ledger()["requests"]
        times = dict.fromkeys(invoice_ids, 0)
        for row in self.world.query(
            "SELECT link.invoice_id, tx.reference FROM payment_transaction tx"
            "  JOIN account_invoice_transaction_rel link"
            "    ON link.transaction_id = tx.id WHERE link.invoice_id = ANY(%s)",
            invoice_ids,
        ):
            times[row["invoice_id"]] += asked.get(f"charge {row['reference']}", 0)
        return dict(Counter(times.values()))


class QueueBenchmark(Benchmark):
    """The lines are jobs: as many are carried out at once as there are lanes."""

    def _make_world(self):
        return QueueWorld(jobs=self.options.lanes)

    def _prepare(self):
        """Say as well what the queue itself takes for a job."""
        super()._prepare()
        self._restart(self.options.lanes)
        for _time in range(2):  # The caches of the workers are filled by the first.
            before = self._sum_figures()
            made = self._run_script(JOBS.format(count=EMPTY_JOBS))
            self._wait_until(lambda: not get_jobs_left(self.world))
        spent = self._sum_figures() - before
        empty = (made + spent["queries"]) / EMPTY_JOBS - STATEMENTS_OF_OURS
        self._say("job that finds nothing to do", queries_each=round(empty, 1))
        self.alone += empty

    def _carry_out(self, run_ids, number, is_killed):
        self.memory = []
        count = self._count_open(run_ids)
        before, begun = self._sum_figures(), time.monotonic()
        self.world.run_cron(get_lanes(self.world)[0])  # It hands the lines over.
        if is_killed:
            self._wait_until(lambda: self._count_open(run_ids) < count / 2)
            self._restart(number)
        self._wait_until(lambda: self._are_over(run_ids, is_killed))
        seconds = time.monotonic() - begun
        wait_for_jobs(self.world, 120)
        if is_killed:
            return seconds, {}
        spent = self._sum_figures() - before
        return seconds, {
            **self._compare(spent["queries"] / count),
            "cpu_seconds_each": round(spent["cpu"] / count, 4),
            **get_memory(self.memory),
        }

    def _get_ready(self, lanes):
        """Let each worker carry out lines, as it has long done in an installation."""
        self._restart(lanes)
        self.memory = []
        cases = self.world.make_cases(WARM_UP * self.world.workers, amount=AMOUNT)
        run_id = confirm_run(self.world, [invoice_id for invoice_id, _token in cases])
        self.world.run_cron(get_lanes(self.world)[0])
        self._wait_until(lambda: self._are_over([run_id]))
        wait_for_jobs(self.world, 120)

    def _restart(self, number):
        """Kill the server, and start one that carries so many jobs out at once."""
        self.world.server.kill()
        self.world.jobs = number
        self.folder = Path(self.world.folder.name) / f"figures-{time.monotonic_ns()}"
        self.folder.mkdir()
        self.world.start_server(IPX_FIGURES=self.folder)
        self.world.wait_for_runner()

    def _sum_figures(self):
        """Return what all processes of the server have spent."""
        paths = self.folder.glob("*[0-9]")
        return sum((Counter(json.loads(path.read_text())) for path in paths), Counter())

    def _are_over(self, run_ids, is_killed=False):
        self.memory.append(self.world.server.get_memory())
        if is_killed:
            wake_runner(self.world)  # It looks for jobs that died.
        return super()._are_over(run_ids, is_killed)


def get_memory(*samples):
    """Return the memory of the largest process: early, and at the end."""
    return {
        "mebibytes_early": round(max(each[len(each) // 10] for each in samples)),
        "mebibytes_end": round(max(each[-1] for each in samples)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--invoices", type=int, default=10_000)
    parser.add_argument("--delay", type=float, default=0.3)
    parser.add_argument("--lanes", type=int, default=4)
    parser.add_argument("--queue", action="store_true")
    options = parser.parse_args()
    benchmark = QueueBenchmark if options.queue else Benchmark
    sys.exit(benchmark(options).run())


if __name__ == "__main__":
    main()
