"""A pytest plugin: a database for each worker, and the longest work first."""

import os
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import psutil
import pytest
import pytest_odoo
from xdist.scheduler import LoadScopeScheduling

import odoo
from odoo.api import Environment
from odoo.models import BaseModel
from odoo.sql_db import close_db

from . import database, settings
from .serve import quicker


def pytest_configure():
    # Those of pytest-odoo share the files of their databases, and collect them.
    pytest_odoo._worker_db_name = _worker_database
    odoo.tests.common.psutil = SimpleNamespace(
        Process=ProcessOfClass, wait_procs=psutil.wait_procs
    )
    # The servers of the tests do the same.
    quicker.apply()
    settings.QUICKER = True


# === A DATABASE EACH === #


@contextmanager
def _worker_database():
    """Give the worker a copy of the template, which nobody may connect to."""
    template = odoo.tests.common.get_db_name()
    name = f"invoice_payments_test_{os.environ.get('PYTEST_XDIST_WORKER', 'only')}"
    database.clone(template, name)
    _use_database(name)
    try:
        yield name
    finally:
        close_db(name)
        database.drop(name)
        _use_database(template)


def _use_database(name):
    odoo.tools.config["db_name"] = name
    odoo.tools.config["dbfilter"] = f"^{name}$"


# === SERVERS GO ON === #


class ProcessOfClass(psutil.Process):
    """This process, as Odoo sees it when it ends the child processes of a class.

    Older child processes are not the class's: a gateway, a server and a browser, which
    serve the tests with real servers before and after.
    """

    test_class = None
    older = ()

    def children(self, recursive=False):
        children = super().children(recursive)
        return [child for child in children if child not in self.older]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if item.cls is not ProcessOfClass.test_class:
        ProcessOfClass.test_class = item.cls
        ProcessOfClass.older = psutil.Process().children()


# === THE LONGEST FIRST === #

# The seconds of one test where it takes others than most: of a file, or of a class.
SECONDS = {
    "TestCreditNoteTaxes": 8,
    "TestSequences": 40,
    "TestStatesInUse": 6,
    "test_all_at_once": 40,
    "test_browser": 7,
    "test_credit_concurrency": 5,
    "test_credit_spending": 6,
    "test_documents": 15,
    "test_localstripe": 8,
    "test_model_order": 40,
    "test_point_of_sale": 40,
    "test_queue_job": 40,
    "test_reinstall": 45,
    "test_sales": 15,
    "tests/providers": 1.2,
}


class LongestFirst(LoadScopeScheduling):
    """Workers take whole classes, and of tests with real servers whole files.

    The longest tests are started first, so that nobody waits for it in the end. The
    first worker begins with the tests with real servers, and the others with the rest:
    tests with servers wait often, and meanwhile the others have the processors.
    """

    def _split_scope(self, nodeid):
        path, _colons, _rest = nodeid.partition("::")
        return path if _has_server(nodeid) else super()._split_scope(nodeid)

    def _assign_work_unit(self, node):
        wants_servers = node is self.nodes[0]
        longest = max(
            self.workqueue,
            key=lambda scope: (
                _has_server(scope) == wants_servers,
                self._estimate(scope),
            ),
        )
        self.workqueue.move_to_end(longest, last=False)
        super()._assign_work_unit(node)

    def _estimate(self, scope):
        """Return roughly the seconds that some tests take; one of them is many."""
        seconds = [SECONDS[name] for name in SECONDS if name in scope]
        seconds = seconds or [2 if _has_server(scope) else 1]
        return max(seconds) * len(self.workqueue[scope])


def pytest_xdist_make_scheduler(config, log):
    return LongestFirst(config, log)


def _has_server(nodeid):
    return nodeid.startswith("tests/")


# === COMMON SET-UP OF ALL CLASSES === #

COMMON = "odoo.addons.invoice_payments_ext.tests.common"


def pytest_pycollect_makeitem():
    """Keep the common set-up of classes, before pytest notes that of each."""
    module = sys.modules.get(COMMON)
    if module and not hasattr(module.InvoicePaymentsCommon, "kept_setup"):
        _keep_setup(module.InvoicePaymentsCommon)


def _keep_setup(common):
    """Prepare the company of the addon's tests once a worker, and not once a class.

    Its chart of accounts, users and products take seconds. They are made as the first
    class would make them, and stay in the worker's database for the others.
    """
    make = common.setUpClass.__func__
    attributes = common.kept_setup = {}

    def set_up(cls):
        from odoo.addons.base.tests.common import BaseCommon

        if not attributes:
            attributes.update(_make_setup(common, make))
        # Odoo's own classes up to here open the cursor, and make nothing.
        super(BaseCommon, cls).setUpClass()
        for name in attributes.keys() - vars(cls).keys() | {"env"}:
            setattr(cls, name, _move(attributes[name], cls.cr))

    common.setUpClass = classmethod(set_up)


def _make_setup(common, make):
    """Return the attributes that the set-up of a class sets; its records stay."""
    maker = type("Maker", (common,), {"__module__": __name__})
    make(maker)
    maker.env.flush_all()
    # The method of the cursor's class: tests may not call the cursor's own.
    type(maker.cr).commit(maker.cr)
    attributes = dict(vars(maker))
    maker.tearDownClass()
    maker.doClassCleanups()
    return attributes


def _move(value, cr):
    """Return a value of one class for another one, whose cursor this is."""
    if isinstance(value, Environment):
        return value(cr=cr)
    if isinstance(value, BaseModel):
        return value.with_env(value.env(cr=cr))
    if isinstance(value, dict):
        return {key: _move(item, cr) for key, item in value.items()}
    return value
