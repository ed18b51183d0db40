"""Points at which a test makes the server process fail.

A test names a point in the environment of the server process, or in a file named
there, which is removed when the failure happens (so that it happens once, and so that a
running server can be told):

``IPX_KILL_AT=<point>``          the server kills itself whenever it passes the point
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
from when the wish was there, in all processes of the server where a file has it.

A server of several processes kills them all: they are one group.
"""

import os
import signal
import sys
from collections import Counter

# How often each wish for a failure was passed at its point.
_passages = Counter()


def pass_point(cr, point):
    """Fail here if a test wants that."""
    if _is_wanted("IPX_KILL_AT", point) or _take("IPX_KILL_FILE", point):
        _save_measurements()
        # The way a machine ends a server: no handler, no rollback, no goodbye.
        os.killpg(os.getpgrp(), signal.SIGKILL)
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


def _save_measurements():
    """Save what `./setup/test --coverage` measured here: the dead cannot."""
    coverage = sys.modules.get("coverage")
    measuring = coverage and coverage.Coverage.current()
    if measuring:
        measuring.save()


def _is_wanted(variable, point):
    number = _get_number(os.environ.get(variable), point)
    if not number:
        return False
    _passages[variable] += 1
    return _passages[variable] >= number


def _take(variable, point):
    """Tell if the file names this point, and remove it: only one caller gets it."""
    path = os.environ.get(variable)
    if not path:
        return False
    try:
        with open(path) as file:
            passages = f"{path}.{os.fstat(file.fileno()).st_mtime_ns}"
            number = _get_number(file.read(), point)
    except FileNotFoundError:
        return False
    if not number:
        return False
    with open(passages, "ab") as file:  # A byte for each: processes count together.
        file.write(b".")
    return os.path.getsize(passages) >= number and _remove(path)


def _get_number(wanted, point):
    """Return which passage of this point is to fail, if one of it is."""
    name, _colon, number = (wanted or "").strip().partition(":")
    return int(number or 1) if name == point else 0


def _remove(path):
    try:
        os.unlink(path or "")
    except FileNotFoundError:
        return False
    return True
