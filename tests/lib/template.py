"""The database that every test with a real server is cloned from."""

import json
from pathlib import Path

from . import database, settings
from .odoo_server import run_odoo

PREPARE_SCRIPT = settings.TESTS / "lib/prepare/prepare.py"


def get_template():
    """Return the name of the prepared template; build it if it is not there.

    It contains the addon, the test provider ready to be used, and users. Its name
    carries a digest of the addons' files: a change makes a new one.
    """
    addon = settings.PROJECT / settings.ADDON
    test_addon = settings.TESTS / "addons" / settings.TEST_ADDON
    fingerprint = database.get_fingerprint(addon, test_addon, PREPARE_SCRIPT.parent)
    template = f"{settings.PREFIX}_template_{fingerprint}"
    with database.exclusive():
        _drop_orphans()
        if not database.exists(template):
            database.drop_others(f"{settings.PREFIX}_template_", template)
            _build(template, [settings.ADDON, settings.TEST_ADDON])
    return template


def _drop_orphans():
    """Drop the databases of a test run that was killed: their names carry its pid."""
    beginning = f"{settings.PREFIX}_world_"
    for row in database.query("postgres", "SELECT datname FROM pg_database"):
        name = row["datname"]
        pid, _underscore, _rest = name.removeprefix(beginning).partition("_")
        if name.startswith(beginning) and not Path(f"/proc/{pid}").exists():
            database.drop(name)


def _build(template, addons):
    get_base_database()
    building = f"{settings.PREFIX}_building"
    database.clone(settings.BASE_DATABASE, building)
    build(building, addons)
    # Only a complete one has the name: an interrupted build is started again.
    database.rename(building, template)


def build(name, addons):
    """Install addons in a database, those that are not there yet, and prepare it."""
    installed = database.query(
        name, "SELECT name FROM ir_module_module WHERE state = 'installed'"
    )
    missing = set(addons) - {row["name"] for row in installed}
    if missing:
        run_odoo(
            "server",
            name,
            f"--init={','.join(sorted(missing))}",
            "--stop-after-init",
            "--no-http",
            "--max-cron-threads=0",
        )
    run_odoo("shell", name, "--no-http", script=PREPARE_SCRIPT.read_text())


def get_base_database():
    """Return the database that the set-up gave, or create it."""
    if not database.exists(settings.BASE_DATABASE):
        run_odoo(
            "server",
            settings.BASE_DATABASE,
            "--init=account_payment",
            "--with-demo",
            "--stop-after-init",
            "--no-http",
            "--max-cron-threads=0",
        )
    return settings.BASE_DATABASE


def get_facts(name, key="payment_test_gateway.facts"):
    """Return the notes of the preparation: ids, users and keys."""
    [row] = database.query(
        name, "SELECT value FROM ir_config_parameter WHERE key = %s", key
    )
    return json.loads(row["value"])
