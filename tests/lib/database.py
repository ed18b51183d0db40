"""Databases of the tests: cloned from templates, read with SQL, dropped."""

import hashlib
import os
import shutil
import threading
import time
from contextlib import closing, contextmanager

import psycopg2
import psycopg2.errors
import psycopg2.extras

from . import settings
from .waiting import PATIENCE

LOCK_KEY = 7_319_001


def connect(database):
    connection = psycopg2.connect(dbname=database)
    connection.autocommit = True
    return connection


def query(database, statement, *values):
    """Return the rows of a statement as dictionaries."""
    with closing(connect(database)) as connection:
        return _execute(connection, statement, values)


class Reader:
    """Reads one database often: each thread keeps its connection.

    A new connection knows nothing of the tables yet. Its first statement costs
    PostgreSQL twenty times as much as the next one.
    """

    def __init__(self, database):
        self.database = database
        self._kept = threading.local()

    def query(self, statement, *values):
        """Return the rows of a statement as dictionaries."""
        try:
            return _execute(self._connect(), statement, values)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            # A test ended all connections meanwhile, or replaced the database.
            self._kept.connection.close()
            return _execute(self._connect(), statement, values)

    def _connect(self):
        connection = getattr(self._kept, "connection", None)
        if not connection or connection.closed:
            connection = self._kept.connection = connect(self.database)
        return connection


def _execute(connection, statement, values):
    with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
        cursor.execute(statement, values)
        return [dict(row) for row in cursor.fetchall()] if cursor.description else []


def exists(database):
    return bool(
        query("postgres", "SELECT 1 FROM pg_database WHERE datname = %s", database)
    )


def clone(template, database):
    """Create a database as a copy of another one, with its filestore."""
    drop(database)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            query("postgres", f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
            break
        except psycopg2.errors.ObjectInUse:
            # Someone is connected to the template, or clones it as well.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
    source, target = _get_filestore(template), _get_filestore(database)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_link)
    return database


def rename(database, name):
    drop(name)
    query("postgres", f'ALTER DATABASE "{database}" RENAME TO "{name}"')
    if _get_filestore(database).is_dir():
        _get_filestore(database).rename(_get_filestore(name))


def drop(database):
    query("postgres", f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
    shutil.rmtree(_get_filestore(database), ignore_errors=True)


@contextmanager
def exclusive():
    """Keep other processes out, so that only one of them builds a template."""
    with closing(connect("postgres")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        yield


def drop_others(prefix, name):
    """Drop the databases whose names begin so, but for one."""
    for row in query("postgres", "SELECT datname FROM pg_database"):
        if row["datname"].startswith(prefix) and row["datname"] != name:
            drop(row["datname"])


def get_fingerprint(*folders, salt=""):
    """Return a short digest of the sources of a template.

    :param str salt: More that makes it another template.
    """
    digest = hashlib.sha1(f"{settings.BASE_DATABASE}{salt}".encode())
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            wanted = path.suffix in (".py", ".xml", ".csv", ".js", ".scss", ".sql")
            if wanted and path.is_file():
                digest.update(str(path.relative_to(folder)).encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


def _get_filestore(database):
    return settings.DATA_DIR / "filestore" / database


def _link(source, target):
    # The files are named after their content and never changed, so clones share them.
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
