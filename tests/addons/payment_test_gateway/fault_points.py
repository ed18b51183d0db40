"""Points at which a test makes the server process fail.

A test names a point in the environment of the server process, or in a file named
there, which is removed when the failure happens (so that it happens once, and so that a
running server can be told):

``IPX_KILL_AT=<point>``          the process kills itself whenever it passes the point
``IPX_KILL_FILE=<path>``         the same for the point that the file contains, once
``IPX_SERIALIZATION_AT=<point>`` PostgreSQL raises a serialization failure there, once:
``IPX_SERIALIZATION_ONCE=<path>``  while this file exists; it is removed to mark it
``IPX_SERIALIZATION_FILE=<path>`` the same for the point that the file contains, once

The points: ``before-<step>`` and ``after-<step>`` around the commit of each step
(prepared, sent, recorded, settled, resolved), ``during-send`` just before the request
to the gateway, and ``after-answer`` when its answer is there and nothing was done with
it. ``before-booked`` and ``after-booked`` stand around the commit of payments that were
posted, also if Odoo commits them. ``during-list`` is just before a page of the
gateway's list is asked for, ``before-page`` and ``after-page`` stand around the commit
that stores it.
A point may carry a number, as in ``after-settled:3``: the third passage fails, counted
from when the wish was there.
"""

import os
import signal
from collections import Counter

# How often each wish for a failure was passed at its point.
_passages = Counter()


def pass_point(cr, point):
    """Fail here if a test wants that."""
    if _is_wanted("IPX_KILL_AT", point) or _take("IPX_KILL_FILE", point):
        # The way a machine ends a process: no handler, no rollback, no goodbye.
        os.kill(os.getpid(), signal.SIGKILL)
    once = os.environ.get("IPX_SERIALIZATION_ONCE")
    if (_is_wanted("IPX_SERIALIZATION_AT", point) and _remove(once)) or _take(
        "IPX_SERIALIZATION_FILE", point
    ):
        # A genuine one: the database transaction is lost as well.
        cr.execute(
            "DO $$ BEGIN RAISE EXCEPTION 'forced by a test' "
            "USING ERRCODE = 'serialization_failure'; END $$",
            log_exceptions=False,
        )


def _is_wanted(variable, point):
    return _matches(os.environ.get(variable), point, variable)


def _take(variable, point):
    """Tell if the file names this point, and remove it: only one caller gets it."""
    path = os.environ.get(variable)
    if not path:
        return False
    try:
        with open(path) as file:
            wish = (variable, os.fstat(file.fileno()).st_mtime_ns)
            wanted = file.read()
    except FileNotFoundError:
        return False
    return _matches(wanted, point, wish) and _remove(path)


def _matches(wanted, point, wish):
    name, _colon, number = (wanted or "").strip().partition(":")
    if name != point:
        return False
    _passages[wish] += 1
    return _passages[wish] >= int(number or 1)


def _remove(path):
    try:
        os.unlink(path or "")
    except FileNotFoundError:
        return False
    return True
