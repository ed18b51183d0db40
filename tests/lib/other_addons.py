"""Databases with more of Odoo's and OCA's addons, in which a script looks around."""

import json
import os
from contextlib import contextmanager

from . import database, settings
from .odoo_server import run_odoo
from .template import get_template


@contextmanager
def install(*addons):
    """Install more addons in a copy of the template, and drop it in the end.

    :return: The name of the database.
    """
    name = f"{settings.PREFIX}_world_{os.getpid()}_{addons[0]}"
    database.clone(get_template(), name)
    try:
        run_odoo(
            "server",
            name,
            f"--init={','.join(addons)}",
            "--stop-after-init",
            "--no-http",
            "--max-cron-threads=0",
        )
        yield name
    finally:
        database.drop(name)


def run_script(name, script):
    """Run a script of this folder in a database.

    :return: What it told: the object in JSON behind the word TOLD.
    """
    source = (settings.TESTS / "lib" / script).read_text()
    output = run_odoo("shell", name, "--no-http", script=source)
    [line] = [line for line in output.splitlines() if line.startswith("TOLD ")]
    return json.loads(line.split(" ", 1)[1])
