#!/usr/bin/env python3
"""Kill a server whose job queue charges, many times, and compare it with the gateway.

    python3 tests/crash_queue.py --kills 100

As `crash_lanes.py`, with the lines of runs as jobs of OCA's queue, by its own runner.
"""

from crash_lanes import LaneCrashRun
from crash_run import main
from lib.queue_world import QueueWorld, wait_for_end


class QueueCrashRun(LaneCrashRun):
    def _make_world(self):
        return QueueWorld()

    def _end_run(self, run_id):
        wait_for_end(self.world, run_id, 3600)  # A thousand jobs may be left.


if __name__ == "__main__":
    main(QueueCrashRun, __doc__)
