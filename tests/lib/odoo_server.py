"""A real Odoo server process, and one-off Odoo commands."""

import json
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
import requests

from . import settings
from .waiting import PATIENCE, wait_until

PARENT = (settings.TESTS / "lib/serve/parent.py",)


class ServerError(Exception):
    """The process failed at its task; the message has the end of its log."""


def get_free_port():
    """Return a port for a server that may be stopped and started again on it.

    Not one that the system gives to outgoing connections: another worker's could take
    it while the server is down.
    """
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _get_command(program, database, *arguments):
    return [
        settings.PYTHON,
        *program,
        # No configuration file: not the one in the home folder either.
        f"--config={os.devnull}",
        f"--database={database}",
        f"--addons-path={settings.ADDONS_PATH}",
        f"--data-dir={settings.DATA_DIR}",
        *arguments,
    ]


def run_odoo(subcommand, database, *arguments, script=None, timeout=900):
    """Run an Odoo command to its end.

    :param str script: Standard input: the script that `odoo shell` executes.
    :return: Standard output.
    """
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    result = subprocess.run(
        _get_command(("-m", "odoo", subcommand), database, *arguments),
        input=script,
        capture_output=True,
        text=True,
        cwd="/",
        env=settings.get_process_environment(),
        timeout=timeout,
        check=False,
    )
    if result.returncode or "Traceback (most recent call last)" in result.stderr:
        raise ServerError(f"odoo {subcommand} failed:\n{result.stderr[-6000:]}")
    return result.stdout


class OdooServer:
    """A server on one database that can be killed and started again on its port.

    Starts are forks of a parent that has everything loaded: the first one takes 5 s.
    """

    def __init__(self, database, log_path=None, port=None, options=(), workers=0):
        self.database = database
        self.options = options  # Of the command line, beside the usual ones.
        # Processes that answer requests, as in an installation; or none: threads do.
        self.workers = workers
        self.port = port or get_free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.parent = None
        self.process = None  # A file descriptor that stands for it.
        self.pid = None  # Of its process, and of the group of all its processes.
        if log_path is None:
            handle, log_path = tempfile.mkstemp(prefix="ipx-odoo-", suffix=".log")
            os.close(handle)
        self.log_path = Path(log_path)

    def start(self, **environment):
        """Start the process and wait until it answers on its database.

        :param environment: More variables for it, such as ``IPX_KILL_AT``.
        """
        if self.process is not None:
            raise ServerError("The server runs already.")
        if not self.parent:
            self._start_parent()
        wish = json.dumps({name: str(value) for name, value in environment.items()})
        with suppress(BrokenPipeError):  # It ended, and answers nothing.
            print(wish, file=self.parent.stdin, flush=True)
        pid = self.parent.stdout.readline()
        if not pid:
            raise ServerError(f"Odoo did not start:\n{self.get_log_end()}")
        self.pid = int(pid)
        try:
            self.process = os.pidfd_open(self.pid)
        except ProcessLookupError as error:
            raise ServerError(f"Odoo ended:\n{self.get_log_end()}") from error
        self._wait_until_ready()
        return self

    def _start_parent(self):
        command = _get_command(
            PARENT,
            self.database,
            f"--db-filter=^{self.database}$",
            f"--http-port={self.port}",
            "--http-interface=127.0.0.1",
            "--max-cron-threads=0",
            f"--workers={self.workers}",
            # A busy machine takes longer for a request than an installation may.
            "--limit-time-cpu=3600",
            "--limit-time-real=3600",
            *self.options,
        )
        # Its own session: Ctrl+C is for the tests, which then end it. And it ends with
        # them, however they end.
        if shutil.which("setpriv"):
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        with self.log_path.open("ab") as log:
            self.parent = subprocess.Popen(
                command,
                start_new_session=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd="/",
                env=settings.get_process_environment(),
            )

    def _wait_until_ready(self, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                # A page that needs the registry, unlike /web/health.
                requests.post(
                    f"{self.url}/web/webclient/version_info", json={}, timeout=PATIENCE
                ).raise_for_status()
                return
            except requests.RequestException:
                if self.wait_until_dead(0.02):
                    raise ServerError(f"Odoo ended:\n{self.get_log_end()}") from None
        raise ServerError(f"Odoo does not answer:\n{self.get_log_end()}")

    def get_memory(self):
        """Return the mebibytes of the largest of its processes."""
        sizes = []
        for process in (psutil.Process(self.pid), *self._get_children()):
            with suppress(psutil.NoSuchProcess):
                sizes.append(process.memory_info().rss)
        return max(sizes) / 2**20

    def _get_children(self):
        """Return the processes that its own one watches over."""
        try:
            return psutil.Process(self.pid).children()
        except psutil.NoSuchProcess:
            return []

    @property
    def is_running(self):
        return self.process is not None and not self._has_ended(0)

    def _has_ended(self, timeout):
        return bool(select.select([self.process], [], [], timeout)[0])

    def kill(self):
        """End all processes as a power failure would."""
        if self.process is not None:
            if self.is_running:
                self._signal_group(signal.SIGKILL)
                # It has no group yet where it could not start.
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self.process, signal.SIGKILL)
            self.wait_until_dead(None)

    def _signal_group(self, number):
        """Send a signal to all processes.

        :return: Whether there was one.
        """
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def kill_one(self, chance):
        """Kill one of the processes that its own one watches over, and replaces.

        :param float chance: Which of them, from 0 to 1.
        :return: Whether one was killed.
        """
        children = self._get_children()
        if not children:
            return False
        with suppress(psutil.NoSuchProcess):
            children[int(chance * len(children))].kill()
        return True

    def wait_until_dead(self, timeout=60):
        """Wait until the process has died without being ended, and all others with it.

        :return: Whether it did.
        """
        if not self._has_ended(timeout):
            return False
        self._signal_group(signal.SIGKILL)
        wait_until(lambda: not self._signal_group(0), "its end", 30, pause=0.01)
        os.close(self.process)
        self.process = None
        return True

    def close(self):
        """End the process and its parent; tests that are measured save that first."""
        if self.is_running and "coverage" in sys.modules:
            signal.pidfd_send_signal(self.process, signal.SIGTERM)
            self.wait_until_dead(60)
        self.kill()
        if self.parent:
            self.parent.kill()
            self.parent.communicate()
            self.parent = None

    def get_log_end(self, size=6000):
        with self.log_path.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - size))
            return log.read().decode(errors="replace")
