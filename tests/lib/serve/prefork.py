"""What a prefork server of the tests does besides: it dies as one, and gives figures.

Its processes are those of a real installation: one that watches over the others, those
that answer requests, and the runner of the job queue where that is loaded.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path

from odoo import sql_db
from odoo.service import server

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans():
    """Be the parent of processes whose server died: nobody else may end their remains.

    They stay in the server's process group otherwise, by which it is known that nothing
    of it is left.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def prepare():
    """Prepare this process to become a prefork server."""
    # The process for websockets carries nothing out, and loads Odoo once more.
    server.PreforkServer.long_polling_spawn = lambda _server: None
    _extend(server.Worker, "start", _start)
    _extend(server.WorkerHTTP, "process_request", _process_request)
    if runner := sys.modules.get("odoo.addons.queue_job.jobrunner"):
        # It waits for slow workers, longer than many a server here lives.
        runner.START_DELAY = 0


def _extend(owner, name, function):
    original = getattr(owner, name)
    setattr(owner, name, lambda *args: function(original, *args))


def _start(start, worker):
    die_with_parent()
    if os.getppid() != worker.ppid:
        os._exit(1)  # It died before.
    start(worker)
    worker.first_query = sql_db.sql_counter


def _process_request(process_request, worker, *args):
    try:
        process_request(worker, *args)
    finally:
        if folder := os.environ.get("IPX_FIGURES"):
            usage = resource.getrusage(resource.RUSAGE_SELF)
            figures = {
                "queries": sql_db.sql_counter - worker.first_query,
                "cpu": usage.ru_utime + usage.ru_stime,
            }
            # Whoever reads it gets the whole of it.
            new = Path(folder, f"{os.getpid()}.new")
            new.write_text(json.dumps(figures))
            new.replace(new.with_suffix(""))
