"""The command `odoo server`, but it forks a server whenever it is asked for one.

Loading Odoo and the registry of its database takes seconds, and is the same each time:
this process does it once and serves nothing. For each line of standard input, an object
of more environment variables in JSON, it forks a server and tells its process id.
Nothing is shared afterwards: a server has its own connections and dies alone.
"""

import gc
import json
import os
import signal
import sys

import prefork
import quicker

from odoo import sql_db
from odoo.cli.server import main
from odoo.modules.registry import Registry
from odoo.service import server
from odoo.tools import config

from odoo.addons.base.models import res_users

# Odoo's own tests do the same: hashing one password takes half a second otherwise.
res_users.MIN_ROUNDS = 1
if os.environ.get("IPX_QUICKER"):
    quicker.apply()


def fork_servers(preload, stop):
    """Stand in for the start of a server."""
    server.load_server_wide_modules()
    if server.preload_registries(preload):
        return 1
    for database in preload:
        _prepare(Registry(database))
    if os.environ.get("IPX_QUICKER"):
        quicker.keep_plans()
    # A connection must not be shared, and the collector would copy shared memory.
    sql_db.close_all()
    gc.freeze()
    # The caller watches its server; nobody fetches the exit status.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    prefork.adopt_orphans()
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _serve(json.loads(line))
        print(pid, flush=True)
    return 0


def _prepare(registry):
    """Work out which fields depend on which; else each first request would."""
    for model in registry.models.values():
        for field in model._fields.values():
            registry.get_field_trigger_tree(field)


def _serve(environment):
    """Be a server until a signal ends it: all of its processes are one group."""
    os.setsid()
    prefork.die_with_parent()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    os.environ.update(environment)
    if config["workers"]:
        prefork.prepare()
    try:
        status = start()
    except SystemExit as end:  # Of a process that the server forked.
        status = end.code or 0
    os._exit(status)


start, server.start = server.start, fork_servers
main(sys.argv[1:])
