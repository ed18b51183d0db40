#!/usr/bin/env python3
"""Kill a server whose job queue charges, many times, and compare it with the gateway.

    python3 tests/crash_queue.py --kills 100

As `crash_lanes.py`, with the lines of runs as jobs of OCA's queue, by its own runner,
in a server of several processes. All of them are killed at once; and before that, half
of the times, one of them alone, which the server replaces.
"""

import functools

from crash_lanes import LaneCrashRun
from crash_run import main
from lib.charge_runs import run_lanes
from lib.queue_world import QueueWorld, wait_for_end, wait_for_jobs

JOBS = 4
# Two lanes, the resolver and whoever prepares the next kill.
OTHERS = 4
# A thousand jobs may be left.
LONGEST_END = 3600


class QueueCrashRun(LaneCrashRun):
    is_over = False

    def _make_world(self):
        return QueueWorld(jobs=JOBS, clients=self.options.clients + OTHERS)

    def _get_work(self):
        work = super()._get_work()
        if self.random.random() < 0.5:
            delay = self.random.uniform(0.2, 2)
            work.append(functools.partial(self._kill_one, delay, self.random.random()))
        return work

    def _kill_one(self, delay, chance):
        """Kill one process of the server, any but the one that watches over them."""
        if not self.over.wait(delay):
            self.counts["one process killed"] += self.world.server.kill_one(chance)

    def _end_run(self, run_id):
        run_lanes(self.world, *self.lanes[:1])  # It hands over what no lane did yet.
        wait_for_end(self.world, run_id, LONGEST_END)

    def _work_all(self):
        super()._work_all()  # It hands over to the queue.
        wait_for_jobs(self.world, LONGEST_END)

    def _finish(self):
        self.is_over = True
        super()._finish()

    def _compare(self):
        """Compare the books at the end only: before it, jobs go on meanwhile."""
        if self.is_over:
            wait_for_jobs(self.world, LONGEST_END)
            super()._compare()


if __name__ == "__main__":
    main(QueueCrashRun, __doc__)
