"""The places of Odoo, its database server and the tests' own files.

The set-up gives all of it in the environment. Without it, the usual places of the
set-up are used.

======================  =============================================================
IPX_PYTHON              interpreter that has Odoo's requirements (this one)
IPX_ODOO_PYTHONPATH     folder that contains Odoo's package ``odoo``
IPX_ADDONS_PATH         addons folders, comma-separated
IPX_TEMPLATE_DB         database with account_payment and demo data; created if missing
IPX_DATA_DIR            Odoo's data folder, with the filestores
IPX_ARTEFACTS           folder in which the servers' logs are kept, if given
IPX_DB_PREFIX           beginning of the names of all databases that tests create (ipx)
PGHOST, PGPORT, PGUSER  the PostgreSQL server
======================  =============================================================
"""

import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
TESTS = PROJECT / "tests"
LOCAL = PROJECT / ".local"
# OCA's job queue, where the set-up got it; installed in few databases.
QUEUE = LOCAL / "queue"
ADDON = "invoice_payments_ext"
TEST_ADDON = "payment_test_gateway"

PYTHON = os.environ.get("IPX_PYTHON") or sys.executable
ARTEFACTS = os.environ.get("IPX_ARTEFACTS")
PREFIX = os.environ.get("IPX_DB_PREFIX", "ipx")
DATA_DIR = Path(os.environ.get("IPX_DATA_DIR") or LOCAL / "data")
# Whether servers remember what tests ask for again and again; see `serve/quicker.py`.
QUICKER = False
BASE_DATABASE = os.environ.get("IPX_TEMPLATE_DB") or f"{PREFIX}_base"


def _get_odoo_pythonpath():
    given = os.environ.get("IPX_ODOO_PYTHONPATH") or os.environ.get("ODOO_PATH")
    return Path(given or LOCAL / "odoo/usr/lib/python3/dist-packages")


def _get_addons_path():
    given = os.environ.get("IPX_ADDONS_PATH")
    if given:
        folders = given.split(",")
    else:
        folders = [
            str(folder)
            for folder in (ODOO_PYTHONPATH / "odoo/addons", ODOO_PYTHONPATH / "addons")
            if folder.is_dir()
        ]
    own = (PROJECT, TESTS / "addons", TESTS / "providers/addons", QUEUE / "odoo/addons")
    for folder in map(str, filter(Path.is_dir, own)):
        if folder not in folders:
            folders.append(folder)
    return ",".join(folders)


ODOO_PYTHONPATH = _get_odoo_pythonpath()
ADDONS_PATH = _get_addons_path()


def get_process_environment(**extra):
    """Return the environment of an Odoo process, without the caller's settings."""
    environment = {
        name: value
        for name, value in os.environ.items()
        # These would choose another configuration, or make another process fail.
        if not name.startswith(("IPX_", "ODOO_", "PYTEST_"))
    }
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (ODOO_PYTHONPATH, QUEUE)))
    environment["PYTHONUNBUFFERED"] = "1"
    if QUICKER:
        environment["IPX_QUICKER"] = "1"
    environment.update({name: str(value) for name, value in extra.items()})
    return environment


# A private cluster of the set-up, where no server is named.
if not any(os.environ.get(name) for name in ("PGHOST", "PGPORT", "PGUSER")):
    _sockets = LOCAL / "postgres/sockets"
    if _sockets.is_dir():
        os.environ.update(PGHOST=str(_sockets), PGPORT="5432")
