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


def run_scripts(name, *scripts):
    """Run scripts of this folder in a database, one after the other in one process.

    Each finds the database as it was before the others.

    :return: What each told: the object in JSON behind the word TOLD.
    """
    sources = [(settings.TESTS / "lib" / script).read_text() for script in scripts]
    script = "\nenv.cr.rollback()\n".join(sources)
    output = run_odoo("shell", name, "--no-http", script=script)
    told = [line for line in output.splitlines() if line.startswith("TOLD ")]
    assert len(told) == len(scripts), output
    return [json.loads(line.split(" ", 1)[1]) for line in told]
